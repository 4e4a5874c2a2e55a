"""Chooses each label's threshold from scores on the val split.

A ball is seen in about seven views, and one false alarm in any of them rejects it. The
threshold of a label is therefore the highest score that it gets in any clean view of the
val split, plus a margin, and never below a floor; what this costs in recall is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FLOOR = 0.12
CEILING = 0.95
MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class ViewScores:
    """Highest score of each label in one view, and the labels it truly shows (empty: clean)."""

    shows: frozenset[str]
    scores: Mapping[str, float]

    def alarms(self, thresholds: Mapping[str, float]) -> bool:
        """Whether any label reaches its threshold."""
        return any(score >= thresholds[label] for label, score in self.scores.items())


@dataclass(frozen=True, slots=True)
class ViewReport:
    """What thresholds do on a set of views: `view_recall` is by any label, since any rejects the ball."""

    clean_views: int
    false_alarms: int
    view_recall: dict[str, float]
    views: dict[str, int]


def choose_thresholds(labels: Sequence[str], views: Sequence[ViewScores]) -> dict[str, float]:
    """Threshold per label, rounded up to 0.01, in FLOOR..CEILING."""
    clean = [view for view in views if not view.shows]
    chosen = {}
    for label in labels:
        highest = max((view.scores.get(label, 0.0) for view in clean), default=0.0)
        wanted = highest + MARGIN if highest >= FLOOR - MARGIN else FLOOR
        chosen[label] = round(min(CEILING, max(FLOOR, wanted)) + 0.0049, 2)
    return chosen


def report_views(
    labels: Sequence[str], views: Sequence[ViewScores], thresholds: Mapping[str, float]
) -> ViewReport:
    """Recall per label and false alarms on clean views."""
    clean = [view for view in views if not view.shows]
    recall, counts = {}, {}
    for label in labels:
        showing = [view for view in views if label in view.shows]
        counts[label] = len(showing)
        if showing:
            recall[label] = round(sum(view.alarms(thresholds) for view in showing) / len(showing), 4)
    return ViewReport(len(clean), sum(view.alarms(thresholds) for view in clean), recall, counts)
