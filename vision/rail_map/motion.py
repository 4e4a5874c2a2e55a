"""What a picture says of the conveyor's motion: whether it stood, and where in a frame it stopped or turned.

The encoder is read once a frame. Within a frame only the picture knows: rows taken while the rail stands
are one row with fresh noise, rows taken on the way back are those before, mirrored.
Neighbours: `layout` asks where counts and rows disagree; `assemble` flips and leaves out by the answer.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import Float32Array, UInt8Array

#: Columns that a picture is thinned to.
_COLUMNS = 32
#: Rows of a cell, whose mean has little of the sensor's noise.
_CELL_ROWS = 16
#: Cells that differ along the rail by more than so many times what noise would make of them: it moved.
_MOVED = 1.8
#: Greys of noise that a thinned picture has at least.
_LEAST_NOISE = 0.05
#: Two pictures of a standing rail differ by less than this share of what is in them.
_SAME_SHARE = 0.25
#: A stop within a frame: its rows change by less than this share of the change of the others.
_STILL_SHARE = 0.6
#: A turn within a frame: the rows before and behind it are this much alike (correlation).
_MIRRORED = 0.5
#: Fewer rows than this before or behind a stop or a turn are none.
_LEAST_ROWS = 24


def thin(grey: UInt8Array) -> Float32Array:
    """A picture (H, W) thinned across the rail to (H, 32 or fewer) float32, all that motion needs."""
    size = (min(_COLUMNS, grey.shape[1]), grey.shape[0])
    # Of whole greys the mean would be a whole grey again, with next to nothing left of the noise.
    return np.asarray(cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def stood_still(rows: Float32Array, before: Float32Array | None) -> bool:
    """Whether the rail stood while a picture was taken.

    Args:
        rows: the picture, of `thin`.
        before: the camera's picture before, or None: an area camera takes the same one of a standing rail.
    """
    if before is not None and before.shape == rows.shape and _same(rows, before):
        return True
    if rows.shape[0] < 4 * _CELL_ROWS:
        return False
    noise = np.median(np.abs(np.diff(rows, axis=0)), axis=0) / 0.6745 / np.sqrt(2.0)
    along = _levelled(_cells(rows)).std(axis=0)
    # A picture without noise still has the rounding of the sensor.
    return bool(along.sum() < _MOVED * np.maximum(noise, _LEAST_NOISE).sum() / np.sqrt(_CELL_ROWS))


def stop_rows(rows: Float32Array, moving: float) -> tuple[int, int] | None:
    """The rows of a frame that were taken while the rail stood, as (first, behind the last).

    Args:
        rows: the picture, of `thin`.
        moving: share of its rows that the encoder accounts for, 0..1.

    Returns:
        None where the picture shows no such stretch.
    """
    height = rows.shape[0]
    still = round(height * (1.0 - moving))
    if still < 2 * _CELL_ROWS + _LEAST_ROWS or height - still < _LEAST_ROWS:
        return None
    smooth = np.asarray(cv2.blur(rows, (1, _CELL_ROWS)), np.float32)
    change = np.abs(smooth[_CELL_ROWS:] - smooth[:-_CELL_ROWS]).mean(axis=1)
    # A window of the stop's rows holds so many changes that neither end reaches out of it.
    count = still - _CELL_ROWS
    total = np.concatenate([[0.0], np.cumsum(change, dtype=np.float64)])
    sums = total[count:] - total[:-count]
    first = int(np.argmin(sums))
    outside = (total[-1] - sums[first]) / max(1, len(change) - count)
    if sums[first] / count > _STILL_SHARE * outside:
        return None
    return first, first + still


def turn_row(rows: Float32Array, net: float) -> int | None:
    """The row of a frame at which the rail turned round, so that what follows is seen again, mirrored.

    Args:
        rows: the picture, of `thin`.
        net: way of the whole frame over that of one without a turn, -1..1.

    Returns:
        None where the picture shows no such turn.
    """
    height = rows.shape[0]
    around = round(height * (1.0 + net) / 2.0)
    reach = min(around, height - around)
    if reach < 2 * _LEAST_ROWS:
        return None
    best, where = 0.0, around
    for row in range(around - _CELL_ROWS, around + _CELL_ROWS + 1):
        half = min(reach, row, height - row)
        if half < 2 * _LEAST_ROWS:
            continue
        alike = _correlation(rows[row - half : row][::-1], rows[row : row + half])
        if alike > best:
            best, where = alike, row
    return where if best >= _MIRRORED else None


def _cells(rows: Float32Array) -> Float32Array:
    count = rows.shape[0] // _CELL_ROWS
    return np.asarray(rows[: count * _CELL_ROWS].reshape(count, _CELL_ROWS, -1).mean(axis=1), np.float32)


def _levelled(cells: Float32Array) -> Float32Array:
    """Without light that flickers: every row of cells brought to the same sum."""
    sums = cells.sum(axis=1, keepdims=True)
    return np.asarray(cells * (float(np.median(sums)) / np.maximum(sums, 1e-3)), np.float32)


def _same(rows: Float32Array, before: Float32Array) -> bool:
    one, other = _cells(rows), _cells(before)
    if not one.size:
        return False
    away = np.abs(one - other).mean()
    return bool(away <= _SAME_SHARE * np.abs(one - np.median(one, axis=0)).mean())


def _correlation(one: Float32Array, other: Float32Array) -> float:
    """Of what differs along the rail, columns' own levels left out."""
    first, second = (np.asarray(cv2.blur(part, (1, 3)), np.float64) for part in (one, other))
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    scale: npt.NDArray[np.float64] = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 0.0 else 0.0
