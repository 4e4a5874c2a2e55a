"""Which challenges of a shift were owed."""

from __future__ import annotations

import pytest

from edge_runtime.day_config import ChallengeConfig
from edge_runtime.lots.challenge_due import owed_challenges

MINUTE_NS = 60 * 1_000_000_000


@pytest.mark.parametrize(
    ("settings", "end", "passed", "owed"),
    [
        # at the start, and every 60 minutes; grace 15
        ({}, 30, [5], []),
        ({}, 30, [], [(0, None)]),  # nobody did the first one
        ({}, 14, [], []),  # still within its grace
        ({}, 50, [20], [(0, 20)]),  # late
        ({}, 200, [5, 60, 121], [(181, None)]),  # the fourth was never done
        ({}, 195, [5, 60, 121], []),  # it is within its grace
        ({}, 200, [5, 100, 150], [(65, 100)]),
        ({"every_minutes": None}, 700, [3], []),  # only at the start
        ({"every_minutes": None}, 700, [], [(0, None)]),
        ({"at_shift_start": False}, 50, [], []),
        ({"at_shift_start": False}, 100, [], [(60, None)]),
        ({"at_shift_start": False, "every_minutes": None}, 700, [], []),  # never by themselves
    ],
)
def test_owed(
    settings: dict[str, object], end: int, passed: list[int], owed: list[tuple[int, int | None]]
) -> None:
    config = ChallengeConfig.model_validate({"every_minutes": 60.0, "grace_minutes": 15.0} | settings)
    start = 7 * MINUTE_NS
    found = owed_challenges(
        config, start, start + end * MINUTE_NS, [start + minute * MINUTE_NS for minute in passed]
    )

    def minutes(utc_ns: int | None) -> int | None:
        return None if utc_ns is None else (utc_ns - start) // MINUTE_NS

    assert [(minutes(item.due_utc_ns), minutes(item.passed_utc_ns)) for item in found] == owed
