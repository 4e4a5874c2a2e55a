"""The PLC for the wizard: one Modbus connection, one thread, header and rings polled, service block written.

No session is begun: the PLC trusts nobody meanwhile, and without the key on SERVICE every ball is
rejected. Only the tails of the rings are written, so that the rings do not run full. Neighbours:
`edge_runtime.plc` for registers and records, `watch` for what becomes of the events.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from edge_runtime.commission.ports import HeaderRead, OutcomesTaken, PlcEvent, PlcLost, TriggersTaken
from edge_runtime.config import ModbusPlc
from edge_runtime.plc import registers as reg
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, unpack, unpack_slot
from edge_runtime.plc.service import ServiceTrial, next_service_seq
from edge_runtime.plc.service import write_service as write_trial
from vision.errors import LinkError

POLL_S = 0.02
#: nothing waits for an answer here: a slow one is better than a lost connection
_TIMEOUT_MS = 1000
_RETRY_S = 0.5
#: events that nobody takes are dropped, the oldest first
_EVENTS_MAX = 20_000
_COUNTER = 1 << 16
_STOP_S = 5.0


class RegisterArea(Protocol):
    """Holding registers, wherever they are (`edge_runtime.plc.modbus.Registers` over a wire)."""

    def read(self, address: int, count: int) -> list[int]:
        """`count` registers from `address`."""

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write registers from `address` on."""


class Poller:
    """Reads one PLC life's registers again and again.

    What waits in the rings at its start is of before and left out: it acknowledges it at once.

    Args:
        area: the registers; each method may raise what they raise.
    """

    def __init__(self, area: RegisterArea) -> None:
        self._area = area
        self.geometry = unpack(reg.PLC_GEOMETRY, area.read(reg.PLC_GEOMETRY.address, reg.PLC_GEOMETRY.words))
        header = self._header()
        self._tails = {"trigger_tail": header["trigger_head"], "outcome_tail": header["outcome_head"]}
        self._write_tails()

    def poll(self, mono_ns: int | None = None) -> list[PlcEvent]:
        """Header, then what is new in the rings; `mono_ns`: the time now, by a clock of the caller's own."""
        header = self._header()
        events: list[PlcEvent] = [HeaderRead(time.monotonic_ns() if mono_ns is None else mono_ns, header)]
        triggers = tuple(
            TriggerRecord(**slot)
            for slot in self._entries(reg.TRIGGER_RING, "trigger_tail", header["trigger_head"])
        )
        outcomes = tuple(
            OutcomeRecord(**slot)
            for slot in self._entries(reg.OUTCOME_RING, "outcome_tail", header["outcome_head"])
        )
        if triggers:
            events.append(TriggersTaken(triggers))
        if outcomes:
            events.append(OutcomesTaken(outcomes))
        if triggers or outcomes:
            self._write_tails()
        return events

    def _header(self) -> dict[str, int]:
        return unpack(reg.PLC_HEADER, self._area.read(reg.PLC_HEADER.address, reg.PLC_HEADER.words))

    def _entries(self, ring: reg.Ring, tail_name: str, head: int) -> Iterator[dict[str, int]]:
        """Whole entries from our tail up to `head`."""
        while self._tails[tail_name] != head:
            index = self._tails[tail_name]
            slot = unpack_slot(ring, index, self._area.read(ring.slot_address(index), ring.slot_words))
            if slot is None:
                return
            self._tails[tail_name] = (index + 1) % _COUNTER
            yield slot

    def _write_tails(self) -> None:
        first = reg.STATION_HEADER.at("trigger_tail")
        self._area.write(first, [self._tails["trigger_tail"], self._tails["outcome_tail"]])


class ModbusPort:
    """See `ports.PlcPort`."""

    def __init__(self, config: ModbusPlc) -> None:
        self._config = config
        self._events: deque[PlcEvent] = deque(maxlen=_EVENTS_MAX)
        self._trials: queue.SimpleQueue[ServiceTrial] = queue.SimpleQueue()
        self._geometry: Mapping[str, int] | None = None
        self._seq = secrets.randbelow(_COUNTER - 1) + 1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin to poll; harmless when it polls already."""
        if self._thread is not None:
            return
        self._geometry = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="plc-port", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the connection."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop.set()
        thread.join(_STOP_S)
        self._events.clear()
        self._geometry = None

    def take(self) -> list[PlcEvent]:
        """What came since the last call."""
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events

    def geometry(self) -> Mapping[str, int] | None:
        """The geometry block as read when the connection was last made."""
        return self._geometry

    def set_service(self, open_after_counts: int, close_after_counts: int) -> int:
        """Ask for another service block."""
        self._seq = next_service_seq(self._seq)
        self._trials.put(ServiceTrial(open_after_counts, close_after_counts, self._seq))
        return self._seq

    def _run(self, stop: threading.Event) -> None:
        config = self._config
        while not stop.is_set():
            timeout_ms = max(config.timeout_ms, _TIMEOUT_MS)
            registers = Registers(config.host, config.port, config.unit_id, timeout_ms)
            try:
                registers.connect()
                self._poll(registers, stop)
            except LinkError as error:
                self._events.append(PlcLost(error.what))
                stop.wait(_RETRY_S)
            finally:
                registers.close()

    def _poll(self, registers: Registers, stop: threading.Event) -> None:
        poller = Poller(registers)
        self._geometry = poller.geometry
        due = time.monotonic()
        while not stop.is_set():
            self._events.extend(poller.poll())
            while not self._trials.empty():
                write_trial(registers, self._trials.get())
            due = max(due + POLL_S, time.monotonic())
            stop.wait(due - time.monotonic())
