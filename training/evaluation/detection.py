"""The figures that every detector gets, on any scored split: precision, recall, false alarms, confusion.

Neighbours: `rail` and `ball` add what belongs to their station, `page_tables` prints them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from datasets.records import BoxRecord
from datasets.scoring.bootstrap import RESAMPLES, Interval, bootstrap
from datasets.scoring.coco import coco_figures, mean_ap
from datasets.scoring.matching import Matched, confusion, iou, match_all
from datasets.scoring.pictures import IntArray, Scored
from datasets.scoring.precision import matched_by_iou, mean_precision
from datasets.scoring.rates import AtFalseAlarms, AtThreshold, at_false_alarms, at_threshold
from vision.statistics.attribute import Rate, rate

#: IoU of everything that is not averaged over several.
MATCH_IOU = 0.5
#: And of a finding that is somewhat off, but where a person would look.
LOOSE_IOU = 0.3
FALSE_PER_PICTURE = (0.1, 0.5, 1.0)
#: Sides of a box, square root of its area, at which the table by size is parted.
SIZE_STEPS_PX = (16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One class."""

    label: str
    objects: int
    ap50: Interval
    ap50_95: float
    at_false_alarms: tuple[AtFalseAlarms, ...]
    at_threshold: AtThreshold | None
    """Findings paired at IoU `MATCH_IOU`."""
    recall_loose: Rate | None
    """Recall at the threshold with findings paired at `LOOSE_IOU`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Labelled boxes of one kind (a finer class, a size, an origin, a sensor), found at the threshold.

    `named`: under their own label; `seen`: under any; `recall_at`: by their own label at the false
    alarms per picture of `FALSE_PER_PICTURE`, in their order.
    """

    kind: str
    label: str
    named: Rate
    seen: Rate
    recall_at: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """False findings at the thresholds in the pictures of one sensor or origin."""

    kind: str
    pictures: int
    false: int
    per_picture: float


@dataclass(frozen=True, slots=True)
class DetectionFigures:
    """A detector on one split.

    Attributes:
        pictures, groups: how many; intervals are of groups drawn anew.
        map50, map50_95: means over classes, COCO's semantic (faster-coco-eval).
        labels: class by class.
        fine, by_size, by_origin, by_sensor: labelled boxes by kind.
        false_by_sensor: false findings by sensor.
        confusion: counts [true or nothing][found or nothing], last is nothing.
    """

    pictures: int
    groups: int
    resamples: int
    map50: Interval
    map50_95: Interval
    labels: tuple[LabelFigures, ...]
    fine: tuple[Slice, ...]
    by_size: tuple[Slice, ...]
    by_origin: tuple[Slice, ...]
    by_sensor: tuple[Slice, ...]
    false_by_sensor: tuple[FalseAlarms, ...]
    confusion: tuple[tuple[int, ...], ...]

    def of(self, label: str) -> LabelFigures:
        """One class's figures."""
        return next(one for one in self.labels if one.label == label)


def detection_figures(
    scored: Scored, thresholds: Mapping[str, float], *, resamples: int = RESAMPLES, seed: int = 0
) -> DetectionFigures:
    """All of them.

    Args:
        scored: a split.
        thresholds: score per label from which findings count where a threshold is needed.
        resamples: of the groups, for the intervals.
        seed: of the resampling.

    Raises:
        FerrogateError: faster-coco-eval is missing.
    """
    coco = coco_figures(scored)
    map50, map50_95 = mean_ap(coco)
    by_iou = matched_by_iou(scored)
    drawn = bootstrap(
        lambda weight: mean_precision(by_iou, weight), scored.groups, resamples=resamples, seed=seed
    )
    matched, loose = by_iou[MATCH_IOU], match_all(scored, LOOSE_IOU)
    count = len(scored.pictures)
    labels = tuple(
        LabelFigures(
            label=label,
            objects=coco[label].objects,
            ap50=_around(coco[label].ap50, drawn[f"ap50:{label}"]),
            ap50_95=coco[label].ap50_95,
            at_false_alarms=_at_false_alarms(matched[label], count),
            at_threshold=at_threshold(matched[label], count, thresholds[label]),
            recall_loose=_recall(loose[label], thresholds[label]),
        )
        for label in scored.labels
    )
    slices = _Slicer(scored, matched, thresholds)
    return DetectionFigures(
        pictures=count,
        groups=len(set(scored.groups)),
        resamples=resamples,
        map50=_around(map50, drawn["map50"]),
        map50_95=_around(map50_95, drawn["map50_95"]),
        labels=labels,
        fine=slices.by(lambda _, box: box.fine or ""),
        by_size=slices.by(lambda _, box: size_name(box)),
        by_origin=slices.by(lambda _, box: box.origin),
        by_sensor=slices.by(lambda number, _: scored.pictures[number].sample.sensor),
        false_by_sensor=_false_by(scored, matched, thresholds),
        confusion=tuple(
            tuple(int(value) for value in row) for row in confusion(scored, dict(thresholds), MATCH_IOU)
        ),
    )


def size_name(box: BoxRecord) -> str:
    """The step of SIZE_STEPS_PX that a box falls into, as words."""
    x1, y1, x2, y2 = box.xyxy_px
    side = math.sqrt(max(0.0, (x2 - x1) * (y2 - y1)))
    for low, high in zip((0, *SIZE_STEPS_PX), SIZE_STEPS_PX, strict=False):
        if side < high:
            return f"{low} to {high} px" if low else f"under {high} px"
    return f"{SIZE_STEPS_PX[-1]} px and more"


def _around(value: float, interval: Interval) -> Interval:
    """faster-coco-eval's value with the bounds of the resampling (which has the same value to 1e-6)."""
    return Interval(value, interval.low, interval.high, interval.resamples)


def _at_false_alarms(matched: Matched, pictures: int) -> tuple[AtFalseAlarms, ...]:
    rows = (at_false_alarms(matched, pictures, share) for share in FALSE_PER_PICTURE)
    return tuple(row for row in rows if row is not None)


def _recall(matched: Matched, threshold: float) -> Rate | None:
    total = len(matched.truth_score)
    return rate(int((matched.truth_score >= threshold).sum()), total) if total else None


class _Slicer:
    """Recall of labelled boxes by kind; the pairing is done once."""

    def __init__(self, scored: Scored, matched: dict[str, Matched], thresholds: Mapping[str, float]) -> None:
        self._scored = scored
        self._matched = matched
        self._thresholds = thresholds
        self._limits = {
            label: [row.threshold for row in _at_false_alarms(one, len(scored.pictures))]
            for label, one in matched.items()
        }
        self._seen = _seen(scored, thresholds)

    def by(self, kind: Callable[[int, BoxRecord], str]) -> tuple[Slice, ...]:
        """One row per label and kind; kinds without a name are left out, most boxes first."""
        rows = []
        for label, matched in self._matched.items():
            names = [
                kind(int(number), self._box(int(number), int(index)))
                for number, index in zip(matched.truth_picture, matched.truth_index, strict=True)
            ]
            for name, count in Counter(names).most_common():
                if not name:
                    continue
                own = np.array([other == name for other in names], np.bool_)
                score = matched.truth_score[own]
                seen = [
                    self._seen[int(number)][int(index)]
                    for number, index in zip(
                        matched.truth_picture[own], matched.truth_index[own], strict=True
                    )
                ]
                rows.append(
                    Slice(
                        name,
                        label,
                        rate(int((score >= self._thresholds[label]).sum()), count),
                        rate(sum(seen), count),
                        tuple(float((score >= limit).mean()) for limit in self._limits[label]),
                    )
                )
        return tuple(rows)

    def _box(self, number: int, index: int) -> BoxRecord:
        picture = self._scored.pictures[number]
        return picture.sample.boxes[int(picture.truth_box[index])]


def _seen(scored: Scored, thresholds: Mapping[str, float]) -> list[list[bool]]:
    """Per picture and labelled box: whether a finding of any label lies on it (IoU `LOOSE_IOU`)."""
    limits = np.array([thresholds[label] for label in scored.labels])
    result = []
    for picture in scored.pictures:
        kept = picture.found.score >= limits[picture.found.class_id]
        best = iou(picture.truth_xyxy_px, picture.found.xyxy_px[kept]).max(axis=1, initial=0.0)
        result.append([bool(value >= LOOSE_IOU) for value in best])
    return result


def _false_by(
    scored: Scored, matched: dict[str, Matched], thresholds: Mapping[str, float]
) -> tuple[FalseAlarms, ...]:
    false: IntArray = np.zeros(len(scored.pictures), np.int64)
    for label, one in matched.items():
        wrong = ~one.real & (one.score >= thresholds[label])
        false += np.bincount(one.picture[wrong], minlength=len(false))
    sensors = [picture.sample.sensor or "not said" for picture in scored.pictures]
    rows = []
    for name, count in Counter(sensors).most_common():
        own = int(false[[sensor == name for sensor in sensors]].sum())
        rows.append(FalseAlarms(name, count, own, own / count))
    return tuple(rows)
