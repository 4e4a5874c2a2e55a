"""Challenge balls: what counts as found, as missed, as proving nothing; by hand and through the core."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.state import Challenge, DayState, Shift
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.entries import OutcomeEntry, PartEntry, ReasonRow
from edge_runtime.plc.registers import Cause, Confirm, Side, StationState
from edge_runtime.station.challenges import ChallengeRun, is_expected
from tests.edge.ledger_samples import outcome, part
from tests.edge.station.day_rig import DayRig
from vision.types import PartId

CHALLENGE = Challenge(challenge="C-3", balls=2, expected="size", lane=0, announced_by="A", announced_utc_ns=1)
MINUTE = 60_000_000_000


@pytest.mark.parametrize(
    ("expected", "codes", "found"),
    [
        ("any", ["crack"], True),
        ("any", ["diameter_low"], True),
        ("any", ["view_missing"], False),  # nothing was found on the ball
        ("any", ["late", "crack"], True),  # found all the same; whether in time is the outcome's to say
        ("any", ["score_review"], False),
        ("any", [], False),
        ("any", ["a word of tomorrow"], False),
        ("size", ["oval"], True),
        ("size", ["roundness"], True),
        ("size", ["crack"], False),
        ("size", ["size_guard"], False),  # in doubt is not found
        ("half", ["half", "oval"], True),
        ("half", ["crack"], False),
    ],
)
def test_what_was_expected(expected: str, codes: list[str], found: bool) -> None:
    assert is_expected(expected, codes) is found


def _outcome(seq: int, **changes: Any) -> OutcomeEntry:
    sure = {"side": "reject", "cause": "verdict_reject", "confirm": "reject_eye"}
    return replace(outcome(seq), epoch=1, **(sure | changes))


@pytest.mark.parametrize(
    ("codes", "changes", "counted", "result"),
    [
        (["oval"], {}, "rejected", "passed"),
        (["view_missing"], {}, "unproven", "inconclusive"),  # thrown out, but not for what it is
        (["oval"], {"cause": "late"}, "unproven", "inconclusive"),  # the verdict was not what did it
        (["oval"], {"confirm": "none"}, "unproven", "inconclusive"),  # nobody saw it arrive
        (["oval"], {"confirm": "accept_eye"}, "accepted", "missed"),  # it lies among the good ones
        (["oval"], {"side": "accept", "confirm": "accept_eye"}, "accepted", "missed"),
        (["oval"], {"side": "bypass", "confirm": "reject_eye"}, "accepted", "missed"),
    ],
)
def test_what_becomes_of_one_ball(codes: list[str], changes: Any, counted: str, result: str) -> None:
    run = ChallengeRun(CHALLENGE.model_copy(update={"balls": 1}), "L", "S")
    run.begin(1000, 7)
    assert run.take(PartId(1, 0, 5), 1200)
    run.on_verdict(PartId(1, 0, 5), "reject", codes)
    assert run.result == ""
    run.on_outcome(_outcome(5, **changes))
    assert getattr(run.challenge, counted) == 1
    assert run.result == result


def test_a_ball_that_the_station_accepts_is_a_miss_before_it_is_at_the_gate() -> None:
    run = ChallengeRun(CHALLENGE, "L", "S")
    run.begin(1000, 7)
    run.take(PartId(1, 0, 5), 1200)
    run.on_verdict(PartId(1, 0, 5), "accept", [])
    assert run.result == "missed"


def test_only_the_next_balls_of_the_lane_behind_the_empty_zone_are_the_challenge() -> None:
    run = ChallengeRun(CHALLENGE, "L", "S")
    assert not run.take(PartId(1, 0, 1), 900)  # the zone is not empty yet
    run.begin(1000, 7)
    assert not run.take(PartId(1, 0, 2), 999)  # it was in the eye before
    assert not run.take(PartId(1, 1, 1), 1100)  # another lane
    assert run.take(PartId(1, 0, 3), 1100)
    assert run.take(PartId(1, 0, 4), 2000)
    assert not run.take(PartId(1, 0, 5), 3000)  # two were announced
    run.on_outcome(_outcome(2))
    run.on_outcome(_outcome(5))
    assert (run.challenge.rejected, run.challenge.unproven, run.result) == (0, 0, "")


def test_all_of_them_must_be_found() -> None:
    run = ChallengeRun(CHALLENGE, "L", "S")
    run.begin(1000, 7)
    for seq, codes in ((3, ["oval"]), (4, ["late"])):
        run.take(PartId(1, 0, seq), 1100)
        run.on_verdict(PartId(1, 0, seq), "reject", codes)
        run.on_outcome(_outcome(seq))
    assert run.result == "inconclusive"


def test_a_broken_session_ends_it_once_the_balls_in_flight_are_accounted_for() -> None:
    run = ChallengeRun(CHALLENGE, "L", "S")
    run.on_epoch(7)  # nothing has begun: it just goes on waiting
    assert run.challenge.waiting
    run.begin(1000, 7)
    run.take(PartId(1, 0, 3), 1100)
    run.on_epoch(7)
    assert (run.challenge.balls, run.announced) == (1, 2)
    assert not run.take(PartId(2, 0, 4), 100)
    run.on_outcome(_outcome(3, confirm="accept_eye"))
    assert run.result == "missed"


def test_a_plc_that_was_restarted_knows_nothing_of_the_balls() -> None:
    run = ChallengeRun(CHALLENGE, "L", "S")
    run.begin(1000, 7)
    run.take(PartId(1, 0, 3), 1100)
    run.on_epoch(8)
    assert (run.result, run.challenge.unproven) == ("inconclusive", 1)


def test_a_cancelled_one_waits_for_its_balls_and_a_second_word_gives_them_up() -> None:
    run = ChallengeRun(CHALLENGE, "L", "S")
    run.begin(1000, 7)
    run.take(PartId(1, 0, 3), 1100)
    run.give_up("cancelled by A")
    assert run.result == ""
    run.give_up("cancelled by B")
    assert (run.result, run.challenge.unproven) == ("cancelled", 1)


def _part(seq: int, decision: str, codes: list[str]) -> PartEntry:
    reasons = tuple(ReasonRow(code) for code in codes)
    return replace(part(seq), epoch=1, decision=decision, reasons=reasons, challenge="C-3")


@pytest.mark.parametrize(
    ("balls", "plc", "result"),
    [
        ([], 7, "inconclusive"),  # announced, and not even begun
        ([(_part(3, "accept", []), None)], 7, "missed"),  # it died before it could stop the belt
        ([(_part(3, "reject", ["oval"]), _outcome(3))], 7, "inconclusive"),  # one of two
        ([(_part(3, "reject", ["oval"]), None)], 7, ""),  # its outcome is still in the PLC
        ([(_part(3, "reject", ["oval"]), None)], 9, "inconclusive"),  # and is lost with that PLC
        ([(_part(3, "reject", ["oval"]), _outcome(3, confirm="accept_eye"))], 7, "missed"),
    ],
)
def test_a_station_that_died_in_a_challenge_loses_no_miss(balls: Any, plc: int, result: str) -> None:
    run = ChallengeRun.restored(CHALLENGE, balls, {1: 7}, ("L", "S"))
    run.on_epoch(plc)
    assert run.result == result
    assert not run.take(PartId(2, 0, 9), 100)


# -- through the core -------------------------------------------------------------------------


def _announced(rig: DayRig, balls: int = 1) -> None:
    rig.clear_zone()
    rig.ask("begin_challenge", balls=balls, expected="size", by="Bek", role="operator")
    rig.turn()
    assert rig.day.challenge is not None
    assert not rig.day.challenge.waiting


def test_a_passed_challenge_is_on_record_and_its_balls_are_no_production() -> None:
    rig = DayRig(DayState(shift=Shift(name="1", opened_by="A", opened_utc_ns=1)), challenge=ChallengeConfig())
    rig.ball(1)
    rig.ask("begin_challenge", balls=2, expected="size")
    announced = rig.day.challenge
    assert announced is not None
    assert announced.waiting  # a ball of production is still on its way to the gate
    rig.ball(2)
    revision = rig.day.revision
    rig.clear_zone()
    rig.ball(3, oversize=True)
    rig.ball(4, oversize=True)
    under_way = rig.day.challenge
    assert under_way is not None
    assert (under_way.triggered, rig.day.revision) == (2, revision)
    rig.outcome(3)
    rig.outcome(4)
    (entry,) = rig.challenges()
    assert (entry.result, entry.balls, entry.rejected, entry.by) == ("passed", 2, 2, "Aigul")
    assert entry.challenge == f"C-{revision}"
    assert [p.challenge for p in rig.out.parts()] == ["", "", entry.challenge, entry.challenge]
    assert rig.day.challenge is None
    assert rig.day.last_challenge_result == "passed"
    assert rig.day.challenge_due_utc_ns == pytest.approx(entry.utc_ns + 240 * MINUTE, abs=1e9)
    assert rig.acts() == ["begin_challenge", "challenge_done"]
    assert rig.out.stop_requests == 0


def test_a_missed_challenge_stops_the_belt_and_holds_the_line() -> None:
    rig = DayRig()
    _announced(rig)
    rig.ball(1)  # a good ball: the station accepts what it was to reject
    assert rig.out.stop_requests == 1
    (entry,) = rig.challenges()
    assert (entry.result, entry.accepted) == ("missed", 1)
    assert "part 1-0-1" in entry.detail
    assert "challenge_missed" in rig.out.faults()
    assert rig.day.containment == entry.challenge
    assert list(rig.core.holds) == ["challenge"]
    rig.ball(2)
    assert rig.verdicts()[-1] == (2, 2, "not_ready")


def test_a_miss_is_answered_by_a_pass_and_until_then_no_production_is_accepted() -> None:
    rig = DayRig(DayState(containment="C-1", revision=5))
    rig.turn()
    assert list(rig.core.holds) == ["challenge"]
    rig.trigger(rig.now + 100, 1)
    rig.ask("begin_challenge", balls=1, expected="size")
    assert not rig.is_ready()  # the zone is not empty: what is in it is production
    rig.clear_zone()
    assert rig.is_ready()
    assert rig.out.states[-1] is StationState.READY
    rig.ball(2, oversize=True)
    rig.ball(3)  # production behind the challenge ball, and a good one
    assert [(seq, word) for seq, _, word in rig.verdicts()][-2:] == [(2, "diameter_high"), (3, "not_ready")]
    assert rig.day.containment == "C-1"
    rig.outcome(2)
    assert (rig.day.containment, rig.core.holds) == ("", {})
    rig.ball(4)
    assert rig.verdicts()[-1] == (4, 1, "")


def test_an_unproven_challenge_answers_nothing() -> None:
    rig = DayRig(DayState(containment="C-1", revision=5))
    _announced(rig)
    rig.ball(1, oversize=True)
    rig.outcome(1, cause=Cause.LATE)
    assert rig.challenges()[0].result == "inconclusive"
    assert (rig.day.containment, list(rig.core.holds)) == ("C-1", ["challenge"])


def test_the_wrong_chute_is_a_miss_too() -> None:
    rig = DayRig()
    _announced(rig)
    rig.ball(1, oversize=True)
    assert rig.out.stop_requests == 0
    rig.outcome(1, Side.REJECT, Cause.VERDICT_REJECT, Confirm.ACCEPT_EYE)
    assert (rig.out.stop_requests, rig.challenges()[0].result) == (1, "missed")


def test_a_challenge_is_not_begun_while_something_else_holds() -> None:
    rig = DayRig()
    rig.clear_zone()
    rig.core.hold("geometry", "the PLC's differs")
    with pytest.raises(ActRefused, match="geometry"):
        rig.ask("begin_challenge")
    rig.core.release("geometry")
    rig.trigger(rig.now + 100, 1)
    rig.ask("begin_challenge", expected="any")
    rig.core.hold("geometry", "the PLC's differs")
    rig.clear_zone()
    rig.clear_zone()
    assert rig.core.tracker.in_zone() == 0
    assert rig.day.challenge is not None
    assert rig.day.challenge.waiting
    rig.core.release("geometry")
    rig.turn()
    assert not rig.day.challenge.waiting


def test_a_trigger_that_nobody_read_may_have_been_a_challenge_ball() -> None:
    rig = DayRig()
    rig.ball(1)
    _announced(rig, balls=2)
    rig.ball(4, oversize=True)  # 2 and 3 are missing
    assert rig.challenges()[0].result == "inconclusive"
    assert "triggers 2 to 3" in rig.challenges()[0].detail
    assert rig.out.parts()[-1].challenge == ""


def test_a_new_epoch_in_a_challenge_makes_it_prove_nothing() -> None:
    rig = DayRig()
    _announced(rig, balls=2)
    rig.ball(1, oversize=True)
    rig.agree(epoch=2)
    rig.turn()
    assert rig.challenges() == []
    rig.outcome(1, cause=Cause.STALE_EPOCH)
    assert [entry.result for entry in rig.challenges()] == ["inconclusive"]
    assert rig.day.challenge is None


def test_a_cancelled_challenge_has_one_entry() -> None:
    rig = DayRig()
    _announced(rig, balls=3)
    rig.ask("cancel_challenge", by="Bek")
    assert [(entry.result, entry.balls) for entry in rig.challenges()] == [("cancelled", 3)]
    assert rig.acts() == ["begin_challenge", "cancel_challenge"]
    _announced(rig, balls=3)
    rig.ball(1, oversize=True)
    rig.ask("cancel_challenge", by="Bek")
    rig.ball(2, oversize=True)
    assert rig.out.parts()[-1].challenge == ""
    rig.outcome(1)
    assert [(entry.result, entry.balls) for entry in rig.challenges()][1:] == [("cancelled", 3)]
    assert rig.day.challenge is None


def test_a_challenge_ball_that_was_given_up_is_not_accepted_unnoticed() -> None:
    rig = DayRig()
    _announced(rig)
    centre = rig.now + 400
    rig.balls.append(centre)  # a good ball to the station: what a miss looks like
    rig.run_to(centre + 200)
    rig.trigger(centre, 1)
    rig.ask("cancel_challenge")
    rig.ask("cancel_challenge")
    assert [entry.result for entry in rig.challenges()] == ["cancelled"]
    rig.run_to(centre + 2000)
    assert rig.verdicts() == [(1, 2, "not_ready")]
    rig.ball(2)
    assert rig.verdicts()[-1] == (2, 1, "")


def test_a_miss_of_an_earlier_run_holds_before_the_station_was_ever_ready() -> None:
    rig = DayRig(DayState(containment="C-1", revision=5))
    assert StationState.READY not in rig.out.states


@pytest.mark.parametrize(
    ("when_overdue", "minutes_ago", "holds"),
    [
        ("alarm", 100, []),  # people are told, the line goes on
        ("hold", 10, []),  # within the time of grace
        ("hold", 16, ["challenge_due"]),
    ],
)
def test_an_overdue_challenge_holds_where_the_station_file_says_so(
    when_overdue: Any, minutes_ago: int, holds: list[str]
) -> None:
    due = time.time_ns() - minutes_ago * MINUTE
    rig = DayRig(DayState(challenge_due_utc_ns=due), challenge=ChallengeConfig(when_overdue=when_overdue))
    assert list(rig.core.holds) == holds
    rig.ball(1)
    assert rig.verdicts()[-1][2] == ("not_ready" if holds else "")
    _announced(rig)
    rig.ball(2, oversize=True)
    rig.outcome(2)
    assert rig.is_ready()
    rig.ball(3)
    assert rig.verdicts()[-1] == (3, 1, "")


def test_a_restored_miss_stops_the_belt_once_and_is_told_once() -> None:
    challenge = Challenge(
        challenge="C-2", balls=1, expected="any", lane=0, announced_by="A", announced_utc_ns=1
    )
    run = ChallengeRun.over(challenge, "missed")
    rig = DayRig(DayState(challenge=challenge, revision=2), run=run)
    assert rig.out.stop_requests == 1
    assert rig.challenges() == []  # its entry is in the journal already
    assert (rig.day.containment, rig.day.challenge) == ("C-2", None)
    assert rig.acts() == ["challenge_done"]
