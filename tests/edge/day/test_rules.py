"""The rules of the day: every refusal as a table, and any sequence of acts as a property."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

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
from edge_runtime.day.follow import act_entry, challenge_over, changeover_done, replayed
from edge_runtime.day.refusals import REFUSALS, ActRefused
from edge_runtime.day.rules import CLOSED_LOTS_MAX, Facts, RecipeChoice, Who, apply, closed
from edge_runtime.day.state import Challenge, Changeover, DayState, Lot, Shift
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.entries import ActEntry, from_json, to_json

NOW = 1_700_000_000_000_000_000
MINUTE = 60_000_000_000
FOREMAN = Who("Aigul", "foreman")
FACTS = Facts(
    NOW,
    "Ball 40",
    "a" * 64,
    choice=RecipeChoice("gost:45", "Ball 45", "b" * 64),
    challenge=ChallengeConfig(),
    labels=frozenset({"half", "crack"}),
    reserved_lots=frozenset({"no lot"}),
    reserved_shifts=frozenset({"no shift"}),
)
SHIFT = Shift(name="1", opened_by="A", opened_utc_ns=1)
LOT = Lot(name="L-1", product="Ball 40", opened_by="A", opened_utc_ns=1, recipe_sha256="a" * 64)
CHALLENGE = Challenge(challenge="C-3", balls=3, expected="any", lane=0, announced_by="A", announced_utc_ns=1)
CHANGEOVER = Changeover(
    recipe="gost:45",
    old_sha256="a" * 64,
    new_sha256="b" * 64,
    product="Ball 45",
    asked_by="A",
    asked_utc_ns=1,
)
OPEN = OpenLot(name="L-2", product="Ball 40")


@pytest.mark.parametrize(
    ("state", "act", "who", "facts", "code"),
    [
        ({"shift": SHIFT}, OpenShift(name="2"), FOREMAN, {}, "shift_open"),  # one at a time
        ({}, OpenShift(name="NO shift"), FOREMAN, {}, "bad_act"),  # parts of no shift are booked under it
        ({}, CloseShift(), FOREMAN, {}, "no_shift"),
        ({"lot": LOT}, OPEN, FOREMAN, {}, "lot_open"),
        ({}, CloseLot(), FOREMAN, {}, "no_lot"),
        ({"closed_lots": ("L-2",)}, OPEN, FOREMAN, {}, "lot_name_used"),
        ({"closed_lots": ("l-2",)}, OPEN, FOREMAN, {}, "lot_name_used"),  # people would mix them up
        # the same letter, stored in one piece and in two
        (
            {"closed_lots": ("\u0439",)},
            OpenLot(name="\u0438\u0306", product="Ball 40"),
            FOREMAN,
            {},
            "lot_name_used",
        ),
        ({}, OpenLot(name="No Lot", product="Ball 40"), FOREMAN, {}, "lot_name_used"),
        ({}, OPEN, FOREMAN, {"lot_on_file": True}, "lot_name_used"),  # forgotten here, known to the ledger
        ({}, OpenLot(name="L-2", product="Ball 45"), FOREMAN, {}, "product_differs"),
        ({"changeover": CHANGEOVER}, OPEN, FOREMAN, {}, "changeover_running"),
        ({}, OPEN, FOREMAN, {"holds": ("recipe",)}, "not_ready"),  # nobody knows what would be judged
        ({"lot": LOT}, ChangeRecipe(recipe="gost:45"), FOREMAN, {}, "close_lot_first"),
        ({"changeover": CHANGEOVER}, ChangeRecipe(recipe="x"), FOREMAN, {}, "changeover_running"),
        ({"challenge": CHALLENGE}, ChangeRecipe(recipe="x"), FOREMAN, {}, "challenge_running"),
        ({}, ChangeRecipe(recipe="x"), FOREMAN, {"recipe_sha256": "b" * 64}, "same_recipe"),
        ({}, ChangeRecipe(recipe="x"), FOREMAN, {"choice": None}, "unknown_recipe"),
        ({}, ChangeRecipe(recipe="x"), Who("Bek", "operator"), {}, "not_allowed"),  # a foreman's matter
        ({}, CancelChangeover(), FOREMAN, {}, "no_changeover"),
        ({"challenge": CHALLENGE}, BeginChallenge(), FOREMAN, {}, "challenge_running"),
        ({"changeover": CHANGEOVER}, BeginChallenge(), FOREMAN, {}, "changeover_running"),
        ({}, BeginChallenge(lane=3), FOREMAN, {}, "unknown_lane"),
        ({}, BeginChallenge(expected="sunspot"), FOREMAN, {}, "bad_act"),  # the model finds none
        ({}, BeginChallenge(), FOREMAN, {"holds": ("challenge", "key")}, "not_ready"),
        ({}, CancelChallenge(), FOREMAN, {}, "no_challenge"),
        ({}, StopLine(reason="oil"), FOREMAN, {"belt": False}, "bad_act"),  # a bench has no belt
        ({}, StopLine(reason="oil"), FOREMAN, {"holds": ("plc",)}, "not_ready"),  # it would not hear it
        ({}, StopLine(reason="oil"), Who("D", "data"), {}, "not_allowed"),
        ({}, CloseShift(), Who("X", "boss"), {}, "not_allowed"),  # no such role
    ],
)
def test_what_is_refused(state: dict[str, Any], act: Act, who: Who, facts: dict[str, Any], code: str) -> None:
    with pytest.raises(ActRefused) as refused:
        apply(DayState(revision=7, **state), act, who, replace(FACTS, **facts))
    assert refused.value.code == code
    # Its text can be said: every place has its value.
    assert "{" not in refused.value.text


def test_the_codes_are_those_that_the_page_has_words_for() -> None:
    assert set(REFUSALS) == {
        "shift_open", "no_shift", "lot_open", "no_lot", "lot_name_used", "product_differs", "close_lot_first",
        "changeover_running", "no_changeover", "challenge_running", "no_challenge", "unknown_recipe",
        "same_recipe", "recipe_refused", "changed_meanwhile", "not_allowed", "bad_act", "not_ready",
        "journal", "unknown_lane",
    }  # fmt: skip


def test_a_lot_knows_product_recipe_and_who() -> None:
    state = apply(DayState(), OpenLot(name=" L-2 ", product="ball 40"), FOREMAN, FACTS)
    assert state.lot == Lot(
        name="L-2", product="Ball 40", opened_by="Aigul", opened_utc_ns=NOW, recipe_sha256="a" * 64
    )
    state = apply(state, CloseLot(), FOREMAN, FACTS)
    assert (state.lot, state.closed_lots, state.revision) == (None, ("L-2",), 2)


def test_a_lot_goes_on_over_the_end_of_a_shift() -> None:
    state = DayState(shift=SHIFT, lot=LOT)
    state = apply(state, CloseShift(), FOREMAN, FACTS)
    state = apply(state, OpenShift(name="2"), FOREMAN, FACTS)
    assert state.lot == LOT
    assert state.shift is not None
    assert state.shift.name == "2"


def test_the_newest_closed_lots_are_remembered() -> None:
    names: tuple[str, ...] = ()
    for number in range(CLOSED_LOTS_MAX + 5):
        names = closed(names, str(number))
    assert (names[0], names[-1], len(names)) == ("5", str(CLOSED_LOTS_MAX + 4), CLOSED_LOTS_MAX)


@pytest.mark.parametrize(
    ("config", "due_before", "due_after"),
    [
        (ChallengeConfig(), 0, NOW),  # at once
        (ChallengeConfig(at_shift_start=False, every_minutes=60.0), 0, NOW + 60 * MINUTE),
        (ChallengeConfig(at_shift_start=False, every_minutes=60.0), 5, 5),  # what is due stays due
        (ChallengeConfig(at_shift_start=False, every_minutes=None), 0, 0),
        (None, 0, 0),  # never by itself
    ],
)
def test_when_a_challenge_is_due_after_the_start_of_a_shift(
    config: ChallengeConfig | None, due_before: int, due_after: int
) -> None:
    state = DayState(challenge_due_utc_ns=due_before)
    after = apply(state, OpenShift(name="1"), FOREMAN, replace(FACTS, challenge=config))
    assert after.challenge_due_utc_ns == due_after
    assert apply(after, CloseShift(), FOREMAN, FACTS).challenge_due_utc_ns == 0


@pytest.mark.parametrize(
    ("result", "lane", "containment", "due"),
    [
        ("passed", 0, "", NOW + 240 * MINUTE),  # answered, and the next one is due later
        ("passed", 1, "C-1", NOW + 240 * MINUTE),  # another lane's pass answers nothing
        ("inconclusive", 0, "C-1", 5),  # still due
        ("cancelled", 0, "C-1", 5),
        ("missed", 0, "C-1", 5),  # the first miss stands
    ],
)
def test_only_a_pass_on_its_lane_answers_a_miss(result: Any, lane: int, containment: str, due: int) -> None:
    challenge = CHALLENGE.model_copy(update={"lane": lane})
    state = DayState(shift=SHIFT, challenge=challenge, containment="C-1", challenge_due_utc_ns=5)
    after = challenge_over(state, result, NOW, ChallengeConfig())
    assert (after.containment, after.challenge_due_utc_ns) == (containment, due)
    assert (after.challenge, after.last_challenge_result, after.last_challenge_utc_ns) == (None, result, NOW)


def test_a_miss_is_contained_by_its_name() -> None:
    after = challenge_over(DayState(challenge=CHALLENGE), "missed", NOW, None)
    assert (after.containment, after.challenge_due_utc_ns) == ("C-3", 0)


def test_a_challenge_with_balls_in_flight_is_not_just_gone_when_it_is_cancelled() -> None:
    under_way = CHALLENGE.model_copy(update={"waiting": False, "triggered": 2})
    after = apply(DayState(challenge=under_way), CancelChallenge(), FOREMAN, FACTS)
    assert after.challenge is not None
    assert after.challenge.balls == 2
    after = apply(DayState(challenge=CHALLENGE), CancelChallenge(), FOREMAN, FACTS)
    assert (after.challenge, after.last_challenge_result) == (None, "cancelled")


def test_hostile_text_is_a_name_like_any_other_and_control_characters_are_not() -> None:
    adapter: TypeAdapter[Act] = TypeAdapter(Act)
    act = adapter.validate_python({"kind": "open_lot", "name": "<script>alert(1)</script>", "product": "{0}"})
    with pytest.raises(ActRefused, match=r"\{0\}"):
        apply(DayState(), act, FOREMAN, FACTS)
    for name in ("a\nb", "a\x00b", "   ", "x" * 81, ""):
        with pytest.raises(ValueError, match="name"):
            adapter.validate_python({"kind": "open_shift", "name": name})


# -- any sequence of acts ---------------------------------------------------------------------

NAMES = st.sampled_from(["1", "2", "L-1", "l-1", "L-2", "no lot", "ж", "<b>"])
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(OpenShift, name=NAMES),
    st.builds(CloseShift),
    st.builds(OpenLot, name=NAMES, product=st.sampled_from(["Ball 40", "Ball 45"])),
    st.builds(CloseLot),
    st.builds(ChangeRecipe, recipe=st.just("gost:45")),
    st.builds(CancelChangeover),
    st.builds(BeginChallenge, balls=st.integers(1, 3), lane=st.integers(0, 1)),
    st.builds(CancelChallenge),
    st.builds(StopLine, reason=NAMES),
)
#: acts, and what happens by itself between them
STEPS = st.lists(
    st.one_of(
        st.tuples(ACTS, st.sampled_from(["operator", "foreman", "data", "nobody"])),
        st.just("changeover_done"),
        st.sampled_from(["passed", "missed", "inconclusive"]),
    ),
    max_size=40,
)


def _step(state: DayState, step: Any, facts: Facts) -> DayState | None:
    """The state after a step, None where it cannot happen now."""
    if isinstance(step, tuple):
        try:
            return apply(state, step[0], Who("A", step[1]), facts)
        except ActRefused:
            return None
    if step == "changeover_done":
        return changeover_done(state) if state.changeover is not None else None
    return challenge_over(state, step, facts.utc_ns, facts.challenge) if state.challenge is not None else None


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_whatever_people_do_in_whatever_order(steps: list[Any]) -> None:
    state, opened = DayState(), set[str]()
    facts, entries = FACTS, list[ActEntry]()
    for count, step in enumerate(steps):
        facts = replace(facts, utc_ns=NOW + count)
        before, after = state, _step(state, step, facts)
        if after is None:
            continue
        assert after.revision == before.revision + 1
        entry = act_entry(before, after, act="x", by="A", role="foreman", asked={}, utc_ns=NOW, boot_id="b")
        entries.append(entry)
        state = after
        # A lot's name is given once, whatever letters it is written in.
        if state.lot is not None and before.lot is None:
            assert state.lot.name.casefold() not in opened
            opened.add(state.lot.name.casefold())
            assert state.lot.product == facts.product
        # A recipe changes only without a lot and without a challenge.
        if state.changeover is not None:
            assert state.lot is None
            assert state.challenge is None
        if step == "changeover_done":
            facts = replace(facts, product="Ball 45", recipe_sha256="b" * 64, choice=None)
        if before.containment and not state.containment:
            assert step == "passed"
    # The journal alone gives the same day again, from any point on.
    again = DayState()
    for entry in entries:
        again = replayed(again, from_json(to_json(entry)))  # type: ignore[arg-type]
        assert replayed(again, entry) == again
    assert again == state
