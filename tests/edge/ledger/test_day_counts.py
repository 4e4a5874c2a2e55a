"""Counts of shifts, lots and times; lists of shifts, lots, acts, challenges and faults."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, FaultEntry, ReasonRow
from edge_runtime.ledger.day_counts import Counts, count_lot, count_shift, count_since
from edge_runtime.ledger.day_queries import (
    faults_between,
    list_acts,
    list_challenges,
    list_lots,
    list_shifts,
    of_lot,
    of_shift,
    production,
    read_lot_summary,
    read_shift,
    shift_now,
)
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import reading
from edge_runtime.ledger.tallies import count_rows, unlike_counts
from tests.edge.ledger.day_samples import SECOND_NS, Day, apply_all, bypassed, challenge, through
from tests.edge.ledger_samples import BOOT, UTC_NS, outcome, part

L1: dict[str, Any] = {"lot": "L-1", "shift": "day"}
L2: dict[str, Any] = {"lot": "L-2", "shift": "day"}


def _late(seq: int, **other: Any) -> list[Entry]:
    """Judged good, but the verdict came too late."""
    return [part(seq, **other), outcome(seq, verdict=None, cause="late", reason="")]


def _day() -> list[Entry]:
    """Two lots and two shifts of the same name; parts 1 to 14."""
    day = Day()
    return [
        day.open_shift("day"),
        day.open_lot("L-1"),
        *through(1, 2, 3, **L1),
        *through(4, 5, decision="reject", **L1),
        *_late(6, **L1),
        *bypassed(7, **L1),
        *bypassed(8, decision="reject", **L1),
        part(9, **L1),
        *through(10, decision="reject", challenge="C-1", **L1),
        challenge("C-1", "passed"),
        day.close_lot(),
        day.open_lot("L-2"),
        *through(11, **L2),
        day.close_shift(),
        day.open_shift("day", "Marat"),
        *through(12, 13, **L2),
        *through(14, decision="accept", challenge="C-2", **L2),
        challenge("C-2", "missed", detail="ball 1 was accepted"),
    ]


FIRST_LOT = Counts(
    parts=10,
    accepted=3,
    rejected=3,
    bypassed=2,
    open=1,
    challenge=1,
    bypassed_bad=1,
    reasons={"crack": 2, "late": 1},
    first_utc_ns=UTC_NS + 1,
)


def _sum(counts: Counts) -> int:
    return counts.accepted + counts.rejected + counts.bypassed + counts.open + counts.challenge


def test_counts_of_lot_shift_and_time(engine: sa.Engine) -> None:
    apply_all(engine, _day())
    with reading(engine) as connection:
        assert count_lot(connection, "L-1") == FIRST_LOT
        assert count_lot(connection, "no such lot") == Counts()
        second_lot = count_lot(connection, "L-2")
        shifts = [count_shift(connection, number) for number in (1, 2, 3)]
        since = [count_since(connection, UTC_NS + number) for number in (1, 11, 99)]
    assert (second_lot.parts, second_lot.accepted, second_lot.challenge, second_lot.contained) == (4, 3, 1, 3)
    assert [(item.parts, item.accepted, item.contained) for item in shifts] == [
        (11, 4, 1),
        (3, 2, 2),
        (0, 0, 0),
    ]
    assert since[0] == Counts(14, 6, 3, 2, 1, 2, 3, 1, {"crack": 2, "late": 1}, UTC_NS + 1)
    assert (since[1].parts, since[1].accepted, since[1].contained) == (4, 3, 3)
    assert since[2] == Counts()
    for counts in (FIRST_LOT, second_lot, *shifts, *since):
        assert counts.parts == _sum(counts)


def test_a_ball_that_passed_by_key_is_bad_when_something_was_found_on_it(engine: sa.Engine) -> None:
    held = (ReasonRow("not_ready"),)  # every verdict under the key is a reject
    found = (ReasonRow("diameter_high"),)
    unseen = (ReasonRow("view_missing"),)
    day = Day()
    parts = [
        entry
        for seq, reasons in enumerate((held, found, unseen), start=1)
        for entry in bypassed(seq, decision="reject", reasons=reasons, **L1)
    ]
    apply_all(engine, [day.open_shift("day"), *parts])
    with reading(engine) as connection:
        for counts in (
            count_lot(connection, "L-1"),
            count_shift(connection, 1),
            count_since(connection, UTC_NS),
        ):
            assert (counts.bypassed, counts.bypassed_bad) == (3, 1)
        assert unlike_counts(connection, count_rows(connection)) == []


def test_clauses_choose_the_same_parts_as_the_counts(engine: sa.Engine) -> None:
    apply_all(engine, _day())
    with reading(engine) as connection:
        for clause, counts in (
            (of_shift(1), count_shift(connection, 1)),
            (of_shift(2), count_shift(connection, 2)),
            (of_lot("L-1"), count_lot(connection, "L-1")),
        ):
            rows = sa.select(sa.func.count(PartRow.id)).where(clause)
            assert connection.execute(rows).scalar_one() == counts.parts
            sound = connection.execute(rows.where(production())).scalar_one()
            assert sound == counts.parts - counts.challenge


def test_lists_of_shifts_and_lots(engine: sa.Engine) -> None:
    apply_all(engine, [*through(99, lot="of the station file"), *_day()])
    with reading(engine) as connection:
        shifts = list_shifts(connection)
        assert [(item.id, item.name, item.opened_by, item.closed_by) for item in shifts] == [
            (2, "day", "Marat", None),
            (1, "day", "Aigul", "Aigul"),
        ]
        assert [item.counts.parts for item in shifts] == [3, 11]
        assert [item.id for item in list_shifts(connection, limit=1)] == [2]
        assert [item.id for item in list_shifts(connection, before=2)] == [1]
        assert read_shift(connection, 1) == shifts[1]
        assert read_shift(connection, 7) is None
        assert (shift_now(connection, "day"), shift_now(connection, "night")) == (2, None)
        lots = list_lots(connection)
        assert [(lot.name, lot.product, lot.closed_by) for lot in lots] == [
            ("L-2", "ball 40", None),
            ("L-1", "ball 40", "Aigul"),
            ("of the station file", None, None),
        ]
        assert lots[1].counts == FIRST_LOT
        assert lots[2].opened_utc_ns == UTC_NS + 99
        assert [lot.name for lot in list_lots(connection, limit=1)] == ["L-2"]
        assert [read_lot_summary(connection, lot.name) for lot in lots] == lots
        assert read_lot_summary(connection, "L-3") is None


def test_a_lot_without_parts_is_listed(engine: sa.Engine) -> None:
    apply_all(engine, [Day().open_lot("L-1")])
    with reading(engine) as connection:
        (lot,) = list_lots(connection)
        assert read_lot_summary(connection, "L-1") == lot
    assert (lot.name, lot.counts) == ("L-1", Counts())


def test_acts_and_challenges(engine: sa.Engine) -> None:
    entries = _day()
    apply_all(engine, entries)
    with reading(engine) as connection:
        acts = list_acts(connection)
        assert [act.act for act in reversed(acts)] == [
            "open_shift", "open_lot", "close_lot", "open_lot", "close_shift", "open_shift",
        ]  # fmt: skip
        assert (acts[0].by, acts[0].asked["name"], acts[0].before["shift"]) == ("Marat", "day", None)
        times = [act.utc_ns for act in acts]
        assert [act.utc_ns for act in list_acts(connection, since_utc_ns=times[1])] == times[:2]
        assert [act.utc_ns for act in list_acts(connection, until_utc_ns=times[1])] == times[1:]
        assert len(list_acts(connection, limit=2)) == 2
        found = list_challenges(connection)
        assert {item.challenge: (item.result, item.contained) for item in found} == {
            "C-1": ("passed", 0),
            "C-2": ("missed", 3),
        }
        assert list_challenges(connection, lot="other") == []
        assert list_challenges(connection, until_utc_ns=UTC_NS) == []


def test_faults_of_a_span(engine: sa.Engine) -> None:
    faults: list[Entry] = [
        FaultEntry(code, "", count, UTC_NS + at_s * SECOND_NS, BOOT)
        for code, count, at_s in (("lamp", 2, 0), ("late", 1, 1), ("late", 4, 2), ("lamp", 9, 10))
    ]
    apply_all(engine, faults)
    with reading(engine) as connection:
        found = faults_between(connection, UTC_NS, UTC_NS + 2 * SECOND_NS)
    assert [(item.code, item.count) for item in found] == [("late", 5), ("lamp", 2)]
    assert (found[0].first_utc_ns, found[0].last_utc_ns) == (UTC_NS + SECOND_NS, UTC_NS + 2 * SECOND_NS)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_counts_do_not_depend_on_the_batches(engine: sa.Engine, batch_size: int) -> None:
    apply_all(engine, _day(), batch_size)
    with reading(engine) as connection:
        assert count_lot(connection, "L-1") == FIRST_LOT
        assert count_shift(connection, 1).parts == 11
