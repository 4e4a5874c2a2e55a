"""The rolling audit against the audit of the whole run: the same names and the same sums."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.soak.rolling import AuditedStretch, RollingAudit
from edge_runtime.twin.auditor_report import AuditReport, Kind, Severity
from edge_runtime.twin.faults import FaultName, PlannedFault
from edge_runtime.twin.settings import LineSettings
from tests.twin.clocked_loop import clocked_settings, run_clocked
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.tampering import TAMPERING, Record

STRETCH_BALLS = 6


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def _record(settings: LineSettings) -> Record:
    run_clocked(settings)
    logs = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (settings.truth_path, settings.plc_log_path)
    ]
    return Record(*logs)


@pytest.fixture(scope="module")
def healthy(bank_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LineSettings, Record]:
    settings = clocked_settings(tmp_path_factory.mktemp("healthy"), bank_dir)
    return settings, _record(settings)


@pytest.fixture(scope="module")
def restarted(bank_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LineSettings, Record]:
    """A run with a restart of the PLC, whose positions begin anew, and a double trigger."""
    faults = (
        PlannedFault(name=FaultName.DUPLICATE_TRIGGER, ball=8),
        PlannedFault(name=FaultName.PLC_RESTART, ball=16),
    )
    settings = clocked_settings(tmp_path_factory.mktemp("restarted"), bank_dir).model_copy(
        update={"faults": faults}
    )
    return settings, _record(settings)


def _in_time(record: Record) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Rows of both logs as a watch reads them: every half second, the truth first."""
    truth, plc = list(record.truth), list(record.plc)
    now_ns = min(int(row["t_ns"]) for row in truth)
    while truth or plc:
        now_ns += 500_000_000
        for rows, is_truth in ((truth, True), (plc, False)):
            while rows and int(rows[0]["t_ns"]) <= now_ns:
                yield is_truth, rows.pop(0)


def _rolled(settings: LineSettings, record: Record) -> list[AuditedStretch]:
    size = recipe_for_diameter(settings.diameter_mm).size
    audit = RollingAudit(settings, (size.d_min_mm, size.d_max_mm), STRETCH_BALLS)
    found = []
    for is_truth, row in _in_time(record):
        if is_truth:
            audit.take_truth(row)
        else:
            audit.take_plc(row)
        stretch = audit.step() if is_truth else None
        if stretch is not None:
            found.append(stretch)
    last = audit.step(last=True)
    assert last is not None
    return [*found, last]


def _names(*reports: AuditReport) -> Counter[tuple[str, str, int | None]]:
    # Shifted verdicts are told by statistics of a stretch; of six balls there are none.
    return Counter(
        (finding.kind.value, finding.severity.value, finding.ball)
        for report in reports
        for finding in report.findings
        if finding.kind is not Kind.VERDICTS_SHIFTED
    )


def _sums(*reports: AuditReport) -> Counter[str]:
    sums: Counter[str] = Counter()
    for report in reports:
        sums.update(asdict(report.totals))
    return sums


def _same(settings: LineSettings, record: Record, folder: Path) -> list[AuditedStretch]:
    whole = record.audit(folder, settings)
    stretches = _rolled(settings, record)
    reports = [stretch.report for stretch in stretches]
    assert _names(*reports) == _names(whole)
    assert _sums(*reports) == _sums(whole)
    balls = [row.ball for report in reports for row in report.balls]
    assert balls == [row.ball for row in whole.balls]
    return stretches


def test_a_healthy_run_in_stretches_is_the_run(healthy: tuple[LineSettings, Record], tmp_path: Path) -> None:
    stretches = _same(*healthy, tmp_path)
    assert len(stretches) >= 4
    assert all(stretch.report.findings == () for stretch in stretches)


def test_a_restarted_plc_is_followed(restarted: tuple[LineSettings, Record], tmp_path: Path) -> None:
    stretches = _same(*restarted, tmp_path)
    assert len(stretches) >= 3
    assert sum(stretch.report.totals.accepted for stretch in stretches) > 10


@pytest.mark.parametrize(
    ("tamper", "kind", "severity"),
    TAMPERING,
    ids=[f"{tamper.__name__}-{kind.value}" for tamper, kind, _ in TAMPERING],
)
def test_what_is_tampered_with_is_named_in_its_stretch(
    healthy: tuple[LineSettings, Record],
    tmp_path: Path,
    tamper: Callable[[Record], None],
    kind: Kind,
    severity: Severity,
) -> None:
    settings, record = healthy
    record = record.copy()
    tamper(record)
    if kind is Kind.VERDICTS_SHIFTED:
        pytest.skip("told by statistics; six balls have none")
    stretches = _same(settings, record, tmp_path)
    assert any(stretch.report.of(kind) for stretch in stretches)


def test_the_memory_of_the_audit_does_not_grow_with_the_run(
    bank_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = clocked_settings(tmp_path_factory.mktemp("long"), bank_dir).model_copy(update={"n_balls": 120})
    record = _record(settings)
    size = recipe_for_diameter(settings.diameter_mm).size
    audit = RollingAudit(settings, (size.d_min_mm, size.d_max_mm), STRETCH_BALLS)
    most = 0
    for is_truth, row in _in_time(record):
        if is_truth:
            audit.take_truth(row)
            audit.step()
        else:
            audit.take_plc(row)
        most = max(most, audit.kept_balls)
    assert most <= 60
