"""The gate: one decision per part, the valve per scan, and which way the gate stood.

All positions are belt counts at which a part's centre reaches the gate (`at`):

    decision at - window - lead - margin    the proof must be there
    switch   at - window - lead             the valve is energised, for an accepted part
    drop     at + window                    the valve is de-energised

A key that stands on BYPASS or SERVICE moves the gate instead (`plc_key`); nothing is accepted then.
Neighbours: `plc_logic` (order of the scan), `plc_confirm` (which needs the side).
"""

from __future__ import annotations

from edge_runtime.plc.registers import Cause, KeySwitch, Side
from edge_runtime.twin.plc_key import hold_open
from edge_runtime.twin.plc_parts import Lane, Part, PlcState
from edge_runtime.twin.plc_station import Watch
from vision.types import Decision

#: which way a part is to go for the cause of its decision; any other cause: reject
_DECIDED = {Cause.PROVEN: Side.ACCEPT, Cause.BYPASS: Side.BYPASS}
#: a switch that comes this many scans after its latest count is not made any more
LATE_SCANS = 2


def gate_step(state: PlcState, watch: Watch, lane: Lane) -> None:
    """Sides of parts that passed, decisions that are due, then the valve."""
    for part in lane.parts:
        if not part.passed:
            _observe(state, lane, part)
    settings = state.settings
    early = settings.gate_window_counts + state.lead_counts + settings.decision_margin_counts
    for part in lane.parts:
        at = part.centre + lane.span.eye_to_gate_counts
        if not part.decided and state.position >= at - early:
            _decide(state, watch, lane, part)
    switch(state, watch, lane)


def _observe(state: PlcState, lane: Lane, part: Part) -> None:
    """Note how the gate stood, since the last scan, while it could still send the part either way.

    The zone begins one lead before the part's leading edge is at the gate: a gate that
    drops later than that is still on its way when the part arrives.
    """
    leading = part.rising + lane.span.eye_to_gate_counts
    trailing = leading + part.pulse
    if state.position <= leading - state.lead_counts:
        return
    if lane.keyed is not None:
        part.keyed = lane.keyed
    part.shut = part.shut or not lane.gate
    if lane.gate:
        part.seen_open = True
        # After a gap between two scans the output module may have dropped it meanwhile.
        part.seen_closed = part.seen_closed or not state.gates_held
    elif part.seen_open or state.position > leading:
        part.seen_closed = True
    if state.position > trailing:
        settle(part)


def settle(part: Part) -> None:
    """Fix the side. A part under a gate that moved is in doubt: its confirm eye tells the side.

    That is so for a part with proof, for one under a gate held open by key, and for every trial.
    """
    if part.passed:
        return
    part.passed = True
    part.side = Side.REJECT
    if part.keyed is not None or part.in_trial:
        part.doubt = part.in_trial or part.seen_closed or part.shut
        part.side = None if part.doubt else Side.BYPASS
    elif part.proof and part.seen_open:
        part.doubt = part.seen_closed
        part.side = None if part.doubt else Side.ACCEPT


def _decide(state: PlcState, watch: Watch, lane: Lane, part: Part) -> None:
    part.decided = True
    part.cause = _cause(state, watch, lane, part)
    part.accepted = part.cause is Cause.PROVEN
    state.emit(
        "decision",
        **state.name(part),
        side=_DECIDED.get(part.cause, Side.REJECT).name,
        cause=part.cause.name,
        verdict=part.verdict,
    )


def _cause(state: PlcState, watch: Watch, lane: Lane, part: Part) -> Cause:
    if part.block is not None:
        return part.block
    if state.latched:
        return Cause.STOP
    if state.key is KeySwitch.SERVICE:
        return Cause.SERVICE
    if state.key is KeySwitch.BYPASS:
        return Cause.NOT_READY if state.air_low else Cause.BYPASS
    if not watch.fresh_for_gate:
        return Cause.HEARTBEAT
    # Without compressed air the gate cannot be held, whatever the station says.
    if not watch.trusted or state.air_low:
        return Cause.NOT_READY
    if part.verdict == 0:
        return Cause.NO_VERDICT
    if part.verdict != Decision.ACCEPT:
        return Cause.VERDICT_REJECT
    part.proof = True
    return Cause.TOO_CLOSE if _covers_another(state, lane, part) else Cause.PROVEN


def _covers_another(state: PlcState, lane: Lane, part: Part) -> bool:
    """The gate, open for this part, could be open for a neighbour that is not proven good.

    The gate may stand open from the switch point until one lead after the drop. A
    neighbour is clear when its near end is at the gate outside that span, on either side:
    distance of centres >= window + lead + half the neighbour.
    """
    reach = state.settings.gate_window_counts + state.lead_counts
    if lane.open_rising is not None and lane.open_rising - part.centre < reach:
        return True
    for other in lane.parts:
        if other is part or abs(other.centre - part.centre) >= reach + other.half:
            continue
        if not (other.proof if other.decided else other.holds_accept):
            return True
    return False


def switch(state: PlcState, watch: Watch, lane: Lane) -> None:
    """Set the valve: energised while an accepted part needs it and nothing forbids it."""
    window = state.settings.gate_window_counts
    lead = state.lead_counts
    grace = LATE_SCANS * state.scan_counts
    before = lane.gate, lane.keyed
    energise = hold_open(state, lane)
    for part in lane.parts:
        if not part.accepted or part.block is not None:
            continue
        at = part.centre + lane.span.eye_to_gate_counts
        if state.position > at + window or (not part.opened and state.position < at - window - lead):
            continue
        # A scan that comes too late finds the part so near that it would meet a moving flap.
        latest = part.rising + lane.span.eye_to_gate_counts - lead + grace
        too_late = not part.opened and state.position > latest
        stopper = Cause.LATE if too_late else _stopper(state, watch)
        if stopper is not None:
            state.block(part, stopper)
            continue
        part.opened = True
        energise = True
    lane.gate = energise
    if (lane.gate, lane.keyed) != before:
        holders = [p.trigger_seq for p in lane.parts if p.opened and not p.passed]
        keyed = lane.keyed.name if lane.keyed else ""
        state.emit("gate", lane=lane.number, energised=energise, keyed=keyed, trigger_seqs=holders)


def _stopper(state: PlcState, watch: Watch) -> Cause | None:
    """Why no gate may be energised in this scan, None when it may."""
    if state.latched:
        return Cause.STOP
    if not watch.fresh_for_gate:
        return Cause.HEARTBEAT
    if state.air_low:
        return Cause.NOT_READY
    return None
