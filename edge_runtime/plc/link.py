"""The station's side of the talk with the PLC: one thread reads, one thread writes.

The reader polls the header, takes triggers and outcomes out of the rings and hands
them to the core's inbox. The writer alone writes: verdicts at once, the station
header every few milliseconds while the core shows progress. Each has a connection
of its own with a short time-out and no retry; a failure takes both down, and the
reader starts a new session, which means a new epoch.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_runtime.config import LineGeometry, ModbusPlc
from edge_runtime.plc import registers as reg
from edge_runtime.plc.epochs import RisingEpochs
from edge_runtime.plc.events import (
    EpochAgreed,
    GeometryDiffers,
    LinkDown,
    LinkEvent,
    OutcomesRead,
    StatusRead,
    TriggersRead,
    VerdictsLost,
)
from edge_runtime.plc.geometry import geometry_differences
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import (
    OutcomeRecord,
    TriggerRecord,
    VerdictRecord,
    pack,
    pack_slot,
    unpack,
    unpack_slot,
)
from edge_runtime.plc.registers import StationState
from edge_runtime.plc.service import ServiceTrial, next_service_seq, write_service
from vision.errors import LinkError

log = logging.getLogger(__name__)

#: seconds between tries to reach the PLC; the last one repeats
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)
#: longest wait for the PLC to put a new session's epoch in force
HANDSHAKE_S = 2.0
#: the station header is written at most this often
HEADER_PERIOD_S = 0.02
_COUNTER = 1 << 16


@dataclass(slots=True)
class _Session:
    """One connection's life: its nonce, the next ring index, and whether the PLC has taken it up."""

    nonce: int
    verdict_index: int = 0
    agreed: bool = False


_Command = VerdictRecord | ServiceTrial | _Session | None


class PlcLink:
    """Talks to one PLC.

    Args:
        config: address, poll period, time-out.
        line: the station file's geometry, compared with the PLC's at every session start.
        sink: called from the link's threads with every `LinkEvent`; must not block.
        epoch_floor: highest epoch in the books; the PLC's next one is higher.
    """

    def __init__(
        self, config: ModbusPlc, line: LineGeometry, sink: Callable[[LinkEvent], None], epoch_floor: int
    ) -> None:
        self._config = config
        self._line = line
        self._sink = sink
        self._epoch_floor = epoch_floor
        self._epochs = RisingEpochs(epoch_floor, f"{config.host}:{config.port}")
        self._stop = threading.Event()
        self._down = threading.Event()
        self._commands: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._service_seq = secrets.randbelow(_COUNTER - 1) + 1
        self._boot_id: int | None = None
        self._trigger_tail = 0
        self._outcome_read = 0
        self._outcome_tail = 0
        self._epoch_ack = 0
        self._beat = 0
        self._state = StationState.STARTING
        self._stop_request = 0
        self._plc_verdict_tail = 0
        #: belt position of the newest poll, ahead of what waits in the core's inbox; None: no session
        self.encoder_count: int | None = None
        self._reader = threading.Thread(target=self._read_forever, name="plc-reader", daemon=True)
        self._writer = threading.Thread(target=self._write_forever, name="plc-writer", daemon=True)

    # -- called by the core -------------------------------------------------------------------

    def start(self) -> None:
        """Start both threads; the first session begins at once."""
        self._writer.start()
        self._reader.start()

    def stop(self) -> None:
        """Say STOPPING to the PLC (it rejects from then on) and end both threads."""
        self._state = StationState.STOPPING
        time.sleep(2 * HEADER_PERIOD_S)
        self._stop.set()
        self._commands.put(None)
        for thread in (self._reader, self._writer):
            if thread.is_alive():
                thread.join(timeout=5.0)

    def send_verdict(self, record: VerdictRecord) -> None:
        """Hand a verdict to the writer; never waits."""
        self._commands.put(record)
        # The writer goes first: what the core has left to do for this part can wait.
        time.sleep(0)

    def beat(self) -> None:
        """The decision loop has made progress: the heartbeat may advance by one."""
        self._beat += 1

    def set_state(self, state: StationState) -> None:
        """Say Ready or not Ready with the next header."""
        self._state = state

    def ack_epoch(self, epoch: int) -> None:
        """The core has cleared its parts and works in this epoch."""
        self._epoch_ack = epoch

    def ack_outcomes(self, plc_boot_id: int, tail: int) -> None:
        """Outcomes of this PLC life up to `tail` are on disk; the PLC may reuse their slots."""
        if plc_boot_id == self._boot_id:
            self._outcome_tail = tail

    @property
    def alive(self) -> bool:
        """Both threads run (or have been told to stop)."""
        return self._stop.is_set() or (self._reader.is_alive() and self._writer.is_alive())

    def request_stop(self) -> None:
        """Ask the PLC to latch the belt."""
        self._stop_request = 1

    def withdraw_stop(self) -> None:
        """The belt is latched: let a person at the PLC reset it."""
        self._stop_request = 0

    def set_service(self, open_after_counts: int, close_after_counts: int) -> int:
        """Move the gate for each part without a verdict; only the key on SERVICE lets the PLC do it.

        Args:
            open_after_counts, close_after_counts: from the part's rising edge, 0..32767; open 0: never.

        Returns:
            What `service_echo` shows once it is in force; it never comes when the link is down.
        """
        self._service_seq = next_service_seq(self._service_seq)
        self._commands.put(ServiceTrial(open_after_counts, close_after_counts, self._service_seq))
        return self._service_seq

    # -- reader -------------------------------------------------------------------------------

    def _read_forever(self) -> None:
        tries = 0
        told = ""
        while not self._stop.is_set():
            registers = self._open()
            try:
                registers.connect()
                epoch = self._begin_session(registers)
                if epoch is not None:
                    tries, told = 0, ""
                    self._poll_until_down(registers, epoch)
            except LinkError as error:
                if str(error) != told:  # one line per cause, not one per try
                    told = str(error)
                    self._sink(LinkDown(told))
            finally:
                registers.close()
                self._down.set()
                self.encoder_count = None
            self._stop.wait(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
            tries += 1

    def _open(self) -> Registers:
        config = self._config
        return Registers(config.host, config.port, config.unit_id, config.timeout_ms)

    def _begin_session(self, registers: Registers) -> int | None:
        """The epoch agreed on, or None while the PLC's geometry is not ours."""
        header = self._read_header(registers)
        geometry = unpack(reg.PLC_GEOMETRY, registers.read(reg.PLC_GEOMETRY.address, reg.PLC_GEOMETRY.words))
        differences = geometry_differences(self._line, geometry)
        if differences:
            self._sink(GeometryDiffers(differences))
            self._stop.wait(1.0)
            return None
        if header["plc_boot_id"] != self._boot_id:
            # Another PLC life, or our first look at it: go on where its own registers say we stopped.
            station = unpack(
                reg.STATION_HEADER, registers.read(reg.STATION_HEADER.address, reg.STATION_HEADER.words)
            )
            self._boot_id = header["plc_boot_id"]
            self._trigger_tail = station["trigger_tail"]
            self._outcome_read = self._outcome_tail = station["outcome_tail"]
        self._epoch_ack = 0
        self._plc_verdict_tail = header["verdict_tail"]
        session = _Session(secrets.randbelow(_COUNTER - 1) + 1)
        self._down.clear()
        self._commands.put(session)
        deadline = time.monotonic() + HANDSHAKE_S
        while time.monotonic() < deadline and not (self._stop.is_set() or self._down.is_set()):
            header = self._read_header(registers)
            if header["session_echo"] == session.nonce and header["epoch"]:
                self._epochs.take(header["epoch"])
                # Read after the echo: what an earlier session left in the ring is taken by now.
                session.verdict_index = self._plc_verdict_tail = header["verdict_tail"]
                session.agreed = True
                self._sink(EpochAgreed(header["epoch"], header["plc_boot_id"], "session", header))
                return header["epoch"]
            self._stop.wait(self._config.poll_ms / 1000.0)
        raise LinkError(
            "the PLC did not agree on an epoch", where="session handshake", todo="check the PLC's program"
        )

    def _read_header(self, registers: Registers) -> dict[str, int]:
        header = unpack(reg.PLC_HEADER, registers.read(reg.PLC_HEADER.address, reg.PLC_HEADER.words))
        if header["magic"] != reg.MAGIC or header["map_version"] != reg.MAP_VERSION:
            raise LinkError(
                f"the PLC does not hold register map {reg.MAP_VERSION}",
                where=f"{self._config.host}:{self._config.port} register 0",
                todo="load the PLC program that fits docs/plc_registers.md",
            )
        return header

    def _poll_until_down(self, registers: Registers, epoch: int) -> None:
        period_s = self._config.poll_ms / 1000.0
        next_poll = time.monotonic()
        while not (self._stop.is_set() or self._down.is_set()):
            header = self._read_header(registers)
            if header["plc_boot_id"] != self._boot_id:
                raise LinkError(
                    "the PLC was restarted", where="plc_boot_id", todo="nothing: a new session begins"
                )
            if header["epoch"] != epoch:
                epoch = self._epochs.take(header["epoch"])
                self._sink(EpochAgreed(epoch, header["plc_boot_id"], "plc", header))
            self._plc_verdict_tail = header["verdict_tail"]
            self.encoder_count = header["encoder_count"]
            self._sink(StatusRead(header))
            self._take_triggers(registers, header["trigger_head"])
            self._take_outcomes(registers, header["outcome_head"])
            next_poll = max(next_poll + period_s, time.monotonic())
            self._stop.wait(next_poll - time.monotonic())

    def _take_triggers(self, registers: Registers, head: int) -> None:
        slots = self._take(registers, reg.TRIGGER_RING, self._trigger_tail, head)
        if slots:
            self._trigger_tail = (self._trigger_tail + len(slots)) % _COUNTER
            self._sink(TriggersRead(tuple(TriggerRecord(**slot) for slot in slots)))

    def _take_outcomes(self, registers: Registers, head: int) -> None:
        slots = self._take(registers, reg.OUTCOME_RING, self._outcome_read, head)
        if slots:
            self._outcome_read = (self._outcome_read + len(slots)) % _COUNTER
            records = tuple(OutcomeRecord(**slot) for slot in slots)
            self._sink(OutcomesRead(records, self._outcome_read))

    def _take(self, registers: Registers, ring: reg.Ring, tail: int, head: int) -> list[dict[str, int]]:
        """Entries from `tail` up to `head`, stopping at one that is not whole yet."""
        taken: list[dict[str, int]] = []
        waiting = (head - tail) % _COUNTER
        if waiting > ring.slots:
            raise LinkError(
                f"the {ring.slot.name} ring is out of step: head {head}, tail {tail}, {ring.slots} slots",
                where=f"{self._config.host}:{self._config.port}",
                todo="restart the PLC's program, so that both begin at 0 (its retained memory is damaged)",
            )
        while len(taken) < waiting:
            index = (tail + len(taken)) % _COUNTER
            run = min(
                waiting - len(taken), ring.slots - index % ring.slots, reg.MODBUS_READ_MAX // ring.slot_words
            )
            words = registers.read(ring.slot_address(index), run * ring.slot_words)
            for offset in range(run):
                slot = unpack_slot(ring, (index + offset) % _COUNTER, words[offset * ring.slot_words :])
                if slot is None:
                    return taken
                taken.append(slot)
        return taken

    # -- writer -------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        registers: Registers | None = None
        session: _Session | None = None
        written_beat, last_header = -1, 0.0
        while not self._stop.is_set():
            batch = self._next_commands()
            verdicts: list[VerdictRecord] = []
            try:
                for command in batch:
                    if isinstance(command, _Session):
                        if registers is not None:
                            registers.close()
                        registers, session = self._open(), command
                        registers.connect()
                        self._write_header(registers, session, self._beat)
                    elif isinstance(command, VerdictRecord):
                        verdicts.append(command)
                    elif command is not None and registers is not None and not self._down.is_set():
                        write_service(registers, command)
                if self._down.is_set() or registers is None or session is None:
                    self._lost(len(verdicts), "link_down")
                    continue
                if session.agreed:
                    self._write_verdicts(registers, session, verdicts)
                else:
                    self._lost(len(verdicts), "no_session")
                verdicts = []
                now = time.monotonic()
                stale = self._beat != written_beat or self._state is not StationState.READY
                if stale and now - last_header >= HEADER_PERIOD_S:
                    written_beat, last_header = self._beat, now
                    self._write_header(registers, session, written_beat)
            except LinkError as error:
                self._lost(len(verdicts), "link_down")
                if not self._down.is_set():
                    self._down.set()
                    self._sink(LinkDown(str(error)))
                registers = None
        if registers is not None:
            registers.close()

    def _next_commands(self) -> list[_Command]:
        """Everything that waits; at least one header period passes when nothing does."""
        try:
            batch = [self._commands.get(timeout=HEADER_PERIOD_S)]
        except queue.Empty:
            return []
        while True:
            try:
                batch.append(self._commands.get_nowait())
            except queue.Empty:
                return batch

    def _lost(self, count: int, cause: str) -> None:
        if count:
            self._sink(VerdictsLost(count, cause))

    def _write_verdicts(
        self, registers: Registers, session: _Session, records: Sequence[VerdictRecord]
    ) -> None:
        ring = reg.VERDICT_RING
        for record in records:
            if (session.verdict_index - self._plc_verdict_tail) % _COUNTER >= ring.slots:
                self._lost(1, "verdict_ring_full")
                continue
            registers.write(
                ring.slot_address(session.verdict_index), pack_slot(ring, session.verdict_index, record)
            )
            session.verdict_index = (session.verdict_index + 1) % _COUNTER

    def _write_header(self, registers: Registers, session: _Session, beat: int) -> None:
        values = {
            "station_heartbeat": beat % _COUNTER,
            "station_state": int(self._state),
            "trigger_tail": self._trigger_tail,
            "outcome_tail": self._outcome_tail,
            "epoch_ack": self._epoch_ack,
            "epoch_floor": self._epoch_floor,
            "stop_request": self._stop_request,
            "session_nonce": session.nonce,
        }
        registers.write(reg.STATION_HEADER.address, pack(reg.STATION_HEADER, values))
