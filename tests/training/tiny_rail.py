"""A rail set small enough to be trained on in seconds: drawn frames, composed frames and steel."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.records import BoxRecord, DataSet, SampleRecord, Split, write_coco
from vision.contract import RAIL_LABELS
from vision.types import UInt8Array

WIDTH_PX, HEIGHT_PX = 128, 320
STEEL_LABELS = ("scratch", "pit")


def draw_frame(rng: np.random.Generator) -> tuple[UInt8Array, tuple[BoxRecord, ...]]:
    """A head in light between dark margins, with a dark defect, a grey dirt patch and a gap."""
    frame = rng.normal(6.0, 1.0, (HEIGHT_PX, WIDTH_PX))
    frame[:, 24:104] = rng.normal(90.0, 8.0, (HEIGHT_PX, 80))
    boxes = []
    for label, grey, (width, height) in (
        ("defect", 20.0, (16, 24)),
        ("dirt", 55.0, (20, 20)),
        ("gap", 4.0, (80, 8)),
    ):
        left = 24 if label == "gap" else int(rng.integers(26, 80))
        top = {"defect": 20, "dirt": 120, "gap": 230}[label] + int(rng.integers(60))
        frame[top : top + height, left : left + width] = grey
        corners = (float(left), float(top), float(left + width), float(top + height))
        boxes.append(BoxRecord(label=label, xyxy_px=corners, area_px=width * height, fine=f"fine {label}"))
    return np.clip(frame, 0, 255).astype(np.uint8), tuple(boxes)


def make_set(folder: Path, counts: dict[Split, int], seed: int, *, composed: bool = False) -> DataSet:
    """Write one data set of frames, so many of each split; two neighbouring frames are a group.

    `composed`: each says which frame of the other set it was made of.
    """
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    samples = []
    splits = [split for split, count in counts.items() for _ in range(count)]
    for number, split in enumerate(splits):
        frame, boxes = draw_frame(rng)
        file = f"images/{number:04d}.png"
        assert cv2.imwrite(str(folder / file), frame)
        samples.append(
            SampleRecord(
                file=file,
                width_px=WIDTH_PX,
                height_px=HEIGHT_PX,
                group=f"{split}{number // 2}",
                source="drawn",
                licence="Apache-2.0",
                label="defect",
                split=split,
                boxes=boxes,
                sequence="" if composed else "run",
                frame=None if composed else number,
                origin="composed" if composed else "real",
                truth={"background": file} if composed else {},
            )
        )
    data = DataSet(labels=RAIL_LABELS, info={"made": "for a test"}, samples=tuple(samples))
    write_coco(data, folder)
    return data


def make_steel(folder: Path, count: int, seed: int) -> DataSet:
    """Write the pretraining set: bright or dark marks on grey, labels of their own."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        picture = np.clip(rng.normal(120.0, 10.0, (120, 120)), 0, 255)
        left, top = (int(value) for value in rng.integers(10, 70, 2))
        label = STEEL_LABELS[number % 2]
        picture[top : top + 30, left : left + 12] = 220.0 if label == "scratch" else 30.0
        file = f"images/{number:04d}.png"
        assert cv2.imwrite(str(folder / file), picture.astype(np.uint8))
        corners = (float(left), float(top), float(left + 12), float(top + 30))
        samples.append(
            SampleRecord(
                file=file,
                width_px=120,
                height_px=120,
                group=f"g{number}",
                source="drawn steel",
                label=label,
                split="train" if number < count - 2 else "val",
                boxes=(BoxRecord(label=label, xyxy_px=corners, area_px=360),),
            )
        )
    data = DataSet(labels=STEEL_LABELS, samples=tuple(samples))
    write_coco(data, folder)
    return data


def make_rail_data(folder: Path) -> Path:
    """`frames`, `composed` and `steel` as `ferrogate data build rail` lays them out."""
    make_set(folder / "frames", {"train": 8, "val": 4}, seed=1)
    make_set(folder / "composed", {"train": 4}, seed=2, composed=True)
    make_steel(folder / "steel", 8, seed=3)
    return folder
