"""First schema: sessions, epochs, parts with views, findings and reasons, faults, counters, pictures.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _create_counters()
    _create_epoch()
    _create_fault()
    _create_journal_position()
    _create_model()
    _create_part()
    _create_picture()
    _create_picture_ring()
    _create_recipe()
    _create_session()
    _create_reason()
    _create_view()
    _create_finding()


def downgrade() -> None:
    """Drop all tables, those that others refer to last."""
    for table in (
        "finding",
        "reason",
        "view",
        "part",
        "counters",
        "epoch",
        "fault",
        "journal_position",
        "model",
        "picture",
        "picture_ring",
        "recipe",
        "session",
    ):
        op.drop_table(table)


def _create_counters() -> None:
    op.create_table(
        "counters",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("plc_boot_id", sa.BigInteger(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counters")),
    )
    op.create_index(op.f("ix_counters_plc_boot_id"), "counters", ["plc_boot_id"], unique=False)


def _create_epoch() -> None:
    op.create_table(
        "epoch",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plc_boot_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=120), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_epoch")),
    )
    op.create_index(op.f("ix_epoch_plc_boot_id"), "epoch", ["plc_boot_id"], unique=False)


def _create_fault() -> None:
    op.create_table(
        "fault",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("boot_id", sa.String(length=120), nullable=False),
        sa.Column("camera", sa.String(length=120), nullable=True),
        sa.Column("lane", sa.BigInteger(), nullable=True),
        sa.Column("encoder_count", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fault")),
    )
    op.create_index(op.f("ix_fault_code"), "fault", ["code"], unique=False)
    op.create_index(op.f("ix_fault_utc_ns"), "fault", ["utc_ns"], unique=False)


def _create_journal_position() -> None:
    op.create_table(
        "journal_position",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_position")),
    )


def _create_model() -> None:
    op.create_table(
        "model",
        sa.Column("sha256", sa.String(length=120), nullable=False),
        sa.Column("contract", sa.JSON(), nullable=False),
        sa.Column("first_utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_model")),
    )


def _create_part() -> None:
    op.create_table(
        "part",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("trigger_seq", sa.BigInteger(), nullable=False),
        sa.Column("trigger_encoder_count", sa.BigInteger(), nullable=True),
        sa.Column("pulse_counts", sa.BigInteger(), nullable=True),
        sa.Column("lot", sa.String(length=120), nullable=True),
        sa.Column("shift", sa.String(length=120), nullable=True),
        sa.Column("recipe_sha256", sa.String(length=120), nullable=True),
        sa.Column("model_sha256", sa.String(length=120), nullable=True),
        sa.Column("views_due", sa.BigInteger(), nullable=True),
        sa.Column("views_got", sa.BigInteger(), nullable=True),
        sa.Column("views_lost", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("null_cause", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("diameter_min_mm", sa.Float(precision=53), nullable=True),
        sa.Column("diameter_max_mm", sa.Float(precision=53), nullable=True),
        sa.Column("diameter_mean_mm", sa.Float(precision=53), nullable=True),
        sa.Column("u_diameter_mm", sa.Float(precision=53), nullable=True),
        sa.Column("last_view_arrived_ns", sa.BigInteger(), nullable=True),
        sa.Column("decided_ns", sa.BigInteger(), nullable=True),
        sa.Column("deadline_count", sa.BigInteger(), nullable=True),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("boot_id", sa.String(length=120), nullable=False),
        sa.Column("side", sa.String(length=16), nullable=True),
        sa.Column("cause", sa.String(length=32), nullable=True),
        sa.Column("confirm", sa.String(length=16), nullable=True),
        sa.Column("plc_verdict", sa.String(length=16), nullable=True),
        sa.Column("plc_reason", sa.String(length=120), nullable=True),
        sa.Column("outcome_utc_ns", sa.BigInteger(), nullable=True),
        sa.Column("outcome_segment", sa.BigInteger(), nullable=True),
        sa.Column("outcome_offset", sa.BigInteger(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.Column("has_part", sa.Boolean(), nullable=False),
        sa.Column("has_outcome", sa.Boolean(), nullable=False),
        sa.Column("is_gap", sa.Boolean(), nullable=False),
        sa.Column(
            "verdict",
            sa.String(length=16),
            sa.Computed("coalesce(decision, plc_verdict, 'reject')", persisted=True),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part")),
        sa.UniqueConstraint("epoch", "lane", "trigger_seq", name=op.f("uq_part_epoch_lane_trigger_seq")),
    )
    op.create_index(op.f("ix_part_lane_trigger_seq"), "part", ["lane", "trigger_seq"], unique=False)
    op.create_index(op.f("ix_part_utc_ns"), "part", ["utc_ns"], unique=False)
    op.create_index(op.f("ix_part_verdict_reason"), "part", ["verdict", "reason"], unique=False)


def _create_picture() -> None:
    op.create_table(
        "picture",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("trigger_seq", sa.BigInteger(), nullable=False),
        sa.Column("camera", sa.String(length=120), nullable=False),
        sa.Column("view_index", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=120), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint(
            "epoch",
            "lane",
            "trigger_seq",
            "camera",
            "view_index",
            name=op.f("uq_picture_epoch_lane_trigger_seq_camera_view_index"),
        ),
    )
    op.create_index(op.f("ix_picture_path"), "picture", ["path"], unique=False)


def _create_picture_ring() -> None:
    op.create_table(
        "picture_ring",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("next_entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture_ring")),
    )


def _create_recipe() -> None:
    op.create_table(
        "recipe",
        sa.Column("sha256", sa.String(length=120), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("first_utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_recipe")),
    )


def _create_session() -> None:
    op.create_table(
        "session",
        sa.Column("session", sa.String(length=120), nullable=False),
        sa.Column("station", sa.String(length=120), nullable=False),
        sa.Column("boot_id", sa.String(length=120), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("mono_ns", sa.BigInteger(), nullable=False),
        sa.Column("recipe_sha256", sa.String(length=120), nullable=False),
        sa.Column("model_sha256", sa.String(length=120), nullable=False),
        sa.Column("provider", sa.String(length=120), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_session")),
    )


def _create_reason() -> None:
    op.create_table(
        "reason",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("part_id", RowNumber, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("limit", sa.Float(precision=53), nullable=True),
        sa.Column("uncertainty", sa.Float(precision=53), nullable=True),
        sa.Column("camera", sa.String(length=120), nullable=True),
        sa.Column("view_index", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name=op.f("fk_reason_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reason")),
    )
    op.create_index(op.f("ix_reason_code"), "reason", ["code"], unique=False)
    op.create_index(op.f("ix_reason_part_id"), "reason", ["part_id"], unique=False)


def _create_view() -> None:
    op.create_table(
        "view",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("part_id", RowNumber, nullable=False),
        sa.Column("camera", sa.String(length=120), nullable=False),
        sa.Column("view_index", sa.BigInteger(), nullable=False),
        sa.Column("frame_number", sa.BigInteger(), nullable=True),
        sa.Column("encoder_count", sa.BigInteger(), nullable=False),
        sa.Column("arrived_ns", sa.BigInteger(), nullable=True),
        sa.Column("fault", sa.String(length=120), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("diameter_min_mm", sa.Float(precision=53), nullable=True),
        sa.Column("diameter_max_mm", sa.Float(precision=53), nullable=True),
        sa.Column("diameter_mean_mm", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name=op.f("fk_view_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view")),
    )
    op.create_index(op.f("ix_view_part_id"), "view", ["part_id"], unique=False)


def _create_finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("view_id", RowNumber, nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=False),
        sa.Column("x_min_px", sa.Float(precision=53), nullable=False),
        sa.Column("y_min_px", sa.Float(precision=53), nullable=False),
        sa.Column("x_max_px", sa.Float(precision=53), nullable=False),
        sa.Column("y_max_px", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["view_id"], ["view.id"], name=op.f("fk_finding_view_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_label"), "finding", ["label"], unique=False)
    op.create_index(op.f("ix_finding_view_id"), "finding", ["view_id"], unique=False)
