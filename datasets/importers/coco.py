"""COCO of any tool: boxes and polygons; this project's own keys come along where they are there.

Neighbour: `datasets.records` reads and writes the COCO that this project keeps its data in.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from datasets.errors import DataError
from datasets.importers.labelled import Labelled, check_size, snapped
from datasets.pictures import list_pictures, read_picture
from datasets.records import BoxRecord, SampleRecord

#: Keys of an image that are the sample record's own; the rest of an outside file is left behind.
_OWN = frozenset(SampleRecord.model_fields) - {"file", "width_px", "height_px", "boxes"}
_OWN_OF_BOX = ("fine", "origin", "width_mm", "length_mm")


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Image(_Loose):
    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class _Note(_Loose):
    id: int = 0
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int = 0
    segmentation: object = ()
    attributes: dict[str, object] = {}


class _Category(_Loose):
    id: int
    name: str


class _File(_Loose):
    images: list[_Image]
    annotations: list[_Note]
    categories: list[_Category]


def import_coco(file: Path, images: Path) -> tuple[list[Labelled], list[str]]:
    """Read a COCO file; returns its pictures and its labels in the order of their numbers.

    Args:
        file: the JSON.
        images: the folder that its file names are looked for in, also by the bare name.

    Raises:
        DataError: broken JSON, a missing or resized picture, an annotation of no picture or category, a
            crowd region or a run-length mask (no box of one object).
    """
    content = _read(file)
    names = {category.id: category.name for category in content.categories}
    known = {image.id for image in content.images}
    notes: dict[int, list[_Note]] = defaultdict(list)
    for note in content.annotations:
        where = f"{file}, annotation {note.id}"
        if note.image_id not in known or note.category_id not in names:
            raise DataError(
                "the annotation names no image or no category", where=where, todo="export it again"
            )
        if note.iscrowd or isinstance(note.segmentation, dict):
            raise DataError(
                "the annotation is a crowd or a run-length mask", where=where, todo="export boxes or polygons"
            )
        notes[note.image_id].append(note)
    by_name = {path.name: path for path in list_pictures(images)}
    found = []
    for image in content.images:
        path = images / image.file_name
        if not path.is_file():
            path = by_name.get(Path(image.file_name).name, path)
        height_px, width_px = read_picture(path).shape[:2]
        check_size((image.width, image.height), width_px, height_px, str(path))
        boxes = tuple(
            _box(note, names[note.category_id], width_px, height_px, file) for note in notes[image.id]
        )
        fields = {key: value for key, value in (image.model_extra or {}).items() if key in _OWN}
        found.append(Labelled(path, image.file_name, width_px, height_px, boxes, fields))
    return found, [names[number] for number in sorted(names)]


def _box(note: _Note, label: str, width_px: int, height_px: int, file: Path) -> BoxRecord:
    x, y, width, height = note.bbox
    xyxy = snapped((x, y, x + width, y + height), width_px, height_px)
    area = note.area if note.area is not None else width * height
    own = {key: value for key, value in (note.model_extra or {}).items() if key in _OWN_OF_BOX}
    fields = {
        "label": label,
        "xyxy_px": xyxy,
        "area_px": max(0, round(area)),
        "polygons_px": note.segmentation or (),
        "attributes": note.attributes,
        **own,
    }
    try:
        return BoxRecord.model_validate(fields)
    except ValidationError as error:
        raise DataError(
            f"the annotation does not fit: {error}",
            where=f"{file}, annotation {note.id}",
            todo="export it again",
        ) from error


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"the COCO file cannot be read: {error}", where=str(path), todo="export it again"
        ) from error
