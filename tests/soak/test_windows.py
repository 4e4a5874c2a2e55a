"""Fault windows: which balls a fault excuses, how long recovery took, and what no fault explains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_runtime.soak.windows import FaultWindows
from edge_runtime.twin.settings import LineSettings

S = 1_000_000_000
SPEED = 2880
LENGTH = 19 * 320


@pytest.fixture
def windows(tmp_path: Path) -> FaultWindows:
    found = FaultWindows(
        LineSettings(balls_per_s=3.0, run_dir=tmp_path, field_name="none", ring_prefix="none")
    )
    assert found.belt_length == LENGTH
    _tell(found, (0, "trust", {"trusted": True}), (0, "belt", {"run": True}))
    return found


def _tell(windows: FaultWindows, *rows: tuple[float, str, dict[str, Any]]) -> None:
    """Rows at seconds, on a belt that runs at full speed from 0."""
    for at_s, event, fields in rows:
        windows.take({"event": event, "t_ns": round(at_s * S)} | fields, at_s * SPEED)


def _fault(name: str, ball: int, phase: str) -> tuple[str, dict[str, Any]]:
    return "fault", {"name": name, "ball": ball, "phase": phase}


def test_a_fault_of_pictures_excuses_a_belt_length_on_both_sides(windows: FaultWindows) -> None:
    _tell(
        windows,
        (10, *_fault("oil_film", 7, "begin")),
        (12, *_fault("oil_film", 7, "end")),
        (20, "ball", {}),
    )
    (fault,) = windows.faults
    assert fault.recovery_s == 2.0
    assert fault.first == 10 * SPEED - LENGTH
    assert fault.last == pytest.approx(12 * SPEED + LENGTH)
    assert windows.holds(10 * SPEED - LENGTH)
    assert windows.holds(12 * SPEED + LENGTH)
    assert not windows.holds(10 * SPEED - LENGTH - 1)
    assert not windows.holds(12 * SPEED + LENGTH + 1)


def test_a_kill_that_shows_later_is_the_faults_until_the_line_is_sound(windows: FaultWindows) -> None:
    _tell(
        windows,
        (10, *_fault("station_kill", 7, "begin")),
        (10, *_fault("station_kill", 7, "end")),
        (10.1, "ball", {}),
        (10.3, "trust", {"trusted": False}),
        (15, "trust", {"trusted": True}),
        (15.5, "ball", {}),
        (30, "ball", {}),
    )
    (fault,) = windows.faults
    assert fault.recovery_s == 5.0
    assert windows.holds(15 * SPEED + LENGTH)
    assert not windows.holds(15 * SPEED + LENGTH + 1)
    assert windows.disturbances == []


def test_a_window_stays_open_while_the_line_falters_again(windows: FaultWindows) -> None:
    _tell(
        windows,
        (10, *_fault("plc_restart", 7, "begin")),
        (10, *_fault("plc_restart", 7, "end")),
        (10.4, "plc_start", {}),
        (12, "trust", {"trusted": True}),
        (13, "belt", {"run": False}),
        (16, "belt", {"run": True}),
        (16.1, "ball", {}),
        (30, "ball", {}),
    )
    (fault,) = windows.faults
    assert fault.recovery_s == 6.0
    assert windows.holds(16 * SPEED)
    assert windows.disturbances == []


def test_an_open_window_excuses_everything_up_to_now(windows: FaultWindows) -> None:
    _tell(windows, (10, *_fault("e_stop", 7, "begin")), (10.1, "belt", {"run": False}))
    assert windows.holds(10.0 * SPEED)
    assert not windows.holds(5.0 * SPEED)
    assert windows.not_recovered == windows.faults


def test_what_no_fault_explains_is_a_disturbance(windows: FaultWindows) -> None:
    _tell(windows, (50, "trust", {"trusted": False}), (52, "trust", {"trusted": True}))
    (found,) = windows.disturbances
    assert (found.end_ns - found.begin_ns) / S == 2.0
    assert not windows.holds(51 * SPEED)


def test_a_disturbance_long_after_a_fault_is_none_of_its_own(windows: FaultWindows) -> None:
    _tell(
        windows,
        (10, *_fault("lost_frame", 7, "begin")),
        (10, *_fault("lost_frame", 7, "end")),
        (10.1, "ball", {}),
        (30, "belt", {"run": False}),
        (31, "belt", {"run": True}),
    )
    assert len(windows.disturbances) == 1
    assert windows.faults[0].recovery_s == 0.0


def test_a_belt_that_stands_at_the_end_is_no_disturbance(windows: FaultWindows) -> None:
    _tell(windows, (50, "belt", {"run": False}))
    windows.end(ran_empty=True)
    assert windows.disturbances == []


def test_a_line_that_broke_down_at_the_end_is_one(windows: FaultWindows) -> None:
    _tell(windows, (50, "trust", {"trusted": False}))
    windows.end(ran_empty=False)
    assert len(windows.disturbances) == 1


def test_two_faults_share_what_lies_between(windows: FaultWindows) -> None:
    _tell(
        windows,
        (10, *_fault("lost_frame", 7, "begin")),
        (10, *_fault("lost_frame", 7, "end")),
        (11, *_fault("station_kill", 9, "begin")),
        (11, *_fault("station_kill", 9, "end")),
        (11.3, "trust", {"trusted": False}),
        (14, "trust", {"trusted": True}),
        (14.1, "ball", {}),
        (30, "ball", {}),
    )
    assert [fault.recovered_ns for fault in windows.faults] == [14 * S, 14 * S]
    windows.forget(14 * SPEED + 20 * LENGTH)
    assert not windows.holds(12 * SPEED)
