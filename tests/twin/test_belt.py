"""Belt: ramps, exact times of positions, running back, the 16-bit wrap, and the photo-eyes on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_runtime.encoder import Unwrapper, signed_diff, wrap
from edge_runtime.twin.belt import Belt, Segment
from edge_runtime.twin.eyes import Beam
from edge_runtime.twin.settings import LineSettings

TICK_NS = 1_000_000


def _settings(**changes: Any) -> LineSettings:
    base = {"run_dir": Path("unused"), "field_name": "unused", "ring_prefix": "unused"}
    return LineSettings.model_validate(base | {"speed_noise_share": 0.0} | changes)


def _run(belt: Belt, seconds: float) -> list[Segment]:
    segments = []
    for _ in range(round(seconds * 1000)):
        segments += belt.advance(belt.now_ns + TICK_NS)
    return segments


def test_ramps_up_to_nominal_speed_and_down_to_rest() -> None:
    settings = _settings()
    belt = Belt(settings, 0, 0, seed=1)
    assert not _run(belt, 0.2)[-1].p1  # stands until it is enabled
    belt.run = True
    _run(belt, settings.ramp_up_s)
    # half the way of full speed on a straight ramp, a step of the ramp's rounding aside
    assert belt.position == pytest.approx(settings.speed_counts_per_s * settings.ramp_up_s / 2, rel=0.01)
    before = belt.position
    _run(belt, 1.0)
    assert belt.position - before == pytest.approx(settings.speed_counts_per_s, rel=1e-3)
    belt.run = False
    _run(belt, settings.ramp_down_s + 0.01)
    assert belt.standing


def test_e_stop_is_faster_than_a_stop() -> None:
    ways = []
    for hard in (False, True):
        belt = Belt(_settings(), 0, 0, seed=1)
        belt.run = True
        _run(belt, 1.0)
        start = belt.position
        belt.run, belt.e_stop = hard, hard
        _run(belt, 1.0)
        assert belt.standing
        ways.append(belt.position - start)
    assert ways[1] < 0.6 * ways[0]


def test_position_does_not_depend_on_the_ticks() -> None:
    slow, fast = (Belt(_settings(), 0, 0, seed=1) for _ in range(2))
    for belt in (slow, fast):
        belt.run = True
    _run(slow, 2.0)
    fast.advance(slow.now_ns)  # one late wake-up of two seconds
    assert fast.position == pytest.approx(slow.position, rel=1e-3)


def test_speed_noise_has_the_asked_spread() -> None:
    belt = Belt(_settings(speed_noise_share=0.005), 0, 0, seed=1)
    belt.run = True
    _run(belt, 1.0)
    speeds = [(part.p1 - part.p0) / ((part.t1_ns - part.t0_ns) / 1e9) for part in _run(belt, 60.0)]
    mean = sum(speeds) / len(speeds)
    spread = (sum((speed - mean) ** 2 for speed in speeds) / len(speeds)) ** 0.5
    assert 0.003 < spread / 9600.0 < 0.007


@pytest.mark.parametrize(
    ("segment", "position", "crossed", "t_ns"),
    [
        (Segment(0, 1000, 10.0, 20.0), 15.0, True, 500),  # in the middle
        (Segment(0, 1000, 10.0, 20.0), 20.0, True, 1000),  # its end counts
        (Segment(0, 1000, 10.0, 20.0), 10.0, False, 0),  # its start was the last one's end
        (Segment(0, 1000, 20.0, 10.0), 15.0, True, 500),  # backwards
        (Segment(0, 1000, 20.0, 10.0), 20.0, True, 0),  # left behind at once
        (Segment(0, 1000, 20.0, 10.0), 10.0, False, 1000),  # reached, not yet left
        (Segment(0, 1000, 10.0, 10.0), 10.0, False, 1000),  # standing
    ],
)
def test_crossing_of_a_position(segment: Segment, position: float, crossed: bool, t_ns: int) -> None:
    assert segment.crosses(position) == crossed
    assert segment.time_at(position) == t_ns


def test_sixteen_bit_view_of_the_encoder_unwraps_forwards_and_back() -> None:
    belt = Belt(_settings(), 0, 65_000, seed=1)
    belt.run = True
    unwrap, shown, directions = Unwrapper(), [wrap(belt.encoder_count)], set()
    first = unwrap(shown[0]) - belt.encoder_count
    for step in range(4000):
        if step == 2000:
            belt.jog_back(320.0)
        belt.advance(belt.now_ns + TICK_NS)
        shown.append(wrap(belt.encoder_count))
        directions.add(signed_diff(shown[-1], shown[-2]) >= 0)
        assert unwrap(shown[-1]) - first == belt.encoder_count
    assert directions == {True, False}
    assert min(shown) < 100 < 65_000 <= max(shown)


def test_beam_gives_exact_edges_forwards_and_back() -> None:
    beam = Beam()
    beam.add(100.5, 420.25, 7)
    forwards = beam.edges(Segment(0, 1_000_000, 0.0, 200.0)) + beam.edges(
        Segment(1_000_000, 2_000_000, 200.0, 500.0)
    )
    assert [(edge.rising, edge.encoder_count, edge.blocking.balls) for edge in forwards] == [
        (True, 100, [7]),
        (False, 420, [7]),
    ]
    assert forwards[0].t_ns == 502_500
    assert not beam.blocked(500.0)
    back = beam.edges(Segment(2_000_000, 3_000_000, 500.0, 50.0))
    assert [(edge.rising, edge.encoder_count) for edge in back] == [(True, 420), (False, 100)]


@pytest.mark.parametrize(
    ("gap", "pulses"),
    [
        (0.0, 1),  # touching
        (3.0, 1),  # a gap the eye does not resolve
        (40.0, 2),  # apart
    ],
)
def test_gaps_the_eye_resolves(gap: float, pulses: int) -> None:
    beam = Beam()
    beam.add(100.0, 420.0, 0)
    beam.add(420.0 + gap, 740.0 + gap, 1)
    edges = beam.edges(Segment(0, 1_000_000, 0.0, 1000.0))
    assert sum(edge.rising for edge in edges) == pulses
    assert sum(not edge.rising for edge in edges) == pulses
