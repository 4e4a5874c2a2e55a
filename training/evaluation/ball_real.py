"""Reality checks of a ball model: real balls without a defect, and real pitting on other parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.records import DataSet
from datasets.scoring.matching import BoolArray, iou
from datasets.scoring.pictures import Look, Scored, score_pictures
from datasets.scoring.rates import alarms
from vision.statistics.attribute import Rate, rate

#: A crop's pitting is found when a finding of any label lies on it so far: edges of pitting are a matter
#: of opinion, and boxes of another kind of part need not agree with ours.
PITTING_IOU = 0.1


@dataclass(frozen=True, slots=True)
class RealCheck:
    """Pictures of one source.

    Attributes:
        source: of the pictures.
        pictures, groups: how many.
        false: pictures without a labelled box that a finding rejects.
        seen: pictures with a labelled box that a finding rejects.
        boxes: labelled boxes that a finding of any label lies on (`PITTING_IOU`).
        by_label: pictures in which each label reached its threshold.
    """

    source: str
    pictures: int
    groups: int
    false: Rate | None
    seen: Rate | None
    boxes: Rate | None
    by_label: dict[str, int]


def real_checks(
    data: DataSet,
    folder: Path,
    look: Look,
    labels: tuple[str, ...],
    thresholds: dict[str, float],
    *,
    progress: bool = False,
) -> tuple[RealCheck, ...]:
    """Count every source of a set of real pictures; its labels need not be the model's.

    Raises:
        DataError: a picture cannot be read.
    """
    # Every labelled box counts, whatever it is called: it is damage of the surface.
    renamed = tuple(
        sample.model_copy(
            update={"boxes": tuple(box.model_copy(update={"label": labels[0]}) for box in sample.boxes)}
        )
        for sample in data.samples
    )
    data = data.model_copy(update={"labels": (labels[0],), "samples": renamed})
    scored = score_pictures(data, ("train", "val", "test"), folder, look, labels, progress=progress)
    limits = np.array([thresholds[label] for label in labels])
    checks = []
    for source in sorted({picture.sample.source for picture in scored.pictures}):
        own = _of_source(scored, source)
        rejected = alarms(own, thresholds)
        shows = np.array([bool(one.sample.boxes) for one in own.pictures], np.bool_)
        hits = total = 0
        by_label = dict.fromkeys(labels, 0)
        for picture in own.pictures:
            above = picture.found.score >= limits[picture.found.class_id]
            for index in np.unique(picture.found.class_id[above]):
                by_label[labels[int(index)]] += 1
            total += len(picture.truth_class)
            overlap = iou(picture.truth_xyxy_px, picture.found.xyxy_px[above])
            hits += int((overlap.max(axis=1, initial=0.0) >= PITTING_IOU).sum())
        checks.append(
            RealCheck(
                source=source,
                pictures=len(own.pictures),
                groups=len(set(own.groups)),
                false=_share(rejected, ~shows),
                seen=_share(rejected, shows),
                boxes=rate(hits, total) if total else None,
                by_label={label: count for label, count in by_label.items() if count},
            )
        )
    return tuple(checks)


def _of_source(scored: Scored, source: str) -> Scored:
    return scored.only(lambda sample: sample.source == source)


def _share(rejected: BoolArray, among: BoolArray) -> Rate | None:
    count = int(among.sum())
    return rate(int((rejected & among).sum()), count) if count else None
