"""One process under supervision: started, watched, started again within a budget, stopped in order."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.pulse import PULSE_FD
from edge_runtime.station.liveness import LiveLimits, Liveness
from edge_runtime.station.start_marks import MARKS
from vision.errors import FerrogateError

log = logging.getLogger(__name__)

#: restarts of one process within the window before the supervisor gives up
RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0
STOP_GRACE_S = 15.0
#: a killed process that waits for a disk is left to end by itself after so long
KILL_GRACE_S = 5.0
_STAYS = "it was killed and waits for a disk or a driver: it ends when that answers"
#: in the storage folder: ids of the running processes, for service scripts, and why the line was given up
PROCESSES_FILE = "processes.json"
#: name of the variable that tells a child to wait for a byte on its standard input
HELD = "FERROGATE_HELD"
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class RestartsSpentError(FerrogateError):
    """A process keeps dying (exit code 10)."""

    exit_code = 10


@dataclass(slots=True)
class Child:
    """One supervised process.

    Attributes:
        name, module: what it is called, and what is run.
        limits: when it counts as hanging; None: only its end is noticed.
        started_s: monotonic time of its newest start.
    """

    name: str
    module: str
    limits: LiveLimits | None = None
    process: subprocess.Popen[bytes] | None = None
    starts_s: deque[float] = field(default_factory=deque)
    started_s: float = 0.0
    _liveness: Liveness | None = None

    def start(self, station_file: Path, *, free: bool = False, held: bool = False) -> None:
        """Start it; its messages go to our stderr.

        Args:
            station_file: its argument.
            free: this start spends nothing of the budget.
            held: it loads what it needs and waits for `release` (`may_go_on` is its side).

        Raises:
            RestartsSpentError: it died too often.
        """
        now = time.monotonic()
        while self.starts_s and now - self.starts_s[0] > RESTART_WINDOW_S:
            self.starts_s.popleft()
        if len(self.starts_s) > RESTARTS_MAX:
            raise RestartsSpentError(
                f"the {self.name} died {len(self.starts_s)} times within {RESTART_WINDOW_S:.0f} s",
                where=str(station_file),
                todo="the line stays in reject; read the messages above, run 'ferrogate doctor STATION.yaml'",
            )
        self.started_s = now
        if not free:
            self.starts_s.append(now)
        # A child inherits the mask and lifts it once it can end in order: told to stop while it
        # still imports, it would otherwise die with its work undone.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self._launch([sys.executable, "-m", self.module, str(station_file)], held)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def release(self) -> None:
        """Let a process that was held go on."""
        pipe = None if self.process is None else self.process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError):  # it has died: `returncode` tells
                pipe.write(b"1")
                pipe.flush()
            self._let_go()

    def _let_go(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def _launch(self, command: list[str], held: bool) -> None:
        self._forget_pulse()
        environment = os.environ | ({HELD: "1"} if held else {})
        stdin = subprocess.PIPE if held else None
        if self.limits is None:
            self.process = subprocess.Popen(command, stdin=stdin, env=environment)
            return
        ours, its = os.pipe()
        try:
            environment |= {PULSE_FD: str(its)}
            self.process = subprocess.Popen(command, stdin=stdin, pass_fds=(its,), env=environment)
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(its)
        self._liveness = Liveness(ours, self.limits, time.monotonic())

    def _forget_pulse(self) -> None:
        if self._liveness is not None:
            self._liveness.close()
            self._liveness = None

    def kill_if_hanging(self) -> str:
        """Kill it when it lives and gets nowhere: it could not be asked to end. Why, or ''."""
        if self._liveness is None or self.returncode() is not None or self.process is None:
            return ""
        why = self._liveness.why_hanging(time.monotonic())
        if why:
            # Not waited for: one that waits for its disk ends when the disk answers, and the others are
            # to be looked after meanwhile. `returncode` tells; without its pulse it is not judged again.
            self.process.kill()
            self._forget_pulse()
        return why

    def returncode(self) -> int | None:
        """Exit code once it has ended."""
        return None if self.process is None else self.process.poll()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """SIGTERM, and SIGKILL when it does not listen."""
        self._forget_pulse()
        self._let_go()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            try:
                self.process.wait(KILL_GRACE_S)
            except subprocess.TimeoutExpired:
                log.error("process_stays", extra={"child": self.name, "pid": self.process.pid, "why": _STAYS})


def may_go_on() -> bool:
    """In the child: wait until the supervisor lets go of it; False when it is to end instead."""
    MARKS.reached("imports")
    if not os.environ.pop(HELD, ""):
        return True
    let_go = sys.stdin.buffer.read(1) != b""
    MARKS.reached("held until the ledger was found in order")
    return let_go


def exit_reason(code: int) -> str:
    """Why a process ended, in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
