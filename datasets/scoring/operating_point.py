"""Thresholds from costs, and what is to be expected at them.

Rule: reject where the probability that the finding is real is at least
`C_FR / (C_FR + C_ESC)` (the cheaper mistake, Elkan, The foundations of cost-sensitive learning, IJCAI
2001), on calibrated scores, with the odds shifted from the val split's share of the label to the plant's.

Of balls, a label's threshold is raised where it would throw out too many sound ones (`sound_balls`): costs
are told by view, but a ball has several, and one false finding rejects it.

What is honest: the expected escapes and false rejects are counted on groups that neither the fit nor the
threshold used for them had seen (cross-fitting by groups). What is not: the threshold that ships is fitted
on all groups of the split, so figures *at the shipped threshold* on that same split flatter it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.scoring.bootstrap import Interval, share_interval
from datasets.scoring.calibration import (
    FOLDS,
    Evidence,
    Fitted,
    Station,
    enough,
    evidence,
    fit_calibration,
    folds_of,
    platt,
    score_at,
)
from datasets.scoring.costs import StationCosts
from datasets.scoring.matching import BoolArray, Float64Array, match_class
from datasets.scoring.pictures import IntArray, Scored
from datasets.scoring.sound_balls import SoundBalls, sound_balls
from vision.contract import Calibration, OperatingPoint

#: Thresholds stay inside: below are no findings, above nothing was ever seen to tell.
LEAST_THRESHOLD = 0.05
LARGEST_THRESHOLD = 0.95
#: Where even all labels together have too few findings to calibrate.
UNCALIBRATED_THRESHOLD = 0.25
#: A labelled box of a rail is covered by a finding of its label with this IoU.
COVER_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Chosen:
    """What goes into the model contract, and what should be said about it.

    Attributes:
        thresholds: score per label, every label.
        calibration: of the labels that could be calibrated.
        points: of the labels that the split shows, and that it also leaves out somewhere.
        fitted: how each calibration went.
        notes: sentences about labels that could not be done by the costs alone, and about sound balls.
    """

    thresholds: dict[str, float]
    calibration: dict[str, Calibration]
    points: dict[str, OperatingPoint]
    fitted: dict[str, Fitted]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Per picture (P,): labelled objects, those missed, whether it is clean, false findings in it."""

    objects: Float64Array
    missed: Float64Array
    clean: Float64Array
    false: Float64Array


def choose_operating_points(
    scored: Scored,
    station: Station,
    costs: StationCosts,
    *,
    more: Scored | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> Chosen:
    """Calibrate, choose every label's threshold, and count what it costs on unseen groups.

    Args:
        scored: the val split, through the product's own route.
        station: of the model.
        costs: of mistakes.
        more: further pictures of sound balls, for the share of them that may be lost and for nothing else.
        folds: into how many parts the groups are shared out.
        seed: of the sharing.
    """
    fitted = fit_calibration(scored, station, folds=folds, seed=seed)
    known = {label: one.calibration for label, one in fitted.items() if one.calibration is not None}
    everything = np.ones(len(scored.pictures), np.bool_)
    thresholds, notes = {}, []
    found = {label: evidence(scored, index, station) for index, label in enumerate(scored.labels)}
    sound = sound_balls(scored) if more is None else sound_balls(scored, more)
    for label in scored.labels:
        value, note = _threshold(scored, label, found, everything, station, costs)
        thresholds[label], raised = _raised(value, scored.labels.index(label), sound, costs)
        notes += [f"{label}: {words}" for words in (note, raised) if words]
    notes += _about_sound(sound, [thresholds[label] for label in scored.labels], costs)
    tallies = _unseen_tallies(scored, station, costs, folds_of(scored.groups, folds, seed), sound)
    points = {}
    for label, tally in tallies.items():
        if tally.objects.sum() and tally.clean.sum():
            points[label] = _point(label, tally, scored.groups, station, costs)
        else:
            notes.append(f"{label}: the split does not both show it and leave it out: no expectation")
    return Chosen(thresholds, known, points, fitted, tuple(notes))


def tally_at(scored: Scored, thresholds: dict[str, float], station: Station) -> dict[str, Tally]:
    """Escapes and false findings of every label at given thresholds.

    Rail: a labelled box that no finding of its label covers (IoU `COVER_IOU`) escapes; findings of a
    label in pictures that show none of it are false. Ball: a view that shows the label and in which no
    label reaches its threshold escapes; a clean view is one without any labelled box, and it is
    rejected falsely once by a label, however many of its findings it holds.
    """
    return {
        label: _ball_tally(scored, index, thresholds)
        if station == "ball"
        else _rail_tally(scored, index, thresholds[label])
        for index, label in enumerate(scored.labels)
    }


def _threshold(
    scored: Scored,
    label: str,
    found: dict[str, Evidence],
    used: BoolArray,
    station: Station,
    costs: StationCosts,
) -> tuple[float, str]:
    """A label's threshold from the pictures in `used` (P,), and a note where the rule did not do."""
    part, note = _of(used, [found[label]]), ""
    if not enough(part):
        part, note = (
            _of(used, list(found.values())),
            "too few findings of its own: fitted on all labels' findings",
        )
    if not enough(part):
        return UNCALIBRATED_THRESHOLD, "too few findings to calibrate: the threshold is set, not chosen"
    a, b = platt(part.score, part.real)
    cost = costs.of(label)
    wanted = math.log(cost.probability_limit / (1.0 - cost.probability_limit))
    value = score_at(wanted + _odds_shift(scored, label, used, station, cost.plant_share), a, b)
    value = math.ceil(value * 1000.0) / 1000.0
    if value < LEAST_THRESHOLD:
        return LEAST_THRESHOLD, note or f"the rule asks for {value:.3f}; findings begin at {LEAST_THRESHOLD}"
    if value > LARGEST_THRESHOLD:
        return LARGEST_THRESHOLD, note or f"the rule asks for {value:.3f}, beyond what was seen"
    return value, note


def _raised(value: float, class_id: int, sound: SoundBalls, costs: StationCosts) -> tuple[float, str]:
    """A threshold that keeps to the share of sound balls that one label may throw out, and what was done."""
    share = costs.sound_balls_lost_max
    if share is None or not sound.enough_for(share):
        return value, ""
    least = sound.least_threshold(class_id, share)
    least = min(math.ceil(least * 1000.0) / 1000.0, LARGEST_THRESHOLD)
    if least <= value:
        return value, ""
    lost = int((sound.best[:, class_id] >= value).sum())
    return least, f"raised from {value:.3f}, at which it throws out {lost} of {len(sound.groups)} sound balls"


def _about_sound(sound: SoundBalls, limits: Sequence[float], costs: StationCosts) -> list[str]:
    share = costs.sound_balls_lost_max
    if share is None:
        return []
    balls = len(sound.groups)
    if not sound.enough_for(share):
        return [f"{balls} sound balls are too few to hold a label to {share:.1%} of them: costs alone decide"]
    alone = int((sound.best >= np.array(limits)).sum(axis=0).max())
    lost = sound.lost(np.array(limits))
    return [
        f"of the {balls} sound balls of the train and val splits, all their views seen, no label alone "
        f"throws out more than {alone} ({share:.1%} are allowed), and all labels together {lost} "
        f"({lost / balls:.1%})"
    ]


def _of(used: BoolArray, found: Sequence[Evidence]) -> Evidence:
    """The findings in some pictures, (P,), of several labels put together."""
    parts = [
        (one.score[own], one.real[own], one.picture[own]) for one in found for own in [used[one.picture]]
    ]
    score, real, picture = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Evidence(score, real, picture)


def _odds_shift(
    scored: Scored, label: str, used: BoolArray, station: Station, plant_share: float | None
) -> float:
    """Log odds of the label in the split minus those at the plant: added to what the split must show."""
    if plant_share is None:
        return 0.0
    index = scored.labels.index(label)
    chosen = [picture for picture, use in zip(scored.pictures, used, strict=True) if use]
    showing = sum(bool((picture.truth_class == index).any()) for picture in chosen)
    if station == "ball":
        others = sum(not len(picture.truth_class) for picture in chosen)
    else:
        others = len(chosen) - showing
    # Half a picture each, so that a split without the one or the other gives a number.
    split_odds = (showing + 0.5) / (others + 0.5)
    return math.log(split_odds) - math.log(plant_share / (1.0 - plant_share))


def _unseen_tallies(
    scored: Scored, station: Station, costs: StationCosts, fold: IntArray, sound: SoundBalls
) -> dict[str, Tally]:
    """Every picture judged by thresholds of the other folds."""
    found = {label: evidence(scored, index, station) for index, label in enumerate(scored.labels)}
    count = len(scored.pictures)
    whole = {label: Tally(*(np.zeros(count) for _ in range(4))) for label in scored.labels}
    for number in np.unique(fold):
        here = fold == number
        others = sound.without(group for group, own in zip(scored.groups, here, strict=True) if own)
        thresholds = {}
        for class_id, label in enumerate(scored.labels):
            value, _ = _threshold(scored, label, found, ~here, station, costs)
            thresholds[label], _ = _raised(value, class_id, others, costs)
        for label, tally in tally_at(scored, thresholds, station).items():
            whole[label].objects[here] = tally.objects[here]
            whole[label].missed[here] = tally.missed[here]
            whole[label].clean[here] = tally.clean[here]
            whole[label].false[here] = tally.false[here]
    return whole


def _point(
    label: str, tally: Tally, groups: Sequence[str], station: Station, costs: StationCosts
) -> OperatingPoint:
    cost = costs.of(label)
    escapes = share_interval(tally.missed, tally.objects, groups)
    false = share_interval(tally.false, tally.clean, groups)
    return OperatingPoint(
        cost_escape=cost.cost_escape,
        cost_false_reject=cost.cost_false_reject,
        probability_limit=cost.probability_limit,
        escape_share=_rounded(escapes, 1.0),
        false_per_1000=_rounded(false, 1000.0),
        unit="view" if station == "ball" else "picture",
    )


def _rounded(interval: Interval, factor: float) -> tuple[float, float, float]:
    value, low, high = (round(number * factor, 4) for number in (interval.value, interval.low, interval.high))
    return value, low, high


def _rail_tally(scored: Scored, class_id: int, threshold: float) -> Tally:
    matched = match_class(scored, class_id, COVER_IOU)
    count = len(scored.pictures)
    objects = np.bincount(matched.truth_picture, minlength=count).astype(np.float64)
    missed = np.bincount(matched.truth_picture[matched.truth_score < threshold], minlength=count)
    clean = (objects == 0.0).astype(np.float64)
    above = np.bincount(matched.picture[matched.score >= threshold], minlength=count)
    return Tally(objects, missed.astype(np.float64), clean, above * clean)


def _ball_tally(scored: Scored, class_id: int, thresholds: dict[str, float]) -> Tally:
    limits = np.array([thresholds[label] for label in scored.labels])
    count = len(scored.pictures)
    tally = Tally(*(np.zeros(count) for _ in range(4)))
    for number, picture in enumerate(scored.pictures):
        found = picture.found
        above = found.score >= limits[found.class_id] if len(found) else np.empty(0, np.bool_)
        shows = bool((picture.truth_class == class_id).any())
        clean = not len(picture.truth_class)
        tally.objects[number] = shows
        tally.missed[number] = shows and not above.any()
        tally.clean[number] = clean
        tally.false[number] = clean and bool(above[found.class_id == class_id].any())
    return tally
