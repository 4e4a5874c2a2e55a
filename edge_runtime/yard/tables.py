"""The ledger's tables of the rail yard: wagons, rails, findings, corrections, second looks, acts.

Findings, corrections, changes of wagons, looks and acts are never changed and never removed: triggers of the
database refuse it. The migration v0005_yard makes the same tables (a test compares them) and the triggers.
Neighbours: `store` and its modules read and write.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from edge_runtime.ledger.models import Base, RowNumber

_Json = sa.JSON(none_as_null=True)


class WagonRow(Base):
    """One wagon, truck or lot of used rails, as it was typed last; see `store_types.WagonFields`."""

    __tablename__ = "yard_wagon"
    __table_args__ = (Index(None, "vehicle"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    revision: Mapped[int]
    receiver: Mapped[str] = mapped_column(Text())
    supplier: Mapped[str] = mapped_column(Text())
    deliverer: Mapped[str] = mapped_column(Text())
    contract: Mapped[str] = mapped_column(Text())
    vehicle_kind: Mapped[str] = mapped_column(String(16))
    vehicle: Mapped[str] = mapped_column(String(400))
    scrap_class: Mapped[str] = mapped_column(Text())
    scrap_kind: Mapped[str] = mapped_column(Text())
    scrap_grade: Mapped[str] = mapped_column(Text())
    gross_kg: Mapped[float | None]
    tare_kg: Mapped[float | None]
    contamination_percent: Mapped[float | None]
    radiation: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    explosion: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    foreign_items: Mapped[str] = mapped_column(Text())
    note: Mapped[str] = mapped_column(Text())
    arrived_utc_ns: Mapped[int | None]
    by_name: Mapped[str]
    utc_ns: Mapped[int]


class WagonChangeRow(Base):
    """One change of a wagon's fields: who, when, what changed. Revision 1 is its beginning."""

    __tablename__ = "yard_wagon_change"
    __table_args__ = (UniqueConstraint("wagon_id", "revision"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    wagon_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("yard_wagon.id"))
    revision: Mapped[int]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    by_name: Mapped[str]
    role: Mapped[str] = mapped_column(String(32))
    utc_ns: Mapped[int]


class RailRow(Base):
    """One rail, or one set of photos.

    `map` is the `RailMap` without its findings, which are rows of `yard_finding`; `strips` holds the list
    `parts`. These never change. `revision` is the number of its newest correction; grade, state and counts
    are those after it: `state` 'open', 'decided' (a decision holds), or 'finished' (and it is not `human`).
    """

    __tablename__ = "yard_rail"
    __table_args__ = (Index(None, "wagon_id"), Index(None, "scanned_utc_ns"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    scan: Mapped[str] = mapped_column(Text())
    wagon_id: Mapped[int | None] = mapped_column(RowNumber, ForeignKey("yard_wagon.id"))
    map: Mapped[dict[str, Any]]
    folder: Mapped[str] = mapped_column(Text())
    strips: Mapped[dict[str, Any]]
    model_sha256: Mapped[str]
    length_m: Mapped[float | None]
    scanned_utc_ns: Mapped[int]
    added_utc_ns: Mapped[int]
    revision: Mapped[int]
    recipe_sha256: Mapped[str]
    grade: Mapped[dict[str, Any]]
    final_grade: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    findings: Mapped[int]
    unconfirmed: Mapped[int]


class FindingRow(Base):
    """A finding as the model gave it: `content` is the map's."""

    __tablename__ = "yard_finding"
    __table_args__ = (UniqueConstraint("rail_id", "finding"), Index(None, "label"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    rail_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("yard_rail.id"))
    finding: Mapped[str]
    label: Mapped[str]
    score: Mapped[float]
    start_m: Mapped[float | None]
    end_m: Mapped[float | None]
    content: Mapped[dict[str, Any]]


class CorrectionRow(Base):
    """One change of a person, in the order of its rail: `number` from 1; see `store_types.Correction`."""

    __tablename__ = "yard_correction"
    __table_args__ = (UniqueConstraint("rail_id", "number"), Index(None, "utc_ns"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    rail_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("yard_rail.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    finding: Mapped[str]
    asked: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    reason: Mapped[str] = mapped_column(Text())
    by_name: Mapped[str]
    role: Mapped[str] = mapped_column(String(32))
    utc_ns: Mapped[int]


class LookRow(Base):
    """A stretch without a finding, drawn with `share` and `seed` for a second look."""

    __tablename__ = "yard_look"
    __table_args__ = (UniqueConstraint("rail_id", "camera", "first_row"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    rail_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("yard_rail.id"))
    camera: Mapped[str] = mapped_column(String(200))
    first_row: Mapped[int]
    last_row: Mapped[int]
    share: Mapped[float]
    seed: Mapped[int]
    utc_ns: Mapped[int]


class LookAnswerRow(Base):
    """What came of a second look: 'clear' or 'missed'."""

    __tablename__ = "yard_look_answer"
    look_id: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("yard_look.id"), primary_key=True, autoincrement=False
    )
    answer: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text())
    by_name: Mapped[str]
    role: Mapped[str] = mapped_column(String(32))
    utc_ns: Mapped[int]


class YardActRow(Base):
    """A signed act: numbers run from 1 within a year, without gaps; `content` is what it says.

    `supersedes` is the row of the act it takes the place of; an act is superseded once at most.
    """

    __tablename__ = "yard_act"
    __table_args__ = (UniqueConstraint("year", "number"), Index(None, "wagon_id"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    year: Mapped[int]
    number: Mapped[int]
    wagon_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("yard_wagon.id"))
    content: Mapped[dict[str, Any]]
    sha256: Mapped[str]
    signed_by: Mapped[str]
    role: Mapped[str] = mapped_column(String(32))
    signed_utc_ns: Mapped[int]
    supersedes: Mapped[int | None] = mapped_column(RowNumber, ForeignKey("yard_act.id"), unique=True)
