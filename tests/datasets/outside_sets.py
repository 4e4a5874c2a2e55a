"""Small folders in the formats of other tools, written as those tools write them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 80, 60


def picture(path: Path, seed: int = 0, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> Path:
    """A grey picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px)).astype(np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def voc_text(*boxes: str, width_px: int = WIDTH_PX) -> str:
    """A VOC file as LabelImg writes it; each box is `name xmin ymin xmax ymax`."""
    objects = "".join(
        f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated>"
        f"<difficult>0</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>"
        f"<ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in (box.split() for box in boxes)
    )
    return (
        f"<annotation><filename>a.png</filename><size><width>{width_px}</width>"
        f"<height>{HEIGHT_PX}</height><depth>1</depth></size>{objects}</annotation>"
    )


def voc_set(folder: Path) -> Path:
    """Two pictures in two folders, one of them with two boxes."""
    picture(folder / "day1" / "cam1_0001.png", 1)
    picture(folder / "day2" / "cam1_0002.png", 2)
    first, second = folder / "day1" / "cam1_0001.xml", folder / "day2" / "cam1_0002.xml"
    first.write_text(voc_text("crack 1 1 80 60", "pit 11 21 30 40"), encoding="utf-8")
    second.write_text(voc_text("pit 5 5 9 9"), encoding="utf-8")
    return folder


def labelme_set(folder: Path) -> Path:
    """One picture with a polygon, a rectangle and a circle, as LabelMe 5 writes it."""
    picture(folder / "a.png")
    shapes: list[dict[str, object]] = [
        {"label": "crack", "points": [[10.5, 10.0], [30.0, 12.0], [20.0, 40.0]], "shape_type": "polygon"},
        {"label": "pit", "points": [[60.0, 50.0], [40.0, 30.0]], "shape_type": "rectangle"},
        {"label": "pit", "points": [[20.0, 20.0], [25.0, 20.0]], "shape_type": "circle"},
    ]
    for shape in shapes:
        shape |= {"group_id": None, "description": "", "flags": {"sure": True}, "mask": None}
    content: dict[str, object] = {
        "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageData": None,
        "imageHeight": HEIGHT_PX, "imageWidth": WIDTH_PX,
    }  # fmt: skip
    (folder / "a.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def yolo_set(folder: Path) -> Path:
    """A set as Roboflow exports it: train and valid folders, the paths of data.yaml one level off."""
    for split, stem, seed in (("train", "a", 1), ("train", "b", 2), ("valid", "c", 3)):
        picture(folder / split / "images" / f"{stem}.png", seed)
    labels = {
        "train/labels/a.txt": "1 0.5 0.5 0.25 0.5\n",
        "train/labels/b.txt": "",
        "valid/labels/c.txt": "",
    }
    labels["valid/labels/c.txt"] = "0 0.25 0.25 0.5 0.25 0.5 0.5\n"
    for name, text in labels.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['crack', 'pit']\n", encoding="utf-8"
    )
    return folder


def mask_set(folder: Path) -> Path:
    """Class folders with a JPEG and its PNG mask: two pieces 6 px apart, one far away."""
    picture(folder / "Crack" / "a.jpg", 1)
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    mask[10:20, 10:20] = 255
    mask[10:20, 26:30] = 255
    mask[50:55, 70:80] = 255
    assert cv2.imwrite(str(folder / "Crack" / "a.png"), mask)
    picture(folder / "Free" / "b.jpg", 2)
    return folder


def coco_set(folder: Path) -> Path:
    """A file as other tools write COCO: keys of their own, numbers that do not begin at one."""
    picture(folder / "img" / "a.png", 1)
    picture(folder / "img" / "b.png", 2)
    images = [
        {
            "id": 7,
            "file_name": "a.png",
            "width": WIDTH_PX,
            "height": HEIGHT_PX,
            "license": 1,
            "flickr_url": "",
        },
        {"id": 9, "file_name": "b.png", "width": WIDTH_PX, "height": HEIGHT_PX},
    ]
    note = {
        "id": 1, "image_id": 7, "category_id": 3, "bbox": [10.25, 5, 20, 10.5], "area": 150.2, "iscrowd": 0,
        "segmentation": [[10.25, 5, 30.25, 5, 30.25, 15.5]], "attributes": {"occluded": False},
    }  # fmt: skip
    categories = [{"id": 3, "name": "pit", "supercategory": "mark"}, {"id": 2, "name": "crack"}]
    content = {"info": {}, "licenses": [], "images": images, "annotations": [note], "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
