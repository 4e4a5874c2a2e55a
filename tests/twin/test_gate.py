"""Gate mechanics: valve delay, flap travel, sticking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.twin.gate import Gate
from edge_runtime.twin.settings import LineSettings

MS = 1_000_000


def _gate(valve_sd_ms: float = 0.0, flap_sd_share: float = 0.0, seed: int = 1) -> Gate:
    settings = LineSettings(
        run_dir=Path("unused"),
        field_name="unused",
        ring_prefix="unused",
        valve_sd_ms=valve_sd_ms,
        flap_sd_share=flap_sd_share,
    )
    return Gate(settings, seed)


@pytest.mark.parametrize(
    ("commands", "at_ms", "position"),
    [
        ((), 100, 0.0),  # without current: reject
        (((True, 0),), 12, 0.0),  # the valve has just opened
        (((True, 0),), 29.5, 0.5),  # half way
        (((True, 0),), 47, 1.0),  # there
        (((True, 0), (False, 100)), 112, 1.0),  # the valve's delay again
        (((True, 0), (False, 100)), 129.5, 0.5),  # half way back
        (((True, 0), (False, 5)), 17, 5.0 / 35.0),  # a 5 ms pulse moves it for 5 ms
        (((True, 0), (False, 5)), 22, 0.0),  # and back again
        (((True, 0), (True, 5)), 29.5, 0.5),  # said twice is said once
    ],
)
def test_flap_position(commands: tuple[tuple[bool, float], ...], at_ms: float, position: float) -> None:
    gate = _gate()
    for energised, t_ms in commands:
        gate.command(energised, round(t_ms * MS))
    assert gate.position(round(at_ms * MS)) == pytest.approx(position, abs=1e-6)


def test_spread_of_valve_and_flap() -> None:
    times_ms = []
    gate = _gate(valve_sd_ms=1.0, flap_sd_share=0.02)
    for index in range(400):
        start = index * 1000 * MS
        gate.command(True, start)
        reached = next(t for t in range(200, 600) if gate.position(start + t * MS // 10) >= 0.5)
        times_ms.append(reached / 10.0)
        gate.command(False, start + 500 * MS)
        assert gate.position(start + 900 * MS) == 0.0
    assert np.mean(times_ms) == pytest.approx(29.5, abs=0.3)
    assert 0.7 < np.std(times_ms) < 1.5


@pytest.mark.parametrize("stuck_at", [0.0, 1.0])
def test_stuck_flap_ignores_the_valve_until_it_is_free(stuck_at: float) -> None:
    gate = _gate()
    gate.stick(stuck_at, 0)
    gate.command(stuck_at == 0.0, 10 * MS)
    assert gate.position(500 * MS) == stuck_at
    gate.free(500 * MS)
    assert gate.position(600 * MS) == 1.0 - stuck_at
