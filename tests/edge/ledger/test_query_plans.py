"""What the page asks every few seconds never looks at all parts: the database's own plan says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.ledger.day_counts import count_lot, count_shift, count_since
from edge_runtime.ledger.day_queries import list_challenges, list_lots, list_shifts
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.rejects import RejectFilter, list_rejects, part_in_full
from edge_runtime.ledger.store import reading
from edge_runtime.ledger.trend import diameter_trend
from tests.edge.ledger.day_samples import Day, apply_all, bypassed, challenge, through
from tests.edge.ledger_samples import UTC_NS, counters, epoch, part

BIG_TABLES = ("part", "view", "finding", "reason", "picture", "counters")


def _plan(engine: sa.Engine, ask: Callable[[sa.Connection], object]) -> list[str]:
    """Steps of all queries that `ask` makes, by SQLite's EXPLAIN QUERY PLAN."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    sa.event.listen(engine, "before_cursor_execute", note)
    with reading(engine) as connection:
        ask(connection)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert asked
    with engine.connect() as connection:
        return [
            step[-1]
            for statement, values in asked
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


SPAN: dict[str, Any] = {"since_utc_ns": UTC_NS, "until_utc_ns": UTC_NS + 1000}


@pytest.mark.parametrize(
    ("ask", "step"),
    [
        (quick_balance, "SCAN part USING INDEX ix_part_open"),  # it holds open parts only
        (
            lambda connection: count_since(connection, UTC_NS),
            "PART USING COVERING INDEX ix_part_by_time (utc_ns>?)",
        ),
        (lambda connection: count_lot(connection, "lot 7"), "USING INDEX ix_day_tally_lot (lot=?)"),
        (lambda connection: count_shift(connection, 1), "day_tally USING INDEX"),
        (list_lots, "ix_part_lot_id (lot=?)"),
        (list_shifts, "ix_part_shift_id_id (shift_id=?)"),
        (list_challenges, "ix_part_contained_by (contained_by=?)"),
        (lambda connection: list_rejects(connection, RejectFilter()), "ix_part_refused"),
        (lambda connection: list_rejects(connection, RejectFilter(lot="lot 7")), "ix_part_refused_of_lot"),
        (lambda connection: list_rejects(connection, RejectFilter(shift_id=1)), "ix_part_refused_of_shift"),
        (
            lambda connection: list_rejects(connection, RejectFilter(reason="crack")),
            "ix_reason_part_id (part_id=?)",
        ),
        (lambda connection: part_in_full(connection, 1), "ix_view_part_id (part_id=?)"),
        (
            lambda connection: diameter_trend(connection, **SPAN),
            "COVERING INDEX ix_part_by_time (utc_ns>? AND utc_ns<?)",
        ),
    ],
)
def test_no_look_at_every_row(engine: sa.Engine, ask: Callable[[sa.Connection], object], step: str) -> None:
    day = Day()
    entries = [epoch(), day.open_shift("early"), *through(1, 2), *through(3, decision="reject"), part(4)]
    entries += [*bypassed(5), *through(6, challenge="C-1"), challenge("C-1", "missed"), counters(3, 1)]
    apply_all(engine, entries)
    steps = _plan(engine, ask)
    assert any(step.casefold() in found.casefold() for found in steps), steps
    assert not {f"SCAN {table}" for table in BIG_TABLES} & set(steps)
