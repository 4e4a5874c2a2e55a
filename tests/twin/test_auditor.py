"""The auditor against records of the real line and the real PLC program, healthy and tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.twin import auditor
from edge_runtime.twin.auditor import audit
from edge_runtime.twin.auditor_plc import AuditError
from edge_runtime.twin.auditor_report import Kind, Severity
from edge_runtime.twin.settings import LineSettings, save_line_settings
from tests.twin.clocked_loop import clocked_settings, run_clocked
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.tampering import TAMPERING, Record, no_accept, spoilt

FINDING, VIOLATION = Severity.FINDING, Severity.VIOLATION


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="module")
def healthy(bank_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LineSettings, Record]:
    """A run of 40 balls in which nothing went wrong."""
    settings = clocked_settings(tmp_path_factory.mktemp("healthy"), bank_dir)
    run_clocked(settings)
    logs = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (settings.truth_path, settings.plc_log_path)
    ]
    return settings, Record(*logs)


def test_a_healthy_run_has_nothing_to_name(healthy: tuple[LineSettings, Record], tmp_path: Path) -> None:
    settings, record = healthy
    report = record.audit(tmp_path, settings)
    totals = report.totals
    assert report.findings == ()
    assert report.invariant_kept
    assert totals.balls == settings.n_balls == totals.accepted + totals.rejected == totals.triggers
    assert totals.accepted >= 20
    assert totals.defective >= 5
    assert (totals.unaccounted, totals.unproven_accepts, totals.wrong_chute, totals.late) == (0, 0, 0, 0)
    assert (totals.escapes, totals.false_rejects, totals.fault_rejects) == (0, 0, 0)
    row = next(row for row in report.balls if row.ball == record.ball)
    assert row.proven
    assert (row.side, row.cause, row.chute, row.trigger_seq) == ("ACCEPT", "PROVEN", "accept", record.seq)
    assert row.last_view_ns is not None
    assert row.verdict_ns is not None
    assert row.verdict_ns >= row.last_view_ns


@pytest.mark.parametrize(
    ("tamper", "kind", "severity"),
    TAMPERING,
    ids=[f"{tamper.__name__}-{kind.value}" for tamper, kind, _ in TAMPERING],
)
def test_what_is_tampered_with_is_named(
    healthy: tuple[LineSettings, Record],
    tmp_path: Path,
    tamper: Callable[[Record], None],
    kind: Kind,
    severity: Severity,
) -> None:
    settings, record = healthy
    record = record.copy()
    tamper(record)
    report = record.audit(tmp_path, settings)
    named = report.of(kind)
    assert named, report.text()
    assert {finding.severity for finding in named} == {severity}
    assert report.invariant_kept == (severity is FINDING), report.text()
    about_the_ball = {finding.ball for finding in named if finding.ball is not None}
    assert not about_the_ball or record.ball in about_the_ball, report.text()
    if severity is VIOLATION and about_the_ball and kind is not Kind.BALL_UNACCOUNTED:
        assert report.totals.unproven_accepts >= 1


@pytest.mark.parametrize(
    ("fault", "lamp"),
    [
        # dust may hide a defect or look like one, but the picture is a picture
        ("dust_on_glass", 1.0),
        # the lamp has hardly begun to fade
        ("lamp_fade", 0.97),
    ],
)
def test_a_touched_but_usable_view_is_no_breach(
    healthy: tuple[LineSettings, Record], tmp_path: Path, fault: str, lamp: float
) -> None:
    settings, record = healthy
    record = record.copy()
    spoilt(fault, lamp=lamp)(record)
    assert record.audit(tmp_path, settings).findings == ()


def test_size_band_decides_what_is_defective(healthy: tuple[LineSettings, Record], tmp_path: Path) -> None:
    settings, record = healthy
    record.audit(tmp_path, settings)
    narrow = audit(tmp_path, settings, d_min_mm=39.95, d_max_mm=40.05)
    wide = audit(tmp_path, settings, d_min_mm=1.0, d_max_mm=100.0)
    # With no band at all the labels still count; with a narrow one good balls are out of size.
    assert 0 < wide.totals.defective < narrow.totals.defective
    assert narrow.totals.escapes > 0
    assert wide.totals.escapes == 0


def test_books_balance_with_balls_still_on_the_belt(
    healthy: tuple[LineSettings, Record], tmp_path: Path
) -> None:
    settings, record = healthy
    record = record.copy()
    record.final(record.ball)["place"] = "on_belt"
    totals = record.audit(tmp_path, settings).totals
    assert totals.on_belt == 1
    assert totals.balls == totals.accepted + totals.rejected + totals.on_belt
    assert totals.unaccounted == 0


# -- faults of the line itself, on injected time ---------------------------------------------------------

FAULTS: list[tuple[str, dict[str, Any], set[Kind], bool]] = [
    # a pulse that is no ball: the ball before it is too close, nothing else
    ("duplicate_trigger", {}, {Kind.DUPLICATE_TRIGGER}, True),
    ("missing_trigger", {}, {Kind.BALL_UNTRIGGERED}, True),
    ("touching_balls", {}, {Kind.SHARED_TRIGGER}, True),
    ("reverse_jog", {}, set(), True),
    ("encoder_wrap", {}, set(), True),
    ("e_stop", {}, set(), True),
    # numbers begin anew, positions lose a turn of the counter; parts die without an outcome
    (
        "plc_restart",
        {"encoder_start": 60000},
        {Kind.PART_WITHOUT_OUTCOME, Kind.BALL_UNTRIGGERED},
        True,
    ),
    # ... and with outputs that outlive their PLC, undecided balls follow a good one
    ("plc_restart", {"gate_watchdog_ms": 250.0}, {Kind.ACCEPT_ON_REJECT}, False),
    # stuck towards reject: good balls in the wrong chute, the belt stops after two
    ("gate_stick", {}, {Kind.GATE_DISOBEYED, Kind.WRONG_CHUTE}, True),
    # stuck towards accept: nothing can help the balls under it, but the belt must stop
    (
        "gate_stick",
        {"gate_stick_position": "accept", "defect_share": 0.6},
        {Kind.ACCEPT_ON_REJECT, Kind.GATE_DISOBEYED, Kind.WRONG_CHUTE},
        False,
    ),
]


@pytest.mark.parametrize(
    ("fault", "changes", "kinds", "kept"), FAULTS, ids=["-".join((row[0], *row[1])) for row in FAULTS]
)
def test_faults_of_the_line(
    bank_dir: Path, tmp_path: Path, fault: str, changes: dict[str, Any], kinds: set[Kind], kept: bool
) -> None:
    plan = ({"name": fault, "ball": 15},)
    base: dict[str, Any] = {"n_balls": 30, "defect_share": 0.1, "faults": plan}
    settings = clocked_settings(tmp_path, bank_dir, **(base | changes))
    run_clocked(settings)
    report = audit(tmp_path, settings)
    assert report.invariant_kept == kept, report.text()
    assert kinds <= {finding.kind for finding in report.findings}, report.text()
    assert all(finding.explained_by == fault for finding in report.findings), report.text()
    assert Kind.BELT_NOT_STOPPED.value not in report.kinds
    assert (report.totals.unaccounted, report.totals.balls) == (0, 30)
    assert (report.totals.unproven_accepts == 0) == kept


# -- command line and files ------------------------------------------------------------------------------


def test_command_line(
    healthy: tuple[LineSettings, Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, record = healthy
    record.audit(tmp_path, settings)
    save_line_settings(settings, tmp_path / "line.json")
    assert auditor.main([str(tmp_path)]) == 0
    assert "without a fresh proof" in capsys.readouterr().out
    record = record.copy()
    no_accept(record)
    record.audit(tmp_path, settings)
    assert auditor.main([str(tmp_path), "--json"]) == 10
    data = json.loads(capsys.readouterr().out)
    assert not data["invariant_kept"]
    assert data["totals"]["unproven_accepts"] == 1
    assert data["kinds"] == {"accept_without_verdict": 1}
    assert len(data["balls"]) == settings.n_balls
    (tmp_path / "plc.jsonl").unlink()
    assert auditor.main([str(tmp_path)]) == AuditError.exit_code
    assert "what to do" in capsys.readouterr().err


def test_torn_lines(healthy: tuple[LineSettings, Record], tmp_path: Path) -> None:
    settings, record = healthy
    whole = record.audit(tmp_path, settings)
    path = tmp_path / "plc.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    # A killed writer's half line with the next writer's first line behind it, and a half line at the end.
    lines[5] = '{"event":"scan_late","t_n' + lines[5].replace('{"event": ', '{"event":')
    path.write_text("\n".join(lines) + '\n{"event":"ga', encoding="utf-8")
    assert audit(tmp_path, settings) == whole
    path.write_text("no json\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(AuditError, match="line 1"):
        audit(tmp_path, settings)
