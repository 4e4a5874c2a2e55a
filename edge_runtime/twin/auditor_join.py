"""Ties the twin's balls to the PLC's parts by belt position, and by nothing else.

A part is a ball's when the eye pulse covers the count at which the ball's centre was at
the eye. One ball and one part is the rule; everything else has a name. Neighbours:
`auditor_truth` and `auditor_plc` read the two records, `auditor_checks` asks `Join`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from math import inf

from edge_runtime.twin.auditor_plc import PartKey, PlcLog, PlcPart
from edge_runtime.twin.auditor_truth import Truth, TruthBall
from edge_runtime.twin.settings import COUNTS_PER_D

#: how far beyond the pulse's ends a centre may lie: odd shapes are seen late or early
COVER_SLACK_COUNTS = COUNTS_PER_D // 10


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a run that is judged; records beyond its ends serve as neighbours only.

    Balls and parts belong to it by their place at the eye (first < count <= last), all other rows by their
    time (first < t <= last).
    """

    first_count: float = -inf
    last_count: float = inf
    first_ns: float = -inf
    last_ns: float = inf

    def has_count(self, count: float) -> bool:
        """Whether a place at the eye lies in it."""
        return self.first_count < count <= self.last_count

    def has_time(self, t_ns: int) -> bool:
        """Whether a moment lies in it."""
        return self.first_ns < t_ns <= self.last_ns


WHOLE = Stretch()


@dataclass(slots=True)
class Join:
    """Which parts each ball caused, which balls each part covers."""

    truth: Truth
    log: PlcLog
    parts_of: dict[int, list[PlcPart]] = field(default_factory=dict)
    balls_of: dict[PartKey, list[int]] = field(default_factory=dict)

    def own_part(self, ball: TruthBall) -> PlcPart | None:
        """The part that this ball, and no other, caused, and its only one."""
        parts = self.parts_of[ball.ball]
        if len(parts) == 1 and len(self.balls_of[parts[0].key]) == 1:
            return parts[0]
        return None

    def place(self, ball: TruthBall) -> float:
        """Where the PLC must believe the ball to be: its own pulse's centre, else the truth."""
        part = self.own_part(ball)
        return part.centre if part is not None else ball.centre

    def parts_without_ball(self) -> list[PlcPart]:
        """Parts that no ball caused."""
        return [part for key, part in self.log.parts.items() if not self.balls_of[key]]

    def is_false_pulse(self, part: PlcPart) -> bool:
        """Whether the twin's eye gave this pulse without a ball."""
        return any(abs(count - part.rising) <= COVER_SLACK_COUNTS for count in self.truth.false_pulses)


def join(truth: Truth, log: PlcLog) -> Join:
    """Balls and parts, tied by position."""
    found = Join(truth, log, {number: [] for number in truth.balls}, {key: [] for key in log.parts})
    balls = truth.in_order()
    centres = [ball.centre for ball in balls]
    for part in log.parts.values():
        index = bisect_left(centres, part.rising - COVER_SLACK_COUNTS)
        while index < len(balls) and centres[index] <= part.end + COVER_SLACK_COUNTS:
            ball = balls[index]
            if ball.lane == part.key.lane:
                found.parts_of[ball.ball].append(part)
                found.balls_of[part.key].append(ball.ball)
            index += 1
    return found
