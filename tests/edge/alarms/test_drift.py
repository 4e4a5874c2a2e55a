"""Does the size drift: minutes out of a real ledger, and the chart of them."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.alarms.drift import MINUTE_NS, MINUTES_MAX, MINUTES_MIN, Minute, MinuteMeans, size_drift
from edge_runtime.entries import Entry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.store import reading
from edge_runtime.lots.statistics import BALLS_MIN
from tests.edge.ledger_samples import UTC_NS, outcome, part, placed

RECIPE = "a" * 64
BEGIN = UTC_NS // MINUTE_NS * MINUTE_NS


def _minutes(means: list[float], s_mm: float = 0.05, balls: int = 60) -> list[Minute]:
    return [Minute(number, balls, mean, s_mm) for number, mean in enumerate(means)]


def _noise(count: int, seed: int = 7) -> list[float]:
    dice = random.Random(seed)
    return [dice.gauss(40.0, 0.007) for _ in range(count)]


def test_a_steady_process_is_no_drift() -> None:
    for seed in range(20):
        found = size_drift(_minutes(_noise(120, seed)), band_width_mm=2.0)
        assert found is not None
        assert found.alarm == ""
        assert found.target_mm == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize(("per_minute_mm", "alarm"), [(0.004, "above"), (-0.004, "below")])
def test_wear_is_found_with_its_direction(per_minute_mm: float, alarm: str) -> None:
    means = _noise(30) + [mean + per_minute_mm * minute for minute, mean in enumerate(_noise(60, 8))]
    found = size_drift(_minutes(means), band_width_mm=2.0)
    assert found is not None
    assert found.alarm == alarm
    assert abs(found.ewma_mm - 40.0) > 0.1


def test_rolls_put_right_end_it() -> None:
    means = _noise(30) + [40.3] * 30 + _noise(40, 9)
    found = size_drift(_minutes(means), band_width_mm=2.0)
    assert found is not None
    assert found.alarm == ""


def test_a_drift_that_is_sure_but_small_is_no_matter() -> None:
    means = _noise(30) + [mean + 0.04 for mean in _noise(60, 8)]
    found = size_drift(_minutes(means), band_width_mm=2.0)
    assert found is not None
    assert found.alarm == ""
    narrow = size_drift(_minutes(means), band_width_mm=0.4)
    assert narrow is not None
    assert narrow.alarm == "above"


@pytest.mark.parametrize(
    "minutes",
    [
        [],
        _minutes([40.0] * (MINUTES_MIN - 1)),  # too few
        _minutes(_noise(100), balls=BALLS_MIN - 1),  # hardly any ball in each
        _minutes([40.0] * 50, s_mm=0.0),  # no spread at all
        _minutes([float("nan")] * 50),
    ],
)
def test_nothing_can_be_said_of_too_little(minutes: list[Minute]) -> None:
    assert size_drift(minutes, band_width_mm=2.0) is None


def _balls(minute: int, means: list[float], first_seq: int, **other: Any) -> list[Entry]:
    entries: list[Entry] = []
    for number, mean in enumerate(means):
        utc_ns = BEGIN + minute * MINUTE_NS + number * 1_000_000_000
        seq = first_seq + number
        entries += [part(seq, utc_ns=utc_ns, diameter_mean_mm=mean, **other), outcome(seq)]
    return entries


def test_minutes_are_read_once_and_only_whole_ones(engine: sa.Engine) -> None:
    applier, means = Applier(engine), MinuteMeans()
    applier.apply(placed(_balls(0, [39.9, 40.1], 1) + _balls(1, [40.5], 3)))
    since = BEGIN

    def read(now_minute: float) -> list[tuple[int, int, float, float]]:
        with reading(engine) as connection:
            found = means.read(connection, RECIPE, since, BEGIN + int(now_minute * MINUTE_NS))
        first = BEGIN // MINUTE_NS
        return [(one.minute - first, one.balls, round(one.mean_mm, 9), round(one.s_mm, 4)) for one in found]

    assert read(1.9) == []
    assert read(2.1) == [(0, 2, 40.0, 0.1414)]
    assert read(3.0) == [(0, 2, 40.0, 0.1414), (1, 1, 40.5, 0.0)]
    # Read once: what comes later under an old time is not seen, and nothing is read twice.
    applier.apply(placed(_balls(0, [50.0], 10), after=1000))
    assert [one[1] for one in read(9.0)] == [2, 1]
    # A clock that was set back begins anew.
    assert [one[1] for one in read(2.1)] == [3]


def test_only_sound_production_balls_of_the_recipe_count(engine: sa.Engine) -> None:
    entries = _balls(0, [40.0, 40.2], 1)
    entries += _balls(0, [20.0], 10, decision="reject")  # a crack: half balls say nothing of the rolls
    entries += _balls(0, [30.0], 11, challenge="C-1")
    entries += _balls(0, [60.0], 12, recipe_sha256="f" * 64)
    entries += _balls(0, [None], 13)  # type: ignore[list-item]
    Applier(engine).apply(placed(entries))
    with reading(engine) as connection:
        (found,) = MinuteMeans().read(connection, RECIPE, BEGIN, BEGIN + 5 * MINUTE_NS)
    assert (found.balls, round(found.mean_mm, 9)) == (2, 40.1)


def test_no_more_than_the_last_hours_are_looked_at(engine: sa.Engine) -> None:
    Applier(engine).apply(placed(_balls(0, [40.0], 1) + _balls(MINUTES_MAX + 10, [41.0], 2)))
    now = BEGIN + (MINUTES_MAX + 13) * MINUTE_NS
    with reading(engine) as connection:
        found = MinuteMeans().read(connection, RECIPE, BEGIN, now)
    assert [one.mean_mm for one in found] == [41.0]
