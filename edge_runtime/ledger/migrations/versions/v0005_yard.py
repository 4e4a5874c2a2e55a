"""The rail yard: wagons, rails, findings, corrections, second looks, acts; and triggers that keep them.

What the cameras found, what people said and what was signed can be added to, never changed or removed, not
even by who has the database in hand: triggers refuse it. They also keep an act's number the next of its year.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: rows that stay as they were written
_KEPT = {
    "yard_act": "a signed act cannot be changed; sign a new one that supersedes it",
    "yard_correction": "a correction cannot be changed; add another",
    "yard_finding": "what the model found cannot be changed; add a correction",
    "yard_wagon_change": "the trail of a wagon cannot be changed",
    "yard_look": "a drawn second look cannot be changed",
    "yard_look_answer": "the answer of a second look cannot be changed",
}
#: columns of a rail that stay, whatever people say of it
_RAIL = ("name", "kind", "scan", "map", "folder", "strips", "model_sha256", "scanned_utc_ns", "added_utc_ns")
_RAIL_SAYS = "a rail's map cannot be changed or removed"
_NUMBER_SAYS = "acts are numbered without gaps, and none takes the place of a row that is there"


def upgrade() -> None:
    """Make the tables and their triggers."""
    _create_wagon()
    _create_rail()
    _create_finding()
    _create_correction()
    _create_look()
    _create_act()
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def downgrade() -> None:
    """Drop them; what they held is gone."""
    tables = (
        "yard_act", "yard_look_answer", "yard_look", "yard_correction", "yard_finding", "yard_rail",
        "yard_wagon_change", "yard_wagon",
    )  # fmt: skip
    for table in tables:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ferrogate_kept()")
        op.execute("DROP FUNCTION ferrogate_act_number()")


def _guard_sqlite() -> None:
    for table, says in _KEPT.items():
        for verb in ("UPDATE", "DELETE"):
            _sqlite_trigger(f"{table}_no_{verb.lower()}", f"{verb} ON {table}", says)
    _sqlite_trigger("yard_rail_no_update", f"UPDATE OF {', '.join(_RAIL)} ON yard_rail", _RAIL_SAYS)
    _sqlite_trigger("yard_rail_no_delete", "DELETE ON yard_rail", _RAIL_SAYS)
    # SQLite's INSERT OR REPLACE removes a row that is in its way without asking the triggers of DELETE.
    replaced = {
        "yard_act": "id = NEW.id OR supersedes = NEW.supersedes",
        "yard_correction": "id = NEW.id OR (rail_id = NEW.rail_id AND number = NEW.number)",
        "yard_finding": "id = NEW.id OR (rail_id = NEW.rail_id AND finding = NEW.finding)",
        "yard_wagon_change": "id = NEW.id OR (wagon_id = NEW.wagon_id AND revision = NEW.revision)",
        "yard_look": "id = NEW.id OR"
        " (rail_id = NEW.rail_id AND camera = NEW.camera AND first_row = NEW.first_row)",
        "yard_look_answer": "look_id = NEW.look_id",
        "yard_rail": "id = NEW.id OR name = NEW.name",
    }
    for table, same in replaced.items():
        says = _KEPT.get(table, _RAIL_SAYS)
        _sqlite_trigger(
            f"{table}_no_replace",
            f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",
            says,
        )
    _sqlite_trigger(
        "yard_act_number",
        "INSERT ON yard_act WHEN NEW.number <> "
        "(SELECT COALESCE(MAX(number), 0) + 1 FROM yard_act WHERE year = NEW.year)",
        _NUMBER_SAYS,
    )


def _sqlite_trigger(name: str, event: str, says: str) -> None:
    quoted = says.replace("'", "''")
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{quoted}'); END")


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION ferrogate_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE FUNCTION ferrogate_act_number() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM yard_act WHERE year = NEW.year) THEN "
        "RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )
    guards = [(table, "UPDATE OR DELETE", says) for table, says in _KEPT.items()]
    guards.append(("yard_rail", f"DELETE OR UPDATE OF {', '.join(_RAIL)}", _RAIL_SAYS))
    for table, event, says in guards:
        quoted = says.replace("'", "''")
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE {event} ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION ferrogate_kept('{quoted}')"
        )
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION ferrogate_kept('{quoted}')"
        )
    op.execute(
        "CREATE TRIGGER yard_act_number BEFORE INSERT ON yard_act FOR EACH ROW "
        f"EXECUTE FUNCTION ferrogate_act_number('{_NUMBER_SAYS}')"
    )


def _create_wagon() -> None:
    lines = ("receiver", "supplier", "deliverer", "contract")
    op.create_table(
        "yard_wagon",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in lines),
        sa.Column("vehicle_kind", sa.String(length=16), nullable=False),
        sa.Column("vehicle", sa.String(length=400), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("scrap_class", "scrap_kind", "scrap_grade")
        ),
        *(
            sa.Column(name, sa.Float(precision=53), nullable=True)
            for name in ("gross_kg", "tare_kg", "contamination_percent")
        ),
        *(sa.Column(name, sa.JSON(), nullable=True) for name in ("radiation", "explosion")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("foreign_items", "note")),
        sa.Column("arrived_utc_ns", sa.BigInteger(), nullable=True),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_wagon")),
    )
    op.create_index(op.f("ix_yard_wagon_vehicle"), "yard_wagon", ["vehicle"], unique=False)
    op.create_table(
        "yard_wagon_change",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("wagon_id", RowNumber, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("before", "after")),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_wagon_change")),
        sa.ForeignKeyConstraint(["wagon_id"], ["yard_wagon.id"], name=op.f("fk_yard_wagon_change_wagon_id")),
        sa.UniqueConstraint("wagon_id", "revision", name=op.f("uq_yard_wagon_change_wagon_id_revision")),
    )


def _create_rail() -> None:
    op.create_table(
        "yard_rail",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("wagon_id", RowNumber, nullable=True),
        sa.Column("map", sa.JSON(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("strips", sa.JSON(), nullable=False),
        sa.Column("model_sha256", sa.String(length=120), nullable=False),
        sa.Column("length_m", sa.Float(precision=53), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("scanned_utc_ns", "added_utc_ns", "revision")
        ),
        sa.Column("recipe_sha256", sa.String(length=120), nullable=False),
        sa.Column("grade", sa.JSON(), nullable=False),
        sa.Column("final_grade", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("findings", "unconfirmed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_rail")),
        sa.ForeignKeyConstraint(["wagon_id"], ["yard_wagon.id"], name=op.f("fk_yard_rail_wagon_id")),
        sa.UniqueConstraint("name", name=op.f("uq_yard_rail_name")),
    )
    for column in ("wagon_id", "scanned_utc_ns"):
        op.create_index(op.f(f"ix_yard_rail_{column}"), "yard_rail", [column], unique=False)


def _create_finding() -> None:
    op.create_table(
        "yard_finding",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("rail_id", RowNumber, nullable=False),
        *(sa.Column(name, sa.String(length=120), nullable=False) for name in ("finding", "label")),
        sa.Column("score", sa.Float(precision=53), nullable=False),
        *(sa.Column(name, sa.Float(precision=53), nullable=True) for name in ("start_m", "end_m")),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_finding")),
        sa.ForeignKeyConstraint(["rail_id"], ["yard_rail.id"], name=op.f("fk_yard_finding_rail_id")),
        sa.UniqueConstraint("rail_id", "finding", name=op.f("uq_yard_finding_rail_id_finding")),
    )
    op.create_index(op.f("ix_yard_finding_label"), "yard_finding", ["label"], unique=False)


def _create_correction() -> None:
    op.create_table(
        "yard_correction",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("rail_id", RowNumber, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("finding", sa.String(length=120), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=True) for name in ("before", "after")),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_correction")),
        sa.ForeignKeyConstraint(["rail_id"], ["yard_rail.id"], name=op.f("fk_yard_correction_rail_id")),
        sa.UniqueConstraint("rail_id", "number", name=op.f("uq_yard_correction_rail_id_number")),
    )
    op.create_index(op.f("ix_yard_correction_utc_ns"), "yard_correction", ["utc_ns"], unique=False)


def _create_look() -> None:
    op.create_table(
        "yard_look",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("rail_id", RowNumber, nullable=False),
        sa.Column("camera", sa.String(length=200), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("first_row", "last_row")),
        sa.Column("share", sa.Float(precision=53), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("seed", "utc_ns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_look")),
        sa.ForeignKeyConstraint(["rail_id"], ["yard_rail.id"], name=op.f("fk_yard_look_rail_id")),
        sa.UniqueConstraint(
            "rail_id", "camera", "first_row", name=op.f("uq_yard_look_rail_id_camera_first_row")
        ),
    )
    op.create_table(
        "yard_look_answer",
        sa.Column("look_id", RowNumber, autoincrement=False, nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("look_id", name=op.f("pk_yard_look_answer")),
        sa.ForeignKeyConstraint(["look_id"], ["yard_look.id"], name=op.f("fk_yard_look_answer_look_id")),
    )


def _create_act() -> None:
    op.create_table(
        "yard_act",
        sa.Column("id", RowNumber, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("year", "number")),
        sa.Column("wagon_id", RowNumber, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.String(length=120), nullable=False) for name in ("sha256", "signed_by")),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("signed_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("supersedes", RowNumber, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yard_act")),
        sa.ForeignKeyConstraint(["wagon_id"], ["yard_wagon.id"], name=op.f("fk_yard_act_wagon_id")),
        sa.ForeignKeyConstraint(["supersedes"], ["yard_act.id"], name=op.f("fk_yard_act_supersedes")),
        sa.UniqueConstraint("year", "number", name=op.f("uq_yard_act_year_number")),
        sa.UniqueConstraint("supersedes", name=op.f("uq_yard_act_supersedes")),
    )
    op.create_index(op.f("ix_yard_act_wagon_id"), "yard_act", ["wagon_id"], unique=False)
