"""The formats of `data import` and `data export`: one function each, called with the command's options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.errors import DataError

if TYPE_CHECKING:
    from datasets.importers.labelled import Labelled
    from datasets.records import DataSet


@dataclass(frozen=True, slots=True)
class Outside:
    """What an importer read: pictures, labels in class order, and what to note in the data set."""

    pictures: Sequence[Labelled]
    labels: Sequence[str]
    info: dict[str, object] = field(default_factory=dict)


def _named_labels(args: argparse.Namespace) -> list[str] | None:
    if args.labels is None:
        return None
    labels = [label.strip() for label in str(args.labels).split(",")]
    if not all(labels) or len(set(labels)) != len(labels):
        raise DataError("a class name is empty or there twice", where="--labels", todo="crack,pit,scratch")
    return labels


def _with_labels(pictures: Sequence[Labelled], args: argparse.Namespace) -> Outside:
    """The labels as given, else all that occur, by name."""
    drawn = {box.label for picture in pictures for box in picture.boxes}
    whole = {str(picture.fields["label"]) for picture in pictures if "label" in picture.fields and not drawn}
    labels = _named_labels(args) or sorted(drawn or whole)
    if not labels:
        raise DataError("no picture has a label", where=str(args.src), todo="give --labels")
    return Outside(pictures, labels)


def _folder(args: argparse.Namespace) -> Path:
    if not args.src.is_dir():
        raise DataError("there is no such folder", where=str(args.src), todo="give the folder of the set")
    return Path(args.src)


def _file(args: argparse.Namespace, *usual: str) -> tuple[Path, Path]:
    """The file of labels, and the folder of the pictures."""
    file: Path = args.src
    if file.is_dir():
        there = [file / name for name in usual if (file / name).is_file()]
        if not there:
            raise DataError(
                f"there is no {' and no '.join(usual)} here", where=str(file), todo="give the file of labels"
            )
        file = there[0]
    images: Path = args.images or (args.src if args.src.is_dir() else file.parent)
    if not images.is_dir():
        raise DataError("there is no such folder", where=str(images), todo="give --images FOLDER")
    return file, images


def _coco(args: argparse.Namespace) -> Outside:
    from datasets.importers.coco import import_coco

    pictures, labels = import_coco(*_file(args, "coco.json", "annotations.json", "_annotations.coco.json"))
    return Outside(pictures, _named_labels(args) or labels)


def _yolo(args: argparse.Namespace) -> Outside:
    from datasets.importers.yolo import import_yolo

    return Outside(*import_yolo(_folder(args), args.unlabelled, labels=_named_labels(args)))


def _voc(args: argparse.Namespace) -> Outside:
    from datasets.importers.per_picture import import_voc

    return _with_labels(import_voc(_folder(args), args.unlabelled, first_pixel=args.first_pixel), args)


def _labelme(args: argparse.Namespace) -> Outside:
    from datasets.importers.per_picture import import_labelme

    return _with_labels(import_labelme(_folder(args), args.unlabelled), args)


def _masks(args: argparse.Namespace) -> Outside:
    from datasets.importers.per_picture import import_masks

    pictures = import_masks(
        _folder(args), args.unlabelled, label=args.mask_label, join_px=args.join_px, least_px=args.least_px
    )
    return _with_labels(pictures, args)


def _class_folders(args: argparse.Namespace) -> Outside:
    from datasets.importers.per_picture import import_class_folders

    return _with_labels(import_class_folders(_folder(args)), args)


def _label_studio(args: argparse.Namespace) -> Outside:
    from datasets.label_studio.read import import_label_studio
    from datasets.label_studio.write import TASKS_FILE

    file, images = _file(args, TASKS_FILE)
    pictures, labels = import_label_studio(file, images, args.unlabelled, predictions=args.predictions)
    return Outside(pictures, _named_labels(args) or labels)


def _cvat(args: argparse.Namespace) -> Outside:
    from datasets.cvat.read import import_cvat
    from datasets.cvat.write import ANNOTATIONS_FILE

    pictures, labels = import_cvat(*_file(args, ANNOTATIONS_FILE))
    return Outside(pictures, _named_labels(args) or labels)


def _bundle(args: argparse.Namespace) -> Outside:
    from datasets.bundle import bundle_info, import_bundle, read_bundle

    pictures, labels = import_bundle(_folder(args))
    return Outside(pictures, _named_labels(args) or labels, bundle_info(read_bundle(args.src)[0]))


IMPORTS: dict[str, Callable[[argparse.Namespace], Outside]] = {
    "coco": _coco,
    "yolo": _yolo,
    "voc": _voc,
    "labelme": _labelme,
    "masks": _masks,
    "class-folders": _class_folders,
    "label-studio": _label_studio,
    "cvat": _cvat,
    "bundle": _bundle,
}


def _to_coco(data: DataSet, args: argparse.Namespace) -> Path:
    from datasets.exporters.plain import export_coco

    return export_coco(data, args.folder, args.out, show_progress=not args.json)


def _to_yolo(data: DataSet, args: argparse.Namespace) -> Path:
    from datasets.exporters.plain import export_yolo

    return export_yolo(data, args.folder, args.out, show_progress=not args.json)


def _to_label_studio(data: DataSet, args: argparse.Namespace) -> Path:
    from datasets.label_studio.write import export_label_studio

    return export_label_studio(data, args.out, prefix=args.prefix, predictions_of=args.predictions_of)


def _to_cvat(data: DataSet, args: argparse.Namespace) -> Path:
    from datasets.cvat.write import export_cvat

    return export_cvat(data, args.out)


EXPORTS: dict[str, Callable[[DataSet, argparse.Namespace], Path]] = {
    "coco": _to_coco,
    "yolo": _to_yolo,
    "label-studio": _to_label_studio,
    "cvat": _to_cvat,
}
