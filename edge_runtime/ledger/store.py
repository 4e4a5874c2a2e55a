"""Opening a ledger: connect, refuse what is not ours or newer than us, migrate.

Neighbours: `models` holds the tables, `migrations` the way to them, `apply` writes,
`queries`, `books` and `export` read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

# their tables are of the same metadata
import edge_runtime.ledger.day_models
import edge_runtime.ledger.lab_models
import edge_runtime.ledger.tally_models
import edge_runtime.yard.tables  # noqa: F401
from edge_runtime.ledger.models import Base, JournalPositionRow
from vision.errors import LedgerError

_BUSY_TIMEOUT_MS = 10_000


def ledger_url(folder: Path, database_url: str | None = None) -> str:
    """Address of a station's ledger: the given one, else SQLite in its storage folder."""
    return database_url or f"sqlite:///{folder / 'ledger.sqlite'}"


def shown_url(url: str) -> str:
    """A ledger's address as messages name it: without its password."""
    try:
        return sa.make_url(url).render_as_string()
    except sa.exc.ArgumentError:
        return "storage.database_url"


def open_ledger(url: str) -> sa.Engine:
    """Open a ledger, make or migrate its tables.

    Args:
        url: of the database; SQLite is run with a write-ahead log, so that readers never wait.

    Raises:
        LedgerError: it cannot be reached or written, is no ledger of ours, or is from a newer
            version of ferrogate; then nothing in it was changed.
    """
    engine = _connect(url)
    try:
        with engine.connect() as connection:
            found = _check_version(connection, url)
        if found != schema_versions()[-1]:
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with writing(engine) as connection:
                _migrate(connection)
    except DBAPIError as error:
        engine.dispose()
        raise _open_error(url, error) from error
    except LedgerError:
        engine.dispose()
        raise
    return engine


def open_to_read(url: str) -> sa.Engine:
    """Open a ledger that is there already; nothing is made or migrated.

    Raises:
        LedgerError: there is none, it is no ledger of ours, or is of another version than this.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise LedgerError(
            "there is no ledger yet",
            where=shown_url(url),
            todo="run the station first, or check the folder's name",
        )
    engine = _connect(url)
    try:
        with engine.connect() as connection:
            found = _check_version(connection, url)
    except DBAPIError as error:
        engine.dispose()
        raise _open_error(url, error) from error
    except LedgerError:
        engine.dispose()
        raise
    if found != schema_versions()[-1]:
        engine.dispose()
        raise LedgerError(
            f"the ledger is of schema {found or 'none'} and was not migrated yet",
            where=shown_url(url),
            todo="'ferrogate ledger PATH --apply' migrates it; a station that runs does so as well",
        )
    return engine


@lru_cache(maxsize=1)
def schema_versions() -> tuple[str, ...]:
    """Schema versions this program knows, oldest first. Read once: to do so runs every migration's file."""
    return tuple(reversed([script.revision for script in _scripts().walk_revisions()]))


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for queries that see one state of the ledger.

    Raises:
        LedgerError: the database refused.
    """
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                # Else each statement would see the state of its own moment.
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN")  # its driver begins none for a SELECT
                yield connection
    except DBAPIError as error:
        raise LedgerError(
            f"the ledger cannot be read: {error.orig}",
            where=str(engine.url),
            todo="check the disk; 'ferrogate doctor' looks at it",
        ) from error


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that holds SQLite's write lock from its start; DDL belongs to it too.

    Raises:
        DBAPIError: the database refused; nothing of the transaction was kept.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
        address.get_dialect()
    except sa.exc.ArgumentError as error:
        raise _address_error(url, error) from error
    return address


def _address_error(url: str, error: Exception) -> LedgerError:
    # An address that is none is not repeated: its password would be, too.
    why = "it is no address of a database" if type(error) is sa.exc.ArgumentError else str(error)
    return LedgerError(
        f"the database address cannot be used: {why}",
        where=shown_url(url),
        todo="correct storage.database_url; the database's driver must be installed",
    )


def _connect(url: str) -> sa.Engine:
    address = _address(url)
    try:
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(address)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise _address_error(url, error) from error
    except OSError as error:
        raise LedgerError(
            f"the ledger's folder cannot be made: {error.strerror}",
            where=shown_url(url),
            todo="check path and rights",
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    # The journal's segments are deleted once applied: what the ledger says is applied must be on disk.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _check_version(connection: sa.Connection, url: str) -> str | None:
    """Schema version of the database, None for an empty one.

    Raises:
        LedgerError: a version this program does not know, or somebody else's tables.
    """
    tables = set(sa.inspect(connection).get_table_names())
    found: str | None = MigrationContext.configure(connection).get_current_revision()
    if found is None and tables & set(Base.metadata.tables) - {"alembic_version"}:
        raise LedgerError(
            "the database holds tables that are not of a ferrogate ledger",
            where=shown_url(url),
            todo="give the station a database of its own (storage.database_url)",
        )
    if found is not None and found not in schema_versions():
        raise LedgerError(
            f"the ledger is from a newer ferrogate: schema {found}, known up to {schema_versions()[-1]}",
            where=shown_url(url),
            todo="install the newer ferrogate again, or move this ledger away to begin a new one",
        )
    return found


def _migrate(connection: sa.Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.execute(sa.select(sa.func.count(JournalPositionRow.id))).scalar_one() == 0:
        connection.execute(sa.insert(JournalPositionRow), {"id": 1, "segment": 0, "offset": 0})


def _open_error(url: str, error: DBAPIError) -> LedgerError:
    return LedgerError(
        f"the ledger cannot be opened: {error.orig}",
        where=shown_url(url),
        todo="check that it is a ferrogate ledger, that the disk is not full, and this user's rights",
    )
