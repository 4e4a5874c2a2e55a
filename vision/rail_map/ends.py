"""Where on a strip there is a rail: its ends, stretches without a head, and light that went out.

An end is seen where the head ends within what the pictures show while the ground beside it stays as it was.
A picture that goes dark all over is no end: what lies there is not known. Neighbours: `track` gives the
head's way, `map` makes ends and unseen stretches of this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vision.rail_head import Look
from vision.rail_map.assemble import Mask, runs
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
#: Share of the head's light, above the ground's, at which the rail begins.
_EDGE_SHARE = 0.15
#: Rows looked at at once, along which the head hardly moves.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class RailRows:
    """Rows [first, last) of the rail on one strip, whether its ends are seen, and rows without a head."""

    first: int
    last: int
    first_seen: bool
    last_seen: bool
    headless: tuple[tuple[int, int], ...]


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
    first, first_seen = _end(head, ground, seen, rail[0][0], rising=True)
    last, last_seen = _end(head, ground, seen, rail[-1][1], rising=False)
    return RailRows(first, last, first_seen, last_seen, _headless(rail, seen, first, last))


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


def _end(head: Floats, ground: Floats, seen: Mask, row: int, *, rising: bool) -> tuple[int, bool]:
    """(row of the rail's end, whether it is seen) from where its light begins or ends."""
    step = -1 if rising else 1
    beyond = _reach(seen, row if not rising else row - 1, step, _GROUND_ROWS)
    if len(beyond) < _LEAST_BEYOND:
        return row, False
    inside = _reach(seen, row - 1 if not rising else row, -step, _GROUND_ROWS)
    before, after = ground[inside], ground[beyond]
    if not np.isnan(before).all() and not np.isnan(after).all():
        level = float(np.nanmean(before))
        if level >= _GROUND_LEAST and float(np.nanmean(after)) < _GROUND_LOST * level:
            return row, False
    # A sawn end is uneven: the rail reaches as far as any of its width does.
    dark = float(np.median(head[beyond]))
    edge = dark + _EDGE_SHARE * (float(np.median(head[inside[: 2 * _CHUNK]])) - dark)
    further = 0
    while further < min(_CHUNK, len(beyond)) and head[beyond[further]] > edge:
        further += 1
    return row + step * further, True


def _reach(seen: Mask, row: int, step: int, most: int) -> npt.NDArray[np.int64]:
    """Rows from `row` on, `step` by `step`, as long as they are seen."""
    found: list[int] = []
    while 0 <= row < len(seen) and seen[row] and len(found) < most:
        found.append(row)
        row += step
    return np.array(found, np.int64)


def _headless(rail: list[tuple[int, int]], seen: Mask, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Seen rows between the ends in which no head stands out."""
    bare = seen.copy()
    bare[:first] = False
    bare[last:] = False
    # The ends reach a little further than the light that they were found by.
    bare[first : rail[0][0]] = False
    bare[rail[-1][1] : last] = False
    for begin, end in rail:
        bare[begin:end] = False
    return tuple(runs(bare))
