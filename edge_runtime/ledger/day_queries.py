"""The day as the ledger holds it: shifts and lots with their counts, acts, challenges, faults of a span.

Read-only queries for page, reports and terminal. A part belongs to the shift and lot in force at its
trigger; `of_shift` and `of_lot` say so in a query, no clock does. Neighbours: `day_counts` counts,
`rejects` looks at single parts, `downtime` at the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.day_counts import Counts, count_lot, count_shift, counts_by_lot, counts_by_shift
from edge_runtime.ledger.day_models import ActRow, ChallengeRow, LotRow, ShiftRow
from edge_runtime.ledger.models import FaultRow, PartRow
from edge_runtime.ledger.tally_models import DayTallyRow


@dataclass(frozen=True, slots=True)
class ShiftSummary:
    """One shift; `closed_utc_ns` None while it is open, `closed_by` '' where nobody told its end."""

    id: int
    name: str
    opened_by: str
    opened_utc_ns: int
    closed_by: str | None
    closed_utc_ns: int | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class LotSummary:
    """One lot; what its act says is None for parts that bear a name which nobody opened.

    `opened_utc_ns` is then that of its first part.
    """

    name: str
    product: str | None
    recipe_sha256: str | None
    opened_by: str | None
    opened_utc_ns: int
    closed_by: str | None
    closed_utc_ns: int | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class ActFacts:
    """One act, see `entries.ActEntry`."""

    id: int
    revision: int
    act: str
    by: str
    role: str
    asked: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    utc_ns: int


@dataclass(frozen=True, slots=True)
class ChallengeFacts:
    """One challenge that is over, see `entries.ChallengeEntry`; `contained`: parts it put in doubt first.

    `answered`: of a missed one, a passed one has followed on its lane.
    """

    challenge: str
    result: str
    expected: str
    balls: int
    rejected: int
    accepted: int
    unproven: int
    by: str
    lot: str
    shift: str
    lane: int
    detail: str
    begun_utc_ns: int
    utc_ns: int
    contained: int
    answered: bool


@dataclass(frozen=True, slots=True)
class FaultCount:
    """Faults of one code in a span."""

    code: str
    count: int
    first_utc_ns: int
    last_utc_ns: int


def of_shift(shift_id: int) -> sa.ColumnElement[bool]:
    """Parts of a shift, as a clause over `PartRow`."""
    return PartRow.shift_id == shift_id


def of_lot(lot: str) -> sa.ColumnElement[bool]:
    """Parts of a lot, as a clause over `PartRow`."""
    return PartRow.lot == lot


def production() -> sa.ColumnElement[bool]:
    """Parts that are no challenge balls, as a clause over `PartRow`."""
    return PartRow.challenge.is_(None)


def list_shifts(connection: sa.Connection, limit: int = 50, before: int | None = None) -> list[ShiftSummary]:
    """Shifts with their counts, the newest first; `before`: only those of a smaller row number."""
    query = sa.select(ShiftRow.__table__).order_by(ShiftRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ShiftRow.id < before)
    rows = connection.execute(query).mappings().all()
    counts = counts_by_shift(connection, [row["id"] for row in rows])
    return [ShiftSummary(**row, counts=counts[row["id"]]) for row in rows]


def read_shift(connection: sa.Connection, shift_id: int) -> ShiftSummary | None:
    """One shift with its counts; None when there is none of this number."""
    query = sa.select(ShiftRow.__table__).where(ShiftRow.id == shift_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ShiftSummary(**row, counts=count_shift(connection, shift_id))


def shift_now(connection: sa.Connection, name: str, opened_utc_ns: int | None = None) -> int | None:
    """Row number of the newest shift of this name: the open one, while one of this name is open.

    With `opened_utc_ns` only the one opened then: while the recorder is behind, the newest one of a name
    that is used every day is yesterday's.
    """
    query = sa.select(sa.func.max(ShiftRow.id)).where(ShiftRow.name == name)
    if opened_utc_ns is not None:
        query = query.where(ShiftRow.opened_utc_ns == opened_utc_ns)
    found = connection.execute(query).scalar_one()
    return None if found is None else int(found)


def list_lots(connection: sa.Connection, limit: int = 50) -> list[LotSummary]:
    """Lots with their counts, the newest first: those that were opened, and other names that parts bear."""
    opened = sa.select(LotRow.__table__).order_by(LotRow.id.desc()).limit(limit)
    rows = {row["name"]: dict(row) for row in connection.execute(opened).mappings()}
    names = sa.select(DayTallyRow.lot).where(DayTallyRow.lot != "").distinct()
    other = names.where(DayTallyRow.lot.not_in(sa.select(LotRow.name)))
    unopened = list(connection.execute(other).scalars())
    counts = counts_by_lot(connection, [*rows, *unopened])
    lots = [_lot(name, rows.get(name), counts[name]) for name in counts]
    return sorted(lots, key=lambda lot: lot.opened_utc_ns, reverse=True)[:limit]


def read_lot_summary(connection: sa.Connection, name: str) -> LotSummary | None:
    """One lot with its counts; None when it was neither opened nor does any part bear its name."""
    row = connection.execute(sa.select(LotRow.__table__).where(LotRow.name == name)).mappings().one_or_none()
    counts = count_lot(connection, name)
    if row is None and counts.parts == 0:
        return None
    return _lot(name, None if row is None else dict(row), counts)


def _lot(name: str, row: dict[str, Any] | None, counts: Counts) -> LotSummary:
    if row is None:
        return LotSummary(name, None, None, None, counts.first_utc_ns or 0, None, None, counts)
    return LotSummary(**{key: value for key, value in row.items() if key != "id"}, counts=counts)


def list_acts(
    connection: sa.Connection,
    *,
    since_utc_ns: int | None = None,
    until_utc_ns: int | None = None,
    limit: int | None = None,
) -> list[ActFacts]:
    """Acts, the newest first."""
    query = sa.select(
        ActRow.id,
        ActRow.revision,
        ActRow.act,
        ActRow.by_name.label("by"),
        *(getattr(ActRow, name) for name in ("role", "asked", "before", "after", "utc_ns")),
    )
    query = _between(query, ActRow.utc_ns, since_utc_ns, until_utc_ns)
    rows = connection.execute(query.order_by(ActRow.id.desc()).limit(limit)).mappings()
    return [ActFacts(**row) for row in rows]


def list_challenges(
    connection: sa.Connection,
    *,
    since_utc_ns: int | None = None,
    until_utc_ns: int | None = None,
    lot: str | None = None,
    limit: int | None = None,
) -> list[ChallengeFacts]:
    """Challenges that are over, the newest first."""
    contained = (
        sa.select(sa.func.count(PartRow.id))
        .where(PartRow.contained_by == ChallengeRow.challenge)
        .scalar_subquery()
    )
    own = [name for name in ChallengeFacts.__slots__ if name not in ("by", "contained", "answered")]
    query = sa.select(
        *(getattr(ChallengeRow, name) for name in own),
        ChallengeRow.by_name.label("by"),
        contained.label("contained"),
        sa.and_(ChallengeRow.result == "missed", ChallengeRow.last_part_id.is_not(None)).label("answered"),
    )
    query = _between(query, ChallengeRow.utc_ns, since_utc_ns, until_utc_ns)
    if lot is not None:
        query = query.where(ChallengeRow.lot == lot)
    rows = connection.execute(
        query.order_by(ChallengeRow.utc_ns.desc(), ChallengeRow.challenge.desc()).limit(limit)
    ).mappings()
    return [ChallengeFacts(**row) for row in rows]


def faults_between(connection: sa.Connection, first_utc_ns: int, last_utc_ns: int) -> list[FaultCount]:
    """Faults of a span by code, the most frequent first; both ends belong to it."""
    count = sa.func.sum(FaultRow.count)
    query = (
        sa.select(FaultRow.code, count, sa.func.min(FaultRow.utc_ns), sa.func.max(FaultRow.utc_ns))
        .where(FaultRow.utc_ns.between(first_utc_ns, last_utc_ns))
        .group_by(FaultRow.code)
        .order_by(count.desc(), FaultRow.code)
    )
    return [
        FaultCount(str(code), int(number), int(first), int(last))
        for code, number, first, last in connection.execute(query)
    ]


def _between(query: Any, column: Any, since_utc_ns: int | None, until_utc_ns: int | None) -> Any:
    """The query with a span of time; None: no end."""
    if since_utc_ns is not None:
        query = query.where(column >= since_utc_ns)
    if until_utc_ns is not None:
        query = query.where(column <= until_utc_ns)
    return query
