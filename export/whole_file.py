"""Writes results whole or not at all. Neighbours: everything in `export` that writes a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
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


def write_whole(files: Mapping[Path, bytes], stale: tuple[Path, ...] = ()) -> None:
    """Write files that belong together: their names appear when all their content is on disk.

    Args:
        files: path to content; a file that is there is replaced.
        stale: files of an earlier export that do not belong to these; removed with the change.

    Raises:
        ConfigError: the disk is full or a folder cannot be written; what was there before stays.
    """
    parts = {out: out.with_name(f".{out.name}.part") for out in files}
    try:
        for out, content in files.items():
            check_target(out)
            with parts[out].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for old in stale:
            old.unlink(missing_ok=True)
        for out, part in parts.items():
            part.replace(out)
    except OSError as error:
        needed = sum(len(content) for content in files.values()) / 1e6
        raise ConfigError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(error.filename or next(iter(files))),
            todo=f"free {needed:.1f} MB there, or check the folder's rights; nothing was changed",
        ) from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
