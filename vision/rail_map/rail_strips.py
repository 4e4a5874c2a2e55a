"""One camera's strip with the rail on it: the head's way, the rail's rows, and those that can be searched.

Neighbours: `track` and `ends` find them, `map` puts them together, `findings` searches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vision.rail_map.assemble import CameraStrip, Mask, runs
from vision.rail_map.ends import RailRows, find_rail_rows
from vision.rail_map.search import LEAST_ROWS
from vision.rail_map.track import HeadTrack, join, look_along

#: A strip is cut to the head and so many head widths beside it.
_BESIDE = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class RailOnStrip:
    """A strip cut to the rail on it.

    `rail`: None where no head stands out. `stretches`: rows that can be searched. `blind`: (rows,) seen
    rows that cannot: no head stands out in them, or there are too few of them.
    """

    strip: CameraStrip
    rail: RailRows | None
    stretches: tuple[tuple[int, int], ...]
    blind: Mask


def find_rail_on(strip: CameraStrip) -> RailOnStrip:
    """Find the rail on a strip, and cut the strip to it."""
    windows = look_along(strip.pixels, runs(strip.seen))
    track = join(windows)
    rail = None if track is None else find_rail_rows(strip.pixels, strip.seen, track, windows)
    if track is None or rail is None:
        return RailOnStrip(strip, None, (), strip.seen.copy())
    good = strip.seen.copy()
    good[: rail.first] = False
    good[rail.last :] = False
    for first, last in rail.headless:
        good[first:last] = False
    stretches = tuple((a, b) for a, b in runs(good) if b - a >= LEAST_ROWS)
    blind = strip.seen.copy()
    for first, last in stretches:
        blind[first:last] = False
    # Beyond an end that is seen there is nothing to be seen.
    if rail.first_seen:
        blind[: rail.first] = False
    if rail.last_seen:
        blind[rail.last :] = False
    return RailOnStrip(_cut(strip, track), rail, stretches, blind)


def _cut(strip: CameraStrip, track: HeadTrack) -> CameraStrip:
    """The strip's columns round the head; rows that nobody saw still take no memory."""
    rows = np.flatnonzero(strip.seen)[:: LEAST_ROWS // 2]
    start, wide = track.start_px(rows), track.width_px(rows)
    left = max(0, int((start - _BESIDE * wide).min()))
    right = min(strip.pixels.shape[1], int((start + (1.0 + _BESIDE) * wide).max()) + 1)
    pixels = np.zeros((len(strip.seen), right - left), np.uint8)
    for first, last in runs(strip.seen):
        pixels[first:last] = strip.pixels[first:last, left:right]
    return replace(strip, pixels=pixels, left_px=strip.left_px + left, head=track.shifted(left))
