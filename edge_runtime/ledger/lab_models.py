"""The ledger's tables of the lab: hardness, samples, certificates. Nothing in them is ever changed.

A wrong row is corrected by a new one that names it in `supersedes`; a row can be superseded once.
The migration v0003_lab makes the same tables (a test compares them). Neighbour: `edge_runtime.lots.lab`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from edge_runtime.ledger.models import Base, RowNumber


class HardnessRow(Base):
    """Readings of one ball, HRC: `readings` maps a depth (surface, quarter, half ...) to its list."""

    __tablename__ = "lab_hardness"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    lot: Mapped[str] = mapped_column(index=True)
    ball: Mapped[int]
    readings: Mapped[dict[str, Any]]
    test_date: Mapped[str] = mapped_column(String(10))
    by_name: Mapped[str]
    instrument: Mapped[str]
    note: Mapped[str] = mapped_column(Text())
    utc_ns: Mapped[int]
    supersedes: Mapped[int | None] = mapped_column(RowNumber, ForeignKey("lab_hardness.id"), unique=True)


class SampleRow(Base):
    """One sample drawn from a lot by a plan, and what was found in it.

    `plan` names the plan with AQL and severity; `stage` 1, or 2 for the second sample of a plan that has
    one; `accept` and `reject` are its Ac and Re.
    """

    __tablename__ = "lab_sample"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    lot: Mapped[str] = mapped_column(index=True)
    plan: Mapped[str]
    aql: Mapped[str | None] = mapped_column(String(16))
    severity: Mapped[str | None] = mapped_column(String(16))
    stage: Mapped[int]
    lot_size: Mapped[int]
    sample_size: Mapped[int]
    accept: Mapped[int]
    reject: Mapped[int]
    nonconforming: Mapped[int]
    test_date: Mapped[str] = mapped_column(String(10))
    by_name: Mapped[str]
    note: Mapped[str] = mapped_column(Text())
    utc_ns: Mapped[int]
    supersedes: Mapped[int | None] = mapped_column(RowNumber, ForeignKey("lab_sample.id"), unique=True)


class CertificateRow(Base):
    """An issued certificate: numbers run from 1 without gaps; `content` is what it says."""

    __tablename__ = "certificate"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lot: Mapped[str] = mapped_column(index=True)
    by_name: Mapped[str]
    language: Mapped[str] = mapped_column(String(8))
    recipe_sha256: Mapped[str]
    content: Mapped[dict[str, Any]]
    utc_ns: Mapped[int]
    supersedes: Mapped[int | None] = mapped_column(ForeignKey("certificate.number"), unique=True)
