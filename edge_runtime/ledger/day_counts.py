"""Counts for people: what came of the parts of a shift, of a lot, or since a time.

Those of a shift or lot are read from the running counts and cost the same on a ledger of any size; those
since a time are counted by an index that holds all they need. Neighbours: `tallies` keeps the running
counts, `day_queries` puts the counts beside shifts and lots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.tallies import FOUND_ON_BALL, gravest_reason_column
from edge_runtime.ledger.tally_models import DayTallyRow

_Group = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of some parts; `parts == accepted + rejected + bypassed + open + challenge`.

    Attributes:
        accepted, rejected, bypassed: production balls by the side that the gate sent them to.
        open: production balls whose outcome is not known (yet).
        challenge: challenge balls; they are in no other count.
        contained: of `accepted`, put in doubt by a missed challenge.
        bypassed_bad: of `bypassed`, the station found something on the ball.
        reasons: gravest reason of `rejected`, most frequent first.
        first_utc_ns: of the first of these parts in the ledger; None without any.
    """

    parts: int = 0
    accepted: int = 0
    rejected: int = 0
    bypassed: int = 0
    open: int = 0
    challenge: int = 0
    contained: int = 0
    bypassed_bad: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first_utc_ns: int | None = None


def count_shift(connection: sa.Connection, shift_id: int) -> Counts:
    """Parts of one shift that was opened by an act."""
    groups = _tallied(connection, DayTallyRow.shift_id == shift_id)
    return _counts(groups, _first_utc_ns(connection, PartRow.shift_id == shift_id))


def count_lot(connection: sa.Connection, lot: str) -> Counts:
    """Parts of one lot, by its name letter by letter."""
    return _counts(
        _tallied(connection, DayTallyRow.lot == lot), _first_utc_ns(connection, PartRow.lot == lot)
    )


def count_since(connection: sa.Connection, since_utc_ns: int) -> Counts:
    """Parts since a wall-clock time, whatever their shift and lot."""
    late = PartRow.utc_ns >= since_utc_ns
    keys: dict[str, sa.ColumnElement[Any]] = {
        "side": sa.func.coalesce(PartRow.side, ""),
        "challenge": PartRow.challenge.is_not(None),
        "contained": PartRow.contained_by.is_not(None),
    }
    inner = sa.select(*(key.label(name) for name, key in keys.items()), PartRow.utc_ns).where(late).subquery()
    names = [inner.c[name] for name in keys]
    query = sa.select(*names, sa.func.count().label("parts"), sa.func.min(inner.c.utc_ns).label("first"))
    groups: list[_Group] = [
        {**row, "reason": "", "refused": False}
        for row in connection.execute(query.group_by(*names)).mappings()
    ]
    counts = _counts(groups, min((row["first"] for row in groups), default=None))
    # The rest is asked of those parts only that need a look at their rows.
    rejected = sa.select(gravest_reason_column().label("reason")).where(
        late, PartRow.side == "reject", PartRow.challenge.is_(None)
    )
    reason = rejected.subquery().c.reason
    reasons = connection.execute(sa.select(reason, sa.func.count()).group_by(reason))
    bad = sa.select(sa.func.count(PartRow.id)).where(
        late, PartRow.side == "bypass", PartRow.challenge.is_(None), PartRow.reason.in_(FOUND_ON_BALL)
    )
    return replace(
        counts,
        reasons=most_frequent_first({str(code): int(count) for code, count in reasons}),
        bypassed_bad=int(connection.execute(bad).scalar_one()) if counts.bypassed else 0,
    )


def counts_by_shift(connection: sa.Connection, shift_ids: Iterable[int]) -> dict[int, Counts]:
    """Counts of several shifts at once; a shift without parts has empty ones."""
    ids = list(shift_ids)
    found = _by_key(connection, DayTallyRow.shift_id, ids)
    return {
        key: _counts(found.get(key, []), _first_utc_ns(connection, PartRow.shift_id == key)) for key in ids
    }


def counts_by_lot(connection: sa.Connection, lots: Iterable[str]) -> dict[str, Counts]:
    """Counts of several lots at once; a lot without parts has empty ones."""
    names = list(lots)
    found = _by_key(connection, DayTallyRow.lot, names)
    return {key: _counts(found.get(key, []), _first_utc_ns(connection, PartRow.lot == key)) for key in names}


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Ordered by count, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _tallied(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[_Group]:
    query = sa.select(*DayTallyRow.__table__.columns).where(where)
    return [dict(row) for row in connection.execute(query).mappings()]


def _by_key(connection: sa.Connection, key: Any, wanted: list[Any]) -> dict[Any, list[_Group]]:
    groups: dict[Any, list[_Group]] = {}
    for row in _tallied(connection, key.in_(wanted)):
        groups.setdefault(row[key.key], []).append(row)
    return groups


def _first_utc_ns(connection: sa.Connection, where: sa.ColumnElement[bool]) -> int | None:
    """Time of the part that came into the ledger first; the least one may be of a clock set back."""
    query = sa.select(PartRow.utc_ns).where(where).order_by(PartRow.id).limit(1)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else int(found)


def _counts(groups: Iterable[_Group], first_utc_ns: int | None) -> Counts:
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for group in groups:
        count = int(group["parts"])
        totals["parts"] += count
        if group["challenge"]:
            totals["challenge"] += count
            continue
        side = {"accept": "accepted", "bypass": "bypassed", "": "open"}.get(group["side"], "rejected")
        totals[side] += count
        if side == "accepted" and group["contained"]:
            totals["contained"] += count
        if side == "bypassed" and group["refused"]:
            totals["bypassed_bad"] += count
        if side == "rejected" and group["reason"]:
            reasons[group["reason"]] += count
    return Counts(**totals, reasons=most_frequent_first(reasons), first_utc_ns=first_utc_ns)
