"""Fixtures of all tests of the edge box: what costs much and is the same for each is done once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from edge_runtime import strict_yaml
from edge_runtime.ledger import store
from edge_runtime.people import passwords


@pytest.fixture(autouse=True, scope="session")
def station_hasher() -> Iterator[PasswordHasher]:
    """The station's own hasher; in its place one of the same kind with hardly any work.

    A test makes a dozen hashes of 70 ms each where a person causes one a day. What a station's hashes cost
    is looked at in `people/test_accounts.py`; processes that tests start have them as they are.
    """
    own = passwords._HASHER
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
    yield own
    passwords._HASHER = own


@pytest.fixture(autouse=True, scope="session")
def _ledgers_of_one_mould(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new ledger gets its tables by the statements that the migrations came to, once, at the start.

    The migrations take 90 ms, and hundreds of tests begin with an empty ledger. The mould is made by the
    migrations themselves, from nothing; a database that holds anything is migrated as ever.
    """
    folder = tmp_path_factory.mktemp("mould")
    store.open_ledger(store.ledger_url(folder)).dispose()
    statements = _dump(folder / "ledger.sqlite")
    own = store._migrate

    def migrate(connection: sa.Connection) -> None:
        if connection.dialect.name != "sqlite" or sa.inspect(connection).get_table_names():
            own(connection)
            return
        for statement in statements:
            connection.exec_driver_sql(statement)

    store._migrate = migrate
    yield
    store._migrate = own


@pytest.fixture(autouse=True, scope="session")
def _settings_are_parsed_once() -> Iterator[None]:
    """One text is read once: PyYAML takes 20 ms for a recipe, and every test of a station reads several."""
    own = strict_yaml.read
    known = lru_cache(maxsize=512)(own)

    def read(text: str) -> strict_yaml.Document:
        found = known(text)
        return replace(found, data=deepcopy(found.data))

    strict_yaml.read = read
    yield
    strict_yaml.read = own


def _dump(path: Path) -> list[str]:
    """What makes an SQLite database anew, statement by statement, without its transaction."""
    database = sqlite3.connect(path)
    try:
        return [line for line in database.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
    finally:
        database.close()
