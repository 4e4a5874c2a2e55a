"""The ball inspector on drawn views, with a real (small) model behind it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_runtime.recipes import recipe_for_diameter
from tests.vision.pictures import (
    BACKGROUND,
    BALL,
    Shape,
    disc,
    draw,
    ellipse,
    flat_disc,
    half_disc,
    necked_disc,
)
from tests.vision.small_models import darkest_model
from vision.ball import NO_PART, frame_fault_view, inspect_image, inspect_view
from vision.ball_outline import Gauge
from vision.detector import Detector
from vision.errors import ImageError, TemperatureError
from vision.metrology.calibration import TypedScale
from vision.metrology.types import Temperature
from vision.types import PartId, UInt8Array, View, ViewFault

RECIPE = recipe_for_diameter(40.0)
PART = PartId(1, 0, 7)
#: the view's region lies here in its frame
LEFT, TOP = 200, 0
MM_PER_PX = 0.25
GAUGE = Gauge(TypedScale(MM_PER_PX, 0.002), Temperature(20.0, 2.0))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(darkest_model(), "darkest.onnx", station="ball")


def view_of(image: UInt8Array, **changes: Any) -> View:
    """A view of 256 x 240 px whose ball is predicted in the middle."""
    height, width = image.shape[:2]
    view = View(
        part_id=PART,
        camera="left",
        index=2,
        frame_number=11,
        encoder_count=512,
        arrived_ns=99,
        roi_xyxy_px=(LEFT, TOP, LEFT + width, TOP + height),
        centre_xy_px=(LEFT + 128.0, TOP + 120.0),
        diameter_px=160.0,
        image=image,
        background_level=BACKGROUND,
    )
    return replace(view, **changes)


def picture(*shapes: Shape, **options: Any) -> UInt8Array:
    return draw(256, 240, [(shape, options.pop("grey", BALL)) for shape in shapes], **options)


def test_good_view(detector: Detector) -> None:
    findings = inspect_view(view_of(picture(disc(130, 121, 161))), RECIPE, detector, GAUGE)
    assert findings.fault is ViewFault.OK, findings.detail
    assert (findings.part_id, findings.camera, findings.index) == (PART, "left", 2)
    assert (findings.frame_number, findings.encoder_count, findings.arrived_ns) == (11, 512, 99)
    assert findings.outline is not None
    assert findings.outline.centre_xy_px == pytest.approx((LEFT + 130, TOP + 121), abs=0.05)
    assert findings.outline.box_xyxy_px == pytest.approx((LEFT + 49.5, 40.5, LEFT + 210.5, 201.5), abs=0.3)
    assert findings.outline.contrast == pytest.approx(BACKGROUND - BALL, abs=6.0)
    assert findings.outline.outline_share == 1.0
    assert findings.diameter_mean_mm == pytest.approx(161 * MM_PER_PX, abs=0.01)
    assert findings.diameter_min_mm == pytest.approx(161 * MM_PER_PX, abs=0.05)
    assert findings.diameter_max_mm == pytest.approx(161 * MM_PER_PX, abs=0.05)
    assert findings.roundness_mm == pytest.approx(0.0, abs=0.04)
    assert findings.speck_mm == 0.0
    # 0.2 % of the scale is by far the largest part; noise is what differs from view to view.
    assert findings.u_diameter_mm == pytest.approx(0.002 * 161 * MM_PER_PX, rel=0.05)
    assert findings.u_random_mm is not None
    assert 0.0 < findings.u_random_mm < 0.1 * 0.002 * 161 * MM_PER_PX
    assert findings.u_roundness_mm is not None
    assert 0.0 < findings.u_roundness_mm < 0.03


def test_focus_is_the_10_to_90_percent_width(detector: Detector) -> None:
    """2.563 standard deviations of a Gaussian edge: the recipe's limit keeps its meaning."""
    image = picture(disc(128, 120, 160), blur_px=1.5)
    outline = inspect_view(view_of(image), RECIPE, detector).outline
    assert outline is not None
    assert outline.focus == pytest.approx(1.5 * 2.563, abs=0.25)


def test_a_hot_ball_is_sized_at_20_degc(detector: Detector) -> None:
    view = view_of(picture(disc(128, 120, 160)))
    cold = inspect_view(view, RECIPE, detector, GAUGE)
    hot = inspect_view(view, RECIPE, detector, replace(GAUGE, temperature=Temperature(120.0, 10.0)))
    assert cold.diameter_mean_mm is not None
    assert hot.diameter_mean_mm is not None
    # Steel grows by about 12 millionths per K: 0.048 mm on 40 mm in 100 K.
    assert cold.diameter_mean_mm - hot.diameter_mean_mm == pytest.approx(40 * 12e-6 * 100, rel=0.05)
    with pytest.raises(TemperatureError):
        inspect_view(view, RECIPE, detector, replace(GAUGE, temperature=Temperature(float("nan"), 1.0)))


def test_boxes_come_back_in_frame_pixels(detector: Detector) -> None:
    """The model's box is the middle half of its crop, and the crop is centred on the ball."""
    image = picture(disc(130, 121, 161))
    image[118:124, 127:133] = 0
    findings = inspect_view(view_of(image), RECIPE, detector)
    side = math.ceil(161 * detector.contract.crop_margin)
    cx, cy = LEFT + 130, TOP + 121
    assert findings.detections.xyxy_px[0] == pytest.approx(
        (cx - side / 4, cy - side / 4, cx + side / 4, cy + side / 4), abs=1.5
    )
    assert findings.detections.label(0) == "crack"
    assert findings.detections.score[0] > 0.95


def test_without_a_gauge_nothing_is_measured_in_mm(detector: Detector) -> None:
    findings = inspect_view(view_of(picture(disc(128, 120, 160))), RECIPE, detector)
    assert findings.fault is ViewFault.OK
    assert findings.outline is not None
    assert findings.outline.diameter_mean_px == pytest.approx(160.0, abs=0.05)
    assert findings.diameter_min_mm is findings.diameter_max_mm is findings.diameter_mean_mm is None
    assert findings.u_diameter_mm is findings.roundness_mm is findings.speck_mm is None


FAULTS = [
    ("nothing there", picture(), {}, ViewFault.NO_BALL),
    ("30 px beside its place: inside the limit", picture(disc(158, 120, 160)), {}, ViewFault.OK),
    (
        "50 px beside its place",
        picture(disc(128, 120, 120)),
        {"centre_xy_px": (378.0, 120.0)},
        ViewFault.MISPLACED,
    ),
    (
        "two balls that touch",
        picture(disc(90, 120, 100), disc(190, 120, 100)),
        {"diameter_px": 100.0},
        ViewFault.OVERLAPPING,
    ),
    (
        "a ball close behind",
        picture(disc(90, 120, 120), disc(220, 120, 120)),
        {"diameter_px": 120.0, "centre_xy_px": (290.0, 120.0)},
        ViewFault.OVERLAPPING,
    ),
    (
        "cut by the region's border",
        picture(disc(60, 120, 160)),
        {"centre_xy_px": (270.0, 120.0)},
        ViewFault.OUTLINE,
    ),
    ("pale ball", picture(disc(128, 120, 160), grey=182.0), {}, ViewFault.NO_BALL),
    ("out of focus", picture(disc(128, 120, 160), blur_px=3.5), {}, ViewFault.FOCUS),
    (
        "dim lamp",
        picture(disc(128, 120, 160), grey=20.0, background=90.0),
        {"background_level": 90.0},
        ViewFault.BACKGROUND,
    ),
    (
        "blinding lamp",
        picture(disc(128, 120, 160), background=253.0),
        {"background_level": 253.0},
        ViewFault.BACKGROUND,
    ),
    # Too much of a half ball's outline is no ball's: no number, and the detector looks at it.
    ("half ball", picture(half_disc(128, 120, 160)), {}, ViewFault.OUTLINE),
    # Odd shapes that can be measured are: detector, calipers and roundness reject them.
    ("a flat", picture(flat_disc(128, 120, 160, 20)), {}, ViewFault.OK),
    ("a neck", picture(necked_disc(128, 130, 140, 10)), {}, ViewFault.OK),
]


@pytest.mark.parametrize(("what", "image", "changes", "fault"), FAULTS, ids=[row[0] for row in FAULTS])
def test_view_fault(
    what: str, image: UInt8Array, changes: dict[str, Any], fault: ViewFault, detector: Detector
) -> None:
    findings = inspect_view(view_of(image, **changes), RECIPE, detector, GAUGE)
    assert findings.fault is fault, f"{what}: {findings.detail}"
    assert bool(findings.detail) is (fault is not ViewFault.OK)
    if fault not in (ViewFault.OK, ViewFault.BACKGROUND):
        assert findings.outline is None
        assert findings.diameter_mean_mm is None, "what proves nothing has no number"


ODD_SHAPES = [
    # shape, smallest and largest width, deepest roundness (px)
    (ellipse(128, 120, 150, 165), 150.0, 165.0, 7.5),  # oval: half the difference
    (flat_disc(128, 120, 160, 12), 148.0, 160.0, 12.0),  # a flat on the contour
    (necked_disc(128, 130, 140, 10), 140.0, 150.4, 10.4),  # a stub of the neck on top
]


@pytest.mark.parametrize(("shape", "smallest", "largest", "roundness"), ODD_SHAPES)
def test_odd_shapes_give_their_calipers_and_their_roundness(
    shape: Shape, smallest: float, largest: float, roundness: float, detector: Detector
) -> None:
    findings = inspect_view(view_of(picture(shape)), RECIPE, detector, GAUGE)
    assert findings.diameter_min_mm == pytest.approx(smallest * MM_PER_PX, abs=0.1)
    assert findings.diameter_max_mm == pytest.approx(largest * MM_PER_PX, abs=0.1)
    assert findings.roundness_mm is not None
    # The filter 1-50 UPR rounds the corners of flat and neck off a little.
    assert 0.85 * roundness <= findings.roundness_mm / MM_PER_PX <= 1.02 * roundness


def test_light_patch_at_the_rim_is_part_of_the_ball(detector: Detector) -> None:
    """A bright highlight inside must not open the outline, and a lighter rim must not shrink it."""
    image = draw(
        256, 240, [(disc(128, 120, 160), 100.0), (disc(128, 120, 150), BALL), (disc(138, 100, 30), 230.0)]
    )
    outline = inspect_view(view_of(image), RECIPE, detector).outline
    assert outline is not None
    assert outline.outline_share == 1.0
    assert outline.diameter_mean_px == pytest.approx(160.0, abs=0.6)


def test_grain_of_dust_on_the_rim_is_told_and_does_not_make_the_ball_larger(detector: Detector) -> None:
    image = draw(256, 240, [(disc(128, 120, 160), BALL), (disc(128, 39, 4), BALL)])
    findings = inspect_view(view_of(image), RECIPE, detector, GAUGE)
    assert findings.fault is ViewFault.OK
    assert findings.diameter_max_mm == pytest.approx(160.0 * MM_PER_PX, abs=0.1)
    assert findings.speck_mm == pytest.approx(3.0 * MM_PER_PX, abs=0.25)  # it stands out by 3 px


def test_low_contrast_view(detector: Detector) -> None:
    """A veil that the segmentation still sees through, but not the recipe."""
    image = draw(256, 240, [(disc(128, 120, 160), 96.0)], background=122.0, noise=1.0)
    findings = inspect_view(view_of(image, background_level=122.0), RECIPE, detector)
    assert findings.fault is ViewFault.CONTRAST


def test_a_faulty_view_keeps_what_was_found(detector: Detector) -> None:
    image = picture(disc(90, 120, 100), disc(190, 120, 100))
    image[118:124, 87:93] = 0
    findings = inspect_view(view_of(image, diameter_px=100.0), RECIPE, detector)
    assert findings.fault is ViewFault.OVERLAPPING
    assert len(findings.detections) > 0


def test_background_is_measured_when_nobody_says(detector: Detector) -> None:
    findings = inspect_view(view_of(picture(disc(128, 120, 160)), background_level=None), RECIPE, detector)
    assert findings.fault is ViewFault.OK


def test_colour_view(detector: Detector) -> None:
    image = np.dstack([picture(disc(128, 120, 160))] * 3)
    assert inspect_view(view_of(image), RECIPE, detector).fault is ViewFault.OK


def test_frame_fault_view(detector: Detector) -> None:
    view = view_of(picture(disc(128, 120, 160)))
    findings = frame_fault_view(view, "lamp: faded", detector.contract.labels)
    assert findings.fault is ViewFault.FRAME
    assert findings.detail == "lamp: faded"
    assert len(findings.detections) == 0
    assert findings.diameter_min_mm is None


# --- single pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "image", "fault"),
    [
        ("dark on bright", draw(300, 260, [(disc(160, 120, 170), BALL)]), ViewFault.OK),
        ("bright on dark", draw(300, 260, [(disc(160, 120, 170), 180.0)], background=25.0), ViewFault.OK),
        # A clipped background has eaten into the edge by nobody knows how much: no number.
        ("on white", draw(300, 260, [(disc(160, 120, 170), BALL)], background=255.0), ViewFault.BACKGROUND),
        ("nothing", draw(300, 260), ViewFault.NO_BALL),
        ("fills the picture", draw(150, 150, [(disc(75, 75, 300), BALL)]), ViewFault.NO_BALL),
        ("small in a large picture", draw(400, 300, [(disc(160, 120, 80), BALL)]), ViewFault.OK),
    ],
)
def test_single_picture(what: str, image: UInt8Array, fault: ViewFault, detector: Detector) -> None:
    findings = inspect_image(image, detector, RECIPE, Gauge(TypedScale(0.2, 0.005), None))
    assert findings.fault is fault, f"{what}: {findings.detail}"
    assert findings.part_id == NO_PART
    assert (findings.diameter_mean_mm is None) is (fault is not ViewFault.OK)
    assert bool(findings.detail) is (fault is not ViewFault.OK)
    if fault is ViewFault.OK:
        width_px = 80 if what == "small in a large picture" else 170
        assert findings.diameter_mean_mm == pytest.approx(width_px * 0.2, abs=0.02)


def test_single_picture_without_a_ball_is_searched_whole(detector: Detector) -> None:
    image = draw(256, 128)
    image[50:60, 50:60] = 0
    findings = inspect_image(image, detector, RECIPE)
    assert findings.fault is ViewFault.NO_BALL
    assert findings.detections.score[0] > 0.9
    assert findings.detections.xyxy_px[0] == pytest.approx((64.0, 0.0, 192.0, 128.0), abs=0.01)


def test_single_picture_must_be_a_picture(detector: Detector) -> None:
    with pytest.raises(ImageError):
        inspect_image(np.zeros((10, 10, 2), np.uint8), detector, RECIPE)
