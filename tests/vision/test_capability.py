"""Capability against worked examples, and against what simulation says of the bounds."""

from __future__ import annotations

import numpy as np
import pytest

from vision.statistics.capability import capability, normality


def _exactly(count: int, mean: float, s: float, seed: int = 1) -> np.ndarray:
    """Normal values whose mean and standard deviation are just these."""
    values = np.random.default_rng(seed).normal(size=count)
    return np.asarray((values - values.mean()) / values.std(ddof=1) * s + mean)


def test_pp_and_its_bounds_of_the_textbook() -> None:
    """Montgomery, example 8.4: band 38..62, n = 20, s = 1.75."""
    found = capability(_exactly(20, 50.0, 1.75), lower=38.0, upper=62.0).pp
    assert found is not None
    assert (found.value, found.lower, found.upper) == pytest.approx((2.29, 1.57, 3.01), abs=0.006)


def test_ppk_and_its_bounds_of_the_textbook() -> None:
    """Montgomery, example 8.5: n = 20, index 1.33."""
    found = capability(_exactly(20, 0.0, 1.0), upper=3.99).ppk
    assert (found.value, found.lower, found.upper) == pytest.approx((1.33, 0.88, 1.78), abs=0.006)


def test_groups_that_move_are_seen_in_pp_only() -> None:
    random = np.random.default_rng(2)
    groups = np.repeat(np.arange(50), 20)
    values = random.normal(40.0, 0.1, 1000) + np.where(groups % 2, 0.3, -0.3)
    found = capability(values, lower=39.0, upper=41.0, groups=groups)
    assert found.cp is not None
    assert found.pp is not None
    assert found.s_within == pytest.approx(0.1, rel=0.05)
    assert found.cp.value == pytest.approx(1.0 / 0.3, rel=0.05)
    assert found.pp.value < 1.1


def test_bounds_hold_as_often_as_they_say() -> None:
    """95 % bounds of Ppk, true value 1.0: missed in about 5 % of the samples."""
    random = np.random.default_rng(3)
    missed = 0
    for _ in range(400):
        found = capability(random.normal(0.0, 1.0, 60), lower=-3.0, upper=5.0).ppk
        missed += not found.lower <= 1.0 <= found.upper
    assert 6 <= missed <= 40


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.random.default_rng(4).normal(size=5000), True),
        (np.random.default_rng(4).exponential(size=200), False),  # skewed
        (np.concatenate([np.full(50, -1.0), np.full(50, 1.0)]), False),  # two heaps
        (np.array([1.0, 2.0, 3.0, 4.0]), False),  # too few and too flat to say yes
    ],
)
def test_normality(values: np.ndarray, expected: bool) -> None:
    assert normality(values).looks_normal is expected


def test_shares_outside_are_counted() -> None:
    found = capability([1.0, 2.0, 3.0, 4.0], lower=1.5, upper=3.0)
    assert found.out_share == 0.5
    assert found.cp is None
    assert capability([1.0, 2.0], upper=3.0).pp is None


@pytest.mark.parametrize(
    ("values", "limits", "message"),
    [
        ([1.0], {"upper": 2.0}, "two finite"),
        ([1.0, float("nan")], {"upper": 2.0}, "two finite"),
        ([1.0, 2.0], {}, "one limit"),
        ([1.0, 2.0], {"lower": 2.0, "upper": 1.0}, "empty"),
        ([1.0, 1.0], {"upper": 2.0}, "do not differ"),
        ([1.0, 2.0], {"upper": 2.0, "groups": [1]}, "group numbers"),
    ],
)
def test_refusals(values: list[float], limits: dict[str, object], message: str) -> None:
    make: object = capability
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make(values, **limits)
