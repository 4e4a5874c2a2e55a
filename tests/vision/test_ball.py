"""The ball inspector on drawn views, with a real (small) model behind it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_runtime.recipes import recipe_for_diameter
from tests.vision.pictures import BACKGROUND, BALL, Shape, disc, draw, flat_disc, half_disc
from tests.vision.small_models import darkest_model
from vision.ball import NO_PART, U_EDGE_PX, frame_fault_view, fuse, inspect_image, inspect_view
from vision.detector import Detector
from vision.errors import ImageError
from vision.types import LostView, PartId, UInt8Array, View, ViewFault, ViewFindings

RECIPE = recipe_for_diameter(40.0)
PART = PartId(1, 0, 7)
#: the view's region lies here in its frame
LEFT, TOP = 200, 0
MM_PER_PX = 0.25


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
        mm_per_px=MM_PER_PX,
        image=image,
        background_level=BACKGROUND,
    )
    return replace(view, **changes)


def picture(*shapes: Shape, **options: Any) -> UInt8Array:
    return draw(256, 240, [(shape, options.pop("grey", BALL)) for shape in shapes], **options)


def test_good_view(detector: Detector) -> None:
    findings = inspect_view(view_of(picture(disc(130, 121, 161))), RECIPE, detector)
    assert findings.fault is ViewFault.OK, findings.detail
    assert (findings.part_id, findings.camera, findings.index) == (PART, "left", 2)
    assert (findings.frame_number, findings.encoder_count, findings.arrived_ns) == (11, 512, 99)
    assert findings.outline is not None
    assert findings.outline.centre_xy_px == pytest.approx((LEFT + 130, TOP + 121), abs=0.3)
    assert findings.diameter_mean_mm == pytest.approx(161 * MM_PER_PX, abs=0.05)
    assert findings.diameter_min_mm is not None
    assert findings.diameter_max_mm is not None
    assert findings.diameter_min_mm <= 161 * MM_PER_PX + 0.02
    assert findings.diameter_max_mm >= 161 * MM_PER_PX - 0.02


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


def test_without_a_scale_nothing_is_measured_in_mm(detector: Detector) -> None:
    findings = inspect_view(view_of(picture(disc(128, 120, 160)), mm_per_px=None), RECIPE, detector)
    assert findings.fault is ViewFault.OK
    assert findings.outline is not None
    assert findings.diameter_min_mm is findings.diameter_max_mm is findings.diameter_mean_mm is None


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
    # Odd shapes are looked at, not thrown away: the detector and the calipers reject them.
    ("half ball", picture(half_disc(128, 120, 160)), {}, ViewFault.OK),
    ("a flat", picture(flat_disc(128, 120, 160, 20)), {}, ViewFault.OK),
]


@pytest.mark.parametrize(("what", "image", "changes", "fault"), FAULTS, ids=[row[0] for row in FAULTS])
def test_view_fault(
    what: str, image: UInt8Array, changes: dict[str, Any], fault: ViewFault, detector: Detector
) -> None:
    findings = inspect_view(view_of(image, **changes), RECIPE, detector)
    assert findings.fault is fault, f"{what}: {findings.detail}"
    assert bool(findings.detail) is (fault is not ViewFault.OK)


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


# --- fuse ------------------------------------------------------------------------------------


def measured(detector: Detector, diameter_px: float, **changes: Any) -> ViewFindings:
    findings = inspect_view(view_of(picture(disc(128, 120, diameter_px))), RECIPE, detector)
    return replace(findings, **changes)


def test_fuse_takes_the_extremes_over_healthy_views(detector: Detector) -> None:
    views = (
        measured(detector, 166.0, index=1),
        measured(detector, 154.0, index=0),
        measured(detector, 100.0, index=2, fault=ViewFault.FOCUS),
    )
    inspection = fuse(PART, 3, views, u_scale_share=0.004)
    assert [view.index for view in inspection.views] == [0, 1, 2]
    assert inspection.diameter_min_mm == pytest.approx(154 * MM_PER_PX, abs=0.1)
    assert inspection.diameter_max_mm == pytest.approx(166 * MM_PER_PX, abs=0.1)
    assert inspection.diameter_mean_mm == pytest.approx(160 * MM_PER_PX, abs=0.1)
    assert inspection.u_diameter_mm == pytest.approx(
        math.hypot(0.004 * 40.0, U_EDGE_PX * MM_PER_PX), rel=0.02
    )


@pytest.mark.parametrize(
    "views",
    [
        (),  # nothing came
        ((160.0, {"fault": ViewFault.OUTLINE}),),  # nothing healthy
        # one healthy view without a scale: what it would have shown is not proven
        (
            (160.0, {}),
            (160.0, {"diameter_min_mm": None, "diameter_max_mm": None, "diameter_mean_mm": None}),
        ),
    ],
)
def test_fuse_without_sizes(views: tuple[tuple[float, dict[str, Any]], ...], detector: Detector) -> None:
    made = tuple(measured(detector, size, **changes) for size, changes in views)
    lost = (LostView("right", 5, "frame_late"),)
    inspection = fuse(PART, len(made) + 1, made, lost, ("late",), u_scale_share=0.005)
    assert inspection.diameter_min_mm is inspection.diameter_max_mm is inspection.u_diameter_mm is None
    assert inspection.lost == lost
    assert inspection.marks == ("late",)
    assert inspection.views_due == len(made) + 1


# --- single pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "image", "fault"),
    [
        ("dark on bright", draw(300, 260, [(disc(160, 120, 170), BALL)]), ViewFault.OK),
        ("bright on dark", draw(300, 260, [(disc(160, 120, 170), 180.0)], background=25.0), ViewFault.OK),
        ("on white", draw(300, 260, [(disc(160, 120, 170), BALL)], background=255.0), ViewFault.OK),
        ("nothing", draw(300, 260), ViewFault.NO_BALL),
        ("fills the picture", draw(150, 150, [(disc(75, 75, 300), BALL)]), ViewFault.NO_BALL),
        ("small in a large picture", draw(400, 300, [(disc(160, 120, 80), BALL)]), ViewFault.OK),
    ],
)
def test_single_picture(what: str, image: UInt8Array, fault: ViewFault, detector: Detector) -> None:
    findings = inspect_image(image, detector, RECIPE, mm_per_px=0.2)
    assert findings.fault is fault, f"{what}: {findings.detail}"
    assert findings.part_id == NO_PART
    assert (findings.diameter_mean_mm is None) is (fault is ViewFault.NO_BALL)
    if fault is ViewFault.OK and what != "small in a large picture":
        assert findings.diameter_mean_mm == pytest.approx(170 * 0.2, abs=0.1)


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
