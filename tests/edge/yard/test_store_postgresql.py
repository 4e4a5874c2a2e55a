"""The yard's books on PostgreSQL: its migration, its triggers, and every test of the store once more.

What is written for SQLite alone (its statements, its files) has a twin here that is written for PostgreSQL.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from edge_runtime.ledger.models import Base
from edge_runtime.ledger.store import _config, open_ledger, reading
from edge_runtime.yard import store_rails
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_changes import parse_change
from edge_runtime.yard.store_errors import YardConflict, YardRefused
from edge_runtime.yard.store_types import parse_wagon
from tests.edge.postgres import Server, running_server
from tests.edge.yard import test_act_draft, test_acts, test_corrections, test_store, yard_books
from tests.edge.yard.yard_books import AIGUL, BORIS, WAGON, new_rail, open_store, ready_wagon, say, sign

pytestmark = pytest.mark.long
#: written for SQLite: statements that only it has, a second process that opens a file
_OF_SQLITE = {
    "test_the_database_itself_keeps_what_was_said",
    "test_the_database_itself_refuses_to_change_a_signed_act",
    "test_an_act_that_was_changed_behind_the_triggers_is_found_out",
    "test_two_processes_leave_no_gap",
    "test_books_that_refuse_say_so",
    "test_an_act_of_an_older_version_reads_and_prints_the_hash_that_was_signed",
}


def _tests_of(*modules: ModuleType) -> dict[str, Callable[..., None]]:
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            if name.startswith("test_") and name not in _OF_SQLITE:
                assert name not in found, f"two modules have a test {name}"
                found[name] = value
    return found


# They are collected here a second time, with the fixtures of this file.
globals().update(_tests_of(test_store, test_corrections, test_acts, test_act_draft))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as started:
        yield started


@pytest.fixture(autouse=True)
def _on_postgresql(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every storage folder of a test has a ledger of its own."""
    ledgers: dict[Path, str] = {}

    def address(storage: Path) -> str:
        if storage not in ledgers:
            ledgers[storage] = server.ledger()
        return ledgers[storage]

    monkeypatch.setattr(yard_books, "address", address)
    yield
    for url in ledgers.values():
        server.give_back(url)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path)
    assert books.engine.dialect.name == "postgresql"
    yield books
    books.close()


@pytest.fixture
def rail(store: YardStore) -> int:
    return store.add_rail(new_rail())


def _yard_tables(engine: sa.Engine) -> set[str]:
    return {name for name in sa.inspect(engine).get_table_names() if name.startswith("yard_")}


def _move(engine: sa.Engine, way: str, revision: str) -> None:
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        getattr(command, way)(config, revision)


def test_the_migrations_make_the_tables_that_the_code_has_and_the_way_back_is_open(server: Server) -> None:
    engine = open_ledger(server.database())
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    made = _yard_tables(engine)
    assert len(made) == 8
    _move(engine, "downgrade", "0004")
    assert _yard_tables(engine) == set()
    _move(engine, "upgrade", "head")
    assert _yard_tables(engine) == made
    engine.dispose()


KEPT = (
    *(f"UPDATE {table} SET {column} = {column}" for table, column in (
        ("yard_correction", "reason"),
        ("yard_finding", "score"),
        ("yard_rail", "map"),
        ("yard_rail", "model_sha256"),
        ("yard_wagon_change", "by_name"),
        ("yard_look", "share"),
        ("yard_look_answer", "answer"),
        ("yard_act", "content"),
        ("yard_act", "signed_by"),
        ("yard_act", "supersedes"),
    )),
    *(f"DELETE FROM {table}" for table in (
        "yard_correction", "yard_finding", "yard_rail", "yard_wagon_change", "yard_look_answer", "yard_act"
    )),
    "TRUNCATE yard_act",
    "TRUNCATE yard_correction CASCADE",
    "INSERT INTO yard_act SELECT id, year, number, wagon_id, '{}', sha256, signed_by, role, signed_utc_ns, "
    "supersedes FROM yard_act ON CONFLICT (id) DO UPDATE SET content = EXCLUDED.content",
    # a number that leaves a gap, and one of a year that has none yet
    *(
        "INSERT INTO yard_act (year, number, wagon_id, content, sha256, signed_by, role, signed_utc_ns)"
        f" VALUES ({year}, {number}, 1, '{{}}', '', 'x', 'x', 1)"
        for year, number in ((2027, 3), (2028, 2))
    ),
)  # fmt: skip


def test_the_database_itself_keeps_what_was_said_and_signed(tmp_path: Path) -> None:
    store = open_store(tmp_path, share=1.0)
    wagon = ready_wagon(store)
    view = say(store, 1, kind="override_grade", grade="rejected", reason="split")
    store.answer_look(view.looks[0].look_id, "clear", AIGUL)
    act = sign(store, wagon)
    before = store.rail(1)
    for statement in KEPT:
        with (
            pytest.raises(sa.exc.IntegrityError, match=r"cannot be|without gaps"),
            store.engine.begin() as connection,
        ):
            connection.exec_driver_sql(statement)
    assert store.rail(1) == before
    assert store.act(2027, 1) == act
    store.close()


def test_an_act_that_was_changed_behind_the_triggers_is_found_out_here_too(store: YardStore) -> None:
    act = sign(store, ready_wagon(store))
    content = {**act.content.model_dump(mode="json"), "gross_kg": 99_000.0}
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE yard_act DISABLE TRIGGER ALL")
        connection.execute(sa.text("UPDATE yard_act SET content = :it"), {"it": json.dumps(content)})
    with pytest.raises(YardRefused) as damaged:
        store.act(2027, 1)
    assert damaged.value.code == "act_damaged"


def _at_once(*works: Callable[[], str]) -> list[str]:
    """What several threads answer that begin together."""
    answers: list[str] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], str]) -> None:
        start.wait()
        answers.append(work())

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def test_signers_at_once_leave_no_gap_and_give_no_number_twice(store: YardStore) -> None:
    wagons = [ready_wagon(store, f"rail-{number}") for number in range(8)]

    def signs(own: list[int]) -> Callable[[], str]:
        return lambda: " ".join(str(sign(store, wagon).act.number) for wagon in own)

    answers = _at_once(*(signs(wagons[number::4]) for number in range(4)))
    given = [int(number) for answer in answers for number in answer.split()]
    assert sorted(given) == list(range(1, 9))
    assert [line.act.number for line in store.acts()] == list(range(8, 0, -1))


def test_one_of_two_inspectors_at_once_is_told_what_the_other_did(store: YardStore, rail: int) -> None:
    def dismisses(finding: str) -> Callable[[], str]:
        change = parse_change({"kind": "dismiss", "finding": finding})

        def work() -> str:
            try:
                store.correct(rail, change, AIGUL, seen_revision=0)
            except YardConflict as late:
                return f"told of {late.since[0].finding}"
            return "written"

        return work

    answers = _at_once(dismisses("f1"), dismisses("f2"))
    assert answers[0].startswith("told of f")
    assert answers[1] == "written"
    assert store.rail(rail).revision == 1


def test_one_of_two_who_change_a_wagon_at_once_is_told(store: YardStore) -> None:
    wagon = store.add_wagon(parse_wagon(WAGON), AIGUL)

    def weighs(gross_kg: float) -> Callable[[], str]:
        fields = parse_wagon({**WAGON, "gross_kg": gross_kg})

        def work() -> str:
            try:
                store.change_wagon(wagon, fields, BORIS, seen_revision=1)
            except YardConflict:
                return "told"
            return "written"

        return work

    assert _at_once(weighs(80_000.0), weighs(81_000.0)) == ["told", "written"]
    assert store.wagon(wagon).revision == 2


def test_one_of_two_scans_of_one_name_is_refused(store: YardStore) -> None:
    def adds() -> str:
        try:
            store.add_rail(new_rail())
        except YardRefused as refused:
            return refused.code
        return "written"

    assert _at_once(adds, adds) == ["name_taken", "written"]


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(store: YardStore, rail: int) -> None:
    with reading(store.engine) as connection:
        before = store_rails.read_rail(connection, rail, store.grading)
        say(store, rail, kind="dismiss", finding="f1")
        assert store_rails.read_rail(connection, rail, store.grading) == before
    assert store.rail(rail).revision == 1
