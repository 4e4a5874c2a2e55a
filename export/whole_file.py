"""Writes a result whole or not at all. Neighbours: everything in `export` that writes a file."""

from __future__ import annotations

import os
from pathlib import Path

from vision.errors import ConfigError


def check_target(out: Path) -> None:
    """Refuse an output that could not be written, before hours of work.

    Raises:
        ConfigError: its folder is missing, or it is a folder itself.
    """
    if not out.parent.is_dir():
        raise ConfigError(
            "the folder of the output does not exist", where=str(out.parent), todo="make it first"
        )
    if out.is_dir():
        raise ConfigError("the output is a folder", where=str(out), todo="give a file name")


def write_whole(out: Path, content: bytes) -> None:
    """Write a file so that its name appears when its content is on disk, and not before.

    Raises:
        ConfigError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    check_target(out)
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(out),
            todo=f"free {len(content) / 1e6:.1f} MB there, or check the folder's rights",
        ) from error
