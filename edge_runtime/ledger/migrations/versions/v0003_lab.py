"""What the lab types in: hardness, samples; and the certificates that were issued.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _create_hardness()
    _create_sample()
    _create_certificate()


def downgrade() -> None:
    """Drop them; what the lab typed in is gone."""
    for table in ("certificate", "lab_sample", "lab_hardness"):
        op.drop_table(table)


def _create_hardness() -> None:
    op.create_table(
        "lab_hardness",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("lot", sa.String(length=120), nullable=False),
        sa.Column("ball", sa.BigInteger(), nullable=False),
        sa.Column("readings", sa.JSON(), nullable=False),
        sa.Column("test_date", sa.String(length=10), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("instrument", sa.String(length=120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("supersedes", RowNumber, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lab_hardness")),
        sa.ForeignKeyConstraint(["supersedes"], ["lab_hardness.id"], name=op.f("fk_lab_hardness_supersedes")),
        sa.UniqueConstraint("supersedes", name=op.f("uq_lab_hardness_supersedes")),
    )
    op.create_index(op.f("ix_lab_hardness_lot"), "lab_hardness", ["lot"], unique=False)


def _create_sample() -> None:
    op.create_table(
        "lab_sample",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("lot", sa.String(length=120), nullable=False),
        sa.Column("plan", sa.String(length=120), nullable=False),
        sa.Column("aql", sa.String(length=16), nullable=True),
        sa.Column("severity", sa.String(length=16), nullable=True),
        sa.Column("stage", sa.BigInteger(), nullable=False),
        sa.Column("lot_size", sa.BigInteger(), nullable=False),
        sa.Column("sample_size", sa.BigInteger(), nullable=False),
        sa.Column("accept", sa.BigInteger(), nullable=False),
        sa.Column("reject", sa.BigInteger(), nullable=False),
        sa.Column("nonconforming", sa.BigInteger(), nullable=False),
        sa.Column("test_date", sa.String(length=10), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("supersedes", RowNumber, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lab_sample")),
        sa.ForeignKeyConstraint(["supersedes"], ["lab_sample.id"], name=op.f("fk_lab_sample_supersedes")),
        sa.UniqueConstraint("supersedes", name=op.f("uq_lab_sample_supersedes")),
    )
    op.create_index(op.f("ix_lab_sample_lot"), "lab_sample", ["lot"], unique=False)


def _create_certificate() -> None:
    op.create_table(
        "certificate",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.String(length=120), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("recipe_sha256", sa.String(length=120), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("supersedes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_certificate")),
        sa.ForeignKeyConstraint(
            ["supersedes"], ["certificate.number"], name=op.f("fk_certificate_supersedes")
        ),
        sa.UniqueConstraint("supersedes", name=op.f("uq_certificate_supersedes")),
    )
    op.create_index(op.f("ix_certificate_lot"), "certificate", ["lot"], unique=False)
