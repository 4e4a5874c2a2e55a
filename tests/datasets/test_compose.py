"""Crops put together by hand: what the edge would cut, and boxes that follow."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.compose import Tile, component_boxes, compose

SIDE = 120
NOMINAL_PX = 100.0


def _disc(radius_px: float, grey: float) -> Tile:
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5 - SIDE / 2
    alpha = (np.hypot(x, y) <= radius_px).astype(np.float32)
    defect = ((np.abs(x - 10) < 8) & (np.abs(y + 5) < 6)).astype(np.float32)
    return Tile(np.full((SIDE, SIDE), grey, np.float32), alpha, defect)


@pytest.mark.parametrize("diameter_px", [120.0, 160.0, 200.0])
def test_crop_holds_the_dark_ball_before_the_bright_panel(diameter_px: float) -> None:
    for seed in range(8):
        crop = compose(_disc(50, 60.0), NOMINAL_PX, diameter_px, None, np.random.default_rng(seed))
        assert crop.grey.dtype == np.uint8
        assert crop.grey.shape[0] == crop.grey.shape[1]
        assert 0.94 * 1.15 <= crop.grey.shape[0] / diameter_px <= 1.06 * 1.15
        middle = crop.grey.shape[0] // 2
        border = np.concatenate([crop.grey[:6, :6].ravel(), crop.grey[-6:, -6:].ravel()])
        assert crop.grey[middle - 5 : middle + 5, middle - 5 : middle + 5].mean() + 20 < border.mean()
        # The defect keeps its share of the ball: 16 x 12 px of a disc of 100 px.
        assert crop.defect.sum() == pytest.approx(192 * (diameter_px / NOMINAL_PX) ** 2, rel=0.12)


def test_neighbour_darkens_a_side() -> None:
    alone = compose(_disc(50, 60.0), NOMINAL_PX, 160.0, None, np.random.default_rng(4))
    beside = compose(_disc(50, 60.0), NOMINAL_PX, 160.0, _disc(50, 60.0), np.random.default_rng(4))
    middle = alone.grey.shape[0] // 2
    edges = [min(int(crop.grey[middle, 1]), int(crop.grey[middle, -2])) for crop in (alone, beside)]
    assert edges[1] < edges[0]


@pytest.mark.parametrize(
    ("gap_px", "parts"),
    [
        (4, 1),  # a crack broken by a highlight is one crack
        (30, 2),  # stubs at both poles are two
    ],
)
def test_component_boxes(gap_px: int, parts: int) -> None:
    mask = np.zeros((60, 100), np.bool_)
    mask[20:30, 10:30] = True
    mask[20:30, 30 + gap_px : 50 + gap_px] = True
    mask[50, 90] = True
    boxes = component_boxes(mask, join_px=9, least_px=5)
    assert len(boxes) == parts
    assert boxes[0][0][:2] == (10.0, 20.0)
    assert sum(area for _, area in boxes) == 400
