"""Control charts: shares of rejects (p-chart) and a drifting mean (EWMA).

A p-chart tells when the share of rejects leaves what chance explains. An EWMA of the mean diameter per
minute shows slow drift, such as rolls that wear, long before single balls leave the band.
Neighbours: `edge_runtime.lots` feeds it from the ledger; `capability` says how wide the spread is.
Formulas: D. C. Montgomery, Introduction to Statistical Quality Control, chapters 6, 7 and 9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Points in a row on one side of the centre line that are no chance: 2 * 0.5 ** 9 = 0.4 %.
RUN_LENGTH = 9
#: Mean of the absolute difference of two normal values, in standard deviations: 2 / sqrt(pi).
_MOVING_RANGE_D2 = 2.0 / math.sqrt(math.pi)


@dataclass(frozen=True, slots=True)
class SharePoint:
    """One group of a p-chart; limits are shares 0..1; `alarm` is '', 'above', 'below' or 'run'."""

    inspected: int
    rejected: int
    lower: float
    upper: float
    alarm: str

    @property
    def share(self) -> float:
        """Share of rejects."""
        return self.rejected / self.inspected


@dataclass(frozen=True, slots=True)
class ShareChart:
    """A p-chart: `centre` is the mean share that the limits are about."""

    centre: float
    points: tuple[SharePoint, ...]


def p_limits(centre: float, inspected: int, sigmas: float = 3.0) -> tuple[float, float]:
    """Limits of the share of rejects in one group, cut to 0..1.

    Args:
        centre: mean share of rejects, 0..1.
        inspected: balls in the group, at least 1.
        sigmas: width.

    Raises:
        ValueError: out of range.
    """
    if not 0.0 <= centre <= 1.0 or inspected < 1:
        raise ValueError(f"a share of 0..1 and at least one ball are needed, got {centre} and {inspected}")
    half = sigmas * math.sqrt(centre * (1.0 - centre) / inspected)
    return max(0.0, centre - half), min(1.0, centre + half)


def p_chart(
    groups: Sequence[tuple[int, int]], *, centre: float | None = None, sigmas: float = 3.0
) -> ShareChart:
    """A p-chart of groups `(inspected, rejected)` in the order of time.

    Args:
        groups: each with at least one ball.
        centre: share known from before; None takes that of the groups themselves.
        sigmas: width of the limits.

    Raises:
        ValueError: no group, an empty one, or more rejects than balls.
    """
    if not groups or any(not 0 <= bad <= n or n < 1 for n, bad in groups):
        raise ValueError("each group needs at least one ball, and not more rejects than balls")
    if centre is None:
        centre = sum(bad for _, bad in groups) / sum(n for n, _ in groups)
    points = []
    side, in_a_row = 0, 0
    for inspected, rejected in groups:
        lower, upper = p_limits(centre, inspected, sigmas)
        share = rejected / inspected
        now = (share > centre) - (share < centre)
        in_a_row = in_a_row + 1 if now == side and now else 1
        side = now
        alarm = "above" if share > upper else "below" if share < lower else ""
        if not alarm and side and in_a_row >= RUN_LENGTH:
            alarm = "run"
        points.append(SharePoint(inspected, rejected, lower, upper, alarm))
    return ShareChart(centre, tuple(points))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the process does while nothing is wrong: mean, and standard deviation of one group's mean.

    `groups` says from how many groups it was taken; a limit set from fewer than about 20 is rough.
    """

    target: float
    sigma: float
    groups: int


def baseline(means: Sequence[float], u_means: Sequence[float]) -> Baseline:
    """Baseline of group means from the first, undisturbed groups.

    The spread of a group's mean is taken from the moving range of neighbours, which a slow drift in the
    baseline hardly widens, and is never less than what the balls' own spread makes.

    Args:
        means: means of at least two groups.
        u_means: standard deviation of each mean as the spread of its balls makes it (s / sqrt(n)).

    Raises:
        ValueError: fewer than two groups, lengths differ, or no spread at all.
    """
    values, within = np.asarray(means, float), np.asarray(u_means, float)
    if len(values) < 2 or values.shape != within.shape:
        raise ValueError("a baseline needs at least two groups, each with its spread")
    moving = float(np.mean(np.abs(np.diff(values)))) / _MOVING_RANGE_D2
    sigma = max(moving, float(np.sqrt(np.mean(within**2))))
    if not sigma > 0.0:
        raise ValueError("the groups of the baseline do not differ at all: no limits can be set from them")
    return Baseline(float(np.mean(values)), sigma, len(values))


@dataclass(frozen=True, slots=True)
class EwmaPoint:
    """One group: its value, the moving average, and its limits; `alarm` is '', 'above' or 'below'."""

    value: float
    ewma: float
    lower: float
    upper: float
    alarm: str


@dataclass(frozen=True, slots=True)
class EwmaChart:
    """An EWMA chart about `target` with standard deviation `sigma` of one group's value."""

    target: float
    sigma: float
    weight: float
    width: float
    points: tuple[EwmaPoint, ...]

    @property
    def first_alarm(self) -> int | None:
        """Index of the first point outside its limits; None when there is none."""
        return next((index for index, point in enumerate(self.points) if point.alarm), None)


def ewma_chart(
    values: Sequence[float],
    *,
    target: float,
    sigma: float,
    weight: float = 0.2,
    width: float = 3.0,
    target_groups: int | None = None,
) -> EwmaChart:
    """Exponentially weighted moving average with its exact limits.

    `z_i = weight * x_i + (1 - weight) * z_(i-1)`, `z_0 = target`; limits
    `target +- width * sigma * sqrt(weight / (2 - weight) * (1 - (1 - weight)^(2 i)))`. Where the target is
    itself the mean of m earlier groups, its own variance comes in: `+ (1 - (1 - weight)^i)^2 / m` under the
    root (the share of the target in `z_i - target`).

    Args:
        values: one value per group in the order of time, in any unit.
        target: where the process should be, same unit.
        sigma: standard deviation of one group's value, > 0.
        weight: lambda, in (0, 1]; 0.1 to 0.2 finds slow drift.
        width: L, half width of the limits in standard deviations of the average; 2.7 to 3.
        target_groups: of how many earlier groups the target is the mean; None: it is set, not estimated.

    Raises:
        ValueError: a parameter out of range, or a value that is not finite.
    """
    if not (sigma > 0.0 and 0.0 < weight <= 1.0 and width > 0.0 and target_groups != 0):
        raise ValueError(f"sigma {sigma}, weight {weight}, width {width} or no group is out of range")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite; leave out groups without balls")
    average, points = target, []
    for number, value in enumerate(values, 1):
        average = weight * value + (1.0 - weight) * average
        left = (1.0 - weight) ** number
        variance = weight / (2.0 - weight) * (1.0 - left**2)
        if target_groups is not None:
            variance += (1.0 - left) ** 2 / target_groups
        half = width * sigma * math.sqrt(variance)
        alarm = "above" if average > target + half else "below" if average < target - half else ""
        points.append(EwmaPoint(value, average, target - half, target + half, alarm))
    return EwmaChart(target, sigma, weight, width, tuple(points))


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through group means: `slope` per unit of time with its standard uncertainty."""

    slope: float
    u_slope: float
    level: float

    @property
    def is_drift(self) -> bool:
        """The slope is told from none (two standard uncertainties)."""
        return abs(self.slope) > 2.0 * self.u_slope


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """Least-squares line; `level` is its value at the last time.

    Raises:
        ValueError: fewer than three points, or all at one time.
    """
    x, y = np.asarray(times, float), np.asarray(values, float)
    if len(x) < 3 or x.shape != y.shape or not np.ptp(x) > 0.0:
        raise ValueError("a line needs at least three points at different times")
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    rest = y - y.mean() - slope * centred
    u_slope = math.sqrt(float(rest @ rest) / (len(x) - 2) / spread)
    return Trend(slope, u_slope, float(y.mean() + slope * centred[-1]))
