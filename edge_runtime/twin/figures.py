"""What a demo run comes to: the auditor's totals, the books, the times, in one object.

The auditor reads the twin's truth and the PLC's log; the ledger is the station's own
word. Both stand side by side here, so that neither can cover for the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.config import load_recipe
from edge_runtime.ledger.books import Books, balance
from edge_runtime.ledger.models import FaultRow, PartRow
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from edge_runtime.twin.auditor import audit
from edge_runtime.twin.auditor_report import AuditReport, BallAudit
from edge_runtime.twin.demo import DemoRun
from edge_runtime.twin.settings import LineSettings
from edge_runtime.twin.size_check import SizeCheck, check_sizes, true_sizes

PartKey = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class DemoFigures:
    """All figures of a run; `to_json` is the last line of `ferrogate demo --json`.

    Attributes:
        latencies_ms: of every ball, infinite without a verdict; last_view_ns: monotonic, of the same balls.
        views_got: inspected, over all parts.
    """

    report: AuditReport
    books: Books
    judged: int
    unaccounted: int
    latencies_ms: tuple[float, ...]
    last_view_ns: tuple[int | None, ...]
    lost_frames: int
    named_faults: dict[str, int]
    sizes: SizeCheck
    run: DemoRun
    views_got: int = 0

    @property
    def sound(self) -> bool:
        """The invariant was kept, every ball is accounted for, and the books balance."""
        return self.report.invariant_kept and self.unaccounted == 0 and self.books_settled

    @property
    def books_settled(self) -> bool:
        """The books balance; balls that were left on the belt by whoever ended the run may be open."""
        left = self.run.stopped_early and self.report.totals.on_belt > 0
        return self.books.balanced and (self.books.settled or left)

    def to_json(self) -> dict[str, Any]:
        """The one object; an infinite time (a ball without a verdict) is null."""
        totals = self.report.totals
        settings = self.run.settings
        return {
            "balls": totals.balls,
            "judged": self.judged,
            "accepted": totals.accepted,
            "bypassed": totals.bypassed,
            "rejected": totals.rejected,
            "unaccounted": self.unaccounted,
            "unproven_accepts": totals.unproven_accepts,
            "wrong_chute": totals.wrong_chute,
            "late": totals.late,
            "lost_frames": self.lost_frames,
            "defective": totals.defective,
            "escapes": totals.escapes,
            "escapes_hidden": totals.escapes_hidden,
            "false_rejects": totals.false_rejects,
            "neighbour_rejects": totals.neighbour_rejects,
            "fault_rejects": totals.fault_rejects,
            "trigger_to_plc_ms": {
                "p50": percentile_ms(self.latencies_ms, 50.0),
                "p99": percentile_ms(self.latencies_ms, 99.0),
                "max": percentile_ms(self.latencies_ms, 100.0),
            },
            "sizes": self.sizes.to_json(),
            "faults": [fault.name.value for fault in settings.faults],
            "named_faults": self.named_faults,
            "invariant_kept": self.report.invariant_kept,
            "violations": dict(sorted(_violation_kinds(self.report).items())),
            "books_balance": self.books_settled,
            "stopped_early": self.run.stopped_early,
            "on_belt": totals.on_belt,
            "books": self.books.as_json(),
            "processes": {
                name: {
                    "cpu_s": round(usage.cpu_s, 2),
                    "rss_start_mb": round(usage.rss_start_mb, 1),
                    "rss_end_mb": round(usage.rss_end_mb, 1),
                    "rss_max_mb": round(usage.rss_max_mb, 1),
                }
                for name, usage in self.run.usage.items()
            },
            "wall_s": round(self.run.wall_s, 1),
            "line": line_facts(settings),
            "seed": settings.seed,
            "run_dir": str(settings.run_dir),
        }


def line_facts(settings: LineSettings) -> dict[str, float | None]:
    """The twin's physics, as defaults or as given."""
    return {
        "diameter_mm": settings.diameter_mm,
        "balls_per_s": settings.balls_per_s,
        "defect_share": settings.defect_share,
        "belt_mm_per_s": round(settings.speed_counts_per_s * settings.um_per_count / 1000.0, 1),
        "pitch_d": settings.pitch_d,
        "pitch_sd_share": settings.pitch_sd_share,
        "valve_ms": settings.valve_ms,
        "valve_sd_ms": settings.valve_sd_ms,
        "flap_ms": settings.flap_ms,
        "flap_sd_share": settings.flap_sd_share,
        "plc_scan_ms": settings.plc_scan_ms,
        "heartbeat_timeout_ms": settings.heartbeat_timeout_ms,
        "eye_to_gate_mm": settings.eye_to_gate_counts * settings.um_per_count / 1000.0,
        "mm_per_px": settings.mm_per_px,
        "camera_distance_mm": settings.camera_distance_mm,
        "celsius_min": settings.ball_celsius[0],
        "celsius_max": settings.ball_celsius[1],
        "pyrometer_error_k": settings.pyrometer_error_k,
        "flakes_max": settings.flakes_max,
        "lamp_drift_share": settings.lamp_drift_share,
        "lamp_gradient_share": settings.lamp_gradient_share,
        "roll_wear_um_per_1000_balls": settings.roll_wear_um_per_1000_balls,
    }


def percentile_ms(values: Sequence[float], share: float) -> float | None:
    """Nearest-rank percentile, so that a missing verdict (infinite) is never averaged away.

    Returns:
        Milliseconds; None where the percentile is infinite, or nothing was measured.
    """
    if not values:
        return None
    ordered = sorted(values)
    value = ordered[max(0, math.ceil(share / 100.0 * len(ordered)) - 1)]
    return round(value, 2) if math.isfinite(value) else None


def _violation_kinds(report: AuditReport) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for finding in report.violations:
        kinds[finding.kind.value] = kinds.get(finding.kind.value, 0) + 1
    return kinds


def _key(ball: BallAudit) -> PartKey | None:
    if ball.epoch is None or ball.trigger_seq is None:
        return None
    return ball.epoch, ball.lane, ball.trigger_seq


def _accounted(ball: BallAudit, rows: set[PartKey], named_faults: dict[str, int]) -> bool:
    """The ledger has a row for this ball's part, or a name for why there is none."""
    key = _key(ball)
    if key is None or key in rows:
        return True
    # Its trigger died with the PLC before anybody read it: the restart is in the books.
    return not ball.side and "plc_restart" in named_faults


def collect(run: DemoRun) -> DemoFigures:
    """Read truth, PLC log and ledger of a finished run.

    Raises:
        LedgerError: the station left no ledger that can be read.
    """
    recipe = load_recipe(run.recipe_file)
    report = audit(
        run.settings.run_dir, run.settings, d_min_mm=recipe.size.d_min_mm, d_max_mm=recipe.size.d_max_mm
    )
    engine = open_to_read(ledger_url(run.storage))
    try:
        with reading(engine) as connection:
            rows = connection.execute(
                sa.select(
                    PartRow.epoch,
                    PartRow.lane,
                    PartRow.trigger_seq,
                    PartRow.last_view_arrived_ns,
                    PartRow.decision,
                    PartRow.has_outcome,
                    PartRow.views_got,
                )
            ).all()
            faults = connection.execute(sa.select(FaultRow.code, FaultRow.count)).all()
            books = balance(connection)
            sizes = check_sizes(report.balls, true_sizes(run.settings.truth_path), connection)
    finally:
        engine.dispose()
    arrived = {(row.epoch, row.lane, row.trigger_seq): row.last_view_arrived_ns for row in rows}
    named: dict[str, int] = {}
    for code, count in faults:
        named[code] = named.get(code, 0) + count
    # A part without an outcome is accounted for only where the books name what became of it.
    rows_named = {(row.epoch, row.lane, row.trigger_seq) for row in rows if row.has_outcome or books.balanced}
    # Whoever ends a run may leave balls on the belt: nobody has anything to say of those.
    left = report.totals.on_belt if run.stopped_early else 0
    balls = [ball for ball in report.balls if ball.chute or not left]
    missing = sum(not _accounted(ball, rows_named, named) for ball in balls)
    return DemoFigures(
        report=report,
        books=books,
        judged=sum(row.decision is not None for row in rows),
        unaccounted=report.totals.unaccounted + report.totals.on_belt - left + missing,
        latencies_ms=tuple(_latency_ms(ball, arrived) for ball in balls),
        last_view_ns=tuple(ball.last_view_ns for ball in balls),
        lost_frames=sum(count for code, count in named.items() if code.startswith("frames_")),
        named_faults=dict(sorted(named.items())),
        sizes=sizes,
        run=run,
        views_got=sum(row.views_got or 0 for row in rows),
    )


def _latency_ms(ball: BallAudit, arrived: Mapping[PartKey, int | None]) -> float:
    """From the arrival of a ball's last due view to the PLC's stamp on its verdict; infinite without one."""
    key = _key(ball)
    began = arrived.get(key) if key is not None else None
    if began is None or ball.verdict_ns is None:
        return math.inf
    return (ball.verdict_ns - began) / 1e6


def write_figures(figures: DemoFigures) -> None:
    """Keep the object and the audit beside the run's logs."""
    folder = figures.run.settings.run_dir
    (folder / "figures.json").write_text(json.dumps(figures.to_json(), indent=2), encoding="utf-8")
    (folder / "audit.txt").write_text(figures.report.text(20) + "\n", encoding="utf-8")
