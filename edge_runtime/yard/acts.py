"""Signed acceptance acts: their numbers, their place in the books, and that nobody changes them.

Numbers run from 1 within a year, without gaps: number and row come to be in one transaction, which the
database lets only one signer have at a time. A signed act is never changed; another one takes its place.
Statements within their caller's transaction. Neighbours: `act_draft` draws up, `act_document` prints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from edge_runtime.day.rules import Who
from edge_runtime.yard.act_content import ActContent, ActPerson, act_number
from edge_runtime.yard.act_draft import missing, seen_sha256
from edge_runtime.yard.store_db import locked, no_such
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_text import bad_value
from edge_runtime.yard.store_types import RailView
from edge_runtime.yard.store_wagons import standing_act
from edge_runtime.yard.tables import YardActRow

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, order=True)
class ActNumber:
    """Which act: `12/2026` is number 12 of 2026."""

    year: int
    number: int

    def __str__(self) -> str:
        return act_number(self.year, self.number)


@dataclass(frozen=True, slots=True)
class Draft:
    """An act before it is signed: what it says, what it lacks, and the hash that the signer names."""

    content: ActContent
    missing: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class SignedAct:
    """A signed act as the books hold it."""

    act: ActNumber
    wagon_id: int
    content: ActContent
    sha256: str
    signed_by: str
    role: str
    signed_utc_ns: int
    supersedes: ActNumber | None
    superseded_by: ActNumber | None

    @property
    def year(self) -> int:
        """In which it was signed."""
        return self.act.year

    @property
    def number(self) -> int:
        """From 1 in that year."""
        return self.act.number


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act in a list."""

    act: ActNumber
    wagon_id: int
    supplier: str
    vehicle: str
    signed_by: str
    signed_utc_ns: int
    supersedes: ActNumber | None
    superseded_by: ActNumber | None


def as_draft(content: ActContent, elsewhere: Sequence[str] = ()) -> Draft:
    """A content with what it lacks; `elsewhere`: rails of `accepted_elsewhere`."""
    lacks = (*missing(content), *(f"in_act:{name}" for name in elsewhere))
    return Draft(content, lacks, seen_sha256(content))


def accepted_elsewhere(
    connection: sa.Connection, wagon_id: int, rails: Sequence[RailView]
) -> tuple[str, ...]:
    """Rails and photo sets that came over from another wagon, whose standing act still has them.

    They would be accepted twice: the other act must be superseded by one without them first.
    """
    named: dict[int, set[str]] = {}
    found = []
    for view in rails:
        moves = [entry for entry in view.corrections if entry.kind == "assign"]
        sides = [(side or {}).get("wagon_id") for entry in moves for side in (entry.before, entry.after)]
        for other in sorted({int(side) for side in sides if side is not None} - {wagon_id}):
            if other not in named:
                act = standing_act(connection, other)
                content = None if act is None else read_act(connection, ActNumber(*act)).content
                named[other] = set() if content is None else {part.name for part in content.parts}
            if view.name in named[other]:
                found.append(view.name)
                break
    return tuple(found)


def superseding(content: ActContent, supersedes: ActNumber | None, reason: str) -> ActContent:
    """The content with the act that it takes the place of.

    Raises:
        YardRefused: 'bad_value'.
    """
    if supersedes is None:
        return content
    values = {
        "supersedes": supersedes.number,
        "supersedes_year": supersedes.year,
        "supersedes_reason": reason,
    }
    return _validated({**content.model_dump(), **values})


def sign(
    connection: sa.Connection,
    wagon_id: int,
    draft: Draft,
    who: Who,
    *,
    name: str,
    seen: str,
    supersedes: ActNumber | None,
    utc_ns: int,
    zone: tzinfo | None,
) -> ActNumber:
    """Give an act its number and write it down.

    Args:
        connection: in a writing transaction, within which `draft` was drawn up.
        wagon_id: whose act.
        draft: as the books have it now.
        who: signs for the receiver.
        name: as it is printed under the signature; '' for the account's.
        seen: hash of the draft that the signer had before the eyes.
        supersedes: the act that it takes the place of.
        utc_ns: wall clock.
        zone: of the plant; None: the machine's.

    Raises:
        YardRefused: 'already_signed', 'not_standing', 'draft_changed', 'act_missing' or 'bad_value'.
    """
    locked(connection, YardActRow.__table__)
    _check_standing(connection, wagon_id, supersedes)
    if draft.sha256 != seen:
        raise YardRefused(
            "draft_changed",
            "what the act says was changed since it was read",
            where=f"wagon {wagon_id}",
            todo="read the act again, then sign",
        )
    if draft.missing:
        raise YardRefused(
            "act_missing",
            f"the act cannot be signed, it lacks: {', '.join(draft.missing)}",
            values={"missing": ", ".join(draft.missing)},
            where=f"wagon {wagon_id}",
            todo="fill it in; certificates and masses are typed by the inspector",
        )
    day = datetime.fromtimestamp(utc_ns // _NS_PER_S, UTC).astimezone(zone).date()
    highest = sa.select(sa.func.max(YardActRow.number)).where(YardActRow.year == day.year)
    number = int(connection.execute(highest).scalar_one() or 0) + 1
    person = ActPerson(account=who.name, name=name, utc_ns=utc_ns)
    signed = _validated(
        {**draft.content.model_dump(), "number": number, "act_date": day, "signed": person.model_dump()}
    )
    content = signed.model_dump(mode="json")
    row = {
        "year": day.year,
        "number": number,
        "wagon_id": wagon_id,
        "content": content,
        "sha256": _sha256(content),
        "signed_by": who.name,
        "role": who.role,
        "signed_utc_ns": utc_ns,
        "supersedes": None if supersedes is None else _row_id(connection, supersedes),
    }
    connection.execute(sa.insert(YardActRow).values(row))
    return ActNumber(day.year, number)


def _validated(values: dict[str, Any]) -> ActContent:
    try:
        return ActContent.model_validate(values)
    except ValidationError as error:
        raise bad_value(error) from error


def _sha256(content: dict[str, Any]) -> str:
    """As `vision.recipe_parts.content_sha256`, of what is kept: no later version of the code changes it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _check_standing(connection: sa.Connection, wagon_id: int, supersedes: ActNumber | None) -> None:
    found = standing_act(connection, wagon_id)
    standing = None if found is None else ActNumber(*found)
    if standing is not None and supersedes is None:
        act = read_act(connection, standing)
        raise YardRefused(
            "already_signed",
            f"act {standing} of this wagon was signed by {act.signed_by} already",
            values={"number": str(standing), "by": act.signed_by, "utc_ms": act.signed_utc_ns // 1_000_000},
            where=f"wagon {wagon_id}",
            todo=f"nothing is left to do; sign a new one that supersedes {standing} if it was wrong",
        )
    if supersedes is not None and supersedes != standing:
        raise YardRefused(
            "not_standing",
            f"act {supersedes} is none of this wagon that stands",
            values={"number": str(supersedes)},
            where=f"wagon {wagon_id}",
            todo="read the wagon's acts again",
        )


def _row_id(connection: sa.Connection, act: ActNumber) -> int:
    query = sa.select(YardActRow.id).where(YardActRow.year == act.year, YardActRow.number == act.number)
    return int(connection.execute(query).scalar_one())


def _rows() -> sa.Select[Any]:
    newer, older = sa.orm.aliased(YardActRow), sa.orm.aliased(YardActRow)
    return (
        sa.select(
            YardActRow.__table__,
            older.year.label("old_year"),
            older.number.label("old_number"),
            newer.year.label("new_year"),
            newer.number.label("new_number"),
        )
        .outerjoin(older, older.id == YardActRow.supersedes)
        .outerjoin(newer, newer.supersedes == YardActRow.id)
    )


def _other(year: int | None, number: int | None) -> ActNumber | None:
    return None if year is None or number is None else ActNumber(year, number)


def read_act(connection: sa.Connection, act: ActNumber) -> SignedAct:
    """One signed act, as it was signed.

    Raises:
        YardRefused: 'no_such_act', or 'act_damaged' where its content is not what was signed.
    """
    query = _rows().where(YardActRow.year == act.year, YardActRow.number == act.number)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise no_such("no_such_act", "act", str(act))
    content = row["content"]
    whole = _sha256(content) == row["sha256"] and content.get("number") == row["number"]
    if not whole:
        raise YardRefused(
            "act_damaged",
            f"act {act} is not what was signed: its content and its hash do not fit",
            values={"number": str(act)},
            where="yard_act",
            todo="bring the ledger back from a backup, and find out who changed it",
        )
    return SignedAct(
        act,
        row["wagon_id"],
        _validated(content),
        row["sha256"],
        row["signed_by"],
        row["role"],
        row["signed_utc_ns"],
        _other(row["old_year"], row["old_number"]),
        _other(row["new_year"], row["new_number"]),
    )


def list_acts(
    connection: sa.Connection, *, wagon_id: int | None, limit: int, before: ActNumber | None
) -> list[ActLine]:
    """Signed acts, the newest number first; `before`: only those below it, to page on."""
    query = _rows().order_by(YardActRow.year.desc(), YardActRow.number.desc()).limit(limit)
    if wagon_id is not None:
        query = query.where(YardActRow.wagon_id == wagon_id)
    if before is not None:
        below = sa.and_(YardActRow.year == before.year, YardActRow.number < before.number)
        query = query.where(sa.or_(YardActRow.year < before.year, below))
    return [
        ActLine(
            ActNumber(row["year"], row["number"]),
            row["wagon_id"],
            row["content"]["supplier"],
            row["content"]["vehicle"],
            row["signed_by"],
            row["signed_utc_ns"],
            _other(row["old_year"], row["old_number"]),
            _other(row["new_year"], row["new_number"]),
        )
        for row in connection.execute(query).mappings()
    ]
