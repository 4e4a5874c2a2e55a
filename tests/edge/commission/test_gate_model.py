"""From thresholds to place and time, and what the PLC is told."""

from __future__ import annotations

import math

import pytest

from edge_runtime.commission.gate_model import (
    AtSpeed,
    GateEdge,
    compare_lead,
    compare_place,
    compare_window,
    required_lead_ms,
    solve_edge,
)
from edge_runtime.commission.limits import load_limits
from edge_runtime.commission.threshold import Threshold

LIMITS = load_limits().gate


def _at(speed: float, place: float, time_ms: float, u: float = 2.0) -> AtSpeed:
    threshold = place - speed * time_ms / 1e3
    return AtSpeed(speed, 5.0, Threshold(threshold, u, 0.002 * speed, 0.1, 50))


def _edge(
    place: float = 4800.0, time_ms: float = 30.0, u_ms: float = 0.5, spread_ms: float = 2.0
) -> GateEdge:
    return GateEdge(place, 4.0, time_ms, u_ms, spread_ms, 100)


def test_two_speeds_give_place_and_time() -> None:
    edge = solve_edge([_at(9600.0, 4800.0, 31.0), _at(3840.0, 4800.0, 31.0)])
    assert edge.place_counts == pytest.approx(4800.0, abs=1e-6)
    assert edge.time_ms == pytest.approx(31.0, abs=1e-9)
    assert edge.trials == 100
    # By hand: place = (t1 v2 - t2 v1) / (v2 - v1), and a little for the speeds' own uncertainty.
    weight_slow, weight_top = 9600.0 / 5760.0, 3840.0 / 5760.0
    assert edge.u_place_counts == pytest.approx(2.0 * math.hypot(weight_slow, weight_top), rel=0.02)
    assert edge.u_time_ms == pytest.approx(2.0 * math.sqrt(2.0) / 5760.0 * 1e3, rel=0.02)
    assert edge.spread_ms == pytest.approx(2.0)


def test_speeds_that_are_near_leave_it_open() -> None:
    far = solve_edge([_at(9600.0, 4800.0, 31.0), _at(3840.0, 4800.0, 31.0)])
    near = solve_edge([_at(9600.0, 4800.0, 31.0), _at(8600.0, 4800.0, 31.0)])
    assert near.u_place_counts > 5.0 * far.u_place_counts
    with pytest.raises(ValueError, match="two different"):
        solve_edge([_at(9600.0, 4800.0, 31.0)])


@pytest.mark.parametrize(
    ("plc", "u", "ok"),
    [
        (4800, 4.0, True),
        (4820, 4.0, True),  # 20 off, 32 less 8 allowed
        (4828, 4.0, False),  # would be inside without the uncertainty
        (4740, 4.0, False),
        (4800, 20.0, False),  # right, but nobody can be sure of it
    ],
)
def test_a_place_is_confirmed_only_when_it_is_sure(plc: int, u: float, ok: bool) -> None:
    found = compare_place("lane0_eye_to_gate_counts", plc, 4801.3, u, 320.0, LIMITS)
    assert found.ok is ok
    assert found.proposed == 4801


def test_the_lead_covers_the_slowest_answer() -> None:
    opening, closing = _edge(time_ms=30.0), _edge(time_ms=26.0)
    least = required_lead_ms(opening, closing, 5.0, LIMITS)
    assert least == pytest.approx(30.0 + 3.0 * 2.0 + 2.0 * 0.5 + 2.5)
    assert compare_lead(40, opening, closing, 5.0, LIMITS).ok
    short = compare_lead(39, opening, closing, 5.0, LIMITS)
    assert not short.ok
    assert short.proposed == math.ceil(1.1 * least)
    assert compare_lead(short.proposed, opening, closing, 5.0, LIMITS).ok
    # A closing edge that is slower, or more restless, decides.
    assert required_lead_ms(opening, _edge(time_ms=35.0), 5.0, LIMITS) > least
    assert required_lead_ms(opening, _edge(time_ms=26.0, spread_ms=5.0), 5.0, LIMITS) > least


def test_a_lead_that_is_much_too_long_is_told() -> None:
    assert not compare_lead(90, _edge(), _edge(), 5.0, LIMITS).ok


def test_the_window_holds_the_gate_until_a_ball_is_through() -> None:
    # A ball can be turned away until 350 counts behind the tip; half of it is behind its middle anyway.
    late = compare_window(192, _edge(place=4800.0), _edge(place=5150.0), 320.0)
    assert late.low == pytest.approx(350.0 + 2.0 * math.hypot(4.0, 4.0) - 160.0)
    assert not late.ok
    assert late.proposed == math.ceil(late.low)
    assert compare_window(late.proposed, _edge(place=4800.0), _edge(place=5150.0), 320.0).ok
    # Never less than half a ball, whatever the flap does.
    assert compare_window(160, _edge(), _edge(), 320.0).low == 160.0
