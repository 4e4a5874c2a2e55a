"""Writing a report's file: whole, or not at all."""

from __future__ import annotations

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
    try:
        with whole_file(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise ReportError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check the folder, its rights and the disk's space",
        ) from error
