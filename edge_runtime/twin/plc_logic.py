"""The twin's PLC program: one scan, pure logic, no sockets and no clock.

`PlcLogic.scan` reads the input image and the registers the station wrote, and
returns the output image; the registers the PLC owns are written in place. Time is
given to it, so tests inject it. The rules are those of docs/plc_registers.md, and
plain enough to be rebuilt on a real PLC. Neighbours: `plc_main` runs it in a process
with the Modbus server; `plc_trigger`, `plc_station`, `plc_gate`, `plc_confirm`, `plc_key`
hold the rules, `plc_parts` the state they share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, MutableSequence

from edge_runtime.encoder import COUNT_MODULUS, Unwrapper
from edge_runtime.plc.records import temperature_word
from edge_runtime.plc.registers import (
    LANES_MAX,
    MAGIC,
    MAP_VERSION,
    Cause,
    Confirm,
    KeySwitch,
    PlcStatus,
    StopCause,
)
from edge_runtime.twin.field import Eye
from edge_runtime.twin.plc_confirm import confirm_edge, expire
from edge_runtime.twin.plc_gate import gate_step, switch
from edge_runtime.twin.plc_key import ServiceBlock, set_key, take_trial, turn_key
from edge_runtime.twin.plc_memory import PlcMemory
from edge_runtime.twin.plc_parts import Lane, PlcInputs, PlcOutputs, PlcSettings, PlcState, Retained
from edge_runtime.twin.plc_station import Watch, take_verdicts, watch_station
from edge_runtime.twin.plc_trigger import trigger_edge, watch_open_pulse

#: the belt's speed is measured over the last so many scans (50 ms at 5 ms)
SPEED_SCANS = 10
_CONFIRM = {Eye.CONFIRM_ACCEPT: Confirm.ACCEPT_EYE, Eye.CONFIRM_REJECT: Confirm.REJECT_EYE}


class PlcLogic:
    """State of the program between scans.

    Args:
        settings: the constants of the program.
        registers: register area from address 0, shared with the server.
        retained: what the last run left behind.
        store: writes what must survive a power cut; returns when it is safe.
        boot_id: u32, new at every start.
    """

    def __init__(
        self,
        settings: PlcSettings,
        registers: MutableSequence[int],
        retained: Retained,
        store: Callable[[Retained], None],
        boot_id: int,
    ) -> None:
        self.memory = PlcMemory(registers)
        self.watch = Watch()
        self.service = ServiceBlock()
        self.state = PlcState(
            settings=settings,
            memory=self.memory,
            store=store,
            lanes={number: Lane(number, span) for number, span in sorted(settings.lanes.items())},
            epoch=retained.epoch,
            stop_cause=StopCause(retained.stop_cause),
        )
        self._boot_id = boot_id
        self._unwrap = Unwrapper()
        self._history: deque[tuple[int, int]] = deque(maxlen=SPEED_SCANS + 1)
        self._jog_mark = 0
        self._heartbeat = 0
        self._resets: int | None = None
        self._edges_lost = 0
        self._reversed_out = False
        self._ball_celsius: float | None = None
        self.memory.set_geometry(settings.geometry_values())

    def scan(self, now_ns: int, inputs: PlcInputs) -> PlcOutputs:
        """One scan.

        Args:
            now_ns: monotonic time.
            inputs: input image.
        """
        state = self.state
        state.gates_held = now_ns - state.now_ns <= state.settings.gate_watchdog_ms * 1_000_000
        state.now_ns = now_ns
        state.events = []
        self._move(inputs)
        if self._resets is None:
            self._start(inputs)
        self._inputs(inputs)
        watch_station(state, self.watch)
        take_trial(state, self.service)
        self._edges(inputs)
        take_verdicts(state)
        for lane in state.lanes.values():
            gate_step(state, self.watch, lane)
            expire(state, lane)
        if state.latched:
            # A witness may have latched the belt after the gates were set.
            for lane in state.lanes.values():
                switch(state, self.watch, lane)
        self._header(inputs)
        gates = tuple(number in state.lanes and state.lanes[number].gate for number in range(LANES_MAX))
        return PlcOutputs(gates, not state.latched, state.latched, state.events)

    def _start(self, inputs: PlcInputs) -> None:
        state = self.state
        state.high_water = self._jog_mark = state.position
        self._resets = inputs.operator_reset
        set_key(state, self.service, inputs.key_switch)
        state.emit(
            "plc_start",
            boot_id=self._boot_id,
            retained_epoch=state.epoch,
            stop_cause=state.stop_cause.name,
            key=state.key.name,
        )
        first_ever = state.epoch == 0
        state.new_epoch("plc_start")
        if not first_ever:
            # Nobody knows what lies on the belt, and it must not start to move by itself.
            state.latch(StopCause.POWER)

    def _move(self, inputs: PlcInputs) -> None:
        """Position, speed, high-water mark, reverse."""
        state = self.state
        state.position = self._unwrap(inputs.encoder_count % COUNT_MODULUS)
        self._history.append((state.now_ns, state.position))
        first_ns, first = self._history[0]
        span_ns = state.now_ns - first_ns
        state.speed_counts_per_s = max(0.0, (state.position - first) * 1e9 / span_ns) if span_ns > 0 else 0.0
        back = state.high_water - state.position
        if back > 0:
            self._jog_mark = state.high_water
        if back > state.settings.jog_limit_counts and self._resets is not None:
            if not self._reversed_out:
                self._reversed_out = True
                state.emit("reverse", back_counts=back)
                state.block_all(Cause.REVERSE)
        elif back <= 0:
            self._reversed_out = False

    def _inputs(self, inputs: PlcInputs) -> None:
        """Stops, the key, then the operator's reset."""
        state = self.state
        state.air_low = inputs.air_low
        if inputs.e_stop:
            state.latch(StopCause.E_STOP)
        if inputs.guard_open:
            state.latch(StopCause.GUARD)
        turn_key(state, self.service, inputs.key_switch)
        if inputs.operator_reset == self._resets:
            return
        self._resets = inputs.operator_reset
        clear = not inputs.e_stop and not inputs.guard_open
        done = clear and state.latched
        state.emit("reset", done=done, was=state.stop_cause.name)
        if done:
            state.stop_cause = StopCause.NONE
            state.mismatch_run = 0
            state.new_epoch("stop_reset")

    def _edges(self, inputs: PlcInputs) -> None:
        """Take the eye edges. What a belt that ran back shows once more is not new.

        New are edges beyond the high-water mark of the last reverse; on a belt that only
        runs forward an edge counts however late it is read. And each eye on its own never
        goes back behind its last edge.
        """
        state = self.state
        if inputs.edges_lost != self._edges_lost:
            # Which pulses these were is not known, so nothing in flight is sure of its identity.
            state.emit("edges_lost", count=inputs.edges_lost - self._edges_lost)
            self._edges_lost = inputs.edges_lost
            state.block_all(Cause.PULSE)
        for edge in inputs.edges:
            lane = state.lanes.get(edge.lane)
            if lane is None:
                continue
            position = self._unwrap.peek(edge.encoder_count % COUNT_MODULUS)
            last = lane.last_edge[edge.eye]
            if position <= self._jog_mark or (last is not None and position <= last):
                continue
            lane.last_edge[edge.eye] = position
            if edge.eye is Eye.TRIGGER:
                self._ball_celsius = inputs.pyrometer_celsius
                trigger_edge(state, lane, edge.rising, position, edge.t_ns)
            elif edge.rising:
                confirm_edge(state, lane, _CONFIRM[edge.eye], position, edge.t_ns)
        for lane in state.lanes.values():
            watch_open_pulse(state, lane)
        state.high_water = max(state.high_water, state.position)

    def _status(self, inputs: PlcInputs) -> PlcStatus:
        state = self.state
        bits = {
            PlcStatus.BELT_RUN: not state.latched,
            PlcStatus.BELT_LATCHED: state.latched,
            PlcStatus.E_STOP: inputs.e_stop,
            PlcStatus.GUARD_OPEN: inputs.guard_open,
            PlcStatus.AIR_LOW: inputs.air_low,
            PlcStatus.BIN_FULL: inputs.bin_full,
            PlcStatus.STATION_TRUSTED: self.watch.trusted,
            PlcStatus.REVERSING: state.position < state.high_water,
            PlcStatus.TRIGGER_RING_FULL: self.memory.trigger_ring_full,
            PlcStatus.OUTCOME_RING_FULL: self.memory.outcome_ring_full,
            PlcStatus.BYPASS: state.key is KeySwitch.BYPASS,
            PlcStatus.SERVICE: state.key is KeySwitch.SERVICE,
        }
        status = 0
        for bit, is_set in bits.items():
            if is_set:
                status |= bit.value
        return PlcStatus(status)

    def _header(self, inputs: PlcInputs) -> None:
        state = self.state
        self._heartbeat += 1
        self.memory.set_header(
            {
                "magic": MAGIC,
                "map_version": MAP_VERSION,
                "plc_heartbeat": self._heartbeat,
                "epoch": state.epoch,
                "session_echo": self.watch.session_echo,
                "plc_status": int(self._status(inputs)),
                "stop_cause": int(state.stop_cause),
                "encoder_count": state.position,
                "lanes": len(state.lanes),
                "trigger_overflow": state.trigger_overflow,
                "outcome_overflow": state.outcome_overflow,
                "refused_verdicts": state.refused_verdicts,
                "plc_boot_id": self._boot_id,
                "triggers_total": state.triggers_total,
                "accepted_total": state.accepted_total,
                "rejected_total": state.rejected_total,
                "confirmed_total": state.confirmed_total,
                "mismatch_total": state.mismatch_total,
                "unproven_accepts": state.unproven_accepts,
                "stray_rejects": state.stray_rejects,
                "mismatch_run": state.mismatch_run,
                "ball_temperature_x10": temperature_word(self._ball_celsius),
                "bypassed_total": state.bypassed_total,
                "key_switch": int(state.key),
                "service_echo": self.service.echo,
            }
        )
