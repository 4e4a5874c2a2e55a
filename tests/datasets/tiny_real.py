"""A folder laid out like the real pictures' (FERROGATE_DATA), of drawn pictures, a few of each set."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from tests.datasets.outside_sets import voc_text
from vision.types import UInt8Array

#: Frames as (run, camera, number, part): neighbours, both long runs, a guard, two short passes.
FRAMES = (
    ("142157", "02", 17, "train"),
    ("142426", "02", 19, "train"),
    ("145241", "01", 3, "train"),
    ("145647", "01", 10, "train"),
    ("145647", "01", 12, "train"),
    ("145648", "02", 13, "train"),
    ("145647", "01", 20, "train"),
    ("145647", "01", 52, "guard"),
    ("145647", "01", 53, "val"),
    ("145648", "02", 54, "val"),
    ("145648", "02", 90, "val"),
)


def _noise(seed: int, width_px: int, height_px: int) -> UInt8Array:
    """Cloudy noise, unlike for every seed, so that no two pictures look alike."""
    random = np.random.default_rng(seed)
    cloud = cv2.GaussianBlur(random.normal(size=(height_px, width_px)).astype(np.float32), (0, 0), 9)
    fine = random.normal(size=(height_px, width_px))
    return np.asarray(np.clip(110 + 40 * cloud / cloud.std() + 4 * fine, 0, 255), np.uint8)


def _write(path: Path, pixels: UInt8Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def frame_name(run: str, camera: str, number: int) -> str:
    """File name as the recorder gave it."""
    return f"{run}0{camera}00{number:03d}.jpg"


def tiny_real(folder: Path) -> Path:
    """Write all five sets."""
    _rail400(folder)
    _neu(folder / "neu_det")
    _mt(folder / "mt")
    _bsdata(folder / "bsdata")
    _gaps(folder / "rail_gap")
    return folder


def _rail400(folder: Path) -> None:
    rows, images, coarse, fine = ["file,run,camera,frame,part"], [], [], []
    for number, (run, camera, frame, part) in enumerate(FRAMES, 1):
        name = frame_name(run, camera, frame)
        rows.append(f"{name},{run},{camera},{frame},{part}")
        _write(folder / "rail400" / "images" / name, _noise(number, 256, 250))
        images.append({"id": number, "file_name": name, "width": 256, "height": 250})
        box = [20.00001, 30.0, 40.0, 50.0]
        note = {"image_id": number, "iscrowd": 0, "segmentation": []}
        coarse.append(note | {"id": number, "category_id": 1, "bbox": box, "area": 2000.0})
        coarse.append(
            note | {"id": 100 + number, "category_id": 2, "bbox": [150, 150, 30, 30], "area": 900.0}
        )
        fine.append(note | {"id": number, "category_id": 2, "bbox": [22.0, 32.0, 40.0, 50.0], "area": 2000.0})
    labels = folder / "rail400" / "annotations"
    labels.mkdir()
    for name, names, notes in (
        ("nc3", ("defect", "dirt", "gap"), coarse),
        ("nc8", ("damage", "d_crush"), fine),
    ):
        categories = [{"id": number, "name": label} for number, label in enumerate(names, 1)]
        content = {"images": images, "annotations": notes, "categories": categories}
        (labels / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "splits").mkdir()
    (folder / "splits" / "rail400_v1.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _neu(folder: Path) -> None:
    (folder / "annotations").mkdir(parents=True)
    for number in range(6):
        _write(folder / "images" / f"scratches_{number}.jpg", _noise(100 + number, 80, 60))
        # The second box is there twice, as in some of the real files.
        text = voc_text("rolled-in_scale 1 1 30 20", "scratches 31 21 60 50", "scratches 31 21 60 50")
        (folder / "annotations" / f"scratches_{number}.xml").write_text(text, encoding="utf-8")


def _mt(folder: Path) -> None:
    rows = ["file,phash_cluster"]
    for number, kind in enumerate(
        ("Crack", "Crack", "Break", "Break", "Blowhole", "Blowhole", "Free", "Free")
    ):
        path = folder / kind / f"exp1_{number}.jpg"
        _write(path, _noise(200 + number, 100, 600))
        rows.append(f"{kind}/{path.name},{number // 4}")
        if kind != "Free":
            mask = np.zeros((600, 100), np.uint8)
            mask[40:60, 10:40] = 255
            mask[63:80, 10:40] = 255  # the same mark, three pixels on
            mask[500:503, 90:91] = 255  # dust of a hand-drawn mask
            _write(path.with_suffix(".png"), mask)
    (folder / "clusters.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _bsdata(folder: Path) -> None:
    (folder / "labels_labelme").mkdir(parents=True)
    for number in range(4):
        stem = f"01_20082811013{number}_{33 + number % 2}2500_225_crop_2"
        _write(folder / "images" / f"{stem}.jpg", _noise(300 + number, 900, 460))
        points = [[400.0, 200.0], [450.0, 200.0], [450.0, 240.0]]
        shape: dict[str, object] = {
            "label": "Pitting",
            "points": points,
            "shape_type": "polygon",
            "group_id": None,
            "flags": {},
        }
        content = {"shapes": [shape], "imagePath": f"{stem}.jpg", "imageWidth": 900, "imageHeight": 460}
        (folder / "labels_labelme" / f"{stem}.json").write_text(json.dumps(content), encoding="utf-8")


def _gaps(folder: Path) -> None:
    (folder / "labels").mkdir(parents=True)
    for number in range(4):
        _write(folder / "images" / f"train_{number}.jpg", _noise(400 + number, 800, 600))
        text = "0 0.5 0.5 0.25 0.5\n" if number else ""
        (folder / "labels" / f"train_{number}.txt").write_text(text, encoding="utf-8")
