"""Scored pictures made by hand: boxes of the truth and boxes found, without a detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.records import BoxRecord, SampleRecord
from datasets.scoring.pictures import Scored, scored_picture
from vision.types import Detections

LABELS = ("defect", "dirt", "gap")
Box = tuple[float, float, float, float]
Truth = tuple[str, Box]
Found = tuple[str, Box, float]


def found_boxes(found: Sequence[Found], labels: tuple[str, ...] = LABELS) -> Detections:
    """Detections of a few boxes, as a detector gives them: scores falling."""
    rows = sorted(found, key=lambda row: -row[2])
    return Detections(
        np.array([box for _, box, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for *_, score in rows], np.float32),
        np.array([labels.index(label) for label, *_ in rows], np.int64),
        labels,
    )


def sample(marks: Sequence[Truth], group: str, name: str = "p", **more: object) -> SampleRecord:
    """A record of a picture of 400 x 400."""
    content: dict[str, object] = {
        "file": f"images/{name}.png",
        "width_px": 400,
        "height_px": 400,
        "group": group,
        "source": "made",
        "label": "picture",
        "split": "val",
        "boxes": tuple(BoxRecord(label=label, xyxy_px=box, area_px=1) for label, box in marks),
    }
    return SampleRecord.model_validate({**content, **more})


def scored(
    rows: Sequence[tuple[str, Sequence[Truth], Sequence[Found]]], labels: tuple[str, ...] = LABELS
) -> Scored:
    """Pictures from (group, truth, found)."""
    pictures = [
        scored_picture(sample(truth, group, f"p{number}"), found_boxes(found, labels))
        for number, (group, truth, found) in enumerate(rows)
    ]
    return Scored(labels, tuple(pictures))


def random_scored(
    seed: int, pictures: int, *, groups: int = 6, labels: tuple[str, ...] = LABELS, shift: float = 6.0
) -> Scored:
    """Random truth; findings are truth moved by some pixels, some missing, some added, some misnamed."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, list[Truth], list[Found]]] = []
    for number in range(pictures):
        truth: list[Truth] = []
        found: list[Found] = []
        for _ in range(int(rng.integers(0, 6))):
            x, y, w, h = rng.uniform((10, 10, 10, 10), (300, 300, 90, 90))
            label = labels[int(rng.integers(len(labels)))]
            truth.append((label, (x, y, x + w, y + h)))
            for _ in range(int(rng.integers(0, 3))):
                moved = np.array([x, y, x + w, y + h]) + rng.normal(0.0, shift, 4)
                name = label if rng.random() < 0.8 else labels[int(rng.integers(len(labels)))]
                corners = (*np.minimum(moved[:2], moved[2:] - 1.0), *moved[2:])
                found.append((name, tuple(float(v) for v in corners), float(rng.uniform(0.1, 1.0))))  # type: ignore[arg-type]
        for _ in range(int(rng.integers(0, 4))):
            x, y, w, h = rng.uniform((0, 0, 10, 10), (300, 300, 90, 90))
            label = labels[int(rng.integers(len(labels)))]
            found.append((label, (x, y, x + w, y + h), float(rng.uniform(0.05, 0.6))))
        rows.append((f"g{number % groups}", truth, found))
    return scored(rows, labels)
