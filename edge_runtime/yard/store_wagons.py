"""Wagons, trucks and lots in the yard's books, as inspectors type them; every change is kept.

Statements within their caller's transaction. Neighbours: `store` is what others call, `acts` signs for one.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from edge_runtime.day.rules import Who
from edge_runtime.yard.store_db import no_such
from edge_runtime.yard.store_errors import YardConflict, YardRefused
from edge_runtime.yard.store_types import WagonFields, WagonView
from edge_runtime.yard.tables import RailRow, WagonChangeRow, WagonRow, YardActRow

_FIELDS = tuple(WagonFields.model_fields)


def insert_wagon(connection: sa.Connection, fields: WagonFields, who: Who, utc_ns: int) -> int:
    """Begin a wagon; returns its number."""
    row = {**_columns(fields), "revision": 1, "by_name": who.name, "utc_ns": utc_ns}
    made = connection.execute(sa.insert(WagonRow).values(row).returning(WagonRow.id))
    wagon_id = int(made.scalar_one())
    _write_change(connection, wagon_id, 1, WagonFields(), fields, who, utc_ns)
    return wagon_id


def change_wagon(
    connection: sa.Connection, wagon_id: int, fields: WagonFields, who: Who, seen_revision: int, utc_ns: int
) -> WagonView:
    """Write a wagon's fields anew.

    Raises:
        YardConflict: somebody changed it since `seen_revision`.
        YardRefused: 'no_such_wagon', or 'nothing_new'.
    """
    now = read_wagon(connection, wagon_id, to_change=True)
    if now.revision != seen_revision:
        raise YardConflict(f"wagon '{now.fields.vehicle}'", seen_revision, now.revision, by=now.by)
    if now.fields == fields:
        raise YardRefused("nothing_new", "this is how it stands already", todo="nothing is left to do")
    row = {**_columns(fields), "revision": now.revision + 1, "by_name": who.name, "utc_ns": utc_ns}
    connection.execute(sa.update(WagonRow).where(WagonRow.id == wagon_id).values(row))
    _write_change(connection, wagon_id, now.revision + 1, now.fields, fields, who, utc_ns)
    return read_wagon(connection, wagon_id)


def _columns(fields: WagonFields) -> dict[str, Any]:
    return {name: value for name, value in fields.model_dump(mode="json").items() if name in _FIELDS}


def _write_change(
    connection: sa.Connection,
    wagon_id: int,
    revision: int,
    before: WagonFields,
    after: WagonFields,
    who: Who,
    utc_ns: int,
) -> None:
    """Only what changed, old and new."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    changed = [name for name in _FIELDS if old[name] != new[name]]
    row = {
        "wagon_id": wagon_id,
        "revision": revision,
        "before": {name: old[name] for name in changed},
        "after": {name: new[name] for name in changed},
        "by_name": who.name,
        "role": who.role,
        "utc_ns": utc_ns,
    }
    connection.execute(sa.insert(WagonChangeRow).values(row))


def read_wagon(connection: sa.Connection, wagon_id: int, *, to_change: bool = False) -> WagonView:
    """One wagon.

    Raises:
        YardRefused: 'no_such_wagon'.
    """
    query = sa.select(WagonRow.__table__).where(WagonRow.id == wagon_id)
    row = connection.execute(query.with_for_update() if to_change else query).mappings().one_or_none()
    if row is None:
        raise no_such("no_such_wagon", "wagon", wagon_id)
    return _view(connection, row)


def list_wagons(connection: sa.Connection, limit: int, before: int | None) -> list[WagonView]:
    """Wagons, the newest first; `before`: only those of a smaller number, to page on."""
    query = sa.select(WagonRow.__table__).order_by(WagonRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(WagonRow.id < before)
    return [_view(connection, row) for row in list(connection.execute(query).mappings())]


def _view(connection: sa.Connection, row: sa.RowMapping) -> WagonView:
    of_it = (RailRow.wagon_id == row["id"], RailRow.kind == "rail")
    rails = connection.execute(sa.select(sa.func.count(RailRow.id)).where(*of_it)).scalar_one()
    left = sa.select(sa.func.count(RailRow.id)).where(*of_it, RailRow.state != "finished")
    return WagonView(
        wagon_id=row["id"],
        revision=row["revision"],
        fields=WagonFields.model_validate({name: row[name] for name in _FIELDS}),
        by=row["by_name"],
        utc_ns=row["utc_ns"],
        rails=int(rails),
        unfinished=int(connection.execute(left).scalar_one()),
        act=standing_act(connection, row["id"]),
    )


def standing_act(connection: sa.Connection, wagon_id: int) -> tuple[int, int] | None:
    """Year and number of the signed act of a wagon that nothing supersedes; None where there is none."""
    newer = sa.orm.aliased(YardActRow)
    query = (
        sa.select(YardActRow.year, YardActRow.number)
        .where(YardActRow.wagon_id == wagon_id, ~sa.exists().where(newer.supersedes == YardActRow.id))
        .order_by(YardActRow.id.desc())
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    return None if found is None else (int(found[0]), int(found[1]))
