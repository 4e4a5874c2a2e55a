"""Ledgers that an older version left behind: their rows stay, the newer columns say nothing of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from edge_runtime.journal import JournalPosition
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.models import Base, CalibrationRow, SessionRow
from edge_runtime.ledger.queries import PartFilter, list_parts, show_part
from edge_runtime.ledger.store import _config, ledger_url, open_ledger, open_to_read, reading
from tests.edge.ledger_samples import BOOT, NEW_IN_PART, UTC_NS, epoch, outcome, part, placed, session
from vision.errors import LedgerError
from vision.types import PartId


def _parts(engine: sa.Engine) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return list(list_parts(connection, PartFilter(), newest_first=False))


def _calibrations(engine: sa.Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(CalibrationRow)).scalar_one())


def _as_first_schema(url: str) -> None:
    """A ledger as version 0001 made it, with a session, two parts (one in flight), a view and a position."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for line in (
            "INSERT INTO journal_position VALUES (1, 1, 40)",
            f"INSERT INTO session VALUES ('s0', 'line-1', '{BOOT}', 5, 1, 'aa', 'bb', 'cpu', '0.1.0')",
            f"INSERT INTO epoch VALUES (1, 77, 'session', {UTC_NS})",
            "INSERT INTO part (id, epoch, lane, trigger_seq, null_cause, reason, utc_ns, boot_id, decision,"
            " diameter_mean_mm, u_diameter_mm, has_part, has_outcome, is_gap, side, cause, confirm,"
            " plc_verdict) VALUES"
            f" (1, 1, 0, 1, '', 'crack', {UTC_NS}, '{BOOT}', 'reject', 40.01, 0.2, 1, 1, 0, 'reject',"
            " 'verdict_reject', 'reject_eye', 'reject'),"
            f" (2, 1, 0, 2, '', '', {UTC_NS + 2}, '{BOOT}', 'accept', 40.02, 0.2, 1, 0, 0, NULL, NULL, NULL,"
            " NULL)",
            "INSERT INTO view (id, part_id, camera, view_index, encoder_count, fault, detail,"
            " diameter_mean_mm) VALUES (1, 1, 'left', 0, 500, 'ok', '', 40.01)",
        ):
            connection.exec_driver_sql(line)
    engine.dispose()


def test_a_ledger_of_the_first_schema_is_migrated_with_its_rows(tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    _as_first_schema(url)
    with pytest.raises(LedgerError, match="schema 0001"):
        open_to_read(url)
    engine = open_ledger(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    applier = Applier(engine)
    assert applier.position == JournalPosition(1, 40)
    # The part that was in flight gets its outcome, and one of the new kind comes behind.
    applier.apply(placed([outcome(2), session(), part(3), outcome(3)], after=40))
    old, completed, new = _parts(engine)
    assert (old["verdict"], old["reason"], old["diameter_mean_mm"]) == ("reject", "crack", 40.01)
    assert (completed["verdict"], completed["side"], completed["u_diameter_mm"]) == ("accept", "accept", 0.2)
    for name in NEW_IN_PART:
        assert old[name] is completed[name] is None, name
        assert new[name] == getattr(part(3), name)
    with reading(engine) as connection:
        shown = show_part(connection, PartId(1, 0, 1))
        hashes = connection.execute(sa.select(SessionRow.session, SessionRow.calibration_sha256)).all()
    assert shown is not None
    assert [(view["diameter_mean_mm"], view["roundness_mm"]) for view in shown["views"]] == [(40.01, None)]
    assert sorted(hashes) == [("s0", None), ("s1", "c" * 64)]
    engine.dispose()


def test_every_migration_can_be_taken_back(tmp_path: Path) -> None:
    """Down to the first schema and up again: rows stay, what the newer columns held is gone."""
    url = ledger_url(tmp_path)
    engine = open_ledger(url)
    Applier(engine).apply(placed([session(), epoch(), part(1), outcome(1)]))
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    engine.dispose()
    engine = open_ledger(url)
    (row,) = _parts(engine)
    assert (row["verdict"], row["diameter_mean_mm"], row["roundness_mm"]) == ("accept", 40.0, None)
    assert _calibrations(engine) == 0
    engine.dispose()
