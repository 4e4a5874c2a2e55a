"""The station's real process tree, made by forking: supervisor, station and recorder without their
imports.

Each process runs the code that `ferrogate run` starts, in a process of its own; only `exec` is left out, so
that a thousand starts cost minutes instead of hours. The process that forks has no threads, no database and
no model open. Neighbour: `kills`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import edge_runtime.recorder_main
import edge_runtime.station.process
from edge_runtime.config import load_station
from edge_runtime.station import child, supervisor
from tests.durability.mid_write import Death, arm

MAINS = {
    "edge_runtime.station.process": ("station", edge_runtime.station.process.main),
    "edge_runtime.recorder_main": ("recorder", edge_runtime.recorder_main.main),
}
_PR_SET_CHILD_SUBREAPER = 36
#: a process that waits for the disk dies when the disk has answered
_GONE_S = 180.0
_POLL_S = 0.002


def reap_orphans() -> None:
    """Grandchildren whose parent was killed become ours, so that their end can be waited for."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class ForkedProcess:
    """What the supervisor needs of `subprocess.Popen`, around a fork that calls the module's `main`."""

    #: of this tree; set before the supervisor starts anybody
    death: Death | None = None

    def __init__(
        self,
        command: Sequence[str],
        stdin: int | None = None,
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        name, main = MAINS[command[2]]
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        its, ours = os.pipe() if stdin == subprocess.PIPE else (-1, -1)
        self.pid = os.fork()
        if self.pid:
            if its >= 0:
                os.close(its)
                self.stdin = os.fdopen(ours, "wb", 0)
            return
        if its >= 0:
            os.close(ours)
            os.dup2(its, 0)
            os.close(its)
            sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        code = 1
        os.environ.update(env or {})
        try:
            if self.death is not None and self.death.of == name:
                arm(self.death)
            code = main(list(command[3:]))
        finally:
            # Whatever it was: a process that was forked ends here, and never goes on as its parent would.
            if sys.exc_info()[1] is not None:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)

    def poll(self) -> int | None:
        """Exit code once it has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(_POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        """Tell it."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Tree:
    """One life of the tree.

    Args:
        station_file: what to run.
        log: stderr of all of them is appended here.
        death: one of them dies so, and takes all with it.
        sabotage: called before anything else in the new tree, to break its code on purpose.
    """

    def __init__(
        self,
        station_file: Path,
        log: Path,
        death: Death | None = None,
        sabotage: Callable[[], None] | None = None,
    ) -> None:
        self.began_s = time.monotonic()
        self.pid = os.fork()
        if self.pid:
            # A group of its own from the first instant on: it may be killed before it has done anything.
            os.setpgid(self.pid, self.pid)
            return
        code = 1
        try:
            os.setpgid(0, 0)
            if sabotage is not None:
                sabotage()
            code = _supervise(station_file, log, death)
        finally:
            # Whatever it was: a process that was forked ends here, and never goes on as its parent would.
            if sys.exc_info()[1] is not None:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)

    @property
    def members(self) -> int:
        """Processes that are not gone yet; those that have ended are reaped."""
        while True:
            try:
                if not os.waitpid(-self.pid, os.WNOHANG)[0]:
                    return 1
            except ChildProcessError:
                return 0

    def kill(self) -> None:
        """SIGKILL to all of them, and wait until the last one is gone: its locks are, too."""
        with contextlib.suppress(ProcessLookupError):  # they are all gone already
            os.killpg(self.pid, signal.SIGKILL)
        self._wait(_GONE_S)

    def end(self, timeout_s: float) -> None:
        """SIGTERM to the supervisor, as a person or a service manager ends it."""
        os.kill(self.pid, signal.SIGTERM)
        self._wait(timeout_s)

    def _wait(self, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while self.members:
            if time.monotonic() > end:
                left = subprocess.run(
                    ["ps", "-o", "pid,ppid,pgid,stat,wchan:30,args", "-g", str(self.pid)],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                raise TimeoutError(f"processes of tree {self.pid} do not end:\n{left.stdout}")
            time.sleep(_POLL_S)


def _supervise(station_file: Path, log: Path, death: Death | None) -> int:
    """What the forked leader does: the real supervisor, whose children are forked as well."""
    out = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o640)
    os.dup2(out, 1)
    os.dup2(out, 2)
    ForkedProcess.death = death
    child.subprocess.Popen = ForkedProcess  # type: ignore[attr-defined]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return supervisor.supervise(load_station(station_file), station_file, stop)
