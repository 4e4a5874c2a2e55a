"""What the PLC tells, put together: windows of balls, wraps, restarts, speed."""

from __future__ import annotations

import pytest

from edge_runtime.commission.ports import HeaderRead, OutcomesTaken, PlcLost, TriggersTaken
from edge_runtime.commission.watch import NEVER, GateWindow, LineWatch
from edge_runtime.encoder import wrap
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord
from edge_runtime.plc.registers import Cause, Confirm, KeySwitch, Side

MS = 1_000_000
A, B = GateWindow(4000, 5000), GateWindow(4400, 5400)


class _Line:
    """Tells a watch of a belt."""

    def __init__(self, start: int = 60_000) -> None:
        self.watch = LineWatch()
        self.position = start
        self.now_ns = 0
        self.boot = 1
        self.echo = 0
        self.poll(0)

    def poll(self, counts: int, gap_ms: int = 20) -> None:
        self.position += counts
        self.now_ns += gap_ms * MS
        values = {
            "plc_boot_id": self.boot,
            "encoder_count": wrap(self.position),
            "plc_status": 1,
            "key_switch": int(KeySwitch.SERVICE),
            "service_echo": self.echo,
        }
        self.watch.feed(HeaderRead(self.now_ns, values))

    def ball(self, number: int, rising: int, pulse: int = 320) -> None:
        self.watch.feed(TriggersTaken((TriggerRecord(1, 0, number, wrap(rising), pulse),)))

    def outcome(self, number: int, rising: int, travel: int, eye: Confirm = Confirm.ACCEPT_EYE) -> None:
        side = Side.BYPASS if eye is Confirm.ACCEPT_EYE else Side.REJECT
        count = wrap(rising + travel)
        record = OutcomeRecord(1, 0, number, wrap(rising), 320, side, Cause.SERVICE, 0, 0, eye, count)
        self.watch.feed(OutcomesTaken((record,)))


def test_balls_and_their_travel_are_followed_over_the_wrap() -> None:
    line = _Line(start=64_000)
    line.poll(600)
    line.ball(1, 64_200)
    for _ in range(40):
        line.poll(200)
    line.outcome(1, 64_200, 6080)
    (ball,) = line.watch.balls
    assert ball.rising == 64_200
    assert ball.travel == 6080
    assert ball.accept is True
    assert line.watch.position == 64_000 + 600 + 8000


def test_an_unseen_ball_is_neither() -> None:
    line = _Line()
    line.ball(1, 60_000)
    line.outcome(1, 60_000, 0, Confirm.NONE)
    assert line.watch.balls[0].accept is None
    assert line.watch.balls[0].travel is None


def test_the_window_of_a_ball_is_certain_or_not() -> None:
    line = _Line()

    def held(number: int, rising: int) -> list[GateWindow]:
        line.ball(number, rising)
        return list(line.watch.balls[-1].windows)

    line.poll(200)  # 60 200
    assert held(1, 59_800) == [NEVER]  # no block was ever asked for
    line.watch.asked(7, A)
    assert held(2, 59_900) == [NEVER, A]  # born at 60 220, behind the count at which it was asked
    line.poll(200)  # 60 400, not shown yet
    line.echo = 7
    line.poll(200)  # 60 600: shown
    assert held(3, 60_200) == [NEVER, A]  # born at 60 520: between, nobody can tell
    assert held(4, 60_000) == [NEVER]  # born at 60 320: before the poll that did not show it
    assert held(5, 60_300) == [A]  # born at 60 620
    line.watch.asked(8, B)
    assert held(6, 60_400) == [A, B]
    line.echo = 8
    line.poll(200)
    assert held(7, 60_700) == [B]


def test_a_turn_of_the_key_forgets_the_block() -> None:
    line = _Line()
    line.watch.asked(7, A)
    line.echo = 7
    line.poll(100)
    line.watch.forget_settings()
    line.ball(1, 60_200)
    assert list(line.watch.balls[-1].windows) == [NEVER]


def test_a_restarted_plc_begins_anew() -> None:
    line = _Line()
    line.watch.asked(7, A)
    line.echo = 7
    line.poll(100)
    line.ball(1, 60_000)
    before = line.watch.position
    line.boot, line.echo = 2, 0
    line.poll(100)
    assert line.watch.position > before  # nothing measured later may look older
    line.outcome(1, 60_000, 6080)
    assert line.watch.balls[0].outcome is None  # it was in flight, of another life
    line.ball(2, line.position + 10)
    assert line.watch.balls[-1].windows == (NEVER,)
    assert line.watch.balls[-1].rising == line.watch.position + 10


def test_a_long_silence_loses_the_belt_but_a_short_one_does_not() -> None:
    line = _Line()
    line.poll(9000, gap_ms=1000)
    assert line.watch.position == 69_000
    line.watch.feed(PlcLost("no answer"))
    assert line.watch.lost == "no answer"
    line.poll(9000, gap_ms=1000)
    assert line.watch.lost == ""
    assert line.watch.position == 78_000
    line.poll(40_000, gap_ms=4000)  # half round the counter: it could be anywhere
    assert line.watch.position > 78_000 + 40_000


def test_speed_with_its_uncertainty() -> None:
    line = _Line()
    assert line.watch.speed(1.0) is None
    for number in range(60):
        line.poll(192 + (number % 3 - 1) * 4)
    speed = line.watch.speed(1.0)
    assert speed is not None
    mean, u = speed
    assert abs(mean - 9600.0) <= 3.0 * u
    assert u < 10.0
    speeds = line.watch.speeds(0.4, 10)
    assert len(speeds) == 3
    assert speeds == pytest.approx([9600.0] * 3, rel=0.005)
    assert line.watch.speeds(0.4, 10, since=line.watch.position - 2000) == []
