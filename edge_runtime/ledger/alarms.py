"""Alarms in the ledger: raised, brought up to date, cleared, acknowledged, listed.

Statements only, each within its caller's transaction (`store.writing`); which conditions are alarms is the
alarm desk's (`edge_runtime.alarms`). At most one alarm of a code and subject stands at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.day_models import AlarmRow


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """One alarm, see `AlarmRow`; wall-clock times."""

    id: int
    code: str
    subject: str
    level: str
    values: dict[str, Any]
    raised_utc_ns: int
    cleared_utc_ns: int | None
    acknowledged_by: str | None
    acknowledged_utc_ns: int | None
    note: str


_STANDS = AlarmRow.cleared_utc_ns.is_(None)
_COLUMNS = [getattr(AlarmRow, name) for name in AlarmFacts.__slots__]


def raise_alarm(
    connection: sa.Connection, code: str, subject: str, level: str, values: Mapping[str, Any], utc_ns: int
) -> int:
    """Raise an alarm, or bring the one that stands for the same code and subject up to date.

    Returns:
        Its number.
    """
    standing = sa.select(AlarmRow.id).where(AlarmRow.code == code, AlarmRow.subject == subject, _STANDS)
    found = connection.execute(standing.order_by(AlarmRow.id.desc()).limit(1)).scalar_one_or_none()
    if found is not None:
        update = sa.update(AlarmRow).where(AlarmRow.id == found)
        connection.execute(update.values({"level": level, "values": dict(values)}))
        return int(found)
    row = {"code": code, "subject": subject, "level": level, "values": dict(values), "note": ""}
    made = connection.execute(sa.insert(AlarmRow).values(row | {"raised_utc_ns": utc_ns}))
    return int(made.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted


def clear_alarm(connection: sa.Connection, alarm_id: int, utc_ns: int) -> bool:
    """Its cause is gone; False when it was cleared already, or there is none of this number."""
    stands = sa.update(AlarmRow).where(AlarmRow.id == alarm_id, _STANDS)
    return connection.execute(stands.values(cleared_utc_ns=utc_ns)).rowcount == 1


def acknowledge_alarm(connection: sa.Connection, alarm_id: int, by: str, utc_ns: int, note: str = "") -> bool:
    """A person has seen it; False when somebody had before, or there is none of this number."""
    unseen = sa.update(AlarmRow).where(AlarmRow.id == alarm_id, AlarmRow.acknowledged_by.is_(None))
    seen = unseen.values(acknowledged_by=by, acknowledged_utc_ns=utc_ns, note=note)
    return connection.execute(seen).rowcount == 1


def read_alarm(connection: sa.Connection, alarm_id: int) -> AlarmFacts | None:
    """One alarm; None when there is none of this number."""
    row = connection.execute(sa.select(*_COLUMNS).where(AlarmRow.id == alarm_id)).mappings().one_or_none()
    return None if row is None else AlarmFacts(**row)


def standing_alarms(connection: sa.Connection) -> list[AlarmFacts]:
    """Those whose cause lasts, the newest first."""
    return _listed(connection, sa.select(*_COLUMNS).where(_STANDS))


def open_alarms(connection: sa.Connection, limit: int | None = None) -> list[AlarmFacts]:
    """Those whose cause lasts or that nobody has acknowledged yet, the newest first."""
    unseen = AlarmRow.acknowledged_by.is_(None)
    return _listed(connection, sa.select(*_COLUMNS).where(sa.or_(_STANDS, unseen)).limit(limit))


def list_alarms(
    connection: sa.Connection,
    *,
    since_utc_ns: int | None = None,
    until_utc_ns: int | None = None,
    limit: int | None = 100,
    before: int | None = None,
) -> list[AlarmFacts]:
    """Alarms of any state, the newest first; `since` takes those that were raised or still stood then.

    `before`: only those of a smaller number, to page on.
    """
    query = sa.select(*_COLUMNS).limit(limit)
    if since_utc_ns is not None:
        lasted = sa.func.coalesce(AlarmRow.cleared_utc_ns, since_utc_ns) >= since_utc_ns
        query = query.where(sa.or_(AlarmRow.raised_utc_ns >= since_utc_ns, lasted))
    if until_utc_ns is not None:
        query = query.where(AlarmRow.raised_utc_ns <= until_utc_ns)
    if before is not None:
        query = query.where(AlarmRow.id < before)
    return _listed(connection, query)


def _listed(connection: sa.Connection, query: sa.Select[Any]) -> list[AlarmFacts]:
    rows = connection.execute(query.order_by(AlarmRow.id.desc())).mappings()
    return [AlarmFacts(**row) for row in rows]
