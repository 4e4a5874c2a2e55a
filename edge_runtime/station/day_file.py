"""Keeps the day's file up to date: never ahead of the journal, never far behind it.

Neighbours: the desk's thread calls it after every act and a few times a second; the station once more at
its end, when nobody else does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from edge_runtime.day.files import write_day
from edge_runtime.day.state import DayState

log = logging.getLogger(__name__)


class DayFile:
    """Writes the newest state that is durable.

    Args:
        path: of the file.
        written: gives the newest journaled state and the number of its entry.
        durable: entries of the journal that are on disk.
        fault: names it in the books (code, detail) when the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        written: Callable[[], tuple[DayState, int]],
        durable: Callable[[], int],
        fault: Callable[[str, str], object],
    ) -> None:
        self._path = path
        self._written = written
        self._durable = durable
        self._fault = fault
        self._kept = 0
        self._trouble = ""

    def keep(self) -> None:
        """Write if there is anything new; a disk that refuses is tried again next time."""
        state, number = self._written()
        if state.revision == self._kept or self._durable() < number:
            return
        try:
            write_day(self._path, state)
        except OSError as error:
            detail = f"{error.strerror or error} ({self._path})"
            if detail != self._trouble:
                # Nothing is lost: the acts are in the journal. But the journal is not kept for ever.
                self._trouble = detail
                self._fault("day_file", detail)
                log.error("day_file", extra={"detail": detail})
            return
        self._kept, self._trouble = state.revision, ""
