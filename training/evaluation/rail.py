"""Evaluates a rail model: whole frames through the product's own route, boxes compared in frame pixels.

Neighbours: `vision.rail` finds the head, cuts tiles and joins boxes, as on the edge; `detection` counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.records import DataSet, Split
from datasets.scoring.bootstrap import RESAMPLES, Interval, share_interval
from datasets.scoring.costs import StationCosts, load_costs
from datasets.scoring.matching import match_class, overlaps
from datasets.scoring.operating_point import Chosen, choose_operating_points
from datasets.scoring.pictures import Look, Scored, require_labels, score_pictures
from datasets.scoring.rates import threshold_for
from training.evaluation.detection import LOOSE_IOU, DetectionFigures, detection_figures
from vision.detector import MIN_SCORE, Detector
from vision.errors import ConfigError
from vision.rail import inspect_rail_image
from vision.statistics.attribute import Rate, rate

FALSE_PER_METRE = (0.1, 0.5, 1.0)
DEFECT, DIRT = "defect", "dirt"


@dataclass(frozen=True, slots=True)
class DirtOnDefect:
    """Labelled dirt on which a `defect` finding at or above its threshold lies (IoU 0.3)."""

    threshold: float
    least_iou: float
    boxes: Rate
    by_group: Interval


@dataclass(frozen=True, slots=True)
class LabelPerMetre:
    """One class on rails of known length, findings paired at IoU 0.3.

    `recall_at`: share found at the false findings per metre of `FALSE_PER_METRE`, in their order.
    """

    label: str
    objects: int
    threshold: float
    recall: Rate
    false_per_metre: float
    recall_at: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PerMetre:
    """Rendered rails: every mark's place is known in mm."""

    rails: int
    metres: float
    labels: tuple[LabelPerMetre, ...]


@dataclass(frozen=True, slots=True)
class RailFigures:
    """Everything that is said of a rail model, beside the baseline.

    `thresholds_from`: where the thresholds come from. `chosen`: calibration and operating points by
    costs, expectations from groups that the fit had not seen.
    """

    splits: tuple[str, ...]
    detection: DetectionFigures
    thresholds: dict[str, float]
    thresholds_from: str
    chosen: Chosen
    dirt: DirtOnDefect | None
    rendered: PerMetre | None


@dataclass(frozen=True, slots=True, eq=False)
class RailEvaluation:
    """The figures, and the scored pictures they come from."""

    figures: RailFigures
    scored: Scored


def rail_look(detector: Detector, min_score: float = MIN_SCORE) -> Look:
    """The product's route: frame to boxes in frame pixels."""
    return lambda image: inspect_rail_image(image, detector, min_score=min_score).detections


def evaluate_rail(
    detector: Detector,
    data: DataSet,
    folder: Path,
    *,
    splits: tuple[Split, ...] = ("val",),
    costs: StationCosts | None = None,
    draft: bool = False,
    rendered: tuple[DataSet, Path] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: bool = False,
) -> RailEvaluation:
    """Evaluate a rail model.

    Args:
        detector: of the rail station.
        data: labelled frames; `folder` holds its pictures.
        folder: of the data set.
        splits: which of its splits.
        costs: of mistakes; None: the defaults.
        draft: the contract's thresholds are placeholders: those of `choose_operating_points` are used.
        rendered: whole rendered rails with `mm_per_px`, and their folder.
        resamples: for the intervals.
        seed: of resampling and folds.
        progress: show a bar.

    Raises:
        ConfigError: the set lacks a class in the splits, or is of another station.
        DataError: a picture cannot be read.
        FerrogateError: faster-coco-eval is missing.
    """
    labels = detector.contract.labels
    require_labels(data, splits, labels, str(folder))
    look = rail_look(detector)
    scored = score_pictures(data, splits, folder, look, labels, progress=progress)
    chosen = choose_operating_points(scored, "rail", costs or load_costs(None, "rail"), seed=seed)
    thresholds = chosen.thresholds if draft else dict(detector.contract.thresholds)
    per_metre = None
    if rendered is not None:
        rails = score_pictures(rendered[0], ("val", "test"), rendered[1], look, labels, progress=progress)
        per_metre = rails_per_metre(rails, thresholds)
    figures = RailFigures(
        splits=splits,
        detection=detection_figures(scored, thresholds, resamples=resamples, seed=seed),
        thresholds=thresholds,
        thresholds_from="chosen here from costs, on these same pictures" if draft else "the model's contract",
        chosen=chosen,
        dirt=dirt_on_defect(scored, thresholds, seed),
        rendered=per_metre,
    )
    return RailEvaluation(figures, scored)


def dirt_on_defect(scored: Scored, thresholds: dict[str, float], seed: int = 0) -> DirtOnDefect | None:
    """Dirt that the model calls a defect; None where the set has no dirt or the model not both labels."""
    if DIRT not in scored.labels or DEFECT not in scored.labels:
        return None
    dirt, defect = scored.labels.index(DIRT), scored.labels.index(DEFECT)
    hits = np.zeros(len(scored.pictures))
    total = np.zeros(len(scored.pictures))
    for number, picture in enumerate(scored.pictures):
        own = picture.truth_class == dirt
        total[number] = own.sum()
        hits[number] = (overlaps(picture, defect, thresholds[DEFECT])[own] >= LOOSE_IOU).sum()
    if not total.sum():
        return None
    interval = share_interval(hits, total, scored.groups, seed)
    boxes = rate(int(hits.sum()), int(total.sum()))
    return DirtOnDefect(thresholds[DEFECT], LOOSE_IOU, boxes, interval)


def rails_per_metre(scored: Scored, thresholds: dict[str, float]) -> PerMetre:
    """Recall and false findings per metre; rows of a picture run along the rail.

    Raises:
        ConfigError: a picture has no scale, or the rails show no mark.
    """
    samples = [picture.sample for picture in scored.pictures]
    metres = 0.0
    for sample in samples:
        if sample.mm_per_px is None:
            raise ConfigError(
                "a picture of the rendered rails has no scale (mm_per_px)",
                where=sample.file,
                todo="render the rails again with 'ferrogate data render-rails'",
            )
        metres += sample.height_px * sample.mm_per_px / 1000.0
    rows = []
    for index, label in enumerate(scored.labels):
        matched = match_class(scored, index, LOOSE_IOU, most_found=None)
        if not len(matched.truth_score):
            continue
        false = matched.score[~matched.real]
        limits = [threshold_for(false, int(share * metres + 1e-9)) for share in FALSE_PER_METRE]
        limit = thresholds[label]
        rows.append(
            LabelPerMetre(
                label=label,
                objects=len(matched.truth_score),
                threshold=limit,
                recall=rate(int((matched.truth_score >= limit).sum()), len(matched.truth_score)),
                false_per_metre=float((false >= limit).sum()) / metres,
                recall_at=tuple(float((matched.truth_score >= max(0.0, at)).mean()) for at in limits),
            )
        )
    if not rows:
        raise ConfigError(
            "the rendered rails show no mark that the model knows",
            where="rendered rails",
            todo="render them again, or leave them out",
        )
    return PerMetre(len({sample.group for sample in samples}), metres, tuple(rows))
