"""Strips: the rows of one camera's frames, each copied to its place on the map.

Rows are copied as they are where a frame has as many as its place; a few more or less are left out or taken
twice, and only another scale is resampled. What is laid once stays: rows that the rail showed again on its
way back and forth are those of the first healthy frame. Neighbours: `layout` placed the frames, `track` finds
the head in the strip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vision.rail_map.frames import FramePart, PlacedFrame
from vision.rail_map.track import HeadTrack
from vision.types import UInt8Array

Mask = npt.NDArray[np.bool_]

#: Up to this share more or fewer rows are made by leaving some out or taking some twice: no pixel changes.
_NATIVE_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class CameraStrip:
    """One camera's rail: `pixels` (rows, width) uint8, 0 where not `seen` (rows,).

    Column x shows column `left_px` + x of the frames. `head`: where the rail's head lies, None where none was
    found or looked for. Rows that nothing was written to take no memory.
    """

    camera: str
    pixels: UInt8Array
    seen: Mask
    left_px: int = 0
    head: HeadTrack | None = None


def assemble(
    camera: str,
    frames: Sequence[PlacedFrame],
    picture: Callable[[int], UInt8Array],
    rows: int,
    columns: tuple[int, int],
) -> tuple[CameraStrip, tuple[PlacedFrame, ...]]:
    """Copy all healthy frames of a camera to their places.

    Args:
        camera: its name.
        frames: placed, in the order of their numbers.
        picture: gives the (H, W) uint8 picture of a healthy frame by its place in `frames`; asked once each.
        rows: of the map.
        columns: (first, behind the last) of the pictures' columns to keep.

    Returns:
        The strip without its head, and the frames with what the strip shows of each.
    """
    left, right = columns
    # Zero pages that are never touched cost no memory: a scan may be mostly missing frames.
    pixels = np.zeros((rows, right - left), np.uint8)
    seen = np.zeros(rows, bool)
    placed = list(frames)
    order = sorted(range(len(frames)), key=lambda k: (frames[k].by_rows, not frames[k].even, k))
    for k in order:
        if frames[k].fault:
            continue
        image = picture(k)[:, left:right]
        shown: list[tuple[int, int]] = []
        for part in frames[k].parts:
            shown += _copy(part, image, pixels, seen)
        placed[k] = replace(frames[k], shown=tuple(sorted(shown)))
    return CameraStrip(camera, pixels, seen, left), tuple(placed)


def _copy(part: FramePart, image: UInt8Array, pixels: UInt8Array, seen: Mask) -> list[tuple[int, int]]:
    """Copy the rows of a part that nobody has shown yet; returns the runs of map rows."""
    low, high = sorted((part.first_row, part.last_row))
    first, last = max(0, round(low)), min(len(seen), round(high))
    free = runs(~seen[first:last])
    if not free:
        return []
    rows = image[round(part.first_y) : round(part.last_y)]
    rows = _scaled(rows[::-1] if part.last_row < part.first_row else rows, last - first)
    for begin, end in free:
        pixels[first + begin : first + end] = rows[begin:end]
    seen[first:last] = True
    return [(first + begin, first + end) for begin, end in free]


def _scaled(rows: UInt8Array, count: int) -> UInt8Array:
    """Rows brought to a count."""
    have = rows.shape[0]
    if have == count:
        return rows
    if abs(count / have - 1.0) <= _NATIVE_SHARE:
        at = ((np.arange(count) + 0.5) * have / count).astype(np.int64)
        return np.ascontiguousarray(rows[at])
    how = cv2.INTER_AREA if count < have else cv2.INTER_LINEAR
    size = (rows.shape[1], count)
    return np.asarray(cv2.resize(np.ascontiguousarray(rows), size, interpolation=how), np.uint8)


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Runs of true values as (first, behind the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[0::2], edges[1::2], strict=True)]
