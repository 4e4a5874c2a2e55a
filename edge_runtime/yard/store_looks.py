"""Second looks in the yard's books: what was drawn, what came of it, the miss rate.

Statements within their caller's transaction. Neighbour: `second_look` draws and computes.
"""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa

from edge_runtime.day.rules import Who
from edge_runtime.yard.second_look import MissRate, miss_rate
from edge_runtime.yard.store_db import locked, no_such
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_types import Look, LookAnswer
from edge_runtime.yard.tables import LookAnswerRow, LookRow, RailRow


def looks_of(
    connection: sa.Connection,
    *,
    rail_id: int | None = None,
    look_id: int | None = None,
    open_only: bool = False,
    limit: int | None = None,
) -> list[Look]:
    """Draws, oldest first."""
    query = (
        sa.select(
            LookRow.id,
            LookRow.rail_id,
            RailRow.name,
            LookRow.camera,
            LookRow.first_row,
            LookRow.last_row,
            LookAnswerRow.answer,
            LookAnswerRow.by_name,
            LookAnswerRow.note,
            LookAnswerRow.utc_ns,
        )
        .join(RailRow, RailRow.id == LookRow.rail_id)
        .outerjoin(LookAnswerRow, LookAnswerRow.look_id == LookRow.id)
        .order_by(LookRow.id)
        .limit(limit)
    )
    if rail_id is not None:
        query = query.where(LookRow.rail_id == rail_id)
    if look_id is not None:
        query = query.where(LookRow.id == look_id)
    if open_only:
        query = query.where(LookAnswerRow.look_id.is_(None))
    return [
        Look(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            cast(LookAnswer | None, row[6]),
            row[7] or "",
            row[8] or "",
            row[9],
        )
        for row in connection.execute(query)
    ]


def answer_look(
    connection: sa.Connection, look_id: int, answer: LookAnswer, note: str, who: Who, utc_ns: int
) -> Look:
    """Write down what came of a second look; once.

    Raises:
        YardRefused: 'no_such_look', or 'already_answered' with who did.
    """
    locked(connection, LookAnswerRow.__table__)
    found = looks_of(connection, look_id=look_id)
    if not found:
        raise no_such("no_such_look", "second look", look_id)
    if found[0].answer is not None:
        raise YardRefused(
            "already_answered",
            f"{found[0].by} has looked at this already: {found[0].answer}",
            values={"by": found[0].by, "answer": found[0].answer},
            where=found[0].rail,
            todo="take the next one",
        )
    row = {
        "look_id": look_id,
        "answer": answer,
        "note": note,
        "by_name": who.name,
        "role": who.role,
        "utc_ns": utc_ns,
    }
    connection.execute(sa.insert(LookAnswerRow).values(row))
    return looks_of(connection, look_id=look_id)[0]


def read_miss_rate(connection: sa.Connection, since_utc_ns: int | None) -> MissRate:
    """The miss rate of stretches drawn since then; of all for None."""
    count = sa.func.count(LookRow.id)
    query = sa.select(LookAnswerRow.answer, count).outerjoin(LookAnswerRow).group_by(LookAnswerRow.answer)
    if since_utc_ns is not None:
        query = query.where(LookRow.utc_ns >= since_utc_ns)
    counts: dict[str | None, int] = {answer: int(number) for answer, number in connection.execute(query)}
    return miss_rate(counts.get("clear", 0), counts.get("missed", 0), counts.get(None, 0))
