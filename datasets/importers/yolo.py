"""A YOLO set: `data.yaml` with names and splits, `images/` and `labels/` beside each other.

Neighbours: `importers.yolo_labels` reads one label file, `importers.walk` pairs.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from datasets.errors import DataError
from datasets.importers.labelled import Labelled
from datasets.importers.walk import Unlabelled, pair
from datasets.importers.yolo_labels import read_yolo_labels
from datasets.pictures import list_pictures, read_picture

_SPLITS = ("train", "val", "test")


class _Yaml(BaseModel):
    model_config = ConfigDict(extra="ignore")
    path: str = ""
    train: str | list[str] | None = None
    val: str | list[str] | None = None
    test: str | list[str] | None = None
    names: list[str] | dict[int, str]

    def labels(self, where: Path) -> list[str]:
        if isinstance(self.names, list):
            return self.names
        if sorted(self.names) != list(range(len(self.names))):
            raise DataError("the class numbers in 'names' have holes", where=str(where), todo="number from 0")
        return [self.names[number] for number in range(len(self.names))]


def import_yolo(
    folder: Path, unlabelled: Unlabelled, *, labels: list[str] | None = None
) -> tuple[list[Labelled], list[str]]:
    """Read a YOLO set; returns its pictures and its labels in class order.

    Without `data.yaml` the folder holds `images/` and `labels/`, and `labels` must be given. The splits that
    `data.yaml` names come along as the pictures' own.

    Raises:
        DataError: no names, a split's folder is missing, or anything is broken or contradictory.
    """
    path = folder / "data.yaml"
    if not path.is_file():
        if not labels:
            raise DataError(
                "there is no data.yaml, so nobody knows what the classes are called",
                where=str(folder),
                todo="give --labels name0,name1,...",
            )
        return _folder(folder / "images", folder / "labels", folder, labels, None, unlabelled), labels
    content = _read(path)
    names = labels or content.labels(path)
    root = folder / content.path if content.path and (folder / content.path).is_dir() else folder
    found: list[Labelled] = []
    for split in _SPLITS:
        places = getattr(content, split)
        for place in [places] if isinstance(places, str) else places or []:
            images = _place(root, place, path)
            notes = Path(*("labels" if part == "images" else part for part in images.parts))
            found += _folder(images, notes, folder, names, split, unlabelled)
    return found, list(names)


def _place(root: Path, place: str, where: Path) -> Path:
    """The folder that a line of data.yaml names. Roboflow writes `../train/images` for `train/images`."""
    for candidate in (root / place, root / place.removeprefix("../")):
        if candidate.is_dir():
            return candidate
    raise DataError(f"the folder {place} is missing", where=str(where), todo="copy the whole set")


def _folder(
    images: Path, notes: Path, root: Path, labels: list[str], split: str | None, unlabelled: Unlabelled
) -> list[Labelled]:
    if not notes.is_dir():
        raise DataError("the folder of labels is missing", where=str(notes), todo="copy the whole set")
    found = []
    for picture, path in pair(list_pictures(images), notes.rglob("*.txt"), images, unlabelled):
        height_px, width_px = read_picture(picture).shape[:2]
        boxes = read_yolo_labels(path, labels, width_px, height_px) if path is not None else ()
        fields: dict[str, object] = {} if split is None else {"split": split}
        name = picture.relative_to(root).as_posix()
        found.append(Labelled(picture, name, width_px, height_px, boxes, fields))
    return found


def _read(path: Path) -> _Yaml:
    try:
        return _Yaml.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(
            f"data.yaml cannot be read: {error}", where=str(path), todo="it needs 'names' and 'train'"
        ) from error
