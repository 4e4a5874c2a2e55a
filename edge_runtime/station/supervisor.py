"""`ferrogate run`: starts the station and the recorder, and starts them again when they die.

The line is safe without them: the PLC rejects everything while no heartbeat comes.
So a process that dies is simply started again, a few times per minute; one that
keeps dying is a fault for a person.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.config import StationConfig
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.shm_ring import picture_ring_name, remove_ring
from vision.errors import FerrogateError, LedgerError

#: restarts of one process within the window before the supervisor gives up
RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0
#: exit codes that a restart cannot mend: configuration, model, provider
FINAL_CODES = frozenset({2, 4, 5})
STOP_GRACE_S = 15.0
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
PROCESSES_FILE = "processes.json"


class RestartsSpentError(FerrogateError):
    """A process keeps dying (exit code 10)."""

    exit_code = 10


@dataclass(slots=True)
class Child:
    """One supervised process."""

    name: str
    module: str
    process: subprocess.Popen[bytes] | None = None
    starts_s: deque[float] = field(default_factory=deque)

    def start(self, station_file: Path) -> None:
        """Start it; its messages go to our stderr."""
        now = time.monotonic()
        while self.starts_s and now - self.starts_s[0] > RESTART_WINDOW_S:
            self.starts_s.popleft()
        if len(self.starts_s) > RESTARTS_MAX:
            raise RestartsSpentError(
                f"the {self.name} died {len(self.starts_s)} times within {RESTART_WINDOW_S:.0f} s",
                where=str(station_file),
                todo="the line stays in reject; read the messages above, run 'ferrogate doctor STATION.yaml'",
            )
        self.starts_s.append(now)
        # A child inherits the mask and lifts it once it can end in order: told to stop while it
        # still imports, it would otherwise die with its work undone.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self.process = subprocess.Popen([sys.executable, "-m", self.module, str(station_file)])
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def returncode(self) -> int | None:
        """Exit code once it has ended."""
        return None if self.process is None else self.process.poll()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """SIGTERM, and SIGKILL when it does not listen."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _note_processes(folder: Path, children: list[Child]) -> None:
    """Process ids, for service scripts."""
    pids = {child.name: child.process.pid for child in children if child.process is not None}
    path = folder / PROCESSES_FILE
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"supervisor": os.getpid(), **pids}), encoding="utf-8")
    temporary.replace(path)


def _exit_reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def supervise(
    config: StationConfig, station_file: Path, stop: threading.Event, parent_pid: int | None = None
) -> int:
    """Run station and recorder until `stop` is set or the station ends by itself.

    Args:
        config, station_file: the station.
        stop: set by whoever wants it to end.
        parent_pid: end, too, when this process is no longer our parent.

    Returns:
        The station's exit code; 0 when it was stopped or its recordings are over.

    Raises:
        RestartsSpentError: a process keeps dying.
        LedgerError: the storage folder or the ledger cannot be used.
    """
    folder = config.storage.folder
    with storage_lock(folder):
        # A ledger that cannot be used is said once and now, not by a recorder that keeps dying.
        open_ledger(ledger_url(folder, config.storage.database_url)).dispose()
        return _supervise(config, station_file, stop, parent_pid)


@contextmanager
def storage_lock(folder: Path) -> Iterator[None]:
    """Hold a storage folder: one station at a time keeps its books there.

    Raises:
        LedgerError: the folder cannot be made, or another station holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "run.lock").open("w")
    except OSError as error:
        raise LedgerError(
            f"the storage folder cannot be used: {error.strerror or error}",
            where=str(folder),
            todo="correct storage.folder in the station file, or this user's rights there",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerError(
                "another 'ferrogate run' keeps its books here",
                where=str(folder),
                todo="stop the other one, or give this station a storage folder of its own",
            ) from error
        yield


def _supervise(
    config: StationConfig, station_file: Path, stop: threading.Event, parent_pid: int | None
) -> int:
    folder = config.storage.folder
    recorder = Child("recorder", "edge_runtime.recorder_main")
    station = Child("station", "edge_runtime.station.process")
    try:
        station.start(station_file)
        recorder.start(station_file)
        _note_processes(folder, [station, recorder])
        while not stop.wait(0.1):
            if parent_pid is not None and os.getppid() != parent_pid:
                return 0
            code = station.returncode()
            if code == 0 or code in FINAL_CODES:
                return code
            for child in (station, recorder):
                code = child.returncode()
                if code is not None:
                    print(f"{child.name} ended ({_exit_reason(code)}): starting it again", file=sys.stderr)
                    child.start(station_file)
                    _note_processes(folder, [station, recorder])
        return 0
    finally:
        # The station first: the recorder then books its last entries.
        station.stop()
        recorder.stop()
        remove_ring(picture_ring_name(config.name))
        (folder / PROCESSES_FILE).unlink(missing_ok=True)
