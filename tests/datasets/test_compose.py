"""Crops put together by hand: what the edge would cut, and boxes that follow."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.camera import CameraState
from datasets.synthetic.compose import CROP_MARGIN, Tile, component_boxes, compose

CAMERA = CameraState(
    ball_grey=60.0,
    panel_grey=200.0,
    blur_px=0.5,
    motion_xy_px=(0.0, 0.0),
    read_noise=1.0,
    shot_noise=0.05,
    gamma=1.0,
    vignette=0.0,
)


def _disc(diameter_px: float, grey: float, *, whole: bool = False) -> Tile:
    side = round(diameter_px * 1.3)
    y, x = np.mgrid[0:side, 0:side] + 0.5 - side / 2
    alpha = (np.hypot(x, y) <= diameter_px / 2).astype(np.float32)
    defect = ((np.abs(x - 10) < 8) & (np.abs(y + 5) < 6)).astype(np.float32)
    picture = np.where(alpha > 0, grey, 20.0) if whole else np.full((side, side), grey)
    return Tile(picture.astype(np.float32), alpha, defect, whole=whole)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("diameter_px", [100.0, 160.0])
def test_crop_holds_the_ball_and_its_defect(diameter_px: float, whole: bool) -> None:
    for seed in range(6):
        tile = _disc(diameter_px, 60.0, whole=whole)
        crop = compose(tile, diameter_px, CAMERA, None, 0.03, np.random.default_rng(seed))
        assert crop.grey.dtype == np.uint8
        side = crop.grey.shape[0]
        assert crop.grey.shape == crop.defect.shape == crop.alpha.shape == (side, side)
        assert 0.96 * CROP_MARGIN <= side / diameter_px <= 1.04 * CROP_MARGIN
        # All of the ball and of its defect lie in the crop, at the same place.
        assert crop.alpha.sum() == pytest.approx(tile.alpha.sum(), rel=1e-6)
        assert crop.defect.sum() == tile.defect.sum()
        ys, xs = np.nonzero(crop.defect)
        rows, columns = np.nonzero(crop.alpha > 0.5)
        assert xs.mean() - columns.mean() == pytest.approx(10.0, abs=0.6)
        assert ys.mean() - rows.mean() == pytest.approx(-5.0, abs=0.6)
        ball, ground = crop.clean[crop.alpha > 0.9], crop.clean[crop.alpha < 0.1]
        assert np.median(ball) == pytest.approx(60.0, abs=3.0)
        assert np.median(ground) == pytest.approx(20.0 if whole else 200.0, rel=0.25)


def test_neighbour_darkens_a_side() -> None:
    tile = _disc(160.0, 60.0)
    alone = compose(tile, 160.0, CAMERA, None, 0.03, np.random.default_rng(4))
    beside = compose(tile, 160.0, CAMERA, tile, 0.03, np.random.default_rng(4))
    middle = alone.grey.shape[0] // 2
    edges = [min(int(crop.grey[middle, 1]), int(crop.grey[middle, -2])) for crop in (alone, beside)]
    assert edges[1] < edges[0]


def test_a_piece_longer_than_the_frame_is_cut_and_its_rows_repeat() -> None:
    tile = _disc(300.0, 60.0)
    cut = 0
    for seed in range(12):
        # said to be a view of a ball of 150 px: the frame is 225 px high
        crop = compose(tile, 150.0, CAMERA, None, 0.0, np.random.default_rng(seed))
        if np.ptp(crop.alpha[:20].sum(axis=1)) == 0 and crop.alpha.sum() < 0.99 * tile.alpha.sum():
            cut += 1
            assert np.array_equal(crop.grey[0], crop.grey[1])
    assert 0 < cut < 12


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
