"""From a score to the probability that a finding is real: Platt's fit on logits, label by label.

Platt, Probabilistic outputs for support vector machines (1999), with his smoothed targets, on the logit
of the score. What counts as real depends on the station (`evidence`). Error after the fit is measured
on groups that the fit did not see. Neighbour: `operating_point` puts thresholds on the probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datasets.scoring.matching import BoolArray, Float64Array, iou
from datasets.scoring.pictures import IntArray, Scored
from vision.contract import Calibration

Station = Literal["ball", "rail"]
#: A finding of a rail is real when it overlaps a labelled box of its class by this IoU: a judge cuts
#: round it, and a box that is somewhat off is no false alarm.
REAL_IOU = 0.3
#: Fewer real or fewer false findings than this say nothing about a slope.
LEAST_OF_EACH = 5
FOLDS = 5
BINS = 10
_LEAST_SLOPE = 0.01
_EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Findings of one label: `score` (N,), whether `real` (N,), and the `picture` (N,) they lie in."""

    score: Float64Array
    real: BoolArray
    picture: IntArray


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram: mean probability said, share that was real, findings in it."""

    said: float
    real: float
    count: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """One label's calibration.

    Attributes:
        calibration: fitted on every group; its `ece` is of findings in groups that the fit which
            gave them a probability had not seen. None: too few findings (see `why_not`).
        ece_before: of the raw score taken as a probability.
        before, after: bins of the reliability diagram; `after` from unseen groups.
        real, false: findings of each kind.
        why_not: why there is no calibration; empty when there is one.
    """

    calibration: Calibration | None
    ece_before: float
    before: tuple[Bin, ...]
    after: tuple[Bin, ...]
    real: int
    false: int
    why_not: str


def evidence(scored: Scored, class_id: int, station: Station) -> Evidence:
    """The findings of a label and what they turned out to be.

    Rail: every finding; real when it overlaps a labelled box of its class by `REAL_IOU`.
    Ball: the best finding of each view, since a view is judged by it; real when the view shows the
    label. Views that show another defect are left out: to reject those is no mistake.
    """
    scores: list[float] = []
    real: list[bool] = []
    owners: list[int] = []
    for number, picture in enumerate(scored.pictures):
        own = picture.found.class_id == class_id
        if not own.any():
            continue
        truth = picture.truth_class == class_id
        if station == "ball":
            if len(picture.truth_class) and not truth.any():
                continue
            scores.append(float(picture.found.score[own].max()))
            real.append(bool(truth.any()))
            owners.append(number)
        else:
            best = iou(picture.found.xyxy_px[own], picture.truth_xyxy_px[truth]).max(axis=1, initial=0.0)
            scores += picture.found.score[own].tolist()
            real += (best >= REAL_IOU).tolist()
            owners += [number] * int(own.sum())
    return Evidence(np.array(scores, np.float64), np.array(real, np.bool_), np.array(owners, np.int64))


def platt(score: Float64Array, real: BoolArray) -> tuple[float, float]:
    """Slope and offset of the likeliest `1 / (1 + exp(-(a * logit(score) + b)))`, a > 0.

    Raises:
        ValueError: one of the two kinds is missing.
    """
    positive, negative = int(real.sum()), int((~real).sum())
    if not positive or not negative:
        raise ValueError("a fit needs findings of both kinds")
    from scipy import optimize

    x = logit(score)
    target = np.where(real, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        z = parameters[0] * x + parameters[1]
        slope = 1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0))) - target
        value = float(np.sum(np.logaddexp(0.0, z) - target * z))
        return value, np.array([float(np.sum(slope * x)), float(np.sum(slope))])

    bounds = [(_LEAST_SLOPE, 50.0), (-50.0, 50.0)]
    found = optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def logit(probability: Float64Array) -> Float64Array:
    """Log odds, of probabilities cut to 1e-6 from 0 and 1."""
    clipped = np.clip(probability, _EDGE, 1.0 - _EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), np.float64)


def calibrated(score: Float64Array, a: float, b: float) -> Float64Array:
    """Probability of each score, (N,)."""
    return np.asarray(1.0 / (1.0 + np.exp(-(a * logit(score) + b))), np.float64)


def score_at(log_odds: float, a: float, b: float) -> float:
    """The score whose calibrated log odds are these."""
    return float(1.0 / (1.0 + np.exp(-np.clip((log_odds - b) / a, -60.0, 60.0))))


def expected_error(probability: Float64Array, real: BoolArray) -> tuple[float, tuple[Bin, ...]]:
    """Expected calibration error and the bins it comes from: `BINS` bins of equal count.

    Nguyen and O'Connor, Posterior calibration and exploratory analysis (EMNLP 2015): equal counts, so
    that no bin is empty.
    """
    if not len(probability):
        return 0.0, ()
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    bins = tuple(Bin(float(probability[part].mean()), float(real[part].mean()), len(part)) for part in parts)
    return sum(abs(one.said - one.real) * one.count for one in bins) / len(probability), bins


def folds_of(groups: Sequence[str], folds: int = FOLDS, seed: int = 0) -> IntArray:
    """Fold of each picture, (P,): whole groups, shared out evenly at random; at most one fold per group."""
    names = np.array(sorted(set(groups)))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {str(names[place]): number % folds for number, place in enumerate(order)}
    return np.array([fold[group] for group in groups], np.int64)


def fit_calibration(
    scored: Scored, station: Station, *, folds: int = FOLDS, seed: int = 0
) -> dict[str, Fitted]:
    """Fit every label's calibration, and measure it on groups that the fit did not see.

    Args:
        scored: the val split.
        station: says what a real finding is.
        folds: into how many parts the groups are shared out.
        seed: of the sharing.
    """
    fold = folds_of(scored.groups, folds, seed)
    return {
        label: _fit_label(evidence(scored, index, station), fold) for index, label in enumerate(scored.labels)
    }


def enough(found: Evidence) -> bool:
    """Whether a fit on this means anything."""
    return min(int(found.real.sum()), int((~found.real).sum())) >= LEAST_OF_EACH


def _fit_label(found: Evidence, fold: IntArray) -> Fitted:
    real, false = int(found.real.sum()), int((~found.real).sum())
    ece_before, before = expected_error(found.score, found.real)
    if not enough(found):
        why = f"{real} real and {false} false findings; a fit needs {LEAST_OF_EACH} of each"
        return Fitted(None, ece_before, before, (), real, false, why)
    said = _unseen(found, fold)
    if said is None:
        why = "its findings lie in too few groups to check a fit on others than it was made on"
        return Fitted(None, ece_before, before, (), real, false, why)
    a, b = platt(found.score, found.real)
    ece, after = expected_error(said, found.real)
    calibration = Calibration(a=a, b=b, ece=ece, boxes=len(found.score))
    return Fitted(calibration, ece_before, before, after, real, false, "")


def _unseen(found: Evidence, fold: IntArray) -> Float64Array | None:
    """Each finding's probability by a fit on the other folds; None where one of them cannot be fitted."""
    own = fold[found.picture]
    said = np.zeros(len(found.score))
    for number in np.unique(own):
        rest = own != number
        if found.real[rest].all() or not found.real[rest].any():
            return None
        a, b = platt(found.score[rest], found.real[rest])
        said[~rest] = calibrated(found.score[~rest], a, b)
    return said
