"""Timing in turn, with a clock that only moves when the works move it."""

from __future__ import annotations

import math

import pytest

from vision.statistics.in_turn import Work, in_turn


class Clock:
    """Seconds of the wall and of the processor, moved by the works."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self.order: list[str] = []

    def work(self, name: str, wall_s: float, cpu_s: float) -> Work:
        def done(calls: int) -> None:
            self.order.append(name)
            self.wall_s += calls * wall_s
            self.cpu_s += calls * cpu_s

        return done


def test_times_and_ratios_are_those_of_one_call() -> None:
    clock = Clock()
    works = {"theirs": clock.work("theirs", 0.010, 0.012), "ours": clock.work("ours", 0.008, 0.006)}
    rounds: list[int] = []
    timed = in_turn(
        works, 3, wall=lambda: clock.wall_s, cpu=lambda: clock.cpu_s, step=lambda: rounds.append(1)
    )
    assert len(rounds) == 3
    # A turn of the first takes 0.05 s at least: five calls of it, rounded up to a power of two.
    assert timed.calls == 8
    assert math.isclose(timed.wall_ms("ours"), 8.0)
    assert math.isclose(timed.cpu_ms("theirs"), 12.0)
    assert math.isclose(timed.wall_ratio("ours", "theirs"), 0.8)
    assert math.isclose(timed.cpu_ratio("ours", "theirs"), 0.5)
    assert math.isclose(timed.wall_more_ms("ours", "theirs"), -2.0)
    assert math.isclose(timed.cpu_more_ms("theirs", "ours"), 6.0)


def test_every_round_goes_there_and_back_and_every_second_the_other_way_about() -> None:
    clock = Clock()
    works = {name: clock.work(name, 1.0, 1.0) for name in "ab"}
    in_turn(works, 2, wall=lambda: clock.wall_s, cpu=lambda: clock.cpu_s)
    assert "".join(clock.order[-8:]) == "abbabaab"


def test_a_machine_that_gets_slower_leaves_the_ratio_alone() -> None:
    clock, slow = Clock(), [1.0]

    def work(wall_s: float) -> Work:
        def done(calls: int) -> None:
            clock.wall_s += calls * wall_s * slow[0]
            clock.cpu_s += calls * wall_s

        return done

    def slower() -> None:
        slow[0] *= 3.0

    works = {"a": work(0.1), "b": work(0.2)}
    timed = in_turn(works, 5, wall=lambda: clock.wall_s, cpu=lambda: clock.cpu_s, step=slower)
    assert math.isclose(timed.wall_ratio("b", "a"), 2.0)
    assert math.isclose(timed.wall_s["a"][4], 81.0 * timed.wall_s["a"][0])


@pytest.mark.parametrize(("names", "rounds"), [("", 1), ("a", 0)])
def test_nothing_to_time_is_refused(names: str, rounds: int) -> None:
    clock = Clock()
    works = {name: clock.work(name, 1.0, 1.0) for name in names}
    with pytest.raises(ValueError, match="at least one"):
        in_turn(works, rounds, wall=lambda: clock.wall_s, cpu=lambda: clock.cpu_s)
