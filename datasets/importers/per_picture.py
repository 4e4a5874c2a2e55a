"""Formats with one label file for each picture: Pascal VOC, LabelMe, PNG masks; and class folders.

A set is a folder; label files lie anywhere in it and are paired with pictures by their stems.
Neighbours: `importers.voc`, `labelme` and `mask_boxes` read single files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from datasets.errors import DataError
from datasets.importers.labelled import Labelled
from datasets.importers.labelme import read_labelme
from datasets.importers.mask_boxes import boxes_of_mask
from datasets.importers.voc import read_voc
from datasets.importers.walk import Unlabelled, pair
from datasets.pictures import PICTURE_SUFFIXES, list_pictures, read_picture
from datasets.records import BoxRecord

Reader = Callable[[Path, int, int], tuple[BoxRecord, ...]]


def import_voc(folder: Path, unlabelled: Unlabelled, *, first_pixel: int = 1) -> list[Labelled]:
    """A folder with Pascal VOC XML files; see `read_voc` and `pair` for what is refused.

    Raises:
        DataError: anything missing, broken or contradictory.
    """
    return _paired(
        folder, "*.xml", unlabelled, lambda path, w, h: read_voc(path, w, h, first_pixel=first_pixel)
    )


def import_labelme(folder: Path, unlabelled: Unlabelled) -> list[Labelled]:
    """A folder with LabelMe JSON files; see `read_labelme` and `pair` for what is refused.

    Raises:
        DataError: anything missing, broken or contradictory.
    """
    return _paired(folder, "*.json", unlabelled, read_labelme)


def _paired(folder: Path, pattern: str, unlabelled: Unlabelled, read: Reader) -> list[Labelled]:
    found = []
    for picture, notes in pair(list_pictures(folder), folder.rglob(pattern), folder, unlabelled):
        height_px, width_px = read_picture(picture).shape[:2]
        boxes = read(notes, width_px, height_px) if notes is not None else ()
        found.append(Labelled(picture, _below(picture, folder), width_px, height_px, boxes))
    return found


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def import_masks(
    folder: Path,
    unlabelled: Unlabelled,
    *,
    label: str | None = None,
    join_px: int = 0,
    least_px: int = 1,
) -> list[Labelled]:
    """A folder of pictures with masks: `NAME.png` beside `NAME.jpg`, or `masks/NAME.png` for `images/NAME.*`.

    Args:
        folder: of the set.
        unlabelled: what a picture without mask is.
        label: of every mark; by default the folder that the picture lies in names it.
        join_px: pieces of a mask up to this far apart are one mark.
        least_px: smaller pieces are left out.

    Raises:
        DataError: anything missing, broken or contradictory, a mask of another size.
    """
    every = list_pictures(folder)
    in_masks = {path for path in every if "masks" in path.relative_to(folder).parts[:-1]}
    jpegs = {path.with_suffix("") for path in every if path.suffix.lower() != ".png"}
    masks = in_masks or {
        path for path in every if path.suffix.lower() == ".png" and path.with_suffix("") in jpegs
    }
    found = []
    for picture, mask_path in pair([p for p in every if p not in masks], masks, folder, unlabelled):
        pixels = read_picture(picture)
        boxes: tuple[BoxRecord, ...] = ()
        if mask_path is not None:
            mask = read_picture(mask_path)
            if mask.shape[:2] != pixels.shape[:2]:
                raise DataError(
                    f"the mask has {mask.shape[1]} x {mask.shape[0]} px, its picture "
                    f"{pixels.shape[1]} x {pixels.shape[0]}",
                    where=str(mask_path),
                    todo="give the mask of this picture",
                )
            flat = mask if mask.ndim == 2 else mask.max(axis=2)
            name = label if label is not None else picture.parent.name
            boxes = boxes_of_mask(flat, name, join_px=join_px, least_px=least_px)
        found.append(Labelled(picture, _below(picture, folder), pixels.shape[1], pixels.shape[0], boxes))
    return found


def import_class_folders(folder: Path) -> list[Labelled]:
    """Pictures whose folder names what they show; they have no boxes, `label` says it for the whole picture.

    Raises:
        DataError: no picture, a picture outside a class folder, or one that cannot be read.
    """
    found = []
    for picture in list_pictures(folder):
        name = _below(picture, folder)
        if "/" not in name:
            raise DataError(
                "the picture lies in no class folder",
                where=str(picture),
                todo="the layout is FOLDER/CLASS/picture",
            )
        height_px, width_px = read_picture(picture).shape[:2]
        fields: dict[str, object] = {"label": name.split("/")[-2]}
        found.append(Labelled(picture, name, width_px, height_px, (), fields))
    if not found:
        endings = ", ".join(sorted(PICTURE_SUFFIXES))
        raise DataError("there is no picture here", where=str(folder), todo=f"files ending in {endings}")
    return found
