"""A tiny set of labelled frames, drawn by formulas, for the tests of composed pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from datasets.synthetic.rails.rail import render_rail
from datasets.synthetic.rails.rail_settings import RailSettings
from vision.types import UInt8Array

ROWS, WIDTH_PX = 700, 260
DEFECT_XYXY_PX = (110, 300, 150, 330)
"""Lies on the head of every drawn frame."""


def drawn_frame(seed: int) -> UInt8Array:
    """(700, 260) grey: a head about 100 px wide in the middle, dark ground, one dark mark."""
    settings = RailSettings(
        length_m=0.55, mm_per_px=0.72, marks=0, frame_rows=ROWS, frame_width_px=WIDTH_PX, beyond_mm=0.0
    )
    rail = render_rail(seed, settings)
    pixels = np.asarray(cv2.resize(rail.frame(next(rail.views())), (WIDTH_PX, ROWS)), np.uint8)
    x1, y1, x2, y2 = DEFECT_XYXY_PX
    pixels[y1 + 5 : y2 - 5, x1 + 6 : x2 - 6] //= np.uint8(4)
    return pixels


def write_frames(folder: Path, *, train: int = 3) -> DataSet:
    """`train` frames to train on, one to validate and one guard, each with one defect box."""
    splits = ["train"] * train + ["val", "guard"]
    box = BoxRecord(
        label="defect", fine="damage", xyxy_px=tuple(float(v) for v in DEFECT_XYXY_PX), area_px=600
    )
    samples = []
    for number, split in enumerate(splits):
        file = f"images/{split}_{number}.png"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / file), drawn_frame(number))
        samples.append(
            SampleRecord.model_validate(
                {
                    "file": file,
                    "width_px": WIDTH_PX,
                    "height_px": ROWS,
                    "group": f"block_{number}",
                    "source": "drawn",
                    "label": "marked",
                    "split": split,
                    "boxes": (box,),
                    "origin": "real",
                }
            )
        )
    data = DataSet(labels=("defect", "dirt", "gap"), samples=tuple(samples))
    write_coco(data, folder)
    return data
