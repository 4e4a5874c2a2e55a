"""What follows without an act: a changeover that is done, a challenge that is over; and replay.

Pure functions beside `rules`. Neighbours: the station's day keeper journals what follows here like an act
of nobody; `files` puts a state together again with `replayed`.
"""

from __future__ import annotations

from typing import Any

from edge_runtime.day.rules import changes, closed, due_after
from edge_runtime.day.state import ChallengeResult, DayState
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.entries import ActEntry

#: journaled as the acts `ActEntry.act` of nobody
CHANGEOVER_DONE = "changeover_done"
CHALLENGE_DONE = "challenge_done"
SESSION = "session"


def changeover_done(state: DayState) -> DayState:
    """The zone is empty: the recipe that waited is the one to start with from now on."""
    assert state.changeover is not None
    update = {"recipe": state.changeover.recipe, "changeover": None, "revision": state.revision + 1}
    return state.model_copy(update=update)


def challenge_over(
    state: DayState, result: ChallengeResult, utc_ns: int, config: ChallengeConfig | None
) -> DayState:
    """The challenge under way has ended so.

    A pass is the only thing that moves the next one's time and that answers a miss, on the lane of the miss.
    """
    assert state.challenge is not None
    lane = state.challenge.lane
    update: dict[str, Any] = {
        "challenge": None,
        "last_challenge_utc_ns": utc_ns,
        "last_challenge_result": result,
        "revision": state.revision + 1,
    }
    if result == "passed":
        update["challenge_due_utc_ns"] = due_after(config, utc_ns) if state.shift is not None else 0
        if state.containment_lane == lane:
            update["containment"] = ""
    elif result == "missed" and not state.containment:
        # The first miss stands: what was accepted before it is what must be looked at again.
        update |= {"containment": state.challenge.challenge, "containment_lane": lane}
    return state.model_copy(update=update)


def act_entry(
    before: DayState,
    after: DayState,
    *,
    act: str,
    by: str,
    role: str,
    asked: dict[str, Any],
    utc_ns: int,
    boot_id: str,
) -> ActEntry:
    """The journal's entry of one change."""
    fields_before, fields_after = changes(before, after)
    return ActEntry(after.revision, act, by, role, asked, fields_before, fields_after, utc_ns, boot_id)


def replayed(state: DayState, entry: ActEntry) -> DayState:
    """The state after an entry of the journal that is newer than it; an older one changes nothing.

    Raises:
        pydantic.ValidationError: the entry holds a value that no state can have.
    """
    if entry.revision <= state.revision:
        return state
    known = {name: value for name, value in entry.after.items() if name in DayState.model_fields}
    data = state.model_dump(mode="json") | known | {"revision": entry.revision}
    lot = entry.before.get("lot")
    if lot is not None and entry.after.get("lot") is None:
        data["closed_lots"] = closed(state.closed_lots, lot["name"])
    return DayState.model_validate(data)
