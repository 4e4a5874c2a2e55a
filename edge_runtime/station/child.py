"""One process under supervision: started, watched, started again within a budget, stopped in order."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from vision.errors import FerrogateError

#: restarts of one process within the window before the supervisor gives up
RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0
STOP_GRACE_S = 15.0
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class RestartsSpentError(FerrogateError):
    """A process keeps dying (exit code 10)."""

    exit_code = 10


@dataclass(slots=True)
class Child:
    """One supervised process; `started_s` is the monotonic time of its newest start."""

    name: str
    module: str
    process: subprocess.Popen[bytes] | None = None
    starts_s: deque[float] = field(default_factory=deque)
    started_s: float = 0.0

    def start(self, station_file: Path, *, free: bool = False) -> None:
        """Start it; its messages go to our stderr.

        Args:
            station_file: its argument.
            free: this start spends nothing of the budget.

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


def exit_reason(code: int) -> str:
    """Why a process ended, in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
