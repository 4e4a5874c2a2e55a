"""Regions of drawn balls: places, sizes and shapes that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vision.pictures import BACKGROUND, MARKS, line_frame
from vision.silhouette import find_regions


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


def test_colour_frame() -> None:
    frame = np.dstack([line_frame()] * 3)
    regions = find_regions(frame, 160.0, BACKGROUND)
    assert len(regions) == 1
    assert regions[0].roughly_round
