"""Register map version 3: holding registers, 16 bit, 32-bit values high word first.

Two areas with one writer each: the PLC writes 0..3999, the station 4000..7999. Ring
slots are written data first, sequence last: a slot counts as written when its last
register, `slot_seq`, equals the number its reader expects next (ring index + 1,
modulo 2^16). docs/plc_registers.md is printed from this module by
`ferrogate plc-map`; a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

MAGIC = 0x46475431  # "FGT1"
MAP_VERSION = 3
UNIT_ID = 1
LANES_MAX = 8
RING_SLOTS = 128
MODBUS_READ_MAX = 125
MODBUS_WRITE_MAX = 123
#: `ball_temperature_x10` while the pyrometer sees no ball or is broken: the lowest signed value
NO_TEMPERATURE = 0x8000


@dataclass(frozen=True, slots=True)
class Field:
    """One named value: offset in registers from its block's start, width 1 or 2 registers, what it means."""

    name: str
    offset: int
    words: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """A run of registers with one writer."""

    name: str
    address: int
    writer: str
    fields: tuple[Field, ...]
    text: str

    @property
    def words(self) -> int:
        """Registers from the first to the last field."""
        return max(field.offset + field.words for field in self.fields)

    def at(self, name: str) -> int:
        """Absolute address of a field."""
        return self.address + self.field(name).offset

    def field(self, name: str) -> Field:
        """The field of that name.

        Raises:
            KeyError: no such field.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name}")


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring of `slots` slots; each slot is one `Block` layout, `slot_seq` its last register."""

    slot: Block
    slots: int

    @property
    def slot_words(self) -> int:
        """Registers of one slot."""
        return self.slot.words

    def slot_address(self, index: int) -> int:
        """Address of the slot of ring index `index` (any whole number from 0)."""
        return self.slot.address + (index % self.slots) * self.slot_words


def slot_seq(index: int) -> int:
    """What a slot's last register holds once ring entry `index` is whole in it."""
    return (index + 1) & 0xFFFF


class PlcStatus(IntFlag):
    """Bits of `plc_status`."""

    BELT_RUN = 1 << 0
    BELT_LATCHED = 1 << 1
    E_STOP = 1 << 2
    GUARD_OPEN = 1 << 3
    AIR_LOW = 1 << 4
    BIN_FULL = 1 << 5
    STATION_TRUSTED = 1 << 6
    REVERSING = 1 << 7
    TRIGGER_RING_FULL = 1 << 8
    OUTCOME_RING_FULL = 1 << 9
    BYPASS = 1 << 10
    SERVICE = 1 << 11


class StationState(IntEnum):
    """What the station says of itself; only READY lets verdicts count."""

    STARTING = 0
    READY = 1
    NOT_READY = 2
    STOPPING = 3


class StopCause(IntEnum):
    """Why the belt is latched."""

    NONE = 0
    E_STOP = 1
    GUARD = 2
    MISMATCH = 3
    UNPROVEN_ACCEPT = 4
    STATION_REQUEST = 5
    POWER = 6


class Side(IntEnum):
    """Which way the gate sent a part.

    BYPASS: towards accept by key, without a proof; never counted as accepted.
    """

    ACCEPT = 1
    REJECT = 2
    BYPASS = 3


class KeySwitch(IntEnum):
    """Key at the PLC.

    AUTO inspects, BYPASS holds the gate open uninspected, SERVICE moves it for commissioning.
    """

    AUTO = 0
    BYPASS = 1
    SERVICE = 2


class Cause(IntEnum):
    """Why the gate stood as it did when the part passed."""

    PROVEN = 1
    VERDICT_REJECT = 2
    NO_VERDICT = 3
    LATE = 4
    STALE_EPOCH = 5
    HEARTBEAT = 6
    NOT_READY = 7
    TOO_CLOSE = 8
    CONFLICT = 9
    IDENTITY = 10
    STOP = 11
    REVERSE = 12
    PULSE = 13
    RING_FULL = 14
    BYPASS = 15
    SERVICE = 16


class Confirm(IntEnum):
    """What the confirm eyes saw of a part."""

    NONE = 0
    ACCEPT_EYE = 1
    REJECT_EYE = 2


#: written by the PLC, read by the station on every poll
PLC_HEADER = Block(
    "plc_header",
    0,
    "PLC",
    (
        Field("magic", 0, 2, "0x46475431, 'FGT1'"),
        Field("map_version", 2, 1, str(MAP_VERSION)),
        Field("plc_heartbeat", 3, 1, "advanced by 1 every scan"),
        Field("epoch", 4, 2, "epoch in force, at least 1 from PLC start on"),
        Field("session_echo", 6, 1, "copy of the station's session_nonce once its epoch is in force"),
        Field("plc_status", 7, 1, "bits, see PlcStatus"),
        Field("stop_cause", 8, 1, "why the belt is latched, see StopCause"),
        Field("encoder_count", 9, 1, "belt position now, counts modulo 2^16"),
        Field("lanes", 10, 1, "lanes in use, 1..8"),
        Field("trigger_head", 11, 1, "triggers written to the ring, modulo 2^16"),
        Field("outcome_head", 12, 1, "outcomes written to the ring, modulo 2^16"),
        Field("verdict_tail", 13, 1, "verdicts taken from the ring, modulo 2^16"),
        Field("trigger_overflow", 14, 1, "triggers that found the ring full (rejected), modulo 2^16"),
        Field("outcome_overflow", 15, 1, "outcomes that found the ring full, modulo 2^16"),
        Field(
            "refused_verdicts",
            16,
            1,
            "verdicts refused, whatever the reason, modulo 2^16",
        ),
        Field("plc_boot_id", 17, 2, "new at every PLC start"),
        Field("triggers_total", 19, 2, "parts triggered since PLC start"),
        Field("accepted_total", 21, 2, "parts sent to accept since PLC start"),
        Field("rejected_total", 23, 2, "parts sent to reject since PLC start"),
        Field("confirmed_total", 25, 2, "parts seen by the confirm eye that was expected"),
        Field("mismatch_total", 27, 1, "parts seen by the other eye, or by none"),
        Field("unproven_accepts", 28, 1, "balls seen only by the accept chute's eye"),
        Field("stray_rejects", 29, 1, "balls seen only by the reject chute's eye"),
        Field("mismatch_run", 30, 1, "mismatches in a row now; 2 latch the belt"),
        Field(
            "ball_temperature_x10",
            31,
            1,
            "temperature of the last ball at the photo-eye, 0.1 degC, signed (two's complement); "
            f"{NO_TEMPERATURE} (0x8000): no reading",
        ),
        Field("bypassed_total", 32, 2, "parts that passed a gate held open by key, since PLC start"),
        Field("key_switch", 34, 1, "see KeySwitch"),
        Field("service_echo", 35, 1, "copy of the station's service_seq once its service block is in force"),
    ),
    "Header: read whole by the station on every poll (36 registers).",
)

#: written by the PLC at its start, read by the station at its own start
PLC_GEOMETRY = Block(
    "plc_geometry",
    64,
    "PLC",
    (
        Field("um_per_count_x10", 0, 1, "belt travel per count, 0.1 um"),
        Field("heartbeat_timeout_ms", 1, 1, "station heartbeat older than this: reject all, new epoch"),
        Field("scan_ms", 2, 1, "PLC scan time"),
        Field("valve_lead_ms", 3, 1, "valve plus flap travel, the lead at which the gate is switched"),
        Field("gate_window_counts", 4, 1, "half width of the window in which a part holds the gate"),
        Field("min_spacing_counts", 5, 1, "parts closer than this are both rejected, too_close"),
        Field("pulse_min_counts", 6, 1, "shorter eye pulses are rejected"),
        Field("pulse_max_counts", 7, 1, "longer eye pulses (touching balls) reject a window around them"),
        Field("jog_limit_counts", 8, 1, "reverse beyond this rejects all in flight"),
        Field("decision_margin_counts", 9, 1, "verdicts must be in this long before the gate is switched"),
        *(
            Field(
                f"lane{lane}_eye_to_gate_counts", 16 + lane, 1, f"lane {lane}: eye to gate; 0 = lane unused"
            )
            for lane in range(LANES_MAX)
        ),
        *(
            Field(
                f"lane{lane}_gate_to_confirm_counts", 24 + lane, 1, f"lane {lane}: gate to both confirm eyes"
            )
            for lane in range(LANES_MAX)
        ),
    ),
    "Geometry: the PLC owns it. Where the station file differs the station stays not Ready.",
)

TRIGGER_RING = Ring(
    Block(
        "trigger",
        200,
        "PLC",
        (
            Field("epoch", 0, 2, "epoch in force at the rising edge"),
            Field("lane", 2, 1, "0..7"),
            Field("trigger_seq", 3, 2, "number of the part in its lane, from 1 at PLC start"),
            Field("encoder_count", 5, 1, "count latched at the rising edge of the eye"),
            Field("pulse_counts", 6, 1, "length of the eye's pulse; the part's centre lies half of it later"),
            Field("slot_seq", 7, 1, "ring index + 1, written last"),
        ),
        "Trigger ring, PLC to station; a record is written at the falling edge of the eye.",
    ),
    RING_SLOTS,
)

OUTCOME_RING = Ring(
    Block(
        "outcome",
        1300,
        "PLC",
        (
            Field("epoch", 0, 2, "epoch of the part's trigger"),
            Field("lane", 2, 1, "0..7"),
            Field("trigger_seq", 3, 2, "which part"),
            Field("trigger_encoder_count", 5, 1, "count latched at its trigger"),
            Field("pulse_counts", 6, 1, "length of its eye pulse"),
            Field("side", 7, 1, "1 accept, 2 reject, 3 bypass: how the gate stood"),
            Field("cause", 8, 1, "why, see Cause"),
            Field("verdict", 9, 1, "verdict held: 0 none, 1 accept, 2 reject, 3 review"),
            Field("reason", 10, 1, "reason number that came with it"),
            Field("confirm", 11, 1, "0 none, 1 accept eye, 2 reject eye"),
            Field("confirm_encoder_count", 12, 1, "count latched at the rising edge of that eye; 0 for none"),
            Field("slot_seq", 13, 1, "ring index + 1, written last"),
        ),
        "Outcome ring, PLC to station; written when the confirm eye has seen the part or its window is past.",
    ),
    RING_SLOTS,
)

#: written by the station
STATION_HEADER = Block(
    "station_header",
    4000,
    "station",
    (
        Field("station_heartbeat", 0, 1, "advanced after the decision loop has shown progress"),
        Field("station_state", 1, 1, "0 starting, 1 ready, 2 not ready, 3 stopping"),
        Field("trigger_tail", 2, 1, "triggers taken from the ring, modulo 2^16"),
        Field("outcome_tail", 3, 1, "outcomes taken and on disk, modulo 2^16"),
        Field("epoch_ack", 4, 2, "epoch the station works in; must equal `epoch`"),
        Field("epoch_floor", 6, 2, "highest epoch in the ledger; the PLC's next one is higher"),
        Field("stop_request", 8, 1, "1: latch the belt"),
        Field("session_nonce", 9, 1, "new and not 0 at every station start or reconnect; written last"),
    ),
    "Station header.",
)

#: written by the station while it is commissioned, honoured only with the key on SERVICE
SERVICE = Block(
    "service",
    4020,
    "station",
    (
        Field("open_after_counts", 0, 1, "energise the gate so far after each part's rising edge; 0: never"),
        Field("close_after_counts", 1, 1, "de-energise it so far after the same edge"),
        Field("service_seq", 2, 1, "new whenever the values are; written last"),
    ),
    "Trials of the gate for commissioning; parts that pass meanwhile are never counted as accepted.",
)

VERDICT_RING = Ring(
    Block(
        "verdict",
        4100,
        "station",
        (
            Field("epoch", 0, 2, "must be the epoch in force"),
            Field("lane", 2, 1, "0..7"),
            Field("trigger_seq", 3, 2, "which part"),
            Field("trigger_encoder_count", 5, 1, "must equal the trigger's: proves identity"),
            Field("verdict", 6, 1, "1 accept, 2 reject, 3 review (sent to reject)"),
            Field("reason", 7, 1, "gravest reason, see vision/reasons.py"),
            Field("slot_seq", 8, 1, "ring index + 1, written last"),
        ),
        "Verdict ring, station to PLC.",
    ),
    RING_SLOTS,
)

BLOCKS = (PLC_HEADER, PLC_GEOMETRY, STATION_HEADER, SERVICE)
RINGS = (TRIGGER_RING, OUTCOME_RING, VERDICT_RING)
#: size of the holding register area a server must offer
REGISTERS_TOTAL = VERDICT_RING.slot_address(0) + VERDICT_RING.slots * VERDICT_RING.slot_words
