"""The crops of a data set as arrays in the model's size, and what is varied while training.

Pictures go through `vision.preprocess.letterbox_image`, as on the edge. A ball has no
up or down, so every crop is turned by quarter turns and mirrored, which keeps boxes
exact; small zoom, shift, light and noise changes come on top. No mosaic: a crop is one
ball, whole and centred, and the model may rely on that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from datasets.records import DataSet, Split
from vision.contract import InputSpec
from vision.errors import ImageError
from vision.preprocess import letterbox_image
from vision.types import Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """`pictures` (N, S, S) uint8; per picture `boxes` (K, 4) xyxy in input pixels and `classes` (K,)."""

    pictures: UInt8Array
    boxes: tuple[Float32Array, ...]
    classes: tuple[npt.NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, slots=True)
class Batch:
    """`pictures` (B, S, S) uint8; `boxes` (K, 4) xyxy px, `classes` (K,), `owner` (K,) picture's index."""

    pictures: UInt8Array
    boxes: Float32Array
    classes: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]


def load_set(folder: Path, data: DataSet, split: Split, spec: InputSpec) -> LoadedSet:
    """Read one split into memory.

    Raises:
        ImageError: a picture cannot be read.
    """
    ids = {label: index for index, label in enumerate(data.labels)}
    pictures, boxes, classes = [], [], []
    for sample in data.of_split(split):
        grey = cv2.imread(str(folder / sample.file), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise ImageError(
                "a picture of the data set cannot be read",
                where=str(folder / sample.file),
                todo="make the set again",
            )
        picture, place = letterbox_image(np.asarray(grey, np.uint8), spec)
        pictures.append(picture)
        corners = np.array([box.xyxy_px for box in sample.boxes], np.float32).reshape(-1, 4)
        boxes.append(place.to_input(corners))
        classes.append(np.array([ids[box.label] for box in sample.boxes], np.int64))
    side = (spec.height_px, spec.width_px)
    stack = np.stack(pictures) if pictures else np.zeros((0, *side), np.uint8)
    return LoadedSet(stack, tuple(boxes), tuple(classes))


def batches(loaded: LoadedSet, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """One epoch of augmented batches in random order; a short batch comes only when it is the only one."""
    order = rng.permutation(len(loaded))
    full = max(size, len(order) // size * size)
    for begin in range(0, full, size):
        chosen = order[begin : begin + size]
        if not len(chosen):
            return
        made = [_varied(loaded.pictures[k], loaded.boxes[k], rng) for k in chosen]
        yield Batch(
            pictures=np.stack([picture for picture, _ in made]),
            boxes=np.concatenate([boxes for _, boxes in made]),
            classes=np.concatenate([loaded.classes[k] for k in chosen]),
            owner=np.repeat(np.arange(len(chosen)), [len(boxes) for _, boxes in made]),
        )


def turned(
    picture: UInt8Array, boxes: Float32Array, quarter_turns: int, mirrored: bool
) -> tuple[UInt8Array, Float32Array]:
    """Mirror left-right, then turn counter-clockwise by quarter turns; boxes (K, 4) follow exactly."""
    side = np.float32(picture.shape[0])
    x1, y1, x2, y2 = boxes.T
    if mirrored:
        picture = picture[:, ::-1]
        x1, x2 = side - x2, side - x1
    for _ in range(quarter_turns % 4):
        x1, y1, x2, y2 = y1, side - x2, y2, side - x1
    return np.ascontiguousarray(np.rot90(picture, quarter_turns)), np.stack([x1, y1, x2, y2], axis=1)


def _varied(
    picture: UInt8Array, boxes: Float32Array, rng: np.random.Generator
) -> tuple[UInt8Array, Float32Array]:
    picture, boxes = turned(picture, boxes, int(rng.integers(4)), bool(rng.random() < 0.5))
    side = picture.shape[0]
    if rng.random() < 0.7:
        zoom = rng.uniform(0.92, 1.08)
        shift = rng.uniform(-0.03, 0.03, 2) * side + (1.0 - zoom) * side / 2.0
        matrix = np.array([[zoom, 0.0, shift[0]], [0.0, zoom, shift[1]]])
        picture = np.asarray(
            cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        boxes = np.clip(boxes * zoom + np.concatenate([shift, shift]), 0.0, side).astype(np.float32)
    value = picture.astype(np.float32)
    if rng.random() < 0.8:
        value = (
            255.0
            * (value / 255.0) ** np.float32(np.exp(rng.uniform(-0.25, 0.25)))
            * np.float32(rng.uniform(0.8, 1.2))
        )
    if rng.random() < 0.3:
        value = np.asarray(cv2.GaussianBlur(value, (0, 0), rng.uniform(0.4, 1.0)), np.float32)
    if rng.random() < 0.5:
        value += rng.standard_normal(value.shape, np.float32) * np.float32(rng.uniform(0.5, 5.0))
    return np.clip(value, 0.0, 255.0).astype(np.uint8), boxes
