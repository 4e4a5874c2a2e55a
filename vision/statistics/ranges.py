"""Constants of the range chart, from the normal distribution: nothing is looked up in a table.

d2 and d3 are mean and standard deviation of the range of n standard normal values (Tippett, Biometrika
17 (1925)); the limits of the charts of means and ranges follow from them as in ISO 7870-2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

_REACH = 8.0
_STEPS = 1601


@dataclass(frozen=True, slots=True)
class RangeConstants:
    """For samples of n: limits of a chart of means are `a2` ranges off, of ranges `d_low` and `d_high`."""

    d2: float
    d3: float
    a2: float
    d_low: float
    d_high: float


@cache
def range_constants(n: int) -> RangeConstants:
    """Constants for samples of `n` values, 2 or more.

    Raises:
        ValueError: another n.
    """
    if n < 2:
        raise ValueError(f"samples of {n} have no range chart")
    from scipy.special import ndtr

    x = np.linspace(-_REACH, _REACH, _STEPS)
    step = float(x[1] - x[0])
    below = ndtr(x)
    d2 = float(np.sum(1.0 - below**n - (1.0 - below) ** n)) * step
    # E[range^2] = 2 * integral over x < y of 1 - F(y)^n - (1 - F(x))^n + (F(y) - F(x))^n
    low, high = below[:, None], below[None, :]
    inside = 1.0 - high**n - (1.0 - low) ** n + np.maximum(high - low, 0.0) ** n
    # The diagonal belongs to both halves, so half of it counts.
    square = 2.0 * (float(np.triu(inside, 1).sum()) + 0.5 * float(np.trace(inside))) * step * step
    d3 = math.sqrt(square - d2 * d2)
    share = 3.0 * d3 / d2
    return RangeConstants(d2, d3, 3.0 / (d2 * math.sqrt(n)), max(0.0, 1.0 - share), 1.0 + share)
