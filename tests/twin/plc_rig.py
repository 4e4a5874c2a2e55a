"""A rig for the PLC's logic: a belt, eyes and a station, all on injected time.

Positions are endless encoder counts from 0; the PLC sees them plus `START`, modulo
2^16. One step is one scan. The real logic runs on real registers; only the clock and
the wires are the test's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from edge_runtime.encoder import wrap
from edge_runtime.plc.records import (
    OutcomeRecord,
    TriggerRecord,
    VerdictRecord,
    pack,
    pack_slot,
    unpack,
    unpack_slot,
)
from edge_runtime.plc.registers import (
    OUTCOME_RING,
    PLC_HEADER,
    SERVICE,
    STATION_HEADER,
    TRIGGER_RING,
    VERDICT_RING,
    KeySwitch,
    StationState,
)
from edge_runtime.twin.field import Eye, EyeEdge
from edge_runtime.twin.plc_logic import PlcLogic
from edge_runtime.twin.plc_memory import AREA_WORDS
from edge_runtime.twin.plc_parts import LaneSpan, PlcInputs, PlcOutputs, PlcSettings, Retained
from vision.types import Decision

GATE = 4800
CONFIRM = 1280
SPEED = 9600.0  # counts/s: 10 balls/s of 40 mm
SCAN_MS = 5
#: valve 12 ms and half the flap's travel of 35 ms: how the flap stands follows the valve by this
FLAP_SCANS = 6
LEAD = 500  # ceil(52 ms x 9600 counts/s)
WINDOW = 240
MARGIN = 96
SPACING = 736
END = 30_000
RISE = 1000  # rising edge of the first ball
AT_GATE = RISE + 160 + GATE  # belt position at which its centre is at the gate
SEEN = RISE + 2500  # the last view is in, a verdict comes about here
#: where a normal ball's decision falls, from its centre at the eye
DECISION = GATE - WINDOW - LEAD - MARGIN

SETTINGS = PlcSettings(
    um_per_count_x10=1250,
    heartbeat_timeout_ms=200,
    scan_ms=SCAN_MS,
    valve_lead_ms=52,
    gate_window_counts=WINDOW,
    min_spacing_counts=SPACING,
    pulse_min_counts=240,
    pulse_max_counts=384,
    jog_limit_counts=64,
    decision_margin_counts=MARGIN,
    gate_watchdog_ms=25,
    lanes={0: LaneSpan(GATE, CONFIRM)},
)


Act = Callable[["Rig"], None]


def says(trigger_seq: int, decision: int = Decision.ACCEPT, **values: int) -> Act:
    """The station writes a verdict; see `Rig.verdict`."""
    return lambda rig: rig.verdict(trigger_seq, decision, **values)


def sets(**values: object) -> Act:
    """Inputs or the belt change: attributes of the rig."""

    def act(rig: Rig) -> None:
        for name, value in values.items():
            setattr(rig, name, value)

    return act


def writes(**values: int) -> Act:
    """The station writes fields of its header."""
    return lambda rig: rig.station.update(values)


def ready_rig(settings: PlcSettings | None = None, *, start: int = 0, speed: float = SPEED) -> Rig:
    """A rig with a station that is Ready."""
    rig = Rig(settings or SETTINGS, start=start, speed=speed)
    rig.hello()
    return rig


@dataclass
class Rig:
    """Belt, wires and station round one PLC."""

    settings: PlcSettings = SETTINGS
    start: int = 0
    retained: Retained = field(default_factory=Retained)
    registers: list[int] = field(default_factory=lambda: [0] * AREA_WORDS)
    now_ns: int = 10**9
    position: float = 0.0
    speed: float = SPEED
    beat: bool = True
    drain: bool = True
    e_stop: bool = False
    guard_open: bool = False
    air_low: bool = False
    bin_full: bool = False
    resets: int = 0
    key: KeySwitch = KeySwitch.AUTO
    pyrometer_celsius: float | None = None
    edges_lost: int = 0

    def __post_init__(self) -> None:
        self.stored: list[Retained] = []
        self.events: list[dict[str, Any]] = []
        self.triggers: list[TriggerRecord] = []
        self.outcomes: list[OutcomeRecord] = []
        self.gate_changes: list[tuple[int, bool]] = []
        self.station = {"station_state": int(StationState.STARTING)}
        self.verdict_index = 0
        self._heartbeat = 0
        self._edges: list[tuple[float, int, int, int, bool]] = []
        self._plans: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        self._gates: list[tuple[bool, ...]] = [(False,) * 8] * FLAP_SCANS
        self._tails = {"trigger": 0, "outcome": 0}
        self.logic = PlcLogic(self.settings, self.registers, self.retained, self.stored.append, boot_id=77)
        self.outputs: PlcOutputs = self.step()

    def step(self) -> PlcOutputs:
        """One scan later."""
        before = self.position
        self.now_ns += SCAN_MS * 10**6
        self.position += self.speed * SCAN_MS / 1000.0
        while self._plans and self._plans[0][0] <= self.position:
            heapq.heappop(self._plans)[2]()
        if self.beat:
            self._heartbeat += 1
        self._write_station()
        self.outputs = self.logic.scan(self.now_ns, self._inputs(before))
        self._gates.append(self.outputs.gates)
        gate = self.outputs.gates[0]
        if gate != (bool(self.gate_changes) and self.gate_changes[-1][1]):
            self.gate_changes.append((int(self.position), gate))
        self.events.extend(self.outputs.events)
        self._read_rings()
        return self.outputs

    def run_to(self, position: float) -> None:
        """Scans until the belt is there."""
        while self.position < position:
            self.step()

    def wait(self, time_ms: float) -> None:
        """Scans for a time."""
        for _ in range(round(time_ms / SCAN_MS)):
            self.step()

    def at(self, position: float, action: Callable[[], object]) -> None:
        """Do something just before the scan at which the belt is there."""
        self._number += 1
        heapq.heappush(self._plans, (position, self._number, action))

    def play(self, acts: list[tuple[float, Act]]) -> None:
        """Plan acts, each at its belt position."""
        for position, act in acts:
            self.at(position, partial(act, self))

    def say(self, position: float, trigger_seq: int, decision: int = Decision.ACCEPT, **values: int) -> None:
        """Plan a verdict."""
        self.play([(position, says(trigger_seq, decision, **values))])

    def belt_runs(self) -> bool:
        """The PLC's belt output now."""
        return self.outputs.belt_enable

    def gate_open(self, lane: int = 0) -> bool:
        """The PLC's gate output now."""
        return self.outputs.gates[lane]

    def edge(self, position: float, eye: Eye, rising: bool, lane: int = 0) -> None:
        """An eye edge when the belt passes a position forwards."""
        self._number += 1
        heapq.heappush(self._edges, (position, self._number, lane, int(eye), rising))

    def ball(self, rising: int, pulse: int = 320, chute: str = "auto", lane: int = 0) -> None:
        """A ball; chute 'accept', 'reject', 'none' (no eye sees it) or 'auto' (as the flap stands)."""
        self.edge(rising, Eye.TRIGGER, True, lane)
        self.edge(rising + pulse, Eye.TRIGGER, False, lane)
        self.untriggered(rising, pulse, chute, lane)

    def untriggered(self, rising: int, pulse: int = 320, chute: str = "auto", lane: int = 0) -> None:
        """A ball that the trigger eye misses; it still falls into a chute."""
        eyes = {"accept": Eye.CONFIRM_ACCEPT, "reject": Eye.CONFIRM_REJECT}

        def fall() -> None:
            name = chute
            if chute == "auto":
                name = "accept" if self._gates[-FLAP_SCANS][lane] else "reject"
            if name in eyes:
                for count, is_rising in ((rising, True), (rising + pulse, False)):
                    self.edge(count + GATE + CONFIRM, eyes[name], is_rising, lane)

        self.at(rising + GATE, fall)

    def hello(self, nonce: int = 5, floor: int = 0) -> None:
        """The station's start: a session, and Ready in the epoch that comes of it."""
        self.station |= {"session_nonce": nonce, "epoch_floor": floor}
        self.step()
        self.verdict_index = self.header("verdict_tail")
        self.ready()
        self.step()

    def ready(self) -> None:
        """Ready in the epoch in force."""
        self.station |= {"station_state": int(StationState.READY), "epoch_ack": self.header("epoch")}

    def verdict(
        self,
        trigger_seq: int,
        decision: int = Decision.ACCEPT,
        *,
        epoch: int | None = None,
        encoder: int | None = None,
        lane: int = 0,
        reason: int = 0,
    ) -> None:
        """Write a verdict into the ring, by default with the identity the trigger ring gave."""
        found = [t for t in self.triggers if t.trigger_seq == trigger_seq and t.lane == lane]
        count = found[-1].encoder_count if found else 0
        record = VerdictRecord(
            epoch=self.header("epoch") if epoch is None else epoch,
            lane=lane,
            trigger_seq=trigger_seq,
            trigger_encoder_count=count if encoder is None else encoder,
            verdict=int(decision),
            reason=reason,
        )
        words = pack_slot(VERDICT_RING, self.verdict_index, record)
        address = VERDICT_RING.slot_address(self.verdict_index)
        self.registers[address : address + len(words)] = words
        self.logic.memory.stamp_written(address, len(words), self.now_ns)
        self.verdict_index += 1

    def trial(self, open_after: int, close_after: int, seq: int) -> None:
        """The station writes the service block."""
        values = {"open_after_counts": open_after, "close_after_counts": close_after, "service_seq": seq}
        self.registers[SERVICE.address : SERVICE.address + SERVICE.words] = pack(SERVICE, values)

    def header(self, name: str) -> int:
        """A field of the PLC header."""
        return unpack(PLC_HEADER, self.registers[: PLC_HEADER.words])[name]

    def named(self, event: str) -> list[dict[str, Any]]:
        """Log lines of one kind."""
        return [line for line in self.events if line["event"] == event]

    def _inputs(self, before: float) -> PlcInputs:
        edges = []
        while self._edges and self._edges[0][0] <= self.position:
            count, number, lane, eye, rising = heapq.heappop(self._edges)
            edges.append(EyeEdge(number, lane, Eye(eye), rising, int(count) + self.start, self.now_ns))
        return PlcInputs(
            encoder_count=int(self.position) + self.start,
            edges=tuple(edges),
            edges_lost=self.edges_lost,
            e_stop=self.e_stop,
            guard_open=self.guard_open,
            air_low=self.air_low,
            bin_full=self.bin_full,
            operator_reset=self.resets,
            key_switch=self.key,
            pyrometer_celsius=self.pyrometer_celsius,
        )

    def _write_station(self) -> None:
        values = self.station | {
            "station_heartbeat": wrap(self._heartbeat),
            "trigger_tail": wrap(self._tails["trigger"]),
            "outcome_tail": wrap(self._tails["outcome"]),
        }
        words = pack(STATION_HEADER, values)
        self.registers[STATION_HEADER.address : STATION_HEADER.address + len(words)] = words

    def _read_rings(self) -> None:
        if not self.drain:
            return
        while (values := self._slot(TRIGGER_RING, self._tails["trigger"])) is not None:
            self.triggers.append(TriggerRecord(**values))
            self._tails["trigger"] += 1
        while (values := self._slot(OUTCOME_RING, self._tails["outcome"])) is not None:
            self.outcomes.append(OutcomeRecord(**values))
            self._tails["outcome"] += 1

    def _slot(self, ring: Any, index: int) -> dict[str, int] | None:
        address = ring.slot_address(index)
        return unpack_slot(ring, index, self.registers[address : address + ring.slot_words])
