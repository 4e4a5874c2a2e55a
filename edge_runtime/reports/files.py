"""Writing a report's file: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from vision.errors import FerrogateError


class ReportError(FerrogateError):
    """A report cannot be made or written (exit code 13)."""

    exit_code = 13


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there once it is on the disk.

    Raises:
        ReportError: it cannot be written, for instance on a full disk; a file that was there is unchanged.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with beside.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check the folder, its rights and the disk's space",
        ) from error
