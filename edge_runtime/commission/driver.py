"""Moves the engine on in real time, with the real ports, under the station's storage lock.

Neighbours: `ferrogate commission` starts it, the terminal or the page act on `engine` meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_runtime.commission.camera_port import LiveCamera
from edge_runtime.commission.draft import Draft
from edge_runtime.commission.engine import PATIENCE_S, Engine
from edge_runtime.commission.files import DiskFiles
from edge_runtime.commission.first_run import StationRun
from edge_runtime.commission.limits import load_limits
from edge_runtime.commission.plc_port import ModbusPort
from edge_runtime.commission.ports import Ports
from edge_runtime.commission.state import STATE_FILE, load_state
from edge_runtime.station.supervisor import storage_lock

TICK_S = 0.05
_STOP_S = 60.0


class SystemClock:
    """See `ports.ClockPort`."""

    def mono_ns(self) -> int:
        """Monotonic."""
        return time.monotonic_ns()

    def utc_ns(self) -> int:
        """Wall clock."""
        return time.time_ns()


class Driver:
    """Ticks an engine in a thread.

    Args:
        engine: what to tick.
        after: called after every tick (an attendant's step), in the same thread.
    """

    def __init__(self, engine: Engine, after: Callable[[], None] | None = None) -> None:
        self._engine = engine
        self._after = after
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commission", daemon=True)
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what went wrong in the thread is raised here."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        self.check()

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(TICK_S):
                self._engine.tick()
                if self._after is not None:
                    self._after()
        except Exception as error:
            # Handed on to whoever waits for this thread; nothing goes on meanwhile.
            self._error = error
            raise


@contextmanager
def commissioning(draft: Draft, files: DiskFiles, by: str, *, attended: bool) -> Iterator[Engine]:
    """The engine on the real ports, while no station runs.

    Args:
        draft: what it begins with.
        files: where it leaves things.
        by: who commissions.
        attended: a person is there; else an instruction that nobody follows fails its step.

    Raises:
        LedgerError: the station runs: its storage folder is held.
        ConfigError: the state of another commissioning is in the way.
    """
    with storage_lock(draft.storage):
        yield from _running(draft, files, by, attended)


def _running(draft: Draft, files: DiskFiles, by: str, attended: bool) -> Iterator[Engine]:
    files.folder.mkdir(parents=True, exist_ok=True)
    saved = load_state(files.folder / STATE_FILE, draft.name)
    ports = Ports(
        plc=ModbusPort(draft.plc),
        cameras={camera.name: LiveCamera(draft.name, camera) for camera in draft.cameras},
        clock=SystemClock(),
        files=files,
        first_run=StationRun(draft.name, draft.folder, files.folder, by),
    )
    engine = Engine(
        draft,
        load_limits(),
        ports,
        saved=saved,
        on_written=files.write_results,
        patience_s=None if attended else PATIENCE_S,
    )
    ports.plc.open()
    try:
        yield engine
    finally:
        engine.close()
