"""Capability: how the spread of the diameters compares with the band.

Cp and Cpk use the spread within groups (what the process could do), Pp and Ppk the whole spread (what
it did). All say something about shares out of the band only when the values are normally distributed,
so the answer says whether they look so. Formulas: D. C. Montgomery, Introduction to Statistical Quality
Control, chapter 8; bounds of Cpk: A. F. Bissell, Applied Statistics 39 (1990) 331-340.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Index:
    """One index with its two-sided confidence bounds."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Normality:
    """Does it look normally distributed?

    Attributes:
        skewness, excess_kurtosis: 0 for a normal distribution.
        p_value: D'Agostino and Pearson's test of both; None with fewer than 20 values.
        looks_normal: p_value of at least 0.05, or, as any large sample fails such a test, both figures
            within 0.5 of 0.
    """

    skewness: float
    excess_kurtosis: float
    p_value: float | None
    looks_normal: bool


@dataclass(frozen=True, slots=True)
class Capability:
    """Capability of one figure against a band; an index is None where the band lacks a side it needs.

    Attributes:
        count: values.
        mean, s_within, s_total: mean and standard deviations; `s_within` None without groups.
        cp, cpk: from the spread within groups, None without groups.
        pp, ppk: from the whole spread.
        out_share: share of the values outside the band, counted.
        normality: whether the indices may be turned into shares.
        confidence: of the bounds, 0..1.
    """

    count: int
    mean: float
    s_within: float | None
    s_total: float
    cp: Index | None
    cpk: Index | None
    pp: Index | None
    ppk: Index
    out_share: float
    normality: Normality
    confidence: float


def capability(
    values: npt.ArrayLike,
    *,
    lower: float | None = None,
    upper: float | None = None,
    groups: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Capability:
    """Indices of `values` against a band.

    Args:
        values: (N,) N >= 2, in the unit of the band.
        lower, upper: limits; at least one.
        groups: (N,) number of each value's group (such as its minute); None: only Pp and Ppk.
        confidence: of the two-sided bounds.

    Raises:
        ValueError: too few values, no spread, no limit, an empty band, or shapes that do not fit.
    """
    data = np.asarray(values, float).ravel()
    if len(data) < 2 or not np.isfinite(data).all():
        raise ValueError("at least two finite values are needed")
    if lower is None and upper is None:
        raise ValueError("at least one limit is needed")
    if lower is not None and upper is not None and not lower < upper:
        raise ValueError(f"the band is empty: {lower} to {upper}")
    mean, s_total = float(data.mean()), float(data.std(ddof=1))
    if not s_total > 0.0:
        raise ValueError("the values do not differ: no index can be given")
    out = np.zeros(len(data), bool)
    if lower is not None:
        out |= data < lower
    if upper is not None:
        out |= data > upper
    nearest = min(
        mean - lower if lower is not None else math.inf, upper - mean if upper is not None else math.inf
    )
    width = upper - lower if lower is not None and upper is not None else None
    n, total_df = len(data), len(data) - 1
    s_within, df = _within(data, groups)
    return Capability(
        n,
        mean,
        s_within,
        s_total,
        _spread_index(width, s_within, df, confidence),
        _centred_index(nearest, s_within, n, df, confidence) if s_within else None,
        _spread_index(width, s_total, total_df, confidence),
        _centred_index(nearest, s_total, n, total_df, confidence),
        float(out.mean()),
        normality(data),
        confidence,
    )


def _within(data: npt.NDArray[np.float64], groups: npt.ArrayLike | None) -> tuple[float | None, int]:
    """Pooled standard deviation within groups and its degrees of freedom; None when groups give none."""
    if groups is None:
        return None, 0
    names, place = np.unique(np.asarray(groups).ravel(), return_inverse=True)
    if len(place) != len(data):
        raise ValueError(f"{len(data)} values, but {len(place)} group numbers")
    means = np.bincount(place, data) / np.bincount(place)
    df = len(data) - len(names)
    squares = float(((data - means[place]) ** 2).sum())
    return (math.sqrt(squares / df), df) if df > 0 and squares > 0.0 else (None, 0)


def _spread_index(width: float | None, s: float | None, df: int, confidence: float) -> Index | None:
    """Cp or Pp: width / 6 s; bounds by the chi-square distribution of s."""
    if width is None or s is None:
        return None
    from scipy import stats

    value = width / (6.0 * s)
    tail = (1.0 - confidence) / 2.0
    low, high = (math.sqrt(float(stats.chi2.ppf(p, df)) / df) for p in (tail, 1.0 - tail))
    return Index(value, value * low, value * high)


def _centred_index(nearest: float, s: float, n: int, df: int, confidence: float) -> Index:
    """Cpk or Ppk: distance from the mean to the nearer limit / 3 s; bounds by Bissell's approximation."""
    from scipy import stats

    value = nearest / (3.0 * s)
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    half = z * math.sqrt(1.0 / (9.0 * n) + value**2 / (2.0 * df))
    return Index(value, value - half, value + half)


def normality(values: npt.ArrayLike) -> Normality:
    """Whether values look normally distributed; see `Normality`.

    Raises:
        ValueError: fewer than two values, or no spread.
    """
    data = np.asarray(values, float).ravel()
    if len(data) < 2 or not float(data.std()) > 0.0:
        raise ValueError("at least two values that differ are needed")
    scaled = (data - data.mean()) / data.std()
    skewness, kurtosis = float((scaled**3).mean()), float((scaled**4).mean()) - 3.0
    p_value = None
    if len(data) >= 20:
        from scipy import stats

        p_value = float(stats.normaltest(data).pvalue)
    near = abs(skewness) <= 0.5 and abs(kurtosis) <= 0.5
    return Normality(skewness, kurtosis, p_value, near or (p_value is not None and p_value >= 0.05))
