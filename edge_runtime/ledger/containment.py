"""Challenges into rows, and what a missed one puts in doubt: the accepted parts since the last passed one.

A part is in doubt by its row number, never by a clock, and on the safe side: everything accepted after the
first ball of the last passed challenge (of the same lane), up to the newest ball of the passed one that
answered the miss, on every lane, whenever its outcome came. Challenge balls are no production and are
never contained. Neighbours: `apply` calls, `day_models.ChallengeRow` keeps the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.entries import ChallengeEntry, FaultEntry
from edge_runtime.ledger.day_models import ChallengeRow
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.rows import Columns
from edge_runtime.ledger.tallies import Changes, day_key

_SAME_WAY = (
    PartRow.shift_id,
    PartRow.lot,
    PartRow.side,
    PartRow.decision,
    PartRow.plc_verdict,
    PartRow.challenge,
    PartRow.contained_by,
)
#: asked with every batch
_DOUBTS = (
    sa.select(ChallengeRow.challenge, ChallengeRow.since_part_id, ChallengeRow.last_part_id)
    .where(ChallengeRow.result == "missed")
    .order_by(sa.func.coalesce(ChallengeRow.since_part_id, 0), ChallengeRow.utc_ns)
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A missed challenge; parts with `since < row number <= last` are in doubt, None: no bound."""

    challenge: str
    since: int | None
    last: int | None

    def holds(self, row: Columns) -> bool:
        """Whether this part is in doubt by it."""
        number = row["id"]
        return (self.since is None or number > self.since) and (self.last is None or number <= self.last)


def read_doubts(connection: sa.Connection) -> list[Doubt]:
    """Doubts of all missed challenges, the oldest first."""
    return [Doubt(*row) for row in connection.execute(_DOUBTS)]


def settle(row: Columns, doubts: list[Doubt]) -> None:
    """Say of one part whether it is contained; the first miss that put it in doubt stays named.

    Its outcome may come long after the miss, and the entry that calls it a challenge ball even later.
    """
    if row["side"] != "accept" or row["challenge"] is not None:
        row["contained_by"] = None
    elif row["contained_by"] is None:
        row["contained_by"] = next((doubt.challenge for doubt in doubts if doubt.holds(row)), None)


def take_challenge(connection: sa.Connection, entry: ChallengeEntry, changes: Changes) -> list[FaultEntry]:
    """Write a challenge down; a miss contains what it puts in doubt, a pass ends open doubts of its lane.

    All parts before it in the journal must be in the ledger. The running counts are changed in `changes`.

    Returns:
        Faults: `challenge_id_again` when the ledger has one of this id, it then gets a name of its own;
        `challenge_without_balls` when a passed one has no ball in the ledger: then it proves nothing here.
    """
    name, faults = _free_name(connection, entry)
    since, last = _bounds(connection, entry)
    if entry.result == "passed" and last is None:
        text = f"challenge {name} passed, but no part is a ball of it: it ends no doubt"
        faults.append(_fault(entry, "challenge_without_balls", text))
    names = ("result", "expected", "balls", "rejected", "accepted", "unproven", "lot", "shift", "lane")
    row = {key: getattr(entry, key) for key in (*names, "detail", "begun_utc_ns", "utc_ns")}
    row |= {"challenge": name, "by_name": entry.by, "since_part_id": since, "last_part_id": last}
    connection.execute(sa.insert(ChallengeRow), row)
    if entry.result == "missed":
        _contain(connection, Doubt(name, since, last), changes)
    elif entry.result == "passed" and last is not None:
        answered = sa.update(ChallengeRow).where(
            ChallengeRow.result == "missed",
            ChallengeRow.lane == entry.lane,
            ChallengeRow.last_part_id.is_(None),
        )
        connection.execute(answered.values(last_part_id=last))
    return faults


def _free_name(connection: sa.Connection, entry: ChallengeEntry) -> tuple[str, list[FaultEntry]]:
    """Its id, or one made from it: the station counts ids anew when its day file is lost."""
    later = ChallengeRow.challenge.startswith(f"{entry.challenge}~", autoescape=True)
    known = sa.select(sa.func.count(ChallengeRow.challenge))
    count = connection.execute(
        known.where(sa.or_(ChallengeRow.challenge == entry.challenge, later))
    ).scalar_one()
    if count == 0:
        return entry.challenge, []
    text = f"challenge {entry.challenge} is in the ledger already"
    return f"{entry.challenge}~{count + 1}", [_fault(entry, "challenge_id_again", text)]


def _fault(entry: ChallengeEntry, code: str, detail: str) -> FaultEntry:
    return FaultEntry(code, detail, 1, entry.utc_ns, entry.boot_id, lane=entry.lane)


def _bounds(connection: sa.Connection, entry: ChallengeEntry) -> tuple[int | None, int | None]:
    """See `ChallengeRow`."""
    if entry.result == "passed":
        balls = sa.select(sa.func.min(PartRow.id), sa.func.max(PartRow.id))
        first, newest = connection.execute(balls.where(PartRow.challenge == entry.challenge)).one()
        return first, newest
    if entry.result == "missed":
        passed = sa.select(sa.func.max(ChallengeRow.since_part_id)).where(
            ChallengeRow.result == "passed", ChallengeRow.lane == entry.lane
        )
        return connection.execute(passed).scalar_one(), None
    return None, None


def _contain(connection: sa.Connection, doubt: Doubt, changes: Changes) -> None:
    clauses: list[sa.ColumnElement[bool]] = [
        PartRow.side == "accept",
        PartRow.challenge.is_(None),
        PartRow.contained_by.is_(None),
    ]
    if doubt.since is not None:
        clauses.append(PartRow.id > doubt.since)
    counted = sa.select(*_SAME_WAY, sa.func.count().label("parts")).where(*clauses).group_by(*_SAME_WAY)
    for found in connection.execute(counted).mappings().all():
        # The other columns that `day_key` reads speak of rejected parts only.
        row: dict[str, Any] = dict(found) | {"reason": "", "null_cause": "", "plc_reason": "", "cause": ""}
        changes.move(day_key(row), day_key(row | {"contained_by": doubt.challenge}), found["parts"])
    connection.execute(sa.update(PartRow).where(*clauses).values(contained_by=doubt.challenge))
