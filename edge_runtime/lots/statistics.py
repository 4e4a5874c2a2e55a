"""What a lot's figures say: size statistics, p-chart, EWMA of the mean diameter per period, capability.

From the arrays of `data`, by the formulas of `vision.statistics`. Neighbours: `lot_report`, `certificate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_runtime.lots.data import Balls, Diameters, Float64Array
from vision.recipe import BallRecipe
from vision.statistics.capability import Capability, capability
from vision.statistics.control_charts import (
    Baseline,
    EwmaChart,
    ShareChart,
    Trend,
    baseline,
    ewma_chart,
    p_chart,
    trend,
)

NS_PER_S = 1_000_000_000
#: EWMA finds slow drift with these (Montgomery, chapter 9).
EWMA_WEIGHT, EWMA_WIDTH = 0.2, 3.0
#: Fewer balls than this make no mean of a period.
BALLS_MIN = 10
#: Share of a period's balls left out at each end, so that odd balls do not move its mean.
TRIM_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class SizeStatistics:
    """Diameters of the chosen balls, mm at 20 degC.

    Attributes:
        count: measured balls.
        mean_mm, s_mm: mean and standard deviation of the balls' mean diameters.
        smallest_mm, largest_mm: smallest and largest width of any ball.
        roundness_max_mm: largest roundness deviation; None where it was not measured.
        expanded_mm: U = 2 u of one width, the largest of all balls; None where no uncertainty is known.
        expanded_mean_mm: U = 2 u of `mean_mm`; what is the same for all balls does not average out, so this
            is that of one ball's mean diameter.
    """

    count: int
    mean_mm: float
    s_mm: float
    smallest_mm: float
    largest_mm: float
    roundness_max_mm: float | None
    expanded_mm: float | None
    expanded_mean_mm: float | None


def size_statistics(balls: Diameters) -> SizeStatistics | None:
    """Statistics of these balls; None when none was measured."""
    if not len(balls):
        return None
    return SizeStatistics(
        len(balls),
        float(balls.mean_mm.mean()),
        float(balls.mean_mm.std(ddof=1)) if len(balls) > 1 else 0.0,
        float(balls.smallest_mm.min()),
        float(balls.largest_mm.max()),
        _largest(balls.roundness_mm),
        _expanded(balls.u_mm),
        _expanded(np.where(np.isfinite(balls.u_mean_mm), balls.u_mean_mm, balls.u_mm)),
    )


def _largest(values: Float64Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _expanded(u_mm: Float64Array) -> float | None:
    """Twice the largest; None as soon as one is unknown, for then nothing can be said of all."""
    return 2.0 * float(u_mm.max()) if np.isfinite(u_mm).all() else None


@dataclass(frozen=True, slots=True)
class Periods:
    """Balls by period of time: start, trimmed mean of their mean diameters, its standard deviation by the
    balls' own spread, and their number."""

    start_utc_ns: tuple[int, ...]
    mean_mm: tuple[float, ...]
    u_mean_mm: tuple[float, ...]
    count: tuple[int, ...]


def by_period(balls: Diameters, period_s: float) -> Periods:
    """Means of the diameters per period; periods with fewer than `BALLS_MIN` balls are left out.

    Raises:
        ValueError: the period is not above 0.
    """
    if not period_s > 0.0:
        raise ValueError(f"a period of {period_s} s is not above 0")
    step = round(period_s * NS_PER_S)
    number = balls.utc_ns // step
    names, first = np.unique(number, return_index=True)
    found = []
    for name, values in zip(names, np.split(balls.mean_mm, first[1:]), strict=True):
        if len(values) >= BALLS_MIN:
            found.append((int(name) * step, *trimmed_mean(values), len(values)))
    starts, means, u_means, counts = zip(*found, strict=True) if found else ((), (), (), ())
    return Periods(starts, means, u_means, counts)


def trimmed_mean(values: Float64Array) -> tuple[float, float]:
    """Mean without `TRIM_SHARE` at each end, and its standard deviation by the winsorised spread.

    Formula: Tukey and McLaughlin, Sankhya A 25 (1963) 331-352.
    """
    ordered = np.sort(values)
    cut = int(TRIM_SHARE * len(ordered))
    kept = ordered[cut : len(ordered) - cut]
    winsorised = np.clip(ordered, kept[0], kept[-1])
    share = len(kept) / len(ordered)
    return float(kept.mean()), float(winsorised.std(ddof=1)) / (share * math.sqrt(len(ordered)))


@dataclass(frozen=True, slots=True)
class WearChart:
    """EWMA of the mean diameter per period.

    The first `learned` periods say what the process does; `chart` holds those after them.

    Attributes:
        periods: all of them.
        learned: 0 where the target was set by a person.
        baseline: target and spread of one period's mean.
        chart: of the periods from `learned` on.
        drift: line through all periods, mm per hour.
    """

    periods: Periods
    learned: int
    baseline: Baseline
    chart: EwmaChart
    drift: Trend

    @property
    def watched_utc_ns(self) -> tuple[int, ...]:
        """Starts of the periods in `chart`."""
        return self.periods.start_utc_ns[self.learned :]

    @property
    def alarm_utc_ns(self) -> int | None:
        """Start of the first period outside the limits; None when there is none."""
        first = self.chart.first_alarm
        return None if first is None else self.watched_utc_ns[first]


def wear_chart(
    balls: Diameters, *, period_s: float = 60.0, baseline_periods: int = 20, target_mm: float | None = None
) -> WearChart | None:
    """EWMA chart of balls, accepted or not, in the order of time.

    Args:
        balls: on which no defect was found.
        period_s: one point of the chart.
        baseline_periods: to learn from; at most half of all.
        target_mm: mean diameter the rolls were set to; None takes that of the baseline.

    Returns:
        None when there are fewer than four periods with balls, or no spread among them.
    """
    periods = by_period(balls, period_s)
    if len(periods.mean_mm) < 4:
        return None
    first = max(2, min(baseline_periods, len(periods.mean_mm) // 2))
    if not any(periods.u_mean_mm[:first]):
        return None
    base = baseline(periods.mean_mm[:first], periods.u_mean_mm[:first])
    learned = first if target_mm is None else 0
    if target_mm is not None:
        base = Baseline(target_mm, base.sigma, base.groups)
    chart = ewma_chart(
        periods.mean_mm[learned:],
        target=base.target,
        sigma=base.sigma,
        weight=EWMA_WEIGHT,
        width=EWMA_WIDTH,
        target_groups=learned or None,
    )
    hours = [(start - periods.start_utc_ns[0]) / NS_PER_S / 3600.0 for start in periods.start_utc_ns]
    return WearChart(periods, learned, base, chart, trend(hours, periods.mean_mm))


@dataclass(frozen=True, slots=True)
class RejectChart:
    """p-chart of the rejects, group by group of equally many balls."""

    start_utc_ns: tuple[int, ...]
    chart: ShareChart


def reject_chart(lot: Balls, group_size: int) -> RejectChart | None:
    """p-chart of groups of `group_size` balls in the order of time; a rest that is smaller is left out,
    unless it is all there is. None when no ball is through yet.

    Raises:
        ValueError: the group size is below 1.
    """
    if group_size < 1:
        raise ValueError(f"a group of {group_size} balls is too small")
    if not len(lot.parts_accepted):
        return None
    bad = ~lot.parts_accepted
    starts = range(0, max(1, len(bad) - group_size + 1), group_size)
    groups = [(len(bad[at : at + group_size]), int(bad[at : at + group_size].sum())) for at in starts]
    return RejectChart(tuple(int(lot.parts_utc_ns[at]) for at in starts), p_chart(groups))


def default_group_size(lot: Balls) -> int:
    """Balls per point of the p-chart: enough for about three rejects; 20 points where that allows it."""
    balls = max(1, len(lot.parts_accepted))
    share = max(1, int((~lot.parts_accepted).sum())) / balls
    wanted = math.ceil(3.0 / share)
    return max(1, min(balls, max(wanted, balls // 20)))


@dataclass(frozen=True, slots=True)
class SizeCapability:
    """Capability of balls against the band, before the gate took any out.

    The band holds for every width, so its lower limit is compared with the smallest widths and its upper
    limit with the largest; `mean` compares the mean diameters with both.
    """

    mean: Capability
    smallest: Capability
    largest: Capability

    @property
    def worst_ppk(self) -> float:
        """The smaller of the two one-sided indices."""
        return min(self.smallest.ppk.value, self.largest.ppk.value)


def size_capability(
    balls: Diameters, *, d_min_mm: float, d_max_mm: float, period_s: float = 60.0
) -> SizeCapability | None:
    """Capability by the band `d_min_mm`..`d_max_mm`; None with fewer than 20 balls or without spread."""
    columns = (balls.mean_mm, balls.smallest_mm, balls.largest_mm)
    if len(balls) < 20 or not all(float(np.ptp(column)) > 0.0 for column in columns):
        return None
    groups = balls.utc_ns // round(period_s * NS_PER_S)
    return SizeCapability(
        capability(balls.mean_mm, lower=d_min_mm, upper=d_max_mm, groups=groups),
        capability(balls.smallest_mm, lower=d_min_mm, groups=groups),
        capability(balls.largest_mm, upper=d_max_mm, groups=groups),
    )


@dataclass(frozen=True, slots=True)
class LotFigures:
    """The worked-out figures of a lot; None where there is not enough to work with."""

    all_balls: SizeStatistics | None
    accepted: SizeStatistics | None
    wear: WearChart | None
    rejects: RejectChart | None
    capability: SizeCapability | None


def lot_figures(lot: Balls, recipe: BallRecipe | None, *, period_s: float = 60.0) -> LotFigures:
    """All figures of a lot; without a recipe there is no band, and so no capability."""
    balls = lot.diameters
    sound = balls.only(balls.sound)
    capable = None
    if recipe is not None:
        size = recipe.size
        capable = size_capability(sound, d_min_mm=size.d_min_mm, d_max_mm=size.d_max_mm, period_s=period_s)
    return LotFigures(
        size_statistics(balls),
        size_statistics(balls.only(balls.accepted)),
        wear_chart(sound, period_s=period_s),
        reject_chart(lot, default_group_size(lot)),
        capable,
    )
