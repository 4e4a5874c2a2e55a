"""Random fields and noise that the domain effects of `training.augment` are built from.

All draw from the generator they are given. Noise is cut from tables made once: drawing fifty
thousand normal numbers for each tile would cost more than all the effects together.
Neighbours: `training.augment_surface`, `training.augment_sensor`.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from vision.types import Float32Array, UInt8Array

_TABLE_PX = 1024


def to_uint8(value: Float32Array) -> UInt8Array:
    """Greys (H, W) as they are stored: rounded and clipped to 0..255."""
    return np.asarray(np.clip(value + np.float32(0.5), 0.0, 255.0), np.float32).astype(np.uint8)


def field(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Float32Array:
    """A smooth random field (H, W), about 0..1, with about `cells` (rows, columns) hills."""
    coarse = rng.random((max(2, cells[0] + 1), max(2, cells[1] + 1)), np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def patches(rng: np.random.Generator, shape: tuple[int, int], share: float, softness: float) -> Float32Array:
    """Irregular patches (H, W), 0 outside and 1 inside, over about `share` of the tile.

    `softness`: width of the border in units of the field (0.02 sharp, 0.3 soft).
    """
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(2, 5))
    whole = field(rng, shape, (rows, columns))
    # The finer field frays the border: scale and water do not end in smooth curves.
    whole += np.float32(0.25) * field(rng, shape, (rows * 5, columns * 5))
    level = float(np.quantile(whole[::8, ::8], 1.0 - share))
    return np.asarray(np.clip((whole - level) / softness + 0.5, 0.0, 1.0), np.float32)


@lru_cache(maxsize=1)
def _normal_table() -> Float32Array:
    return np.random.default_rng(20260501).standard_normal((_TABLE_PX, _TABLE_PX), np.float32)


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Float32Array:
    """Independent normal numbers (H, W), mean 0, deviation 1; tiles larger than the table are drawn anew."""
    height, width = shape
    if height > _TABLE_PX or width > _TABLE_PX:
        return rng.standard_normal(shape, np.float32)
    top = int(rng.integers(_TABLE_PX - height + 1))
    left = int(rng.integers(_TABLE_PX - width + 1))
    cut = _normal_table()[top : top + height, left : left + width]
    return cut[:: int(rng.integers(2)) * 2 - 1, :: int(rng.integers(2)) * 2 - 1]
