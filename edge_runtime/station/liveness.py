"""Whether a supervised process gets on with its work: judged by what it counts, not by its being there.

Neighbours: `edge_runtime.pulse` is the end of the pipe in the process, `child` asks here, the supervisor
kills.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from edge_runtime.pulse import BEAT

#: a supervisor that was away for so long itself judges nobody by that time
AWAY_S = 3.0
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """When a process counts as hanging.

    Attributes:
        silent_s: no sign of progress for so long.
        first_s: not even the first sign so long after its start.
        idle_come: so much work came, and none was done ...
        idle_s: ... for so long.
    """

    silent_s: float
    first_s: float = 180.0
    idle_come: int = 16
    idle_s: float = 10.0


class Liveness:
    """Follows one process.

    Args:
        fd: end of the pipe to read from; closed by `close`.
        limits: of this process.
        now_s: monotonic time of its start.
    """

    def __init__(self, fd: int, limits: LiveLimits, now_s: float) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._limits = limits
        self._looked_s = self._beat_s = self._done_s = now_s
        self._beaten = False
        self._rest = b""
        self._done = self._come_then = self._come = 0

    def why_hanging(self, now_s: float) -> str:
        """In what way it hangs; '' while it lives.

        Args:
            now_s: monotonic time.
        """
        if now_s - self._looked_s > AWAY_S:
            self._beat_s += now_s - self._looked_s
            self._done_s += now_s - self._looked_s
        self._looked_s = now_s
        for done, come in self._beats():
            self._take(done, come, now_s)
        limits = self._limits
        silent_s = now_s - self._beat_s
        if silent_s > (limits.silent_s if self._beaten else limits.first_s):
            return f"no sign of progress for {silent_s:.0f} s"
        idle_s = now_s - self._done_s
        waiting = self._come - self._come_then
        if waiting >= limits.idle_come and idle_s > limits.idle_s:
            return f"{waiting} parts came within {idle_s:.0f} s, and it took none of them"
        return ""

    def _take(self, done: int, come: int, now_s: float) -> None:
        self._beat_s, self._beaten = now_s, True
        # Whoever counts what comes may begin anew, as a PLC does at its start, or be far ahead when a
        # station comes up: nothing has come to it by then.
        began_anew = come < self._come or not self._come
        if done != self._done or began_anew or come == self._come_then:
            self._done, self._done_s, self._come_then = done, now_s, come
        self._come = come

    def _beats(self) -> list[tuple[int, int]]:
        data = self._rest
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self._fd, _READ_BYTES):
                data += more
        whole = len(data) - len(data) % BEAT.size
        self._rest = data[whole:]
        return [(done, come) for done, come in BEAT.iter_unpack(data[:whole])]

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._fd)
