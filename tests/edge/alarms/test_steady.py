"""Alarms do not flutter: delays on and off, gaps, sources that fall silent."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.alarms.codes import CODES, Source
from edge_runtime.alarms.condition import Condition, Key
from edge_runtime.alarms.steady import Memory, adopt, settle

ALL: frozenset[Source] = frozenset({"page", "station", "ledger", "machine"})
LAMP = Condition("camera_lamp", "left", {"camera": "left"})  # on after 1 s, off after 5 s
LATCH = Condition("latched_mismatch")  # at once, off after 1 s


def _after(memory: Memory, looks: Iterable[tuple[float, bool]], condition: Condition) -> list[bool]:
    """Whether it stands after each look of (time, seen)."""
    stands = []
    for now_s, seen in looks:
        memory = settle(memory, [condition] if seen else [], ALL, now_s)
        stands.append(condition.key in memory.standing)
    return stands


def test_what_needs_no_delay_stands_at_once_and_goes_after_its_own() -> None:
    looks = [(0.0, True), (0.5, False), (0.9, False), (1.0, False), (1.5, False)]
    assert _after(Memory(), looks, LATCH) == [True, True, True, False, False]


def test_a_single_bad_frame_is_no_alarm() -> None:
    looks = [(0.0, True), (0.5, False), (2.0, False), (6.0, False)]
    assert _after(Memory(), looks, LAMP) == [False] * 4


def test_a_lasting_fault_is_one_after_its_delay() -> None:
    assert _after(Memory(), [(0.0, True), (0.5, True), (1.0, True)], LAMP) == [False, False, True]


def test_a_fault_that_comes_and_goes_is_one_alarm_and_not_many() -> None:
    looks = [(0.5 * step, step % 2 == 0) for step in range(40)]
    stands = _after(Memory(), looks, LAMP)
    first = stands.index(True)
    assert looks[first][0] <= 1.5
    assert all(stands[first:])


def test_once_it_was_away_for_long_its_delay_begins_anew() -> None:
    looks = [(0.0, True), (6.0, False), (10.0, True), (10.5, True), (11.0, True)]
    assert _after(Memory(), looks, LAMP) == [False, False, False, False, True]


def test_the_newest_figures_are_kept() -> None:
    memory = settle(Memory(), [Condition("disk_full", values={"free_mb": 200})], ALL, 0.0)
    memory = settle(memory, [Condition("disk_full", values={"free_mb": 180})], ALL, 3.0)
    assert memory.standing[Key("disk_full", "")].condition.values == {"free_mb": 180}


def test_while_a_source_is_silent_its_alarms_stay_and_no_new_ones_come() -> None:
    silent = ALL - {"station"}
    memory = settle(Memory(), [LATCH, LAMP], ALL, 0.0)
    assert memory.keys == {LATCH.key}
    memory = settle(memory, [], silent, 100.0)
    assert memory.keys == {LATCH.key}
    # The station is back and says nothing of it: it goes after its delay, counted from now.
    memory = settle(memory, [], ALL, 100.5)
    assert memory.keys == {LATCH.key}
    assert settle(memory, [], ALL, 101.0).keys == set()
    # What was only waiting waits its whole time again.
    memory = settle(memory, [LAMP], ALL, 101.5)
    assert LAMP.key not in memory.keys


def test_what_an_earlier_life_left_standing_goes_like_anything_else() -> None:
    memory = adopt(Memory(), [LATCH, Condition("of_another_version")], 50.0)
    assert memory.keys == {LATCH.key, Key("of_another_version", "")}
    memory = settle(memory, [LATCH], ALL, 51.0)
    assert settle(memory, [LATCH], ALL, 53.0).keys == {LATCH.key}


def test_what_stands_already_is_not_taken_back_by_what_was_left() -> None:
    memory = settle(Memory(), [Condition("disk_full", values={"free_mb": 1})], ALL, 0.0)
    memory = settle(memory, [Condition("disk_full", values={"free_mb": 1})], ALL, 2.0)
    left = [Condition("disk_full", values={"free_mb": 99})]
    assert adopt(memory, left, 3.0).standing[Key("disk_full", "")].condition.values == {"free_mb": 1}


@given(
    code=st.sampled_from(sorted(CODES)),
    steps=st.lists(st.tuples(st.floats(0.1, 30.0), st.booleans()), max_size=40),
)
def test_no_alarm_comes_or_goes_sooner_than_its_rule_says(code: str, steps: list[tuple[float, bool]]) -> None:
    rule, condition = CODES[code], Condition(code)
    memory, now_s, stood = Memory(), 0.0, False
    first_seen_s = last_seen_s = -1e9
    for step_s, seen in steps:
        now_s += step_s
        if seen:
            if now_s - last_seen_s > rule.off_s + 30.0:
                first_seen_s = now_s
            last_seen_s = now_s
        memory = settle(memory, [condition] if seen else [], ALL, now_s)
        stands = condition.key in memory.standing
        if stands and not stood:
            assert seen
            assert now_s - first_seen_s >= rule.on_s
        if stood and not stands:
            assert not seen
            assert now_s - last_seen_s >= rule.off_s
        stood = stands
