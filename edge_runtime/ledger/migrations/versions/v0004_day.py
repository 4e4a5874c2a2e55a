"""The day: acts, shifts, lots, challenges, alarms, how the line stood; running counts of the parts.

Parts get columns that may be null, and indices for the page's questions. The running counts begin with
what the rows of before add up to, so that the page's books light is right from the first moment.

Revision ID: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFUSED = "(verdict <> 'accept' OR side = 'reject')"
_BY_TIME = ["utc_ns", "side", "challenge", "contained_by", "reason", "diameter_mean_mm"]
#: name, columns, only where
_PART_INDICES: tuple[tuple[str, list[str], str | None], ...] = (
    ("ix_part_challenge", ["challenge"], "challenge IS NOT NULL"),
    ("ix_part_contained_by", ["contained_by"], "contained_by IS NOT NULL"),
    ("ix_part_lot_id", ["lot", "id"], None),
    ("ix_part_shift_id_id", ["shift_id", "id"], None),
    ("ix_part_outcome_segment_outcome_offset", ["outcome_segment", "outcome_offset"], None),
    ("ix_part_by_time", _BY_TIME, None),
    ("ix_part_open", ["epoch", "lane", "trigger_seq"], "side IS NULL"),
    ("ix_part_refused", ["id"], _REFUSED),
    ("ix_part_refused_of_lot", ["lot", "id"], _REFUSED),
    ("ix_part_refused_of_shift", ["shift_id", "id"], _REFUSED),
)


def upgrade() -> None:
    """Make tables, columns and indices; count the parts that are there."""
    op.add_column("part", sa.Column("challenge", sa.String(length=40), nullable=True))
    op.add_column("part", sa.Column("contained_by", sa.String(length=40), nullable=True))
    op.add_column("part", sa.Column("confirm_encoder_count", sa.BigInteger(), nullable=True))
    op.add_column("part", sa.Column("shift_id", RowNumber, nullable=True))
    op.drop_index("ix_part_utc_ns", table_name="part")
    for name, columns, where in _PART_INDICES:
        only = None if where is None else sa.text(where)
        op.create_index(name, "part", columns, unique=False, sqlite_where=only, postgresql_where=only)
    op.create_index("ix_counters_utc_ns", "counters", ["utc_ns"], unique=False)
    _create_act()
    _create_shift()
    _create_lot()
    _create_challenge()
    _create_alarm()
    _create_line_state()
    book, day = _create_book_tally(), _create_day_tally()
    _count_parts(book, day)


def downgrade() -> None:
    """Drop them again; what they held is gone."""
    for table in ("day_tally", "book_tally", "line_state", "alarm", "challenge", "lot", "shift", "act"):
        op.drop_table(table)
    op.drop_index("ix_counters_utc_ns", table_name="counters")
    for name, _, _ in reversed(_PART_INDICES):
        op.drop_index(name, table_name="part")
    op.create_index("ix_part_utc_ns", "part", ["utc_ns"], unique=False)
    for column in ("shift_id", "confirm_encoder_count", "contained_by", "challenge"):
        op.drop_column("part", column)


def _count_parts(book: sa.Table, day: sa.Table) -> None:
    """What `edge_runtime.ledger.tallies` would have counted, had it been there when the rows were written."""
    names = (
        "epoch", "lane", "lot", "decision", "null_cause", "reason", "side", "cause", "confirm", "plc_verdict",
        "plc_reason", "verdict", "is_gap", "views_due", "views_got", "views_lost",
    )  # fmt: skip
    part = sa.table("part", *(sa.column(name) for name in names))

    def plain(name: str) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(part.c[name], "")

    words = [plain(name) for name in ("decision", "null_cause", "side", "cause", "confirm", "plc_verdict")]
    keys = [part.c.epoch, part.c.lane, *words, part.c.is_gap]
    sums = [
        sa.func.coalesce(sa.func.sum(part.c[name]), 0) for name in ("views_due", "views_got", "views_lost")
    ]
    counted = sa.select(*keys, sa.func.count(), *sums).group_by(*keys)
    op.execute(sa.insert(book).from_select([column.name for column in book.columns], counted))

    gravest = sa.func.coalesce(
        *(sa.func.nullif(part.c[name], "") for name in ("reason", "null_cause", "plc_reason")),
        part.c.cause,
        "",
    )
    way = [
        sa.literal_column("0"),
        plain("lot"),
        plain("side"),
        sa.case((part.c.verdict != "accept", sa.true()), else_=sa.false()),
        sa.false(),
        sa.false(),
        sa.case((part.c.side == "reject", gravest), else_=""),
    ]
    named = sa.select(
        *(value.label(column.name) for value, column in zip(way, day.columns, strict=False))
    ).subquery()
    keys = list(named.c)
    counted = sa.select(*keys, sa.func.count()).group_by(*keys)
    op.execute(sa.insert(day).from_select([column.name for column in day.columns], counted))


def _create_act() -> None:
    op.create_table(
        "act",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.String(length=120), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act")),
    )
    op.create_index(op.f("ix_act_utc_ns"), "act", ["utc_ns"], unique=False)


def _create_shift() -> None:
    op.create_table(
        "shift",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("opened_by", sa.String(length=120), nullable=False),
        sa.Column("opened_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.String(length=120), nullable=True),
        sa.Column("closed_utc_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
    )
    op.create_index(op.f("ix_shift_opened_utc_ns"), "shift", ["opened_utc_ns"], unique=False)


def _create_lot() -> None:
    op.create_table(
        "lot",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("product", sa.String(length=120), nullable=False),
        sa.Column("recipe_sha256", sa.String(length=120), nullable=False),
        sa.Column("opened_by", sa.String(length=120), nullable=False),
        sa.Column("opened_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.String(length=120), nullable=True),
        sa.Column("closed_utc_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        sa.UniqueConstraint("name", name=op.f("uq_lot_name")),
    )


def _create_challenge() -> None:
    op.create_table(
        "challenge",
        sa.Column("challenge", sa.String(length=120), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("expected", sa.String(length=120), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("balls", "rejected", "accepted", "unproven")
        ),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("lot", sa.String(length=120), nullable=False),
        sa.Column("shift", sa.String(length=120), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("begun_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("since_part_id", sa.BigInteger(), nullable=True),
        sa.Column("last_part_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("challenge", name=op.f("pk_challenge")),
    )
    op.create_index(op.f("ix_challenge_utc_ns"), "challenge", ["utc_ns"], unique=False)


def _create_alarm() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("raised_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("cleared_utc_ns", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=120), nullable=True),
        sa.Column("acknowledged_utc_ns", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    op.create_index(op.f("ix_alarm_raised_utc_ns"), "alarm", ["raised_utc_ns"], unique=False)
    op.create_index(op.f("ix_alarm_code_subject"), "alarm", ["code", "subject"], unique=False)


def _create_line_state() -> None:
    op.create_table(
        "line_state",
        sa.Column("id", RowNumber, nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("connected", "running", "latched")),
        sa.Column("stop_cause", sa.String(length=32), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("holds", sa.Text(), nullable=False),
        sa.Column("key_switch", sa.String(length=16), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("lot", sa.String(length=120), nullable=False),
        sa.Column("shift", sa.String(length=120), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_state")),
    )
    op.create_index(op.f("ix_line_state_utc_ns"), "line_state", ["utc_ns"], unique=False)


def _create_book_tally() -> sa.Table:
    words = {"decision": 16, "null_cause": 120, "side": 16, "cause": 32, "confirm": 16, "plc_verdict": 16}
    return op.create_table(
        "book_tally",
        *(
            sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
            for name in ("epoch", "lane")
        ),
        *(sa.Column(name, sa.String(length=length), nullable=False) for name, length in words.items()),
        sa.Column("is_gap", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("parts", "views_due", "views_got", "views_lost")
        ),
        sa.PrimaryKeyConstraint("epoch", "lane", *words, "is_gap", name=op.f("pk_book_tally")),
    )


def _create_day_tally() -> sa.Table:
    flags = ("refused", "challenge", "contained")
    table = op.create_table(
        "day_tally",
        sa.Column("shift_id", RowNumber, autoincrement=False, nullable=False),
        sa.Column("lot", sa.String(length=120), nullable=False),
        sa.Column("side", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in flags),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shift_id", "lot", "side", *flags, "reason", name=op.f("pk_day_tally")),
    )
    op.create_index(op.f("ix_day_tally_lot"), "day_tally", ["lot"], unique=False)
    return table
