"""Labelled pictures with a detector's boxes beside the labels.

Neighbours: `matching` pairs the two, everything else in this package counts the pairs. How a picture
becomes boxes (crop of a ball, strip and tiles of a rail) is the caller's `look`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.errors import DataError
from datasets.pictures import read_picture
from datasets.records import DataSet, SampleRecord, Split
from datasets.synthetic.progress import tracked
from vision.errors import ConfigError
from vision.types import Detections, Float32Array, UInt8Array

IntArray = npt.NDArray[np.int64]
Look = Callable[[UInt8Array], Detections]
"""A picture, (H, W) mono8 or (H, W, 3) bgr8, to boxes in its own pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPicture:
    """One picture: its record, and what was found in it.

    Attributes:
        sample: the record; labels that the model has not are left out of `truth_*`.
        truth_xyxy_px: (K, 4) float32; `truth_class` (K,) indices into the model's labels;
            `truth_box` (K,) indices into `sample.boxes`.
        found: boxes in the same pixels.
    """

    sample: SampleRecord
    truth_xyxy_px: Float32Array
    truth_class: IntArray
    truth_box: IntArray
    found: Detections


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """All pictures of one split, in order, with the model's labels."""

    labels: tuple[str, ...]
    pictures: tuple[ScoredPicture, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of each picture."""
        return tuple(picture.sample.group for picture in self.pictures)

    def only(self, keep: Callable[[SampleRecord], bool]) -> Scored:
        """The pictures whose record `keep` takes."""
        return Scored(self.labels, tuple(picture for picture in self.pictures if keep(picture.sample)))


def scored_picture(sample: SampleRecord, found: Detections) -> ScoredPicture:
    """A record and the boxes found in its picture, side by side; the model's labels count."""
    ids = {label: index for index, label in enumerate(found.labels)}
    chosen = [(number, box) for number, box in enumerate(sample.boxes) if box.label in ids]
    return ScoredPicture(
        sample,
        np.array([box.xyxy_px for _, box in chosen], np.float32).reshape(-1, 4),
        np.array([ids[box.label] for _, box in chosen], np.int64),
        np.array([number for number, _ in chosen], np.int64),
        found,
    )


def score_pictures(
    data: DataSet,
    splits: Sequence[Split],
    folder: Path,
    look: Look,
    labels: tuple[str, ...],
    *,
    progress: bool = False,
) -> Scored:
    """Run a detector over the pictures of some splits.

    Args:
        data: records; their files lie in `folder`.
        splits: which of its splits.
        folder: of the data set.
        look: picture to boxes in its pixels; its labels must be `labels`.
        labels: the model's, in class order.
        progress: show a bar on a terminal.

    Raises:
        ConfigError: there is no picture in these splits, or one cannot be read or is of another size.
    """
    samples = [sample for sample in data.samples if sample.split in splits]
    if not samples:
        raise ConfigError(
            f"there are no pictures in the split {' or '.join(splits)}",
            where=str(folder),
            todo="build the set again, or give another one with --data",
        )
    what = f"looking at {samples[0].source}"
    pictures = tuple(
        scored_picture(sample, look(read_sample(folder, sample)))
        for sample in tracked(samples, what, total=len(samples), show=progress)
    )
    return Scored(labels, pictures)


def read_sample(folder: Path, sample: SampleRecord) -> UInt8Array:
    """A sample's picture as stored: (H, W) or (H, W, 3) uint8.

    Raises:
        DataError: it cannot be read, or has another size than its record says.
    """
    image = read_picture(folder / sample.file)
    height, width = image.shape[:2]
    if (width, height) != (sample.width_px, sample.height_px):
        raise DataError(
            f"the picture has {width}x{height} pixels, its record says {sample.width_px}x{sample.height_px}",
            where=str(folder / sample.file),
            todo="build the set again",
        )
    return image


def require_labels(data: DataSet, splits: Sequence[Split], labels: Sequence[str], where: str) -> None:
    """Refuse a model and a set that do not belong together, and a split that lacks a class.

    Raises:
        ConfigError: the set has no picture in these splits, has a label that the model has not,
            or shows one of the model's labels nowhere in these splits.
    """
    strangers = sorted(set(data.labels) - set(labels))
    if strangers:
        raise ConfigError(
            f"the model does not know these labels of the data set: {', '.join(strangers)}",
            where=where,
            todo="give the data set of the model's own station",
        )
    samples = [sample for sample in data.samples if sample.split in splits]
    if not samples:
        raise ConfigError(
            f"the {' and '.join(splits)} split is empty", where=where, todo="build the set again"
        )
    shown = Counter(box.label for sample in samples for box in sample.boxes)
    missing = [label for label in labels if not shown[label]]
    if missing:
        raise ConfigError(
            f"the {' and '.join(splits)} split shows no {', '.join(missing)}: nothing can be said of it",
            where=where,
            todo="put pictures of it into the split, whole groups at a time",
        )
