"""A picture of a rail as one straight strip of known width and brightness, and the strip as tiles.

Every sensor shows the head at another width, place and brightness. The detector is not to
learn that: the head is found, straightened, brought to `RailSpec.head_px` and its grey to
`RailSpec.level_grey`, column by column, so that what remains is what differs from its
neighbours along the rail. Training cuts its tiles here, as the edge does.
Neighbours: `vision.contract.RailSpec` says the sizes, `vision.rail` runs the detector.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vision.contract import RailSpec
from vision.preprocess import check_image
from vision.types import Float32Array, UInt8Array

#: A column belongs to the head when its median grey reaches this share of the brightest columns'.
_HEAD_SHARE = 0.25
#: Columns darker than this share of the head are lifted no further: they are not steel in light.
_DARKEST_COLUMN = 0.35
_BANDS = 16
#: A head narrower than this share of the picture, or than `_LEAST_PX`, is no head.
_LEAST_SHARE = 0.04
_LEAST_PX = 24


@dataclass(frozen=True, slots=True)
class RailHead:
    """Where the head lies: `left_px + slope * y`, `width_px` wide; `grey` its median, 0..255.

    `found` False: nothing in the picture stands out as a head, and its whole width is taken.
    """

    left_px: float
    slope: float
    width_px: float
    grey: float
    found: bool


@dataclass(frozen=True, slots=True)
class RailStrip:
    """A straightened, levelled rail: `pixels` (h, w) uint8, the head in the middle columns."""

    pixels: UInt8Array
    head: RailHead
    zoom: float
    """Strip pixels per picture pixel."""
    left_px: float
    """Strip column at which the head begins."""

    def to_strip(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) from picture to strip pixels."""
        return self._moved(xyxy_px, inward=True)

    def to_image(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) from strip to picture pixels."""
        return self._moved(xyxy_px, inward=False)

    def _moved(self, xyxy_px: Float32Array, *, inward: bool) -> Float32Array:
        boxes = np.asarray(xyxy_px, np.float32).reshape(-1, 4).astype(np.float64)
        moved = boxes.copy()
        head = self.head
        if inward:
            start = head.left_px + head.slope * (boxes[:, 1] + boxes[:, 3]) / 2.0
            moved[:, 0::2] = (boxes[:, 0::2] - start[:, None]) * self.zoom + self.left_px
            moved[:, 1::2] = boxes[:, 1::2] * self.zoom
        else:
            start = head.left_px + head.slope * (boxes[:, 1] + boxes[:, 3]) / (2.0 * self.zoom)
            moved[:, 0::2] = (boxes[:, 0::2] - self.left_px) / self.zoom + start[:, None]
            moved[:, 1::2] = boxes[:, 1::2] / self.zoom
        return moved.astype(np.float32)


def find_head(grey: UInt8Array) -> RailHead:
    """Find the rail head in a picture whose rows run across the rail.

    The brightest run of columns, band by band, joined by a straight line: the light of a line
    scanner lies on the head. A picture cut to the head alone is its own head.

    Args:
        grey: (H, W) uint8.

    Raises:
        ImageError: `grey` is no picture.
    """
    check_image(grey)
    height, width = grey.shape
    count = max(1, min(_BANDS, height // 16))
    edges = np.linspace(0, height, count + 1).astype(int)
    runs = [_brightest_run(grey[top:bottom]) for top, bottom in pairwise(edges)]
    seen = [
        (left, right, (top + bottom) / 2.0)
        for (left, right), (top, bottom) in zip(runs, pairwise(edges), strict=True)
        if right - left >= max(_LEAST_PX, _LEAST_SHARE * width)
    ]
    if len(seen) * 2 < count:
        return RailHead(0.0, 0.0, float(width), _median(grey), found=False)
    left, right, middle = (np.array(column, np.float64) for column in zip(*seen, strict=True))
    head_width = float(np.median(right - left))
    # The centre moves less than either edge when dirt hides a part of the head.
    slope = _slope(middle, (left + right) / 2.0)
    start = float(np.median((left + right) / 2.0 - slope * middle)) - head_width / 2.0
    first, last = max(0, int(start)), min(width, int(start + head_width) + 1)
    return RailHead(start, slope, head_width, _median(grey[:, first:last]), found=True)


def make_strip(image: UInt8Array, spec: RailSpec, tile_px: int, head: RailHead | None = None) -> RailStrip:
    """Straighten and level a rail.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8; rows run across the rail.
        spec: the contract's.
        tile_px: width of the strip; what the picture does not show of it is black.
        head: where the head lies; None: it is looked for.

    Raises:
        ImageError: `image` is no picture.
    """
    check_image(image)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8) if image.ndim == 3 else image
    head = find_head(grey) if head is None else head
    zoom = min(spec.head_px / head.width_px, spec.largest_zoom)
    left = (tile_px - head.width_px * zoom) / 2.0
    height = grey.shape[0]
    # Rows are shifted at full size, the strip is made smaller by area afterwards: rounding to
    # whole greys before the levelling would show as steps in a picture of mean grey 12.
    wide = max(1, round(tile_px / zoom))
    shift = np.array([[1.0, head.slope, head.left_px - left / zoom], [0.0, 1.0, 0.0]])
    straight = cv2.warpAffine(
        grey.astype(np.float32),
        shift,
        (wide, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0.0,
    )
    how = cv2.INTER_AREA if zoom < 1.0 else cv2.INTER_LINEAR
    size = (tile_px, max(1, round(height * zoom)))
    strip = np.asarray(cv2.resize(straight, size, interpolation=how), np.float32)
    return RailStrip(_levelled(strip, head, spec), head, zoom, left)


def tile_tops(height_px: int, tile_px: int, overlap_px: int) -> tuple[int, ...]:
    """First rows of the tiles that cover a strip; the last one ends with the strip where that is long enough.

    Raises:
        ValueError: the overlap leaves no step.
    """
    step = tile_px - overlap_px
    if step < 1:
        raise ValueError(f"tiles of {tile_px} rows cannot overlap by {overlap_px}")
    if height_px <= tile_px:
        return (0,)
    return (*range(0, height_px - tile_px, step), height_px - tile_px)


def cut_tile(strip: UInt8Array, top_px: int, tile_px: int) -> UInt8Array:
    """One tile (tile_px, width) of a strip; below its end it is black."""
    tile = strip[top_px : top_px + tile_px]
    if tile.shape[0] == tile_px:
        return tile
    return np.pad(tile, ((0, tile_px - tile.shape[0]), (0, 0)))


def _brightest_run(band: UInt8Array) -> tuple[int, int]:
    """Widest run of columns in light, as (first, behind the last)."""
    profile = np.median(band, axis=0).astype(np.float32)
    smooth = np.asarray(cv2.blur(profile[None], (max(3, band.shape[1] // 64) | 1, 1)), np.float32)[0]
    lit = smooth > _HEAD_SHARE * float(np.percentile(smooth, 99))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lit.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    starts, ends = edges[0::2], edges[1::2]
    widest = int(np.argmax(ends - starts))
    return int(starts[widest]), int(ends[widest])


def _slope(y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> float:
    """Theil-Sen: the median of all slopes between two bands, which a few wrong bands do not move."""
    if len(y) < 3:
        return 0.0
    i, j = np.triu_indices(len(y), 1)
    return float(np.median((x[j] - x[i]) / (y[j] - y[i])))


def _median(grey: UInt8Array) -> float:
    # Few grey levels in the dark: the median of whole numbers would jump by a tenth.
    low, high = np.percentile(grey, (40, 60))
    inner = grey[(grey >= low) & (grey <= high)]
    return float(inner.mean()) if inner.size else float(grey.mean())


def _levelled(strip: Float32Array, head: RailHead, spec: RailSpec) -> UInt8Array:
    columns = np.median(strip, axis=0)
    columns = np.asarray(cv2.blur(columns[None].astype(np.float32), (5, 1)), np.float32)[0]
    grey = max(head.grey, 0.5)
    base = np.maximum(columns, _DARKEST_COLUMN * grey) ** spec.flatten * grey ** (1.0 - spec.flatten)
    value = strip * (spec.level_grey / base)[None].astype(np.float32)
    return np.asarray(np.clip(np.rint(value), 0.0, 255.0), np.uint8)
