"""Adds up a soak: audited stretches in, the run's figures out. Keeps one number a ball, and no ball.

Neighbours: `watch` brings stretches and fault windows, `result` shows the sums.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from edge_runtime.soak.rolling import AuditedStretch
from edge_runtime.soak.windows import FaultWindows
from edge_runtime.twin.auditor_checks import REJECT_CHUTE
from edge_runtime.twin.auditor_report import AuditFinding, BallAudit
from edge_runtime.twin.figures import percentile_ms
from vision.types import Decision

#: findings of a kind that are kept word for word
EXAMPLES = 5
#: violations that are kept word for word
VIOLATIONS_KEPT = 200


@dataclass(frozen=True, slots=True)
class LatencyStretch:
    """Times from the last due view to the PLC over one stretch, ms; `at_s`: since the first stretch."""

    at_s: float
    balls: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(slots=True)
class Tally:
    """Sums of a run.

    Attributes:
        totals: sums of the auditor's `Totals`.
        kinds: how often each kind of finding came.
        violations: how many, and the first of them in words.
        examples: first findings of each kind.
        false_rejects: good balls in the reject chute, no neighbours of others, outside all fault windows.
        reasons: what the false rejects were rejected for (`cause` and reason number).
        good_outside: good balls outside fault windows: what `false_rejects` is a share of.
        inside: balls in a fault's window.
        late, late_inside: verdicts too late, outside and inside fault windows.
        latencies: of balls accepted outside fault windows, by stretch.
    """

    totals: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    violations: int = 0
    violations_told: list[str] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)
    false_rejects: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    good_outside: int = 0
    inside: int = 0
    late: int = 0
    late_inside: int = 0
    latencies: list[LatencyStretch] = field(default_factory=list)
    _all_ms: array[float] = field(default_factory=lambda: array("f"))
    _began_ns: int | None = None

    def add(self, audited: AuditedStretch, windows: FaultWindows) -> None:
        """One more stretch."""
        report = audited.report
        self.totals.update(asdict(report.totals))
        self.kinds.update(report.kinds)
        for finding in report.findings:
            told = self.examples.setdefault(finding.kind.value, [])
            if len(told) < EXAMPLES:
                told.append(_words(finding))
        self.violations += len(report.violations)
        room = VIOLATIONS_KEPT - len(self.violations_told)
        self.violations_told += [_words(finding) for finding in report.violations[: max(room, 0)]]
        outside = [row for row in report.balls if not windows.holds(audited.centres[row.ball])]
        self.inside += len(report.balls) - len(outside)
        late = sum(row.late for row in outside)
        self.late += late
        self.late_inside += report.totals.late - late
        self._rejects(outside)
        self._times(outside)

    def _rejects(self, outside: Sequence[BallAudit]) -> None:
        for row in outside:
            if row.defective:
                continue
            self.good_outside += 1
            if row.chute == REJECT_CHUTE and not row.neighbour:
                self.false_rejects += 1
                self.reasons[f"{row.cause}/{row.reason}" if row.reason else row.cause] += 1

    def _times(self, outside: Sequence[BallAudit]) -> None:
        found = [
            (row.verdict_ns - row.last_view_ns) / 1e6
            for row in outside
            if row.verdict == Decision.ACCEPT and row.verdict_ns is not None and row.last_view_ns is not None
        ]
        if not found:
            return
        at_ns = next(row.verdict_ns for row in outside if row.verdict_ns is not None)
        self._began_ns = at_ns if self._began_ns is None else self._began_ns
        self._all_ms.extend(found)
        self.latencies.append(
            LatencyStretch(
                at_s=(at_ns - self._began_ns) / 1e9,
                balls=len(found),
                p50_ms=percentile_ms(found, 50.0) or 0.0,
                p99_ms=percentile_ms(found, 99.0) or 0.0,
                max_ms=percentile_ms(found, 100.0) or 0.0,
            )
        )

    def percentiles_ms(self) -> dict[str, float | None]:
        """Over the whole run; None without a ball."""
        shares = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
        return {name: percentile_ms(self._all_ms, share) for name, share in shares.items()}

    @property
    def false_reject_share(self) -> float:
        """Of the good balls outside fault windows; NaN without one."""
        return self.false_rejects / self.good_outside if self.good_outside else math.nan

    @property
    def visible_escapes(self) -> int:
        """Bad balls in the accept chute of which some picture showed the defect."""
        return self.totals["escapes"] - self.totals["escapes_hidden"]


def _words(finding: AuditFinding) -> str:
    cause = f" [{finding.explained_by}]" if finding.explained_by else ""
    return f"{finding.kind.value}: {finding.text}{cause}"
