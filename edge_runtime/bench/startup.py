"""`ferrogate bench startup`: from the start of the process to the Ready bit in the PLC, phase by phase.

The twin's line and its PLC stand ready, as a plant's do; then `ferrogate run` is started on the demo's
station file, and the PLC is asked over Modbus what the station says of itself until it is Ready. Then the
station is stopped and started again. The first start makes the books, the others find them. Neighbours: the
station's processes log how long the parts of their start took (`edge_runtime.station.start_marks`),
`startup_result` holds target and table.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_runtime.bench.machine import this_machine
from edge_runtime.bench.startup_result import Start, StartupResult
from edge_runtime.logs import VARIABLE
from edge_runtime.models import read_model
from edge_runtime.plc import registers as reg
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import unpack
from edge_runtime.station.start_marks import EVENT, STATION_BEGUN, now_s
from edge_runtime.twin.demo import DemoError, free_port
from edge_runtime.twin.demo_files import DemoRun, write_files
from edge_runtime.twin.field import Field
from edge_runtime.twin.settings import LineSettings, with_physics
from vision.errors import LinkError

#: a station that is not Ready by then is given up
TIMEOUT_S = 60.0
#: how often the PLC is asked
_ASK_S = 0.005
_STOP_S = 30.0
_READY = reg.StationState.READY


def run_startup(runs: int, *, model: str, page: bool, step: Callable[[], object]) -> StartupResult:
    """Start it so many times.

    Args:
        runs: starts, the first with empty books.
        model: ONNX file, or the name of a shipped one.
        page: the station has its page.
        step: called after every start.

    Raises:
        DemoError: line, PLC or station did not run.
        ConfigError, ContractError: the model cannot be read.
    """
    machine, sha256 = this_machine(), read_model(model).sha256
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        run = write_files(
            _settings(Path(folder) / "run"), model=model, page_port=free_port() if page else None
        )
        starts = []
        with _plant(run):
            for _ in range(runs):
                starts.append(_start(run))
                step()
    return StartupResult(machine, sha256, page, tuple(starts))


def _settings(folder: Path) -> LineSettings:
    unique = f"ferrogate-{os.getpid()}"
    settings = LineSettings(
        n_balls=0, run_dir=folder, field_name=f"{unique}-field", ring_prefix=unique, plc_port=free_port()
    )
    return with_physics(settings)


@contextmanager
def _plant(run: DemoRun) -> Iterator[None]:
    """The twin's line and its PLC, belt standing."""
    settings_file = run.settings.run_dir / "line.json"
    log = run.settings.run_dir / "processes.log"
    running: list[subprocess.Popen[bytes]] = []
    with log.open("ab") as out:
        try:
            for module in ("line_main", "plc_main"):
                command = [sys.executable, "-m", f"edge_runtime.twin.{module}", str(settings_file)]
                running.append(subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True))
            Field.open(run.settings.field_name, timeout_s=TIMEOUT_S).close()
            _wait(run, lambda header: header is not None, running, "the PLC did not answer")
            yield
        finally:
            for process in reversed(running):
                _stop(process)


def _start(run: DemoRun) -> Start:
    """One start, and the end of what was started."""
    log = run.settings.run_dir / "station.log"
    with log.open("wb") as out:
        began_s = now_s()
        command = [sys.executable, "-m", "edge_runtime", "run", "--with-parent", str(run.station_file)]
        process = subprocess.Popen(
            command, stdout=out, stderr=out, start_new_session=True, env=os.environ | {VARIABLE: "json"}
        )
        try:
            ready_s = _wait(
                run,
                lambda header: header is not None and header["station_state"] == _READY,
                [process],
                "the station did not get Ready",
            )
        finally:
            _stop(process)
    _wait(
        run,
        lambda header: header is not None and header["station_state"] != _READY,
        [],
        "the PLC went on believing a stopped station Ready",
    )
    return Start(1e3 * (ready_s - began_s), *_phases(log, began_s, ready_s))


def _phases(log: Path, began_s: float, ready_s: float) -> tuple[dict[str, float], dict[str, float]]:
    """Phases that follow one another up to Ready, and those beside them, from both processes' logs, ms.

    Once it has begun the station, the supervisor looks at the ledger while the station loads what it needs.
    """
    said: dict[str, dict[str, Any]] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if f'"{EVENT}"' in line:
            event = json.loads(line)
            said.setdefault(str(event["process"]), event)
    for process in ("supervisor", "station"):
        if process not in said:
            raise DemoError(
                f"the {process} did not say how it started", where=str(log), todo="read this file"
            )
    phases: dict[str, float] = {}
    beside: dict[str, float] = {}
    supervisor, station = said["supervisor"], said["station"]
    into = phases
    for phase, length_ms in supervisor["phases_ms"].items():
        into[f"supervisor: {phase}"] = float(length_ms)
        if phase == STATION_BEGUN:
            into = beside
    at_s = began_s + sum(phases.values()) / 1e3
    # The kernel's start times are exact to a tick of 10 ms.
    phases[f"supervisor: {STATION_BEGUN}"] += 1e3 * (station["began_boot_s"] - at_s)
    phases |= {f"station: {phase}": float(value) for phase, value in station["phases_ms"].items()}
    phases["PLC: link, epoch, Ready"] = 1e3 * (ready_s - began_s) - sum(phases.values())
    return phases, beside


def _wait(
    run: DemoRun,
    what: Callable[[dict[str, int] | None], bool],
    processes: list[subprocess.Popen[bytes]],
    otherwise: str,
) -> float:
    """When the PLC's registers first say so, seconds since boot.

    Raises:
        DemoError: they do not in time, or a process ended.
    """
    settings = run.settings
    registers = Registers(settings.plc_host, settings.plc_port, reg.UNIT_ID, 500)
    end = time.monotonic() + TIMEOUT_S
    try:
        while time.monotonic() < end:
            if what(_header(registers)):
                return now_s()
            dead = [process.returncode for process in processes if process.poll() is not None]
            if dead:
                otherwise = f"a process ended with code {dead[0]}"
                break
            time.sleep(_ASK_S)
    finally:
        registers.close()
    raise DemoError(otherwise, where=_last_words(settings.run_dir), todo="read these lines")


def _header(registers: Registers) -> dict[str, int] | None:
    """What the station has written of itself; None while the PLC does not answer."""
    block = reg.STATION_HEADER
    try:
        try:
            return unpack(block, registers.read(block.address, block.words))
        except LinkError:
            registers.connect()
            return unpack(block, registers.read(block.address, block.words))
    except LinkError:
        return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(folder: Path) -> str:
    lines = [
        line.strip()
        for name in ("processes.log", "station.log")
        if (folder / name).is_file()
        for line in (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    ]
    return " | ".join(line for line in lines if line) or str(folder)
