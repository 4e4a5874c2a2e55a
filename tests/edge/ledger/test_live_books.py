"""The cheap books check says what the full one says, and where it sees less, it is known where."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import reading, writing
from edge_runtime.ledger.tally import IN_FLIGHT_MAX
from edge_runtime.ledger.tally_models import BookTallyRow, DayTallyRow
from tests.edge.ledger.day_samples import apply_all
from tests.edge.ledger_samples import counters, epoch, outcome, part
from tests.edge.test_ledger_books import BALANCED, _through, _trigger_fault


@pytest.mark.parametrize("batch_size", [1, 3, 500])
@pytest.mark.parametrize("name", BALANCED)
def test_balanced_books_are_so_for_both(engine: sa.Engine, name: str, batch_size: int) -> None:
    apply_all(engine, BALANCED[name], batch_size)
    with reading(engine) as connection:
        quick, full = quick_balance(connection), balance(connection)
    assert quick.balanced, quick.text()
    assert quick.settled
    assert full.balanced, full.text()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        # a part without any row in the middle
        ([epoch(), *_through(1, 2, 4), counters(4, 0)], "no row for 1 part numbers, lane 0"),
        # the first ones are missing
        ([epoch(), counters(0, 0), *_through(3), counters(1, 0)], "no row for 2 part numbers"),
        # named trigger faults, but too few
        ([epoch(), *_through(1, 4), _trigger_fault(1)], "no row for 2 part numbers"),
        # one number in two epochs of one PLC start
        ([epoch(1), epoch(2), *_through(1), *_through(1, epoch=2)], "1 rows too many"),
        # far more triggers than can be in flight
        (
            [epoch(), *_through(1), counters(1, 0, triggers_total=IN_FLIGHT_MAX + 2)],
            f"{IN_FLIGHT_MAX + 1} triggers of PLC start 77 have no row",
        ),
        # a view that is neither there nor lost
        ([epoch(), part(1, views_got=2), outcome(1)], "views due = views got + named losses: 3 = 2 got"),
        # neither verdict nor cause
        (
            [epoch(), part(1, decision=None), outcome(1, verdict=None)],
            "neither a verdict nor a cause",
        ),
        ([epoch(), part(1, decision="maybe"), outcome(1, verdict=None)], "unknown verdict 'maybe'"),
        # an outcome that never came although later ones did
        ([epoch(), part(1), *_through(*range(2, 9))], "no outcome for part number 1, lane 0"),
        ([epoch(), part(1), outcome(1, confirm="third_eye")], "FAIL outcomes = confirmations"),
        # the PLC counted an accept that has no row
        (
            [epoch(), *_through(1), counters(2, 0, triggers_total=1, confirmed_total=1)],
            "FAIL PLC's accepted_total",
        ),
        ([epoch(), *_through(1), counters(0, 1)], "FAIL PLC's accepted_total"),
        ([epoch(), *_through(1), counters(1, 0, confirmed_total=0)], "FAIL PLC's confirmed_total"),
        # the totals are older than the newest rows, and still too small for those of before
        ([epoch(), *_through(1, 2), counters(1, 0), *_through(3)], "FAIL PLC's accepted_total = rows: 1 = 2"),
        ([epoch(), part(1), outcome(1, cause="late")], "accept without a fresh proof: 1 parts"),
        (
            [epoch(), part(1), outcome(1, side="bypass", cause="proven")],
            "let through without the key: 1 parts",
        ),
    ],
)
def test_imbalance_is_seen(engine: sa.Engine, entries: list[Entry], words: str) -> None:
    apply_all(engine, entries)
    with reading(engine) as connection:
        books = quick_balance(connection)
        assert not balance(connection).balanced
    assert not books.balanced
    assert words in books.text()


def test_parts_in_flight_are_named(engine: sa.Engine) -> None:
    totals = counters(3, 0, triggers_total=5, confirmed_total=2)
    apply_all(engine, [epoch(), *_through(1, 2), part(3), part(4), totals])
    with reading(engine) as connection:
        books = quick_balance(connection)
    assert books.balanced, books.text()
    assert not books.settled
    assert books.in_flight == ("newest trigger 1", "1-0-3", "1-0-4")


def test_only_the_newest_plc_start_is_looked_at(engine: sa.Engine) -> None:
    """What an older start lacks is for the full balance; its epochs without a session count to it too."""
    entries: list[Entry] = [epoch(1, 77), *_through(1, 2, 4), *_through(5, epoch=2), counters(5, 0)]
    entries += [*_through(1, epoch=3), epoch(4, 78), *_through(2, epoch=4), counters(2, 0, plc_boot_id=78)]
    apply_all(engine, entries)
    with reading(engine) as connection:
        quick, full = quick_balance(connection), balance(connection)
    assert quick.balanced, quick.text()
    assert quick.lines[0].left == 2
    assert "no row for part number 3, lane 0 of PLC start 77" in full.problems


@pytest.mark.parametrize("table", [BookTallyRow, DayTallyRow])
def test_a_running_count_that_differs_from_the_rows_is_a_problem(
    engine: sa.Engine, table: type[BookTallyRow | DayTallyRow]
) -> None:
    apply_all(engine, [epoch(), *_through(1, 2), counters(2, 0)])
    with writing(engine) as connection:
        connection.execute(sa.update(table).values(parts=table.parts + 1))
    with reading(engine) as connection:
        books = balance(connection)
    assert not books.balanced
    assert "differ from the rows in 1 places" in books.text()


def test_a_row_that_somebody_else_changed_is_seen_by_the_full_balance_only(engine: sa.Engine) -> None:
    apply_all(engine, [epoch(), *_through(1, 2, decision="reject"), counters(0, 2)])
    with writing(engine) as connection:
        connection.execute(sa.update(PartRow).where(PartRow.id == 1).values(side="accept"))
    with reading(engine) as connection:
        quick, full = quick_balance(connection), balance(connection)
    assert quick.balanced
    assert "sent to accept without a fresh proof: part 1-0-1" in full.problems
    assert "the running counts of the day differ from the rows in 2 places" in full.problems
