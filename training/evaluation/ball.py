"""Evaluates a ball model: crops as the edge cuts them, counted by box, by view and by ball.

A view is rejected when any label reaches its threshold in it, a ball when any of its views is. Figures
that set a threshold to a given number of false alarms set it on the very views they count (a point of
the curve); those at the model's own thresholds do not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from datasets.pictures import grey
from datasets.records import DataSet, SampleRecord, Split
from datasets.scoring.bootstrap import RESAMPLES, Interval, bootstrap, share_interval
from datasets.scoring.costs import StationCosts, load_costs
from datasets.scoring.matching import BoolArray, Float64Array
from datasets.scoring.operating_point import Chosen, choose_operating_points
from datasets.scoring.pictures import IntArray, Look, Scored, require_labels, score_pictures
from datasets.scoring.precision import matched_by_iou, mean_precision
from datasets.scoring.rates import alarms, by_group, threshold_for, view_scores
from datasets.scoring.sound_balls import is_good_view, score_sound_balls
from training.evaluation.ball_real import RealCheck, real_checks
from training.evaluation.detection import DetectionFigures, detection_figures
from vision.detector import Detector
from vision.errors import ConfigError
from vision.statistics.attribute import Rate, rate

GROSS_LABELS = ("crack", "lap", "spall")
"""Labels whose mean AP50 is the model's headline."""
CRACK = "crack"
CRACK_WIDTH_KEY = "crack_width_px"
WIDE_CRACK_PX = 3.0
FALSE_PER_VIEW = 1.0 / 1000.0
_WIDTH_STEPS_PX = (0.0, 1.0, 2.0, 3.0, 5.0, math.inf)
_LARGEST_KINDS = 12


@dataclass(frozen=True, slots=True)
class LabelViews:
    """A label by view and by ball: found under any name, and under its own."""

    label: str
    views: Rate
    views_named: Rate
    balls: Rate


@dataclass(frozen=True, slots=True)
class CrackProof:
    """Recall of views that show a crack of a least width, at a threshold.

    `rule`: what rejects a view. `false`: good views rejected. `by_ball`: bounds of the recall with
    balls drawn anew, since views of one ball show one crack.
    """

    rule: str
    threshold: float | None
    recall: Rate
    by_ball: Interval
    false: Rate


@dataclass(frozen=True, slots=True)
class KindOfView:
    """Views of one kind (surface, light, camera): defects found, good ones rejected."""

    key: str
    kind: str
    found: Rate | None
    false: Rate | None


@dataclass(frozen=True, slots=True)
class BallFigures:
    """Everything that is said of a ball model, beside the baseline."""

    splits: tuple[str, ...]
    detection: DetectionFigures
    gross_ap50: Interval
    thresholds: dict[str, float]
    thresholds_from: str
    chosen: Chosen | None
    balls: int
    labels: tuple[LabelViews, ...]
    good_views: Rate | None
    good_balls: Rate | None
    false_by_label: dict[str, int]
    cracks: tuple[CrackProof, ...]
    crack_widths: tuple[tuple[str, Rate], ...]
    kinds: tuple[KindOfView, ...]
    real: tuple[RealCheck, ...]


@dataclass(frozen=True, slots=True, eq=False)
class BallEvaluation:
    """The figures, and the scored pictures they come from."""

    figures: BallFigures
    scored: Scored


def ball_look(detector: Detector) -> Look:
    """A crop to boxes in it."""
    return lambda image: detector.detect(grey(image))


def evaluate_ball(
    detector: Detector,
    data: DataSet,
    folder: Path,
    *,
    splits: tuple[Split, ...] = ("test",),
    val: tuple[DataSet, Path] | None = None,
    real: tuple[DataSet, Path] | None = None,
    costs: StationCosts | None = None,
    draft: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: bool = False,
) -> BallEvaluation:
    """Evaluate a ball model.

    Args:
        detector: of the ball station.
        data: crops with labels; `folder` holds its pictures.
        folder: of the data set.
        splits: which of its splits.
        val: the set with the val split on which calibration and thresholds are fitted, and its folder; the
            sound balls of its train split count for the share of them that may be lost.
        real: pictures of real balls and pitting, and their folder.
        costs: of mistakes; None: the defaults.
        draft: the contract's thresholds are placeholders: those fitted on `val` are used.
        resamples: for the intervals.
        seed: of resampling and folds.
        progress: show a bar.

    Raises:
        ConfigError: a set lacks a class in its split, is of another station, or a draft comes without `val`.
        DataError: a picture cannot be read.
        FerrogateError: faster-coco-eval is missing.
    """
    labels = detector.contract.labels
    require_labels(data, splits, labels, str(folder))
    look = ball_look(detector)
    chosen = None
    if val is not None:
        require_labels(val[0], ("val",), labels, str(val[1]))
        seen = score_pictures(val[0], ("val",), val[1], look, labels, progress=progress)
        more = score_sound_balls(*val, look, labels, progress=progress)
        own_costs = costs or load_costs(None, "ball")
        chosen = choose_operating_points(seen, "ball", own_costs, more=more, seed=seed)
    if draft and chosen is None:
        raise ConfigError(
            "the network of a run has no thresholds of its own, and there is no val split to choose them on",
            where=str(folder),
            todo="make the sets with 'ferrogate data build ball', or give an exported file with --model",
        )
    thresholds = chosen.thresholds if draft and chosen is not None else dict(detector.contract.thresholds)
    scored = score_pictures(data, splits, folder, look, labels, progress=progress)
    good = np.array([is_good_view(picture.sample) for picture in scored.pictures], np.bool_)
    rejected = alarms(scored, thresholds)
    figures = BallFigures(
        splits=splits,
        detection=detection_figures(scored, thresholds, resamples=resamples, seed=seed),
        gross_ap50=gross_precision(scored, resamples, seed),
        thresholds=thresholds,
        thresholds_from="chosen here from costs, on the val split" if draft else "the model's contract",
        chosen=chosen,
        balls=len(set(scored.groups)),
        labels=_by_label(scored, rejected, thresholds),
        good_views=rate(int(rejected[good].sum()), int(good.sum())) if good.any() else None,
        good_balls=_good_balls(scored, rejected),
        false_by_label=_false_by_label(scored, good, thresholds),
        cracks=crack_proofs(scored, good, rejected, seed),
        crack_widths=_crack_widths(scored, rejected),
        kinds=_kinds(scored, good, rejected),
        real=() if real is None else real_checks(*real, look, labels, thresholds, progress=progress),
    )
    return BallEvaluation(figures, scored)


def gross_precision(scored: Scored, resamples: int, seed: int) -> Interval:
    """Mean AP50 over `GROSS_LABELS`; one that the model does not know counts as 0."""
    matched = matched_by_iou(scored, (0.5,))
    names = [f"ap50:{label}" for label in GROSS_LABELS]

    def figure(weight: IntArray) -> dict[str, float]:
        values = mean_precision(matched, weight)
        return {"gross": float(np.mean([values.get(name, 0.0) for name in names]))}

    return bootstrap(figure, scored.groups, resamples=resamples, seed=seed)["gross"]


def crack_proofs(
    scored: Scored, good: BoolArray, rejected: BoolArray, seed: int = 0
) -> tuple[CrackProof, ...]:
    """Wide cracks at one false alarm per 1,000 good views, by three rules of rejecting.

    Args:
        scored: crops.
        good: (P,) views of sound balls.
        rejected: (P,) views rejected at the model's thresholds.
        seed: of the resampling.

    Returns:
        Empty where the set has no wide crack or no good view.
    """
    wide = np.array([_crack_width(one.sample) >= WIDE_CRACK_PX for one in scored.pictures], np.bool_)
    if not wide.any() or not good.any():
        return ()
    allowed = math.floor(FALSE_PER_VIEW * int(good.sum()) + 1e-9)
    proofs = []
    rules: list[tuple[str, Float64Array]] = [
        ("a finding of any label, one threshold for all", view_scores(scored)),
        ("a finding of crack alone", view_scores(scored, scored.labels.index(CRACK))),
    ]
    for rule, score in rules:
        limit = threshold_for(score[good], allowed)
        proofs.append(_proof(scored, rule, limit, wide, good, (score >= limit) & (score > 0.0), seed))
    proofs.append(_proof(scored, "the model's own thresholds", None, wide, good, rejected, seed))
    return tuple(proofs)


def _proof(
    scored: Scored,
    rule: str,
    threshold: float | None,
    wide: BoolArray,
    good: BoolArray,
    rejected: BoolArray,
    seed: int,
) -> CrackProof:
    hits = (wide & rejected).astype(np.float64)
    return CrackProof(
        rule=rule,
        threshold=threshold,
        recall=rate(int(hits.sum()), int(wide.sum())),
        by_ball=share_interval(hits, wide.astype(np.float64), scored.groups, seed),
        false=rate(int((good & rejected).sum()), int(good.sum())),
    )


def _crack_width(sample: SampleRecord) -> float:
    value = sample.truth.get(CRACK_WIDTH_KEY)
    shows = any(box.label == CRACK for box in sample.boxes)
    return float(value) if shows and isinstance(value, int | float) else -1.0


def _by_label(scored: Scored, rejected: BoolArray, thresholds: dict[str, float]) -> tuple[LabelViews, ...]:
    rows = []
    for index, label in enumerate(scored.labels):
        shows = np.array([bool((one.truth_class == index).any()) for one in scored.pictures], np.bool_)
        if not shows.any():
            continue
        named = view_scores(scored, index) >= thresholds[label]
        groups = [group for group, yes in zip(scored.groups, shows, strict=True) if yes]
        balls = by_group(rejected[shows], groups)
        count = int(shows.sum())
        rows.append(
            LabelViews(
                label,
                rate(int((shows & rejected).sum()), count),
                rate(int((shows & named).sum()), count),
                rate(sum(balls.values()), len(balls)),
            )
        )
    return tuple(rows)


def _good_balls(scored: Scored, rejected: BoolArray) -> Rate | None:
    """Sound balls that a finding in any of their views rejects all the same."""
    unsound = np.array([not is_good_view(one.sample) for one in scored.pictures], np.bool_)
    alarm = by_group(rejected, scored.groups)
    good = [group for group, bad in by_group(unsound, scored.groups).items() if not bad]
    return rate(sum(alarm[group] for group in good), len(good)) if good else None


def _false_by_label(scored: Scored, good: BoolArray, thresholds: dict[str, float]) -> dict[str, int]:
    return {
        label: int((good & (view_scores(scored, index) >= thresholds[label])).sum())
        for index, label in enumerate(scored.labels)
    }


def _crack_widths(scored: Scored, rejected: BoolArray) -> tuple[tuple[str, Rate], ...]:
    width = np.array([_crack_width(one.sample) for one in scored.pictures])
    rows = []
    for low, high in pairwise(_WIDTH_STEPS_PX):
        inside = (width >= low) & (width < high)
        if inside.any():
            name = f"{low:g} to {high:g} px" if math.isfinite(high) else f"{low:g} px and more"
            rows.append((name, rate(int((inside & rejected).sum()), int(inside.sum()))))
    return tuple(rows)


def _kinds(scored: Scored, good: BoolArray, rejected: BoolArray) -> tuple[KindOfView, ...]:
    """Rows for every word that the truth says of views (surface, light, ...), and for the sensor."""
    samples = [one.sample for one in scored.pictures]
    keys = sorted({key for one in samples for key, value in one.truth.items() if isinstance(value, str)})
    readers: list[tuple[str, Callable[[SampleRecord], str]]] = [("sensor", lambda one: one.sensor)]
    readers += [(key, _reader(key)) for key in keys]
    rows: list[KindOfView] = []
    for key, read in readers:
        words = [read(sample) for sample in samples]
        counts = Counter(word for word in words if word)
        if 1 < len(counts) <= _LARGEST_KINDS:
            rows += [_kind(key, word, words, good, rejected) for word, _ in counts.most_common()]
    return tuple(rows)


def _reader(key: str) -> Callable[[SampleRecord], str]:
    return lambda sample: str(sample.truth.get(key) or "")


def _kind(key: str, word: str, words: Sequence[str], good: BoolArray, rejected: BoolArray) -> KindOfView:
    own = np.array([other == word for other in words], np.bool_)
    bad, fine = own & ~good, own & good
    return KindOfView(
        key,
        word,
        rate(int((bad & rejected).sum()), int(bad.sum())) if bad.any() else None,
        rate(int((fine & rejected).sum()), int(fine.sum())) if fine.any() else None,
    )
