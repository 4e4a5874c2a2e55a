"""From picture to silhouette: drawn balls with known truth, and pictures that give no number."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from vision.metrology.measure import measure_at, measure_outline, measure_picture
from vision.metrology.sized import Silhouette
from vision.metrology.types import MotionBlur, Outline, Refusal, Refused
from vision.types import UInt8Array

SHAPE = Shape((120.3, 119.8), 180.0, oval_px=3.0, lobe3_px=1.0, oval_phase_rad=0.5, lobe3_phase_rad=0.2)


def picture(shape: Shape = SHAPE, exposure: Exposure | None = None, side: int = 240) -> UInt8Array:
    return draw(shape, side, side, exposure or Exposure(), np.random.default_rng(1))


def measured(found: Silhouette | Refused) -> Silhouette:
    assert isinstance(found, Silhouette), found
    return found


def outline(seen: np.ndarray, radius_px: np.ndarray | None = None) -> Outline:
    return Outline(
        centre_xy_px=(100.0, 100.0),
        radius_px=np.full(len(seen), 80.0) if radius_px is None else radius_px,
        seen=seen,
        u_radius_px=0.01,
        blur_sigma_px=1.0,
        contrast=200.0,
        background_level=230.0,
        dark_on_bright=True,
        saturated_share=0.0,
        speck_px=0.0,
    )


@pytest.mark.parametrize(
    "exposure",
    [
        Exposure(),
        Exposure(background=25.0, ball=225.0),  # a bright ball
        Exposure(gradient_share=0.3, gradient_rad=1.0),
    ],
)
def test_one_ball_anywhere_is_measured(exposure: Exposure) -> None:
    found = measured(measure_picture(picture(exposure=exposure)))
    assert found.diameter_ls_px == pytest.approx(180.0, abs=0.02)
    assert found.outline.centre_xy_px == pytest.approx(SHAPE.centre_xy_px, abs=0.03)
    assert found.widths.maximum == pytest.approx(181.5, abs=0.03)
    assert found.widths.minimum == pytest.approx(178.5, abs=0.03)
    # Two waves of 1.5 px and 1 px from peak to valley; the filter leaves nearly all of them.
    assert 1.5 < found.form.mzci.ront < 2.5
    assert found.form.harmonics[2] == pytest.approx(0.75, abs=0.01)
    assert found.form.harmonics[3] == pytest.approx(0.5, abs=0.01)


def test_a_known_place_gives_the_same() -> None:
    image = picture()
    somewhere, there = measured(measure_picture(image)), measured(measure_at(image, (121.0, 119.0), 88.0))
    assert there.diameter_ls_px == pytest.approx(somewhere.diameter_ls_px, abs=0.005)
    assert there.form.mzci.ront == pytest.approx(somewhere.form.mzci.ront, abs=0.01)


@pytest.mark.parametrize("upr_max", [15, 50, 150])
def test_every_filter_has_enough_points(upr_max: int) -> None:
    found = measured(measure_picture(picture(), upr_max=upr_max))
    assert found.form.upr_max == upr_max
    assert len(found.form.harmonics) == upr_max + 1
    assert len(found.outline.radius_px) >= 7 * upr_max


def refused_pictures() -> list[tuple[str, np.ndarray, Refusal]]:
    ball = picture()
    pair = np.minimum(
        picture(Shape((90.0, 120.0), 100.0), side=320), picture(Shape((230.0, 120.0), 100.0), side=320)
    )
    square = np.full((240, 240), 230, np.uint8)
    square[60:180, 60:180] = 23
    half = picture(Shape((240.0, 120.0), 180.0))
    return [
        ("16 bits", ball.astype(np.uint16) * 257, Refusal.BIT_DEPTH),
        ("colour", cv2.cvtColor(ball, cv2.COLOR_GRAY2BGR), Refusal.COLOUR),
        ("empty", np.full((240, 240), 230, np.uint8), Refusal.NO_BALL),
        ("two balls", pair, Refusal.TWO_BALLS),
        ("square", cv2.GaussianBlur(square, (0, 0), 1.0), Refusal.NOT_A_BALL),
        ("half a ball", half, Refusal.CLIPPED),
        ("saturated", picture(exposure=Exposure(background=300.0)), Refusal.SATURATED),
        ("out of focus", picture(exposure=Exposure(blur_sigma_px=6.0)), Refusal.BLURRED),
        ("30 px", picture(Shape((40.0, 40.0), 30.0), side=80), Refusal.TOO_SMALL),
    ]


@pytest.mark.parametrize(
    ("image", "reason"), [pytest.param(image, reason, id=name) for name, image, reason in refused_pictures()]
)
def test_bad_pictures_give_a_reason_and_never_a_number(image: np.ndarray, reason: Refusal) -> None:
    found = measure_picture(image)
    assert isinstance(found, Refused)
    assert found.reason is reason
    assert found.detail


@pytest.mark.parametrize("x_px", [88.0, 80.0, 74.0])
def test_a_ball_cut_by_the_border_is_measured_by_what_is_left(x_px: float) -> None:
    """The picture's border is no edge, no shading of the ball and no dust."""
    shape = Shape((x_px, 120.2), 180.0)
    found = measured(measure_picture(picture(shape)))
    assert not found.outline.shaded
    assert 0.75 < found.outline.outline_share < 1.0
    assert found.diameter_ls_px == pytest.approx(180.0, abs=0.05)


def test_more_motion_than_an_outline_bears_is_refused() -> None:
    told = measure_picture(picture(), motion=MotionBlur(length_px=60.0))
    assert isinstance(told, Refused)
    assert told.reason is Refusal.BLURRED


def test_half_an_outline_is_refused() -> None:
    found = measure_outline(outline(np.arange(720) < 360))
    assert isinstance(found, Refused)
    assert found.reason is Refusal.OUTLINE_MISSING
    assert "50%" in found.detail


def test_no_width_with_both_ends_seen_is_refused() -> None:
    """Three pieces of an eighth: opposite ends are never seen together."""
    place = np.arange(720) * 3 / 720
    found = measure_outline(outline(place % 1.0 < 0.4))
    assert isinstance(found, Refused)
    assert found.reason is Refusal.OUTLINE_MISSING


def test_an_outline_far_from_round_is_refused() -> None:
    """A spike: nearly all points lie within a hundredth of its length around the origin."""
    angle = np.arange(720) * (2 * np.pi / 720)
    spike = 1.0 + 80.0 * np.exp(-((angle - 3.0) ** 2) / 1e-3)
    found = measure_outline(outline(np.ones(720, np.bool_), spike))
    assert isinstance(found, Refused)
    assert found.reason is Refusal.NOT_A_BALL
