"""Trigger numbers and acknowledgements, as tables."""

from __future__ import annotations

import pytest

from edge_runtime.station.known import KnownTriggers, OutcomeAcks, TriggerNumbers


@pytest.mark.parametrize(
    ("known", "numbers", "gaps"),
    [
        ({}, [(0, 57), (0, 58)], [None, None]),  # first books ever: nobody counted before
        ({}, [(0, 57), (1, 9)], [None, None]),  # nor in the other lane
        ({7: {0: 40}}, [(0, 57)], [(40, 56)]),  # same PLC life: 17 balls went by
        ({7: {0: 40}}, [(0, 40), (0, 42)], [None, (41, 41)]),  # one is missing
        ({3: {0: 40}}, [(0, 5)], [(1, 4)]),  # another PLC life numbers from 1
    ],
)
def test_what_is_missing(
    known: dict[int, dict[int, int]], numbers: list[tuple[int, int]], gaps: list[tuple[int, int] | None]
) -> None:
    follower = TriggerNumbers(KnownTriggers(known))
    follower.begin(7)
    assert [follower.take(lane, number) for lane, number in numbers] == gaps


def test_a_number_that_goes_back_is_an_error_and_makes_no_false_gap() -> None:
    follower = TriggerNumbers(KnownTriggers({7: {0: 40}}))
    follower.begin(7)
    follower.take(0, 40)
    with pytest.raises(ValueError, match="trigger 39 after 40"):
        follower.take(0, 39)
    assert follower.take(0, 41) is None


def test_what_the_books_have_may_come_once_more_after_a_kill_and_only_then() -> None:
    follower = TriggerNumbers(KnownTriggers({7: {0: 40}}))
    follower.begin(7)
    assert [follower.take(0, number) for number in (37, 38, 39, 40, 42)] == [None, None, None, None, (41, 41)]
    with pytest.raises(ValueError, match="trigger 40 after 42"):
        follower.take(0, 40)
    follower.begin(7)  # the same PLC life goes on: nothing comes twice by that
    with pytest.raises(ValueError, match="trigger 42 after 42"):
        follower.take(0, 42)
    # A lane of which nothing is known begins with what comes.
    assert follower.take(1, 1) is None
    with pytest.raises(ValueError, match="lane 1: trigger 1 after 1"):
        follower.take(1, 1)


def test_the_second_plc_life_numbers_from_one_even_without_books() -> None:
    follower = TriggerNumbers(KnownTriggers({}))
    follower.begin(7)
    follower.take(0, 57)
    follower.begin(8)
    assert follower.take(0, 3) == (1, 2)


def test_only_what_is_on_disk_is_acknowledged_in_order() -> None:
    acks = OutcomeAcks()
    acks.add([1, 2], tail=2)
    acks.add([5], tail=3)
    assert acks.due(1) is None
    assert acks.due(4) == 2
    assert acks.due(5) == 3
    assert acks.due(99) is None


def test_after_a_dropped_outcome_nothing_more_is_acknowledged() -> None:
    acks = OutcomeAcks()
    acks.add([1], tail=1)
    acks.add([None, 3], tail=3)
    acks.add([4], tail=4)
    assert acks.broken
    assert acks.due(99) == 1


def test_another_plc_life_forgets_what_waited() -> None:
    acks = OutcomeAcks()
    acks.add([1], tail=5000)
    acks.clear()
    assert acks.due(99) is None
