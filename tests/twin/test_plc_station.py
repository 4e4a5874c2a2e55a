"""The PLC's program towards the station: epochs, trust, verdicts, rings, geometry."""

from __future__ import annotations

import pytest

from edge_runtime.plc.registers import (
    MAGIC,
    PLC_GEOMETRY,
    RING_SLOTS,
    Cause,
    PlcStatus,
    Side,
    StationState,
    StopCause,
)
from edge_runtime.twin.plc_parts import LaneSpan, PlcSettings, Retained
from tests.twin.plc_rig import (
    AT_GATE,
    CONFIRM,
    END,
    GATE,
    RISE,
    SEEN,
    SETTINGS,
    Rig,
    ready_rig,
    writes,
)
from vision.errors import ConfigError
from vision.types import Decision

# --- epochs ---------------------------------------------------------------


def test_the_epoch_goes_up_at_every_start_and_is_stored_first() -> None:
    rig = Rig(retained=Retained(epoch=41))
    assert rig.header("epoch") == 42
    assert rig.stored == [Retained(42, 0), Retained(42, int(StopCause.POWER))]
    assert rig.header("plc_boot_id") == 77
    assert rig.header("session_echo") == 0
    assert rig.header("magic") == MAGIC


SESSIONS = [
    # own epoch before, station's floor, epoch after
    (1, 0, 2),  # the PLC knows better
    (1, 1, 2),  # equal: one more
    (1, 500, 501),  # the ledger knows of higher ones: the PLC's memory was lost
    (700, 500, 701),
    (1, 0xFFFF_FFFF, 1),  # the counter's end: it begins anew, never at 0
]


@pytest.mark.parametrize(("own", "floor", "after"), SESSIONS)
def test_a_session_starts_an_epoch_above_both_sides(own: int, floor: int, after: int) -> None:
    rig = Rig(retained=Retained(epoch=own - 1))
    rig.hello(nonce=9, floor=floor)
    assert (rig.header("epoch"), rig.header("session_echo")) == (after, 9)
    assert rig.stored[-1].epoch == after
    assert PlcStatus.STATION_TRUSTED in PlcStatus(rig.header("plc_status"))


def test_heartbeat_loss_is_one_epoch_however_long_it_lasts() -> None:
    rig = ready_rig()
    epoch = rig.header("epoch")
    rig.beat = False
    rig.wait(200)
    assert rig.header("epoch") == epoch
    rig.step()
    assert rig.header("epoch") == epoch + 1
    rig.wait(2000)
    assert rig.header("epoch") == epoch + 1
    rig.beat = True
    rig.wait(50)
    assert not PlcStatus.STATION_TRUSTED & rig.header("plc_status"), "trusted before it knows the epoch"
    rig.ready()
    rig.step()
    assert PlcStatus.STATION_TRUSTED & rig.header("plc_status")
    assert [len(rig.named(name)) for name in ("heartbeat_lost", "heartbeat_back")] == [1, 2]


TRUST = [
    # what the station writes, trusted?
    ({}, True),
    ({"station_state": int(StationState.STARTING)}, False),
    ({"station_state": int(StationState.NOT_READY)}, False),
    ({"station_state": int(StationState.STOPPING)}, False),
    ({"station_state": 99}, False),
    ({"epoch_ack": 1}, False),
    ({"session_nonce": 0}, False),
]


@pytest.mark.parametrize(("values", "trusted"), TRUST)
def test_trust(values: dict[str, int], trusted: bool) -> None:
    rig = ready_rig()
    rig.station |= values
    rig.step()
    assert bool(PlcStatus.STATION_TRUSTED & rig.header("plc_status")) is trusted


def test_a_part_under_the_eye_bears_the_epoch_of_its_rising_edge() -> None:
    rig = ready_rig()
    epoch = rig.header("epoch")
    rig.ball(RISE)
    rig.play([(RISE + 100, writes(session_nonce=8))])
    rig.run_to(RISE + 500)
    rig.ready()
    rig.say(SEEN, 1)
    rig.run_to(END)
    assert rig.header("epoch") == epoch + 1
    assert rig.triggers[0].epoch == epoch
    assert rig.outcomes[0].cause == Cause.STALE_EPOCH


# --- verdict ring -----------------------------------------------------------


REFUSALS = [
    # verdict's arguments, the log's word
    ({"trigger_seq": 2}, "unknown_part"),  # a number not given out yet
    ({"trigger_seq": 0}, "unknown_part"),  # numbers start at 1
    ({"trigger_seq": 1, "lane": 3}, "unknown_part"),  # a lane without eye
    ({"trigger_seq": 1, "epoch": 1}, "stale_epoch"),
    ({"trigger_seq": 1, "epoch": 99}, "stale_epoch"),  # of the future: nobody agreed on it
    ({"trigger_seq": 1, "encoder": RISE + 1}, "identity"),
    ({"trigger_seq": 1, "decision": 0}, "unknown_verdict"),
]


@pytest.mark.parametrize(("values", "why"), REFUSALS)
def test_refused_verdicts_are_counted_and_named(values: dict[str, int], why: str) -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.run_to(SEEN)
    rig.verdict(**values)
    rig.step()
    [line] = rig.named("verdict")
    assert (line["accepted"], line["why"]) == (False, why)
    assert rig.header("refused_verdicts") == 1
    assert rig.header("verdict_tail") == 1


def test_a_verdict_for_a_part_that_is_gone_is_late() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.run_to(END)
    rig.verdict(1)
    rig.step()
    assert rig.named("verdict")[0]["why"] == "late"
    assert rig.header("refused_verdicts") == 1


def test_several_verdicts_in_one_scan_and_none_before_its_turn() -> None:
    rig = ready_rig()
    for number in range(3):
        rig.ball(RISE + 960 * number)
    rig.run_to(RISE + 960 * 2 + 500)
    rig.verdict(1)
    rig.verdict_index += 1  # number 2 is still on its way
    rig.verdict(3)
    rig.step()
    assert rig.header("verdict_tail") == 1
    rig.verdict_index = 1
    rig.verdict(2)
    rig.step()
    assert rig.header("verdict_tail") == 3
    assert [line["trigger_seq"] for line in rig.named("verdict")] == [1, 2, 3]


def test_the_verdict_index_goes_on_in_a_new_session() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.ball(RISE + 960 * 3)
    rig.say(SEEN, 1)
    rig.run_to(SEEN + 200)
    rig.hello(nonce=6)
    assert rig.verdict_index == rig.header("verdict_tail") == 1
    rig.run_to(RISE + 960 * 3 + 400)
    rig.verdict(2)
    rig.step()
    assert rig.header("verdict_tail") == 2
    rig.run_to(END)
    assert [Cause(o.cause) for o in rig.outcomes] == [Cause.STALE_EPOCH, Cause.PROVEN]


def test_verdicts_are_stamped_when_they_are_written() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.run_to(SEEN)
    rig.verdict(1)
    written_ns = rig.now_ns
    rig.step()
    line = rig.named("verdict")[0]
    assert line["written_ns"] == written_ns
    assert line["t_ns"] == written_ns + 5_000_000


# --- rings -------------------------------------------------------------------


def test_a_full_trigger_ring_rejects_and_counts() -> None:
    rig = ready_rig()
    rig.drain = False
    for number in range(RING_SLOTS + 2):
        rig.ball(RISE + 960 * number)
    rig.run_to(RISE + 960 * (RING_SLOTS + 2))
    assert rig.header("trigger_head") == RING_SLOTS
    assert rig.header("trigger_overflow") == 2
    assert rig.header("triggers_total") == RING_SLOTS + 2
    assert PlcStatus.TRIGGER_RING_FULL & rig.header("plc_status")
    rig.drain = True
    rig.run_to(RISE + 960 * (RING_SLOTS + 2) + GATE + CONFIRM + 1000)
    assert [t.trigger_seq for t in rig.triggers] == list(range(1, RING_SLOTS + 1))
    assert [Cause(o.cause) for o in rig.outcomes][-2:] == [Cause.RING_FULL, Cause.RING_FULL]
    assert rig.header("rejected_total") == RING_SLOTS + 2


def test_a_full_outcome_ring_loses_the_record_not_the_count() -> None:
    rig = ready_rig()
    rig.drain = False
    for number in range(RING_SLOTS + 10):
        rig.ball(RISE + 960 * number)
    rig.run_to(RISE + 960 * (RING_SLOTS + 10) + GATE + CONFIRM)
    assert rig.header("outcome_head") == RING_SLOTS
    assert rig.header("outcome_overflow") == 10
    assert rig.header("rejected_total") == RING_SLOTS + 10
    assert PlcStatus.OUTCOME_RING_FULL & rig.header("plc_status")


def test_the_books_balance_over_the_rings_wrap() -> None:
    rig = ready_rig()
    balls = 3 * RING_SLOTS + 5
    for number in range(balls):
        rising = RISE + 960 * number
        rig.ball(rising)
        rig.say(rising + 2300, number + 1, Decision.REJECT if number % 9 == 4 else Decision.ACCEPT)
    rig.run_to(RISE + 960 * balls + GATE + CONFIRM + 1000)
    assert [o.trigger_seq for o in rig.outcomes] == list(range(1, balls + 1))
    sides = [o.side == Side.REJECT for o in rig.outcomes]
    assert sides == [number % 9 == 4 for number in range(balls)]
    assert rig.header("confirmed_total") == balls
    assert (
        rig.header("accepted_total") + rig.header("rejected_total") == rig.header("triggers_total") == balls
    )


def test_two_lanes_do_not_mix() -> None:
    spans = {0: LaneSpan(GATE, CONFIRM), 2: LaneSpan(GATE, CONFIRM)}
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__} | {"lanes": spans}
    rig = ready_rig(PlcSettings(**values))
    rig.ball(RISE, lane=0)
    rig.ball(RISE + 100, lane=2)  # beside it, not too close to it
    rig.say(SEEN, 1, lane=2)
    rig.run_to(AT_GATE)
    assert rig.outputs.gates == (False, False, True, False, False, False, False, False)
    rig.run_to(END)
    assert {(o.lane, o.trigger_seq): Cause(o.cause) for o in rig.outcomes} == {
        (0, 1): Cause.NO_VERDICT,
        (2, 1): Cause.PROVEN,
    }
    assert rig.header("lanes") == 2


def test_the_geometry_is_in_the_registers() -> None:
    rig = Rig()
    assert rig.registers[PLC_GEOMETRY.at("um_per_count_x10")] == 1250
    assert rig.registers[PLC_GEOMETRY.at("valve_lead_ms")] == 52
    assert rig.registers[PLC_GEOMETRY.at("lane0_eye_to_gate_counts")] == GATE
    assert rig.registers[PLC_GEOMETRY.at("lane0_gate_to_confirm_counts")] == CONFIRM
    assert rig.registers[PLC_GEOMETRY.at("lane1_eye_to_gate_counts")] == 0


BAD_SETTINGS: list[tuple[dict[str, object], str]] = [
    ({"lanes": {}}, "lanes"),  # no lane at all
    ({"lanes": {8: LaneSpan(GATE, CONFIRM)}}, "lanes"),  # lanes are 0..7
    ({"lanes": {0: LaneSpan(31_000, 1280)}}, "told apart"),  # more than half the encoder's range
    ({"lanes": {0: LaneSpan(500, 1280)}}, "too near"),  # gate under the eye
    ({"heartbeat_timeout_ms": 52}, "heartbeat"),  # the flap could not fall in time
    ({"pulse_min_counts": 384}, "pulse"),
    ({"gate_window_counts": 191}, "gate_window"),  # narrower than the ball
]


@pytest.mark.parametrize(("change", "word"), BAD_SETTINGS)
def test_impossible_settings_are_refused(change: dict[str, object], word: str) -> None:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__} | change
    with pytest.raises(ConfigError, match=word):
        PlcSettings(**values)
