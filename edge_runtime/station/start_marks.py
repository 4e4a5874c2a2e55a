"""How long the parts of a process's start took, from the moment the kernel made it: one event in its log.

Neighbours: `edge_runtime.commands.run` and `process` set the marks, `ferrogate bench startup` reads the
events.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

log = logging.getLogger(__name__)

#: name of the event
EVENT = "startup"
#: the supervisor's phase that ends when the station's process is there
STATION_BEGUN = "station begun"
_STAT = Path("/proc/self/stat")
#: place of the start time behind the process's name in its stat file, clock ticks since boot
_STARTTIME = 19


def now_s() -> float:
    """Seconds since boot, the clock of the kernel's start times."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def process_start_s() -> float:
    """When this process was made, seconds since boot, to a clock tick (10 ms)."""
    behind_name = _STAT.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(behind_name[_STARTTIME]) / os.sysconf("SC_CLK_TCK")


class StartMarks:
    """What was reached when; phases follow one another."""

    def __init__(self) -> None:
        self._at_s: dict[str, float] = {}

    def reached(self, phase: str) -> None:
        """The end of a phase."""
        self._at_s[phase] = now_s()

    def phases_ms(self) -> dict[str, float]:
        """Length of each phase so far, ms; they add up to the time since the process was made."""
        begins = [process_start_s(), *self._at_s.values()]
        return {
            phase: round(1e3 * (end - begin), 1)
            for (phase, end), begin in zip(self._at_s.items(), begins, strict=False)
        }

    def said(self, phase: str) -> None:
        """The end of the last phase; logs them all."""
        self.reached(phase)
        log.info(EVENT, extra={"began_boot_s": process_start_s(), "phases_ms": self.phases_ms()})


#: of this process: it starts but once
MARKS = StartMarks()
