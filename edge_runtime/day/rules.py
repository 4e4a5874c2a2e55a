"""The rules of the day: a state and an act in, the next state out, or a refusal. No clock, file or socket.

Everything that must be looked up (time, recipe, holds) comes in as `Facts`. What follows by itself, a
changeover that is done or a challenge that is over, is in `follow`. Neighbours: the station's day keeper
calls `apply` between two events of its decision loop and journals what comes out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast, get_args

from edge_runtime.day.acts import (
    Act,
    BeginChallenge,
    CancelChallenge,
    CancelChangeover,
    ChangeRecipe,
    CloseLot,
    CloseShift,
    OpenLot,
    OpenShift,
    StopLine,
)
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.state import Challenge, Changeover, DayState, Lot, Shift
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.people.roles import ROLES, Permission, may

#: closed lots whose names the state remembers
CLOSED_LOTS_MAX = 1000
#: holds that do not speak against a challenge: it is the answer to them
CHALLENGE_HOLDS = frozenset({"challenge", "challenge_due"})
_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks; `role` as the page knows it."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class RecipeChoice:
    """A recipe that was read, checked against this line, and can be changed over to.

    `kept_name`: what the state remembers of it, '' for the station file's own.
    """

    kept_name: str
    product: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds at the moment of the act.

    Attributes:
        utc_ns: wall clock, for people.
        product, recipe_sha256: of the recipe in force.
        choice: what the recipe that a `ChangeRecipe` names was found to be; None for other acts.
        challenge: when challenge balls are due; None: never by themselves.
        labels: what the model can find, for `BeginChallenge.expected`.
        lanes: of the line.
        holds: names of what keeps the station from being Ready.
        reserved_lots, reserved_shifts: names that parts bear while no lot, or no shift, is open.
        lot_on_file: the ledger knows a lot of the name that an `OpenLot` gives.
        belt: there is a belt that can be stopped.
    """

    utc_ns: int
    product: str
    recipe_sha256: str
    choice: RecipeChoice | None = None
    challenge: ChallengeConfig | None = None
    labels: frozenset[str] = frozenset()
    lanes: frozenset[int] = frozenset({0})
    holds: tuple[str, ...] = ()
    reserved_lots: frozenset[str] = frozenset()
    reserved_shifts: frozenset[str] = frozenset()
    lot_on_file: bool = False
    belt: bool = True


def same_name(one: str, other: str) -> bool:
    """Whether two names look the same to people: letter case and the way accents are stored do not count."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def apply(state: DayState, act: Act, who: Who, facts: Facts) -> DayState:
    """The state after the act; its revision is one higher.

    Raises:
        ActRefused: the act cannot be carried out now, or not by this role.
    """
    require_allowed(act, who)
    return _RULES[type(act)](state, act, who, facts).model_copy(update={"revision": state.revision + 1})


def require_allowed(act: Act, who: Who) -> None:
    """Refuse what a role may not do.

    Raises:
        ActRefused: `not_allowed`.
    """
    if who.role not in ROLES or not may(who.role, cast(Permission, act.kind)):
        raise ActRefused("not_allowed", {"role": who.role})


def changes(before: DayState, after: DayState) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs between two states, as it is journaled: fields before, fields after.

    Names of closed lots are left out: they follow from the lot's going (`follow.replayed`).
    """
    names = [
        name
        for name in DayState.model_fields
        if name not in ("revision", "closed_lots") and getattr(before, name) != getattr(after, name)
    ]
    told = set(names)
    return before.model_dump(mode="json", include=told), after.model_dump(mode="json", include=told)


def closed(lots: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Names of closed lots with one more, the newest `CLOSED_LOTS_MAX` of them."""
    return (*lots, name)[-CLOSED_LOTS_MAX:]


# -- shift and lot ----------------------------------------------------------------------------


def _open_shift(state: DayState, act: OpenShift, who: Who, facts: Facts) -> DayState:
    if state.shift is not None:
        raise ActRefused("shift_open", {"shift": state.shift.name})
    if any(same_name(act.name, reserved) for reserved in facts.reserved_shifts):
        raise ActRefused("bad_act", {"detail": f"parts of no shift are booked as '{act.name}'"})
    shift = Shift(name=act.name, opened_by=who.name, opened_utc_ns=facts.utc_ns)
    return state.model_copy(update={"shift": shift, "challenge_due_utc_ns": _due_at_start(state, facts)})


def _due_at_start(state: DayState, facts: Facts) -> int:
    config = facts.challenge
    if config is None:
        return 0
    if config.at_shift_start:
        return facts.utc_ns
    return state.challenge_due_utc_ns or due_after(config, facts.utc_ns)


def due_after(config: ChallengeConfig | None, utc_ns: int) -> int:
    """When the next challenge is due after one that has passed now; 0: not by itself."""
    if config is None or config.every_minutes is None:
        return 0
    return utc_ns + round(config.every_minutes * _MINUTE_NS)


def _close_shift(state: DayState, act: CloseShift, who: Who, facts: Facts) -> DayState:
    if state.shift is None:
        raise ActRefused("no_shift")
    return state.model_copy(update={"shift": None, "challenge_due_utc_ns": 0})


def _open_lot(state: DayState, act: OpenLot, who: Who, facts: Facts) -> DayState:
    if state.lot is not None:
        raise ActRefused("lot_open", {"lot": state.lot.name})
    _no_changeover(state)
    if "recipe" in facts.holds:
        # Nothing can be said of a product while the recipe that was chosen for it does not load.
        raise ActRefused("not_ready", {"holds": "recipe"})
    taken = {_folded(name) for name in (*state.closed_lots, *facts.reserved_lots)}
    if facts.lot_on_file or _folded(act.name) in taken:
        raise ActRefused("lot_name_used", {"lot": act.name})
    if not same_name(act.product, facts.product):
        raise ActRefused("product_differs", {"product": act.product, "recipe_product": facts.product})
    lot = Lot(
        name=act.name,
        product=facts.product,
        opened_by=who.name,
        opened_utc_ns=facts.utc_ns,
        recipe_sha256=facts.recipe_sha256,
    )
    return state.model_copy(update={"lot": lot})


def _close_lot(state: DayState, act: CloseLot, who: Who, facts: Facts) -> DayState:
    if state.lot is None:
        raise ActRefused("no_lot")
    return state.model_copy(update={"lot": None, "closed_lots": closed(state.closed_lots, state.lot.name)})


# -- changeover -------------------------------------------------------------------------------


def _no_changeover(state: DayState) -> None:
    if state.changeover is not None:
        raise ActRefused("changeover_running", {"recipe": state.changeover.recipe})


def _no_challenge(state: DayState) -> None:
    if state.challenge is not None:
        raise ActRefused("challenge_running", {"challenge": state.challenge.challenge})


def _change_recipe(state: DayState, act: ChangeRecipe, who: Who, facts: Facts) -> DayState:
    _no_changeover(state)
    if state.lot is not None:
        raise ActRefused("close_lot_first", {"lot": state.lot.name})
    _no_challenge(state)
    choice = facts.choice
    if choice is None:
        raise ActRefused("unknown_recipe", {"recipe": act.recipe, "detail": "nobody has looked for it"})
    if choice.sha256 == facts.recipe_sha256 and "recipe" not in facts.holds:
        raise ActRefused("same_recipe")
    changeover = Changeover(
        recipe=choice.kept_name,
        old_sha256=facts.recipe_sha256,
        new_sha256=choice.sha256,
        product=choice.product,
        asked_by=who.name,
        asked_utc_ns=facts.utc_ns,
    )
    return state.model_copy(update={"changeover": changeover})


def _cancel_changeover(state: DayState, act: CancelChangeover, who: Who, facts: Facts) -> DayState:
    if state.changeover is None:
        raise ActRefused("no_changeover")
    return state.model_copy(update={"changeover": None})


# -- challenge --------------------------------------------------------------------------------


def _begin_challenge(state: DayState, act: BeginChallenge, who: Who, facts: Facts) -> DayState:
    _no_challenge(state)
    _no_changeover(state)
    if act.lane not in facts.lanes:
        raise ActRefused("unknown_lane", {"lane": act.lane})
    if act.expected not in ("any", "size", *facts.labels):
        raise ActRefused("bad_act", {"detail": f"expected: the model finds no '{act.expected}'"})
    holds = sorted(set(facts.holds) - CHALLENGE_HOLDS)
    if holds:
        raise ActRefused("not_ready", {"holds": ", ".join(holds)})
    challenge = Challenge(
        challenge=f"C-{state.revision + 1}",
        balls=act.balls,
        expected=act.expected,
        lane=act.lane,
        announced_by=who.name,
        announced_utc_ns=facts.utc_ns,
    )
    return state.model_copy(update={"challenge": challenge})


def _cancel_challenge(state: DayState, act: CancelChallenge, who: Who, facts: Facts) -> DayState:
    """Balls in flight are waited for: one of them that is accepted is a miss all the same."""
    challenge = state.challenge
    if challenge is None:
        raise ActRefused("no_challenge")
    if challenge.triggered:
        return state.model_copy(
            update={"challenge": challenge.model_copy(update={"balls": challenge.triggered})}
        )
    return state.model_copy(
        update={
            "challenge": None,
            "last_challenge_utc_ns": facts.utc_ns,
            "last_challenge_result": "cancelled",
        }
    )


# -- belt -------------------------------------------------------------------------------------


def _stop_line(state: DayState, act: StopLine, who: Who, facts: Facts) -> DayState:
    if not facts.belt:
        raise ActRefused("bad_act", {"detail": "this station has no belt to stop"})
    if "plc" in facts.holds:
        # It would stop the belt when the link is back, perhaps in an hour, and nobody would know why.
        raise ActRefused("not_ready", {"holds": "plc"})
    return state


_Rule = Callable[[DayState, Any, Who, Facts], DayState]
_RULES: dict[type, _Rule] = {
    OpenShift: _open_shift,
    CloseShift: _close_shift,
    OpenLot: _open_lot,
    CloseLot: _close_lot,
    ChangeRecipe: _change_recipe,
    CancelChangeover: _cancel_changeover,
    BeginChallenge: _begin_challenge,
    CancelChallenge: _cancel_challenge,
    StopLine: _stop_line,
}
assert set(_RULES) == set(get_args(get_args(Act)[0])), "every act has its rule"
