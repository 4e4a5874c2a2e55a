"""Signs of progress from a supervised process to its supervisor: counted work over a pipe.

A process that is alive and does nothing looks like a healthy one from outside. So each says again and again
how much work has come and how much of it is done; `edge_runtime.station.liveness` is the other end. Without
a supervisor that listens (tests, a process started by hand) nothing happens.
"""

from __future__ import annotations

import os
import struct
import time

#: name of the variable that holds the number of the pipe's end
PULSE_FD = "FERROGATE_PULSE_FD"
#: two beats lie so far apart at least
PERIOD_S = 0.25
BEAT = struct.Struct("<QQ")


class Pulse:
    """The end of the pipe that beats.

    Args:
        fd: of the pipe; None: nobody listens.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._next_s = 0.0

    @classmethod
    def of_this_process(cls) -> Pulse:
        """The pulse that the supervisor gave to this process; processes that it starts itself have none."""
        text = os.environ.pop(PULSE_FD, "")
        if not text.isdigit():
            return cls(None)
        fd = int(text)
        os.set_inheritable(fd, False)
        os.set_blocking(fd, False)
        return cls(fd)

    def beat(self, done: int = 0, come: int = 0) -> None:
        """Progress was made; called as often as one likes, never waits.

        Args:
            done: pieces of work that are done, of all since some beginning.
            come: pieces of work that have come, by somebody else's count.
        """
        now_s = time.monotonic()
        if self._fd is None or now_s < self._next_s:
            return
        self._next_s = now_s + PERIOD_S
        try:
            os.write(self._fd, BEAT.pack(max(done, 0), max(come, 0)))
        except BlockingIOError:
            pass  # the supervisor is behind; what waits in the pipe says enough
        except OSError:
            self._fd = None  # it is gone
