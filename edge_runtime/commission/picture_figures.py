"""Live figures of a camera while a technician turns lamp and lens: level, evenness, marks, edge width.

Pure functions of pictures. The marks are found, not believed: dark round spots, the size of nails'
heads, at the rims of the empty picture. Neighbours: `vision.health` measures a known mark,
`steps_camera` shows the figures and keeps the marks for the station file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt

from vision.health import background_level, read_mark
from vision.silhouette import as_grey
from vision.types import UInt8Array

Mark = tuple[float, float, float]
#: a mark is this dark against the background, this large, and this round
_MARK_DEPTH_SHARE = 0.35
_MARK_RADIUS_PX = (2.5, 24.0)
_MARK_SIDES, _MARK_FILL = (0.7, 1.4), 0.6
#: the background around a mark, times its radius
_APART_RADII = 1.5
_EVEN_COLUMNS, _EVEN_ROWS = 12, 6
_SEEN_SHARE = 0.6
#: a picture is looked at this far from its marks for their edges, px
_LOOK_PX = 6.0


@dataclass(frozen=True, slots=True)
class LightFigures:
    """Light of one picture: level and evenness of the background, share of clipped pixels."""

    background: float
    evenness_share: float
    clipped_share: float


def light_figures(empty: UInt8Array, marks: Sequence[Mark] = ()) -> LightFigures:
    """Light of an empty picture.

    Args:
        empty: (H, W) or (H, W, 3) without balls.
        marks: left out.
    """
    grey = as_grey(empty)
    clear = np.ones(grey.shape, bool)
    rows, columns = np.ogrid[: grey.shape[0], : grey.shape[1]]
    for x_px, y_px, radius_px in marks:
        clear &= np.hypot(columns + 0.5 - x_px, rows + 0.5 - y_px) > _APART_RADII * radius_px + 3.0
    level = background_level(empty)
    fields = []
    for row in np.array_split(np.arange(grey.shape[0]), _EVEN_ROWS):
        for column in np.array_split(np.arange(grey.shape[1]), _EVEN_COLUMNS):
            part = grey[row[0] : row[-1] + 1, column[0] : column[-1] + 1]
            seen = clear[row[0] : row[-1] + 1, column[0] : column[-1] + 1]
            if np.count_nonzero(seen) >= _SEEN_SHARE * seen.size:
                fields.append(float(np.median(part[seen])))
    middle = median(fields) if fields else level
    evenness = (max(fields) - min(fields)) / max(middle, 1.0) if fields else 1.0
    return LightFigures(level, evenness, float(np.count_nonzero(grey >= 254)) / grey.size)


def background_bgr(empty: UInt8Array) -> tuple[float, float, float] | None:
    """Background level of each channel; None for a mono picture."""
    if empty.ndim != 3:
        return None
    blue, green, red = (background_level(np.ascontiguousarray(empty[..., index])) for index in range(3))
    return blue, green, red


def empty_picture(pictures: Sequence[UInt8Array]) -> UInt8Array:
    """Median of pictures at many belt positions: balls, which move, are gone; marks stay.

    Args:
        pictures: of one shape, at least three, no place covered by balls in half of them.

    Raises:
        ValueError: fewer than three.
    """
    if len(pictures) < 3:
        raise ValueError("a median of at least three pictures is needed")
    middle = len(pictures) // 2
    # Half a grey level does not matter here, and a partition costs a fifth of a median.
    seen: UInt8Array = np.partition(np.stack(pictures), middle, axis=0)[middle]
    return seen


def find_marks(empty: UInt8Array) -> tuple[Mark, ...]:
    """Dark round marks of an empty picture: x_px, y_px, radius_px, left to right.

    The radius is that of a disc with the mark's area at half depth.
    """
    grey = as_grey(empty)
    level = background_level(empty)
    depth = np.clip(level - grey.astype(np.float32), 0.0, None)
    dark = (depth > _MARK_DEPTH_SHARE * level).astype(np.uint8)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    found = [_as_mark(depth, boxes[index], grey.shape) for index in range(1, count)]
    return tuple(sorted(mark for mark in found if mark is not None))


def _as_mark(
    depth: npt.NDArray[np.float32], box: npt.NDArray[np.int32], shape: tuple[int, ...]
) -> Mark | None:
    x, y, width, height, area = (int(value) for value in box)
    if x <= 0 or y <= 0 or x + width >= shape[1] or y + height >= shape[0]:
        return None
    if not _MARK_SIDES[0] <= width / height <= _MARK_SIDES[1] or area < _MARK_FILL * width * height:
        return None
    if not _MARK_RADIUS_PX[0] <= (area / np.pi) ** 0.5 <= _MARK_RADIUS_PX[1]:
        return None
    reach = max(width, height) // 2 + 4
    x0, x1 = max(0, x - reach), min(shape[1], x + width + reach)
    y0, y1 = max(0, y - reach), min(shape[0], y + height + reach)
    part = depth[y0:y1, x0:x1]
    full = float(np.percentile(part[part > 0.5 * part.max()], 75))
    # Half depth and the ramp beside it: the same weights by which `read_mark` finds the place later.
    weight = np.clip((part / full - 0.25) * 2.0, 0.0, 1.0)
    total = float(weight.sum())
    place_x = float((weight.sum(axis=0) * (np.arange(x0, x1) + 0.5)).sum()) / total
    place_y = float((weight.sum(axis=1) * (np.arange(y0, y1) + 0.5)).sum()) / total
    return place_x, place_y, float((total / np.pi) ** 0.5)


@dataclass(frozen=True, slots=True)
class MarkFigures:
    """Marks of one picture: how many were found, their contrast and edge width (10-90 %, medians)."""

    found: int
    contrast: float | None
    edge_px: float | None


def mark_figures(picture: UInt8Array, marks: Sequence[Mark]) -> MarkFigures:
    """How the marks look in a picture.

    Args:
        picture: (H, W) or (H, W, 3), with or without balls.
        marks: as `find_marks` gave them.
    """
    level = background_level(picture)
    readings = [read_mark(picture, mark, level, _LOOK_PX) for mark in marks]
    seen = [item for item in readings if item.edge_px is not None and not item.covered]
    if not seen:
        return MarkFigures(0, None, None)
    edges = [item.edge_px for item in seen if item.edge_px is not None]
    return MarkFigures(len(seen), median(item.contrast for item in seen), median(edges))
