"""Draws training samples: windows of labelled pictures, moved about, as arrays in the model's size.

Every sample is a function of (seed, epoch, number), so that a run that was stopped goes on
with the very samples an unbroken one would have seen. Geometry is done here, light and
dirt in `training.augment`. Neighbours: `datasets.rail_tiles` makes the strips,
`training.engine` feeds the samples to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from datasets.rail_tiles import LabelledPicture, clip_boxes, load_strips, read_grey
from datasets.records import DataSet, SampleRecord, read_coco
from datasets.training_run import Faintest, StageSettings
from training.augment import Photometric, photometric
from vision.contract import LevelSpec, RailSpec
from vision.errors import ConfigError, ImageError
from vision.level import level_picture
from vision.types import Float32Array, UInt8Array

#: Mark of a pixel of which no mask says what it shows.
UNKNOWN_MARK = 255
#: A steel photograph is brought to this median grey, as a rail strip is.
_LEVEL_GREY = 110.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sample: `tile` (S, S) uint8, `boxes` (K, 4) xyxy px in it, `classes` (K,).

    `marks`: (S, S) uint8, 0 for nothing, class index + 1, or 255 where no mask says what is there.
    """

    tile: UInt8Array
    boxes: Float32Array
    classes: npt.NDArray[np.int64]
    marks: UInt8Array


@dataclass(frozen=True, slots=True)
class _Source:
    pictures: list[LabelledPicture]
    share: float
    #: (picture, box) pairs by class index, for samples round a box.
    by_class: dict[int, npt.NDArray[np.int64]]


class SampleMaker:
    """Draws the samples of one stage.

    Args:
        data: folder that holds the stage's sources.
        stage: what is drawn, how.
        labels: class order.
        input_px: side of a sample.
        rail: strips' sizes; needed by the kind "rail".
        seed: of every draw.
        level: what samples are brought to, as the contract will say it.

    Raises:
        ConfigError: a source is missing, empty or has other labels.
        ImageError: a picture cannot be read.
    """

    def __init__(
        self,
        data: Path,
        stage: StageSettings,
        labels: tuple[str, ...],
        input_px: int,
        rail: RailSpec | None,
        seed: int,
        level: LevelSpec | None = None,
    ) -> None:
        self._level = level
        self._stage, self._labels, self._side, self._seed = stage, labels, input_px, seed
        self._sources = [
            _load(data / source.folder, source.share, stage, labels, input_px, rail)
            for source in stage.sources
        ]
        shares = np.array([source.share for source in self._sources])
        self._shares = shares / shares.sum()
        self._photometric: Photometric = photometric(stage.kind)

    def __len__(self) -> int:
        return self._stage.samples_per_epoch

    @property
    def pictures(self) -> int:
        """Pictures drawn from."""
        return sum(len(source.pictures) for source in self._sources)

    def draw(self, epoch: int, number: int) -> Sample:
        """The sample of this number in this epoch."""
        rng = np.random.default_rng([self._seed, epoch, number])
        source = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
        picture, focus = self._choose(source, rng)
        sample = self._window(picture, focus, rng)
        seed = int(rng.integers(1 << 31))
        plain = self._stage.plain_share and rng.random() < self._stage.plain_share
        tile = sample.tile if plain else self._photometric(sample.tile, seed)
        if self._level is not None:
            tile = level_picture(tile, self._level)
        return Sample(tile, sample.boxes, sample.classes, sample.marks)

    def _choose(self, source: _Source, rng: np.random.Generator) -> tuple[LabelledPicture, int | None]:
        """A picture, and the box to be shown, or None for any place."""
        if source.by_class and rng.random() < self._stage.focus_share:
            classes = list(source.by_class)
            wanted = np.array([self._stage.label_shares.get(self._labels[k], 1.0) for k in classes])
            chosen = classes[int(rng.choice(len(classes), p=wanted / wanted.sum()))]
            pairs = source.by_class[chosen]
            picture, box = pairs[int(rng.integers(len(pairs)))]
            return source.pictures[picture], int(box)
        return source.pictures[int(rng.integers(len(source.pictures)))], None

    def _window(self, picture: LabelledPicture, focus: int | None, rng: np.random.Generator) -> Sample:
        stage, side = self._stage, self._side
        height, width = picture.pixels.shape
        zoom = float(np.exp(rng.uniform(*np.log(stage.zoom))))
        zoom_y = zoom * float(np.exp(rng.uniform(*np.log(stage.stretch))))
        if stage.kind == "ball":
            zoom = zoom_y = zoom * side / max(height, width)
            centre = np.array([width / 2.0, height / 2.0]) + rng.uniform(-0.03, 0.03, 2) * max(height, width)
        else:
            centre = self._centre(picture, focus, zoom, zoom_y, rng)
        turns, mirrored = self._turn(rng)
        matrix = _transform(centre, (zoom, zoom_y), side, turns, mirrored)
        border = cv2.BORDER_CONSTANT if stage.kind == "rail" else cv2.BORDER_REPLICATE
        how = cv2.INTER_LINEAR if min(zoom, zoom_y) > 0.7 else cv2.INTER_AREA
        pixels = picture.pixels
        if how == cv2.INTER_AREA:
            # warpAffine samples points: the picture is made smaller first, by area.
            shrink = max(min(zoom, zoom_y), 0.1)
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
            matrix = matrix @ np.diag([width / size[0], height / size[1], 1.0])
        # OpenCV counts from the middle of a pixel, boxes from its corner.
        by_index = _shift(-0.5) @ matrix @ _shift(0.5)
        tile = cv2.warpAffine(
            pixels, by_index[:2], (side, side), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=0
        )
        original = _transform(centre, (zoom, zoom_y), side, turns, mirrored)
        marks = _moved_marks(picture.marks, original, side)
        boxes, keep = clip_boxes(_moved(picture.boxes, original), side, side)
        return Sample(np.asarray(tile, np.uint8), boxes, picture.classes[keep], marks)

    def _turn(self, rng: np.random.Generator) -> tuple[int, bool]:
        """Quarter turns and mirroring: a rail keeps its direction, steel and balls have none."""
        mirrored = bool(rng.random() < 0.5)
        if self._stage.kind == "rail":
            return (0 if rng.random() < 0.5 else 2), mirrored
        return int(rng.integers(4)), mirrored

    def _centre(
        self,
        picture: LabelledPicture,
        focus: int | None,
        zoom: float,
        zoom_y: float,
        rng: np.random.Generator,
    ) -> npt.NDArray[np.float64]:
        height, width = picture.pixels.shape
        half = np.array([self._side / zoom / 2.0, self._side / zoom_y / 2.0])
        size = np.array([width, height], np.float64)
        if self._stage.kind == "rail":
            # The head stays near the middle, as the strip places it.
            low, high = size / 2.0 - 0.08 * size, size / 2.0 + 0.08 * size
            low[1], high[1] = min(half[1], height / 2.0), max(height - half[1], height / 2.0)
        else:
            low, high = np.minimum(half, size / 2.0), np.maximum(size - half, size / 2.0)
        centre = rng.uniform(low, np.maximum(high, low + 1e-6))
        if focus is None:
            return centre
        x1, y1, x2, y2 = picture.boxes[focus]
        around = np.array([(x1 + x2) / 2.0, (y1 + y2) / 2.0])
        # Anywhere in the tile, but not beyond it: where a mark lies must tell nothing.
        aimed = around + rng.uniform(-0.7, 0.7, 2) * half
        first = 1 if self._stage.kind == "rail" else 0
        centre[first:] = np.clip(aimed, low, np.maximum(high, low))[first:]
        return centre


def _load(
    folder: Path,
    share: float,
    stage: StageSettings,
    labels: tuple[str, ...],
    input_px: int,
    rail: RailSpec | None,
) -> _Source:
    data = read_coco(folder)
    strangers = sorted({box.label for sample in data.samples for box in sample.boxes} - set(labels))
    if strangers:
        raise ConfigError(
            f"the set has labels that are not trained: {', '.join(strangers)}",
            where=str(folder),
            todo=f"labels are: {', '.join(labels)}",
        )
    if not data.of_split("train"):
        raise ConfigError("the train split is empty", where=str(folder), todo="build a larger set")
    if stage.kind == "rail":
        if rail is None:
            raise ValueError("rail strips need a RailSpec")
        pictures = load_strips(folder, data, "train", rail, input_px, labels)
    else:
        pictures = _load_plain(folder, data, labels, stage)
    return _Source(pictures, share, _pairs(pictures))


def _load_plain(
    folder: Path, data: DataSet, labels: tuple[str, ...], stage: StageSettings
) -> list[LabelledPicture]:
    found = []
    for sample in data.of_split("train"):
        if stage.faintest is not None and _is_faint(sample, stage.faintest):
            continue
        grey = read_grey(folder, sample)
        if stage.kind == "steel":
            gain = np.float32(_LEVEL_GREY / max(float(np.median(grey)), 1.0))
            grey = np.asarray(np.clip(grey.astype(np.float32) * gain, 0.0, 255.0), np.uint8)
        corners = np.array([box.xyxy_px for box in sample.boxes], np.float32).reshape(-1, 4)
        classes = np.array([labels.index(box.label) for box in sample.boxes], np.int64)
        marks = _read_marks(folder, sample, classes)
        found.append(LabelledPicture(sample.file, sample.group, grey, corners, classes, marks))
    return found


def _is_faint(sample: SampleRecord, faintest: Faintest) -> bool:
    """Whether a render's mark is fainter than what is trained on; real pictures know no contrast."""
    contrast, noise, visible = (sample.truth.get(key) for key in ("contrast_grey", "noise_grey", "defect_px"))
    if not sample.boxes or contrast is None or noise is None or visible is None:
        return False
    return (
        float(contrast) < faintest.contrast_grey
        or float(contrast) < faintest.contrast_over_noise * float(noise)
        or float(visible) < faintest.visible_px
    )


def _pairs(pictures: Sequence[LabelledPicture]) -> dict[int, npt.NDArray[np.int64]]:
    pairs: dict[int, list[tuple[int, int]]] = {}
    for number, picture in enumerate(pictures):
        for box, label in enumerate(picture.classes):
            pairs.setdefault(int(label), []).append((number, box))
    return {label: np.array(pairs[label], np.int64) for label in sorted(pairs)}


def _transform(
    centre: npt.NDArray[np.float64], zoom: tuple[float, float], side: int, turns: int, mirrored: bool
) -> npt.NDArray[np.float64]:
    """Picture to tile, 3x3: centre to the middle, zoom, mirror, quarter turns."""
    flip = -1.0 if mirrored else 1.0
    scale = np.diag([zoom[0] * flip, zoom[1]])
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns]
    linear = np.array([[cosine, -sine], [sine, cosine]], np.float64) @ scale
    whole = np.eye(3)
    whole[:2, :2] = linear
    whole[:2, 2] = side / 2.0 - linear @ centre
    return whole


def _shift(by: float) -> npt.NDArray[np.float64]:
    return np.array([[1.0, 0.0, by], [0.0, 1.0, by], [0.0, 0.0, 1.0]])


def _moved_marks(marks: UInt8Array | None, matrix: npt.NDArray[np.float64], side: int) -> UInt8Array:
    """Marks under the transform of their picture; nothing is known of a picture without."""
    if marks is None:
        return np.full((side, side), UNKNOWN_MARK, np.uint8)
    by_index = _shift(-0.5) @ matrix @ _shift(0.5)
    moved = cv2.warpAffine(marks, by_index[:2], (side, side), flags=cv2.INTER_NEAREST, borderValue=0)
    return np.asarray(moved, np.uint8)


def _read_marks(folder: Path, sample: SampleRecord, classes: npt.NDArray[np.int64]) -> UInt8Array | None:
    """The masks of a render (its truth names the file): number of the box + 1 becomes class + 1.

    Raises:
        ImageError: the mask that is named cannot be read.
    """
    name = sample.truth.get("mask_file")
    if name is None:
        return (
            None
            if "ball_label" not in sample.truth
            else np.zeros((sample.height_px, sample.width_px), np.uint8)
        )
    numbered = cv2.imread(str(folder / str(name)), cv2.IMREAD_GRAYSCALE)
    if numbered is None:
        raise ImageError("a mask cannot be read", where=str(folder / str(name)), todo="build the set again")
    to_class = np.zeros(256, np.uint8)
    to_class[1 : len(classes) + 1] = classes + 1
    return np.asarray(to_class[numbered], np.uint8)


def _moved(boxes: Float32Array, matrix: npt.NDArray[np.float64]) -> Float32Array:
    """Boxes under a transform of quarter turns: exact."""
    corners = boxes.reshape(-1, 2, 2).astype(np.float64) @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
