"""The auditor on a run that goes on: stretch by stretch, with no more of the run in memory than one stretch.

Every ball is judged once, by the same checks as in an audit of the whole run, when it has left the line and
the PLC has closed its books on it. Beyond both ends of a stretch enough belt is kept for the checks that look
at neighbours. Neighbours: `watch` hands over rows, `edge_runtime.twin.auditor` judges, `tally` adds up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from edge_runtime.twin.auditor import audit_joined
from edge_runtime.twin.auditor_join import Stretch, join
from edge_runtime.twin.auditor_plc import PlcReader, Row, boot_shift
from edge_runtime.twin.auditor_report import AuditReport
from edge_runtime.twin.auditor_truth import Truth, take_row
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings

#: a ball is through when the belt has run on so far behind the confirm eyes: both logs know all of it then
THROUGH_COUNTS = 16 * COUNTS_PER_D
#: belt that is kept before a stretch, for neighbours
BEFORE_COUNTS = 20 * COUNTS_PER_D
#: rows younger than this may still be on their way from the processes' buffers
FRESH_NS = 2_000_000_000
#: balls of one stretch, about: verdicts that belong to neighbours stand out among so many
STRETCH_BALLS = 300
_KEPT_NS = 60_000_000_000
#: events that say whether the belt was latched: their beginning may lie as far back as it likes
_LATCHING = frozenset({"latch", "reset", "plc_start"})


@dataclass(frozen=True, slots=True)
class AuditedStretch:
    """One stretch: what the auditor found, and where each ball was at the photo-eye (ball -> count)."""

    stretch: Stretch
    report: AuditReport
    centres: Mapping[int, float]


class RollingAudit:
    """Takes rows as they come and hands out audited stretches.

    Args:
        settings: of the line.
        band_mm: diameters between which a ball is good.
        stretch_balls: balls of one stretch, about.
    """

    def __init__(
        self, settings: LineSettings, band_mm: tuple[float, float], stretch_balls: int = STRETCH_BALLS
    ) -> None:
        self._settings = settings
        self._band_mm = band_mm
        self._stretch_balls = stretch_balls
        self._looks = settings.n_balls // stretch_balls + 1
        self._truth = Truth()
        self._shifts: dict[int, int] = {}
        self._plc = PlcReader(self._shifts)
        self._audited_count, self._audited_ns = -inf, -inf

    @property
    def kept_balls(self) -> int:
        """Balls in memory now."""
        return len(self._truth.balls)

    def take_truth(self, row: Row) -> None:
        """One row of truth.jsonl; those of a moment come before the PLC's."""
        take_row(self._truth, row, self._settings)

    def take_plc(self, row: Row) -> float:
        """One row of plc.jsonl; returns the belt's endless count then."""
        if row["event"] == "plc_start":
            near = [t_ns for t_ns in self._truth.position if t_ns <= int(row["t_ns"])]
            known = max(near) if near else min(self._truth.position, default=None)
            here = float(row["position"]) if known is None else self._truth.position[known]
            self._shifts[len(self._shifts)] = boot_shift(row, here)
        self._plc.take(row)
        return float(row.get("position", 0)) + self._plc.shift

    def step(self, *, last: bool = False) -> AuditedStretch | None:
        """The next stretch when enough balls are through; with `last` all that is left.

        Returns:
            None while there is nothing to judge yet.
        """
        stretch = self._stretch(last=last)
        ready = sum(stretch.has_count(ball.centre) for ball in self._truth.balls.values())
        if not last and ready < self._stretch_balls:
            return None
        joined = join(self._truth, self._plc.so_far())
        report = audit_joined(joined, self._settings, self._band_mm, stretch, self._looks)
        centres = {
            ball.ball: ball.centre for ball in self._truth.balls.values() if stretch.has_count(ball.centre)
        }
        self._audited_count, self._audited_ns = stretch.last_count, stretch.last_ns
        if not last:
            self._forget(stretch)
        return AuditedStretch(stretch, report, centres)

    def _stretch(self, *, last: bool) -> Stretch:
        if last:
            return Stretch(self._audited_count, inf, self._audited_ns, inf)
        position = self._truth.position
        newest_ns = max(position, default=0)
        settled = [t_ns for t_ns in position if t_ns <= newest_ns - FRESH_NS]
        upto_ns = max(settled, default=None)
        if upto_ns is None:
            return Stretch(self._audited_count, self._audited_count, self._audited_ns, self._audited_ns)
        travel = self._settings.eye_to_gate_counts + self._settings.gate_to_confirm_counts
        through = max(position[upto_ns] - travel - THROUGH_COUNTS, self._audited_count)
        return Stretch(self._audited_count, through, self._audited_ns, upto_ns)

    def _forget(self, stretch: Stretch) -> None:
        """Let go of everything that no later stretch asks for."""
        truth, log = self._truth, self._plc.log
        keep_count = stretch.last_count - BEFORE_COUNTS
        truth.balls = {ball.ball: ball for ball in truth.balls.values() if ball.centre > keep_count}
        truth.false_pulses = [count for count in truth.false_pulses if count > keep_count]
        oldest = min(truth.balls, default=0)
        reach = self._stretch_balls + 1000
        truth.faults = [fault for fault in truth.faults if fault.ball > oldest - reach]
        keep_ns = stretch.last_ns - _KEPT_NS
        newest_ns = max(truth.position)
        truth.position = {
            t_ns: count for t_ns, count in truth.position.items() if t_ns >= min(keep_ns, newest_ns)
        }
        log.parts = {key: part for key, part in log.parts.items() if part.end > keep_count}
        log.strays = [verdict for verdict in log.strays if verdict.taken_ns > stretch.last_ns]
        log.events = [
            event for event in log.events if event.t_ns > stretch.last_ns or event.name in _LATCHING
        ]
        in_force = [entry for entry in log.epochs if entry[0] <= keep_ns]
        log.epochs = in_force[-1:] + [entry for entry in log.epochs if entry[0] > keep_ns]
        log.silent = [span for span in log.silent if span.end > keep_ns]
        log.energised = {
            lane: [span for span in spans if span.end > keep_count] for lane, spans in log.energised.items()
        }
