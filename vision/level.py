"""A ball's picture brought to one brightness and contrast, whatever lamp and exposure it was taken with.

The detector is not to spend its weights on learning that a crack in a picture of mean grey 12 is the same
thing as one in a picture of mean grey 180. Only the middle of the ball counts: what lies around it is
background, bright or dark by the stage. Neighbours: `vision.preprocess` calls this where the contract asks
for it, `training.tiles` for every sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from vision.contract import LevelSpec
from vision.types import UInt8Array

_GREYS = np.arange(256, dtype=np.float64)


def level_picture(picture: UInt8Array, spec: LevelSpec) -> UInt8Array:
    """Bring the middle's mean and spread to the contract's.

    Args:
        picture: (H, W) or (H, W, 3) uint8; the ball fills it.
        spec: what to bring it to.

    Returns:
        The same shape, uint8, cut at 0 and 255.
    """
    planes = planes_of(picture)
    return np.asarray(cv2.LUT(picture, level_table(planes, spec)), np.uint8)


def planes_of(picture: UInt8Array) -> list[UInt8Array]:
    """The channels of an (H, W) or (H, W, 3) picture, each (H, W) in one piece."""
    if picture.ndim == 2:
        return [picture]
    return [np.asarray(plane, np.uint8) for plane in cv2.split(picture)]


def level_table(planes: Sequence[UInt8Array], spec: LevelSpec) -> UInt8Array:
    """What `level_picture` makes of every grey level.

    Args:
        planes: one or three (H, W) uint8, each in one piece.
        spec: what to bring them to.

    Returns:
        (256,) uint8.
    """
    rows, columns, inside = _disc(*planes[0].shape, spec.disc_share)
    middle = [plane[rows, columns] for plane in planes]
    total = middle[0]
    if len(middle) == 3:
        # The sum of the channels: whole numbers, so nothing is rounded on the way to the mean.
        total = cv2.add(cv2.add(middle[0], middle[1], dtype=cv2.CV_16U), middle[2], dtype=cv2.CV_16U)  # type: ignore[assignment]
    mean, spread = (float(value[0, 0]) / len(middle) for value in cv2.meanStdDev(total, mask=inside))
    gain = spec.spread_grey / max(spread, spec.least_spread_grey)
    # In place and without np.clip: next to a small network every call shows.
    table = _GREYS - mean
    table *= gain
    table += spec.mean_grey
    np.rint(table, out=table)
    np.maximum(table, 0.0, out=table)
    np.minimum(table, 255.0, out=table)
    return table.astype(np.uint8)


@lru_cache(maxsize=8)
def _disc(height_px: int, width_px: int, share: float) -> tuple[slice, slice, UInt8Array]:
    """Rows and columns of the disc's box, and in it 255 inside of the disc, else 0."""
    y, x = np.mgrid[:height_px, :width_px]
    radius = share * min(height_px, width_px) / 2.0
    inside = (x - (width_px - 1) / 2.0) ** 2 + (y - (height_px - 1) / 2.0) ** 2 < radius**2
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return *box, np.asarray(255 * inside[box], np.uint8)
