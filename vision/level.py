"""A ball's picture brought to one brightness and contrast, whatever lamp and exposure it was taken with.

The detector is not to spend its weights on learning that a crack in a picture of mean grey 12 is the same
thing as one in a picture of mean grey 180. Only the middle of the ball counts: what lies around it is
background, bright or dark by the stage. Neighbours: `vision.preprocess` calls this where the contract asks
for it, `training.tiles` for every sample.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vision.contract import LevelSpec
from vision.types import UInt8Array


def level_picture(picture: UInt8Array, spec: LevelSpec) -> UInt8Array:
    """Bring the middle's mean and spread to the contract's.

    Args:
        picture: (H, W) or (H, W, 3) uint8; the ball fills it.
        spec: what to bring it to.

    Returns:
        The same shape, uint8, cut at 0 and 255.
    """
    inside = _disc(*picture.shape[:2], spec.disc_share)
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    middle = np.asarray(grey[inside], np.float32)
    gain = np.float32(spec.spread_grey / max(float(middle.std()), spec.least_spread_grey))
    table = np.arange(256, dtype=np.float32)
    table = np.clip(np.rint((table - middle.mean()) * gain + np.float32(spec.mean_grey)), 0.0, 255.0)
    return np.asarray(table.astype(np.uint8)[picture], np.uint8)


@lru_cache(maxsize=8)
def _disc(height_px: int, width_px: int, share: float) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:height_px, :width_px]
    radius = share * min(height_px, width_px) / 2.0
    return (x - (width_px - 1) / 2.0) ** 2 + (y - (height_px - 1) / 2.0) ** 2 < radius**2  # type: ignore[no-any-return]
