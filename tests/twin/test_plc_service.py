"""The PLC's key on SERVICE: the gate follows the station's trials, part by part, and the eyes tell."""

from __future__ import annotations

from functools import partial

import pytest

from edge_runtime.plc.registers import Cause, Confirm, KeySwitch, Side, StopCause
from tests.twin.plc_rig import CONFIRM, END, GATE, RISE, SCAN_MS, SPEED, Rig, ready_rig, sets

LEADING = RISE + GATE
SCAN_COUNTS = round(SPEED * SCAN_MS / 1000.0)
SERVICE, AUTO = sets(key=KeySwitch.SERVICE), sets(key=KeySwitch.AUTO)
TO_ACCEPT = (Side.BYPASS, Cause.SERVICE, Confirm.ACCEPT_EYE)
TO_REJECT = (Side.REJECT, Cause.SERVICE, Confirm.REJECT_EYE)


def _ends(rig: Rig) -> list[tuple[Side, Cause, Confirm]]:
    return [(Side(o.side), Cause(o.cause), Confirm(o.confirm)) for o in rig.outcomes]


def _service_rig() -> Rig:
    rig = ready_rig()
    SERVICE(rig)
    rig.step()
    return rig


TRIALS: list[tuple[str, int, int, list[tuple[Side, Cause, Confirm]]]] = [
    # comment, open after, close after, how the ball ends
    ("wide open", GATE - 600, GATE + 600, [TO_ACCEPT]),
    ("opens too late for the flap", GATE, GATE + 600, [TO_REJECT]),
    ("closes too early", GATE - 1500, GATE - 700, [TO_REJECT]),
    ("never", 0, GATE + 600, [TO_REJECT]),
    ("closes before it opens", GATE, GATE - 500, [TO_REJECT]),
]


@pytest.mark.parametrize(
    ("opens", "closes", "ends"), [row[1:] for row in TRIALS], ids=[row[0] for row in TRIALS]
)
def test_a_trial_sends_the_ball_where_the_flap_stands(
    opens: int, closes: int, ends: list[tuple[Side, Cause, Confirm]]
) -> None:
    rig = _service_rig()
    rig.trial(opens, closes, 7)
    rig.ball(RISE)
    rig.run_to(END)
    assert _ends(rig) == ends
    assert rig.header("accepted_total") == 0
    assert rig.header("bypassed_total") == (ends == [TO_ACCEPT])
    assert rig.outcomes[0].confirm_encoder_count == (LEADING + CONFIRM) % 65536


def test_the_gate_moves_at_the_counts_of_the_trial() -> None:
    rig = _service_rig()
    rig.trial(3000, 3700, 1)
    rig.ball(RISE)
    rig.run_to(END)
    (opened, is_open), (closed, is_closed) = rig.gate_changes
    assert is_open
    assert not is_closed
    # the first scan at or behind the count
    assert 0 <= opened - (RISE + 3000) < SCAN_COUNTS + 1
    assert 0 <= closed - (RISE + 3700) < SCAN_COUNTS + 1
    assert [line["keyed"] for line in rig.named("gate")] == ["SERVICE", ""]


def test_the_eyes_tell_whatever_the_gate_was_told() -> None:
    """Where the trial is wrong about the flap, the ball's chute is the truth: that is what is measured."""
    rig = _service_rig()
    rig.trial(GATE, GATE + 100, 1)
    for number, chute in enumerate(("accept", "reject", "none", "none", "accept")):
        rig.ball(RISE + 960 * number, chute=chute)
    rig.run_to(END)
    nobody = (Side.REJECT, Cause.SERVICE, Confirm.NONE)
    assert sorted(_ends(rig)) == sorted([TO_ACCEPT, TO_REJECT, nobody, nobody, TO_ACCEPT])
    assert StopCause(rig.header("stop_cause")) is StopCause.NONE, "no trial stops the belt"
    assert (rig.header("mismatch_total"), rig.header("mismatch_run")) == (2, 0)
    assert rig.belt_runs()


def test_a_part_keeps_the_trial_of_its_birth() -> None:
    rig = _service_rig()
    rig.trial(GATE - 600, GATE + 600, 1)
    rig.ball(RISE)
    rig.ball(RISE + 2000)
    rig.at(RISE + 1000, partial(rig.trial, 0, 0, 2))
    rig.run_to(RISE + 1100)
    assert rig.header("service_echo") == 2
    rig.run_to(END)
    assert _ends(rig) == [TO_ACCEPT, TO_REJECT]


def test_only_a_block_written_after_the_turn_of_the_key_is_honoured() -> None:
    rig = ready_rig()
    rig.trial(GATE - 600, GATE + 600, 9)  # left from another day
    rig.wait(50)
    assert rig.header("service_echo") == 0
    SERVICE(rig)
    rig.wait(50)
    assert rig.header("service_echo") == 0
    rig.ball(1500)
    rig.run_to(2500)
    rig.trial(GATE - 600, GATE + 600, 10)
    rig.step()
    assert rig.header("service_echo") == 10
    rig.ball(3500)
    rig.run_to(END)
    assert _ends(rig) == [TO_REJECT, TO_ACCEPT]
    AUTO(rig)
    rig.wait(50)
    assert rig.header("service_echo") == 0
    SERVICE(rig)
    rig.wait(50)
    assert rig.header("service_echo") == 0, "the old block again"


@pytest.mark.parametrize("key", [KeySwitch.AUTO, KeySwitch.BYPASS])
def test_the_block_moves_nothing_with_another_key(key: KeySwitch) -> None:
    rig = ready_rig()
    sets(key=key)(rig)
    rig.step()
    rig.trial(3000, 3200, 4)
    rig.ball(RISE)
    rig.run_to(LEADING - 1000)
    assert rig.header("service_echo") == 0
    assert [is_open for _, is_open in rig.gate_changes] == [True] * (key is KeySwitch.BYPASS)


def test_the_key_back_ends_the_trial() -> None:
    rig = _service_rig()
    rig.trial(GATE - 600, GATE + 600, 1)
    rig.ball(RISE)
    rig.play([(RISE + 2000, AUTO)])
    rig.run_to(END)
    assert _ends(rig) == [(Side.REJECT, Cause.STALE_EPOCH, Confirm.REJECT_EYE)]
    assert rig.gate_changes == []


@pytest.mark.parametrize("stop", [{"e_stop": True}, {"guard_open": True}, {"air_low": True}])
def test_stops_and_missing_air_hold_the_gate(stop: dict[str, object]) -> None:
    rig = _service_rig()
    rig.trial(GATE - 600, GATE + 600, 1)
    rig.ball(RISE)
    rig.run_to(RISE + 2000)
    sets(**stop)(rig)
    rig.run_to(END)
    assert rig.gate_changes == []
    assert [o.side for o in rig.outcomes] == [Side.REJECT]


def test_rejected_parts_open_nothing() -> None:
    rig = _service_rig()
    rig.trial(GATE - 600, GATE + 600, 1)
    rig.ball(RISE)
    rig.ball(RISE + 500)  # too close, both
    rig.ball(RISE + 3000, 200)  # too short a pulse
    rig.run_to(END)
    assert rig.gate_changes == []
    assert [Cause(o.cause) for o in rig.outcomes] == [Cause.TOO_CLOSE, Cause.TOO_CLOSE, Cause.PULSE]


def test_a_trial_needs_no_station_that_is_ready() -> None:
    rig = Rig(key=KeySwitch.SERVICE)
    rig.trial(GATE - 600, GATE + 600, 1)
    rig.ball(RISE)
    rig.run_to(END)
    assert _ends(rig) == [TO_ACCEPT]
