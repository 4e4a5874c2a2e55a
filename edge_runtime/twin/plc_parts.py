"""What the twin's PLC works on: settings, inputs and outputs of one scan, parts in flight, shared state.

Only data and the few rules that every other piece of the logic leans on (new epoch,
belt latch, "this part is rejected"). Neighbours: `plc_logic` runs the scan;
`plc_trigger`, `plc_station`, `plc_gate` and `plc_confirm` hold one block of rules each.
Positions are encoder counts since PLC start, made endless from the 16-bit counter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.encoder import COUNT_MODULUS, MAX_SPAN_COUNTS, wrap
from edge_runtime.plc.registers import LANES_MAX, Cause, Confirm, KeySwitch, Side, StopCause
from edge_runtime.twin.field import EyeEdge
from edge_runtime.twin.plc_memory import PlcMemory
from vision.errors import ConfigError
from vision.types import Decision

EYES = 3
_EPOCH_MODULUS = 1 << 32


def _refuse(what: str) -> ConfigError:
    return ConfigError(what, where="settings of the twin's PLC", todo="correct the values named above")


@dataclass(frozen=True, slots=True)
class LaneSpan:
    """Distances of one lane, counts: photo-eye to gate, gate to both confirm eyes."""

    eye_to_gate_counts: int
    gate_to_confirm_counts: int


@dataclass(frozen=True, slots=True)
class PlcSettings:
    """What a PLC programmer would put into the constants of the program; names as in the geometry block.

    Beside the block: after `gate_watchdog_ms` without a scan the output module drops the gates by itself.
    """

    um_per_count_x10: int
    heartbeat_timeout_ms: int
    scan_ms: int
    valve_lead_ms: int
    gate_window_counts: int
    min_spacing_counts: int
    pulse_min_counts: int
    pulse_max_counts: int
    jog_limit_counts: int
    decision_margin_counts: int
    gate_watchdog_ms: int
    lanes: Mapping[int, LaneSpan]

    def __post_init__(self) -> None:
        if not self.lanes or not all(0 <= lane < LANES_MAX for lane in self.lanes):
            raise _refuse(f"lanes {sorted(self.lanes)} are not some of 0..{LANES_MAX - 1}")
        if self.heartbeat_timeout_ms <= self.valve_lead_ms:
            # The gate must have time to fall before the heartbeat counts as lost.
            raise _refuse(
                f"heartbeat_timeout_ms {self.heartbeat_timeout_ms} must be above "
                f"valve_lead_ms {self.valve_lead_ms}"
            )
        if self.pulse_min_counts >= self.pulse_max_counts:
            raise _refuse("pulse_min_counts must be below pulse_max_counts")
        if 2 * self.gate_window_counts < self.pulse_max_counts:
            raise _refuse("gate_window_counts must be at least half of pulse_max_counts")
        for number, lane in self.lanes.items():
            span = lane.eye_to_gate_counts + lane.gate_to_confirm_counts
            span += self.pulse_max_counts + self.min_spacing_counts
            if span >= MAX_SPAN_COUNTS:
                raise _refuse(
                    f"lane {number}: {span} counts from eye to confirm eye; fewer than {MAX_SPAN_COUNTS} "
                    "can be told apart"
                )
            if lane.eye_to_gate_counts <= self.gate_window_counts + self.pulse_max_counts:
                raise _refuse(f"lane {number}: the gate lies too near to the photo-eye")

    @property
    def confirm_window_counts(self) -> int:
        """How far from the expected place a confirm eye may see a part.

        Half the smallest spacing: the widest window in which two parts that are not
        too close to each other can never be mistaken for one another.
        """
        return self.min_spacing_counts // 2

    def geometry_values(self) -> dict[str, int]:
        """Values of the geometry block by field name."""
        values = {
            "um_per_count_x10": self.um_per_count_x10,
            "heartbeat_timeout_ms": self.heartbeat_timeout_ms,
            "scan_ms": self.scan_ms,
            "valve_lead_ms": self.valve_lead_ms,
            "gate_window_counts": self.gate_window_counts,
            "min_spacing_counts": self.min_spacing_counts,
            "pulse_min_counts": self.pulse_min_counts,
            "pulse_max_counts": self.pulse_max_counts,
            "jog_limit_counts": self.jog_limit_counts,
            "decision_margin_counts": self.decision_margin_counts,
        }
        for number, lane in self.lanes.items():
            values[f"lane{number}_eye_to_gate_counts"] = lane.eye_to_gate_counts
            values[f"lane{number}_gate_to_confirm_counts"] = lane.gate_to_confirm_counts
        return values


@dataclass(frozen=True, slots=True)
class PlcInputs:
    """Input image of one scan.

    Attributes:
        encoder_count: counter card; only the low 16 bits are used.
        edges: eye edges latched since the last scan, oldest first.
        edges_lost: counter of edges that were lost before they could be read.
        e_stop, guard_open, air_low, bin_full: True is the bad state.
        operator_reset: counter of presses of the reset key.
        key_switch: AUTO, too, when its contacts contradict each other.
        pyrometer_celsius: of the ball at the trigger eye; None: no reading.
    """

    encoder_count: int
    edges: tuple[EyeEdge, ...] = ()
    edges_lost: int = 0
    e_stop: bool = False
    guard_open: bool = False
    air_low: bool = False
    bin_full: bool = False
    operator_reset: int = 0
    key_switch: KeySwitch = KeySwitch.AUTO
    pyrometer_celsius: float | None = None


@dataclass(frozen=True, slots=True)
class PlcOutputs:
    """Output image of one scan; `events` are the lines for the PLC's log."""

    gates: tuple[bool, ...]
    belt_enable: bool
    stop_latched: bool
    events: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Retained:
    """What survives a power cut: epoch, and why the belt is latched (0: it is not)."""

    epoch: int = 0
    stop_cause: int = 0


@dataclass(slots=True)
class Part:
    """One part between its eye pulse and its outcome. `rising` and `centre` are positions at the eye.

    `keyed`: BYPASS or SERVICE once the gate stood open by key in its zone. `trial`: from its rising edge,
    when a trial of the gate opens and closes it for this part. `shut`: the gate was closed in its zone.
    """

    epoch: int
    lane: int
    trigger_seq: int
    rising: int
    pulse: int
    long: bool = False
    block: Cause | None = None
    verdict: int = 0
    reason: int = 0
    decided: bool = False
    accepted: bool = False
    proof: bool = False
    cause: Cause = Cause.NO_VERDICT
    trial: tuple[int, int] = (0, 0)
    opened: bool = False
    seen_open: bool = False
    seen_closed: bool = False
    shut: bool = False
    keyed: Cause | None = None
    side: Side | None = None
    doubt: bool = False
    passed: bool = False
    confirm: Confirm = Confirm.NONE
    confirm_position: int = 0

    @property
    def centre(self) -> int:
        """Position at which its centre was in the eye."""
        return self.rising + self.pulse // 2

    @property
    def half(self) -> int:
        """Half its length on the belt, rounded up."""
        return (self.pulse + 1) // 2

    @property
    def in_trial(self) -> bool:
        """A trial of the gate finds out which way it goes."""
        return self.cause is Cause.SERVICE and self.block is None

    @property
    def holds_accept(self) -> bool:
        """A valid ACCEPT is held and nothing speaks against it."""
        return self.block is None and self.verdict == Decision.ACCEPT


@dataclass(slots=True)
class Lane:
    """State of one lane.

    `keyed`: what lets the key hold the gate open now, `keyed_span`: where it last did, positions.
    """

    number: int
    span: LaneSpan
    last_seq: int = 0
    parts: list[Part] = field(default_factory=list)
    open_rising: int | None = None
    open_epoch: int = 0
    open_block: Cause | None = None
    open_long: bool = False
    last_edge: list[int | None] = field(default_factory=lambda: [None] * EYES)
    long_end: int | None = None
    gate: bool = False
    keyed: Cause | None = None
    keyed_span: tuple[int, int] | None = None


@dataclass(slots=True)
class PlcState:
    """All that the rules share. `store` writes what must survive a power cut, before it takes effect."""

    settings: PlcSettings
    memory: PlcMemory
    store: Callable[[Retained], None]
    lanes: dict[int, Lane]
    epoch: int
    stop_cause: StopCause
    now_ns: int = 0
    gates_held: bool = True
    position: int = 0
    high_water: int = 0
    speed_counts_per_s: float = 0.0
    air_low: bool = False
    key: KeySwitch = KeySwitch.AUTO
    trial: tuple[int, int] = (0, 0)
    triggers_total: int = 0
    accepted_total: int = 0
    rejected_total: int = 0
    bypassed_total: int = 0
    confirmed_total: int = 0
    mismatch_total: int = 0
    mismatch_run: int = 0
    unproven_accepts: int = 0
    stray_rejects: int = 0
    refused_verdicts: int = 0
    trigger_overflow: int = 0
    outcome_overflow: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def latched(self) -> bool:
        """The belt is latched."""
        return self.stop_cause is not StopCause.NONE

    @property
    def lead_counts(self) -> int:
        """Travel during valve and flap time at the speed measured now, rounded up."""
        return math.ceil(self.settings.valve_lead_ms / 1000.0 * self.speed_counts_per_s)

    @property
    def scan_counts(self) -> int:
        """Travel during one scan at the speed measured now, rounded up."""
        return math.ceil(self.settings.scan_ms / 1000.0 * self.speed_counts_per_s)

    def count_side(self, side: Side) -> None:
        """One more part that went there."""
        if side is Side.ACCEPT:
            self.accepted_total += 1
        elif side is Side.BYPASS:
            self.bypassed_total += 1
        else:
            self.rejected_total += 1

    def emit(self, event: str, **fields: object) -> None:
        """One line for the log: time, 16-bit encoder count and endless position now, then the fields."""
        self.events.append(
            {"event": event, "t_ns": self.now_ns, "encoder": wrap(self.position), "position": self.position}
            | fields
        )

    def block(self, part: Part, cause: Cause) -> None:
        """Reject a part that has not passed the gate yet; the first cause stays."""
        if part.passed or part.block is not None:
            return
        part.block = cause
        if part.accepted:
            part.cause = cause
            self.emit("drop", **self.name(part), cause=cause.name)

    def block_all(self, cause: Cause) -> None:
        """Reject all parts in flight, the one that is under the eye included."""
        for lane in self.lanes.values():
            for part in lane.parts:
                self.block(part, cause)
            if lane.open_rising is not None and lane.open_block is None:
                lane.open_block = cause

    def new_epoch(self, cause: str, floor: int = 0) -> None:
        """The next epoch is in force from now on; parts of older ones are rejected."""
        self.epoch = (max(self.epoch, floor) + 1) % _EPOCH_MODULUS or 1
        self.store(Retained(self.epoch, int(self.stop_cause)))
        self.emit("epoch", epoch=self.epoch, cause=cause)
        self.block_all(Cause.STALE_EPOCH)

    def latch(self, cause: StopCause) -> None:
        """Stop the belt until a person resets it, and reject all in flight; the first cause stays."""
        if self.latched:
            return
        self.stop_cause = cause
        self.store(Retained(self.epoch, int(cause)))
        self.emit("latch", cause=cause.name)
        self.block_all(Cause.STOP)

    @staticmethod
    def name(part: Part) -> dict[str, int]:
        """Fields that name a part in the log."""
        return {
            "epoch": part.epoch,
            "lane": part.lane,
            "trigger_seq": part.trigger_seq,
            "trigger_encoder_count": part.rising % COUNT_MODULUS,
        }
