"""Writing a report's file: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.whole_file import whole_file
from vision.errors import FerrogateError


class ReportError(FerrogateError):
    """A report cannot be made or written (exit code 13)."""

    exit_code = 13


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there once it is on the disk.

    Raises:
        ReportError: it cannot be written, for instance on a full disk; a file that was there is unchanged.
    """
    with whole_report(path) as part:
        part.write_bytes(data)


@contextmanager
def whole_report(path: Path) -> Iterator[Path]:
    """As `whole_file`, for what is written piece by piece.

    Raises:
        ReportError: see `write_whole`.
    """
    try:
        with whole_file(path) as part:
            yield part
    except OSError as error:
        raise ReportError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check the folder, its rights and the disk's space",
        ) from error
