"""Reading the ledger: parts by what one looks for, one part with all that hangs on it, faults, totals.

Rows come as plain dictionaries of column name to value, ready for JSON. Neighbours:
`edge_runtime.commands.ledger`, and whatever page shows the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.models import (
    EpochRow,
    FaultRow,
    FindingTableRow,
    PartRow,
    PictureRow,
    ReasonTableRow,
    ViewTableRow,
)
from vision.types import PartId

Row = dict[str, Any]
_NOT_SHOWN = ("id", "outcome_segment", "outcome_offset", "has_part", "has_outcome", "is_gap", "shift_id")


@dataclass(frozen=True, slots=True)
class PartFilter:
    """Which parts: None and '' choose all. `reason` matches any reason of a part, not only the gravest."""

    epoch: int | None = None
    lane: int | None = None
    verdict: str | None = None
    reason: str | None = None
    since_utc_ns: int | None = None
    limit: int | None = None


def utc_text(utc_ns: int | None) -> str | None:
    """Wall-clock nanoseconds as ISO 8601 in UTC, milliseconds."""
    if utc_ns is None:
        return None
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def count_parts(connection: sa.Connection, wanted: PartFilter) -> int:
    """How many parts fit, whatever the limit."""
    query = _where(sa.select(sa.func.count(PartRow.id)), wanted)
    return int(connection.execute(query).scalar_one())


def list_parts(connection: sa.Connection, wanted: PartFilter, *, newest_first: bool = True) -> Iterator[Row]:
    """Rows of the parts that fit, read in pieces, so that a whole year of them needs little memory."""
    query = _where(sa.select(*_shown_columns()), wanted)
    key = PartRow.id.desc() if newest_first else PartRow.id.asc()
    query = query.order_by(key).limit(wanted.limit)
    for row in connection.execution_options(yield_per=1000).execute(query).mappings():
        yield _part(row)


def show_part(connection: sa.Connection, part: PartId) -> Row | None:
    """One part with its reasons, its views, their findings and pictures; None when there is no such row."""
    query = sa.select(PartRow.id, *_shown_columns()).where(
        PartRow.epoch == part.epoch, PartRow.lane == part.lane, PartRow.trigger_seq == part.trigger_seq
    )
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        return None
    row = _part(found)
    number = row.pop("id")
    reasons = sa.select(ReasonTableRow).where(ReasonTableRow.part_id == number).order_by(ReasonTableRow.place)
    row["reasons"] = _plain(connection, reasons, "id", "part_id", "place")
    pictures = _pictures(connection, part)
    row["views"] = _views(connection, number, pictures)
    row["pictures_without_view"] = [picture["path"] for picture in pictures.values()]
    return row


def list_faults(
    connection: sa.Connection,
    *,
    code: str | None = None,
    since_utc_ns: int | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Faults, newest first."""
    query = sa.select(FaultRow).order_by(FaultRow.id.desc()).limit(limit)
    if code:
        query = query.where(FaultRow.code == code)
    if since_utc_ns is not None:
        query = query.where(FaultRow.utc_ns >= since_utc_ns)
    return [{"utc": utc_text(row["utc_ns"])} | row for row in _plain(connection, query, "id")]


def fault_totals(connection: sa.Connection) -> dict[str, int]:
    """Counts by code."""
    query = (
        sa.select(FaultRow.code, sa.func.sum(FaultRow.count)).group_by(FaultRow.code).order_by(FaultRow.code)
    )
    return {code: int(count) for code, count in connection.execute(query)}


def highest_epoch(connection: sa.Connection) -> int:
    """Highest epoch of any row, 0 in an empty ledger."""
    highest = (
        connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one()
        for column in (EpochRow.epoch, PartRow.epoch)
    )
    return max(int(value) for value in highest)


def _shown_columns() -> list[sa.ColumnElement[Any]]:
    return [column for column in PartRow.__table__.columns if column.name not in _NOT_SHOWN]


def _where(query: sa.Select[Any], wanted: PartFilter) -> sa.Select[Any]:
    if wanted.epoch is not None:
        query = query.where(PartRow.epoch == wanted.epoch)
    if wanted.lane is not None:
        query = query.where(PartRow.lane == wanted.lane)
    if wanted.verdict:
        query = query.where(PartRow.verdict == wanted.verdict)
    if wanted.reason:
        having = sa.select(ReasonTableRow.part_id).where(ReasonTableRow.code == wanted.reason)
        query = query.where(sa.or_(PartRow.reason == wanted.reason, PartRow.id.in_(having)))
    if wanted.since_utc_ns is not None:
        query = query.where(PartRow.utc_ns >= wanted.since_utc_ns)
    return query


def _part(row: sa.RowMapping) -> Row:
    part = PartId(row["epoch"], row["lane"], row["trigger_seq"])
    return {"part": str(part), "utc": utc_text(row["utc_ns"])} | dict(row)


def _plain(connection: sa.Connection, query: sa.Select[Any], *without: str) -> list[Row]:
    return [
        {key: value for key, value in row.items() if key not in without}
        for row in connection.execute(query).mappings()
    ]


def _pictures(connection: sa.Connection, part: PartId) -> dict[tuple[str, int], Row]:
    query = sa.select(PictureRow).where(
        PictureRow.epoch == part.epoch,
        PictureRow.lane == part.lane,
        PictureRow.trigger_seq == part.trigger_seq,
    )
    return {(row["camera"], row["view_index"]): row for row in _plain(connection, query, "id")}


def _views(connection: sa.Connection, part_number: int, pictures: dict[tuple[str, int], Row]) -> list[Row]:
    """Views in order; each takes its picture out of `pictures`."""
    query = sa.select(ViewTableRow).where(ViewTableRow.part_id == part_number).order_by(ViewTableRow.id)
    views = _plain(connection, query, "part_id")
    findings = sa.select(FindingTableRow).where(FindingTableRow.view_id.in_([view["id"] for view in views]))
    of_view: dict[int, list[Row]] = {}
    for row in _plain(connection, findings, "id"):
        box = [row.pop(name) for name in ("x_min_px", "y_min_px", "x_max_px", "y_max_px")]
        of_view.setdefault(row.pop("view_id"), []).append(row | {"xyxy_px": box})
    for view in views:
        picture = pictures.pop((view["camera"], view["view_index"]), None)
        view["picture"] = picture["path"] if picture else None
        view["findings"] = of_view.get(view.pop("id"), [])
    return views
