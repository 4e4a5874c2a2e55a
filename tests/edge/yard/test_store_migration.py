"""A ledger of before the yard gets its tables; what is in it stays; the way back is open too."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from edge_runtime.ledger.models import Base
from edge_runtime.ledger.store import _config, ledger_url, open_ledger, open_to_read
from tests.edge.yard.yard_books import new_rail, open_store, ready_wagon
from vision.errors import LedgerError

_TABLES = {
    "yard_act", "yard_correction", "yard_finding", "yard_look", "yard_look_answer", "yard_rail",
    "yard_wagon", "yard_wagon_change",
}  # fmt: skip


def _move(engine: sa.Engine, way: str, revision: str) -> None:
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        getattr(command, way)(config, revision)


def _yard_tables(engine: sa.Engine) -> set[str]:
    return {name for name in sa.inspect(engine).get_table_names() if name.startswith("yard_")}


def test_a_ledger_of_the_fourth_schema_gets_the_yard(tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    old = sa.create_engine(url)
    _move(old, "upgrade", "0004")
    with old.begin() as connection:
        connection.exec_driver_sql("INSERT INTO shift VALUES (1, 'early', 'A. Person', 5, NULL, NULL)")
        connection.exec_driver_sql("INSERT INTO journal_position VALUES (1, 1, 40)")
    assert _yard_tables(old) == set()
    old.dispose()
    with pytest.raises(LedgerError, match="schema 0004"):
        open_to_read(url)
    engine = open_ledger(url)
    assert _yard_tables(engine) == _TABLES
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert connection.exec_driver_sql("SELECT name FROM shift").scalar_one() == "early"
        triggers = connection.exec_driver_sql("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")
        assert set(triggers.scalars()) == _TABLES - {"yard_wagon"}
    engine.dispose()
    store = open_store(tmp_path)
    assert store.add_rail(new_rail()) == 1
    store.close()


def test_the_yard_can_be_taken_away_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    wagon = ready_wagon(store)
    store.draft_act(wagon)
    _move(store.engine, "downgrade", "0004")
    assert _yard_tables(store.engine) == set()
    store.close()
    engine = open_ledger(ledger_url(tmp_path))
    assert _yard_tables(engine) == _TABLES
    engine.dispose()
