"""Roundness, uncertainty of the mean, coverage, temperature and calibration of parts; figures of views.

Only columns that may be null are added, so rows of before keep what they have and say nothing more.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PART = (
    "u_diameter_mean_mm",
    "roundness_mm",
    "u_roundness_mm",
    "speck_mm",
    "coverage_surface_share",
    "coverage_p_flat",
    "coverage_p_neck",
    "coverage_p_crack",
    "temperature_celsius",
    "u_temperature_celsius",
)
_VIEW = ("roundness_mm", "outline_share", "u_diameter_mm")


def upgrade() -> None:
    """Add table and columns."""
    op.create_table(
        "calibration",
        sa.Column("sha256", sa.String(length=120), nullable=False),
        sa.Column("calibrations", sa.JSON(), nullable=False),
        sa.Column("first_utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_calibration")),
    )
    for name in _PART:
        op.add_column("part", sa.Column(name, sa.Float(precision=53), nullable=True))
    for name in _VIEW:
        op.add_column("view", sa.Column(name, sa.Float(precision=53), nullable=True))
    for table in ("part", "session"):
        op.add_column(table, sa.Column("calibration_sha256", sa.String(length=120), nullable=True))


def downgrade() -> None:
    """Drop them again; what they held is gone."""
    for table in ("session", "part"):
        op.drop_column(table, "calibration_sha256")
    for name in reversed(_VIEW):
        op.drop_column("view", name)
    for name in reversed(_PART):
        op.drop_column("part", name)
    op.drop_table("calibration")
