"""Words to the service manager (systemd's notify protocol): up, still alive, going down. Silent where
there is none.

Neighbours: the supervisors of ball line and rail yard; docs/examples/ferrogate.service is a unit that
listens.
"""

from __future__ import annotations

import os
import socket
import time


class ServiceManager:
    """The manager that started this process, if one listens.

    Args:
        address: of its socket; default: what the environment says. Children are not told of it.
    """

    def __init__(self, address: str | None = None) -> None:
        found = os.environ.pop("NOTIFY_SOCKET", "") if address is None else address
        watchdog_us = os.environ.pop("WATCHDOG_USEC", "")
        # An abstract socket is written with '@' for its leading zero byte.
        self._address = "\0" + found[1:] if found.startswith("@") else found
        #: a third of what the manager waits for, so that one lost word does no harm
        self._period_s = int(watchdog_us) / 3e6 if watchdog_us.isdigit() and int(watchdog_us) else None
        self._next_s = 0.0

    def ready(self, status: str) -> None:
        """The service is up."""
        self._say(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """The supervisor's loop has turned; said often enough for the manager's watchdog."""
        now_s = time.monotonic()
        if self._period_s is not None and now_s >= self._next_s:
            self._next_s = now_s + self._period_s
            self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._say(f"STATUS={text}")

    def stopping(self) -> None:
        """It goes down."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            try:
                out.sendto(words.encode("utf-8"), self._address)
            except OSError:
                return  # a manager that does not listen must not stop the line
