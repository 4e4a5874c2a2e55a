"""Does a figure grow? A slope over windows, its bounds, and a limit.

The slope is that of Theil and Sen: the median of the slopes between all pairs of points, which no single
outlier moves (P. K. Sen, J. Am. Stat. Assoc. 63, 1968, 1379). Its bounds are the order statistics that Sen
gives by Kendall's S. A process that is killed begins a new life with fresh memory; pairs are taken within
lives only, and the variances of S are summed over lives, as Hirsch, Slack and Smith do for seasons (Water
Resources Research 18, 1982, 107). Neighbours: `growth` brings the samples, `result` shows the judgement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

#: both bounds together hold the true slope with this confidence, were the points independent
CONFIDENCE = 0.95
_Z = 1.959964
#: fewer windows than this over all lives prove nothing
POINTS_MIN = 10
#: more points than this are joined to their neighbours first: pairs grow with the square
POINTS_MAX = 600

Series = npt.NDArray[np.float64]


class Trend(StrEnum):
    """`flat`: the upper bound lies below the limit. `growing`: the lower one above. Else `unproven`."""

    FLAT = "flat"
    GROWING = "growing"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of a figure per unit of x, its bounds, and how many windows it rests on."""

    value: float
    low: float
    high: float
    points: int

    def against(self, limit: float) -> Trend:
        """The judgement; growth up to `limit` counts as flat."""
        if self.points < POINTS_MIN:
            return Trend.UNPROVEN
        if self.low > limit:
            return Trend.GROWING
        return Trend.FLAT if self.high <= limit else Trend.UNPROVEN


NO_SLOPE = Slope(0.0, -math.inf, math.inf, 0)


def windows(x: Series, y: Series, width: float) -> tuple[Series, Series]:
    """Medians over windows of x; windows without samples are left out.

    Args:
        x, y: samples in order of x.
        width: of a window, in units of x.

    Returns:
        Means of x and medians of y, one of each per window.
    """
    if x.size == 0:
        return x, y
    at = np.floor((x - x[0]) / width).astype(np.int64)
    middle_x, middle_y = [], []
    for number in np.unique(at):
        mine = at == number
        middle_x.append(float(x[mine].mean()))
        middle_y.append(float(np.median(y[mine])))
    return np.array(middle_x), np.array(middle_y)


def pooled_slope(lives: Sequence[tuple[Series, Series]]) -> Slope:
    """The slope that all lives have in common.

    Args:
        lives: (x, y) of each life, in order of x; pairs are taken within a life.
    """
    slopes: list[Series] = []
    variance, points = 0.0, 0
    for x, y in lives:
        x, y = _thinned(x, y)
        count = x.size
        if count < 2:
            continue
        first, second = np.triu_indices(count, 1)
        apart = x[second] - x[first]
        keep = apart > 0.0
        slopes.append((y[second] - y[first])[keep] / apart[keep])
        variance += _variance_of_s(y)
        points += count
    pairs: Series = np.sort(np.concatenate(slopes)) if slopes else np.empty(0)
    if pairs.size == 0:
        return NO_SLOPE
    reach = _Z * math.sqrt(variance)
    low = math.floor((pairs.size - reach) / 2.0) - 1
    high = math.ceil((pairs.size + reach) / 2.0)
    return Slope(
        value=float(np.median(pairs)),
        low=float(pairs[low]) if low >= 0 else -math.inf,
        high=float(pairs[high]) if high < pairs.size else math.inf,
        points=points,
    )


def _thinned(x: Series, y: Series) -> tuple[Series, Series]:
    if x.size <= POINTS_MAX:
        return x, y
    return windows(x, y, float(x[-1] - x[0]) / POINTS_MAX * (1.0 + 1e-9))


def _variance_of_s(y: Series) -> float:
    """Variance of Kendall's S without a trend, ties taken out (Sen 1968, eq. 2.6)."""
    count = y.size
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    tied = float((ties * (ties - 1.0) * (2.0 * ties + 5.0)).sum())
    return max((count * (count - 1.0) * (2.0 * count + 5.0) - tied) / 18.0, 0.0)
