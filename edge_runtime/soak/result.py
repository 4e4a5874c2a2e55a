"""What a soak comes to: one object, its judgement, its exit code.

Neighbours: `run` fills it, `tell` prints it, `report` draws it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from edge_runtime.bench.machine import Machine
from edge_runtime.soak.growth import Drift, Growth, worst
from edge_runtime.soak.plan import SoakPlan
from edge_runtime.soak.probe import Sample
from edge_runtime.soak.slope import Slope, Trend
from edge_runtime.soak.tally import Tally
from edge_runtime.soak.windows import Disturbance, FaultWindow

EXIT_CLEAN, EXIT_NOT_CLEAN, EXIT_VIOLATIONS = 0, 1, 10
#: more false rejects than this share of the good balls are a fault of the run
FALSE_REJECT_LIMIT = 0.01


@dataclass(frozen=True, slots=True)
class Origin:
    """What was run: version, revision of the source ('' where there is no repository), model, machine."""

    version: str
    revision: str
    model: str
    model_sha256: str
    machine: Machine


@dataclass(frozen=True, slots=True)
class SoakResult:
    """All figures of a soak.

    Attributes:
        plan, origin: what was run, of what, where.
        tally: sums over the balls.
        faults: that began; disturbances: nobody's fault.
        began_ns: monotonic time of the first look at the processes; `samples` count from there.
        line_s, wall_s, idle_cut_s: time on the belt (with what was left out), on the clock, left out.
        growths, drift: whether memory, handles and times grow; memory_growth_mb: of the station over the run.
        samples, disk_mb: for the plots.
        books_balanced, books_text: the station's own books.
        ledger_mb: of the station. belt_length_m: from photo-eye to confirm eyes.
        wraps: of the encoder.
        scans_late: how late the twin PLC's late scans were, ms: the machine's doing, not the station's.
        page_pictures, page_broken: of the open page.
        stopped_early, stuck, error: how it ended before its time; '' for no error.
    """

    plan: SoakPlan
    origin: Origin
    tally: Tally
    faults: Sequence[FaultWindow]
    disturbances: Sequence[Disturbance]
    began_ns: int
    line_s: float
    wall_s: float
    idle_cut_s: float
    growths: Sequence[Growth]
    drift: Drift
    memory_growth_mb: float
    samples: Sequence[Sample]
    disk_mb: Sequence[tuple[float, float]]
    books_balanced: bool
    books_text: str
    ledger_mb: float
    belt_length_m: float
    wraps: int
    scans_late: Sequence[float]
    page_pictures: int
    page_broken: int
    stopped_early: bool
    stuck: bool
    error: str

    @property
    def memory(self) -> Trend:
        """Memory of the station's processes together."""
        return worst(growth.trend for growth in self.growths if growth.ours and growth.figure == "memory_mb")

    @property
    def handles(self) -> Trend:
        """Handles and threads of the station's processes together."""
        return worst(growth.trend for growth in self.growths if growth.ours and growth.figure != "memory_mb")

    @property
    def not_recovered(self) -> list[FaultWindow]:
        """Faults that the line did not recover from."""
        return [fault for fault in self.faults if fault.recovered_ns is None]

    @property
    def unclean(self) -> list[str]:
        """Names of everything that speaks against the run, violations first; words for them: `words`."""
        share = self.tally.false_reject_share
        checks = (
            ("violations", self.tally.violations > 0),
            ("unaccounted", self.tally.totals["unaccounted"] > 0),
            ("books", not self.books_balanced),
            ("late", self.tally.late > 0),
            ("false_rejects", not math.isnan(share) and share > FALSE_REJECT_LIMIT),
            ("memory", self.memory is Trend.GROWING),
            ("handles", self.handles is Trend.GROWING),
            ("latency", self.drift.trend is Trend.GROWING),
            ("disturbances", bool(self.disturbances)),
            ("not_recovered", bool(self.not_recovered) and not self.stopped_early),
            ("stuck", self.stuck),
            ("error", bool(self.error)),
            ("no_balls", self.tally.totals["balls"] == 0),
        )
        return [name for name, wrong in checks if wrong]

    @property
    def exit_code(self) -> int:
        """0 clean, 10 the invariant was broken, 1 anything else."""
        unclean = self.unclean
        if "violations" in unclean:
            return EXIT_VIOLATIONS
        return EXIT_NOT_CLEAN if unclean else EXIT_CLEAN

    def recoveries(self) -> dict[str, tuple[int, float | None, float | None]]:
        """Fault -> how often, middle and longest time until the line was sound again, seconds."""
        found: dict[str, tuple[int, float | None, float | None]] = {}
        for name, count in sorted(Counter(fault.name for fault in self.faults).items()):
            times = [
                fault.recovery_s
                for fault in self.faults
                if fault.name == name and fault.recovery_s is not None
            ]
            found[name] = (count, median(times), max(times)) if times else (count, None, None)
        return found

    def to_json(self) -> dict[str, Any]:
        """The one object of `--json`; the first eight keys are those that a campaign compares."""
        tally, plan, origin = self.tally, self.plan, self.origin
        totals = tally.totals
        return {
            "balls": totals["balls"],
            "line_hours": round(self.line_s / 3600.0, 4),
            "wall_hours": round(self.wall_s / 3600.0, 4),
            "faults_injected": len(self.faults),
            "violations": tally.violations,
            "late": tally.late,
            "false_rejects": tally.false_rejects,
            "memory_growth_mb": round(self.memory_growth_mb, 2),
            "clean": not self.unclean,
            "unclean": self.unclean,
            "late_in_fault_windows": tally.late_inside,
            "false_reject_share": _number(tally.false_reject_share, 6),
            "false_reject_reasons": dict(tally.reasons.most_common()),
            "good_balls_outside_fault_windows": tally.good_outside,
            "balls_in_fault_windows": tally.inside,
            "defective": totals["defective"],
            "escapes": totals["escapes"],
            "visible_escapes": tally.visible_escapes,
            "accepted": totals["accepted"],
            "rejected": totals["rejected"],
            "unaccounted": totals["unaccounted"],
            "on_belt": totals["on_belt"],
            "wrong_chute": totals["wrong_chute"],
            "neighbour_rejects": totals["neighbour_rejects"],
            "findings": dict(sorted(tally.kinds.items())),
            "violations_told": tally.violations_told,
            "last_view_to_plc_ms": tally.percentiles_ms(),
            "latency": {
                "trend": self.drift.trend.value,
                "p50_moved_ms": round(self.drift.p50_ms, 3),
                "p99_moved_ms": round(self.drift.p99_ms, 3),
                "p50_limit_ms": round(self.drift.limit_p50_ms, 3),
                "p99_limit_ms": round(self.drift.limit_p99_ms, 3),
            },
            "memory": self.memory.value,
            "handles": self.handles.value,
            "processes": [_growth(growth) for growth in self.growths],
            "faults": {
                name: {"count": count, "recovery_s_median": _round(middle), "recovery_s_max": _round(most)}
                for name, (count, middle, most) in self.recoveries().items()
            },
            "not_recovered": [f"{fault.name} at ball {fault.ball}" for fault in self.not_recovered],
            "disturbances": [
                {"what": item.what, "seconds": round((item.end_ns - item.begin_ns) / 1e9, 2)}
                for item in self.disturbances
            ],
            "encoder_wraps": self.wraps,
            "plc_scans_late": len(self.scans_late),
            "plc_scan_late_ms_max": max(self.scans_late, default=None),
            "books_balance": self.books_balanced,
            "disk_mb_max": max((mb for _, mb in self.disk_mb), default=None),
            "ledger_mb": round(self.ledger_mb, 2),
            "page_pictures": self.page_pictures,
            "page_broken": self.page_broken,
            "speed": plan.speed,
            "idle_share": round(plan.idle_share, 4),
            "idle_left_out_hours": round(self.idle_cut_s / 3600.0, 4),
            "balls_per_s": plan.balls_per_s,
            "peak_per_s": plan.peak_per_s,
            "gate": plan.gate,
            "diameter_mm": plan.diameter_mm,
            "views": plan.views,
            "defect_share": plan.defect_share,
            "seed": plan.seed,
            "stopped_early": self.stopped_early,
            "stuck": self.stuck,
            "error": self.error,
            "version": origin.version,
            "revision": origin.revision,
            "model": origin.model,
            "model_sha256": origin.model_sha256,
            "machine": origin.machine.to_json(),
            "run_dir": str(plan.run_dir),
        }


def _growth(growth: Growth) -> dict[str, Any]:
    return {
        "process": growth.name,
        "figure": growth.figure,
        "lives": growth.lives,
        "first": round(growth.first, 2),
        "last": round(growth.last, 2),
        "most": round(growth.most, 2),
        "within_lives_per_h": _slope(growth.within),
        "over_run_per_h": _slope(growth.over),
        "limit_per_h": growth.limit,
        "trend": growth.trend.value,
    }


def _slope(slope: Slope) -> dict[str, float | int | None]:
    return {
        "value": _number(slope.value, 4),
        "low": _number(slope.low, 4),
        "high": _number(slope.high, 4),
        "windows": slope.points,
    }


def _number(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
