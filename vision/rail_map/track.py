"""The rail's head along a whole strip: found in windows, joined to one way that wanders smoothly.

Neighbours: `vision.rail_head` finds a head in a picture; `ends` looks for the rail's ends by the track,
`search` straightens by it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vision.rail_head import Look, RailHead, search
from vision.types import UInt8Array

Floats = npt.NDArray[np.float64]

#: Rows of a window: the head wanders little over half a metre.
WINDOW_ROWS = 1000
#: Windows longer than this many widths would be taken for pictures cut along the rail, so frames that are
#: narrow are looked at in longer windows, as the pictures that they are.
_UPRIGHT = 2.4
_LONG_ROWS = 2000
#: Rows of the pieces that a section's way is made of.
_BEND_ROWS = 64
#: Rows of a piece of a head in light, and every which row of it is looked at.
_PIECE_ROWS, _EVERY = 250, 3
#: A piece's column is as light as this percentile of its rows: dark marks that are shorter do not count.
_BRIGHT = 80.0
#: Columns of the head reach this share of the brightest (as in `vision.rail_head`).
_LIT_SHARE = 0.25
#: Columns in light that are further apart than this share of all of them are not one head.
_PARTED = 0.12
#: A piece in light lies so near to its window's line, and is so wide, in shares of the line's width.
_OFF_LINE, _OF_LINE = 0.35, (0.7, 1.6)
#: A piece whose width or middle leaves that of its neighbours by this share of the width is not believed.
_WIDTH_AWAY, _MIDDLE_AWAY = 0.12, 0.15
#: Rows on either side from which a piece's neighbours are.
_REACH_ROWS = 1300


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the head lies round one row of the strip: its middle and width, pixels."""

    row: float
    middle: float
    wide: float


@dataclass(frozen=True, slots=True)
class Window:
    """Where a head was found: rows [first, last) of the strip, how it was found, where it lies, its grey."""

    first: int
    last: int
    look: Look
    pieces: tuple[Piece, ...]
    grey: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadTrack:
    """The head's way along a strip. `at` rows rising, `middle`, `wide` (px) and `level` (0..255) there.

    `look`: how most windows found it.
    """

    at: Floats
    middle: Floats
    wide: Floats
    level: Floats
    look: Look

    def start_px(self, rows: npt.ArrayLike) -> Floats:
        """First column of the head at rows of the strip."""
        y = np.asarray(rows, np.float64)
        middle = np.interp(y, self.at, self.middle)
        return np.asarray(middle - np.interp(y, self.at, self.wide) / 2.0, np.float64)

    def width_px(self, rows: npt.ArrayLike) -> Floats:
        """Width of the head at rows of the strip."""
        return np.asarray(np.interp(np.asarray(rows, np.float64), self.at, self.wide), np.float64)

    def grey(self, rows: npt.ArrayLike) -> Floats:
        """Median grey of the head round rows of the strip."""
        return np.asarray(np.interp(np.asarray(rows, np.float64), self.at, self.level), np.float64)

    def section(self, first: int, last: int) -> RailHead:
        """The head in rows [first, last) as a picture of its own has it: one width, bent as it wanders."""
        count = max(2, (last - first) // _BEND_ROWS)
        y = np.linspace(first, last, count)
        wide = float(np.median(self.width_px(y)))
        start = np.interp(y, self.at, self.middle) - wide / 2.0
        bends = tuple(zip((y - first).tolist(), start.tolist(), strict=True))
        return RailHead(0.0, 0.0, wide, float(np.median(self.grey(y))), found=True, bends=bends)

    def shifted(self, columns: float) -> HeadTrack:
        """The same in a strip whose first column is `columns` further right."""
        return HeadTrack(self.at, self.middle - columns, self.wide, self.level, self.look)


def window_rows(width_px: int) -> int:
    """Rows of a window for pictures so wide."""
    return WINDOW_ROWS if WINDOW_ROWS <= _UPRIGHT * width_px else _LONG_ROWS


def look_along(pixels: UInt8Array, stretches: Iterable[tuple[int, int]]) -> list[Window]:
    """Look for the head in windows of about `window_rows`.

    Args:
        pixels: (rows, W) uint8.
        stretches: rows [first, last) to look at, rising.
    """
    windows = []
    step = window_rows(pixels.shape[1])
    for first, last in stretches:
        count = max(1, round((last - first) / step))
        edges = np.linspace(first, last, count + 1).astype(int)
        for top, bottom in pairwise(edges.tolist()):
            head, look = search(pixels[top:bottom])
            windows.append(Window(top, bottom, look, _pieces(pixels, top, bottom, head, look), head.grey))
    return windows


def join(windows: Sequence[Window]) -> HeadTrack | None:
    """One way through all windows that show a head; None where none does.

    Windows that found it less surely than most, and pieces that lie beside their neighbours, do not count: a
    long dark mark along one side of the head leaves only the other in light.
    """
    found = [window for window in windows if window.look is not Look.NOTHING]
    if not found:
        return None
    looks = [window.look for window in found]
    look = max(set(looks), key=lambda one: (looks.count(one), one))
    pieces = [(piece, window.grey) for window in found if window.look is look for piece in window.pieces]
    every = [piece for piece, _ in pieces]
    good = [pair for pair in pieces if _is_believed(pair[0], every)] or pieces
    believed = [piece for piece, _ in good]
    wide = [float(np.median([other.wide for other in _near(piece, believed)])) for piece in believed]
    table = np.array([(piece.row, piece.middle, grey) for piece, grey in good], np.float64).T
    return HeadTrack(table[0], table[1], np.array(wide), table[2], look)


def _pieces(pixels: UInt8Array, first: int, last: int, head: RailHead, look: Look) -> tuple[Piece, ...]:
    """The head piece by piece: where the window's line says, or better where its light says."""
    if look is not Look.LIT:
        # At its ends a line errs most.
        return tuple(_on_line(head, first, share * (last - first)) for share in (1.0 / 6.0, 0.5, 5.0 / 6.0))
    edges = np.linspace(first, last, max(1, round((last - first) / _PIECE_ROWS)) + 1).astype(int)
    return tuple(
        _in_light(pixels[top:bottom], _on_line(head, first, (top + bottom) / 2.0 - first))
        for top, bottom in pairwise(edges.tolist())
    )


def _on_line(head: RailHead, first: int, y: float) -> Piece:
    return Piece(first + y, float(head.start_px(y)) + head.width_px / 2.0, head.width_px)


def _in_light(pixels: UInt8Array, line: Piece) -> Piece:
    """A piece by its columns in light; `line` where those do not lie round it.

    A mark that is shorter than most of the piece does not narrow it, as it narrows the line of a window.
    """
    from_px = max(0, int(line.middle - line.wide))
    light = np.percentile(pixels[::_EVERY, from_px : max(1, int(line.middle + line.wide))], _BRIGHT, axis=0)
    light = np.convolve(light, np.full(3, 1.0 / 3.0), "same")
    lit = np.flatnonzero(light > _LIT_SHARE * np.percentile(light, 99))
    if not len(lit):
        return line
    # Columns in light that lie apart are one head, if what parts them is narrow: a streak of dirt.
    widest = max(np.split(lit, np.flatnonzero(np.diff(lit) > _PARTED * len(lit)) + 1), key=len)
    left, right = from_px + float(widest[0]), from_px + float(widest[-1] + 1)
    found = Piece(line.row, (left + right) / 2.0, right - left)
    low, high = _OF_LINE
    round_it = abs(found.middle - line.middle) <= _OFF_LINE * line.wide
    return found if round_it and low <= found.wide / line.wide <= high else line


def _is_believed(piece: Piece, pieces: Sequence[Piece]) -> bool:
    """Whether a piece agrees with those round it; one that has too few round it is all there is."""
    near = _near(piece, pieces)
    if len(near) < 3:
        return True
    wide = float(np.median([other.wide for other in near]))
    middle = float(np.median([other.middle for other in near]))
    return abs(piece.wide - wide) <= _WIDTH_AWAY * wide and abs(piece.middle - middle) <= _MIDDLE_AWAY * wide


def _near(piece: Piece, pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Pieces not further along the rail than `_REACH_ROWS`, itself among them."""
    low = bisect_left(pieces, piece.row - _REACH_ROWS, key=_row)
    high = bisect_right(pieces, piece.row + _REACH_ROWS, key=_row)
    return pieces[low:high]


def _row(piece: Piece) -> float:
    return piece.row
