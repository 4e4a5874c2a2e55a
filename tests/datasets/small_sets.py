"""Small data sets of drawn pictures for the tests of audit, versions, card and subsets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from vision.types import UInt8Array

WIDTH_PX, HEIGHT_PX = 200, 160


def picture(seed: int, *, grain_px: float = 4.0) -> UInt8Array:
    """(160, 200) grey: cloudy noise, another for every seed."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, (HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    cloud = cv2.GaussianBlur(noise, (0, 0), grain_px)
    return np.asarray(np.clip(100.0 + 30.0 * cloud / cloud.std(), 0, 255), np.uint8)


def box(label: str = "defect", xyxy_px: tuple[float, float, float, float] = (20, 30, 60, 70)) -> BoxRecord:
    """One box, by default well inside the picture."""
    return BoxRecord(label=label, xyxy_px=xyxy_px, area_px=100)


def sample(name: str, **changes: Any) -> SampleRecord:
    """A record of `images/NAME.png` in a group of its own."""
    fields: dict[str, Any] = {
        "file": f"images/{name}.png",
        "width_px": WIDTH_PX,
        "height_px": HEIGHT_PX,
        "group": name,
        "source": "drawn",
        "label": "defect",
        "split": "train",
        "boxes": (box(),),
        "licence": "Apache-2.0",
        "origin": "real",
    }
    return SampleRecord.model_validate({**fields, **changes})


def write_set(
    folder: Path,
    samples: Sequence[SampleRecord],
    pictures: dict[str, UInt8Array] | None = None,
    **info: object,
) -> DataSet:
    """Write records and pictures; a picture not given is drawn, another for each name."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(samples):
        pixels = (pictures or {}).get(Path(one.file).stem)
        pixels = picture(1000 + number) if pixels is None else pixels
        assert cv2.imwrite(str(folder / one.file), pixels)
    data = DataSet(labels=("defect", "dirt"), info=dict(info), samples=tuple(samples))
    write_coco(data, folder)
    return data


def good_samples() -> list[SampleRecord]:
    """Train and val with both labels: nothing to complain of."""
    both = (box("defect"), box("dirt", (100, 40, 150, 90)))
    return [
        *(sample(f"t{n}", boxes=both) for n in range(4)),
        *(sample(f"v{n}", boxes=both, split="val") for n in range(2)),
    ]
