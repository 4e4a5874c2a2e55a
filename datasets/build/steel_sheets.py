"""Three of the four steel sets: hot-rolled strip (neu_det), magnetic tiles (mt), ball screws (bsdata).

Neighbours: `steel` puts them into one data set, `cuts` makes the windows.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.build.cuts import Window, along, cut
from datasets.build.steel_picture import LONGEST_PX, SteelPicture, files_of
from datasets.errors import DataError
from datasets.importers.labelme import read_labelme
from datasets.importers.mask_boxes import boxes_of_mask
from datasets.importers.voc import read_voc
from datasets.pictures import grey, read_picture
from datasets.records import BoxRecord
from vision.types import UInt8Array

NONE_STATED = "none stated"
_TILE_LABELS = {"Crack": "tile_crack", "Break": "tile_break", "Blowhole": "tile_blowhole", "Free": None}
#: Hand-drawn masks of one crack fall into pieces a few pixels apart.
_JOIN_PX = 9
_LEAST_MASK_PX = 6
_CROPS_PER_PHOTO = 3
_CROP_PX = (224, 640)


def neu_sheets(source: Path) -> Iterator[SteelPicture]:
    """NEU-DET: 200 x 200 px of hot-rolled strip, six kinds, every picture a group of its own.

    Raises:
        DataError: the set is missing or broken.
    """
    for path in files_of(source, "neu_det", "annotations/*.xml"):
        pixels = grey(read_picture(source / "neu_det" / "images" / f"{path.stem}.jpg"))
        boxes = tuple(
            box.model_copy(update={"label": box.label.replace("rolled-in_scale", "rolled_in_scale")})
            for box in read_voc(path, pixels.shape[1], pixels.shape[0])
        )
        name = f"neu_{path.stem}"
        kind = "neu_" + path.stem.rpartition("_")[0]
        yield SteelPicture(
            name,
            pixels,
            boxes,
            f"neu_det/{path.stem}",
            kind,
            "neu_det",
            NONE_STATED,
            "grey, hot-rolled strip",
        )


def mt_tiles(source: Path) -> Iterator[SteelPicture]:
    """Magnetic tiles: boxes from masks, `Free` ones without; grouped by the set's clusters.csv.

    One tile was photographed under several lights, and those pictures share a cluster.

    Raises:
        DataError: the set is missing or broken.
    """
    clusters = _clusters(source / "mt" / "clusters.csv")
    for folder, label in _TILE_LABELS.items():
        for path in files_of(source, "mt", f"{folder}/*.jpg"):
            pixels = grey(read_picture(path))
            name = f"{folder}/{path.name}"
            if name not in clusters:
                raise DataError("the picture has no cluster", where=str(path), todo="copy clusters.csv again")
            boxes: tuple[BoxRecord, ...] = ()
            if label is not None:
                mask = _mask(path.with_suffix(".png"), pixels)
                boxes = boxes_of_mask(mask, label, join_px=_JOIN_PX, least_px=_LEAST_MASK_PX)
            height_px, width_px = pixels.shape
            for number, window in enumerate(along(width_px, height_px, LONGEST_PX)):
                part, inside = cut(pixels, boxes, window, LONGEST_PX)
                yield SteelPicture(
                    f"mt_{folder.lower()}_{path.stem}_{number}", part, inside, f"mt/{clusters[name]}",
                    f"mt_{folder}", "mt", NONE_STATED, "grey, magnetic tile",
                )  # fmt: skip


def _mask(path: Path, pixels: UInt8Array) -> UInt8Array:
    mask = grey(read_picture(path))
    if mask.shape != pixels.shape:
        raise DataError("the mask is not as large as its picture", where=str(path), todo="copy the set again")
    # JPEG-like grey rims round some masks: only what is more white than black is marked.
    return np.where(mask > 127, mask, 0).astype(np.uint8)


def _clusters(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["file"]: row["phash_cluster"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"the clusters cannot be read: {error}", where=str(path), todo="copy the set again"
        ) from error


def bsdata_crops(source: Path, seed: int) -> Iterator[SteelPicture]:
    """Pitting on ball screws: square crops near a pit, grouped by the place that was photographed.

    One place was photographed as it wore, so its pictures belong together. Photos without a label
    file are left out: some show pits that oil hides.

    Raises:
        DataError: the set is missing or broken.
    """
    for path in files_of(source, "bsdata", "labels_labelme/*.json"):
        pixels = grey(read_picture(source / "bsdata" / "images" / f"{path.stem}.jpg"))
        height_px, width_px = pixels.shape
        boxes = tuple(
            box.model_copy(update={"label": "pitting"}) for box in read_labelme(path, width_px, height_px)
        )
        if not boxes:
            continue
        words = path.stem.split("_")
        group = f"bsdata/{words[2]}_{words[3]}"
        # Drawn from the name, so that a photo more or less changes no other crop.
        random = np.random.default_rng(_number_of(f"{seed}:{path.stem}"))
        for number in range(_CROPS_PER_PHOTO):
            window = _near(boxes[int(random.integers(len(boxes)))], width_px, height_px, random)
            part, inside = cut(pixels, boxes, window, LONGEST_PX)
            yield SteelPicture(
                f"bsdata_{path.stem}_{number}", part, inside, group, "bsdata", "bsdata",
                "CC BY-SA 4.0", "colour photo, ball screw",
            )  # fmt: skip


def _near(box: BoxRecord, width_px: int, height_px: int, random: np.random.Generator) -> Window:
    """A square window of random size in which the middle of the box lies anywhere but at the rim."""
    x1, y1, x2, y2 = box.xyxy_px
    side = min(int(random.integers(_CROP_PX[0], _CROP_PX[1] + 1)), width_px, height_px)
    left = (x1 + x2) / 2 - side * random.uniform(0.15, 0.85)
    top = (y1 + y2) / 2 - side * random.uniform(0.15, 0.85)
    return Window(int(np.clip(left, 0, width_px - side)), int(np.clip(top, 0, height_px - side)), side, side)


def _number_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
