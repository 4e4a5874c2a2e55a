"""What happened at the line while a shift or a lot ran: how it stood, challenges, alarms, faults, acts.

Pure reading, by the queries of `edge_runtime.ledger`. Neighbours: `line_sections` prints it,
`challenge_due` tells which challenges were owed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.alarms import AlarmFacts
from edge_runtime.ledger.books import Books
from edge_runtime.ledger.day_models import AlarmRow
from edge_runtime.ledger.day_queries import (
    ActFacts,
    ChallengeFacts,
    FaultCount,
    faults_between,
    list_acts,
    list_challenges,
)
from edge_runtime.ledger.downtime import Downtime, LineSpan, downtime, line_spans
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.models import RecipeRow

#: More than a person reads; the report says how many there are.
ALARMS_MAX = 500
#: no challenge lasts longer
CHALLENGE_MAX_NS = 4 * 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class RecipeChange:
    """Another recipe came into force; `by` is '' where nobody asked for it at the page."""

    utc_ns: int
    by: str
    old_sha256: str
    new_sha256: str


@dataclass(frozen=True, slots=True)
class Happenings:
    """All of it from `begin_utc_ns` to `end_utc_ns`; every list the oldest first, faults the most frequent.

    Attributes:
        spans, downtime: how the line stood, and what that adds up to.
        alarms: that stood within the time, at most `ALARMS_MAX` (the newest).
        books: of the newest PLC start, when it was read (`live_books`); older ones do not change any more.
    """

    begin_utc_ns: int
    end_utc_ns: int
    spans: tuple[LineSpan, ...]
    downtime: Downtime
    challenges: tuple[ChallengeFacts, ...]
    alarms: tuple[AlarmFacts, ...]
    faults: tuple[FaultCount, ...]
    acts: tuple[ActFacts, ...]
    recipe_changes: tuple[RecipeChange, ...]
    books: Books


def read_happenings(
    connection: sa.Connection,
    begin_utc_ns: int,
    end_utc_ns: int,
    *,
    shift: str | None = None,
    lot: str | None = None,
) -> Happenings:
    """What happened in this time; challenges are those of the shift or lot of the name given."""
    acts = tuple(reversed(list_acts(connection, since_utc_ns=begin_utc_ns, until_utc_ns=end_utc_ns)))
    spans = line_spans(connection, begin_utc_ns, end_utc_ns)
    return Happenings(
        begin_utc_ns,
        end_utc_ns,
        spans,
        downtime(spans),
        _challenges(connection, begin_utc_ns, end_utc_ns, shift, lot),
        alarms_between(connection, begin_utc_ns, end_utc_ns),
        tuple(faults_between(connection, begin_utc_ns, end_utc_ns)),
        acts,
        recipe_changes(acts),
        quick_balance(connection),
    )


def _challenges(
    connection: sa.Connection, begin_utc_ns: int, end_utc_ns: int, shift: str | None, lot: str | None
) -> tuple[ChallengeFacts, ...]:
    """Begun within the time and announced in the shift or lot; one may end a little after them."""
    found = list_challenges(
        connection, since_utc_ns=begin_utc_ns, until_utc_ns=end_utc_ns + CHALLENGE_MAX_NS, lot=lot
    )
    return tuple(
        item
        for item in sorted(found, key=lambda item: item.begun_utc_ns)
        if begin_utc_ns <= item.begun_utc_ns <= end_utc_ns and shift in (None, item.shift)
    )


def alarms_between(connection: sa.Connection, begin_utc_ns: int, end_utc_ns: int) -> tuple[AlarmFacts, ...]:
    """Alarms that stood within the time, also those that were raised before it."""
    stood = sa.or_(AlarmRow.cleared_utc_ns.is_(None), AlarmRow.cleared_utc_ns >= begin_utc_ns)
    query = (
        sa.select(*(getattr(AlarmRow, name) for name in AlarmFacts.__slots__))
        .where(AlarmRow.raised_utc_ns <= end_utc_ns, stood)
        .order_by(AlarmRow.raised_utc_ns.desc(), AlarmRow.id.desc())
        .limit(ALARMS_MAX)
    )
    rows = connection.execute(query).mappings().all()
    return tuple(AlarmFacts(**row) for row in reversed(rows))


def recipe_changes(acts: Sequence[ActFacts]) -> tuple[RecipeChange, ...]:
    """Changeovers that came into force, and starts of the station that found another recipe than before.

    Args:
        acts: the oldest first.
    """
    changes: list[RecipeChange] = []
    asked_by = ""
    for act in acts:
        if act.act == "change_recipe":
            asked_by = act.by
        elif act.act == "changeover_done":
            old, new = str(act.asked["old_sha256"]), str(act.asked["new_sha256"])
            changes.append(RecipeChange(act.utc_ns, asked_by, old, new))
        elif act.act == "session" and "recipe_sha256" in act.after:
            old, new = str(act.before["recipe_sha256"]), str(act.after["recipe_sha256"])
            # The start that follows a changeover says the same change again.
            if not changes or (changes[-1].old_sha256, changes[-1].new_sha256) != (old, new):
                changes.append(RecipeChange(act.utc_ns, "", old, new))
    return tuple(changes)


def read_products(connection: sa.Connection) -> dict[str, str]:
    """Product of every recipe that the ledger holds, by its hash."""
    rows: list[tuple[str, Mapping[str, Any]]] = [
        (sha256, recipe)
        for sha256, recipe in connection.execute(sa.select(RecipeRow.sha256, RecipeRow.recipe))
    ]
    return {sha256: str(recipe.get("product", "")) for sha256, recipe in rows}
