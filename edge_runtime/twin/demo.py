"""`ferrogate demo`: the whole ball line on one machine, and what became of every ball.

Starts the twin line, its PLC and a station with its page (by the same `ferrogate run` that a plant
uses), carries out the faults that are not the line's own (PLC restart, killed or
frozen station, full disk), waits for the last ball or for Ctrl-C, and stops everything in order.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http import HTTPStatus

import psutil

from edge_runtime.plc import registers as reg
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import unpack
from edge_runtime.station.child import PROCESSES_FILE
from edge_runtime.twin.demo_files import DemoRun, Usage, write_files
from edge_runtime.twin.field import Field, LineState, Word
from vision.errors import FerrogateError, LinkError

__all__ = ["DemoError", "DemoRun", "Line", "Usage", "free_port", "play", "running_line", "write_files"]

START_TIMEOUT_S = 60.0
PAGE_TIMEOUT_S = 20.0
DRAIN_TIMEOUT_S = 10.0
#: a process that stands still for this long misses deadlines, but not the line's patience
FREEZE_S = 1.2
#: the belt gets this long to run empty when somebody ends the demo, and this long when it does not move
RUN_EMPTY_S, RUN_EMPTY_STOPPED_S = 20.0, 2.0
POLL_S = 0.1


class DemoError(FerrogateError):
    """The demo could not be run to its end (exit code 11)."""

    exit_code = 11


def free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Line:
    """The running processes of one demo."""

    def __init__(self, run: DemoRun, station_command: list[str] | None = None) -> None:
        self.run = run
        settings = run.settings
        self._settings_file = settings.run_dir / "line.json"
        self._station_command = station_command or [
            sys.executable,
            "-m",
            "edge_runtime",
            "run",
            "--with-parent",
            str(run.station_file),
        ]
        self._log = (settings.run_dir / "processes.log").open("ab")
        self.line = self._start(
            [sys.executable, "-m", "edge_runtime.twin.line_main", str(self._settings_file)]
        )
        self.plc = self._start_plc()
        self.field = self._open_field()
        self.station = self._start(self._station_command)
        self._seen: dict[Word, int] = {}
        self._disk_full = False

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=self._log, stderr=self._log, start_new_session=True)

    def _start_plc(self) -> subprocess.Popen[bytes]:
        return self._start([sys.executable, "-m", "edge_runtime.twin.plc_main", str(self._settings_file)])

    def _open_field(self) -> Field:
        return Field.open(self.run.settings.field_name, timeout_s=START_TIMEOUT_S)

    # -- state --------------------------------------------------------------------------------

    def station_pid(self, name: str) -> int | None:
        """Process id of 'station', 'recorder' or 'page' behind `ferrogate run`."""
        path = self.run.storage / PROCESSES_FILE
        try:
            return int(json.loads(path.read_text(encoding="utf-8"))[name])
        except (OSError, ValueError, KeyError):
            return None

    def plc_header(self) -> dict[str, int] | None:
        """The PLC's header as any Modbus client may read it; None while it does not answer."""
        settings = self.run.settings
        registers = Registers(settings.plc_host, settings.plc_port, reg.UNIT_ID, 500)
        try:
            registers.connect()
            header = unpack(reg.PLC_HEADER, registers.read(reg.PLC_HEADER.address, reg.PLC_HEADER.words))
            station = unpack(
                reg.STATION_HEADER, registers.read(reg.STATION_HEADER.address, reg.STATION_HEADER.words)
            )
            return header | station
        except LinkError:
            return None
        finally:
            registers.close()

    def wait_trusted(self, stop: threading.Event | None = None) -> None:
        """Until the PLC trusts the station.

        Raises:
            DemoError: a process died, it took too long, or `stop` was set.
        """
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            if stop is not None and stop.is_set():
                raise DemoError("ended before the line ran", where="start", todo="start it again")
            header = self.plc_header()
            if header is not None and header["plc_status"] & reg.PlcStatus.STATION_TRUSTED:
                return
            self.check_alive()
            time.sleep(0.05)
        raise DemoError(
            "the station did not get Ready",
            where=str(self.run.settings.run_dir / "processes.log"),
            todo="read its last lines; 'ferrogate doctor' on the station file names what is missing",
        )

    def wait_page(self, stop: threading.Event | None = None) -> None:
        """Until the page answers, so that its start is over when the balls come; `run.page_answered` says so.

        A line without its page is a line all the same.
        """
        if self.run.page_port is None:
            return
        end = time.monotonic() + PAGE_TIMEOUT_S
        while time.monotonic() < end and not (stop is not None and stop.is_set()):
            try:
                address = f"http://127.0.0.1:{self.run.page_port}/healthz"
                with urllib.request.urlopen(address, timeout=1.0) as answer:
                    self.run.page_answered = answer.status == HTTPStatus.OK
                    return
            except OSError:
                time.sleep(POLL_S)

    def check_alive(self) -> None:
        """Raise when a process that must run has ended."""
        for name, process in (("twin line", self.line), ("PLC", self.plc), ("station", self.station)):
            if process.poll() is not None and not (name == "twin line" and process.returncode == 0):
                raise DemoError(
                    f"the {name} ended with code {process.returncode}: {self._last_words()}",
                    where=str(self.run.settings.run_dir / "processes.log"),
                    todo="read its last lines",
                )

    def _last_words(self) -> str:
        """End of what the processes printed."""
        text = (self.run.settings.run_dir / "processes.log").read_text(encoding="utf-8", errors="replace")
        return " | ".join(line.strip() for line in text.splitlines()[-4:] if line.strip())

    def belt_moves(self) -> bool:
        """The PLC lets the belt run, and it was started."""
        return self.field.get(Word.BELT_ENABLE) != 0 and self.field.get(Word.START_REQUEST) != 0

    # -- faults that are not the line's own ---------------------------------------------------

    def carry_out_requests(self) -> None:
        """Do what the line's fault plan asks of the outside world."""
        actions: dict[Word, Callable[[], None]] = {
            Word.PLC_RESTART_REQUEST: self._restart_plc,
            Word.STATION_KILL_REQUEST: self._kill_station,
            Word.STATION_FREEZE_REQUEST: self._freeze_station,
        }
        for word, action in actions.items():
            count = self.field.get(word)
            if count != self._seen.get(word, 0):
                self._seen[word] = count
                action()
        full = self.field.get(Word.DISK_FULL) != 0
        if full != self._disk_full:
            self._disk_full = full
            self._limit_files(full)

    def _restart_plc(self) -> None:
        self.plc.kill()
        self.plc.wait()
        self.plc = self._start_plc()

    def _kill_station(self) -> None:
        pid = self.station_pid("station")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def _freeze_station(self) -> None:
        pid = self.station_pid("station")
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(FREEZE_S)
            os.kill(pid, signal.SIGCONT)

    def _limit_files(self, full: bool) -> None:
        """A full disk, as the kernel tells it: no file of station or recorder may be written any more."""
        limit = 1 if full else resource.RLIM_INFINITY
        for name in ("station", "recorder"):
            pid = self.station_pid(name)
            if pid is not None:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    # -- usage --------------------------------------------------------------------------------

    def measure(self) -> None:
        """Take CPU time and memory of every process now."""
        pids = {
            "station": self.station_pid("station"),
            "recorder": self.station_pid("recorder"),
            "page": self.station_pid("page"),
            "twin": self.line.pid,
            "plc": self.plc.pid,
        }
        for name, pid in pids.items():
            if pid is None:
                continue
            usage = self.run.usage.setdefault(name, Usage())
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                rss_mb = process.memory_info().rss / 1e6
            except psutil.Error:
                continue
            if rss_mb == 0.0:
                continue  # it has ended, and nobody has asked for its exit code yet
            if pid != usage.pid:
                usage.pid, usage.cpu_before_s, usage.rss_start_mb = pid, usage.cpu_s, rss_mb
            usage.cpu_s = usage.cpu_before_s + times.user + times.system
            usage.rss_end_mb = rss_mb
            usage.rss_max_mb = max(usage.rss_max_mb, rss_mb)

    # -- end ----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Until the station has taken and booked every outcome that the PLC has written."""
        end = time.monotonic() + DRAIN_TIMEOUT_S
        while time.monotonic() < end:
            header = self.plc_header()
            if header is not None:
                decided = sum(header[f"{side}_total"] for side in ("accepted", "rejected", "bypassed"))
                done = (
                    header["outcome_head"] == header["outcome_tail"] and header["triggers_total"] == decided
                )
                if done and header["plc_status"] & reg.PlcStatus.STATION_TRUSTED:
                    return
            time.sleep(POLL_S)

    def close(self) -> None:
        """Stop all processes, the station first."""
        for process, grace_s in ((self.station, 30.0), (self.plc, 5.0), (self.line, 5.0)):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(grace_s)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.field.close()
        self._log.close()


@contextmanager
def running_line(run: DemoRun, station_command: list[str] | None = None) -> Iterator[Line]:
    """The processes of a demo, stopped on leaving whatever happens."""
    line = Line(run, station_command)
    try:
        yield line
    finally:
        line.close()


def play(
    run: DemoRun,
    progress: Callable[[int], None],
    station_command: list[str] | None = None,
    *,
    stop: threading.Event | None = None,
    beside: Callable[[Line], AbstractContextManager[object]] | None = None,
) -> None:
    """Run all balls through the line.

    Args:
        run: from `write_files`.
        progress: called with the number of balls that have left the line.
        station_command: another way to start the station (tests).
        stop: once set no more balls come and the belt runs empty; what stands still is left on it.
        beside: what runs as long as the line, such as the plant panel.

    Raises:
        DemoError: a process died, or the station did not get Ready.
    """
    began = time.monotonic()
    with running_line(run, station_command) as line, beside(line) if beside else nullcontext():
        line.wait_trusted(stop)
        line.wait_page(stop)
        line.measure()
        line.field.set(Word.START_REQUEST, 1)
        _run_to_the_end(line, progress, stop or threading.Event())
        progress(line.field.get(Word.BALLS_PLACED))
        line.drain()
        line.measure()
    run.wall_s = time.monotonic() - began


def _run_to_the_end(line: Line, progress: Callable[[int], None], stop: threading.Event) -> None:
    next_measure = time.monotonic() + 5.0
    give_up_s: float | None = None
    while line.field.get(Word.LINE_STATE) != LineState.ENDED and line.line.poll() is None:
        line.carry_out_requests()
        line.check_alive()
        progress(line.field.get(Word.BALLS_PLACED))
        now = time.monotonic()
        if now >= next_measure:
            next_measure += 1.0
            line.measure()
        if stop.is_set() and give_up_s is None:
            line.run.stopped_early = True
            line.field.set(Word.EMPTY_REQUEST, 1)
            give_up_s = now + (RUN_EMPTY_S if line.belt_moves() else RUN_EMPTY_STOPPED_S)
        if give_up_s is not None and now >= give_up_s:
            return
        stop.wait(POLL_S) if give_up_s is None else time.sleep(POLL_S)
