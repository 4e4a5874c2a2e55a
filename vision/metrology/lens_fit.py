"""Solving a lens: points of a flat board in several pictures in, distortion out.

A pinhole lens goes through OpenCV's `calibrateCamera` (board tilted from picture to picture). A
telecentric lens has no perspective that would tell a focal length, so each picture of the board is
an affine map followed by the distortion, and both are solved together. Neighbours: `boards` finds
the points, `rectify.undistort` applies the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from vision.errors import CalibrationError
from vision.metrology.calibration import Lens
from vision.metrology.types import Float64Array

#: Pictures of the board: a pinhole's focal length and distortion are told apart by tilt alone.
VIEWS_MIN = {"pinhole": 4, "telecentric": 1}
POINTS_MIN = 20
#: Points of all pictures together must reach over this share of width and of height.
REACH_SHARE_MIN = 0.6
RMS_MAX_PX = 0.5
#: The optical axis meets the picture within this share of its diagonal from the middle.
AXIS_SHARE_MAX = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class BoardView:
    """Points of the board in one picture: (N, 2) mm on the board and (N, 2) px in the picture."""

    board_xy_mm: Float64Array
    picture_xy_px: Float64Array


def fit_lens(
    views: tuple[BoardView, ...],
    *,
    width_px: int,
    height_px: int,
    kind: Literal["pinhole", "telecentric"],
    board: str,
    date: str,
    rms_max_px: float = RMS_MAX_PX,
) -> Lens:
    """Solve k1, k2, p1, p2 (k3 stays 0: it is not told apart from k2 below fish-eye lenses).

    Args:
        views: one per picture.
        width_px, height_px: of the pictures.
        kind: of lens.
        board: what was photographed, for the record.
        date: ISO, for the record.
        rms_max_px: largest root mean square of the points about the fit.

    Raises:
        CalibrationError: too few pictures or points, too little of the picture reached, or no fit.
    """
    _check(views, width_px, height_px, kind)
    matrix, coefficients, rms_px = (
        _pinhole(views, width_px, height_px)
        if kind == "pinhole"
        else _telecentric(views, width_px, height_px)
    )
    if not rms_px <= rms_max_px:
        raise CalibrationError(
            f"the board's points lie {rms_px:.3f} px (rms) from the fit, at most {rms_max_px} px are taken",
            where="lens",
            todo="check that the board is flat, its size is typed right, pictures sharp, and --model fits",
        )
    aside_px = float(np.hypot(matrix[0, 2] - width_px / 2.0, matrix[1, 2] - height_px / 2.0))
    if aside_px > AXIS_SHARE_MAX * float(np.hypot(width_px, height_px)):
        raise CalibrationError(
            f"the fit puts the optical axis {aside_px:.0f} px beside the middle of the picture",
            where="lens",
            todo="take more pictures with the board tilted by 20 to 40 degrees in all directions",
        )
    k1, k2, p1, p2, k3 = (float(value) for value in coefficients)
    return Lens(
        model=kind,
        width_px=width_px,
        height_px=height_px,
        fx_px=float(matrix[0, 0]),
        fy_px=float(matrix[1, 1]),
        cx_px=float(matrix[0, 2]),
        cy_px=float(matrix[1, 2]),
        k1=k1,
        k2=k2,
        p1=p1,
        p2=p2,
        k3=k3,
        rms_px=rms_px,
        pictures=len(views),
        points=sum(len(view.picture_xy_px) for view in views),
        board=board,
        date=date,
    )


def distortion_max_px(lens: Lens) -> float:
    """How far the lens moves a point at most, over a grid of the whole picture, px."""
    x, y = np.meshgrid(np.linspace(0, lens.width_px, 21), np.linspace(0, lens.height_px, 21))
    unit = np.stack([(x.ravel() - lens.cx_px) / lens.fx_px, (y.ravel() - lens.cy_px) / lens.fy_px], axis=1)
    moved = (distort(unit, lens.k1, lens.k2, lens.p1, lens.p2, lens.k3) - unit) * [lens.fx_px, lens.fy_px]
    return float(np.hypot(*moved.T).max())


def distort(unit_xy: Float64Array, k1: float, k2: float, p1: float, p2: float, k3: float) -> Float64Array:
    """Brown-Conrady as OpenCV writes it, (N, 2) in units of the focal length."""
    x, y = unit_xy[:, 0], unit_xy[:, 1]
    square = x * x + y * y
    radial = 1.0 + square * (k1 + square * (k2 + square * k3))
    return np.stack(
        [
            x * radial + 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x),
            y * radial + p1 * (square + 2.0 * y * y) + 2.0 * p2 * x * y,
        ],
        axis=1,
    )


def _check(views: tuple[BoardView, ...], width_px: int, height_px: int, kind: str) -> None:
    def refuse(what: str, todo: str) -> CalibrationError:
        return CalibrationError(what, where="pictures of the board", todo=todo)

    if len(views) < VIEWS_MIN[kind]:
        raise refuse(
            f"{len(views)} pictures show the board, {VIEWS_MIN[kind]} are needed for a {kind} lens",
            "take more pictures; for a pinhole lens tilt the board from picture to picture",
        )
    few = [len(view.picture_xy_px) for view in views if len(view.picture_xy_px) < POINTS_MIN]
    if few:
        raise refuse(
            f"a picture shows only {min(few)} points of the board, {POINTS_MIN} are needed",
            "show more of the board, or use one with more squares or dots",
        )
    points = np.concatenate([view.picture_xy_px for view in views])
    reach = np.ptp(points, axis=0) / [width_px, height_px]
    if reach.min() < REACH_SHARE_MIN:
        raise refuse(
            f"the board reached over {reach[0]:.0%} of the width and {reach[1]:.0%} of the height, "
            f"{REACH_SHARE_MIN:.0%} are needed",
            "take pictures with the board in the corners: distortion is largest there",
        )


def _pinhole(
    views: tuple[BoardView, ...], width_px: int, height_px: int
) -> tuple[Float64Array, Float64Array, float]:
    boards = [np.column_stack([view.board_xy_mm, np.zeros(len(view.board_xy_mm))]) for view in views]
    guess = np.array([[1.0, 0.0, width_px / 2.0], [0.0, 1.0, height_px / 2.0], [0.0, 0.0, 1.0]])
    try:
        rms_px, matrix, coefficients, _, _ = cv2.calibrateCamera(
            [board.astype(np.float32) for board in boards],
            [view.picture_xy_px.astype(np.float32).reshape(-1, 1, 2) for view in views],
            (width_px, height_px),
            guess,
            np.zeros(5),
            flags=cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_ASPECT_RATIO,
        )
    except cv2.error as error:
        raise CalibrationError(
            f"OpenCV finds no camera that would draw these points: {error.err or 'no reason given'}",
            where="pictures of the board",
            todo="check that the board's size is typed right and tilt it from picture to picture",
        ) from error
    return np.asarray(matrix, np.float64), np.asarray(coefficients, np.float64).ravel()[:5], float(rms_px)


def _telecentric(
    views: tuple[BoardView, ...], width_px: int, height_px: int
) -> tuple[Float64Array, Float64Array, float]:
    from scipy.optimize import least_squares

    focal_px = max(width_px, height_px) / 2.0
    middle = np.array([width_px / 2.0, height_px / 2.0])
    seen = [(view.picture_xy_px - middle) / focal_px for view in views]
    # Board coordinates of about 1, so that all parameters are of one size.
    spread = max(float(np.ptp(view.board_xy_mm)) for view in views)
    flat = [np.column_stack([view.board_xy_mm / spread, np.ones(len(view.board_xy_mm))]) for view in views]
    affine = [np.linalg.lstsq(board, unit, rcond=None)[0] for board, unit in zip(flat, seen, strict=True)]

    def residuals(values: Float64Array) -> Float64Array:
        k1, k2, p1, p2 = values[:4]
        maps = values[4:].reshape(len(views), 3, 2)
        drawn = [
            distort(board @ each, k1, k2, p1, p2, 0.0) - unit
            for board, each, unit in zip(flat, maps, seen, strict=True)
        ]
        return np.asarray(np.concatenate(drawn).ravel() * focal_px, np.float64)

    start = np.concatenate([np.zeros(4), np.concatenate(affine).ravel()])
    solution = least_squares(residuals, start, method="lm", xtol=1e-12, ftol=1e-12)
    matrix = np.array([[focal_px, 0.0, middle[0]], [0.0, focal_px, middle[1]], [0.0, 0.0, 1.0]])
    rms_px = float(np.sqrt(np.mean(solution.fun**2) * 2.0))
    return matrix, np.append(solution.x[:4], 0.0), rms_px
