"""A ball set in miniature for whole line frames: balls of the package's bank before a backlight."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.pictures import write_png
from datasets.records import BoxRecord, DataSet, SampleRecord, Split, write_coco
from datasets.synthetic.bank import BANK_DIR, BallBank
from vision.contract import BALL_LABELS
from vision.types import UInt8Array

DIAMETER_PX, MARGIN_PX = 120, 9
MARK_PX = (40.0, 50.0, 75.0, 70.0)


def bank_crop(number: int, rng: np.random.Generator) -> UInt8Array:
    """A dark ball of 120 px before bright noise, (138, 138) mono8."""
    bank = BallBank(BANK_DIR)
    view = next(iter(bank.views(bank.index.balls[number])))
    side = DIAMETER_PX + 2 * MARGIN_PX
    inside = slice(MARGIN_PX, MARGIN_PX + DIAMETER_PX)
    grey, alpha = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    # The bank's pictures have a rim of their own.
    rows, columns = np.flatnonzero(view.alpha.max(axis=1) > 127), np.flatnonzero(view.alpha.max(axis=0) > 127)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    size = (DIAMETER_PX, DIAMETER_PX)
    grey[inside, inside] = cv2.resize(view.grey[box].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    alpha[inside, inside] = cv2.resize(view.alpha[box].astype(np.float32) / 255.0, size)
    light = 225.0 + rng.normal(0.0, 2.0, (side, side))
    shown = np.minimum(0.6 * grey, 130.0) * alpha + light * (1.0 - alpha)
    return np.asarray(np.clip(np.rint(shown), 0, 255), np.uint8)


def draw_ball_set(folder: Path, views: tuple[tuple[Split, str], ...]) -> DataSet:
    """Write a set with one view for each split and stage; two neighbours are views of one ball."""
    rng = np.random.default_rng(3)
    samples = []
    for number, (split, stage) in enumerate(views):
        crop = bank_crop(number, rng)
        x1, y1, x2, y2 = (int(value) for value in MARK_PX)
        crop[y1:y2, x1:x2] //= 3
        file = f"{number:03d}.png"
        write_png(folder / file, crop)
        samples.append(
            SampleRecord(
                file=file,
                width_px=crop.shape[1],
                height_px=crop.shape[0],
                group=f"ball{number // 2}",
                source="drawn",
                label="crack",
                split=split,
                boxes=(BoxRecord(label="crack", xyxy_px=MARK_PX, area_px=700.0),),
                truth={"stage": stage, "diameter_px": float(DIAMETER_PX)},
            )
        )
    data = DataSet(labels=BALL_LABELS, samples=tuple(samples))
    write_coco(data, folder)
    return data
