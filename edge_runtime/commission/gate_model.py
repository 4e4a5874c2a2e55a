"""From thresholds at several belt speeds to the gate's place and time, and what the PLC must be told.

The gate's tip lies `place` counts behind the eye (both for a ball's leading edge); a command takes `time`
to turn it. So a ball just gets through when it was commanded at

    threshold(v) = place - v * time                                   (counts, v in counts per second)

and a straight line through the thresholds of two or more speeds gives both. The same holds for the
closing edge with a place and a time of its own. Every time holds the mean wait for the PLC's next scan.
Neighbours: `threshold` measures, `steps_gate` asks and tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.commission.limits import GateLimits
from edge_runtime.commission.threshold import Threshold


@dataclass(frozen=True, slots=True)
class AtSpeed:
    """One threshold and the belt speed (counts per second) at which it was found."""

    speed_counts_per_s: float
    u_speed_counts_per_s: float
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class GateEdge:
    """Opening or closing edge of one gate; `u_`: standard uncertainties.

    Attributes:
        place_counts: behind the eye, for the ball's leading edge.
        time_ms: from the command's count to the turn, the mean wait for a scan included.
        spread_ms: standard deviation of the time from ball to ball.
        trials: balls that it rests on.
    """

    place_counts: float
    u_place_counts: float
    time_ms: float
    u_time_ms: float
    spread_ms: float
    trials: int


def solve_edge(found: Sequence[AtSpeed]) -> GateEdge:
    """Straight line through the thresholds, weighted by their uncertainty.

    Raises:
        ValueError: fewer than two speeds.
    """
    speeds = np.array([item.speed_counts_per_s for item in found])
    if len(found) < 2 or np.ptp(speeds) <= 0.0:
        raise ValueError("two different belt speeds are needed")
    counts = np.array([item.threshold.counts for item in found])
    rough_time_s = max(float(-np.polyfit(speeds, counts, 1)[0]), 0.0)
    u_counts = np.array(
        [math.hypot(item.threshold.u_counts, rough_time_s * item.u_speed_counts_per_s) for item in found]
    )
    design = np.column_stack([np.ones_like(speeds), -speeds])
    weighted = design / u_counts[:, None] ** 2
    covariance = np.linalg.inv(weighted.T @ design)
    place, time_s = covariance @ (weighted.T @ counts)
    spreads_s = [item.threshold.spread_counts / item.speed_counts_per_s for item in found]
    return GateEdge(
        place_counts=float(place),
        u_place_counts=math.sqrt(float(covariance[0, 0])),
        time_ms=float(time_s) * 1e3,
        u_time_ms=math.sqrt(float(covariance[1, 1])) * 1e3,
        spread_ms=float(np.mean(spreads_s)) * 1e3,
        trials=sum(item.threshold.trials for item in found),
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of the PLC's numbers beside what was measured.

    Attributes:
        name: field of the geometry block.
        plc: what the PLC holds.
        measured, u: what was found; for a lead the smallest that is safe.
        low, high: the PLC's number is right between these.
        proposed: what to set it to where it is wrong.
    """

    name: str
    plc: int
    measured: float
    u: float
    low: float
    high: float
    proposed: int

    @property
    def ok(self) -> bool:
        """The PLC's number is confirmed."""
        return self.low <= self.plc <= self.high


def compare_place(
    name: str, plc: int, measured: float, u: float, ball_counts: float, limits: GateLimits
) -> Comparison:
    """A distance: within a share of a ball, and so sure that twice the uncertainty fits in as well."""
    room = limits.place_tolerance_balls.value * ball_counts - 2.0 * u
    return Comparison(name, plc, measured, u, measured - room, measured + room, round(measured))


def required_lead_ms(opening: GateEdge, closing: GateEdge, scan_ms: float, limits: GateLimits) -> float:
    """Smallest lead with which the slowest answer, seen by the slowest scan, is in time.

    The times hold half a scan already; the other half is added with the spread.
    """
    slower = max(
        (opening, closing),
        key=lambda edge: edge.time_ms + limits.lead_spreads.value * edge.spread_ms + 2.0 * edge.u_time_ms,
    )
    spread = limits.lead_spreads.value * slower.spread_ms
    return slower.time_ms + spread + 2.0 * slower.u_time_ms + scan_ms / 2.0


def compare_lead(
    plc_ms: int, opening: GateEdge, closing: GateEdge, scan_ms: float, limits: GateLimits
) -> Comparison:
    """The lead must cover the slowest answer; a much longer one only costs distance between balls."""
    least = required_lead_ms(opening, closing, scan_ms, limits)
    most = least * (1.0 + limits.lead_excess_share.value)
    proposed = math.ceil(least * (1.0 + limits.lead_reserve_share.value))
    u_ms = max(opening.u_time_ms, closing.u_time_ms)
    return Comparison("valve_lead_ms", plc_ms, least, u_ms, least, most, proposed)


def compare_window(plc_counts: int, opening: GateEdge, closing: GateEdge, pulse_counts: float) -> Comparison:
    """The gate must be held until a ball cannot be turned away any more, at any speed down to a creep.

    The PLC drops it `gate_window` behind the ball's middle; the turn away ends at the closing edge's place.
    """
    behind = closing.place_counts - opening.place_counts
    u = math.hypot(opening.u_place_counts, closing.u_place_counts)
    least = max(pulse_counts / 2.0, behind + 2.0 * u - pulse_counts / 2.0)
    return Comparison("gate_window_counts", plc_counts, least, u, least, math.inf, math.ceil(least))
