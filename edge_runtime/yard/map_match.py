"""Findings of a map beside marks that are known: which belongs to which, and shares with their bounds.

Marks and findings are boxes in one plane, along and across the rail, in any one unit. Neighbours:
`map_truth` (rendered rails, millimetres) and `map_labels` (labelled frames, pixels).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: A finding is a mark's where they agree so far ("where a person would look"), as in evaluation.
SAME_IOU = 0.3
#: A box lies on another with at least this share of its own area.
_ON_SHARE = 0.5
_CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Patch:
    """One box: along the rail [first, last], across it [left, right]."""

    id: str
    label: str | None
    first: float
    last: float
    left: float
    right: float
    score: float = 1.0

    @property
    def area(self) -> float:
        """Length times width."""
        return max(0.0, self.last - self.first) * max(0.0, self.right - self.left)

    @property
    def middle(self) -> float:
        """Half way along."""
        return (self.first + self.last) / 2.0


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total` with exact bounds at 95 % (Clopper and Pearson); None of nothing."""

    hits: int
    total: int
    low: float | None
    high: float | None

    @property
    def value(self) -> float | None:
        """hits / total."""
        return self.hits / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class PerMetre:
    """A count on some metres of rail as a rate, with exact bounds at 95 % (Poisson)."""

    count: int
    metres: float
    rate: float
    low: float
    high: float


def share(hits: int, total: int) -> Share:
    """A share with its bounds."""
    if not total:
        return Share(0, 0, None, None)
    from scipy import stats

    bounds = stats.binomtest(hits, total).proportion_ci(_CONFIDENCE, method="exact")
    return Share(hits, total, float(bounds.low), float(bounds.high))


def per_metre(count: int, metres: float) -> PerMetre:
    """A rate with its bounds; `metres` > 0. The bounds are Garwood's, by quantiles of chi squared."""
    from scipy import stats

    tail = (1.0 - _CONFIDENCE) / 2.0
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
    high = float(stats.chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0
    return PerMetre(count, metres, count / metres, low / metres, high / metres)


def overlaps(ones: Sequence[Patch], others: Sequence[Patch]) -> Floats:
    """Common area of each pair, (len(ones), len(others))."""
    a, b = _sides(ones)[:, None], _sides(others)[None]
    along = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    across = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 2], b[..., 2])
    return np.asarray(np.maximum(along, 0.0) * np.maximum(across, 0.0), np.float64)


def matched(marks: Sequence[Patch], findings: Sequence[Patch], least_iou: float = SAME_IOU) -> dict[int, int]:
    """Which finding is which mark's: index of the mark -> index of the finding, of one label each.

    The surest finding chooses first, among the marks of its label that are free the one it agrees with best.
    """
    common = overlaps(marks, findings)
    areas = np.array([mark.area for mark in marks])[:, None] + np.array([one.area for one in findings])[None]
    iou = np.divide(common, areas - common, out=np.zeros_like(common), where=areas - common > 0.0)
    taken: dict[int, int] = {}
    for index in sorted(range(len(findings)), key=lambda at: -findings[at].score):
        free = [
            mark
            for mark in range(len(marks))
            if mark not in taken
            and marks[mark].label == findings[index].label
            and iou[mark, index] >= least_iou
        ]
        if free:
            taken[max(free, key=lambda mark: float(iou[mark, index]))] = index
    return taken


def lying_on(ones: Sequence[Patch], others: Sequence[Patch]) -> npt.NDArray[np.bool_]:
    """Whether each of `ones` lies on each of `others` with half of its area or more."""
    areas = np.array([one.area for one in ones])[:, None]
    return np.asarray(overlaps(ones, others) >= np.maximum(_ON_SHARE * areas, 1e-12), np.bool_)


def quantiles(values: Iterable[float]) -> tuple[float, float, float] | None:
    """(p50, p95, largest), None of nothing."""
    listed = np.array(list(values), np.float64)
    if not len(listed):
        return None
    return float(np.quantile(listed, 0.5)), float(np.quantile(listed, 0.95)), float(listed.max())


def _sides(patches: Sequence[Patch]) -> Floats:
    sides = [(one.first, one.last, one.left, one.right) for one in patches]
    return np.array(sides, np.float64).reshape(-1, 4)
