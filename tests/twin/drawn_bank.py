"""A ball bank drawn with OpenCV in the bank's own format: plain grey discs, quick to make.

Shapes carry their true outlines (half, double, neck, oval), defects are a dark dot on
half of the views, so that `hidden` and the counts of defect pixels can be checked.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.bank import BallTruth, BankIndex, ViewTruth
from vision.contract import BALL_LABELS

NOMINAL_PX = 160.0
ROLLS = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
OVERSAMPLE = 4


def _outline(label: str, tile: int, roll_deg: float) -> npt.NDArray[np.uint8]:
    """(T, T) cover of a shape, soft at its edge."""
    big = np.zeros((tile * OVERSAMPLE, tile * OVERSAMPLE), np.uint8)
    middle = (tile * OVERSAMPLE - 1) / 2.0
    centre = (round(middle * 16), round(middle * 16))
    radius = NOMINAL_PX / 2.0 * OVERSAMPLE
    axes = (round(radius * 16 * (1.04 if label == "oval" else 1.0)), round(radius * 16))
    cv2.ellipse(big, centre, axes, roll_deg, 0.0, 360.0, 255, -1, cv2.LINE_8, 4)
    if label == "double":
        step = radius * 0.95 * np.array([np.cos(np.radians(roll_deg)), 0.2])
        other = (round((middle + step[0]) * 16), round((middle + step[1]) * 16))
        cv2.circle(big, other, round(radius * 16), 255, -1, cv2.LINE_8, 4)
    if label == "half":
        big[:, int(middle + radius * 0.3 * abs(np.cos(np.radians(roll_deg)))) :] = 0
    return np.asarray(cv2.resize(big, (tile, tile), interpolation=cv2.INTER_AREA), np.uint8)


def _box(cover: npt.NDArray[np.uint8]) -> tuple[float, float, float, float]:
    ys, xs = np.nonzero(cover >= 128)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def _ball(folder: Path, name: str, label: str) -> BallTruth:
    tile = 352 if label == "double" else 184
    sheet = np.zeros((tile * 3, tile * 4, 4), np.uint8)
    views = []
    for index in range(12):
        camera, roll = ("left", "right")[index // 6], ROLLS[index % 6]
        cover = _outline(label, tile, roll)
        grey = np.full((tile, tile), 80, np.uint8)
        marked = label in BALL_LABELS and index % 2 == 0
        if marked:
            cv2.circle(grey, (tile // 2 + 10, tile // 2), 9, 20, -1)
        row, column = divmod(index, 4)
        part = sheet[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
        part[..., :3] = grey[..., None]
        part[..., 3] = cover
        box = (tile / 2 + 1, tile / 2 - 9, tile / 2 + 19, tile / 2 + 9)
        views.append(
            ViewTruth(
                camera=camera,
                roll_deg=roll,
                defect_px=254 if marked else 0,
                xyxy_px=box if marked else None,
                silhouette_xyxy_px=_box(cover),
            )
        )
    if not cv2.imwrite(str(folder / f"{name}.webp"), sheet, [cv2.IMWRITE_WEBP_QUALITY, 101]):
        raise OSError(f"cannot write {name}.webp")
    return BallTruth(
        ball=name,
        label=label,
        sheet=f"{name}.webp",
        tile_px=tile,
        columns=4,
        nominal_px=NOMINAL_PX,
        d_min_share=1.0,
        d_max_share={"oval": 1.04, "double": 1.95}.get(label, 1.0),
        views=tuple(views),
    )


def make_drawn_bank(folder: Path, labels: tuple[str, ...] = ("good", "oval", *BALL_LABELS)) -> Path:
    """Write a bank with one ball of each label; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    balls = tuple(_ball(folder, f"b{index:04d}", label) for index, label in enumerate(labels))
    index = BankIndex(seed=0, command="drawn", balls=balls)
    (folder / "bank.json").write_text(json.dumps(index.model_dump(mode="json")), encoding="utf-8")
    return folder
