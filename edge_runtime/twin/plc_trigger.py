"""From eye pulses to parts: numbering, pulse length, spacing, the trigger ring.

A part is born at the falling edge of its lane's trigger eye. It bears the encoder
count and the epoch of the rising edge. Whatever is odd about the pulse rejects the
part and its neighbourhood at once; nothing is ever left out of the count.
Neighbours: `plc_logic` feeds it edges that lie beyond the high-water mark.
"""

from __future__ import annotations

from edge_runtime.encoder import wrap
from edge_runtime.plc.records import TriggerRecord
from edge_runtime.plc.registers import Cause
from edge_runtime.twin.plc_parts import Lane, Part, PlcState

_PULSE_REGISTER_MAX = 0xFFFF


def trigger_edge(state: PlcState, lane: Lane, rising: bool, position: int, edge_ns: int) -> None:
    """Take one edge of the trigger eye at an endless position."""
    if rising:
        if lane.open_rising is not None:
            # Its falling edge was never seen: one over-long (or short) pulse up to here.
            _new_part(state, lane, lane.open_rising, position - lane.open_rising, edge_ns)
        lane.open_rising = position
        lane.open_epoch = state.epoch
        lane.open_block = None
        lane.open_long = False
        return
    if lane.open_rising is None:
        # The beam was blocked when the PLC started: no rising edge, so no part. The ball is
        # rejected like every untriggered one, the gate stays de-energised.
        state.emit("edge_without_rise", lane=lane.number, edge_ns=edge_ns)
        return
    rose = lane.open_rising
    lane.open_rising = None
    _new_part(state, lane, rose, position - rose, edge_ns)


def watch_open_pulse(state: PlcState, lane: Lane) -> None:
    """A pulse that is already too long rejects the parts just before it without waiting for its end."""
    if lane.open_rising is None or lane.open_long:
        return
    if state.position - lane.open_rising > state.settings.pulse_max_counts:
        lane.open_long = True
        _block_before(state, lane, lane.open_rising)


def _block_before(state: PlcState, lane: Lane, rising: int) -> None:
    for part in lane.parts:
        if part.centre > rising - state.settings.min_spacing_counts:
            state.block(part, Cause.TOO_CLOSE)


def _new_part(state: PlcState, lane: Lane, rising: int, pulse: int, edge_ns: int) -> None:
    settings = state.settings
    lane.last_seq += 1
    state.triggers_total += 1
    part = Part(lane.open_epoch, lane.number, lane.last_seq, rising, pulse, trial=state.trial)
    part.long = pulse > settings.pulse_max_counts
    if part.long:
        _block_before(state, lane, rising)
        lane.long_end = rising + pulse
        part.block = Cause.PULSE
    elif pulse < settings.pulse_min_counts:
        part.block = Cause.PULSE
    else:
        part.block = lane.open_block
    _check_spacing(state, lane, part)
    if state.latched:
        state.block(part, Cause.STOP)
    if part.epoch != state.epoch:
        state.block(part, Cause.STALE_EPOCH)
    record = TriggerRecord(
        part.epoch, part.lane, part.trigger_seq, wrap(rising), min(pulse, _PULSE_REGISTER_MAX)
    )
    ring_full = not state.memory.push_trigger(record)
    if ring_full:
        state.trigger_overflow += 1
        state.block(part, Cause.RING_FULL)
    lane.parts.append(part)
    state.emit(
        "trigger",
        **state.name(part),
        rising_position=rising,
        pulse_counts=pulse,
        edge_ns=edge_ns,
        ring_full=ring_full,
        blocked=part.block.name if part.block else "",
    )


def _check_spacing(state: PlcState, lane: Lane, part: Part) -> None:
    spacing = state.settings.min_spacing_counts
    if lane.long_end is not None and part.centre - lane.long_end < spacing:
        state.block(part, Cause.TOO_CLOSE)
    for other in lane.parts:
        if part.centre - other.centre < spacing:
            state.block(other, Cause.TOO_CLOSE)
            state.block(part, Cause.TOO_CLOSE)
