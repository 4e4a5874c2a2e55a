"""Which challenges were owed in a shift, and which of them came late or never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.day_config import ChallengeConfig

_NS_PER_MINUTE = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class OwedChallenge:
    """One that was due and not passed within its grace; `passed_utc_ns` None: never in this shift."""

    due_utc_ns: int
    passed_utc_ns: int | None


def owed_challenges(
    config: ChallengeConfig, opened_utc_ns: int, end_utc_ns: int, passed_utc_ns: Sequence[int]
) -> tuple[OwedChallenge, ...]:
    """Challenges of a shift that were not passed in time.

    A pass moves the next one's time, as at the station; one that is missed or inconclusive does not.

    Args:
        config: when challenges are due.
        opened_utc_ns: start of the shift.
        end_utc_ns: its end, or now.
        passed_utc_ns: ends of the challenges that were passed in it, in the order of time.
    """
    every = None if config.every_minutes is None else round(config.every_minutes * _NS_PER_MINUTE)
    grace = round(config.grace_minutes * _NS_PER_MINUTE)
    due = opened_utc_ns if config.at_shift_start else None if every is None else opened_utc_ns + every
    owed = []
    for passed in (*passed_utc_ns, None):
        if due is None:
            break
        if (end_utc_ns if passed is None else passed) > due + grace:
            owed.append(OwedChallenge(due, passed))
        due = None if every is None or passed is None else passed + every
    return tuple(owed)
