"""Rows of a picture moved sideways, so that a rail stands upright; pictures of any length.

OpenCV moves pictures of at most 32,766 rows at once; a scan of a whole rail has more, and goes in parts.
Neighbours: `vision.rail_head` looks at the rail so, `vision.rail_strip` cuts its strip so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Pixels = TypeVar("Pixels", np.uint8, np.float32)

#: Rows moved at once.
_MOST_ROWS = 16_384


def slanted_rows(
    grey: npt.NDArray[Pixels], left_px: float, slope: float, wide_px: int
) -> npt.NDArray[Pixels]:
    """Row y from column `left_px + slope * y` on, `wide_px` columns; black beside the picture.

    Args:
        grey: (H, W) uint8 or float32.
        left_px, slope: where the rows begin, pixels and pixels a row.
        wide_px: columns to take.

    Returns:
        (H, wide_px), of the same type.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    parts = []
    for top in range(0, grey.shape[0], _MOST_ROWS):
        part = grey[top : top + _MOST_ROWS]
        shift = np.array([[1.0, slope, left_px + slope * top], [0.0, 1.0, 0.0]])
        parts.append(
            cv2.warpAffine(
                part,
                shift,
                (wide_px, part.shape[0]),
                flags=flags,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=0.0,
            )
        )
    return _joined(parts, grey)


def bent_rows(
    grey: npt.NDArray[Pixels], start_px: npt.NDArray[np.float64], wide_px: int, border: int
) -> npt.NDArray[Pixels]:
    """Row y from column `start_px[y]` on, `wide_px` columns.

    Args:
        grey: (H, W) uint8 or float32.
        start_px: (H,) where the rows begin.
        wide_px: columns to take.
        border: what lies beside the picture (`cv2.BORDER_...`).

    Returns:
        (H, wide_px), of the same type.
    """
    parts = []
    for top in range(0, grey.shape[0], _MOST_ROWS):
        part = grey[top : top + _MOST_ROWS]
        start = start_px[top : top + _MOST_ROWS]
        columns = (start[:, None] + np.arange(wide_px)[None]).astype(np.float32)
        rows = np.repeat(np.arange(part.shape[0], dtype=np.float32)[:, None], wide_px, axis=1)
        parts.append(cv2.remap(part, columns, rows, cv2.INTER_LINEAR, borderMode=border, borderValue=0.0))
    return _joined(parts, grey)


def _joined(parts: Sequence[npt.NDArray[Any]], like: npt.NDArray[Pixels]) -> npt.NDArray[Pixels]:
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return np.asarray(whole, like.dtype)
