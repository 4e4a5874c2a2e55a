"""A sabotaged station is named by the auditor, each bug by its kind; a sound one is not.

Once on injected time with an oracle for a station, and once with the real processes:
twin line, PLC behind Modbus TCP, and the shipped station with a saboteur in its link.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edge_runtime.shm_ring import picture_ring_name, remove_ring
from edge_runtime.twin.auditor import audit
from edge_runtime.twin.auditor_report import AuditReport, Kind, Severity
from edge_runtime.twin.demo import free_port, play, write_files
from edge_runtime.twin.settings import LineSettings
from tests.twin.clocked_loop import clocked_settings, run_clocked
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.sabotage import LOSE_EVERY, Sabotage, Saboteur

VIOLATION, FINDING = Severity.VIOLATION, Severity.FINDING
#: what each sabotage must be called, and whether it breaks the invariant
NAMED: list[tuple[Sabotage, Kind, Severity]] = [
    # the PLC cannot see it: numbers and echoes fit, so only the balls can tell
    (Sabotage.SHIFT_BY_ONE, Kind.VERDICTS_SHIFTED, VIOLATION),
    # the echo betrays it, the PLC refuses them all
    (Sabotage.SHIFT_NUMBER, Kind.VERDICTS_SHIFTED, FINDING),
    (Sabotage.ACCEPT_WITHOUT_PROOF, Kind.ACCEPT_WITHOUT_PROOF, VIOLATION),
    (Sabotage.LOST_COMMAND, Kind.LOST_VERDICT, FINDING),
    (Sabotage.STALE_EPOCH, Kind.STALE_EPOCH_VERDICTS, FINDING),
]
KINDS = {kind for _, kind, _ in NAMED} | {Kind.IDENTITY_REFUSED}
#: kinds that a sabotage brings with it, besides its own name
COMPANY: dict[Sabotage, set[Kind]] = {
    # the last part gets no verdict: its own went to the part before
    Sabotage.SHIFT_BY_ONE: {Kind.LOST_VERDICT},
    Sabotage.SHIFT_NUMBER: {Kind.LOST_VERDICT, Kind.IDENTITY_REFUSED},
    Sabotage.ACCEPT_WITHOUT_PROOF: set(),
    Sabotage.LOST_COMMAND: set(),
    Sabotage.STALE_EPOCH: set(),
}


def _assert_named(report: AuditReport, sabotage: Sabotage, kind: Kind, severity: Severity) -> None:
    named = report.of(kind)
    assert named, report.text()
    assert {finding.severity for finding in named} == {severity}, report.text()
    assert report.invariant_kept == (severity is FINDING), report.text()
    others = {finding.kind for finding in report.findings} & KINDS - {kind}
    assert others <= COMPANY[sabotage], report.text()
    totals = report.totals
    assert totals.balls == totals.accepted + totals.rejected
    if sabotage is Sabotage.ACCEPT_WITHOUT_PROOF:
        assert totals.unproven_accepts == totals.accepted > 0
    if sabotage in (Sabotage.STALE_EPOCH, Sabotage.SHIFT_NUMBER):
        assert totals.accepted == 0
    if sabotage is Sabotage.LOST_COMMAND:
        assert totals.balls // LOSE_EVERY - 2 <= len(named) <= totals.balls // LOSE_EVERY


@pytest.mark.parametrize(("sabotage", "kind", "severity"), NAMED)
def test_named_on_injected_time(tmp_path: Path, sabotage: Sabotage, kind: Kind, severity: Severity) -> None:
    bank = make_drawn_bank(tmp_path / "bank")
    settings = clocked_settings(tmp_path, bank, n_balls=70, defect_share=0.3)
    run_clocked(settings, Saboteur(sabotage))
    _assert_named(audit(tmp_path, settings), sabotage, kind, severity)


def _line_settings(run_dir: Path, sabotage: Sabotage | None) -> LineSettings:
    name = f"fg-sabotage-{os.getpid()}-{run_dir.name[-24:]}"
    return LineSettings(
        run_dir=run_dir,
        # The alignment test has only the balls to go by, and a first model misses half of the defects.
        n_balls=110 if sabotage is Sabotage.SHIFT_BY_ONE else 50,
        # Slow and patient: a loaded machine must not look like a saboteur.
        balls_per_s=6.0,
        heartbeat_timeout_ms=1500,
        output_watchdog_ms=1500.0,
        defect_share=0.45,
        settle_d=8.0,
        seed=12,
        field_name=f"{name}-field",
        ring_prefix=name,
        plc_port=free_port(),
    )


def _play(run_dir: Path, repository: Path, sabotage: Sabotage | None) -> AuditReport:
    settings = _line_settings(run_dir, sabotage)
    run = write_files(settings, model=str(repository / "models" / "ferrogate_models" / "ball.onnx"))
    module = (
        ["edge_runtime.station.process"]
        if sabotage is None
        else [
            "tests.twin.sabotaged_station",
            sabotage.value,
        ]
    )
    try:
        play(run, lambda _placed: None, [sys.executable, "-m", *module, str(run.station_file)])
    finally:
        # The supervisor's duty, which is left out here.
        remove_ring(picture_ring_name(settings.ring_prefix))
    return audit(run_dir, settings)


#: On the real line each takes ten seconds: one in the quick tests, the others with the long ones.
ON_THE_LINE = [NAMED[0], *(pytest.param(*one, marks=pytest.mark.long) for one in NAMED[1:])]


@pytest.mark.line
@pytest.mark.parametrize(("sabotage", "kind", "severity"), ON_THE_LINE)
def test_named_on_the_real_line(
    tmp_path: Path, repository: Path, sabotage: Sabotage, kind: Kind, severity: Severity
) -> None:
    _assert_named(_play(tmp_path, repository, sabotage), sabotage, kind, severity)


@pytest.mark.line
@pytest.mark.long
def test_a_sound_station_is_not_named(tmp_path: Path, repository: Path) -> None:
    report = _play(tmp_path, repository, None)
    assert report.invariant_kept, report.text()
    assert not KINDS & {finding.kind for finding in report.findings}, report.text()
    totals = report.totals
    assert totals.balls == 50 == totals.accepted + totals.rejected
    assert totals.accepted > 0
