"""The key at the PLC: gate held open without inspection (BYPASS), or moved for commissioning (SERVICE).

Every turn is a new epoch, so that no verdict of before counts after. Stops, air and dead scans close
the gate as ever; a gate that is closed is a reject. Neighbours: `plc_logic` calls `turn_key` and
`take_trial` in every scan, `plc_gate` asks `hold_open`, `plc_confirm` `passed_a_held_gate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.plc.registers import Cause, KeySwitch
from edge_runtime.twin.plc_parts import Lane, Part, PlcState


@dataclass(slots=True)
class ServiceBlock:
    """What the station asked for with its service block: `echo` 0 while nothing of it is in force."""

    seen_seq: int = 0
    echo: int = 0


def turn_key(state: PlcState, block: ServiceBlock, key: KeySwitch) -> None:
    """Take the key's place over; a turn is a new epoch, and forgets the trial."""
    if key is state.key:
        return
    state.emit("key", key=key.name, was=state.key.name)
    set_key(state, block, key)
    state.new_epoch("key")


def set_key(state: PlcState, block: ServiceBlock, key: KeySwitch) -> None:
    """The key stands so; what lies in the service block from before is never honoured."""
    state.key = key
    state.trial = (0, 0)
    block.seen_seq = state.memory.station("service_seq")
    block.echo = 0


def take_trial(state: PlcState, block: ServiceBlock) -> None:
    """A new service block, written with the key on SERVICE: parts from now on take it."""
    seq = state.memory.station("service_seq")
    if state.key is not KeySwitch.SERVICE or seq in (0, block.seen_seq):
        return
    block.seen_seq = block.echo = seq
    state.trial = (state.memory.station("open_after_counts"), state.memory.station("close_after_counts"))
    state.emit("service", seq=seq, open_after=state.trial[0], close_after=state.trial[1])


def hold_open(state: PlcState, lane: Lane) -> bool:
    """Whether the key holds this lane's gate open in this scan; noted at the lane, with the place."""
    cause = _holder(state, lane)
    if cause is not None:
        begun = lane.keyed_span[0] if lane.keyed is not None and lane.keyed_span else state.position
        lane.keyed_span = (begun, state.position)
    lane.keyed = cause
    return cause is not None


def _holder(state: PlcState, lane: Lane) -> Cause | None:
    if state.latched or state.air_low:
        return None
    if state.key is KeySwitch.BYPASS:
        return Cause.BYPASS
    if state.key is KeySwitch.SERVICE and any(_trial_opens(state, part) for part in lane.parts):
        return Cause.SERVICE
    return None


def _trial_opens(state: PlcState, part: Part) -> bool:
    opens, closes = part.trial
    return opens > 0 and part.block is None and opens <= state.position - part.rising < closes


def passed_a_held_gate(state: PlcState, lane: Lane, edge_position: int) -> bool:
    """The ball that the accept eye saw there was at the gate while the key held it open, or as it fell."""
    if state.key is KeySwitch.SERVICE:
        return True
    if lane.keyed_span is None:
        return False
    first, last = lane.keyed_span
    at_gate = edge_position - lane.span.gate_to_confirm_counts
    return first <= at_gate <= last + state.lead_counts + state.settings.confirm_window_counts
