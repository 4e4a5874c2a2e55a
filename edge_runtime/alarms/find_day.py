"""The day: a changeover under way, challenge balls due, running, missed."""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.alarms.condition import Condition
from edge_runtime.alarms.facts import Look
from edge_runtime.day.state import DayState
from edge_runtime.live.status import StationStatus

_NS_PER_S = 1_000_000_000
#: challenge balls that were announced so long ago and have not all come are asked for
CHALLENGE_WAITS_S = 600.0


def find_day(look: Look, status: StationStatus) -> Iterator[Condition]:
    """Conditions of changeover and challenge."""
    day = status.day
    if day.changeover is not None:
        yield Condition("changeover_running", values={"recipe": day.changeover.recipe})
    if day.containment:
        yield Condition("challenge_missed", values={"challenge": day.containment})
    if day.challenge is None:
        yield from _due(look, status)
    else:
        waited_s = (look.utc_ns - day.challenge.announced_utc_ns) / _NS_PER_S
        if waited_s >= CHALLENGE_WAITS_S:
            yield Condition("challenge_waits", values={"minutes": int(waited_s // 60)})


def _due(look: Look, status: StationStatus) -> Iterator[Condition]:
    day = status.day
    if "challenge_due" in status.holds:
        yield Condition("challenge_hold", values={"detail": status.holds["challenge_due"]})
    elif _was_inconclusive(day):
        yield Condition("challenge_inconclusive")
    if not day.challenge_due_utc_ns or "challenge_due" in status.holds or day.containment:
        return
    since_s = (look.utc_ns - day.challenge_due_utc_ns) / _NS_PER_S
    minutes = {"minutes": int(since_s // 60)}
    if since_s > look.limits.challenge_grace_s:
        yield Condition("challenge_overdue", values=minutes)
    elif since_s >= 0.0:
        yield Condition("challenge_due")


def _was_inconclusive(day: DayState) -> bool:
    """The last challenge proved nothing, and another one is due for it."""
    return day.last_challenge_result == "inconclusive" and bool(day.challenge_due_utc_ns)
