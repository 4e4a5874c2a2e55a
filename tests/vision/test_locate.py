"""Exactly one ball in a picture, or a reason: every kind of picture that gives no number."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from tests.vision.silhouette_shapes import (
    Inside,
    crumb,
    disc,
    half_disc,
    necked,
    picture,
    polygon,
    together,
)
from vision.metrology.locate import Located, check_picture, locate_alone
from vision.metrology.types import MeasureLimits, Refusal, Refused

LIMITS = MeasureLimits()
#: Dark marks near the border, as cameras have them.
MARKS = together(*(disc(x, y, 12.0) for x, y in ((60.0, 12.0), (250.0, 12.0), (90.0, 288.0), (300.0, 288.0))))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((100, 100, 3), np.uint8), Refusal.COLOUR),  # even with equal channels
        (np.zeros((100, 100), np.uint16), Refusal.BIT_DEPTH),
        (np.zeros((100, 100), np.float32), Refusal.BIT_DEPTH),
        (np.zeros((100, 8), np.uint8), Refusal.TOO_SMALL),  # a strip
        (np.zeros((0, 0), np.uint8), Refusal.TOO_SMALL),  # nothing at all
    ],
)
def test_pictures_of_another_kind_are_refused(image: npt.NDArray[np.generic], reason: Refusal) -> None:
    result = check_picture(image)
    assert isinstance(result, Refused)
    assert result.reason is reason


def test_grey_picture_passes() -> None:
    image = picture(disc(170.0, 150.0, 160.0))
    assert check_picture(image) is image


@pytest.mark.parametrize(
    ("inside", "centre", "diameter"),
    [
        (disc(170.3, 150.2, 160.0), (170.3, 150.2), 160.0),
        (disc(170.0, 150.0, 42.0), (170.0, 150.0), 42.0),  # nearly the smallest
        (together(disc(170.0, 150.0, 160.0), MARKS), (170.0, 150.0), 160.0),  # fiducial marks
        (together(disc(170.0, 150.0, 42.0), MARKS), (170.0, 150.0), 42.0),  # marks a third as large
        (necked(170.0, 150.0, 160.0, 30.0, 12.0), (170.0, 150.0), 160.0),  # a neck
        (disc(70.0, 150.0, 160.0), (70.0, 150.0), 160.0),  # a seventh is outside the picture
        # a belt along the border is no ball and touches none
        (together(disc(170.0, 140.0, 160.0), lambda x, y: y > 280.0), (170.0, 140.0), 160.0),
    ],
)
@pytest.mark.parametrize("bright", [False, True])
def test_one_ball_is_found(
    inside: Inside, centre: tuple[float, float], diameter: float, bright: bool
) -> None:
    image = picture(inside)
    found = locate_alone(np.asarray(cv2.bitwise_not(image), np.uint8) if bright else image, LIMITS)
    assert isinstance(found, Located), found
    assert found.dark_on_bright is not bright
    assert found.centre_xy_px == pytest.approx(centre, abs=0.03 * diameter)
    assert 2.0 * found.radius_px == pytest.approx(diameter, rel=0.05)
    assert found.background_level == pytest.approx(25.0 if bright else 230.0, abs=4.0)


@pytest.mark.parametrize(
    "shape",
    [
        Shape((170.0, 150.0), 180.0, oval_px=9.0),  # oval by 5 %
        Shape((170.0, 150.0), 180.0, oval_px=6.0, lobe3_px=2.0, lobe3_phase_rad=0.4),
        Shape((170.0, 150.0), 180.0, flat_depth_px=9.0, flat_phase_rad=2.0),  # a flat of 5 %
    ],
)
def test_bad_balls_are_balls(shape: Shape) -> None:
    found = locate_alone(draw(shape, 300, 340, Exposure(), np.random.default_rng(3)), LIMITS)
    assert isinstance(found, Located), found
    assert found.radius_px == pytest.approx(90.0, rel=0.05)


def test_vignette_hides_no_ball() -> None:
    y, x = np.mgrid[:300, :340]
    fall = 1.0 - 0.35 * ((x / 170.0 - 1.0) ** 2 + (y / 150.0 - 1.0) ** 2) / 2.0
    found = locate_alone(picture(disc(150.0, 160.0, 160.0), background=230.0 * fall), LIMITS)
    assert isinstance(found, Located), found
    assert found.centre_xy_px == pytest.approx((150.0, 160.0), abs=2.0)


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        (None, Refusal.NO_BALL),  # blank
        (MARKS, Refusal.NO_BALL),  # nothing but marks
        (together(disc(85.0, 150.0, 120.0), disc(250.0, 150.0, 120.0)), Refusal.TWO_BALLS),  # apart
        (together(disc(90.0, 150.0, 120.0), disc(210.0, 150.0, 120.0)), Refusal.TWO_BALLS),  # touching
        (together(disc(110.0, 150.0, 160.0), disc(280.0, 150.0, 60.0)), Refusal.TWO_BALLS),  # unequal
        (together(disc(110.0, 150.0, 160.0), disc(220.0, 150.0, 60.0)), Refusal.TWO_BALLS),  # touching
        (together(disc(120.0, 150.0, 160.0), disc(335.0, 150.0, 160.0)), Refusal.TWO_BALLS),  # one half in
        (polygon(170.0, 150.0, 110.0, 3), Refusal.NOT_A_BALL),
        (polygon(170.0, 150.0, 110.0, 4), Refusal.NOT_A_BALL),
        (polygon(170.0, 150.0, 110.0, 6), Refusal.NOT_A_BALL),
        (polygon(170.0, 150.0, 24.0, 6), Refusal.NOT_A_BALL),  # as small as the smallest ball
        (crumb(170.0, 150.0, 80.0), Refusal.NOT_A_BALL),
        (half_disc(170.0, 150.0, 160.0), Refusal.NOT_A_BALL),  # half a ball in the middle
        # a ball that lies on a belt across the picture
        (together(disc(170.0, 140.0, 160.0), lambda x, y: np.abs(y - 225.0) < 12.0), Refusal.NOT_A_BALL),
        (disc(0.0, 150.0, 160.0), Refusal.CLIPPED),  # half outside
        (disc(10.0, 10.0, 160.0), Refusal.CLIPPED),  # in the corner
        (disc(170.0, 150.0, 30.0), Refusal.TOO_SMALL),
    ],
)
def test_other_pictures_are_refused_with_a_reason(inside: Inside | None, reason: Refusal) -> None:
    result = locate_alone(picture(inside), LIMITS)
    assert isinstance(result, Refused), result
    assert result.reason is reason, result.detail
    assert result.detail


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.random.default_rng(1).integers(0, 256, (300, 340)).astype(np.uint8), Refusal.NO_BALL),  # noise
        (np.full((300, 340), 255, np.uint8), Refusal.SATURATED),  # all white
        (np.zeros((300, 340), np.uint8), Refusal.NO_BALL),  # lens cap
        (picture(disc(170.0, 150.0, 160.0), background=120.0, ball=106.0), Refusal.CONTRAST),
    ],
)
def test_pictures_without_light_or_with_too_much(image: npt.NDArray[np.uint8], reason: Refusal) -> None:
    result = locate_alone(image, LIMITS)
    assert isinstance(result, Refused), result
    assert result.reason is reason, result.detail


def test_too_large_names_figure_and_limit() -> None:
    result = locate_alone(picture(disc(170.0, 150.0, 160.0)), MeasureLimits(diameter_max_px=100.0))
    assert isinstance(result, Refused)
    assert result.reason is Refusal.TOO_LARGE
    assert "160" in result.detail or "159" in result.detail
    assert "100" in result.detail
