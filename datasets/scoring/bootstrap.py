"""Intervals by resampling whole groups: pictures of one stretch of rail, or of one ball, go together.

Percentile bootstrap over groups (Davison and Hinkley, Bootstrap Methods and Their Application, 1997, 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.scoring.matching import Float64Array
from datasets.scoring.pictures import IntArray

RESAMPLES = 500
CONFIDENCE = 0.95
#: Bounds closer than this are one number.
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bounds at 95 %; `resamples` in which it was defined."""

    value: float
    low: float
    high: float
    resamples: int


def group_weights(groups: Sequence[str], resamples: int, seed: int) -> IntArray:
    """How often each picture counts in each resample, (R, P); groups are drawn with return."""
    names = sorted(set(groups))
    place = {name: number for number, name in enumerate(names)}
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=resamples)
    return np.asarray(drawn[:, [place[group] for group in groups]], np.int64)


def bootstrap(
    figures: Callable[[IntArray], Mapping[str, float]],
    groups: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """95 % intervals of several figures at once.

    Args:
        figures: from how often each picture counts, (P,), to named figures; nan: not defined there.
        groups: of each picture, (P,).
        resamples: how many.
        seed: of the draw.
    """
    values = figures(np.ones(len(groups), np.int64))
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for weight in group_weights(groups, resamples, seed):
        for name, value in figures(weight).items():
            if not math.isnan(value):
                drawn[name].append(value)
    return {name: _interval(value, np.array(drawn[name])) for name, value in values.items()}


def share_interval(hits: Float64Array, total: Float64Array, groups: Sequence[str], seed: int = 0) -> Interval:
    """A share or a mean count, sum(hits) / sum(total), with bounds that know of the groups.

    The bootstrap over groups; and, where that is blind because every resample gives the same (no hit, no
    miss, a single group), the exact bounds of a count of groups.

    Args:
        hits, total: (P,) per picture; where `hits <= total` everywhere it is a share 0..1.
        groups: of each picture.
        seed: of the draw.

    Raises:
        ValueError: `total` adds up to nothing.
    """
    if total.sum() <= 0.0:
        raise ValueError("a share of nothing has no value")

    def figure(weight: IntArray) -> dict[str, float]:
        below = float((weight * total).sum())
        return {"share": float((weight * hits).sum()) / below if below else float("nan")}

    drawn = bootstrap(figure, groups, seed=seed)["share"]
    if drawn.high - drawn.low > _SAME:
        return drawn
    units = len({group for group, count in zip(groups, total, strict=True) if count > 0})
    low, high = _exact(drawn.value, units, share=bool((hits <= total).all()))
    return Interval(drawn.value, low, high, drawn.resamples)


def _exact(value: float, units: int, *, share: bool) -> tuple[float, float]:
    """Bounds of a share, or of a mean count, of which nothing is known but its value over so many groups.

    Clopper and Pearson's of `value * units` hits in `units` (beta quantiles, which need no whole numbers);
    for counts Garwood's of so many events in `units` exposures.
    """
    from scipy import stats

    tail = (1.0 - CONFIDENCE) / 2.0
    hits = value * units
    if not share:
        low = float(stats.chi2.ppf(tail, 2.0 * hits)) / 2.0 / units if hits > 0.0 else 0.0
        return low, float(stats.chi2.ppf(1.0 - tail, 2.0 * hits + 2.0)) / 2.0 / units
    misses = max(0.0, units - hits)
    low = float(stats.beta.ppf(tail, hits, misses + 1.0)) if hits > 0.0 else 0.0
    high = float(stats.beta.ppf(1.0 - tail, hits + 1.0, misses)) if misses > 0.0 else 1.0
    return low, high


def _interval(value: float, drawn: Float64Array) -> Interval:
    if not len(drawn):
        return Interval(value, float("nan"), float("nan"), 0)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(drawn, (tail, 1.0 - tail))
    return Interval(value, float(low), float(high), len(drawn))
