"""Calibration boards: drawn for the printer, and found again in a picture.

ChArUco (a chessboard with a numbered mark in every white square: a part of it is enough) and plain
dot grids (all of it must be seen). Neighbours: `lens_fit` uses the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from vision.errors import ConfigError
from vision.metrology.lens_fit import BoardView
from vision.metrology.types import Float64Array
from vision.types import UInt8Array

#: Names as users type them; all of OpenCV's predefined sets of marks with 4x4 to 6x6 cells.
DICTIONARIES = tuple(
    name.removeprefix("DICT_").lower()
    for name in dir(cv2.aruco)
    if name.startswith(("DICT_4X4_", "DICT_5X5_", "DICT_6X6_"))
)
#: Pixel (0, 0) has its centre at (0.5, 0.5) here and at (0, 0) in OpenCV.
_HALF_PX = 0.5
_WHITE = 255
#: Fewer corners do not tell how large the board is in the picture.
_CORNERS_MIN = 4


@dataclass(frozen=True, slots=True)
class Board:
    """One board.

    Attributes:
        kind: charuco or dots.
        columns, rows: squares of the chessboard, or dots.
        pitch_mm: side of a square, or from dot to dot.
        mark_mm: side of a mark (charuco), or diameter of a dot.
        dictionary: set of marks, see DICTIONARIES (charuco only).
    """

    kind: Literal["charuco", "dots"]
    columns: int
    rows: int
    pitch_mm: float
    mark_mm: float
    dictionary: str = "4x4_250"

    def __post_init__(self) -> None:
        if not 3 <= min(self.columns, self.rows) or max(self.columns, self.rows) > 100:
            raise _refuse(f"{self.columns}x{self.rows} is no board", "give 3x3 to 100x100, for instance 11x8")
        if not 0.0 < self.mark_mm < self.pitch_mm < 1000.0:
            raise _refuse(
                f"marks of {self.mark_mm} mm do not fit into a pitch of {self.pitch_mm} mm",
                "both in mm; the mark is smaller than the pitch",
            )
        if self.kind == "charuco":
            if self.dictionary not in DICTIONARIES:
                raise _refuse(
                    f"there is no set of marks '{self.dictionary}'", f"use one of {', '.join(DICTIONARIES)}"
                )
            wanted, there = self.columns * self.rows // 2, int(self.dictionary.rpartition("_")[2])
            if wanted > there:
                raise _refuse(
                    f"a board of {self.columns}x{self.rows} needs {wanted} marks, the set "
                    f"{self.dictionary} has {there}",
                    "use a larger set, for instance 4x4_1000",
                )

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the printed board, without a margin."""
        more = 0 if self.kind == "charuco" else 1
        return (self.columns + more) * self.pitch_mm, (self.rows + more) * self.pitch_mm

    def text(self) -> str:
        """For the record."""
        marks = f", marks {self.dictionary}" if self.kind == "charuco" else ""
        return (
            f"{self.kind} {self.columns}x{self.rows}, pitch {self.pitch_mm:g} mm, "
            f"mark {self.mark_mm:g} mm{marks}"
        )


def draw_board(board: Board, pitch_px: int) -> UInt8Array:
    """(H, W) uint8 picture of the board, without a margin.

    A pitch is a whole number of pixels: otherwise lines would be rounded to the next pixel, here and
    there, and the printed board would not be even.
    """
    width_px, height_px = (round(side / board.pitch_mm) * pitch_px for side in board.size_mm)
    if board.kind == "charuco":
        drawn = _charuco(board).generateImage((width_px, height_px), marginSize=0)
        return np.asarray(drawn, np.uint8)
    picture = np.full((height_px, width_px), _WHITE, np.uint8)
    # OpenCV takes places in 1/16 px.
    radius = round(board.mark_mm / 2.0 / board.pitch_mm * pitch_px * 16)
    for row in range(board.rows):
        for column in range(board.columns):
            x, y = (round(((at + 1) * pitch_px - _HALF_PX) * 16) for at in (column, row))
            cv2.circle(picture, (x, y), radius, 0, -1, cv2.LINE_AA, 4)
    return picture


def find_board(picture: UInt8Array, board: Board) -> BoardView | None:
    """The board's points in a picture, (H, W) or (H, W, 3) uint8; None when it is not found."""
    grey = picture
    if picture.ndim == 3:
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    return _find_charuco(grey, board) if board.kind == "charuco" else _find_dots(grey, board)


def _charuco(board: Board) -> cv2.aruco.CharucoBoard:
    marks = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{board.dictionary.upper()}"))
    return cv2.aruco.CharucoBoard((board.columns, board.rows), board.pitch_mm, board.mark_mm, marks)


def _find_charuco(grey: UInt8Array, board: Board) -> BoardView | None:
    pattern = _charuco(board)
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.CharucoDetector(pattern, cv2.aruco.CharucoParameters(), settings)
    corners, ids, _, _ = detector.detectBoard(grey)
    if ids is None or len(ids) < _CORNERS_MIN:
        return None
    on_board = np.asarray(pattern.getChessboardCorners(), np.float64)[np.asarray(ids).ravel(), :2]
    found = np.asarray(corners, np.float32).reshape(-1, 1, 2)
    return BoardView(on_board, _refined(grey, found, on_board, (board.pitch_mm - board.mark_mm) / 2.0))


def _refined(
    grey: UInt8Array, corners: npt.NDArray[np.float32], on_board_mm: Float64Array, gap_mm: float
) -> Float64Array:
    """(N, 2) corners at sub-pixel, from a window that just does not reach the marks.

    `gap_mm` lies between a corner and the nearest mark. A little blur makes the corners of a sharp
    picture the smooth saddles that the search assumes.
    """
    flat = np.column_stack([on_board_mm, np.ones(len(on_board_mm))])
    px_by_mm = np.linalg.lstsq(flat, corners.reshape(-1, 2).astype(np.float64), rcond=None)[0][:2]
    gap_px = gap_mm * float(np.sqrt(abs(np.linalg.det(px_by_mm))))
    reach = int(np.clip(0.8 * gap_px, 2.0, 11.0))
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-4)
    refined = cv2.cornerSubPix(soft, corners, (reach, reach), (-1, -1), stop)
    return np.asarray(refined, np.float64).reshape(-1, 2) + _HALF_PX


def _find_dots(grey: UInt8Array, board: Board) -> BoardView | None:
    found, centres = cv2.findCirclesGrid(grey, (board.columns, board.rows), flags=cv2.CALIB_CB_SYMMETRIC_GRID)
    if not found:
        return None
    at = np.stack(np.meshgrid(np.arange(board.columns), np.arange(board.rows)), axis=-1).reshape(-1, 2)
    return BoardView(
        np.asarray(at * board.pitch_mm, np.float64), np.asarray(centres, np.float64).reshape(-1, 2) + _HALF_PX
    )


def _refuse(what: str, todo: str) -> ConfigError:
    return ConfigError(what, where="calibration board", todo=todo)
