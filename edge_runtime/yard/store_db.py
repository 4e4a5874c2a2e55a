"""The yard's transactions on the ledger's database, and its rows as types.

Neighbours: `store_rails`, `store_wagons`, `store_looks`, `acts` are the statements within a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from edge_runtime.day.rules import Who
from edge_runtime.ledger import store as ledger
from edge_runtime.people.roles import ROLES, Permission, may
from edge_runtime.yard.store_errors import YardRefused
from vision.errors import LedgerError


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that holds SQLite's write lock from its start: what it has read stays true.

    Raises:
        LedgerError: the database refused; nothing was kept.
    """
    try:
        with ledger.writing(engine) as connection:
            yield connection
    except DBAPIError as error:
        raise LedgerError(
            f"it was not written into the yard's books: {error.orig}",
            where=str(engine.url),
            todo="nothing was changed; check the disk's space and try again",
        ) from error


def locked(connection: sa.Connection, table: sa.FromClause) -> None:
    """Hold a table for this transaction alone; SQLite's transactions hold the whole file already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.description} IN EXCLUSIVE MODE")


def check_role(who: Who, permission: Permission) -> None:
    """Refuse who may not.

    Raises:
        YardRefused: 'not_allowed'.
    """
    if not any(role == who.role and may(role, permission) for role in ROLES):
        raise YardRefused(
            "not_allowed",
            f"the role '{who.role}' may not do this",
            values={"role": who.role},
            where=permission,
            todo="ask an inspector or an administrator",
        )


def no_such(code: str, what: str, key: str | int) -> YardRefused:
    """There is no rail, wagon, look or act of this number or name."""
    return YardRefused(
        code, f"there is no {what} {key}", values={"key": key}, where="yard", todo="read the list again"
    )
