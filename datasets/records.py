"""Labelled pictures as records, and COCO as the form they are kept in.

One data set is one folder: `coco.json` and the pictures it names. Beside COCO's own
keys an image carries `group` (pictures of one ball, or of one stretch of rail, share it;
a split never parts a group), `source`, `licence`, `sensor`, `origin`, `label` (of the whole
picture) and `split`. Neighbours: importers and renderers write such folders, `training`
and `training.evaluation` read them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vision.errors import ConfigError

COCO_FILE = "coco.json"
#: Digits behind the point of a box's size, so that corner plus size gives the other corner again.
_DIGITS = 6
Split = Literal["train", "val", "test", "guard"]
"""`guard`: between two splits, used by neither (frames next to a border of blocks)."""
Origin = Literal["real", "rendered", "composed"]
"""`composed`: marks laid onto a real or rendered picture; its boxes say which by their own origin."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoxRecord(_Strict):
    """One labelled box; `xyxy_px` in the picture, `area_px` pixels that belong to the object.

    `fine`: the finer class, where the source knows one. `polygons_px`: outlines, each
    x1, y1, x2, y2, ... `origin`: what the mark itself is ("procedural": drawn by a formula).
    `width_mm`, `length_mm`: true size of a rendered mark. `attributes`: whatever a labelling tool attached.
    """

    label: str
    xyxy_px: tuple[float, float, float, float]
    area_px: Annotated[int, Field(ge=0)]
    fine: str | None = None
    polygons_px: tuple[tuple[float, ...], ...] = ()
    origin: Literal["real", "rendered", "procedural", "patch"] = "real"
    width_mm: float | None = None
    length_mm: float | None = None
    attributes: dict[str, str | float | bool] = {}


class SampleRecord(_Strict):
    """One picture and what is in it; `file` is relative to the data set's folder.

    `sequence` and `frame`: pictures of one recording with neighbouring numbers show neighbouring
    places; the audit looks for them across splits. `truth`: figures known from rendering, units in
    their names (`diameter_mean_mm`, `roundness_mm`, `crack_width_px`, ...).
    """

    file: str
    width_px: Annotated[int, Field(ge=1)]
    height_px: Annotated[int, Field(ge=1)]
    group: str
    source: str
    label: str
    split: Split
    boxes: tuple[BoxRecord, ...] = ()
    licence: str = ""
    sensor: str = ""
    origin: Origin = "rendered"
    mm_per_px: float | None = None
    sequence: str = ""
    frame: int | None = None
    truth: dict[str, str | float | bool | None] = {}


class DataSet(_Strict):
    """A data set: its labels in class order, how it was made, and its samples."""

    labels: tuple[str, ...] = Field(min_length=1)
    info: dict[str, object] = {}
    samples: tuple[SampleRecord, ...]

    def of_split(self, split: Split) -> tuple[SampleRecord, ...]:
        """The samples of one split, in order."""
        return tuple(sample for sample in self.samples if sample.split == split)


class _CocoImage(_Strict):
    id: int
    file_name: str
    width: int
    height: int
    group: str
    source: str
    label: str
    split: Split
    licence: str = ""
    sensor: str = ""
    origin: Origin = "rendered"
    mm_per_px: float | None = None
    sequence: str = ""
    frame: int | None = None
    truth: dict[str, str | float | bool | None] = {}


class _CocoAnnotation(_Strict):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int = 0
    segmentation: tuple[tuple[float, ...], ...] = ()
    fine: str | None = None
    origin: Literal["real", "rendered", "procedural", "patch"] = "real"
    width_mm: float | None = None
    length_mm: float | None = None
    attributes: dict[str, str | float | bool] = {}


class _CocoCategory(_Strict):
    id: int
    name: str


class _Coco(_Strict):
    info: dict[str, object]
    images: tuple[_CocoImage, ...]
    annotations: tuple[_CocoAnnotation, ...]
    categories: tuple[_CocoCategory, ...]


def split_of(group: str, seed: int, val_share: float) -> Split:
    """The split of a group: from a hash of its name, so that it never depends on order or count."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return "val" if int.from_bytes(digest[:8], "big") / 2**64 < val_share else "train"


def write_coco(data: DataSet, folder: Path) -> Path:
    """Write `coco.json` into the folder, whole or not at all; returns its path.

    The same data give the same bytes. Corners are kept to 1e-6 px.

    Raises:
        ConfigError: it cannot be written.
    """
    ids = {label: index + 1 for index, label in enumerate(data.labels)}
    images: list[_CocoImage] = []
    annotations: list[_CocoAnnotation] = []
    for number, sample in enumerate(data.samples, start=1):
        images.append(
            _CocoImage(
                id=number,
                file_name=sample.file,
                width=sample.width_px,
                height=sample.height_px,
                group=sample.group,
                source=sample.source,
                label=sample.label,
                split=sample.split,
                licence=sample.licence,
                sensor=sample.sensor,
                origin=sample.origin,
                mm_per_px=sample.mm_per_px,
                sequence=sample.sequence,
                frame=sample.frame,
                truth=sample.truth,
            )
        )
        for box in sample.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            annotations.append(
                _CocoAnnotation(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=ids[box.label],
                    bbox=(x1, y1, round(x2 - x1, _DIGITS), round(y2 - y1, _DIGITS)),
                    area=float(box.area_px),
                    segmentation=box.polygons_px,
                    fine=box.fine,
                    origin=box.origin,
                    width_mm=box.width_mm,
                    length_mm=box.length_mm,
                    attributes=box.attributes,
                )
            )
    coco = _Coco(
        info=data.info,
        images=tuple(images),
        annotations=tuple(annotations),
        categories=tuple(_CocoCategory(id=number, name=name) for name, number in ids.items()),
    )
    path = folder / COCO_FILE
    part = path.with_name(f".{COCO_FILE}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(coco.model_dump(mode="json")) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ConfigError(
            f"the data set cannot be written: {error}", where=str(path), todo="make room on the disk"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def read_coco(folder: Path, *, check_groups: bool = True) -> DataSet:
    """Read a data set's `coco.json`.

    Args:
        folder: holds it.
        check_groups: refuse a group that lies in two splits; the audit reads such sets too, and names them.

    Raises:
        ConfigError: it cannot be read, does not fit, or parts a group between splits.
    """
    path = folder / COCO_FILE
    todo = "make the set again with 'ferrogate data render-balls'"
    try:
        coco = _Coco.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"the data set cannot be read: {error}", where=str(path), todo=todo) from error
    names = {category.id: category.name for category in coco.categories}
    boxes: dict[int, list[BoxRecord]] = {image.id: [] for image in coco.images}
    for note in coco.annotations:
        if note.image_id not in boxes or note.category_id not in names:
            raise ConfigError(f"annotation {note.id} names no image or category", where=str(path), todo=todo)
        x, y, width, height = note.bbox
        boxes[note.image_id].append(
            BoxRecord(
                label=names[note.category_id],
                xyxy_px=(x, y, round(x + width, _DIGITS), round(y + height, _DIGITS)),
                area_px=round(note.area),
                fine=note.fine,
                polygons_px=note.segmentation,
                origin=note.origin,
                width_mm=note.width_mm,
                length_mm=note.length_mm,
                attributes=note.attributes,
            )
        )
    samples = tuple(
        SampleRecord(
            file=image.file_name,
            width_px=image.width,
            height_px=image.height,
            group=image.group,
            source=image.source,
            label=image.label,
            split=image.split,
            boxes=tuple(boxes[image.id]),
            licence=image.licence,
            sensor=image.sensor,
            origin=image.origin,
            mm_per_px=image.mm_per_px,
            sequence=image.sequence,
            frame=image.frame,
            truth=image.truth,
        )
        for image in coco.images
    )
    if check_groups:
        _check_groups(samples, path)
    return DataSet(labels=tuple(names[key] for key in sorted(names)), info=coco.info, samples=samples)


def _check_groups(samples: Iterable[SampleRecord], path: Path) -> None:
    seen: dict[str, str] = {}
    for sample in samples:
        if seen.setdefault(sample.group, sample.split) != sample.split:
            raise ConfigError(
                f"group {sample.group} is in both splits",
                where=str(path),
                todo="split by group: pictures of one ball belong together",
            )


def data_sha256(folder: Path, data: DataSet) -> str:
    """The data set's version: see `datasets.versions.version_of`, which this calls.

    Raises:
        DataError: a picture cannot be read.
    """
    # Imported here because versions is built on these records.
    from datasets.versions import version_of

    return version_of(folder, data)
