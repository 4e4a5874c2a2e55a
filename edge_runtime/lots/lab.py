"""What the lab types in: hardness and samples, append-only.

A row that was wrong is superseded by a new one and stays to be read. Neighbours: the tables in
`edge_runtime.ledger.lab_models`, the formula in `hardness`.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from edge_runtime.ledger.lab_models import HardnessRow, SampleRow
from edge_runtime.ledger.models import Base
from edge_runtime.ledger.store import writing
from vision.errors import ConfigError, LedgerError

Row = dict[str, Any]
_TEXT_MAX = 120


def add_hardness(engine: sa.Engine, row: Row) -> int:
    """Write down the hardness of one ball; returns the number of the entry.

    Args:
        engine: ledger, opened to write.
        row: lot, ball, readings, test_date (ISO), by_name, instrument, note; supersedes (an entry's number
            or None).

    Raises:
        ConfigError: a field cannot be used, or what it supersedes is not there, is of another lot,
            or superseded already; the ball has another entry that stands.
        LedgerError: the database refuses.
    """
    return _add(engine, HardnessRow, row)


def add_sample(engine: sa.Engine, row: Row) -> int:
    """Write down what was found in a sample; returns the number of the entry. Fields as in `SampleRow`.

    Raises:
        ConfigError: as `add_hardness`, or the counts do not fit each other.
        LedgerError: the database refuses.
    """
    bad, size, lot_size = row["nonconforming"], row["sample_size"], row["lot_size"]
    if not 0 <= bad <= size <= lot_size or size < 1:
        raise _wrong(
            f"{bad} bad of {size} balls out of a lot of {lot_size} do not fit",
            "nonconforming balls are part of the sample, and the sample is part of the lot",
        )
    return _add(engine, SampleRow, row)


def current(connection: sa.Connection, table: type[HardnessRow] | type[SampleRow], lot: str) -> list[Row]:
    """Entries of a lot that hold, oldest first: those that nothing supersedes."""
    newer = sa.orm.aliased(table)
    query = (
        sa.select(table)
        .where(table.lot == lot, ~sa.exists().where(newer.supersedes == table.id))
        .order_by(table.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def parse_date(text: str | None) -> str:
    """An ISO date that is not in the future; today's (UTC) for None.

    Raises:
        ConfigError: it is none.
    """
    today = datetime.now(UTC).date()
    if text is None:
        return today.isoformat()
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _wrong(f"'{text}' is no date", "write it like 2026-03-01") from error
    # The lab may be a day ahead of UTC.
    if (day - today).days > 1:
        raise _wrong(f"{text} is in the future", "give the day of the test")
    return day.isoformat()


def _add(engine: sa.Engine, table: type[Base], row: Row) -> int:
    for name in ("lot", "by_name", "instrument"):
        text = row.get(name)
        if text is not None and (len(text) > _TEXT_MAX or (name != "instrument" and not text.strip())):
            raise _wrong(f"{name} must be 1 to {_TEXT_MAX} letters long", "say who and what in short")
    try:
        with writing(engine) as connection:
            _check_superseded(connection, table, row)
            statement = sa.insert(table).values(**row, utc_ns=time.time_ns()).returning(table.__table__.c.id)
            entry = int(connection.execute(statement).scalar_one())
            if table is HardnessRow:
                _check_ball(connection, row, entry)
            return entry
    except IntegrityError as error:
        raise _wrong(
            f"entry {row.get('supersedes')} is superseded already", "supersede the newest entry"
        ) from error
    except DBAPIError as error:
        raise LedgerError(
            f"the entry was not written: {error.orig}",
            where=str(engine.url),
            todo="nothing was changed; check the disk and try again",
        ) from error


def _check_superseded(connection: sa.Connection, table: type[Base], row: Row) -> None:
    if row.get("supersedes") is None:
        return
    columns = table.__table__.c
    query = sa.select(columns.lot).where(columns.id == row["supersedes"])
    lot = connection.execute(query).scalar_one_or_none()
    if lot is None or lot != row["lot"]:
        what = "there is no such entry" if lot is None else f"it is of lot '{lot}'"
        raise _wrong(
            f"entry {row['supersedes']} cannot be superseded: {what}", "'show LOT' lists the entries"
        )


def _check_ball(connection: sa.Connection, row: Row, entry: int) -> None:
    """One ball counts once: its second entry takes the place of the first, or is not written."""
    for other in current(connection, HardnessRow, row["lot"]):
        if other["ball"] == row["ball"] and other["id"] != entry:
            raise _wrong(
                f"ball {row['ball']} of lot '{row['lot']}' has hardness entry {other['id']} already",
                f"give --supersedes {other['id']} to correct it, or the number of another ball",
            )


def _wrong(what: str, todo: str) -> ConfigError:
    return ConfigError(what, where="laboratory entry", todo=todo)
