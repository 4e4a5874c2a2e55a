"""The ledger's tables: one row per part, and what hangs on it.

Typed SQLAlchemy models; the migrations in `edge_runtime/ledger/migrations` make the
same tables (a test compares them). Units and clocks are in the names: `utc_ns` is wall
clock for people, other `_ns` are the host's monotonic clock and hold within `boot_id`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: 64-bit key on servers; SQLite's own row number, which it calls INTEGER
RowNumber = BigInteger().with_variant(Integer(), "sqlite")

#: parts without an outcome, and parts that were judged bad or rejected by the gate. Queries must use these
#: very words, or the databases do not see that the partial indices fit.
OPEN = text("side IS NULL")
REFUSED = text("(verdict <> 'accept' OR side = 'reject')")


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    """An index that holds only some rows."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


class Base(DeclarativeBase):
    """All tables of the ledger."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger(), str: String(120), float: Float(53), dict[str, Any]: JSON()}  # noqa: RUF012


class SessionRow(Base):
    """One life of the station process."""

    __tablename__ = "session"
    session: Mapped[str] = mapped_column(primary_key=True)
    station: Mapped[str]
    boot_id: Mapped[str]
    utc_ns: Mapped[int]
    mono_ns: Mapped[int]
    recipe_sha256: Mapped[str]
    model_sha256: Mapped[str]
    provider: Mapped[str]
    version: Mapped[str]
    calibration_sha256: Mapped[str | None]


class EpochRow(Base):
    """One epoch, agreed with the PLC start `plc_boot_id`."""

    __tablename__ = "epoch"
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plc_boot_id: Mapped[int] = mapped_column(index=True)
    cause: Mapped[str]
    utc_ns: Mapped[int]


class RecipeRow(Base):
    """A recipe as it was when a session used it."""

    __tablename__ = "recipe"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    recipe: Mapped[dict[str, Any]]
    first_utc_ns: Mapped[int]


class ModelRow(Base):
    """A model's contract; the model itself is a file."""

    __tablename__ = "model"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    contract: Mapped[dict[str, Any]]
    first_utc_ns: Mapped[int]


class CalibrationRow(Base):
    """The cameras' calibrations as they were when a session used them: one object per camera name."""

    __tablename__ = "calibration"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    calibrations: Mapped[dict[str, Any]]
    first_utc_ns: Mapped[int]


class PartRow(Base):
    """One part: its trigger, what was judged, what the PLC did.

    `decision` is what the station sent; null with `null_cause` when it sent nothing or when that
    is not known. `verdict` is what counts: the decision, else the verdict that the PLC held, else
    reject. `side`, `cause`, `confirm`, `plc_verdict`, `plc_reason` come from the PLC's outcome.
    `has_part`, `has_outcome`, `is_gap` tell which entries the row was made of. Diameters and
    roundness hold at 20 degC; `u_` columns are standard uncertainties (k = 1). `challenge` names the
    challenge whose ball it was (null: production), `contained_by` the missed challenge that put it in doubt.
    `shift_id` is the opened shift that bore the name `shift` at its trigger; null when none was opened.
    """

    __tablename__ = "part"
    __table_args__ = (
        UniqueConstraint("epoch", "lane", "trigger_seq"),
        Index(None, "lane", "trigger_seq"),
        Index(None, "verdict", "reason"),
        Index(None, "lot", "id"),
        Index(None, "shift_id", "id"),
        Index(None, "outcome_segment", "outcome_offset"),
        # what the page asks for every few seconds of the last hour, without a look at the rows themselves
        Index("ix_part_by_time", "utc_ns", "side", "challenge", "contained_by", "reason", "diameter_mean_mm"),
        # partial, as most parts are neither: an index of nulls would be taken for 'production balls only'
        _partial("ix_part_challenge", "challenge", where=text("challenge IS NOT NULL")),
        _partial("ix_part_contained_by", "contained_by", where=text("contained_by IS NOT NULL")),
        _partial("ix_part_open", "epoch", "lane", "trigger_seq", where=OPEN),
        _partial("ix_part_refused", "id", where=REFUSED),
        _partial("ix_part_refused_of_lot", "lot", "id", where=REFUSED),
        _partial("ix_part_refused_of_shift", "shift_id", "id", where=REFUSED),
    )
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    epoch: Mapped[int]
    lane: Mapped[int]
    trigger_seq: Mapped[int]
    trigger_encoder_count: Mapped[int | None]
    pulse_counts: Mapped[int | None]
    lot: Mapped[str | None]
    shift: Mapped[str | None]
    recipe_sha256: Mapped[str | None]
    model_sha256: Mapped[str | None]
    views_due: Mapped[int | None]
    views_got: Mapped[int | None]
    views_lost: Mapped[int | None]
    decision: Mapped[str | None] = mapped_column(String(16))
    null_cause: Mapped[str]
    reason: Mapped[str]
    diameter_min_mm: Mapped[float | None]
    diameter_max_mm: Mapped[float | None]
    diameter_mean_mm: Mapped[float | None]
    u_diameter_mm: Mapped[float | None]
    last_view_arrived_ns: Mapped[int | None]
    decided_ns: Mapped[int | None]
    deadline_count: Mapped[int | None]
    utc_ns: Mapped[int]
    boot_id: Mapped[str]
    side: Mapped[str | None] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(32))
    confirm: Mapped[str | None] = mapped_column(String(16))
    plc_verdict: Mapped[str | None] = mapped_column(String(16))
    plc_reason: Mapped[str | None]
    outcome_utc_ns: Mapped[int | None]
    outcome_segment: Mapped[int | None]
    outcome_offset: Mapped[int | None]
    proof: Mapped[str | None] = mapped_column(Text())
    has_part: Mapped[bool]
    has_outcome: Mapped[bool]
    is_gap: Mapped[bool]
    u_diameter_mean_mm: Mapped[float | None]
    roundness_mm: Mapped[float | None]
    u_roundness_mm: Mapped[float | None]
    speck_mm: Mapped[float | None]
    coverage_surface_share: Mapped[float | None]
    coverage_p_flat: Mapped[float | None]
    coverage_p_neck: Mapped[float | None]
    coverage_p_crack: Mapped[float | None]
    temperature_celsius: Mapped[float | None]
    u_temperature_celsius: Mapped[float | None]
    calibration_sha256: Mapped[str | None]
    challenge: Mapped[str | None] = mapped_column(String(40))
    contained_by: Mapped[str | None] = mapped_column(String(40))
    confirm_encoder_count: Mapped[int | None]
    shift_id: Mapped[int | None] = mapped_column(RowNumber)
    verdict: Mapped[str] = mapped_column(
        String(16), Computed("coalesce(decision, plc_verdict, 'reject')", persisted=True)
    )


class ViewTableRow(Base):
    """One view of a part; `fault` 'ok', or why it proves nothing; `arrived_ns` null: it was lost."""

    __tablename__ = "view"
    __table_args__ = (Index(None, "part_id"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    part_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("part.id"))
    camera: Mapped[str]
    view_index: Mapped[int]
    frame_number: Mapped[int | None]
    encoder_count: Mapped[int]
    arrived_ns: Mapped[int | None]
    fault: Mapped[str]
    detail: Mapped[str] = mapped_column(Text())
    diameter_min_mm: Mapped[float | None]
    diameter_max_mm: Mapped[float | None]
    diameter_mean_mm: Mapped[float | None]
    roundness_mm: Mapped[float | None]
    outline_share: Mapped[float | None]
    u_diameter_mm: Mapped[float | None]


class FindingTableRow(Base):
    """One finding of one view; box in frame pixels."""

    __tablename__ = "finding"
    __table_args__ = (Index(None, "view_id"), Index(None, "label"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    view_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("view.id"))
    label: Mapped[str]
    score: Mapped[float]
    x_min_px: Mapped[float]
    y_min_px: Mapped[float]
    x_max_px: Mapped[float]
    y_max_px: Mapped[float]


class ReasonTableRow(Base):
    """One reason of a verdict; `place` 0 is the gravest."""

    __tablename__ = "reason"
    __table_args__ = (Index(None, "part_id"), Index(None, "code"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    part_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("part.id"))
    place: Mapped[int]
    code: Mapped[str]
    text: Mapped[str] = mapped_column(Text())
    value: Mapped[float | None]
    limit: Mapped[float | None]
    uncertainty: Mapped[float | None]
    camera: Mapped[str | None]
    view_index: Mapped[int | None]


class PictureRow(Base):
    """A view's picture in the storage folder; its view may be written down later, or never."""

    __tablename__ = "picture"
    __table_args__ = (UniqueConstraint("epoch", "lane", "trigger_seq", "camera", "view_index"),)
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    epoch: Mapped[int]
    lane: Mapped[int]
    trigger_seq: Mapped[int]
    camera: Mapped[str]
    view_index: Mapped[int]
    kind: Mapped[str]
    path: Mapped[str] = mapped_column(String(400), index=True)
    file_bytes: Mapped[int]
    utc_ns: Mapped[int]


class FaultRow(Base):
    """Something went wrong, with a name; `count` of them."""

    __tablename__ = "fault"
    __table_args__ = (Index(None, "code"), Index(None, "utc_ns"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    code: Mapped[str]
    detail: Mapped[str] = mapped_column(Text())
    count: Mapped[int]
    utc_ns: Mapped[int]
    boot_id: Mapped[str]
    camera: Mapped[str | None]
    lane: Mapped[int | None]
    encoder_count: Mapped[int | None]


class CountersRow(Base):
    """Totals of PLC and station at one place of the journal."""

    __tablename__ = "counters"
    __table_args__ = (Index(None, "plc_boot_id"), Index(None, "utc_ns"))
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    plc_boot_id: Mapped[int]
    totals: Mapped[dict[str, Any]]
    utc_ns: Mapped[int]
    segment: Mapped[int]
    offset: Mapped[int]


class JournalPositionRow(Base):
    """Up to where the journal is applied; moved in the transaction that applied it. One row, id 1."""

    __tablename__ = "journal_position"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    segment: Mapped[int]
    offset: Mapped[int]


class PictureRingRow(Base):
    """Up to where the ring of pictures was taken; a ring is known by its file's number. One row, id 1."""

    __tablename__ = "picture_ring"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    inode: Mapped[int]
    next_entry: Mapped[int]
