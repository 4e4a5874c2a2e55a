"""The plant's own rails: rail400's whole frames, with the split that is never another.

Labels are defect, dirt and gap; the finer class of the eight-class version is in `fine`. Two frames share a
group where they may show one thing: frames of one recording whose numbers lie close together, and
the repeated passes over one stretch. Neighbours: `build.rail` makes the whole rail data.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from datasets.build.steel_picture import files_of
from datasets.errors import DataError
from datasets.folders import place_file, whole_folder
from datasets.provenance import noted
from datasets.records import BoxRecord, DataSet, SampleRecord, Split, write_coco
from vision.contract import RAIL_LABELS

SPLIT_FILE = "splits/rail400_v1.csv"
#: Frames of one recording up to this far apart share a group: a mark on a border lies in two frames.
_NEIGHBOURS = 2
#: The two long recordings ran at one time, one on each rail of the track.
_LONG_RUNS = frozenset({"145647", "145648"})
#: Of one mark's boxes in the two label versions, drawn loosely: from here on nearly all classes agree.
_LEAST_IOU = 0.2
_LICENCE = "LGPL-3.0 file in its repository, no terms for the data"
_TODO = "copy rail400/ and splits/ again; the split is part of the data"


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Image(_Loose):
    id: int
    file_name: str
    width: int
    height: int


class _Note(_Loose):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float


class _Category(_Loose):
    id: int
    name: str


class _Labels(_Loose):
    images: tuple[_Image, ...]
    annotations: tuple[_Note, ...]
    categories: tuple[_Category, ...]

    def by_file(self) -> dict[str, list[BoxRecord]]:
        """The boxes of each picture, in the file's order."""
        names = {category.id: category.name for category in self.categories}
        files = {image.id: image.file_name for image in self.images}
        boxes: dict[str, list[BoxRecord]] = defaultdict(list)
        for note in self.annotations:
            x, y, width, height = note.bbox
            edges = (round(x, 3), round(y, 3), round(x + width, 3), round(y + height, 3))
            box = BoxRecord(label=names[note.category_id], xyxy_px=edges, area_px=round(note.area))
            boxes[files[note.image_id]].append(box)
        return boxes


@dataclass(frozen=True, slots=True)
class _Frame:
    file: str
    run: str
    camera: str
    number: int
    split: Split


def build_frames(source: Path, out: Path, *, command: str = "") -> DataSet:
    """Write the data set of whole frames; pictures are links or copies of the originals.

    Args:
        source: the folder of real pictures; `rail400` and `splits` are needed.
        out: folder of the set; one that is there is replaced when the new one is whole.
        command: that makes it, noted in the set.

    Raises:
        DataError: something is missing, broken or contradicts the split, or `out` cannot be written.
    """
    files_of(source, "rail400", "images/*.jpg")
    coarse = _labels(source / "rail400" / "annotations" / "nc3.json")
    fine = _labels(source / "rail400" / "annotations" / "nc8.json").by_file()
    frames = {frame.file: frame for frame in _frames(source / SPLIT_FILE)}
    groups = _groups(list(frames.values()))
    boxes = coarse.by_file()
    unlabelled = sorted(set(frames) - {image.file_name for image in coarse.images})
    if unlabelled:
        raise DataError(
            f"the split names {unlabelled[0]}, of which the labels know nothing",
            where=str(source / SPLIT_FILE),
            todo=_TODO,
        )
    samples = []
    with whole_folder(out) as folder:
        for image in sorted(coarse.images, key=lambda image: image.file_name):
            frame = frames.get(image.file_name)
            if frame is None:
                raise DataError(
                    f"the split does not name {image.file_name}", where=str(source / SPLIT_FILE), todo=_TODO
                )
            file = f"images/{image.file_name}"
            place_file(source / "rail400" / file, folder / file)
            found = _with_fine(boxes[image.file_name], fine.get(image.file_name, []))
            samples.append(_sample(image, frame, groups[image.file_name], file, found))
        info: dict[str, object] = {
            "description": "line scans of rail heads, whole frames",
            "sources": ["rail400"],
            "split": SPLIT_FILE,
        } | noted(command)
        data = DataSet(labels=RAIL_LABELS, info=info, samples=tuple(samples))
        write_coco(data, folder)
    return data


def _sample(
    image: _Image, frame: _Frame, group: str, file: str, boxes: tuple[BoxRecord, ...]
) -> SampleRecord:
    labels = {box.label for box in boxes}
    return SampleRecord(
        file=file,
        width_px=image.width,
        height_px=image.height,
        group=group,
        source="rail400",
        label=next((label for label in RAIL_LABELS if label in labels), "none"),
        split=frame.split,
        boxes=boxes,
        licence=_LICENCE,
        sensor="grey line scan of the rail head, dark",
        origin="real",
        sequence=f"{frame.run}{frame.camera}",
        frame=frame.number,
    )


def _labels(path: Path) -> _Labels:
    try:
        return _Labels.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the labels cannot be read: {error}", where=str(path), todo=_TODO) from error


def _frames(path: Path) -> list[_Frame]:
    splits: dict[str, Split] = {"train": "train", "val": "val", "guard": "guard", "test": "test"}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                _Frame(row["file"], row["run"], row["camera"], int(row["frame"]), splits[row["part"]])
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"the split cannot be read: {error!r}", where=str(path), todo=_TODO) from error


def _groups(frames: list[_Frame]) -> dict[str, str]:
    """A group for each file.

    In the long recordings both cameras count alike and see one place at one number: close numbers of either
    are one group, cut where the split changes. The short recordings before them are passes over one
    stretch, so each camera's are one group for each ten minutes of the clock.
    """
    groups: dict[str, str] = {}
    long = sorted((frame for frame in frames if frame.run in _LONG_RUNS), key=lambda frame: frame.number)
    for split in ("train", "val", "guard"):
        start, last = 0, -_NEIGHBOURS - 1
        for frame in (frame for frame in long if frame.split == split):
            if frame.number - last > _NEIGHBOURS:
                start = frame.number
            last = frame.number
            groups[frame.file] = f"rail400/1456-{split}-{start:03d}"
    for frame in frames:
        if frame.run not in _LONG_RUNS:
            groups[frame.file] = f"rail400/{frame.run[:3]}x-passes-{frame.camera}"
    return groups


def _with_fine(boxes: list[BoxRecord], finer: list[BoxRecord]) -> tuple[BoxRecord, ...]:
    """The boxes with the finer name of the box that overlaps each best; every finer box is used once."""
    overlaps = (
        (iou(one.xyxy_px, other.xyxy_px), i, j)
        for i, one in enumerate(boxes)
        for j, other in enumerate(finer)
    )
    pairs = sorted(overlaps, key=lambda pair: (-pair[0], pair[1], pair[2]))
    named: dict[int, int] = {}
    for value, i, j in pairs:
        if value >= _LEAST_IOU and i not in named and j not in named.values():
            named[i] = j
    return tuple(
        box.model_copy(update={"fine": finer[named[i]].label}) if i in named else box
        for i, box in enumerate(boxes)
    )


def iou(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Overlap of two boxes over their union, 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)
