"""The witnesses: confirm eyes in both chutes, mismatches, outcomes.

A part is expected at the confirm eyes at a known count. What an eye saw there ends
the part: its outcome is written. A ball where no part is expected is named as well.
Neighbours: `plc_logic` feeds edges and calls `expire` in every scan.
"""

from __future__ import annotations

from edge_runtime.encoder import wrap
from edge_runtime.plc.records import OutcomeRecord
from edge_runtime.plc.registers import Cause, Confirm, KeySwitch, Side, StopCause
from edge_runtime.twin.plc_gate import settle
from edge_runtime.twin.plc_key import passed_a_held_gate
from edge_runtime.twin.plc_parts import Lane, Part, PlcState

MISMATCHES_TO_LATCH = 2
_PULSE_REGISTER_MAX = 0xFFFF
_EXPECTED = {
    Side.ACCEPT: Confirm.ACCEPT_EYE,
    Side.REJECT: Confirm.REJECT_EYE,
    Side.BYPASS: Confirm.ACCEPT_EYE,
}


def _expected_rise(lane: Lane, part: Part) -> int:
    return part.rising + lane.span.eye_to_gate_counts + lane.span.gate_to_confirm_counts


def _window(state: PlcState, lane: Lane, part: Part) -> tuple[int, int]:
    """First and last position at which a confirm eye's rising edge belongs to the part.

    An over-long pulse may be several balls that come apart at the gate: its window is
    longer by the pulse.
    """
    expected = _expected_rise(lane, part)
    tolerance = state.settings.confirm_window_counts
    return expected - tolerance, expected + tolerance + (part.pulse if part.long else 0)


def confirm_edge(state: PlcState, lane: Lane, eye: Confirm, position: int, edge_ns: int) -> None:
    """A confirm eye saw the leading edge of a ball at an endless position."""
    found: Part | None = None
    for part in lane.parts:
        first, last = _window(state, lane, part)
        if not first <= position <= last or (part.confirm is not Confirm.NONE and not part.long):
            continue
        if found is None or _nearer(lane, part, found, position):
            found = part
    seen = state.name(found) if found else {"lane": lane.number}
    state.emit("confirm", **seen, eye=eye.name, edge_position=position, edge_ns=edge_ns, stray=found is None)
    if found is None:
        _stray(state, lane, eye, position)
    elif found.confirm is Confirm.NONE:
        found.confirm = eye
        found.confirm_position = position
        if not found.long:
            _finish(state, lane, found)
    elif eye is Confirm.ACCEPT_EYE:
        # One more ball out of an over-long pulse, and it is in the accept chute.
        _stray(state, lane, eye, position)


def _nearer(lane: Lane, part: Part, other: Part, position: int) -> bool:
    return abs(position - _expected_rise(lane, part)) < abs(position - _expected_rise(lane, other))


def _stray(state: PlcState, lane: Lane, eye: Confirm, position: int) -> None:
    if eye is not Confirm.ACCEPT_EYE:
        state.stray_rejects += 1
        return
    state.unproven_accepts += 1
    if not passed_a_held_gate(state, lane, position):
        state.latch(StopCause.UNPROVEN_ACCEPT)


def expire(state: PlcState, lane: Lane) -> None:
    """Finish parts whose confirm window is past."""
    for part in list(lane.parts):
        if state.position > _window(state, lane, part)[1]:
            _finish(state, lane, part)


def _finish(state: PlcState, lane: Lane, part: Part) -> None:
    settle(part)
    part.side, part.cause = _side_and_cause(part)
    state.count_side(part.side)
    record = OutcomeRecord(
        epoch=part.epoch,
        lane=part.lane,
        trigger_seq=part.trigger_seq,
        trigger_encoder_count=wrap(part.rising),
        pulse_counts=min(part.pulse, _PULSE_REGISTER_MAX),
        side=int(part.side),
        cause=int(part.cause),
        verdict=part.verdict,
        reason=part.reason,
        confirm=int(part.confirm),
        confirm_encoder_count=wrap(part.confirm_position),
    )
    ring_full = not state.memory.push_outcome(record)
    if ring_full:
        state.outcome_overflow += 1
    lane.parts.remove(part)
    state.emit(
        "outcome",
        **state.name(part),
        side=part.side.name,
        cause=part.cause.name,
        verdict=part.verdict,
        confirm=part.confirm.name,
        doubt=part.doubt,
        ring_full=ring_full,
    )
    _count(state, part)


def _side_and_cause(part: Part) -> tuple[Side, Cause]:
    """How it went, and why. Where the side is in doubt the accept eye's word is needed for accept."""
    by_key = part.keyed or (Cause.SERVICE if part.in_trial else None)
    side = part.side
    if side is None and part.confirm is Confirm.ACCEPT_EYE:
        side = Side.ACCEPT if by_key is None else Side.BYPASS
    if side is Side.ACCEPT:
        # Why the gate stood at accept as it passed; the drop came too late for the flap.
        return side, Cause.PROVEN
    if side is Side.BYPASS:
        return side, by_key or Cause.BYPASS
    if part.cause is Cause.BYPASS or (part.cause is Cause.SERVICE and part.block):
        # The gate closed although the key stood so: for what rejected the part since, or without air.
        return Side.REJECT, part.block or Cause.NOT_READY
    return Side.REJECT, part.cause


def _count(state: PlcState, part: Part) -> None:
    """Confirmed or mismatch; a rejected ball in the accept chute stops the belt at once.

    A trial of the gate finds out where balls go: nothing it does stops the belt.
    """
    if part.side is not None and part.confirm is _EXPECTED[part.side]:
        state.confirmed_total += 1
        state.mismatch_run = 0
        return
    state.mismatch_total += 1
    trial = part.in_trial or state.key is KeySwitch.SERVICE
    state.mismatch_run += not trial
    state.emit("mismatch", **state.name(part), confirm=part.confirm.name, run=state.mismatch_run, trial=trial)
    if trial:
        return
    in_accept_chute = part.confirm is Confirm.ACCEPT_EYE
    if in_accept_chute or state.mismatch_run >= MISMATCHES_TO_LATCH:
        state.latch(StopCause.MISMATCH)
