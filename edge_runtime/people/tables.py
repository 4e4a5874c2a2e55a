"""The tables of `accounts.sqlite`: people, their sessions, attempts to sign in, changes of accounts.

A file of its own beside the ledger, readable for its owner only. Rows of people are never removed: books
and reports name them. Neighbours: `accounts` and `sign_in` read and write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry

from edge_runtime.people.errors import AccountError

FILE = "accounts.sqlite"
SCHEMA_VERSION = 1
#: "FGPE": tells this file from any other SQLite file
_APPLICATION_ID = 0x46475045
_BUSY_TIMEOUT_MS = 5_000


class Base(DeclarativeBase):
    """All tables of the accounts."""

    type_annotation_map = {int: sa.BigInteger().with_variant(sa.Integer(), "sqlite")}  # noqa: RUF012


class PersonRow(Base):
    """One person.

    Attributes:
        name_key: the name as it is compared: without case, one form for letters that look alike in Unicode.
        disabled_utc_ns: since when; null while the person may sign in.
        one_time_until_utc_ns: the password is a one-time one, good until then; null for one's own.
    """

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    created_utc_ns: Mapped[int]
    disabled_utc_ns: Mapped[int | None]
    one_time_until_utc_ns: Mapped[int | None]
    last_sign_in_utc_ns: Mapped[int | None]


class LoginRow(Base):
    """One signed-in browser. The token itself is only in its cookie."""

    __tablename__ = "login"
    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    created_utc_ns: Mapped[int]
    last_used_utc_ns: Mapped[int]
    expires_utc_ns: Mapped[int]
    address: Mapped[str]
    user_agent: Mapped[str]


class AttemptRow(Base):
    """One failed attempt to sign in. The name is hashed: people type passwords into the wrong field."""

    __tablename__ = "attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    name_sha256: Mapped[str] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(index=True)
    utc_ns: Mapped[int] = mapped_column(index=True)


class ChangeRow(Base):
    """One change of an account: who did what to whom."""

    __tablename__ = "change"
    id: Mapped[int] = mapped_column(primary_key=True)
    utc_ns: Mapped[int]
    by_name: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]


def open_accounts(storage: Path) -> sa.Engine:
    """Open the accounts of a storage folder, made where there are none.

    Raises:
        AccountError: the file cannot be opened or written, is no file of ours, or is from a newer version.
    """
    path = storage / FILE
    try:
        storage.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            # Whatever the umask or a copy from a backup made of it.
            if os.fstat(fd).st_mode & 0o077:
                os.fchmod(fd, 0o600)
        finally:
            os.close(fd)
    except OSError as error:
        raise _cannot(path, error.strerror or str(error)) from error
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", _set_up)
    try:
        _make_or_check(engine, path)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise _cannot(path, str(error.orig)) from error
    except AccountError:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for queries.

    Raises:
        AccountError: the database refused.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise _cannot(Path(engine.url.database or ""), str(error.orig)) from error


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that holds the write lock from its start: what it has read stays true.

    Raises:
        AccountError: the database refused; nothing was kept.
    """
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
    except sa.exc.DBAPIError as error:
        raise _cannot(Path(engine.url.database or ""), str(error.orig)) from error


def _set_up(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _make_or_check(engine: sa.Engine, path: Path) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        ours = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        tables = sa.inspect(connection).get_table_names()
        if ours == 0 and version == 0 and not tables:
            Base.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id={_APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif ours != _APPLICATION_ID:
            raise AccountError(
                "bad_file",
                "the file holds something else than ferrogate's accounts",
                where=str(path),
                todo="move it away; the station then begins with no accounts",
            )
        elif version > SCHEMA_VERSION:
            raise AccountError(
                "bad_file",
                f"the accounts are from a newer ferrogate: schema {version}, known up to {SCHEMA_VERSION}",
                where=str(path),
                todo="install the newer ferrogate again",
            )
    with engine.connect() as connection:
        # Readers never wait for a writer: the page asks here with every request.
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _cannot(path: Path, why: str) -> AccountError:
    return AccountError(
        "bad_file",
        f"the accounts cannot be used: {why}",
        where=str(path),
        todo="check the disk's space and this user's rights on the storage folder",
    )
