"""Frames of a rail set as levelled strips with their boxes, and the fixed tiles of a strip.

The one door from labelled frames to what the detector sees; training draws its tiles from
the strips, export calibrates and checks on `fixed_tiles`. Neighbours: `vision.rail_strip`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from datasets.records import DataSet, SampleRecord, Split
from vision.contract import RailSpec
from vision.errors import ImageError
from vision.rail_strip import cut_tile, make_strip, tile_tops
from vision.types import Float32Array, UInt8Array

#: A box of which less than this share lies in a tile is no example of its class...
LEAST_VISIBLE_SHARE = 0.25
#: ... unless this many pixels of it do: a long mark is seen in each of its tiles.
LEAST_VISIBLE_PX = 60.0
_LEAST_SIDE_PX = 2.0


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture (H, W) uint8 with its boxes (K, 4) xyxy in its pixels and their class indices (K,).

    `marks`: (H, W) uint8, 0 for nothing or class index + 1, where masks are known; else None.
    """

    file: str
    group: str
    pixels: UInt8Array
    boxes: Float32Array
    classes: npt.NDArray[np.int64]
    marks: UInt8Array | None = None


def read_grey(folder: Path, sample: SampleRecord) -> UInt8Array:
    """A picture of a data set as (H, W) uint8.

    Raises:
        ImageError: it cannot be read.
    """
    path = folder / sample.file
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ImageError(
            "a picture of the data set cannot be read", where=str(path), todo="build the set again"
        )
    return np.asarray(grey, np.uint8)


def load_strips(
    folder: Path, data: DataSet, split: Split, spec: RailSpec, tile_px: int, labels: tuple[str, ...]
) -> list[LabelledPicture]:
    """All frames of a split as levelled strips, `tile_px` wide; classes index `labels`.

    Raises:
        ImageError: a picture cannot be read.
    """
    found = []
    for sample in data.of_split(split):
        strip = make_strip(read_grey(folder, sample), spec, tile_px)
        corners = np.array([box.xyxy_px for box in sample.boxes], np.float32).reshape(-1, 4)
        classes = np.array([labels.index(box.label) for box in sample.boxes], np.int64)
        boxes = strip.to_strip(corners)
        found.append(LabelledPicture(sample.file, sample.group, strip.pixels, boxes, classes))
    return found


def fixed_tiles(
    strips: list[LabelledPicture], tile_px: int, overlap_px: int
) -> Iterator[tuple[str, UInt8Array, Float32Array, npt.NDArray[np.int64]]]:
    """The tiles that the edge would cut: name, tile (tile_px, W), boxes in it, classes."""
    for strip in strips:
        for top in tile_tops(strip.pixels.shape[0], tile_px, overlap_px):
            tile = cut_tile(strip.pixels, top, tile_px)
            moved = strip.boxes - np.array([0.0, top, 0.0, top], np.float32)
            boxes, keep = clip_boxes(moved, tile.shape[1], tile_px)
            yield f"{strip.file}@{top}", tile, boxes, strip.classes[keep]


def clip_boxes(
    boxes: Float32Array, width_px: int, height_px: int
) -> tuple[Float32Array, npt.NDArray[np.int64]]:
    """Boxes cut at a picture's border, and the indices of those of which enough is left.

    Args:
        boxes: (K, 4) xyxy; may lie outside.
        width_px: of the picture.
        height_px: of the picture.
    """
    limits = np.array([width_px, height_px, width_px, height_px], np.float32)
    cut = np.clip(boxes, 0.0, limits)
    size, before = cut[:, 2:] - cut[:, :2], np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    share = size.prod(axis=1) / before.prod(axis=1)
    enough = (share >= LEAST_VISIBLE_SHARE) | (size.max(axis=1, initial=0.0) >= LEAST_VISIBLE_PX)
    keep = np.flatnonzero(enough & (size.min(axis=1, initial=1e9) >= _LEAST_SIDE_PX))
    return cut[keep].astype(np.float32), keep
