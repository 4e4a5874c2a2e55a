"""Slopes: leaks are told from noise, outliers and restarts; little data proves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.soak.slope import NO_SLOPE, Series, Trend, pooled_slope, windows

HOURS: Series = np.arange(0.0, 8.0, 1.0 / 60.0)


def _noise(count: int, seed: int, sd: float = 0.5) -> Series:
    return np.random.default_rng(seed).normal(0.0, sd, count)


@pytest.mark.parametrize("seed", range(5))
def test_a_flat_figure_is_flat_and_a_leak_is_growing(seed: int) -> None:
    noise = _noise(HOURS.size, seed)
    assert pooled_slope([(HOURS, 100.0 + noise)]).against(2.0) is Trend.FLAT
    leak = pooled_slope([(HOURS, 100.0 + 3.0 * HOURS + noise)])
    assert leak.against(2.0) is Trend.GROWING
    assert leak.low < 3.0 < leak.high
    assert leak.value == pytest.approx(3.0, abs=0.1)


def test_a_tenth_of_wild_points_moves_nothing() -> None:
    values = 100.0 + _noise(HOURS.size, 1)
    values[::10] += 500.0
    assert pooled_slope([(HOURS, values)]).against(2.0) is Trend.FLAT


def test_a_leak_that_every_restart_hides_is_seen_within_the_lives() -> None:
    lives = []
    for start in np.arange(0.0, 8.0, 0.5):
        hours = start + np.arange(0.0, 0.5, 1.0 / 60.0)
        lives.append((hours, 100.0 + 6.0 * (hours - start) + _noise(hours.size, round(start * 2))))
    assert pooled_slope(lives).against(2.0) is Trend.GROWING
    over = pooled_slope([(np.concatenate([x for x, _ in lives]), np.concatenate([y for _, y in lives]))])
    assert over.against(2.0) is Trend.FLAT


def test_steps_between_lives_do_not_count_within_them() -> None:
    lives = [
        (start + HOURS[:30], 100.0 + 5.0 * start + _noise(30, round(start))) for start in (0.0, 2.0, 4.0)
    ]
    assert abs(pooled_slope(lives).value) < 2.0


def test_a_shrinking_figure_is_flat() -> None:
    assert pooled_slope([(HOURS, 100.0 - HOURS)]).against(2.0) is Trend.FLAT


def test_few_or_unsteady_points_prove_nothing() -> None:
    assert NO_SLOPE.against(2.0) is Trend.UNPROVEN
    assert pooled_slope([]).against(2.0) is Trend.UNPROVEN
    assert pooled_slope([(HOURS[:9], HOURS[:9])]).against(2.0) is Trend.UNPROVEN
    assert pooled_slope([(HOURS[:12], 100.0 + _noise(12, 3, sd=5.0))]).against(2.0) is Trend.UNPROVEN


def test_equal_counts_are_flat_with_narrow_bounds() -> None:
    slope = pooled_slope([(HOURS, np.full(HOURS.size, 25.0))])
    assert (slope.value, slope.low, slope.high) == (0.0, 0.0, 0.0)
    assert slope.against(0.0) is Trend.FLAT


def test_bounds_hold_the_true_slope_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        slope = pooled_slope([(HOURS[:60], 2.0 * HOURS[:60] + _noise(60, 100 + seed))])
        held += slope.low <= 2.0 <= slope.high
    assert 180 <= held <= 199


def test_windows_are_medians_and_leave_gaps_out() -> None:
    x = np.array([0.0, 0.1, 0.2, 2.0, 2.5])
    y = np.array([1.0, 99.0, 2.0, 5.0, 7.0])
    middle_x, middle_y = windows(x, y, 1.0)
    assert middle_x == pytest.approx([0.1, 2.25])
    assert middle_y == pytest.approx([2.0, 6.0])


def test_a_long_life_is_thinned_before_its_pairs_are_taken() -> None:
    hours = np.linspace(0.0, 100.0, 20_000)
    slope = pooled_slope([(hours, 1.0 * hours)])
    assert slope.points <= 601
    assert slope.value == pytest.approx(1.0, rel=1e-6)
