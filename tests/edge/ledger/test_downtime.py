"""When the line ran and why not: states told by the station, and its silence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.entries import CountersEntry, Entry
from edge_runtime.ledger.downtime import SILENCE_NS, downtime, line_spans
from edge_runtime.ledger.store import reading
from tests.edge.ledger.day_samples import SECOND_NS, apply_all, line_state
from tests.edge.ledger_samples import PLC_BOOT, UTC_NS

OFF: dict[str, Any] = {"running": False, "ready": False}


def _alive(first_s: int, last_s: int) -> list[Entry]:
    """Totals every two seconds."""
    return [CountersEntry(PLC_BOOT, {}, UTC_NS + at_s * SECOND_NS) for at_s in range(first_s, last_s + 1, 2)]


def _spans(
    engine: sa.Engine, entries: list[Entry], first_s: int, last_s: int
) -> list[tuple[float, float, str]]:
    apply_all(engine, entries)
    with reading(engine) as connection:
        spans = line_spans(connection, UTC_NS + first_s * SECOND_NS, UTC_NS + last_s * SECOND_NS)
    assert spans[0].start_utc_ns == UTC_NS + first_s * SECOND_NS
    assert spans[-1].end_utc_ns == UTC_NS + last_s * SECOND_NS
    for span, following in pairwise(spans):
        assert span.end_utc_ns == following.start_utc_ns
        assert span.cause != following.cause
    begin = UTC_NS / SECOND_NS
    return [
        (span.start_utc_ns / SECOND_NS - begin, span.end_utc_ns / SECOND_NS - begin, span.cause)
        for span in spans
    ]


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ({}, "up"),
        # a bin that is full does not stop the line by itself
        ({"inputs": ("bin_full",)}, "up"),
        # nothing else is known when the PLC does not answer
        ({"connected": False, "latched": True, "stop_cause": "mismatch", **OFF}, "not_connected"),
        ({"latched": True, "stop_cause": "mismatch", "inputs": ("e_stop",), **OFF}, "mismatch"),
        ({"latched": True, **OFF}, "latched"),
        ({"inputs": ("air_low", "guard_open"), "key_switch": "bypass", **OFF}, "guard_open"),
        ({"key_switch": "bypass", "holds": ("key",), "ready": False}, "bypass"),
        ({"key_switch": "service", **OFF}, "service"),
        ({"holds": ("changeover", "camera_left"), "ready": False}, "hold_changeover"),
        ({"running": False}, "belt_stopped"),
        ({"ready": False}, "not_ready"),
    ],
)
def test_cause_of_a_state(engine: sa.Engine, state: dict[str, Any], cause: str) -> None:
    assert _spans(engine, [line_state(0, **state), *_alive(0, 20)], 0, 20) == [(0, 20, cause)]


def test_spans_follow_the_states_and_are_joined(engine: sa.Engine) -> None:
    states = [
        line_state(-50),
        line_state(10, lot="other"),  # still up
        line_state(20, **OFF),
        line_state(24, **OFF, shift="other"),
        line_state(30),
        line_state(99, **OFF),  # after the span
    ]
    found = _spans(engine, [*states, *_alive(-50, 100)], 0, 40)
    assert found == [(0, 20, "up"), (20, 30, "belt_stopped"), (30, 40, "up")]


def test_before_the_first_state_nothing_is_known(engine: sa.Engine) -> None:
    found = _spans(engine, [line_state(10), *_alive(0, 20)], 0, 20)
    assert found == [(0, 10, "unknown"), (10, 20, "up")]
    with reading(engine) as connection:
        (before,) = line_spans(connection, UTC_NS - SECOND_NS, UTC_NS)
    assert before.cause == "unknown"


def test_a_station_that_died_was_not_up_until_it_came_back(engine: sa.Engine) -> None:
    entries = [line_state(0), *_alive(0, 30), line_state(130), *_alive(130, 160)]
    found = _spans(engine, entries, 0, 160)
    assert found == [(0, 30, "up"), (30, 130, "no_station"), (130, 160, "up")]


def test_a_station_that_is_still_away(engine: sa.Engine) -> None:
    """The span's end is now: the line is not up because it was when it was last heard of."""
    found = _spans(engine, [line_state(0), *_alive(0, 30)], 0, 200)
    assert found == [(0, 30, "up"), (30, 200, "no_station")]


def test_a_silence_that_began_before_the_span(engine: sa.Engine) -> None:
    found = _spans(engine, [line_state(0), *_alive(0, 30), line_state(130), *_alive(130, 160)], 60, 160)
    assert found == [(60, 130, "no_station"), (130, 160, "up")]


def test_a_short_silence_is_none(engine: sa.Engine) -> None:
    hole_s = SILENCE_NS // SECOND_NS - 1
    found = _spans(engine, [line_state(0), *_alive(0, 10), *_alive(10 + hole_s, 60)], 0, 60)
    assert found == [(0, 60, "up")]


def test_sums(engine: sa.Engine) -> None:
    states = [line_state(0), line_state(10, **OFF), line_state(14), line_state(20, **OFF), line_state(22)]
    apply_all(engine, [*states, line_state(25, connected=False), *_alive(0, 60)])
    with reading(engine) as connection:
        found = downtime(line_spans(connection, UTC_NS, UTC_NS + 40 * SECOND_NS))
    assert (found.total_s, found.up_s) == (40.0, 19.0)
    assert found.by_cause_s == {"not_connected": 15.0, "belt_stopped": 6.0}
    assert found.stops == {"not_connected": 1, "belt_stopped": 2}
    assert list(found.by_cause_s) == ["not_connected", "belt_stopped"]
