"""Every fault of the twin in one run of the whole line: real PLC server, real station, real pictures.

One run holds all faults, far enough apart to be told apart. Then each fault is asked
for its own trace in the books, and the run as a whole for the invariant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from edge_runtime.ledger.models import FaultRow, PartRow, SessionRow, ViewTableRow
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from edge_runtime.twin.auditor_report import BallAudit
from edge_runtime.twin.demo import free_port, play, write_files
from edge_runtime.twin.faults import FAULTS, FaultName, balls_needed, schedule
from edge_runtime.twin.figures import DemoFigures, collect
from edge_runtime.twin.settings import LineSettings

pytestmark = [pytest.mark.line, pytest.mark.long, pytest.mark.timeout(600)]
SEED = 11


@dataclass(frozen=True)
class Run:
    """A finished run with all its figures."""

    figures: DemoFigures
    engine: sa.Engine

    def faults(self) -> set[str]:
        """Names of all faults in the ledger."""
        with reading(self.engine) as connection:
            return set(connection.scalars(sa.select(FaultRow.code)))

    def count(self, *where: sa.ColumnElement[bool]) -> int:
        """Parts that fit."""
        with reading(self.engine) as connection:
            found = connection.scalar(sa.select(sa.func.count()).select_from(PartRow).where(*where))
        return int(found or 0)

    def views(self, *faults: str) -> int:
        """Views with one of these faults or losses."""
        query = sa.select(sa.func.count()).select_from(ViewTableRow).where(ViewTableRow.fault.in_(faults))
        with reading(self.engine) as connection:
            return int(connection.scalar(query) or 0)

    def sessions(self) -> int:
        """Station processes that wrote into the ledger."""
        with reading(self.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(SessionRow)) or 0)

    def planned_ball(self, name: FaultName) -> int:
        """Number of the ball that the fault was planned at."""
        return next(fault.ball for fault in self.figures.run.settings.faults if fault.name == name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("faults")
    names = tuple(FaultName)
    n_balls = balls_needed(names)
    unique = f"fg-faults-{os.getpid()}"
    settings = LineSettings(
        n_balls=n_balls,
        seed=SEED,
        faults=schedule(names, n_balls, SEED),
        run_dir=folder / "run",
        field_name=f"{unique}-field",
        ring_prefix=unique,
        plc_port=free_port(),
    )
    demo = write_files(settings)
    play(demo, lambda _: None)
    engine = open_to_read(ledger_url(demo.storage))
    yield Run(collect(demo), engine)
    engine.dispose()


def test_no_ball_is_accepted_without_a_fresh_proof(run: Run) -> None:
    assert run.figures.report.invariant_kept, run.figures.report.text()
    assert run.figures.report.totals.unproven_accepts == 0


def test_every_ball_is_accounted_for(run: Run) -> None:
    totals = run.figures.report.totals
    assert totals.balls == run.figures.run.settings.n_balls
    assert totals.accepted + totals.rejected == totals.balls
    assert run.figures.unaccounted == 0, run.figures.report.text()


def test_the_books_balance_or_name_what_is_missing(run: Run) -> None:
    books = run.figures.books
    assert all(line.difference == 0 for line in books.lines), books.text()
    assert books.balanced, books.text()


def _near(run: Run, name: FaultName) -> list[BallAudit]:
    first, last = FAULTS[name].spoils
    ball = run.planned_ball(name)
    return [row for row in run.figures.report.balls if ball + first <= row.ball <= ball + last]


def test_good_balls_far_from_any_fault_are_accepted(run: Run) -> None:
    spoilt = {row.ball for name in FaultName for row in _near(run, name)}
    sound = [row for row in run.figures.report.balls if row.ball not in spoilt and not row.defective]
    accepted = [row for row in sound if row.chute == "accept"]
    assert len(sound) > 50
    assert len(accepted) >= 0.9 * len(sound)


TRACES: dict[FaultName, Callable[[Run], object]] = {
    # cause, or a view lost with a cause
    FaultName.LOST_FRAME: lambda run: (
        run.views("frame_lost", "frame_late") and "frames_number_gap" in run.faults()
    ),
    FaultName.LATE_FRAME: lambda run: run.views("frame_late", "frame_lost"),
    FaultName.FROZEN_FRAME: lambda run: "frame_frozen" in run.faults(),
    FaultName.BLACK_FRAME: lambda run: "frame_black" in run.faults(),
    FaultName.LAMP_FADE: lambda run: run.faults() & {"frame_lamp", "frame_black"},
    FaultName.OIL_FILM: lambda run: run.faults() & {"frame_focus", "frame_lamp"},
    # dust need not be a fault of the frame; the balls behind it are the judge's business
    FaultName.DUST_ON_GLASS: lambda run: run.figures.report.invariant_kept,
    FaultName.CAMERA_KNOCK: lambda run: "frame_moved" in run.faults(),
    FaultName.CAMERAS_SWAPPED: lambda run: "frame_moved" in run.faults(),
    FaultName.DUPLICATE_TRIGGER: lambda run: run.figures.report.totals.triggers_without_ball >= 1,
    FaultName.MISSING_TRIGGER: lambda run: "untriggered" in run.faults(),
    FaultName.TOUCHING_BALLS: lambda run: run.count(PartRow.cause == "pulse"),
    FaultName.REVERSE_JOG: lambda run: run.count(PartRow.cause == "reverse"),
    # the wrap itself leaves no trace: the ball in the pictures was judged like any other
    FaultName.ENCODER_WRAP: lambda run: all(row.trigger_seq for row in _near(run, FaultName.ENCODER_WRAP)),
    FaultName.PLC_LINK_CUT: lambda run: "hold_plc" in run.faults(),
    FaultName.PLC_RESTART: lambda run: "plc_restart" in run.faults(),
    FaultName.STATION_KILL: lambda run: run.sessions() >= 2,
    FaultName.DISK_FULL: lambda run: run.faults() & {"hold_journal", "journal_write_error"},
    FaultName.LATE_VERDICT: lambda run: run.count(PartRow.cause.in_(("heartbeat", "stale_epoch", "late"))),
    FaultName.GATE_STICK: lambda run: "plc_belt_latched" in run.faults(),
    FaultName.E_STOP: lambda run: "plc_e_stop" in run.faults() and run.count(PartRow.cause == "stop"),
}


@pytest.mark.parametrize("name", FaultName)
def test_a_fault_leaves_its_name_and_no_wrong_accept(run: Run, name: FaultName) -> None:
    assert TRACES[name](run), f"{name} left no trace: {sorted(run.faults())}"
    assert [row.violations for row in _near(run, name) if row.violations] == []
