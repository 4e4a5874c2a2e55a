"""The ledger's tables of the day: acts, shifts, lots, challenges, alarms, how the line stood.

All but `alarm` are filled by the recorder from the journal (`edge_runtime.ledger.apply_day`); alarms are
raised, acknowledged and cleared by the page's alarm desk. The migration v0004_day makes the same tables
(a test compares them). Wall-clock times are for people.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from edge_runtime.ledger.models import Base, RowNumber


class ActRow(Base):
    """One act of a person, or what followed from one by itself; see `entries.ActEntry`."""

    __tablename__ = "act"
    __table_args__ = (Index(None, "utc_ns"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    revision: Mapped[int]
    act: Mapped[str]
    by_name: Mapped[str]
    role: Mapped[str] = mapped_column(String(32))
    asked: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    utc_ns: Mapped[int]


class ShiftRow(Base):
    """One shift; `closed_utc_ns` null while it is open. The same name may come again another day."""

    __tablename__ = "shift"
    __table_args__ = (Index(None, "opened_utc_ns"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    name: Mapped[str]
    opened_by: Mapped[str]
    opened_utc_ns: Mapped[int]
    closed_by: Mapped[str | None]
    closed_utc_ns: Mapped[int | None]


class LotRow(Base):
    """One lot; its name is never given twice."""

    __tablename__ = "lot"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    product: Mapped[str]
    recipe_sha256: Mapped[str]
    opened_by: Mapped[str]
    opened_utc_ns: Mapped[int]
    closed_by: Mapped[str | None]
    closed_utc_ns: Mapped[int | None]


class ChallengeRow(Base):
    """One challenge that is over; its balls are the parts that name it.

    Of a passed one, `since_part_id` and `last_part_id` are its own first and newest ball. Of a missed one
    they bound what it puts in doubt: accepted parts above `since_part_id` (first ball of the last challenge
    passed before it on its lane; null: none was) up to `last_part_id` (newest ball of the passed one that
    answered it; null: nobody has yet, and what is accepted goes on being contained). Else they are null.
    """

    __tablename__ = "challenge"
    __table_args__ = (Index(None, "utc_ns"),)
    challenge: Mapped[str] = mapped_column(primary_key=True)
    result: Mapped[str] = mapped_column(String(16))
    expected: Mapped[str]
    balls: Mapped[int]
    rejected: Mapped[int]
    accepted: Mapped[int]
    unproven: Mapped[int]
    by_name: Mapped[str]
    lot: Mapped[str]
    shift: Mapped[str]
    lane: Mapped[int]
    detail: Mapped[str] = mapped_column(Text())
    begun_utc_ns: Mapped[int]
    utc_ns: Mapped[int]
    since_part_id: Mapped[int | None]
    last_part_id: Mapped[int | None]


class AlarmRow(Base):
    """One alarm, from its cause's coming to its going; `code` keys the plain words of every language.

    Attributes:
        values: fills the places of the text. subject: which camera, lane ...; '' for the whole station.
        cleared_utc_ns: null while the cause lasts. acknowledged_by: null until a person has.
    """

    __tablename__ = "alarm"
    __table_args__ = (Index(None, "raised_utc_ns"), Index(None, "code", "subject"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    code: Mapped[str]
    subject: Mapped[str]
    level: Mapped[str] = mapped_column(String(16))
    values: Mapped[dict[str, Any]]
    raised_utc_ns: Mapped[int]
    cleared_utc_ns: Mapped[int | None]
    acknowledged_by: Mapped[str | None]
    acknowledged_utc_ns: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text())


class LineStateRow(Base):
    """How the line stood from `utc_ns` on, until the next row; see `entries.LineStateEntry`."""

    __tablename__ = "line_state"
    __table_args__ = (Index(None, "utc_ns"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    connected: Mapped[bool]
    running: Mapped[bool]
    latched: Mapped[bool]
    stop_cause: Mapped[str] = mapped_column(String(32))
    ready: Mapped[bool]
    holds: Mapped[str] = mapped_column(Text())
    key_switch: Mapped[str] = mapped_column(String(16))
    inputs: Mapped[str] = mapped_column(Text())
    lot: Mapped[str]
    shift: Mapped[str]
    utc_ns: Mapped[int]
