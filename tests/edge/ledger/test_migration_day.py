"""Ledgers of before the day's tables: their rows stay, are counted, and go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from edge_runtime.entries import Entry
from edge_runtime.journal import JournalPosition
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.day_counts import count_lot
from edge_runtime.ledger.day_queries import list_lots, list_shifts
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.models import Base, PartRow
from edge_runtime.ledger.store import _config, ledger_url, open_ledger, reading
from edge_runtime.ledger.tallies import count_rows, unlike_counts
from tests.edge.ledger.day_samples import Day, challenge, through
from tests.edge.ledger_samples import BOOT, UTC_NS, counters, outcome, placed

NAMES = (
    "id, epoch, lane, trigger_seq, lot, shift, decision, null_cause, reason, views_due, views_got,"
    " views_lost, utc_ns, boot_id, side, cause, confirm, plc_verdict, plc_reason, outcome_segment,"
    " outcome_offset, has_part, has_outcome, is_gap"
)
#: accepted, rejected with a reason, late, in flight, nobody there, died with the station
PARTS = (
    "(1, 1, 0, 1, 'lot 7', 'early', 'accept', '', '', 3, 3, 0, {utc}, '{boot}', 'accept', 'proven',"
    " 'accept_eye', 'accept', '', 1, 10, 1, 1, 0)",
    "(2, 1, 0, 2, 'lot 7', 'early', 'reject', '', 'crack', 3, 2, 1, {utc}, '{boot}', 'reject',"
    " 'verdict_reject', 'reject_eye', 'reject', 'crack', 1, 20, 1, 1, 0)",
    "(3, 1, 0, 3, 'lot 7', 'early', 'accept', '', '', 3, 3, 0, {utc}, '{boot}', 'reject', 'late',"
    " 'reject_eye', NULL, '', 1, 30, 1, 1, 0)",
    "(4, 1, 0, 4, 'lot 7', 'early', 'accept', '', '', 3, 3, 0, {utc}, '{boot}', NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL, 1, 0, 0)",
    "(5, 1, 0, 5, NULL, NULL, NULL, 'no_vision', 'no_vision', NULL, NULL, NULL, {utc}, '{boot}', 'reject',"
    " 'no_vision', 'none', NULL, NULL, 1, 40, 0, 0, 1)",
    "(6, 1, 0, 6, NULL, NULL, NULL, 'crash', 'crash', NULL, NULL, NULL, {utc}, '{boot}', 'reject',"
    " 'no_verdict', 'reject_eye', NULL, '', 1, 50, 0, 1, 0)",
)
VIEWS = [
    (part, index, "lost_frame" if (part, index) == (2, 2) else "ok")
    for part in (1, 2, 3, 4)
    for index in range(3)
]


def _old_ledger(url: str, revision: str) -> None:
    """A ledger as an older version left it, with parts of every kind."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.exec_driver_sql("INSERT INTO journal_position VALUES (1, 1, 60)")
        connection.exec_driver_sql(f"INSERT INTO epoch VALUES (1, 77, 'session', {UTC_NS})")
        for row in PARTS:
            values = row.format(utc=UTC_NS, boot=BOOT)
            connection.exec_driver_sql(f"INSERT INTO part ({NAMES}) VALUES {values}")
        for number, (part, index, fault) in enumerate(VIEWS, start=1):
            arrived = 9000 if fault == "ok" else "NULL"
            connection.exec_driver_sql(
                "INSERT INTO view (id, part_id, camera, view_index, encoder_count, arrived_ns, fault, detail)"
                f" VALUES ({number}, {part}, 'left', {index}, 500, {arrived}, '{fault}', '')"
            )
        reason = "INSERT INTO reason (id, part_id, place, code, text) VALUES (1, 2, 0, 'crack', 'found')"
        connection.exec_driver_sql(reason)
    engine.dispose()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_an_old_ledger_is_migrated_counted_and_goes_on(tmp_path: Path, revision: str) -> None:
    url = ledger_url(tmp_path)
    _old_ledger(url, revision)
    engine = open_ledger(url)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert unlike_counts(connection, count_rows(connection)) == []
        before = count_lot(connection, "lot 7")
        assert connection.execute(sa.select(PartRow.shift_id, PartRow.challenge).distinct()).all() == [
            (None, None)
        ]
    assert (before.parts, before.accepted, before.rejected, before.open) == (4, 1, 2, 1)
    assert before.reasons == {"crack": 1, "late": 1}
    applier = Applier(engine)
    assert applier.position == JournalPosition(1, 60)
    day = Day()
    entries: list[Entry] = [
        outcome(4),
        counters(2, 4, confirmed_total=5),
        day.open_shift("early"),
        day.open_lot("L-1"),
    ]
    entries += [*through(7, lot="L-1"), challenge("C-1", "missed")]
    applier.apply(placed(entries, after=60))
    with reading(engine) as connection:
        assert unlike_counts(connection, count_rows(connection)) == []
        for books in (balance(connection), quick_balance(connection)):
            assert books.balanced, books.text()
            assert books.settled
        # Nothing ever vouched for the balls of before, and the old lot has no act that opened it.
        lots = {
            lot.name: (lot.opened_by, lot.counts.accepted, lot.counts.contained)
            for lot in list_lots(connection)
        }
        assert lots == {"L-1": ("Aigul", 1, 1), "lot 7": (None, 2, 2)}
        (shift,) = list_shifts(connection)
        assert (shift.name, shift.counts.parts) == ("early", 1)
    engine.dispose()


def test_migrations_make_the_very_indices_of_the_models(tmp_path: Path) -> None:
    """With their columns and their conditions, which the comparison of tables does not look at."""
    migrated = open_ledger(ledger_url(tmp_path))
    made = sa.create_engine(f"sqlite:///{tmp_path / 'made.sqlite'}")
    Base.metadata.create_all(made)
    texts = []
    for engine in (migrated, made):
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            ).all()
        texts.append({name: re.sub(r"[\s\"]+", " ", sql) for name, sql in rows})
        engine.dispose()
    assert texts[0] == texts[1]
    assert "WHERE side IS NULL" in texts[0]["ix_part_open"]
