"""Lenses from boards: exact points, and boards drawn, bent by a known lens and found again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.vision.outlines import lens, lens_moves
from vision.errors import CalibrationError, ConfigError
from vision.metrology.boards import Board, draw_board, find_board
from vision.metrology.calibration import Lens
from vision.metrology.lens_fit import BoardView, distortion_max_px, fit_lens
from vision.metrology.rectify import undistort
from vision.metrology.types import Float64Array
from vision.types import UInt8Array

WIDTH, HEIGHT = 1600, 1200
GRID = np.stack(np.meshgrid(np.arange(14.0), np.arange(10.0)), axis=-1).reshape(-1, 2) * 10.0
TILTS = [
    (0.0, 0.0, 0.0),
    (0.4, 0.0, 0.2),
    (-0.4, 0.1, -0.3),
    (0.0, 0.45, 1.5),
    (0.1, -0.45, 0.6),
    (0.3, 0.3, -0.8),
]


def _seen_by_pinhole(truth: Lens, turn: tuple[float, float, float]) -> BoardView:
    board = np.column_stack([GRID - GRID.mean(axis=0), np.zeros(len(GRID))])
    space = board @ cv2.Rodrigues(np.array(turn))[0].T + [2.0, -1.0, 190.0]
    ideal = space[:, :2] / space[:, 2:] * truth.fx_px + [truth.cx_px, truth.cy_px]
    return BoardView(GRID, lens_moves(np.asarray(ideal), truth))


def _flat(truth: Lens, px_per_mm: float, angle_rad: float) -> BoardView:
    turn = np.array([[np.cos(angle_rad), -np.sin(angle_rad)], [np.sin(angle_rad), np.cos(angle_rad)]])
    ideal = (GRID - GRID.mean(axis=0)) @ turn.T * px_per_mm + [truth.cx_px, truth.cy_px]
    return BoardView(GRID, lens_moves(np.asarray(ideal), truth))


def _straightness_px(found: Lens, truth: Lens) -> float:
    """How far a picture of straight, even lines is from one after the lens was undone, px.

    Scale, place and shear are left to the spheres, so an affine map may explain the rest.
    """
    x, y = np.meshgrid(np.linspace(60, truth.width_px - 60, 17), np.linspace(60, truth.height_px - 60, 13))
    ideal = np.stack([x.ravel(), y.ravel()], axis=1)
    undone = undistort(lens_moves(ideal, truth), found)
    flat = np.column_stack([ideal, np.ones(len(ideal))])
    rest = undone - flat @ np.linalg.lstsq(flat, undone, rcond=None)[0]
    return float(np.hypot(*rest.T).max())


def _fit(views: list[BoardView], kind: str, like: Lens | None = None) -> Lens:
    return fit_lens(
        tuple(views),
        width_px=WIDTH if like is None else like.width_px,
        height_px=HEIGHT if like is None else like.height_px,
        kind="pinhole" if kind == "pinhole" else "telecentric",
        board="exact points",
        date="2026-03-01",
    )


def test_pinhole_lens_comes_back() -> None:
    truth = lens()
    found = _fit([_seen_by_pinhole(truth, turn) for turn in TILTS], "pinhole")
    assert found.rms_px < 1e-3
    assert found.fx_px == pytest.approx(truth.fx_px, rel=1e-4)
    assert (found.cx_px, found.cy_px) == pytest.approx((truth.cx_px, truth.cy_px), abs=0.2)
    assert (found.k1, found.k2) == pytest.approx((truth.k1, truth.k2), abs=1e-3)
    assert (found.p1, found.p2) == pytest.approx((truth.p1, truth.p2), abs=2e-5)
    assert _straightness_px(found, truth) < 0.01
    assert distortion_max_px(found) == pytest.approx(distortion_max_px(truth), rel=1e-3)


def test_telecentric_lens_comes_back() -> None:
    truth = lens()
    views = [_flat(truth, 9.5, 0.0), _flat(truth, 9.0, 0.3), _flat(truth, 8.0, 1.5)]
    found = _fit(views, "telecentric")
    assert found.rms_px < 0.02
    assert _straightness_px(found, truth) < 0.05
    untouched = lens(0.0).model_copy(update={"k2": 0.0, "p1": 0.0, "p2": 0.0})
    assert _straightness_px(untouched, truth) > 3.0  # what it would be without a calibration


def test_undistort_is_the_inverse_of_the_lens() -> None:
    rng = np.random.default_rng(1)
    ideal = rng.uniform([20.0, 20.0], [WIDTH - 20.0, HEIGHT - 20.0], (200, 2))
    truth = lens(-0.2)
    np.testing.assert_allclose(undistort(lens_moves(ideal, truth), truth), ideal, atol=1e-5)
    np.testing.assert_array_equal(undistort(ideal, None), ideal)


def _cut(view: BoardView, keep: slice | np.ndarray) -> BoardView:
    return BoardView(view.board_xy_mm[keep], view.picture_xy_px[keep])


def _noisy(view: BoardView) -> BoardView:
    rng = np.random.default_rng(2)
    return BoardView(view.board_xy_mm, view.picture_xy_px + rng.normal(0.0, 2.0, view.picture_xy_px.shape))


def _small(view: BoardView) -> BoardView:
    return BoardView(view.board_xy_mm, view.picture_xy_px * 0.4)


@pytest.mark.parametrize(
    ("kind", "views", "said"),
    [
        ("pinhole", lambda view: [view] * 3, "3 pictures"),
        ("telecentric", lambda view: [], "0 pictures"),
        ("telecentric", lambda view: [view, _cut(view, slice(0, 12))], "12 points"),
        ("telecentric", lambda view: [_small(view)], "reached over"),  # the corners were left out
        ("telecentric", lambda view: [_noisy(view)], "from the fit"),  # not the board that was told
    ],
)
def test_refused(kind: str, views: object, said: str) -> None:
    assert callable(views)
    with pytest.raises(CalibrationError, match=said) as caught:
        _fit(views(_flat(lens(), 9.5, 0.0)), kind)
    assert caught.value.todo


def _picture(board: Board, truth: Lens, shear: Float64Array) -> UInt8Array:
    """The board through an affine map and a lens: each pixel looks back through both; blurred and noisy."""
    px_per_mm, width_px, height_px = 12.0, truth.width_px, truth.height_px
    drawn = np.pad(draw_board(board, 120), 60, constant_values=255)
    x, y = np.meshgrid(np.arange(width_px) + 0.5, np.arange(height_px) + 0.5)
    ideal = undistort(np.stack([x.ravel(), y.ravel()], axis=1), truth)
    width_mm, height_mm = board.size_mm
    on_board = (ideal - [width_px / 2.0, height_px / 2.0]) @ np.linalg.inv(shear).T + [
        width_mm / 2.0,
        height_mm / 2.0,
    ]
    at = (on_board * px_per_mm + 60.0 - 0.5).reshape(height_px, width_px, 2).astype(np.float32)
    # Nearly two pixels of the drawing go into one: unblurred, edges would jump by fractions of a pixel.
    smooth = cv2.GaussianBlur(drawn, (0, 0), 1.5)
    seen = cv2.remap(smooth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=(255.0,))
    noise = np.random.default_rng(3).normal(0.0, 2.0, seen.shape)
    soft = cv2.GaussianBlur(seen.astype(np.float64), (0, 0), 0.7) * 0.8 + 20.0 + noise
    return np.asarray(np.clip(np.rint(soft), 0, 255), np.uint8)


@pytest.mark.parametrize(
    "board",
    [
        Board("charuco", 14, 10, 10.0, 6.5),
        Board("charuco", 14, 10, 10.0, 7.5),  # marks that nearly touch the corners
        Board("dots", 13, 9, 10.0, 5.0),
    ],
)
def test_drawn_board_gives_the_lens_back(board: Board) -> None:
    truth = lens(-0.15, width_px=1000, height_px=750)
    maps = [np.eye(2) * 6.6, np.array([[6.0, -1.2], [1.2, 6.0]])]
    views = [find_board(_picture(board, truth, each), board) for each in maps]
    found = _fit([view for view in views if view is not None], "telecentric", truth)
    assert found.pictures == 2
    assert found.rms_px < 0.05
    assert _straightness_px(found, truth) < 0.15
    assert distortion_max_px(truth) > 5.0


def test_no_board_is_none() -> None:
    grey = np.full((600, 800), 200, np.uint8)
    assert find_board(grey, Board("charuco", 11, 8, 10.0, 7.5)) is None
    assert find_board(np.dstack([grey] * 3), Board("dots", 11, 8, 10.0, 5.0)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Board("charuco", 2, 8, 10.0, 7.5),
        lambda: Board("charuco", 11, 8, 10.0, 10.0),  # the mark fills its square
        lambda: Board("charuco", 11, 8, 0.0, 7.5),
        lambda: Board("charuco", 11, 8, 10.0, 7.5, "9x9_250"),
        lambda: Board("charuco", 40, 40, 10.0, 7.5, "4x4_250"),  # more squares than marks
        lambda: Board("dots", 11, 8, float("nan"), 5.0),
    ],
)
def test_impossible_board(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ConfigError):
        wrong()
