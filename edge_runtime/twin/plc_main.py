"""The twin's PLC as a process: Modbus TCP server, scan loop, log.

Start: `python -m edge_runtime.twin.plc_main SETTINGS.json`. One thread: the server
(pymodbus) and the scan share an asyncio loop, so a scan never sees half a request.
Inputs and outputs are the field wiring (`edge_runtime.twin.field`); what the PLC did
goes to plc.jsonl, what must survive a power cut to plc_retain.json, both in the run
folder. Neighbours: `plc_logic` (the program), `plc_server` (the server).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_runtime.plc.registers import LANES_MAX, KeySwitch
from edge_runtime.priority import TWIN, ask_for_priority, ask_for_real_time
from edge_runtime.shm_ring import RingError
from edge_runtime.twin.field import NO_READING, EdgeReader, Field, Word
from edge_runtime.twin.plc_logic import PlcLogic
from edge_runtime.twin.plc_parts import LaneSpan, PlcInputs, PlcOutputs, PlcSettings, Retained
from edge_runtime.twin.plc_server import PlcServer
from edge_runtime.twin.segments import SegmentedLog
from edge_runtime.twin.settings import LineSettings, load_line_settings
from vision.errors import ConfigError, FerrogateError, LinkError

RETAIN_NAME = "plc_retain.json"
FIELD_WAIT_S = 10.0
#: a scan that comes later than this is written into the log
LATE_SCAN_MS = 20.0
_MS = 1_000_000


def plc_settings(line: LineSettings) -> PlcSettings:
    """Constants of the PLC program out of the twin's settings; the lead is rounded up to whole ms."""
    return PlcSettings(
        um_per_count_x10=round(line.um_per_count * 10),
        heartbeat_timeout_ms=line.heartbeat_timeout_ms,
        scan_ms=round(line.plc_scan_ms),
        valve_lead_ms=math.ceil(line.valve_lead_ms),
        gate_window_counts=line.gate_window_counts,
        min_spacing_counts=line.min_spacing_counts,
        pulse_min_counts=line.pulse_min_counts,
        pulse_max_counts=line.pulse_max_counts,
        jog_limit_counts=line.jog_limit_counts,
        decision_margin_counts=line.decision_margin_counts,
        gate_watchdog_ms=math.floor(line.gate_watchdog_ms),
        lanes={
            lane: LaneSpan(line.eye_to_gate_counts, line.gate_to_confirm_counts) for lane in line.lane_numbers
        },
    )


def load_retained(path: Path) -> Retained:
    """What the last run stored; a file that is not there is a PLC fresh from the shop.

    Raises:
        ConfigError: the file is there but cannot be used.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Retained(int(data["epoch"]), int(data["stop_cause"]))
    except FileNotFoundError:
        return Retained()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the PLC's retentive memory cannot be used: {error}",
            where=str(path),
            todo="find out what damaged it; delete it only on a line without parts in flight",
        ) from error


def store_retained(path: Path, retained: Retained) -> None:
    """Write it so that a power cut leaves the old or the new state, never half of one."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump({"epoch": retained.epoch, "stop_cause": retained.stop_cause}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _celsius(reading_x10: int) -> float | None:
    """Analog input of the pyrometer."""
    return None if reading_x10 == NO_READING else reading_x10 / 10.0


def _key(contacts: int) -> KeySwitch:
    """Where the key stands; contacts that make no sense are AUTO, where nothing opens the gate but proof."""
    try:
        return KeySwitch(contacts)
    except ValueError:
        return KeySwitch.AUTO


class PlcProcess:
    """The parts of the process, wired together."""

    def __init__(self, line: LineSettings, field: Field, log: SegmentedLog) -> None:
        self._line = line
        self._field = field
        self._log = log
        self._edges = EdgeReader(field)
        self._server = PlcServer(line.plc_host, line.plc_port)
        retain = line.run_dir / RETAIN_NAME
        settings = plc_settings(line)
        self._logic = PlcLogic(
            settings,
            self._server.registers,
            load_retained(retain),
            lambda retained: store_retained(retain, retained),
            boot_id=random.SystemRandom().randrange(1, 1 << 32),
        )
        self._gate_watchdog_ns = settings.gate_watchdog_ms * 1_000_000
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Serve and scan until a signal, or until the parent is gone.

        Raises:
            LinkError: the port cannot be opened.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._server.on_write = self._logic.memory.stamp_written
        await self._server.open()
        self._write([{"event": "server", "t_ns": time.monotonic_ns(), "port": self._line.plc_port}])
        self._field.add(Word.PLC_BOOT)
        try:
            await self._scan_loop()
        finally:
            self._outputs(time.monotonic_ns(), PlcOutputs((False,) * LANES_MAX, False, False, []))
            self._server.close()
            self._write([{"event": "plc_stop", "t_ns": time.monotonic_ns()}])

    async def _scan_loop(self) -> None:
        # What is there now lives as long as the process: the collector need not hold up a scan for it.
        gc.collect()
        gc.freeze()
        period_s = self._line.plc_scan_ms / 1000.0
        parent = os.getppid()
        due_s = time.monotonic()
        while not self._stop.is_set() and os.getppid() == parent:
            late_ms = (time.monotonic() - due_s) * 1000.0
            if late_ms > LATE_SCAN_MS:
                self._write(
                    [{"event": "scan_late", "t_ns": time.monotonic_ns(), "late_ms": round(late_ms, 3)}]
                )
                due_s = time.monotonic()
            await self._link()
            self._scan()
            due_s += period_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    async def _link(self) -> None:
        """Obey the fault that stands for a cut cable."""
        cut = self._field.get(Word.MODBUS_LINK_CUT) != 0
        if cut == self._server.is_open:
            self._write([{"event": "link", "t_ns": time.monotonic_ns(), "cut": cut}])
            if cut:
                self._server.close()
            else:
                await self._server.open()

    def _scan(self) -> None:
        field = self._field
        # The encoder before the edges: every edge up to this count is in the ring by then.
        encoder_count = field.get(Word.ENCODER)
        inputs = PlcInputs(
            encoder_count=encoder_count,
            edges=tuple(self._edges.take()),
            edges_lost=self._edges.lost,
            e_stop=field.get(Word.E_STOP) != 0,
            guard_open=field.get(Word.GUARD_OPEN) != 0,
            air_low=field.get(Word.AIR_LOW) != 0,
            bin_full=field.get(Word.BIN_FULL) != 0,
            operator_reset=field.get(Word.OPERATOR_RESET),
            key_switch=_key(field.get(Word.KEY_SWITCH)),
            pyrometer_celsius=_celsius(field.get(Word.PYROMETER_X10)),
        )
        now_ns = time.monotonic_ns()
        outputs = self._logic.scan(now_ns, inputs)
        self._outputs(now_ns, outputs)
        self._write(outputs.events)

    def _outputs(self, now_ns: int, outputs: PlcOutputs) -> None:
        for lane, energised in enumerate(outputs.gates):
            self._field.set_gate(lane, energised)
        self._field.set(Word.BELT_ENABLE, int(outputs.belt_enable))
        self._field.set(Word.STOP_LATCHED, int(outputs.stop_latched))
        self._field.scanned(now_ns, self._gate_watchdog_ns)

    def _write(self, events: Iterable[dict[str, Any]]) -> None:
        lines = [json.dumps(event, separators=(",", ":")) + "\n" for event in events]
        if lines:
            self._log.write("".join(lines))
            self._log.flush()


def run(settings_path: Path) -> None:
    """Run the PLC of a settings file until it is told to stop.

    Raises:
        ConfigError: settings or retentive memory cannot be used.
        LinkError: no field wiring of that name, or the port cannot be opened.
    """
    line = load_line_settings(settings_path)
    try:
        field = Field.open(line.field_name, timeout_s=FIELD_WAIT_S)
    except RingError as error:
        raise LinkError(
            f"the field wiring of the line is not there: {error}",
            where=line.field_name,
            todo="start the line process first; 'ferrogate demo' does it",
        ) from error
    if not ask_for_real_time():
        ask_for_priority(TWIN)
    try:
        with closing(SegmentedLog(line.plc_log_path, line.log_segment_mb)) as log:
            asyncio.run(_main(line, field, log))
    finally:
        field.close()


async def _main(line: LineSettings, field: Field, log: SegmentedLog) -> None:
    await PlcProcess(line, field, log).run()


def main(argv: list[str] | None = None) -> int:
    """Entry of the process; returns its exit code."""
    parser = argparse.ArgumentParser(prog="plc_main", description="the twin's PLC")
    parser.add_argument("settings", type=Path, help="settings file of the twin (JSON)")
    args = parser.parse_args(argv)
    try:
        run(args.settings)
    except FerrogateError as error:
        print(f"error: {error.what}\nwhere: {error.where}\nwhat to do: {error.todo}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
