"""Which segments of the journal may go: those applied to the ledger that a starting station can do
without.

A station that starts asks the kept segments which part numbers came last (`reader.last_known`). Segments
without any, as a station leaves them that dies again and again before it has agreed with its PLC, do not
count: else a few such starts would push out all that is known, and numbers that are missing afterwards
would not be noticed. Neighbours: `edge_runtime.recorder_main` calls it after each step.
"""

from __future__ import annotations

import time
from pathlib import Path

from edge_runtime.journal.framing import (
    MAGIC,
    JournalPosition,
    record_bytes,
    segment_numbers,
    segment_path,
    unframe,
)

#: segments with part numbers that stay, the newest one counted as such
KEEP_SEGMENTS = 4
#: what lies behind so many megabytes (2^20 bytes) goes all the same: a line that stands for weeks fills no
#: disk
KEEP_MB = 512.0
#: while this file lies in the journal's folder nothing goes for its number: what a copy of the ledger lacks
#: must still be there when the journal is copied after it (docs/operation.md, Backup)
HOLD_FILE = "backup.hold"
#: a backup that broke off leaves the file behind: an older one counts no more
HOLD_S = 86_400.0
#: how `edge_runtime.entries.to_json` begins an entry that has part numbers
_WITH_NUMBERS = (b'{"kind":"part"', b'{"kind":"outcome"', b'{"kind":"gap"')


class Retention:
    """Lets segments of one journal go.

    Args:
        folder: of the journal.
        keep: segments with part numbers that stay, and all behind the oldest of them.
        keep_mb: see `KEEP_MB`; at least `keep` segments stay whatever their size.
    """

    def __init__(self, folder: Path, keep: int = KEEP_SEGMENTS, keep_mb: float = KEEP_MB) -> None:
        self._folder = folder
        self._keep = keep
        self._keep_bytes = int(keep_mb * (1 << 20))
        self._with_numbers: set[int] = set()
        self._without: set[int] = set()

    def delete_applied(self, applied: JournalPosition) -> int:
        """Delete segments that lie wholly before `applied` and need not stay; returns how many.

        Raises:
            OSError: a segment cannot be read or deleted.
        """
        numbers = segment_numbers(self._folder)
        if len(numbers) <= self._keep:
            return 0
        doomed = [number for number in self._not_needed(numbers) if number < applied.segment]
        for number in doomed:
            segment_path(self._folder, number).unlink(missing_ok=True)
        self._with_numbers &= set(numbers)
        self._without &= set(numbers)
        return len(doomed)

    def _not_needed(self, numbers: list[int]) -> list[int]:
        """Those before the oldest segment that stays."""
        held = self._held()
        counted, size_bytes = 1, 0
        for place in range(len(numbers) - 2, -1, -1):
            path = segment_path(self._folder, numbers[place])
            size_bytes += path.stat().st_size
            if size_bytes > self._keep_bytes and len(numbers) - place > self._keep:
                return numbers[: place + 1]
            counted += self._has_numbers(numbers[place], path)
            if counted >= self._keep and not held:
                return numbers[:place]
        return []

    def _held(self) -> bool:
        """A backup is being made."""
        try:
            since_s = (self._folder / HOLD_FILE).stat().st_mtime
        except FileNotFoundError:
            return False
        return time.time() - since_s < HOLD_S

    def _has_numbers(self, number: int, path: Path) -> bool:
        """Looked up once: nobody writes any more into a segment that is not the newest."""
        if number not in self._with_numbers and number not in self._without:
            (self._with_numbers if _has_numbers(path) else self._without).add(number)
        return number in self._with_numbers


def _has_numbers(path: Path) -> bool:
    """Whether any whole record of a segment has part numbers."""
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        return False
    at = len(MAGIC)
    while (payload := unframe(data, at)) is not None:
        if payload.startswith(_WITH_NUMBERS):
            return True
        at += record_bytes(data, at) or 0
    return False
