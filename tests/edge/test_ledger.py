"""The ledger in a real SQLite file: opening, migrations, entries in any order, exactly once."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from edge_runtime.entries import Entry, GapEntry
from edge_runtime.journal import JournalPosition
from edge_runtime.ledger import apply
from edge_runtime.ledger.apply import GAP_PARTS_MAX, Applier, LedgerWriteError
from edge_runtime.ledger.models import (
    Base,
    CalibrationRow,
    FaultRow,
    FindingTableRow,
    PartRow,
    SessionRow,
    ViewTableRow,
)
from edge_runtime.ledger.queries import PartFilter, fault_totals, highest_epoch, list_parts, show_part
from edge_runtime.ledger.store import ledger_url, open_ledger, open_to_read, reading, schema_versions
from tests.edge.ledger.day_samples import Day, challenge, line_state
from tests.edge.ledger_samples import (
    BOOT,
    NEW_IN_PART,
    NEW_IN_VIEW,
    UTC_NS,
    counters,
    epoch,
    fault,
    outcome,
    part,
    placed,
    session,
)
from vision.errors import LedgerError
from vision.types import PartId


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a ledger just made."""
    folder = tmp_path_factory.mktemp("empty")
    open_ledger(ledger_url(folder)).dispose()
    return (folder / "ledger.sqlite").read_bytes()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(ledger_url(tmp_path))
    yield engine
    engine.dispose()


def _gap(first: int, last: int, *, epoch: int = 1) -> GapEntry:
    return GapEntry(epoch, 0, first, last, "no_vision", "accepted_total stood still", UTC_NS, BOOT)


def _rows(engine: sa.Engine) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return list(list_parts(connection, PartFilter(), newest_first=False))


def _count(engine: sa.Engine, table: type[Base]) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_migrations_make_the_tables_of_the_models(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == schema_versions()[-1]
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    open_ledger(url).dispose()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = (tmp_path / "ledger.sqlite").read_bytes()
    for opening in (open_ledger, open_to_read):
        with pytest.raises(LedgerError, match="newer ferrogate: schema 9999") as caught:
            opening(url)
        assert caught.value.where == url
        assert caught.value.todo
    assert (tmp_path / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"this is no database, but a note", "cannot be opened"),
        (None, "not of a ferrogate ledger"),  # somebody's own table 'part'
    ],
)
def test_a_file_that_is_no_ledger_is_refused_and_untouched(
    tmp_path: Path, content: bytes | None, text: str
) -> None:
    path = tmp_path / "ledger.sqlite"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE part (name TEXT)")
        connection.close()
    else:
        path.write_bytes(content * 40)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=text):
        open_ledger(ledger_url(tmp_path))
    assert path.read_bytes() == before


def test_reading_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger yet"):
        open_to_read(ledger_url(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == []


def test_unknown_database_is_an_error_with_advice() -> None:
    with pytest.raises(LedgerError, match="address cannot be used"):
        open_ledger("cobol://tape/1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://fg:geheim@127.0.0.1:1/fg",
        "nosuchbase://fg:geheim@127.0.0.1/fg",
        "postgresql//fg:geheim@127.0.0.1/fg",
    ],
)
def test_the_databases_password_is_in_no_message(url: str) -> None:
    for opened in (open_ledger, open_to_read):
        with pytest.raises(LedgerError) as refused:
            opened(url)
        assert "geheim" not in f"{refused.value} {refused.value.where}"


def test_a_judged_part_comes_back_with_everything(engine: sa.Engine) -> None:
    entries: list[Entry] = [
        session(),
        epoch(),
        part(1, decision="reject", views_lost=1),
        fault(count := "lamp"),
    ]
    assert count
    entries.append(outcome(1, verdict="reject"))
    Applier(engine).apply(placed(entries))
    with reading(engine) as connection:
        row = show_part(connection, PartId(1, 0, 1))
        assert fault_totals(connection) == {"lamp": 1}
        assert highest_epoch(connection) == 1
        assert show_part(connection, PartId(1, 0, 2)) is None
    assert row is not None
    assert (row["part"], row["verdict"], row["reason"], row["side"]) == ("1-0-1", "reject", "crack", "reject")
    assert (row["lot"], row["shift"], row["recipe_sha256"]) == ("lot 7", "early", "a" * 64)
    assert [reason["code"] for reason in row["reasons"]] == ["crack"]
    assert [view["fault"] for view in row["views"]] == ["ok", "ok", "lost_frame"]
    assert row["views"][0]["findings"] == [
        {"label": "crack", "score": 0.75, "xyxy_px": [10.0, 11.0, 20.0, 21.0]}
    ]
    assert row["utc"].endswith("Z")
    figures = {name: getattr(entries[2], name) for name in NEW_IN_PART}
    assert {name: row[name] for name in NEW_IN_PART} == figures
    seen = [[view[name] for name in NEW_IN_VIEW] for view in row["views"]]
    assert seen == [[0.03, 0.98, 0.021], [0.03, 0.98, 0.021], [None, None, None]]
    with reading(engine) as connection:
        told = connection.execute(sa.select(SessionRow.calibration_sha256)).scalars().all()
        kept = connection.execute(sa.select(CalibrationRow.sha256, CalibrationRow.calibrations)).all()
    assert told == ["c" * 64]
    assert kept == [("c" * 64, {"left": {"certificate_no": "K-17"}})]


JUDGED = part(1)
PASSED = part(1, decision=None, null_cause="stale_epoch", views_due=0, views_got=0)
DONE = outcome(1)
UNSEEN = outcome(1, verdict=None, cause="heartbeat", reason="")
DIED = outcome(1, verdict=None, cause="no_verdict", reason="")
HELD = outcome(1, verdict="accept")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # judged, and through: the usual way
        ((JUDGED, DONE), {"decision": "accept", "verdict": "accept", "side": "accept", "null_cause": ""}),
        # never judged, and the station says why
        (
            (PASSED, DIED),
            {"decision": None, "verdict": "reject", "side": "reject", "null_cause": "stale_epoch"},
        ),
        # the part's entry died with the station; the PLC held its verdict
        (
            (HELD,),
            {"decision": None, "verdict": "accept", "side": "accept", "null_cause": "crash", "lot": None},
        ),
        # it died before it had judged
        ((DIED,), {"verdict": "reject", "side": "reject", "null_cause": "crash", "reason": "crash"}),
        # there was no station
        (
            (UNSEEN,),
            {"verdict": "reject", "side": "reject", "null_cause": "no_vision", "reason": "no_vision"},
        ),
        # passed while nobody took the records
        (
            (_gap(1, 1),),
            {"verdict": "reject", "reason": "no_vision", "side": "reject", "null_cause": "no_vision"},
        ),
        # a gap never hides what is known of a part
        (
            (_gap(1, 1), JUDGED, DONE),
            {"decision": "accept", "side": "accept", "proof": None, "null_cause": ""},
        ),
        ((_gap(1, 1), DIED), {"side": "reject", "cause": "no_verdict", "null_cause": "crash", "proof": None}),
        ((_gap(1, 1), JUDGED), {"decision": "accept", "side": None, "proof": None}),
        # no decision never replaces a decision
        ((JUDGED, PASSED, DONE), {"decision": "accept", "null_cause": "", "views_due": 3}),
        # in flight
        ((JUDGED,), {"decision": "accept", "side": None, "outcome_utc_ns": None}),
    ],
)
def test_the_order_of_arrival_does_not_matter(
    tmp_path: Path, empty_ledger: bytes, entries: Sequence[Entry], expected: dict[str, Any]
) -> None:
    for number, order in enumerate(itertools.permutations(entries)):
        for batch_size in (1, len(entries)):
            path = tmp_path / f"{number}-{batch_size}.sqlite"
            path.write_bytes(empty_ledger)
            engine = open_ledger(f"sqlite:///{path}")
            applier = Applier(engine)
            items = placed(list(order))
            for start in range(0, len(items), batch_size):
                applier.apply(items[start : start + batch_size])
            (row,) = _rows(engine)
            assert {key: row[key] for key in expected} == expected, (order, batch_size)
            views = 3 if JUDGED in entries else 0
            assert (_count(engine, ViewTableRow), _count(engine, FindingTableRow)) == (views, views // 3)
            engine.dispose()


def test_gap_makes_a_row_for_each_number_that_has_none(engine: sa.Engine) -> None:
    Applier(engine).apply(placed([epoch(), part(3), outcome(3), _gap(1, 5), part(6), _gap(4, 7)]))
    assert [(row["trigger_seq"], row["reason"]) for row in _rows(engine)] == [
        (3, ""),
        (1, "no_vision"),
        (2, "no_vision"),
        (4, "no_vision"),
        (5, "no_vision"),
        (6, ""),
        (7, "no_vision"),
    ]


def test_a_long_gap_is_written_bit_by_bit(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_GAP_ROWS", 10)
    alive: list[int] = []
    entries: list[Entry] = [epoch(), part(3), _gap(1, 35), outcome(5), part(20), outcome(40)]
    Applier(engine, lambda: alive.append(1)).apply(placed(entries))
    found = {row["trigger_seq"]: row for row in _rows(engine)}
    assert len(_rows(engine)) == len(found) == 36
    assert [number for number, row in found.items() if row["decision"]] == [3, 20]
    assert sorted(number for number, row in found.items() if row["plc_verdict"]) == [5, 40]
    assert len(alive) == 3


@pytest.mark.parametrize("batch_size", [1, 10])
@pytest.mark.parametrize(
    "entries",
    [
        [epoch(1), epoch(2), _gap(1, 3, epoch=1), part(2, epoch=2)],
        [epoch(1), epoch(2), part(2, epoch=2), _gap(1, 3, epoch=1)],
        [epoch(1), part(2, epoch=2), _gap(1, 3, epoch=1)],  # an epoch the station never heard of
        [epoch(1), _gap(1, 3, epoch=1), part(2, epoch=2)],
    ],
)
def test_a_number_in_a_gap_may_turn_up_in_another_epoch_of_the_same_plc_start(
    engine: sa.Engine, entries: list[Entry], batch_size: int
) -> None:
    applier = Applier(engine)
    items = placed(entries)
    for start in range(0, len(items), batch_size):
        applier.apply(items[start : start + batch_size])
    assert sorted((row["trigger_seq"], row["epoch"]) for row in _rows(engine)) == [(1, 1), (2, 2), (3, 1)]


def test_impossible_gap_is_named_and_makes_no_rows(engine: sa.Engine) -> None:
    Applier(engine).apply(placed([_gap(1, GAP_PARTS_MAX + 1), _gap(5, 4)]))
    assert _rows(engine) == []
    with reading(engine) as connection:
        assert fault_totals(connection) == {"gap_implausible": 2}


def test_second_verdict_and_second_outcome_are_named_not_taken(engine: sa.Engine) -> None:
    entries: list[Entry] = [part(1), part(1, decision="reject"), outcome(1)]
    entries += [outcome(1), outcome(1, verdict="reject")]
    Applier(engine).apply(placed(entries))
    (row,) = _rows(engine)
    assert (row["decision"], row["side"]) == ("accept", "accept")
    with reading(engine) as connection:
        assert fault_totals(connection) == {"judged_twice": 1, "outcome_twice": 1}


def test_position_moves_with_the_rows_and_another_writer_is_noticed(engine: sa.Engine) -> None:
    first, second = Applier(engine), Applier(engine)
    items = placed([part(1), fault()])
    first.apply(items)
    assert first.position == items[-1][0] == Applier(engine).position
    with pytest.raises(LedgerError, match="another process") as caught:
        second.apply(items)
    assert not isinstance(caught.value, LedgerWriteError)
    assert (_count(engine, PartRow), _count(engine, FaultRow)) == (1, 1)


def test_a_batch_that_fails_leaves_nothing_and_can_be_tried_again(engine: sa.Engine, tmp_path: Path) -> None:
    applier = Applier(engine)
    items = placed([epoch(), part(1), _gap(2, 3), fault(), counters(0, 0)])
    # Another connection holds the write lock for longer than the driver waits.
    blocker = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
    with pytest.raises(LedgerWriteError, match="locked"):
        applier.apply(items)
    assert applier.position == JournalPosition(0, 0)
    blocker.execute("ROLLBACK")
    blocker.close()
    applier.apply(items)
    assert (_count(engine, PartRow), _count(engine, FaultRow)) == (3, 1)


def test_readers_see_one_state_while_rows_are_written(engine: sa.Engine) -> None:
    applier = Applier(engine)
    applier.apply(placed([part(1)]))
    with reading(engine) as connection:
        before = list(list_parts(connection, PartFilter()))
        applier.apply(placed([part(2), outcome(1)], after=100))
        assert list(list_parts(connection, PartFilter())) == before
    assert len(_rows(engine)) == 2


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (PartFilter(), [4, 3, 2, 1]),  # newest first
        (PartFilter(limit=2), [4, 3]),
        (PartFilter(verdict="reject"), [4, 2]),
        (PartFilter(reason="crack"), [4, 2]),
        (PartFilter(reason="spall"), [4]),  # a second reason counts too
        (PartFilter(epoch=2), [4]),
        (PartFilter(lane=1), []),
        (PartFilter(since_utc_ns=UTC_NS + 3), [4, 3]),
    ],
)
def test_filters(engine: sa.Engine, wanted: PartFilter, numbers: list[int]) -> None:
    rejected = part(4, epoch=2, decision="reject")
    spall = rejected.reasons[0].__class__("spall", "too")
    with_two = part(4, epoch=2, decision="reject", reasons=(*rejected.reasons, spall))
    Applier(engine).apply(placed([part(1), part(2, decision="reject"), part(3), with_two]))
    with reading(engine) as connection:
        assert [row["trigger_seq"] for row in list_parts(connection, wanted)] == numbers


def test_every_kind_of_entry_is_applied(engine: sa.Engine) -> None:
    """A kind that `apply` forgot would vanish without a word."""
    day = Day()
    every: list[Entry] = [session(), epoch(), part(1, decision="review"), outcome(1)]
    every += [_gap(2, 2), fault(), counters(1, 1), day.open_shift("early"), day.open_lot("lot 7")]
    every += [challenge("C-1", "passed"), line_state(0.0)]
    assert {type(entry) for entry in every} == set(Entry.__args__)
    Applier(engine).apply(placed(every))
    counted = {name: _count(engine, table) for name, table in _tables().items()}
    by_hand = {"lab_hardness", "lab_sample", "certificate", "alarm"}
    by_hand |= {name for name in counted if name.startswith("yard_")}  # the rail yard has no journal
    assert {name for name, count in counted.items() if not count} == {"picture", "picture_ring"} | by_hand


def _tables() -> dict[str, type[Base]]:
    return {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
