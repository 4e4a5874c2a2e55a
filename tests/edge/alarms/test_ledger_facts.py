"""The facts that alarms are made of, out of a real ledger."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.alarms.condition import Condition
from edge_runtime.alarms.conditions import find_conditions
from edge_runtime.alarms.facts import LedgerFacts, Look
from edge_runtime.alarms.ledger_facts import WINDOW_NS, FactsReader, books_state
from edge_runtime.entries import ActEntry, Entry, EpochEntry, FaultEntry, SessionEntry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.day_counts import count_shift
from edge_runtime.ledger.day_queries import shift_now
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.store import reading
from tests.edge.alarms.looks import status
from tests.edge.ledger.day_samples import Day
from tests.edge.ledger_samples import (
    BOOT,
    UTC_NS,
    counters,
    epoch,
    fault,
    outcome,
    part,
    placed,
    session,
)

NOW = UTC_NS + 3600 * 1_000_000_000
OLD = NOW - WINDOW_NS - 1_000_000_000
NEW = NOW - 1_000_000_000
S = 1_000_000_000


def _read(engine: sa.Engine, entries: list[Entry], shift: str | None = None) -> LedgerFacts:
    Applier(engine).apply(placed(entries))
    with reading(engine) as connection:
        of_shift = None
        if shift is not None:
            number = shift_now(connection, shift)
            assert number is not None
            of_shift = (number, count_shift(connection, number))
        return FactsReader().read(connection, NOW, status(), of_shift, quick_balance(connection))


def _ball(seq: int, utc_ns: int = NEW, **of_outcome: Any) -> list[Entry]:
    decision = of_outcome.pop("decision", "accept")
    challenge = of_outcome.pop("challenge", "")
    shift = of_outcome.pop("shift", "early")
    judged = part(seq, utc_ns=utc_ns, decision=decision, challenge=challenge, shift=shift)
    return [judged, outcome(seq, verdict=decision, **of_outcome)]


def test_an_empty_ledger(engine: sa.Engine) -> None:
    assert _read(engine, []) == LedgerFacts(books="balanced")


def test_parts_of_the_window_and_what_became_of_them(engine: sa.Engine) -> None:
    entries = _ball(1, OLD, cause="late") + _ball(2) + _ball(3, side="reject", cause="late")
    entries += _ball(4, side="reject", cause="no_verdict", confirm="none")  # late, and no eye saw it
    entries += _ball(5, confirm="reject_eye") + _ball(6, decision="reject", confirm="accept_eye")
    entries += _ball(7, decision="reject") + _ball(8, challenge="C-1", confirm="accept_eye", side="reject")
    entries += [part(9, utc_ns=NEW)]  # in flight
    facts = _read(engine, entries)
    # 3 went to the accept eye although the gate stood on reject: its sample says confirm accept_eye.
    assert (facts.parts, facts.late, facts.wrong_chute) == (7, 2, 4)


def test_bypassed_parts_belong_to_the_accept_eye(engine: sa.Engine) -> None:
    seen = _ball(1, side="bypass", cause="bypass", confirm="accept_eye")
    astray = _ball(2, side="bypass", cause="bypass", confirm="reject_eye")
    assert _read(engine, seen + astray).wrong_chute == 1


def test_faults_by_code_and_camera(engine: sa.Engine) -> None:
    def of(code: str, camera: str | None, count: int, utc_ns: int = NEW) -> FaultEntry:
        return FaultEntry(code, "", count, utc_ns, BOOT, camera=camera)

    entries: list[Entry] = [of("frames_lost", "left", 2), of("frames_lost", "left", 3)]
    entries += [of("frames_lost", "right", 1), of("plc_restart", None, 1), of("plc_restart", None, 9, OLD)]
    facts = _read(engine, entries)
    assert facts.faults == {
        ("frames_lost", "left"): 5,
        ("frames_lost", "right"): 1,
        ("plc_restart", ""): 1,
    }
    assert (facts.count("plc_restart"), facts.count_prefix("frames_")) == (1, 6)


def test_balls_that_were_on_their_way_when_an_epoch_began_are_no_fault_of_the_eye(engine: sa.Engine) -> None:
    def stray(seconds: float) -> FaultEntry:
        return FaultEntry("untriggered", "", 1, NEW - 60 * S + int(seconds * S), BOOT, camera="left")

    begun = EpochEntry(5, 77, "station_start", NEW - 60 * S)
    facts = _read(engine, [begun, stray(-1), stray(1), stray(14), stray(20), stray(30)])
    assert facts.count("untriggered") == 3


def test_the_same_statements_are_asked_however_many_epochs_began(engine: sa.Engine) -> None:
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    _read(engine, [EpochEntry(5, 77, "station_start", NEW)])
    of_one = {statement for statement in asked if statement.startswith("SELECT")}
    _read(engine, [EpochEntry(epoch, 77, "station_start", NEW) for epoch in range(6, 20)])
    assert {statement for statement in asked if statement.startswith("SELECT")} == of_one


def test_starts_of_the_station_that_no_changeover_asked_for(engine: sa.Engine) -> None:
    def start(name: str, utc_ns: int) -> SessionEntry:
        fields = {key: getattr(session(), key) for key in SessionEntry.__slots__}
        return SessionEntry(**(fields | {"session": name, "utc_ns": utc_ns}))

    changed = ActEntry(3, "changeover_done", "", "station", {}, {}, {}, NEW, BOOT)
    entries: list[Entry] = [start("s0", OLD), start("s1", NEW), start("s2", NEW), start("s3", NEW), changed]
    assert _read(engine, entries).sessions == 2


def test_the_shift_s_rejects_before_and_in_the_window(engine: sa.Engine) -> None:
    day = Day()
    entries: list[Entry] = [day.open_shift("early")]
    for seq in range(1, 11):
        entries += _ball(seq, OLD, decision="reject" if seq <= 2 else "accept")
    for seq in range(11, 16):
        entries += _ball(seq, NEW, decision="reject" if seq <= 14 else "accept")
    # Rejected because the line was not ready: of balls and pictures that says nothing.
    not_ready = part(16, utc_ns=NEW, decision=None, null_cause="no_vision", reasons=())
    entries += [not_ready, outcome(16, verdict=None, reason="", cause="not_ready")]
    facts = _read(engine, entries, "early")
    assert facts.rejects_now == (5, 4)
    assert facts.rejects_before == (10, 2)


def test_without_a_shift_no_share_is_looked_at(engine: sa.Engine) -> None:
    facts = _read(engine, _ball(1))
    assert (facts.rejects_now, facts.rejects_before) == ((0, 0), (0, 0))


def test_books_and_the_newest_counters(engine: sa.Engine) -> None:
    entries: list[Entry] = [session(), epoch()]
    entries += _ball(1) + _ball(2) + [counters(2, 0)]
    facts = _read(engine, entries)
    assert (facts.books, facts.problems) == ("balanced", ())
    assert facts.newest_counters_utc_ns == UTC_NS


def test_a_missing_row_is_told_by_the_books(engine: sa.Engine) -> None:
    entries: list[Entry] = [session(), epoch()]
    entries += _ball(1) + _ball(4) + [counters(4, 0)]
    facts = _read(engine, entries)
    assert facts.books == "unbalanced"
    assert facts.problems
    codes = {one.code for one in find_conditions(Look(NOW, status(), 0.1, ledger=facts))}
    assert "books_unbalanced" in codes


def test_in_flight_is_open_and_no_fault(engine: sa.Engine) -> None:
    entries: list[Entry] = [session(), epoch(), *_ball(1), part(2, utc_ns=NEW)]
    facts = _read(engine, entries)
    assert facts.books == "open"
    found = find_conditions(Look(UTC_NS, status(written_utc_ns=UTC_NS), 0.1, ledger=facts))
    assert Condition("books_unbalanced") not in found


def test_words_of_the_light(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        assert books_state(quick_balance(connection)) == "balanced"


def test_a_fault_of_the_samples_is_read_back(engine: sa.Engine) -> None:
    entry = fault("camera_lost", 3)
    facts = _read(engine, [FaultEntry(entry.code, entry.detail, 3, NEW, BOOT, camera="left")])
    assert facts.faults == {("camera_lost", "left"): 3}
    with pytest.raises(KeyError):
        facts.faults["camera_lost", ""]
