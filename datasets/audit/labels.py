"""Checks of one data set's records: boxes, labels, classes per split and their shares.

Neighbours: `datasets.audit.splits` looks for what lies in two splits, `datasets.audit.pictures` at the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from datasets.audit import limits
from datasets.audit.findings import Finding
from datasets.records import COCO_FILE, BoxRecord, DataSet, SampleRecord, Split
from datasets.terms import sources_without_terms

USED: tuple[Split, ...] = ("train", "val", "test")
"""Splits that somebody trains or measures with."""


def check_records(folder: Path, data: DataSet) -> list[Finding]:
    """Everything that can be said without looking at a picture or at another data set."""
    where = str(folder / COCO_FILE)
    if not data.samples:
        todo = "look at the builder or importer: it found no picture"
        return [Finding(code="empty", level="fail", what="the data set is empty", where=where, todo=todo)]
    found = list(_listed_twice(folder, data))
    for sample in data.samples:
        found += _boxes(folder, data, sample)
    found += _classes(where, data)
    found += _drift(where, data)
    found += _terms(where, data)
    return found


def _listed_twice(folder: Path, data: DataSet) -> Iterator[Finding]:
    for file, count in Counter(sample.file for sample in data.samples).items():
        if count > 1:
            yield Finding(
                code="listed_twice",
                level="fail",
                what=f"the picture has {count} records",
                where=str(folder / file),
                todo="join the records into one",
            )


def _boxes(folder: Path, data: DataSet, sample: SampleRecord) -> Iterator[Finding]:
    where = str(folder / sample.file)
    for box in sample.boxes:
        x1, y1, x2, y2 = box.xyxy_px
        named = f"{box.label} at {x1:.1f}, {y1:.1f}, {x2:.1f}, {y2:.1f}"
        if box.label not in data.labels:
            what = f"the label {box.label} is not in the data set's list ({', '.join(data.labels)})"
            todo = "add it to the list, or correct the box"
            yield Finding(code="unknown_label", level="fail", what=what, where=where, todo=todo)
        if not np.isfinite(box.xyxy_px).all() or min(x2 - x1, y2 - y1) < limits.SMALLEST_PX:
            todo = "correct or remove the box"
            yield Finding(
                code="box_empty", level="fail", what=f"the box is empty: {named}", where=where, todo=todo
            )
            continue
        out = max(-x1, -y1, x2 - sample.width_px, y2 - sample.height_px)
        if out > limits.OUTSIDE_PX:
            what = f"the box reaches {out:.1f} px out of the picture: {named}"
            todo = "clip the box; if many do, the labels belong to pictures of another size"
            yield Finding(code="box_outside", level="fail", what=what, where=where, todo=todo)
    for one, other in combinations(sample.boxes, 2):
        if one.label == other.label and _iou(one, other) >= limits.TWICE_IOU:
            # Equal to the last digit is a mistake of a tool; nearly equal may be a person's judgement.
            level = "fail" if one.xyxy_px == other.xyxy_px else "warning"
            x1, y1, x2, y2 = one.xyxy_px
            yield Finding(
                code="box_twice",
                level=level,
                what=f"the box is there twice: {one.label} at {x1:.1f}, {y1:.1f}, {x2:.1f}, {y2:.1f}",
                where=where,
                todo="remove one of the two",
            )


def _iou(one: BoxRecord, other: BoxRecord) -> float:
    a, b = one.xyxy_px, other.xyxy_px
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def label_counts(data: DataSet) -> dict[Split, Counter[str]]:
    """Boxes per label of each split that is used."""
    counts: dict[Split, Counter[str]] = {}
    for sample in data.samples:
        if sample.split in USED:
            counts.setdefault(sample.split, Counter()).update(box.label for box in sample.boxes)
    return {split: counts[split] for split in USED if split in counts}


def _classes(where: str, data: DataSet) -> Iterator[Finding]:
    counts = label_counts(data)
    for label in data.labels:
        empty = [split for split, of in counts.items() if not of[label]]
        if not empty:
            continue
        if len(empty) == len(counts):
            yield Finding(
                code="label_without_boxes",
                level="warning",
                what=f"no box has the label {label}",
                where=where,
                todo="take the label out of the list, or find pictures that show it",
            )
            continue
        has = ", ".join(f"{split} {of[label]}" for split, of in counts.items() if of[label])
        yield Finding(
            code="class_missing",
            level="fail",
            what=f"{label} has no box in {' and '.join(empty)} ({has})",
            where=where,
            todo="split by other groups, so that every class can be learnt and measured",
        )


def class_drift(first: Counter[str], second: Counter[str]) -> tuple[float, float]:
    """How far the class shares of two splits lie apart.

    Returns:
        Total variation distance (half the sum of the differences of shares, 0..1), and p of the
        chi-square test that both were drawn from the same shares (boxes taken as independent, which
        neighbours are not: p is too small rather than too large, so it never decides alone).
    """
    from scipy.stats import chi2_contingency

    labels = sorted(set(first) | set(second))
    table = np.array([[of[label] for label in labels] for of in (first, second)], np.float64)
    if len(labels) < 2 or not table.sum(1).all():
        return 0.0, 1.0
    shares = table / table.sum(1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2.0), float(chi2_contingency(table).pvalue)


def _drift(where: str, data: DataSet) -> Iterator[Finding]:
    for (one, first), (other, second) in combinations(label_counts(data).items(), 2):
        distance, p = class_drift(+first, +second)
        fails = distance >= limits.DRIFT_FAIL and p < limits.DRIFT_FAIL_P
        warns = distance >= limits.DRIFT_FAIL or (distance >= limits.DRIFT_WARN and p < limits.DRIFT_WARN_P)
        if not (fails or warns):
            continue
        totals = max(first.total(), 1), max(second.total(), 1)
        shares = "; ".join(
            f"{label} {first[label] / totals[0]:.0%} and {second[label] / totals[1]:.0%}"
            for label in data.labels
            if first[label] or second[label]
        )
        yield Finding(
            code="class_drift",
            level="fail" if fails else "warning",
            what=f"classes drift between {one} and {other}: distance {distance:.2f}, p {p:.2g} ({shares})",
            where=where,
            todo="split by other groups; a figure measured on another mix of classes misleads",
        )


def _terms(where: str, data: DataSet) -> Iterator[Finding]:
    for source in sources_without_terms(data.samples):
        yield Finding(
            code="no_terms",
            level="note",
            what=f"pictures of {source} have no stated licence",
            where=where,
            todo="for evaluation only: ask for terms before a model trained on them is relied on or sold",
        )
