"""Photo-eyes: a beam across the belt, blocked while a ball covers it.

What will block a beam is kept as intervals of belt positions, fixed as soon as a ball
enters (or is sent into a chute); the belt's motion turns their ends into edges, each
with its exact count and time, forwards and backwards.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from edge_runtime.twin.belt import Segment

KEEP_COUNTS = 4096.0
"""Intervals stay this long behind the beam: the belt may jog back."""


@dataclass(slots=True)
class Blocking:
    """Belt positions `start` .. `end` (counts) at which the beam is blocked, and by which balls."""

    start: float
    end: float
    balls: list[int]


@dataclass(frozen=True, slots=True)
class BeamEdge:
    """One edge: rising when the beam becomes blocked."""

    rising: bool
    encoder_count: int
    t_ns: int
    blocking: Blocking


class Beam:
    """One photo-eye.

    Args:
        min_gap_counts: shorter gaps between balls are not resolved (one long pulse).
    """

    def __init__(self, min_gap_counts: float = 4.0) -> None:
        self._min_gap = min_gap_counts
        self._blocking: deque[Blocking] = deque()

    def add(self, start: float, end: float, ball: int) -> None:
        """A ball that will block the beam; to be called before its first edge, in order of `start`."""
        last = self._blocking[-1] if self._blocking else None
        if last is not None and start - last.end < self._min_gap:
            last.end = max(last.end, end)
            last.balls.append(ball)
            return
        self._blocking.append(Blocking(start, end, [ball]))

    def blocked(self, position: float) -> bool:
        """Whether the beam is blocked at a belt position."""
        return any(item.start <= position < item.end for item in self._blocking)

    def edges(self, segment: Segment) -> list[BeamEdge]:
        """Edges in one piece of motion, in order of time."""
        found: list[BeamEdge] = []
        forwards = segment.p1 >= segment.p0
        low, high = (segment.p0, segment.p1) if forwards else (segment.p1, segment.p0)
        for item in self._blocking:
            if item.start > high:
                break
            # Most of them lie behind the beam, kept for a belt that jogs back.
            if item.end < low or (item.start < low and item.end > high):
                continue
            for position, is_start in ((item.start, True), (item.end, False)):
                if segment.crosses(position):
                    rising = is_start == forwards
                    found.append(BeamEdge(rising, math.floor(position), segment.time_at(position), item))
        while self._blocking and self._blocking[0].end < segment.p1 - KEEP_COUNTS:
            self._blocking.popleft()
        found.sort(key=lambda edge: edge.t_ns)
        return found
