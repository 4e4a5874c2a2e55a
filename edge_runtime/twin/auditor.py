"""The auditor: reads only the twin's truth and the PLC's own log, and checks every ball.

`python -m edge_runtime.twin.auditor RUN_DIR [--json]`: exit code 0 when the invariant is
kept, 10 when it is not, 12 when there is nothing to audit. It never looks at the
station, its journal or its ledger. Neighbours: `auditor_truth` and `auditor_plc` read,
`auditor_join` ties balls to parts, `auditor_checks` and `auditor_shift` judge,
`auditor_events` names what went wrong on the safe side.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.twin.auditor_checks import (
    ACCEPT_CHUTE,
    NO_BREACH,
    REJECT_CHUTE,
    KeyCheck,
    Named,
    ProofCheck,
    views_of,
)
from edge_runtime.twin.auditor_events import ball_findings, is_late, log_findings
from edge_runtime.twin.auditor_join import WHOLE, Join, Stretch, join
from edge_runtime.twin.auditor_plc import AuditError, PartKey, PlcPart, PlcReader, boot_shifts, read_rows
from edge_runtime.twin.auditor_report import AuditFinding, AuditReport, BallAudit, Kind, Severity, Totals
from edge_runtime.twin.auditor_shift import shifted
from edge_runtime.twin.auditor_truth import TruthBall, read_truth
from edge_runtime.twin.settings import LineSettings, load_line_settings
from vision.errors import FerrogateError
from vision.reasons import REASON_NUMBERS

BROKEN_EXIT_CODE = 10
SETTINGS_NAME = "line.json"
_NEIGHBOUR_CAUSES = frozenset({"TOO_CLOSE", "PULSE"})
_NEIGHBOUR_REASONS = frozenset(
    REASON_NUMBERS[word]
    for word in ("too_close", "near_untriggered", "pulse_long", "pulse_short", "duplicate")
)


def audit(
    run_dir: Path, settings: LineSettings, *, d_min_mm: float | None = None, d_max_mm: float | None = None
) -> AuditReport:
    """Audit one run.

    Args:
        run_dir: folder with truth.jsonl and plc.jsonl.
        settings: the run's own settings.
        d_min_mm, d_max_mm: diameter band of the recipe; default: the shipped recipe of that diameter.

    Raises:
        AuditError: a record is missing or no record.
    """
    size = recipe_for_diameter(settings.diameter_mm).size
    band = (
        size.d_min_mm if d_min_mm is None else d_min_mm,
        size.d_max_mm if d_max_mm is None else d_max_mm,
    )
    truth = read_truth(read_rows(run_dir / "truth.jsonl"), settings)
    if not truth.rows:
        raise AuditError("the truth is empty", where=str(run_dir / "truth.jsonl"), todo="run the line first")
    rows = read_rows(run_dir / "plc.jsonl")
    log = PlcReader(boot_shifts(rows, truth.position)).read(rows)
    return audit_joined(join(truth, log), settings, band)


def audit_joined(
    joined: Join,
    settings: LineSettings,
    band_mm: tuple[float, float],
    stretch: Stretch = WHOLE,
    looks: int = 1,
) -> AuditReport:
    """Audit a stretch of a run.

    Args:
        joined: balls and parts of the stretch and of enough belt on both sides of it.
        settings: the run's own.
        band_mm: diameters between which a ball is good.
        stretch: what is judged.
        looks: how many stretches the run is audited in, about.
    """
    return _Audit(joined, settings, band_mm, stretch, looks).report()


class _Audit:
    """One audit: findings are gathered, then rows and totals made of them."""

    def __init__(
        self,
        joined: Join,
        settings: LineSettings,
        band_mm: tuple[float, float],
        stretch: Stretch,
        looks: int,
    ) -> None:
        self._join = joined
        self._stretch = stretch
        self._looks = looks
        self._in_order = [ball for ball in joined.truth.in_order() if stretch.has_count(ball.centre)]
        self._settings = settings
        self._band_mm = band_mm
        self._proof = ProofCheck(joined, settings)
        self._key = KeyCheck(joined, settings)
        self._findings: list[AuditFinding] = []
        self._last_view_ns: dict[PartKey, int] = {}

    def report(self) -> AuditReport:
        rows = tuple(self._ball(ball) for ball in self._in_order)
        shifts = shifted(self._join, self._last_view_ns, self._stretch, self._looks)
        self._findings += shifts
        if any(finding.severity is Severity.VIOLATION for finding in shifts):
            # Whose proof it is that opened the gate cannot be told for any ball.
            rows = tuple(_disproven(row) for row in rows)
        self._findings += log_findings(self._join, self._settings, self._stretch)
        order = {severity: index for index, severity in enumerate(Severity)}
        findings = tuple(sorted(self._findings, key=lambda finding: order[finding.severity]))
        return AuditReport(self._totals(rows), findings, rows)

    def _ball(self, ball: TruthBall) -> BallAudit:
        part = self._join.own_part(ball)
        faults = self._join.truth.faults_at(ball.ball, self._settings.balls_per_s)
        views = views_of(ball, part, self._settings) if part is not None else None
        if part is not None and views is not None and views.last_ns is not None:
            self._last_view_ns[part.key] = views.last_ns
        bypassed, named = self._key.check(ball, part)
        if ball.chute == ACCEPT_CHUTE and not bypassed:
            named += self._proof.check(ball)
        if ball.chute not in (ACCEPT_CHUTE, REJECT_CHUTE, "on_belt"):
            named.append(
                (Kind.BALL_UNACCOUNTED, f"ball {ball.ball} ({ball.label}) is in no chute and not on the belt")
            )
        violations = [name for name in named if name[0] not in NO_BREACH]
        transit = [name for name in named if name[0] in NO_BREACH]
        self._name(ball, part, violations, Severity.VIOLATION, faults)
        self._name(ball, part, transit, Severity.FINDING, faults)
        self._name(
            ball, part, ball_findings(self._join, self._settings, ball, part, views), Severity.FINDING, faults
        )
        return self._row(ball, part, views.last_ns if views else None, faults, violations, bypassed)

    def _name(
        self,
        ball: TruthBall,
        part: PlcPart | None,
        named: list[Named],
        severity: Severity,
        faults: tuple[str, ...],
    ) -> None:
        for kind, text in named:
            self._findings.append(
                AuditFinding(
                    kind,
                    severity,
                    text,
                    ball=ball.ball,
                    lane=ball.lane,
                    epoch=part.epoch if part else None,
                    trigger_seq=part.key.trigger_seq if part else None,
                    explained_by=",".join(faults),
                )
            )

    def _row(
        self,
        ball: TruthBall,
        part: PlcPart | None,
        last_view_ns: int | None,
        faults: tuple[str, ...],
        violations: list[Named],
        bypassed: bool,
    ) -> BallAudit:
        held = part.held if part is not None else None
        shared = bool(self._join.parts_of[ball.ball]) and part is None
        row = BallAudit(
            ball=ball.ball,
            lane=ball.lane,
            label=ball.label,
            d_min_mm=ball.d_min_mm,
            d_max_mm=ball.d_max_mm,
            defective=ball.defective(*self._band_mm),
            hidden=ball.hidden,
            epoch=part.epoch if part else None,
            trigger_seq=part.key.trigger_seq if part else None,
            side=part.side if part else "",
            cause=part.cause if part else "",
            verdict=held.verdict if held else 0,
            reason=held.reason if held else 0,
            verdict_ns=held.written_ns if held else None,
            last_view_ns=last_view_ns,
            chute=ball.chute if ball.chute in (ACCEPT_CHUTE, REJECT_CHUTE) else "",
            late=part is not None and is_late(part),
            neighbour=False,
            faults=faults,
            bypassed=bypassed,
            proven=ball.chute == ACCEPT_CHUTE and not violations and not bypassed,
            violations=tuple(dict.fromkeys(kind.value for kind, _ in violations)),
        )
        near = shared or row.cause in _NEIGHBOUR_CAUSES or row.reason in _NEIGHBOUR_REASONS
        return replace(row, neighbour=near and row.chute == REJECT_CHUTE)

    def _totals(self, rows: tuple[BallAudit, ...]) -> Totals:
        accepted = [row for row in rows if row.chute == ACCEPT_CHUTE and not row.bypassed]
        bypassed = sum(row.bypassed for row in rows)
        rejected_good = [row for row in rows if row.chute == REJECT_CHUTE and not row.defective]
        escapes = [row for row in accepted if row.defective]
        alone = [row for row in rejected_good if not row.neighbour]
        on_belt = sum(ball.chute == "on_belt" for ball in self._in_order)
        rejected = sum(row.chute == REJECT_CHUTE for row in rows)
        return Totals(
            balls=len(rows),
            accepted=len(accepted),
            bypassed=bypassed,
            rejected=rejected,
            on_belt=on_belt,
            unaccounted=len(rows) - len(accepted) - bypassed - rejected - on_belt,
            untriggered=sum(not self._join.parts_of[row.ball] for row in rows),
            unproven_accepts=sum(not row.proven for row in accepted),
            wrong_chute=sum(finding.kind is Kind.WRONG_CHUTE for finding in self._findings),
            late=sum(row.late for row in rows),
            defective=sum(row.defective for row in rows),
            escapes=len(escapes),
            escapes_hidden=sum(row.hidden for row in escapes),
            false_rejects=sum(not row.faults for row in alone),
            neighbour_rejects=len(rejected_good) - len(alone),
            fault_rejects=sum(bool(row.faults) for row in alone),
            triggers=self._of_stretch(self._join.log.parts.values()),
            triggers_without_ball=self._of_stretch(self._join.parts_without_ball()),
        )

    def _of_stretch(self, parts: Iterable[PlcPart]) -> int:
        return sum(self._stretch.has_count(part.centre) for part in parts)


def _disproven(row: BallAudit) -> BallAudit:
    if row.chute != ACCEPT_CHUTE or row.bypassed:
        return row
    return replace(row, proven=False, violations=(*row.violations, Kind.VERDICTS_SHIFTED.value))


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="edge_runtime.twin.auditor", description="audit a run of the twin line, ball by ball"
    )
    parser.add_argument("run_dir", type=Path, help=f"folder with truth.jsonl, plc.jsonl and {SETTINGS_NAME}")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    args = parser.parse_args(argv)
    try:
        report = audit(args.run_dir, load_line_settings(args.run_dir / SETTINGS_NAME))
    except FerrogateError as error:
        print(f"error: {error.what}\nwhere: {error.where}\nwhat to do: {error.todo}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(report.to_json()) if args.json else report.text())
    return 0 if report.invariant_kept else BROKEN_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
