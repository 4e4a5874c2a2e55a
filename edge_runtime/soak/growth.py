"""Judges whether memory and handles of each process grow, and whether the times to the PLC drift.

Two slopes of each process: within its lives (a leak that a restart would hide) and over the run (what one
life leaves to the next). The larger counts. The first minutes of a life are warm-up and left out. The limits
stand below and in the report. Neighbours: `probe` took the samples, `tally` the times, `slope` the estimator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.soak.probe import OURS, Sample
from edge_runtime.soak.slope import NO_SLOPE, Series, Slope, Trend, pooled_slope, windows
from edge_runtime.soak.tally import LatencyStretch

#: growth that counts as flat: MiB an hour of one process, handles or threads an hour
MEMORY_LIMIT_MB_PER_H, COUNT_LIMIT_PER_H = 2.0, 1.0
#: a life's first so many seconds are left out, and samples are joined over so many
WARM_UP_S, WINDOW_S = 120.0, 60.0
#: times may drift over the whole run by this share of their middle, and by this many ms where that is more
DRIFT_LIMIT_SHARE, DRIFT_LIMIT_MS = 0.10, 0.5
_HOUR_S = 3600.0
_FIGURES = {"memory_mb": MEMORY_LIMIT_MB_PER_H, "handles": COUNT_LIMIT_PER_H, "threads": COUNT_LIMIT_PER_H}


@dataclass(frozen=True, slots=True)
class Growth:
    """One figure of one process.

    Attributes:
        name, figure: of the process; `memory_mb`, `handles` or `threads`.
        lives: how often the process was started.
        first, last, most: median of the first and last window behind the warm-up, and the highest sample.
        within, over: slopes an hour, within lives and over the run.
        limit: slope that counts as flat.
        trend: the judgement.
    """

    name: str
    figure: str
    lives: int
    first: float
    last: float
    most: float
    within: Slope
    over: Slope
    limit: float
    trend: Trend

    @property
    def per_hour(self) -> float:
        """The larger of both slopes, of those that rest on enough windows."""
        return max((slope.value for slope in (self.within, self.over) if slope.points >= 2), default=0.0)

    @property
    def ours(self) -> bool:
        """It is a process of the station, not of the twin."""
        return self.name in OURS


def growths(samples: Sequence[Sample], warm_up_s: float = WARM_UP_S) -> list[Growth]:
    """Every figure of every process, in the order in which they were first seen."""
    return [
        _growth(name, figure, [sample for sample in samples if sample.name == name], warm_up_s)
        for name in dict.fromkeys(sample.name for sample in samples)
        for figure in _FIGURES
    ]


def _growth(name: str, figure: str, samples: Sequence[Sample], warm_up_s: float) -> Growth:
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        lives.setdefault(sample.pid, []).append(sample)
    judged = [windows(*_series(life, figure, warm_up_s), WINDOW_S / _HOUR_S) for life in lives.values()]
    judged = [(x, y) for x, y in judged if x.size]
    over = (
        pooled_slope([(np.concatenate([x for x, _ in judged]), np.concatenate([y for _, y in judged]))])
        if judged
        else NO_SLOPE
    )
    within = pooled_slope(judged)
    values = [getattr(sample, figure) for sample in samples]
    return Growth(
        name=name,
        figure=figure,
        lives=len(lives),
        first=float(judged[0][1][0]) if judged else float(values[0]),
        last=float(judged[-1][1][-1]) if judged else float(values[-1]),
        most=float(max(values)),
        within=within,
        over=over,
        limit=_FIGURES[figure],
        trend=worst(slope.against(_FIGURES[figure]) for slope in (within, over)),
    )


def _series(life: Sequence[Sample], figure: str, warm_up_s: float) -> tuple[Series, Series]:
    """Hours and values of a life behind its warm-up."""
    born_s = life[0].at_s
    kept = [sample for sample in life if sample.at_s - born_s >= warm_up_s]
    hours = np.array([sample.at_s / _HOUR_S for sample in kept], np.float64)
    return hours, np.array([getattr(sample, figure) for sample in kept], np.float64)


def worst(trends: Iterable[Trend]) -> Trend:
    """Growing before unproven before flat; unproven of none."""
    found = set(trends)
    for trend in (Trend.GROWING, Trend.UNPROVEN, Trend.FLAT):
        if trend in found:
            return trend
    return Trend.UNPROVEN


@dataclass(frozen=True, slots=True)
class Drift:
    """Change of the times over the run.

    Attributes:
        p50, p99: slopes of both, ms an hour.
        p50_ms, p99_ms: how far they moved over the run.
        limit_p50_ms, limit_p99_ms: how far they may.
        trend: the judgement.
    """

    p50: Slope
    p99: Slope
    p50_ms: float
    p99_ms: float
    limit_p50_ms: float
    limit_p99_ms: float
    trend: Trend


NO_DRIFT = Drift(NO_SLOPE, NO_SLOPE, 0.0, 0.0, DRIFT_LIMIT_MS, DRIFT_LIMIT_MS, Trend.UNPROVEN)


def drift(stretches: Sequence[LatencyStretch]) -> Drift:
    """Whether the times from the last view to the PLC grow over the run."""
    if len(stretches) < 2:
        return NO_DRIFT
    hours = np.array([stretch.at_s / _HOUR_S for stretch in stretches], np.float64)
    span_h = float(hours[-1] - hours[0])
    if span_h <= 0.0:
        return NO_DRIFT
    found = []
    for values in ([item.p50_ms for item in stretches], [item.p99_ms for item in stretches]):
        y = np.array(values, np.float64)
        limit_ms = max(DRIFT_LIMIT_SHARE * float(np.median(y)), DRIFT_LIMIT_MS)
        slope = pooled_slope([(hours, y)])
        found.append((slope, slope.value * span_h, limit_ms, slope.against(limit_ms / span_h)))
    (p50, p50_ms, limit_p50, trend_p50), (p99, p99_ms, limit_p99, trend_p99) = found
    return Drift(p50, p99, p50_ms, p99_ms, limit_p50, limit_p99, worst((trend_p50, trend_p99)))


def memory_growth_mb(found: Sequence[Growth], hours: float) -> float:
    """What the station's processes together grew by over the run, by their slopes; never less than 0."""
    grown = [
        max(growth.per_hour, 0.0) * hours for growth in found if growth.ours and growth.figure == "memory_mb"
    ]
    return sum(grown)
