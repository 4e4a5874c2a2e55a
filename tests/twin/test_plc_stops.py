"""The PLC's program: confirm eyes, stops and resets, reverse, odd edges of the eyes."""

from __future__ import annotations

import pytest

from edge_runtime.plc.registers import (
    Cause,
    Confirm,
    PlcStatus,
    StopCause,
)
from edge_runtime.twin.field import Eye
from edge_runtime.twin.plc_parts import Retained
from tests.twin.plc_rig import (
    CONFIRM,
    DECISION,
    END,
    GATE,
    RISE,
    SEEN,
    SPEED,
    Rig,
    ready_rig,
    sets,
)

# --- witnesses -----------------------------------------------------------------


WITNESSES = [
    # comment, balls as (verdict, chute), latched by, mismatch_total, mismatch_run
    ("all as told", [(1, "accept"), (2, "reject")], StopCause.NONE, 0, 0),
    # One that nobody sees is a mismatch, not yet a stop.
    ("one unseen", [(1, "none"), (1, "accept")], StopCause.NONE, 1, 0),
    ("one in the wrong, safe chute", [(1, "reject"), (1, "accept")], StopCause.NONE, 1, 0),
    # Two in a row stop the belt.
    ("two unseen", [(1, "none"), (1, "none")], StopCause.MISMATCH, 2, 2),
    ("two kinds in a row", [(1, "reject"), (2, "none")], StopCause.MISMATCH, 2, 2),
    # Not in a row.
    ("every other", [(1, "none"), (1, "accept"), (1, "none")], StopCause.NONE, 2, 1),
    # A ball that was to be rejected lies among the good ones: no second one is waited for.
    ("bad one accepted", [(2, "accept")], StopCause.MISMATCH, 1, 1),
]


@pytest.mark.parametrize(
    ("balls", "cause", "total", "run"), [row[1:] for row in WITNESSES], ids=[row[0] for row in WITNESSES]
)
def test_confirm_eyes(balls: list[tuple[int, str]], cause: StopCause, total: int, run: int) -> None:
    rig = ready_rig()
    for number, (verdict, chute) in enumerate(balls):
        rising = RISE + 960 * number
        rig.ball(rising, chute=chute)
        rig.say(rising + 2300, number + 1, verdict)
    rig.run_to(RISE + 960 * (len(balls) - 1) + GATE + CONFIRM + 500)
    assert StopCause(rig.header("stop_cause")) is cause
    assert rig.belt_runs() is (cause is StopCause.NONE)
    assert (rig.header("mismatch_total"), rig.header("mismatch_run")) == (total, run)


def test_a_ball_only_the_accept_eye_saw_stops_the_belt_at_once() -> None:
    rig = ready_rig()
    rig.untriggered(RISE, chute="accept")
    rig.run_to(RISE + GATE + CONFIRM + 48)
    assert StopCause(rig.header("stop_cause")) is StopCause.UNPROVEN_ACCEPT
    assert rig.header("unproven_accepts") == 1
    assert not rig.belt_runs()


def test_a_ball_only_the_reject_eye_saw_is_named_and_the_belt_runs() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.untriggered(RISE + 960)
    rig.say(SEEN, 1)
    rig.run_to(END)
    assert rig.header("stray_rejects") == 1
    assert rig.header("mismatch_total") == 0
    assert rig.belt_runs()
    assert [line["stray"] for line in rig.named("confirm")] == [False, True]


def test_two_balls_of_one_long_pulse_are_one_part() -> None:
    rig = ready_rig()
    rig.ball(RISE, 640, chute="none")
    for rising in (RISE, RISE + 330):
        rig.untriggered(rising, 310, chute="reject")
    rig.run_to(END)
    assert [(o.cause, o.confirm) for o in rig.outcomes] == [(Cause.PULSE, Confirm.REJECT_EYE)]
    assert (rig.header("stray_rejects"), rig.header("mismatch_total")) == (0, 0)


def test_the_second_ball_of_a_long_pulse_in_the_accept_chute_stops_the_belt() -> None:
    rig = ready_rig()
    rig.ball(RISE, 640, chute="none")
    rig.untriggered(RISE, 310, chute="reject")
    rig.untriggered(RISE + 330, 310, chute="accept")
    rig.run_to(RISE + 330 + GATE + CONFIRM + 96)
    assert StopCause(rig.header("stop_cause")) is StopCause.UNPROVEN_ACCEPT
    assert rig.header("unproven_accepts") == 1


def test_a_bouncing_trigger_is_one_mismatch() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.ball(RISE + 330, 20, chute="none")  # no ball, only a pulse
    rig.ball(RISE + 1920)
    rig.say(RISE + 1920 + 2300, 3)
    rig.run_to(END)
    assert [Cause(o.cause) for o in rig.outcomes] == [Cause.TOO_CLOSE, Cause.PULSE, Cause.PROVEN]
    assert (rig.header("mismatch_total"), rig.header("mismatch_run")) == (1, 0)


# --- stops, reset, reverse ---------------------------------------------------


STOPS: list[tuple[dict[str, object], StopCause]] = [
    ({"e_stop": True}, StopCause.E_STOP),
    ({"guard_open": True}, StopCause.GUARD),
    ({"e_stop": True, "guard_open": True}, StopCause.E_STOP),  # the first cause stays
]


@pytest.mark.parametrize(("inputs", "cause"), STOPS)
def test_a_stop_stays_until_a_person_resets_it(inputs: dict[str, object], cause: StopCause) -> None:
    rig = ready_rig()
    epoch = rig.header("epoch")
    sets(**inputs)(rig)
    rig.step()
    assert (rig.belt_runs(), StopCause(rig.header("stop_cause"))) == (False, cause)
    rig.resets += 1  # pressed while the cause is there: nothing
    rig.step()
    assert not rig.belt_runs()
    sets(**dict.fromkeys(inputs, False))(rig)
    rig.wait(500)
    assert not rig.belt_runs(), "the belt must not start by itself"
    assert rig.header("epoch") == epoch
    rig.resets += 1
    rig.step()
    assert rig.belt_runs()
    assert rig.header("epoch") == epoch + 1
    assert [line["done"] for line in rig.named("reset")] == [False, True]


def test_a_stop_request_latches_on_its_edge() -> None:
    rig = ready_rig()
    rig.station["stop_request"] = 1
    rig.step()
    assert StopCause(rig.header("stop_cause")) is StopCause.STATION_REQUEST
    rig.resets += 1
    rig.wait(50)
    assert rig.belt_runs(), "the same request must not latch twice"
    rig.station["stop_request"] = 0
    rig.step()
    rig.station["stop_request"] = 1
    rig.step()
    assert not rig.belt_runs()


def test_a_latch_survives_a_power_cut() -> None:
    rig = ready_rig()
    rig.e_stop = True
    rig.step()
    again = Rig(retained=rig.stored[-1])
    assert StopCause(again.header("stop_cause")) is StopCause.E_STOP
    assert not again.belt_runs()
    again.resets += 1
    again.step()
    assert again.belt_runs()
    assert again.stored[-1].stop_cause == 0


def test_a_belt_that_ran_does_not_start_by_itself_after_a_power_cut() -> None:
    rig = ready_rig()
    assert rig.belt_runs()
    again = Rig(retained=rig.stored[-1])
    assert StopCause(again.header("stop_cause")) is StopCause.POWER
    assert not again.belt_runs()
    again.hello(nonce=9)
    again.wait(50)
    assert not again.belt_runs(), "no station resets it"
    third = Rig(retained=again.stored[-1])
    assert StopCause(third.header("stop_cause")) is StopCause.POWER
    third.resets += 1
    third.step()
    assert third.belt_runs()
    assert Rig(retained=Retained()).belt_runs(), "a PLC fresh from the shop has had no power to lose"


def test_reset_ends_a_run_of_mismatches() -> None:
    rig = ready_rig()
    for number in range(2):
        rig.ball(RISE + 960 * number, chute="none")
    rig.run_to(RISE + 960 + GATE + CONFIRM + 1000)
    assert rig.header("mismatch_run") == 2
    rig.resets += 1
    rig.step()
    assert rig.header("mismatch_run") == 0
    assert rig.belt_runs()


def _jog(rig: Rig, position: float, back: float) -> None:
    """Run to a position, back by so many counts and forward again; the eyes see edges both ways."""
    rig.run_to(position)
    turn = rig.position
    rig.speed = -SPEED / 10
    while rig.position > turn - back:
        rig.step()
    rig.speed = SPEED


JOGS = [
    # comment, where the belt turns, counts back, cause
    ("within the limit", RISE + 2600, 55, Cause.PROVEN),
    ("beyond the limit", RISE + 2600, 75, Cause.REVERSE),
    # With the ball half in the eye: one part, its pulse whole.
    ("within, under the eye", RISE + 160, 55, Cause.PROVEN),
    ("beyond, under the eye", RISE + 160, 75, Cause.REVERSE),
]


@pytest.mark.parametrize(("turn", "back", "cause"), [row[1:] for row in JOGS], ids=[row[0] for row in JOGS])
def test_reverse(turn: int, back: int, cause: Cause) -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN + 500, 1)
    _jog(rig, turn, back)
    assert PlcStatus.REVERSING & rig.header("plc_status")
    rig.run_to(END)
    assert [Cause(o.cause) for o in rig.outcomes] == [cause]
    assert rig.triggers[0].pulse_counts == 320
    assert rig.header("triggers_total") == 1


def test_a_ball_that_backs_out_of_the_eye_is_counted_once() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    _jog(rig, RISE + 600, 50)
    # What the eye showed on the way back and on the way forward again.
    for rising, count in ((True, RISE + 320), (False, RISE), (True, RISE), (False, RISE + 320)):
        rig.edge(count, Eye.TRIGGER, rising)
    rig.run_to(END)
    assert rig.header("triggers_total") == 1
    assert len(rig.outcomes) == 1


def test_after_a_long_reverse_only_new_balls_count() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    _jog(rig, RISE + 1000, 800)
    for rising, count in ((True, RISE), (False, RISE + 320)):
        rig.edge(count, Eye.TRIGGER, rising)  # the ball passes the eye once more
    rig.ball(RISE + 1500)
    rig.say(RISE + 4000, 2)
    rig.run_to(END)
    assert rig.header("triggers_total") == 2
    assert [Cause(o.cause) for o in rig.outcomes] == [Cause.REVERSE, Cause.PROVEN]


def test_a_ball_in_the_eye_at_power_up_is_untriggered() -> None:
    rig = ready_rig()
    rig.edge(RISE + 320, Eye.TRIGGER, False)
    rig.untriggered(RISE)
    rig.run_to(END)
    assert rig.header("triggers_total") == 0
    assert rig.header("stray_rejects") == 1
    assert len(rig.named("edge_without_rise")) == 1


def test_a_lost_falling_edge_costs_a_reject_and_no_count() -> None:
    rig = ready_rig()
    rig.edge(RISE, Eye.TRIGGER, True)  # its falling edge is lost
    rig.ball(RISE + 960)
    rig.say(RISE + 960 + 2300, 2)
    rig.run_to(END)
    assert {o.trigger_seq: Cause(o.cause) for o in rig.outcomes} == {1: Cause.PULSE, 2: Cause.TOO_CLOSE}


def test_a_blocked_eye_rejects_what_is_before_it_without_waiting() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.edge(RISE + 700, Eye.TRIGGER, True)
    rig.run_to(RISE + 700 + 384 + 48)
    assert rig.named("trigger")[0]["blocked"] == ""
    rig.run_to(RISE + DECISION + 300)
    assert rig.named("decision")[0]["cause"] == "TOO_CLOSE"


def test_inputs_show_in_the_status() -> None:
    rig = ready_rig()
    rig.air_low = rig.bin_full = True
    rig.step()
    status = PlcStatus(rig.header("plc_status"))
    assert PlcStatus.AIR_LOW | PlcStatus.BIN_FULL | PlcStatus.BELT_RUN in status
    assert PlcStatus.BELT_LATCHED not in status
