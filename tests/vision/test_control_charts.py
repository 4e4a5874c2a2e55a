"""Control charts against worked examples of the literature, and against drift that is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vision.statistics.control_charts import (
    RUN_LENGTH,
    baseline,
    ewma_chart,
    p_chart,
    p_limits,
    trend,
)


@pytest.mark.parametrize(
    ("centre", "inspected", "lower", "upper"),
    [
        (0.01, 1000, 0.00056, 0.01944),
        (0.02, 500, 0.00122, 0.03878),
        (0.05, 200, 0.00377, 0.09623),
        (0.001, 10, 0.0, 0.03098),  # the lower limit is never below 0
        (0.0, 10, 0.0, 0.0),  # no rejects: any one is an alarm
    ],
)
def test_p_limits(centre: float, inspected: int, lower: float, upper: float) -> None:
    assert p_limits(centre, inspected) == pytest.approx((lower, upper), abs=1e-5)


def test_p_chart_finds_the_bad_group_and_the_long_run() -> None:
    calm = [(200, 4 + number % 3) for number in range(12)]
    chart = p_chart([*calm, (200, 25), *calm])
    assert [index for index, point in enumerate(chart.points) if point.alarm == "above"] == [12]
    shifted = p_chart([(200, 5)] * 3 + [(200, 8)] * 12, centre=0.025)
    assert [point.alarm for point in shifted.points] == [""] * (3 + RUN_LENGTH - 1) + ["run"] * (
        13 - RUN_LENGTH
    )
    with pytest.raises(ValueError, match="at least one ball"):
        p_chart([(0, 0)])


#: Montgomery, Introduction to Statistical Quality Control, table 9.1: 20 values about 10, then 10 about 11.
MONTGOMERY = (
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.2, 10.34, 9.03, 11.47, 10.51, 9.4, 10.08,
    9.37, 10.62, 10.31, 8.52, 10.84, 10.9, 9.33, 12.29, 11.5, 10.6, 11.08, 10.38, 11.62, 11.31, 10.52,
)  # fmt: skip


def test_ewma_of_the_textbook() -> None:
    chart = ewma_chart(MONTGOMERY, target=10.0, sigma=1.0, weight=0.1, width=2.7)
    assert [point.ewma for point in chart.points[:3]] == pytest.approx([9.945, 9.7495, 9.70355])
    assert chart.points[0].upper == pytest.approx(10.27)
    assert chart.points[1].lower == pytest.approx(10 - 0.3632, abs=1e-3)
    assert chart.points[-1].upper == pytest.approx(10.62, abs=0.005)
    assert chart.points[-1].ewma == pytest.approx(10.6341, abs=1e-4)
    assert [index for index, point in enumerate(chart.points) if point.alarm == "above"] == [28, 29]
    assert chart.first_alarm == 28


@pytest.mark.parametrize(
    "settings",
    [
        {"sigma": 0.0},  # no spread, no limits
        {"weight": 0.0},
        {"weight": 1.5},
        {"width": -1.0},
        {"values": [1.0, float("nan")]},
    ],
)
def test_ewma_refuses(settings: dict[str, object]) -> None:
    arguments: dict[str, object] = {"values": [1.0], "target": 0.0, "sigma": 1.0} | settings
    make: Callable[..., object] = ewma_chart
    with pytest.raises(ValueError, match=r"out of range|not finite"):
        make(arguments.pop("values"), **arguments)


def test_quiet_process_alarms_as_seldom_as_it_should() -> None:
    """In-control run length of lambda 0.2, L 3 is about 560 points: 20 of 200 runs of 60 alarm."""
    random = np.random.default_rng(4)
    alarms = sum(
        ewma_chart(random.normal(0.0, 1.0, 60).tolist(), target=0.0, sigma=1.0).first_alarm is not None
        for _ in range(200)
    )
    assert 5 <= alarms <= 40


def test_limits_allow_for_a_target_that_is_estimated() -> None:
    """Drawn many times: where the average of 30 points lies about a target taken from 20 points before."""
    random = np.random.default_rng(9)
    values = random.normal(0.0, 1.0, (20_000, 50))
    target = values[:, :20].mean(axis=1)
    average = target.copy()
    for number in range(20, 50):
        average = 0.2 * values[:, number] + 0.8 * average
    last = ewma_chart([0.0] * 30, target=0.0, sigma=1.0, width=1.0, target_groups=20).points[-1]
    assert (average - target).std() == pytest.approx(last.upper, rel=0.02)
    assert last.upper > ewma_chart([0.0] * 30, target=0.0, sigma=1.0, width=1.0).points[-1].upper


def test_slow_drift_is_found_before_it_is_large() -> None:
    random = np.random.default_rng(5)
    found = []
    for _ in range(50):
        drift = np.maximum(0.0, np.arange(100) - 20) * 0.1
        chart = ewma_chart((random.normal(0.0, 1.0, 100) + drift).tolist(), target=0.0, sigma=1.0)
        late = [index for index, point in enumerate(chart.points) if point.alarm == "above" and index >= 20]
        found.append(late[0])
    assert float(np.median(found)) <= 20 + 20  # by then it has moved by two of its own deviations


def test_baseline_takes_the_wider_of_both_spreads() -> None:
    random = np.random.default_rng(6)
    means = random.normal(40.0, 0.02, 400)
    assert baseline(means.tolist(), [0.001] * 400).sigma == pytest.approx(0.02, rel=0.15)
    assert baseline(means.tolist(), [0.05] * 400).sigma == pytest.approx(0.05)
    drifting = means + np.linspace(0.0, 0.4, 400)  # a drift in the baseline hardly widens it
    assert baseline(drifting.tolist(), [0.001] * 400).sigma == pytest.approx(0.02, rel=0.15)
    with pytest.raises(ValueError, match="two groups"):
        baseline([40.0], [0.1])
    with pytest.raises(ValueError, match="do not differ"):
        baseline([40.0, 40.0], [0.0, 0.0])


def test_trend_is_told_from_none() -> None:
    random = np.random.default_rng(7)
    hours = np.linspace(0.0, 2.0, 120)
    noise = random.normal(0.0, 0.01, 120)
    drift = trend(hours.tolist(), (40.0 + 0.05 * hours + noise).tolist())
    assert drift.slope == pytest.approx(0.05, abs=4 * drift.u_slope)
    assert drift.is_drift
    assert drift.level == pytest.approx(40.1, abs=0.01)
    assert not trend(hours.tolist(), (40.0 + noise).tolist()).is_drift
    with pytest.raises(ValueError, match="three points"):
        trend([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
