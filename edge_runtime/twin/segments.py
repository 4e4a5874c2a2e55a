"""The twin's logs in files of bounded size: written one after the other, read while they grow.

`truth.jsonl` is the first file of a log, `truth.000001.jsonl` the next, and so on. A file is closed before
the next one is there, so a reader that is at the end of a file that has a successor has read all of it.
Neighbours: `truth` and `plc_main` write, `edge_runtime.soak` reads and removes what it has audited.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vision.errors import FerrogateError

_MB = 1_000_000


class TornLogError(FerrogateError):
    """A log's line is no record (exit code 12)."""

    exit_code = 12


def segment_path(first: Path, number: int) -> Path:
    """Name of a log's file; number 0 is the first."""
    return first if number == 0 else first.with_suffix(f".{number:06d}{first.suffix}")


def newest_segment(first: Path) -> int:
    """Number of the newest file there is, 0 also where there is none yet."""
    numbers = [
        path.suffixes[-2].removeprefix(".") for path in first.parent.glob(f"{first.stem}.*{first.suffix}")
    ]
    return max((int(number) for number in numbers if number.isdigit()), default=0)


class SegmentedLog:
    """Appends text to a log; goes on in a new file when the one before is full.

    Args:
        first: path of the first file. An old log is gone on with, in its newest file.
        segment_mb: size at which a new file begins; 0: never.
    """

    def __init__(self, first: Path, segment_mb: float = 0.0) -> None:
        self._first = first
        self._limit = segment_mb * _MB
        self._number = newest_segment(first) if segment_mb > 0.0 else 0
        self._open()

    def _open(self) -> None:
        path = segment_path(self._first, self._number)
        self._file = path.open("a", encoding="utf-8")
        self._size = path.stat().st_size

    def write(self, lines: str) -> None:
        """Append whole lines."""
        if self._limit and self._size >= self._limit:
            self._file.close()
            self._number += 1
            self._open()
        self._file.write(lines)
        self._size += len(lines)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Write what is left and close."""
        self._file.close()


class SegmentReader:
    """Reads a growing log row by row, from file to file.

    Attributes:
        number: of the file that is being read; those before are read to their ends.
    """

    def __init__(self, first: Path) -> None:
        self._first = first
        self.number = 0
        self._at = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows that have come since the last call; a line that is not whole yet comes with a later call.

        Raises:
            TornLogError: a whole line is no record.
        """
        while True:
            # Looked for before reading: what is written later is not in the older file.
            successor = segment_path(self._first, self.number + 1).exists()
            path = segment_path(self._first, self.number)
            if path.exists():
                yield from self._rest(path)
            if not successor:
                return
            self.number += 1
            self._at = 0

    def _rest(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield _row(line.decode("utf-8", errors="replace"), path)


def _row(line: str, path: Path) -> dict[str, Any]:
    # A writer that was killed leaves a torn line; the next one writes on behind it.
    torn_at = line.rfind('{"event"')
    try:
        row = json.loads(line[max(torn_at, 0) :])
    except json.JSONDecodeError as error:
        raise TornLogError(
            f"a line is not JSON: {line[:80]!r}", where=str(path), todo="is something else writing there?"
        ) from error
    if not isinstance(row, dict) or "event" not in row:
        raise TornLogError(f"a line is no record: {line[:80]!r}", where=str(path), todo="run again")
    return row
