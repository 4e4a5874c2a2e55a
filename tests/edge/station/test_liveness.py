"""What hangs is told from what works and from what has nothing to do; the process at the other end is
real.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.pulse import BEAT, PULSE_FD, Pulse
from edge_runtime.station.child import Child
from edge_runtime.station.liveness import LiveLimits, Liveness

LIMITS = LiveLimits(silent_s=10.0, first_s=60.0, idle_come=16, idle_s=10.0)


class Rig:
    """Both ends of a pipe and a clock."""

    def __init__(self) -> None:
        ours, self.its = os.pipe()
        self.now_s = 1000.0
        self.liveness = Liveness(ours, LIMITS, self.now_s)

    def after(self, seconds: float, *beats: tuple[int, int]) -> str:
        """Look once a second; the beats come at the end."""
        why = ""
        for _ in range(round(seconds) - 1):
            self.now_s += 1.0
            why = why or self.liveness.why_hanging(self.now_s)
        self.now_s += 1.0
        for beat in beats:
            os.write(self.its, BEAT.pack(*beat))
        return why or self.liveness.why_hanging(self.now_s)

    def close(self) -> None:
        self.liveness.close()
        os.close(self.its)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


def test_silence_is_hanging_and_a_slow_start_is_not(rig: Rig) -> None:
    assert rig.after(59) == ""
    assert rig.after(1, (0, 0)) == ""
    assert rig.after(9) == ""
    assert "no sign of progress for 11 s" in rig.after(2)


def test_a_start_that_never_ends_is_hanging(rig: Rig) -> None:
    assert "no sign of progress for 61 s" in rig.after(62)


def test_what_a_plc_counted_before_the_start_is_not_waited_for(rig: Rig) -> None:
    assert rig.after(1, (0, 0)) == ""
    for _ in range(30):
        assert rig.after(1, (0, 5000)) == ""
    for second in range(10):
        assert rig.after(1, (0, 5001 + 2 * second)) == ""
    assert "and it took none of them" in rig.after(1, (0, 5030))


def test_a_process_that_beats_and_takes_no_part_hangs(rig: Rig) -> None:
    assert rig.after(1, (5, 5)) == ""
    for second in range(10):
        assert rig.after(1, (5, 6 + 2 * second)) == ""
    assert rig.after(1, (5, 40)) == "35 parts came within 11 s, and it took none of them"


@pytest.mark.parametrize(
    ("done", "come"),
    [
        ([5] * 30, [5] * 30),  # the belt stands: nothing comes
        ([5] * 30, [5 + i // 2 for i in range(30)]),  # so few that they may all lie on the belt
        (list(range(30)), [7 * i for i in range(30)]),  # slow, but it gets on
        ([900] * 30, [900 + 2 * i if i < 5 else 2 * (i % 8) for i in range(30)]),  # PLC counts anew each 8 s
    ],
)
def test_a_process_without_work_or_with_progress_does_not_hang(
    rig: Rig, done: list[int], come: list[int]
) -> None:
    assert [rig.after(1, beat) for beat in zip(done, come, strict=True)] == [""] * 30


def test_a_supervisor_that_was_away_itself_judges_nobody(rig: Rig) -> None:
    assert rig.after(1, (1, 1)) == ""
    rig.now_s += 3600.0  # the machine was paused
    assert rig.liveness.why_hanging(rig.now_s) == ""
    assert "no sign" in rig.after(12)


def test_half_a_beat_is_kept_for_the_other_half(rig: Rig) -> None:
    beat = BEAT.pack(3, 4)
    os.write(rig.its, beat[:5])
    assert rig.after(1) == ""
    os.write(rig.its, beat[5:])
    assert rig.after(1) == ""
    assert "11 s" in rig.after(11), "it counted as the first beat"


def test_a_pulse_without_a_supervisor_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PULSE_FD, raising=False)
    Pulse.of_this_process().beat(1, 1)
    ours, its = os.pipe()
    os.close(ours)
    monkeypatch.setenv(PULSE_FD, str(its))
    pulse = Pulse.of_this_process()
    assert PULSE_FD not in os.environ
    pulse.beat(1, 1)  # nobody reads any more: no SIGPIPE, no error
    os.close(its)


def test_a_full_pipe_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.pulse.PERIOD_S", 0.0)
    ours, its = os.pipe()
    pulse = Pulse(its)
    os.set_blocking(its, False)
    for number in range(10_000):
        pulse.beat(number, number)
    os.close(ours)
    os.close(its)


def test_a_child_that_is_stopped_in_its_tracks_is_killed(tmp_path: Path) -> None:
    child = Child("beater", "tests.edge.station.family.beater", LiveLimits(silent_s=0.6, first_s=60.0))
    try:
        child.start(tmp_path / "station.yaml")
        assert child.process is not None
        end = time.monotonic() + 60.0
        while not (tmp_path / "beats").exists():
            assert time.monotonic() < end
            assert child.kill_if_hanging() == ""
            time.sleep(0.02)
        os.kill(child.process.pid, signal.SIGSTOP)
        while not (why := child.kill_if_hanging()):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert "no sign of progress" in why
        assert child.kill_if_hanging() == ""
        assert child.process.wait(10.0) == -signal.SIGKILL
        assert child.returncode() == -signal.SIGKILL
    finally:
        child.stop()
