"""Where on a strip there is a rail: its ends, stretches without a head, and light that went out.

An end is seen where the head ends within what the pictures show while the ground beside it stays as it was.
A picture that goes dark all over is no end: what lies there is not known. Neighbours: `track` gives the
head's way, `end_edge` says to a part of a row where an end is, `map` makes ends and unseen stretches of this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vision.rail_head import Look
from vision.rail_map.assemble import Mask, runs
from vision.rail_map.end_edge import edge_beyond
from vision.rail_map.track import HeadTrack, Window
from vision.types import UInt8Array

Floats = npt.NDArray[np.float64]

#: Rows whose head is darker than this share of the head's level show no head: a joint, a dark mark, the end.
_DARK_SHARE = 0.35
#: A head in light is lighter than the ground beside it by this factor.
_LIGHTER = 1.4
#: The inner share of the head's width that is looked at.
_INNER = 0.7
#: Ground is looked at from so many head widths beside the head on: its flank ends with the rail.
_FLANK = 0.28
#: Dark rows inside the rail of less than this many head widths are marks or joints ...
_LONGEST_MARK = 2.0
#: ... and light beyond its ends of less than this is no rail.
_LEAST_RAIL = 1.0
#: Rows of ground beyond an end that must be seen.
_LEAST_BEYOND = 4
#: Rows on either side of an end whose ground is compared.
_GROUND_ROWS = 400
#: Ground that was lighter than this grey, and falls below this share of it where the head ends: no light.
_GROUND_LEAST, _GROUND_LOST = 0.5, 0.4
#: Rows looked at at once, along which the head hardly moves; an end is looked for in as many on either side.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class RailRows:
    """The rail on one strip.

    `start`, `end`: map rows, to a part of one, and whether they are seen. `headless`: rows [from, to) between
    them in which no head stands out.
    """

    start: float
    end: float
    first_seen: bool
    last_seen: bool
    headless: tuple[tuple[int, int], ...]

    @property
    def first(self) -> int:
        """The first row that shows some of the rail."""
        return math.floor(self.start)

    @property
    def last(self) -> int:
        """The row behind the last one that shows some of it."""
        return math.ceil(self.end)


def find_rail_rows(
    pixels: UInt8Array, seen: Mask, track: HeadTrack, windows: list[Window]
) -> RailRows | None:
    """Where on a strip there is a rail; None where no row shows a head.

    Args:
        pixels: (rows, W) uint8.
        seen: (rows,) rows that a healthy frame shows.
        track: the head's way.
        windows: that were looked at; of a head that is not in light on dark ground they alone tell.
    """
    head, ground = _profiles(pixels, seen, track)
    lit = seen & (head > _DARK_SHARE * track.grey(np.arange(len(seen))))
    if track.look is Look.LIT:
        # Where light falls on all alike, something else than a rail is before the camera.
        lit &= np.isnan(ground) | (head > _LIGHTER * ground + 1.0)
    else:
        for window in windows:
            if window.look is Look.NOTHING:
                lit[window.first : window.last] = False
    wide = float(np.median(track.wide))
    rail = [
        (first, last)
        for first, last in runs(_closed(lit, seen, round(_LONGEST_MARK * wide)))
        if last - first >= _LEAST_RAIL * wide
    ]
    if not rail:
        return None
    first, last = rail[0][0], rail[-1][1]
    first_seen = _is_end_seen(ground, seen, first, rising=True)
    last_seen = _is_end_seen(ground, seen, last, rising=False)
    start = _edge(pixels, seen, track, first, rising=True) if first_seen else float(first)
    end = _edge(pixels, seen, track, last, rising=False) if last_seen else float(last)
    return RailRows(start, end, first_seen, last_seen, _headless(rail, seen))


def _profiles(pixels: UInt8Array, seen: Mask, track: HeadTrack) -> tuple[Floats, Floats]:
    """Mean grey of the head and of the ground beside it, row by row; 0 where nothing is seen."""
    rows, width = pixels.shape
    head, ground = np.zeros(rows), np.full(rows, np.nan)
    for stretch, end in runs(seen):
        for first in range(stretch, end, _CHUNK):
            last = min(end, first + _CHUNK)
            start = float(track.start_px((first + last) / 2.0))
            wide = float(track.width_px((first + last) / 2.0))
            left, right = start + wide * (1.0 - _INNER) / 2.0, start + wide * (1.0 + _INNER) / 2.0
            piece = pixels[first:last]
            inner = piece[:, max(0, int(left)) : max(1, int(right))]
            if inner.size:
                head[first:last] = inner.mean(axis=1)
            beside = [
                piece[:, : max(0, int(start - _FLANK * wide))],
                piece[:, min(width, int(start + (1.0 + _FLANK) * wide) + 1) :],
            ]
            count = sum(part.shape[1] for part in beside)
            if count >= 4:
                ground[first:last] = sum(part.sum(axis=1, dtype=np.float64) for part in beside) / count
    return head, ground


def _closed(lit: Mask, seen: Mask, longest: int) -> Mask:
    """Lit rows, with dark stretches inside the rail that a mark or a joint may be."""
    closed = lit.copy()
    for first, last in runs(seen & ~lit):
        inside = first > 0 and last < len(lit) and lit[first - 1] and lit[last]
        if inside and last - first <= longest:
            closed[first:last] = True
    return closed


def _is_end_seen(ground: Floats, seen: Mask, row: int, *, rising: bool) -> bool:
    """Whether the rail ends where its light begins or ends, `row`: nothing else can have changed there."""
    beyond, inside = _sides(seen, row, _GROUND_ROWS, rising=rising)
    if len(beyond) < _LEAST_BEYOND:
        return False
    before, after = ground[inside], ground[beyond]
    if np.isnan(before).all() or np.isnan(after).all():
        return True
    level = float(np.nanmean(before))
    return level < _GROUND_LEAST or float(np.nanmean(after)) >= _GROUND_LOST * level


def _edge(pixels: UInt8Array, seen: Mask, track: HeadTrack, row: int, *, rising: bool) -> float:
    """The row, to a part of one, at which the rail's steel begins or ends; `row` where its light does."""
    beyond, inside = _sides(seen, row, _CHUNK, rising=rising)
    start, wide = float(track.start_px(row)), float(track.width_px(row))
    left = max(0, round(start + wide * (1.0 - _INNER) / 2.0))
    right = max(left, round(start + wide * (1.0 + _INNER) / 2.0))
    reach = edge_beyond(pixels[inside, left:right], pixels[beyond, left:right])
    if reach is None:
        return float(row)
    return min(float(len(seen)), max(0.0, row - reach if rising else row + reach))


def _sides(
    seen: Mask, row: int, most: int, *, rising: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows beyond an end and rows inside the rail, the nearest first."""
    if rising:
        return _reach(seen, row - 1, -1, most), _reach(seen, row, 1, most)
    return _reach(seen, row, 1, most), _reach(seen, row - 1, -1, most)


def _reach(seen: Mask, row: int, step: int, most: int) -> npt.NDArray[np.int64]:
    """Rows from `row` on, `step` by `step`, as long as they are seen."""
    found: list[int] = []
    while 0 <= row < len(seen) and seen[row] and len(found) < most:
        found.append(row)
        row += step
    return np.array(found, np.int64)


def _headless(rail: list[tuple[int, int]], seen: Mask) -> tuple[tuple[int, int], ...]:
    """Seen rows between the ends in which no head stands out."""
    bare = seen.copy()
    bare[: rail[0][0]] = False
    bare[rail[-1][1] :] = False
    for begin, end in rail:
        bare[begin:end] = False
    return tuple(runs(bare))
