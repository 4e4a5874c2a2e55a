"""The PLC's key: BYPASS holds the gate open and counts nothing as accepted, every turn is a new epoch."""

from __future__ import annotations

import pytest

from edge_runtime.plc.registers import Cause, Confirm, KeySwitch, PlcStatus, Side, StopCause
from tests.twin.plc_rig import (
    AT_GATE,
    CONFIRM,
    END,
    GATE,
    LEAD,
    RISE,
    SEEN,
    SPACING,
    Act,
    Rig,
    ready_rig,
    sets,
)
from vision.types import Decision

#: belt position at which the first ball's leading edge is at the gate, and at the confirm eyes
LEADING = RISE + GATE
WITNESS = LEADING + CONFIRM
BYPASS, SERVICE, AUTO = sets(key=KeySwitch.BYPASS), sets(key=KeySwitch.SERVICE), sets(key=KeySwitch.AUTO)


def _ends(rig: Rig) -> list[tuple[Side, Cause, Confirm]]:
    return [(Side(o.side), Cause(o.cause), Confirm(o.confirm)) for o in rig.outcomes]


BYPASSED = (Side.BYPASS, Cause.BYPASS, Confirm.ACCEPT_EYE)


@pytest.mark.parametrize("station", [True, False], ids=["ready station", "no station at all"])
def test_bypass_lets_balls_pass_and_counts_none_of_them_as_accepted(station: bool) -> None:
    rig = ready_rig() if station else Rig()
    BYPASS(rig)
    rig.step()
    if station:
        rig.ready()
    for number in range(3):
        rig.ball(RISE + 960 * number)
    rig.run_to(END)
    assert _ends(rig) == [BYPASSED] * 3
    assert (rig.header("bypassed_total"), rig.header("accepted_total"), rig.header("rejected_total")) == (
        3,
        0,
        0,
    )
    assert rig.header("triggers_total") == 3
    assert rig.header("confirmed_total") == 3
    assert rig.header("key_switch") == KeySwitch.BYPASS
    assert PlcStatus(rig.header("plc_status")) & PlcStatus.BYPASS
    assert rig.belt_runs()


def test_a_verdict_changes_nothing_in_bypass() -> None:
    rig = ready_rig()
    BYPASS(rig)
    rig.step()
    rig.ready()
    for number, decision in enumerate((Decision.ACCEPT, Decision.REJECT)):
        rig.ball(RISE + 960 * number)
        rig.say(RISE + 960 * number + 2300, number + 1, decision)
    rig.run_to(END)
    assert _ends(rig) == [BYPASSED] * 2
    # what the station said is kept in the outcome all the same
    assert [o.verdict for o in rig.outcomes] == [Decision.ACCEPT, Decision.REJECT]
    assert rig.header("accepted_total") == 0


def test_every_turn_of_the_key_is_a_new_epoch() -> None:
    rig = ready_rig()
    epoch = rig.header("epoch")
    for count, key in enumerate((KeySwitch.BYPASS, KeySwitch.SERVICE, KeySwitch.AUTO), start=1):
        sets(key=key)(rig)
        rig.wait(50)
        assert (rig.header("epoch"), rig.header("key_switch")) == (epoch + count, key)
        status = PlcStatus(rig.header("plc_status"))
        assert bool(status & PlcStatus.BYPASS) == (key is KeySwitch.BYPASS)
        assert bool(status & PlcStatus.SERVICE) == (key is KeySwitch.SERVICE)
        assert not status & PlcStatus.STATION_TRUSTED, "the station has not answered with the new epoch"
    assert [line["cause"] for line in rig.named("epoch")][-3:] == ["key"] * 3
    assert rig.stored[-1].epoch == epoch + 3


def test_a_key_that_stands_so_at_power_on_is_obeyed() -> None:
    rig = Rig(key=KeySwitch.BYPASS)
    rig.ball(RISE)
    rig.run_to(END)
    assert _ends(rig) == [BYPASSED]
    assert rig.named("plc_start")[0]["key"] == "BYPASS"


CLOSED: list[tuple[str, Act, tuple[Side, Cause, Confirm], StopCause]] = [
    # what closes the gate in spite of the key; the belt stands after a stop, so the part stays in flight
    ("no air", sets(air_low=True), (Side.REJECT, Cause.NOT_READY, Confirm.REJECT_EYE), StopCause.NONE),
    ("e-stop", sets(e_stop=True), (Side.REJECT, Cause.STOP, Confirm.REJECT_EYE), StopCause.E_STOP),
    ("guard", sets(guard_open=True), (Side.REJECT, Cause.STOP, Confirm.REJECT_EYE), StopCause.GUARD),
]


@pytest.mark.parametrize(("act", "end", "cause"), [row[1:] for row in CLOSED], ids=[row[0] for row in CLOSED])
def test_stops_and_missing_air_close_the_gate_in_bypass(
    act: Act, end: tuple[Side, Cause, Confirm], cause: StopCause
) -> None:
    rig = ready_rig()
    BYPASS(rig)
    rig.step()
    assert rig.gate_open()
    rig.ball(RISE)
    rig.run_to(SEEN)
    act(rig)
    rig.step()
    assert not rig.gate_open()
    rig.run_to(END)  # the rig's belt coasts on: the PLC only takes the drive's contact away
    assert _ends(rig) == [end]
    assert StopCause(rig.header("stop_cause")) is cause
    assert rig.belt_runs() is (cause is StopCause.NONE)
    sets(air_low=False, e_stop=False, guard_open=False)(rig)
    rig.resets += 1
    rig.wait(50)
    assert rig.gate_open(), "the key still stands on BYPASS"


TURNS: list[tuple[str, KeySwitch, KeySwitch, float, str, tuple[Side, Cause, Confirm]]] = [
    # comment, key before and after, belt position of the turn, chute the ball falls into, how it must end
    ("to bypass, long before the gate", KeySwitch.AUTO, KeySwitch.BYPASS, SEEN, "accept", BYPASSED),
    # the flap was on its way: only the eye can tell
    ("to bypass, as it arrives", KeySwitch.AUTO, KeySwitch.BYPASS, LEADING - 100, "accept", BYPASSED),
    (
        "to bypass, too late for the flap",
        KeySwitch.AUTO,
        KeySwitch.BYPASS,
        LEADING - 100,
        "reject",
        (Side.REJECT, Cause.NO_VERDICT, Confirm.REJECT_EYE),
    ),
    (
        "to bypass, when it is past",
        KeySwitch.AUTO,
        KeySwitch.BYPASS,
        LEADING + 450,
        "reject",
        (Side.REJECT, Cause.NO_VERDICT, Confirm.REJECT_EYE),
    ),
    (
        "back to auto, long before the gate",
        KeySwitch.BYPASS,
        KeySwitch.AUTO,
        SEEN,
        "reject",
        (Side.REJECT, Cause.STALE_EPOCH, Confirm.REJECT_EYE),
    ),
    (
        "back to auto, too late for the flap",
        KeySwitch.BYPASS,
        KeySwitch.AUTO,
        LEADING + 100,
        "accept",
        BYPASSED,
    ),
    (
        "back to auto, as it arrives",
        KeySwitch.BYPASS,
        KeySwitch.AUTO,
        LEADING - 200,
        "reject",
        (Side.REJECT, Cause.STALE_EPOCH, Confirm.REJECT_EYE),
    ),
    ("back to auto, when it is past", KeySwitch.BYPASS, KeySwitch.AUTO, LEADING + 450, "accept", BYPASSED),
]


@pytest.mark.parametrize(
    ("before", "after", "position", "chute", "end"), [row[1:] for row in TURNS], ids=[row[0] for row in TURNS]
)
def test_a_turn_of_the_key_with_a_ball_in_flight(
    before: KeySwitch,
    after: KeySwitch,
    position: float,
    chute: str,
    end: tuple[Side, Cause, Confirm],
) -> None:
    rig = ready_rig()
    sets(key=before)(rig)
    rig.ball(RISE, chute=chute)
    rig.play([(position, sets(key=after))])
    rig.run_to(END)
    assert _ends(rig) == [end]
    assert rig.belt_runs(), "nothing of this is a reason to stop"
    totals = [rig.header(f"{name}_total") for name in ("accepted", "rejected", "bypassed")]
    assert totals == [0, int(end[0] is Side.REJECT), int(end[0] is Side.BYPASS)]


@pytest.mark.parametrize(
    ("position", "end"),
    [
        # its verdict is of the old epoch
        (SEEN + 100, BYPASSED),
        # under the very gate that its proof has opened
        (LEADING + 60, BYPASSED),
        # past the gate: accepted, with proof, before anybody turned a key
        (LEADING + 480, (Side.ACCEPT, Cause.PROVEN, Confirm.ACCEPT_EYE)),
    ],
)
def test_a_proven_ball_does_not_count_as_accepted_under_the_key(
    position: float, end: tuple[Side, Cause, Confirm]
) -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.play([(position, BYPASS)])
    rig.run_to(END)
    assert _ends(rig) == [end]


def test_a_scan_that_comes_too_late_leaves_the_side_to_the_eye() -> None:
    """After such a gap the output module has dropped the gate by itself, key or not."""
    for chute, side in (("accept", Side.BYPASS), ("reject", Side.REJECT)):
        rig = ready_rig()
        BYPASS(rig)
        rig.ball(RISE, chute=chute)
        rig.run_to(LEADING + 48)
        rig.now_ns += 60_000_000
        rig.run_to(END)
        assert [o.side for o in rig.outcomes] == [side]


STRAYS: list[tuple[str, KeySwitch, list[tuple[float, Act]], StopCause]] = [
    # comment, key at the start, turns (belt position, key), what latches the belt
    ("in bypass", KeySwitch.BYPASS, [], StopCause.NONE),
    # it was at a gate that was not held open
    ("at the gate before the turn", KeySwitch.AUTO, [(LEADING + 400, BYPASS)], StopCause.UNPROVEN_ACCEPT),
    ("key back when it was past the gate", KeySwitch.BYPASS, [(LEADING + 400, AUTO)], StopCause.NONE),
    ("key back as it was at the gate", KeySwitch.BYPASS, [(LEADING - 100, AUTO)], StopCause.NONE),
    # long after the flap has fallen
    (
        "key back long before",
        KeySwitch.BYPASS,
        [(LEADING - LEAD - SPACING // 2 - 200, AUTO)],
        StopCause.UNPROVEN_ACCEPT,
    ),
    ("in service", KeySwitch.SERVICE, [], StopCause.NONE),
    ("never a key", KeySwitch.AUTO, [], StopCause.UNPROVEN_ACCEPT),
]


@pytest.mark.parametrize(
    ("key", "turns", "cause"), [row[1:] for row in STRAYS], ids=[row[0] for row in STRAYS]
)
def test_a_ball_without_a_part_in_the_accept_chute(
    key: KeySwitch, turns: list[tuple[float, Act]], cause: StopCause
) -> None:
    rig = ready_rig()
    sets(key=key)(rig)
    rig.untriggered(RISE, chute="accept")
    rig.play(turns)
    rig.run_to(WITNESS + 96)
    assert StopCause(rig.header("stop_cause")) is cause
    assert rig.header("unproven_accepts") == 1, "it is counted in any case"
    assert rig.header("bypassed_total") == 0, "what was never triggered is no part"


def test_two_balls_that_did_not_go_where_the_held_gate_sends_them_stop_the_belt() -> None:
    rig = ready_rig()
    BYPASS(rig)
    for number in range(2):
        rig.ball(RISE + 960 * number, chute="reject")
    rig.run_to(END)
    assert _ends(rig) == [(Side.BYPASS, Cause.BYPASS, Confirm.REJECT_EYE)] * 2
    assert StopCause(rig.header("stop_cause")) is StopCause.MISMATCH
    assert not rig.gate_open()


def test_odd_pulses_pass_a_held_gate_like_all_others() -> None:
    rig = ready_rig()
    BYPASS(rig)
    rig.ball(RISE, 200)  # too short
    rig.ball(RISE + 1500)
    rig.ball(RISE + 2000)  # too close to the one before
    rig.run_to(END)
    assert _ends(rig) == [BYPASSED] * 3


def test_the_outcome_tells_where_the_eye_saw_it() -> None:
    rig = ready_rig(start=65_000)
    rig.ball(RISE)
    rig.ball(RISE + 960, chute="none")
    rig.say(SEEN, 1)
    rig.run_to(AT_GATE + CONFIRM + 3000)
    first, second = rig.outcomes
    assert first.confirm_encoder_count == (WITNESS + 65_000) % 65_536
    assert (second.confirm, second.confirm_encoder_count) == (Confirm.NONE, 0)
