"""Why the day's state keeps the station from being Ready, as names and words. Pure.

Neighbours: the station's day keeper asks after every change and a few times a second (a challenge becomes
overdue by itself); the names are keys of the page's catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.day.state import DayState
from edge_runtime.day_config import ChallengeConfig

#: every name that `day_holds` may give
DAY_HOLDS = ("changeover", "challenge", "challenge_due", "recipe", "lot_recipe")
_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """What else decides: recipe in force, trouble with the one that was asked for, a restart that is due."""

    recipe_sha256: str
    recipe_trouble: str = ""
    restarting: bool = False
    challenge: ChallengeConfig | None = None


def overdue(state: DayState, utc_ns: int, config: ChallengeConfig | None) -> bool:
    """A challenge that was due has not been passed within the time of grace."""
    if config is None or not state.challenge_due_utc_ns:
        return False
    return utc_ns > state.challenge_due_utc_ns + round(config.grace_minutes * _MINUTE_NS)


def only_challenge_balls(state: DayState, utc_ns: int, config: ChallengeConfig | None) -> bool:
    """No ball of production may be accepted, even while a challenge makes the station Ready."""
    held = config is not None and config.when_overdue == "hold" and overdue(state, utc_ns, config)
    return bool(state.containment) or held


def day_holds(state: DayState, utc_ns: int, facts: HoldFacts) -> dict[str, str]:
    """Name of each hold and why, for the books and the service engineer."""
    holds: dict[str, str] = {}
    if facts.restarting:
        holds["changeover"] = "the station starts anew with the other recipe"
    elif state.changeover is not None:
        recipe = state.changeover.recipe or "the station file's recipe"
        holds["changeover"] = f"the changeover to {recipe} waits for the zone to be empty"
    # A running challenge needs a station that is Ready; `only_challenge_balls` holds the others back.
    running = state.challenge is not None and not state.challenge.waiting
    if not running and state.containment:
        holds["challenge"] = f"challenge {state.containment} was missed, and none was passed since"
    config = facts.challenge
    if (
        not running
        and config is not None
        and config.when_overdue == "hold"
        and overdue(state, utc_ns, config)
    ):
        holds["challenge_due"] = "challenge balls are overdue"
    if facts.recipe_trouble:
        holds["recipe"] = facts.recipe_trouble
    if state.lot is not None and state.lot.recipe_sha256 != facts.recipe_sha256:
        holds["lot_recipe"] = (
            f"lot {state.lot.name} was opened with another recipe: close it, or put the recipe back"
        )
    return holds
