"""A picture of a rail as one straight strip of known width and brightness, and the strip as tiles.

Every sensor shows the head at another width, place and brightness. The detector is not to
learn that: the head is found, straightened, brought to `RailSpec.head_px` and its grey to
`RailSpec.level_grey`, column by column, so that what remains is what differs from its
neighbours along the rail. Training cuts its tiles here, as the edge does.
Neighbours: `vision.contract.RailSpec` says the sizes, `vision.rail` runs the detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.contract import RailSpec
from vision.preprocess import check_image
from vision.rail_head import RailHead as RailHead
from vision.rail_head import find_head as find_head
from vision.rail_rows import bent_rows, slanted_rows
from vision.types import Float32Array, UInt8Array

#: Columns darker than this share of the head are lifted no further: they are not steel in light.
_DARKEST_COLUMN = 0.35
#: Light along the rail within these shares of its median is no drift; beyond, it is brought to them ...
_DRIFT = (0.5, 1.6)
#: ... where that is so on this share of the rows: a flare or a frame's black end is no drift ...
_DRIFTING_SHARE = 0.3
#: ... by at most this factor: there is nothing to see in rows without light.
_LARGEST_GAIN = 4.0


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
            start = head.start_px((boxes[:, 1] + boxes[:, 3]) / 2.0)
            moved[:, 0::2] = (boxes[:, 0::2] - start[:, None]) * self.zoom + self.left_px
            moved[:, 1::2] = boxes[:, 1::2] * self.zoom
        else:
            start = head.start_px((boxes[:, 1] + boxes[:, 3]) / (2.0 * self.zoom))
            moved[:, 0::2] = (boxes[:, 0::2] - self.left_px) / self.zoom + start[:, None]
            moved[:, 1::2] = boxes[:, 1::2] / self.zoom
        return moved.astype(np.float32)


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
    straight = _straightened(grey.astype(np.float32), head, left / zoom, max(1, round(tile_px / zoom)))
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
    """One tile (tile_px, width) of a strip; a strip that is shorter goes on mirrored.

    Black below its end would look like a gap between two rails.
    """
    tile = strip[top_px : top_px + tile_px]
    if tile.shape[0] == tile_px:
        return tile
    return np.pad(tile, ((0, tile_px - tile.shape[0]), (0, 0)), mode="symmetric")


def _straightened(grey: Float32Array, head: RailHead, left_px: float, wide_px: int) -> Float32Array:
    """Rows moved sideways so that the head begins at column `left_px` in each of them; black beside them."""
    if not head.bends:
        return slanted_rows(grey, head.left_px - left_px, head.slope, wide_px)
    start = head.start_px(np.arange(grey.shape[0], dtype=np.float32)) - left_px
    return bent_rows(grey, start, wide_px, cv2.BORDER_CONSTANT)


def _levelled(strip: Float32Array, head: RailHead, spec: RailSpec) -> UInt8Array:
    columns = np.median(strip, axis=0)
    columns = np.asarray(cv2.blur(columns[None].astype(np.float32), (5, 1)), np.float32)[0]
    grey = max(head.grey, 0.5)
    base = np.maximum(columns, _DARKEST_COLUMN * grey) ** spec.flatten * grey ** (1.0 - spec.flatten)
    value = strip * (spec.level_grey / base)[None].astype(np.float32)
    value *= _evened(value, spec)[:, None]
    return np.asarray(np.clip(np.rint(value), 0.0, 255.0), np.uint8)


def _evened(value: Float32Array, spec: RailSpec) -> Float32Array:
    """Gain per row against light that drifts along the rail, smooth over two widths of the head.

    Drift inside `_DRIFT` is left alone: gaps, dirt and dark stretches are for the detector to see.
    """
    middle = value.shape[1] // 2
    half = max(1, min(middle, spec.head_px // 2))
    rows = np.median(value[:, middle - half : middle + half], axis=1).astype(np.float32)
    reach = min(2 * spec.head_px, len(rows)) | 1
    smooth = np.asarray(cv2.blur(rows[:, None], (1, reach), borderType=cv2.BORDER_REPLICATE), np.float32)
    drift = np.maximum(smooth[:, 0] / spec.level_grey, 1e-3)
    if np.mean((drift < _DRIFT[0]) | (drift > _DRIFT[1])) < _DRIFTING_SHARE:
        return np.ones(len(rows), np.float32)
    return np.asarray(np.minimum(np.clip(drift, *_DRIFT) / drift, _LARGEST_GAIN), np.float32)
