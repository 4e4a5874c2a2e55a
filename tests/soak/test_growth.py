"""Samples of processes and their judgement: lives, warm-up, the limit, drifting times."""

from __future__ import annotations

import os

import pytest

from edge_runtime.soak.growth import drift, growths, memory_growth_mb
from edge_runtime.soak.probe import Sample, take_sample
from edge_runtime.soak.slope import Trend
from edge_runtime.soak.tally import LatencyStretch


def _sample(at_s: float, memory_mb: float, name: str = "station", pid: int = 1, handles: int = 20) -> Sample:
    return Sample(at_s, name, pid, memory_mb, memory_mb, memory_mb, handles, 8, 0.0)


def _of(samples: list[Sample], figure: str = "memory_mb", name: str = "station") -> Trend:
    return next(item.trend for item in growths(samples) if (item.name, item.figure) == (name, figure))


def _steady(slope_mb_per_h: float, hours: float = 2.0, name: str = "station") -> list[Sample]:
    return [
        _sample(at_s, 100.0 + slope_mb_per_h * at_s / 3600.0 + 0.2 * (at_s // 5 % 3), name)
        for at_s in range(0, round(hours * 3600), 5)
    ]


def test_memory_is_flat_growing_or_not_proven() -> None:
    assert _of(_steady(0.1)) is Trend.FLAT
    assert _of(_steady(20.0)) is Trend.GROWING
    assert _of(_steady(0.1, hours=0.05)) is Trend.UNPROVEN


def test_the_warm_up_of_each_life_is_left_out() -> None:
    samples = []
    for life in range(6):
        for age_s in range(0, 1200, 5):
            memory_mb = 100.0 if age_s >= 110 else age_s / 2.0
            samples.append(_sample(life * 1200 + age_s, memory_mb, pid=life))
    found = next(item for item in growths(samples) if item.figure == "memory_mb")
    assert found.lives == 6
    assert found.trend is Trend.FLAT
    assert (found.first, found.last, found.most) == (100.0, 100.0, 100.0)


def test_what_one_life_leaves_to_the_next_counts() -> None:
    samples = [
        _sample(life * 600 + age_s, 100.0 + 5.0 * life, pid=life)
        for life in range(12)
        for age_s in range(0, 600, 5)
    ]
    found = next(item for item in growths(samples) if item.figure == "memory_mb")
    assert found.within.value == 0.0
    assert found.trend is Trend.GROWING
    assert found.per_hour == pytest.approx(30.0, rel=0.1)


def test_leaking_handles_are_seen_where_memory_is_not() -> None:
    samples = [_sample(at_s, 100.0, handles=20 + at_s // 300) for at_s in range(0, 7200, 5)]
    assert _of(samples, "handles") is Trend.GROWING
    assert _of(samples) is Trend.FLAT


def test_growth_is_that_of_the_station_alone_and_never_negative() -> None:
    samples = _steady(5.0) + _steady(50.0, name="twin") + _steady(-5.0, name="page")
    assert memory_growth_mb(growths(samples), 2.0) == pytest.approx(10.0, rel=0.05)


def test_a_process_is_sampled_with_what_is_its_own() -> None:
    sample = take_sample(1.0, "station", os.getpid())
    assert sample is not None
    assert 0.0 < sample.memory_mb <= sample.rss_mb
    assert sample.pss_mb <= sample.rss_mb
    assert sample.handles > 2
    assert take_sample(1.0, "station", 1 << 30) is None


def _stretches(p99_per_h: float) -> list[LatencyStretch]:
    return [LatencyStretch(at, 300, 5.0, 9.0 + p99_per_h * at / 3600.0, 12.0) for at in range(0, 28_800, 100)]


def test_times_drift_or_not() -> None:
    assert drift(_stretches(0.0)).trend is Trend.FLAT
    grown = drift(_stretches(0.5))
    assert grown.trend is Trend.GROWING
    assert grown.p99_ms == pytest.approx(4.0, rel=0.02)
    assert grown.p50_ms == 0.0
    assert drift(_stretches(0.0)[:1]).trend is Trend.UNPROVEN
