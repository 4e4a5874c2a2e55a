"""Field wiring: the I/O image between the twin line and its PLC, in shared memory.

It stands for the cables of a real plant. The line process creates it (`Field.create`)
and plays sensors and actuators; the PLC process and the demo parent open it
(`Field.open`). The station never sees it. Every word is one aligned 64-bit signed
integer with one writer, so that no lock is needed (see `Word`); the eye edges lie in
a ring whose entry number is written last. Like the frame ring it counts on a
processor that keeps the order of stores (x86-64).
"""

from __future__ import annotations

import mmap
import time
from dataclasses import dataclass
from enum import IntEnum

from edge_runtime.shm_ring import RingError, create_memory, memory_path, open_memory

FIELD_MAGIC = 0x46474649  # "FGFI"
FIELD_VERSION = 2
LANES = 8
EDGE_SLOTS = 1024
_EDGE_WORDS = 8
_EDGES_AT = 128
NO_READING = -(1 << 15)
"""Analog input of a pyrometer that sees no ball."""
FIELD_WORDS = _EDGES_AT + EDGE_SLOTS * _EDGE_WORDS


class Word(IntEnum):
    """Index of each 64-bit word. The comment names its writer."""

    # line: sensors and inputs of the PLC
    MAGIC = 0
    VERSION = 1
    ENCODER = 2  # endless count; the PLC's counter card shows the low 16 bits
    LINE_HEARTBEAT = 3  # advanced every tick
    E_STOP = 4  # 1 while pressed
    GUARD_OPEN = 5
    AIR_LOW = 6
    BIN_FULL = 7
    OPERATOR_RESET = 8  # counter: advanced by 1 at each press of the reset key
    EDGES_WRITTEN = 9  # eye edges put into the ring since the start
    PYROMETER_X10 = 10  # 0.1 degC, the ball at the trigger eye; NO_READING: none
    # line: for the demo parent
    LINE_STATE = 16  # LineState
    BALLS_ENTERED = 17
    BALLS_PLACED = 18  # balls that have left the line
    LINE_PID = 19
    IDLE_CUT = 20  # counts of free belt that were left out (`LineSettings.idle_speed`)
    # line: faults and requests
    MODBUS_LINK_CUT = 24  # 1: the PLC's server drops its connections and takes no new ones
    PLC_RESTART_REQUEST = 25  # counters: the demo parent acts once per step
    STATION_KILL_REQUEST = 26
    DISK_FULL_REQUEST = 27
    STATION_FREEZE_REQUEST = 28
    DISK_FULL = 29  # 1 while the disk is to be full
    # PLC: outputs
    PLC_HEARTBEAT = 40  # advanced every scan; outputs drop out when it stands (I/O watchdog)
    PLC_BOOT = 41  # advanced by 1 at each PLC start
    BELT_ENABLE = 42  # 1: the drive may run
    STOP_LATCHED = 43  # 1: stack light red, an operator has to reset
    PLC_SCAN_NS = 44  # monotonic time of the newest scan; 0: none yet
    GATES_DROPPED_NS = 45  # when the output module dropped the gates before the last scan that came too late
    GATES_BACK_NS = 46  # that scan
    # PLC: gates; 8 words each
    GATE_ENERGISED = 48  # + lane; 1: towards accept
    GATE_CHANGED_NS = 56  # + lane; monotonic time of the last change
    # demo parent
    START_REQUEST = 80  # 1: run the belt and let balls in
    END_REQUEST = 81  # 1: let no more balls in, run empty, end
    EMPTY_REQUEST = 82  # 1: let no more balls in, run empty, stay until END_REQUEST
    # people at the plant: the demo's panel or a test; 0 is as built
    KEY_SWITCH = 88  # edge_runtime.plc.registers.KeySwitch
    FEED_HOLD = 89  # 1: no new ball comes onto the belt
    BUTTON_E_STOP = 90  # 1 while pressed
    BUTTON_GUARD = 91  # 1 while open
    BUTTON_AIR_LOW = 92  # 1 while the air is shut off
    BUTTON_BIN_FULL = 93  # 1 while the bin's switch says full
    BUTTON_RESET = 94  # counter: advanced by 1 at each press of the reset key
    SPEED_OFF_PERMILLE = 95  # belt speed off nominal, -500: half
    # + 4 * index of the camera
    KNOB_BLUR_X10 = 96  # lens out of focus, sigma in 0.1 px
    KNOB_LAMP_OFF_PERMILLE = 97  # light off its level
    KNOB_SHIFT_X_X10 = 98  # the camera looks beside its place, 0.1 px to the right
    KNOB_SHIFT_Y_X10 = 99  # and down
    # + index of the kind in `challenge_balls.KINDS`; counters: one challenge ball each
    CHALLENGE = 108


class LineState(IntEnum):
    """What the line process is doing (`Word.LINE_STATE`)."""

    STARTING = 0
    WAITING = 1  # for START_REQUEST and BELT_ENABLE
    RUNNING = 2
    EMPTYING = 3  # the last ball has entered
    ENDED = 4


class Eye(IntEnum):
    """Photo-eyes of a lane."""

    TRIGGER = 0
    CONFIRM_ACCEPT = 1
    CONFIRM_REJECT = 2


@dataclass(frozen=True, slots=True)
class EyeEdge:
    """One latched edge of one photo-eye.

    Attributes:
        number: from 0, over all lanes and eyes, without gaps.
        lane: 0..7.
        eye: which eye.
        rising: True when the beam becomes blocked.
        encoder_count: endless count latched by the counter card; take it modulo 2^16.
        t_ns: monotonic time of the edge.
    """

    number: int
    lane: int
    eye: Eye
    rising: bool
    encoder_count: int
    t_ns: int


class Field:
    """The I/O image. Make it with `create` (line process) or `open` (everybody else)."""

    def __init__(self, name: str, memory: mmap.mmap, *, owner: bool) -> None:
        self.name = name
        self._owner = owner
        self._memory = memory
        self._words = memoryview(memory).cast("q")

    @classmethod
    def create(cls, name: str, encoder_count: int = 0) -> Field:
        """New, zeroed image; replaces a stale one of that name.

        The counter card shows `encoder_count` from the first moment that anybody can open it.
        """
        field = cls(name, create_memory(name, FIELD_WORDS * 8), owner=True)
        field.set(Word.ENCODER, encoder_count)
        field.set(Word.VERSION, FIELD_VERSION)
        field.set(Word.MAGIC, FIELD_MAGIC)
        return field

    @classmethod
    def open(cls, name: str, *, timeout_s: float = 0.0) -> Field:
        """Image of a running line; waits up to `timeout_s` for it to appear.

        Raises:
            RingError: none of that name, or one of another version.
        """
        end = time.monotonic() + timeout_s
        while True:
            try:
                field = cls(name, open_memory(name), owner=False)
            except (RingError, ValueError):
                field = None
            if field is not None:
                if field.get(Word.MAGIC) == FIELD_MAGIC:
                    break
                field.close()
            if time.monotonic() >= end:
                raise RingError(f"there is no field image '{name}'")
            time.sleep(0.02)
        if field.get(Word.VERSION) != FIELD_VERSION:
            version = field.get(Word.VERSION)
            field.close()
            raise RingError(f"field image '{name}' has version {version}, not {FIELD_VERSION}")
        return field

    def get(self, word: int) -> int:
        """Value of a word."""
        return self._words[word]

    def set(self, word: int, value: int) -> None:
        """Write a word (only its writer may)."""
        self._words[word] = value

    def add(self, word: int) -> int:
        """Advance a counter by 1 (only its writer may); returns the new value."""
        value = self._words[word] + 1
        self._words[word] = value
        return value

    def gate(self, lane: int) -> tuple[bool, int]:
        """(energised, monotonic ns of the last change) of a lane's gate valve."""
        changed_ns = self._words[Word.GATE_CHANGED_NS + lane]
        return self._words[Word.GATE_ENERGISED + lane] != 0, changed_ns

    def set_gate(self, lane: int, energised: bool) -> None:
        """PLC: switch a gate valve; stamps the time when it changes."""
        if (self._words[Word.GATE_ENERGISED + lane] != 0) != energised:
            self._words[Word.GATE_CHANGED_NS + lane] = time.monotonic_ns()
            self._words[Word.GATE_ENERGISED + lane] = int(energised)

    def scanned(self, t_ns: int, watchdog_ns: int) -> None:
        """PLC: a scan has set its outputs; the output module drops the gates `watchdog_ns` after it.

        The time is the PLC's own, and so is the gap before it: a line that is held up together with the PLC
        would see both too late, and a gap that is over not at all.
        """
        due_ns = self._words[Word.PLC_SCAN_NS] + watchdog_ns
        if t_ns > due_ns:
            self._words[Word.GATES_BACK_NS] = t_ns
            self._words[Word.GATES_DROPPED_NS] = due_ns
        self._words[Word.PLC_SCAN_NS] = t_ns
        self.add(Word.PLC_HEARTBEAT)

    def push_edge(self, lane: int, eye: Eye, rising: bool, encoder_count: int, t_ns: int) -> None:
        """Line: put one eye edge into the ring, overwriting the oldest."""
        number = self._words[Word.EDGES_WRITTEN]
        at = _EDGES_AT + (number % EDGE_SLOTS) * _EDGE_WORDS
        words = self._words
        words[at] = 0
        words[at + 1] = lane
        words[at + 2] = int(eye)
        words[at + 3] = int(rising)
        words[at + 4] = encoder_count
        words[at + 5] = t_ns
        words[at] = number + 1
        words[Word.EDGES_WRITTEN] = number + 1

    def edge(self, number: int) -> EyeEdge | None:
        """Edge of a number; None when it is overwritten or not there yet."""
        at = _EDGES_AT + (number % EDGE_SLOTS) * _EDGE_WORDS
        words = self._words
        if words[at] != number + 1:
            return None
        found = EyeEdge(
            number, words[at + 1], Eye(words[at + 2]), words[at + 3] != 0, words[at + 4], words[at + 5]
        )
        return found if words[at] == number + 1 else None

    def close(self) -> None:
        """Let go; the line process, which made the image, removes it as well."""
        self._words.release()
        self._memory.close()
        if self._owner:
            memory_path(self.name).unlink(missing_ok=True)


class EdgeReader:
    """Takes eye edges in order. Starts at the newest: edges before a PLC's power-up are gone."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self.next = field.get(Word.EDGES_WRITTEN)
        self.lost = 0

    def take(self) -> list[EyeEdge]:
        """All edges since the last call; `lost` counts those that were overwritten unread."""
        written = self._field.get(Word.EDGES_WRITTEN)
        if written - self.next > EDGE_SLOTS:
            self.lost += written - EDGE_SLOTS - self.next
            self.next = written - EDGE_SLOTS
        edges = []
        while self.next < written:
            edge = self._field.edge(self.next)
            if edge is None:
                self.lost += 1
            else:
                edges.append(edge)
            self.next += 1
        return edges
