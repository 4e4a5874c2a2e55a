"""Recall, precision and false alarms at thresholds, and thresholds at a given number of false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.scoring.matching import BoolArray, Float64Array, Matched
from datasets.scoring.pictures import Scored
from vision.statistics.attribute import Rate, rate


@dataclass(frozen=True, slots=True)
class AtFalseAlarms:
    """Most labelled boxes that can be found with at most `per_picture` false findings a picture."""

    per_picture: float
    threshold: float
    recall: Rate
    false: int


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """One label at one threshold; `precision` None where nothing was found."""

    threshold: float
    recall: Rate
    precision: Rate | None
    false_per_picture: float


def threshold_for(false_scores: Float64Array, allowed: int) -> float:
    """The lowest score at or above which at most `allowed` of these lie; 0 where all may."""
    if len(false_scores) <= allowed:
        return 0.0
    limit = float(np.sort(false_scores)[::-1][allowed])
    return float(np.nextafter(limit, math.inf))


def at_false_alarms(matched: Matched, pictures: int, per_picture: float) -> AtFalseAlarms | None:
    """Recall at a fixed number of false findings per picture; None without a labelled box."""
    if not len(matched.truth_score):
        return None
    false = matched.score[~matched.real]
    threshold = threshold_for(false, math.floor(per_picture * pictures + 1e-9))
    found = int((matched.truth_score >= max(threshold, 0.0)).sum())
    return AtFalseAlarms(
        per_picture, threshold, rate(found, len(matched.truth_score)), int((false >= threshold).sum())
    )


def at_threshold(matched: Matched, pictures: int, threshold: float) -> AtThreshold | None:
    """One label at its threshold; None without a labelled box."""
    if not len(matched.truth_score):
        return None
    above = matched.score >= threshold
    real, count = int((above & matched.real).sum()), int(above.sum())
    return AtThreshold(
        threshold,
        rate(int((matched.truth_score >= threshold).sum()), len(matched.truth_score)),
        rate(real, count) if count else None,
        (count - real) / pictures,
    )


def view_scores(scored: Scored, class_id: int | None = None) -> Float64Array:
    """Highest score in each picture, (P,), of one class or of any; 0 where there is no finding."""
    best = np.zeros(len(scored.pictures))
    for number, picture in enumerate(scored.pictures):
        score = picture.found.score
        if class_id is not None:
            score = score[picture.found.class_id == class_id]
        best[number] = float(score.max(initial=0.0))
    return best


def alarms(scored: Scored, thresholds: dict[str, float]) -> BoolArray:
    """Whether any label reaches its threshold, per picture (P,)."""
    limits = np.array([thresholds[label] for label in scored.labels])
    return np.array(
        [bool((one.found.score >= limits[one.found.class_id]).any()) for one in scored.pictures], np.bool_
    )


def by_group(values: BoolArray, groups: Sequence[str]) -> dict[str, bool]:
    """Whether any picture of a group is true."""
    result: dict[str, bool] = {}
    for value, group in zip(values, groups, strict=True):
        result[group] = result.get(group, False) or bool(value)
    return result
