"""Regions and outlines of drawn balls: places, sizes and shapes that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vision.pictures import (
    BACKGROUND,
    BALL,
    MARKS,
    Shape,
    disc,
    draw,
    ellipse,
    flat_disc,
    half_disc,
    line_frame,
    necked_disc,
)
from vision.silhouette import find_regions, measure_outline
from vision.types import BallOutline, UInt8Array


def outline_of(image: UInt8Array, expected_px: float) -> BallOutline:
    regions = find_regions(image, expected_px, BACKGROUND, shrink=2)
    assert len(regions) == 1
    outline = measure_outline(image, regions[0], BACKGROUND)
    assert outline is not None
    return outline


@pytest.mark.parametrize("diameter", [40.0, 80.4, 160.7])
@pytest.mark.parametrize("blur", [0.0, 0.7, 1.5])
def test_disc_is_measured_within_a_third_of_a_pixel(diameter: float, blur: float) -> None:
    side = int(diameter) + 60
    cx, cy = side / 2 + 0.37, side / 2 - 0.21
    outline = outline_of(draw(side, side, [(disc(cx, cy, diameter), BALL)], blur_px=blur), diameter)
    assert outline.diameter_mean_px == pytest.approx(diameter, abs=0.15)
    assert outline.diameter_min_px == pytest.approx(diameter, abs=0.3)
    assert outline.diameter_max_px == pytest.approx(diameter, abs=0.3)
    assert outline.centre_xy_px == pytest.approx((cx, cy), abs=0.2)
    assert outline.outline_share == 1.0
    assert outline.contrast == pytest.approx(BACKGROUND - BALL, abs=6.0)
    r = diameter / 2
    assert outline.box_xyxy_px == pytest.approx((cx - r, cy - r, cx + r, cy + r), abs=0.4)


def test_focus_grows_with_blur() -> None:
    """The 10-90 % width of a Gaussian edge is 2.563 sigma."""
    widths = [
        outline_of(draw(220, 220, [(disc(110, 110, 160), BALL)], blur_px=blur), 160.0).focus
        for blur in (1.0, 2.0, 3.0)
    ]
    # Sampling and pixel area widen a narrow edge a little; a very wide one is longer than the profile.
    assert widths[0] == pytest.approx(2.563, abs=0.6)
    assert widths[1] == pytest.approx(2 * 2.563, abs=0.6)
    assert widths[2] > widths[1] + 0.8


@pytest.mark.parametrize(
    ("shape", "smallest", "largest"),
    [
        (ellipse(120, 120, 150, 165), 150.0, 165.0),  # oval
        (half_disc(120, 120, 160), 80.0, 160.0),  # half ball, cut across
        (flat_disc(120, 120, 160, 12), 148.0, 160.0),  # a flat on the contour
        (necked_disc(120, 120, 140, 10), 140.0, 150.4),  # a stub of the neck on top
    ],
)
def test_odd_shapes_give_their_calipers(shape: Shape, smallest: float, largest: float) -> None:
    outline = outline_of(draw(240, 240, [(shape, BALL)]), 160.0)
    assert outline.diameter_min_px == pytest.approx(smallest, abs=1.2)
    assert outline.diameter_max_px == pytest.approx(largest, abs=1.2)


def test_double_does_not_crash() -> None:
    pair = [(disc(100, 120, 100), BALL), (disc(190, 120, 100), BALL)]
    outline = outline_of(draw(300, 240, pair), 100.0)
    assert outline.diameter_max_px == pytest.approx(190.0, abs=2.0)


def test_ball_cut_by_the_border_shows_less_outline() -> None:
    image = draw(220, 220, [(disc(40, 110, 160), BALL)])
    outline = outline_of(image, 160.0)
    assert 0.4 < outline.outline_share < 0.85


def test_light_patch_at_the_rim_is_part_of_the_ball() -> None:
    """A bright highlight inside must not open the outline, and a lighter rim must not shrink it."""
    image = draw(
        220, 220, [(disc(110, 110, 160), 100.0), (disc(110, 110, 150), BALL), (disc(120, 90, 30), 230.0)]
    )
    outline = outline_of(image, 160.0)
    assert outline.outline_share == 1.0
    assert outline.diameter_mean_px == pytest.approx(160.0, abs=0.6)


def test_grain_of_dust_on_the_rim_does_not_make_the_ball_larger() -> None:
    shapes = [(disc(110, 110, 160), BALL), (disc(110, 29, 4), BALL)]
    outline = outline_of(draw(220, 220, shapes), 160.0)
    assert outline.diameter_max_px == pytest.approx(160.0, abs=0.6)


def test_regions_of_a_frame_are_balls_and_not_marks() -> None:
    frame = line_frame([(100.0, 120.0, 160.0), (500.0, 124.0, 150.0)])
    regions = find_regions(frame, 160.0, BACKGROUND)
    assert len(regions) == 2
    for region, (x, y) in zip(regions, [(100, 120), (500, 124)], strict=True):
        assert region.centre_xy_px == pytest.approx((x, y), abs=2.0)
        assert region.roughly_round
        assert not region.touches_border
    assert regions[0].area_px == pytest.approx(np.pi / 4 * 160**2, rel=0.05)


@pytest.mark.parametrize(
    ("balls", "count", "round_", "border"),
    [
        ([], 0, False, False),  # empty belt: marks are no balls
        ([(0.0, 120.0, 160.0)], 1, False, True),  # half out of the picture
        ([(200.0, 120.0, 160.0), (355.0, 120.0, 160.0)], 1, False, False),  # touching: one long region
        ([(300.0, 120.0, 20.0)], 0, False, False),  # a speck
    ],
)
def test_regions(balls: list[tuple[float, float, float]], count: int, round_: bool, border: bool) -> None:
    regions = find_regions(line_frame(balls, MARKS), 160.0, BACKGROUND)
    assert len(regions) == count
    for region in regions:
        assert region.roughly_round is round_
        assert region.touches_border is border


def test_nothing_to_measure() -> None:
    """A region handed in where there is only background gives no outline."""
    ball = draw(200, 200, [(disc(100, 100, 120), BALL)])
    region = find_regions(ball, 120.0, BACKGROUND)[0]
    assert measure_outline(draw(200, 200), region, BACKGROUND) is None


def test_colour_frame() -> None:
    frame = np.dstack([line_frame()] * 3)
    regions = find_regions(frame, 160.0, BACKGROUND)
    assert len(regions) == 1
    assert measure_outline(frame, regions[0], BACKGROUND) is not None
