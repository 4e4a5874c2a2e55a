"""Scans on their way into the storage: whether one is finished, and the move, over disks if need be.

Neighbour: `station_intake` finds them and says what is wrong.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from pathlib import Path

PART = ".part"
#: the storage's own troubles: whichever scan is moved, they are the same
STORAGE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class NotMovedError(OSError):
    """One scan cannot be moved, through a fault of its own; others can. `strerror` says why."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(0, why, str(folder))


def is_still(folder: Path, settle_s: float) -> bool:
    """Nothing in it changed for so long; an empty folder is no scan yet.

    Raises:
        OSError: it cannot be looked at.
    """
    newest, files = folder.stat().st_mtime, 0
    for root, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            files += 1
            try:
                # Of a link itself: where it leads is nobody's scan.
                newest = max(newest, (Path(root) / name).lstat().st_mtime)
            except FileNotFoundError:
                return False  # it changes this very moment
    return files > 0 and time.time() - newest >= settle_s


def move_scan(folder: Path, place: Path, keep_free_bytes: int) -> None:
    """Move a scan's folder to `place`; copied whole, then removed, where that is on another disk.

    Args:
        folder: the scan.
        place: not there yet; its parent is.
        keep_free_bytes: to be left on the disk of `place` by a copy.

    Raises:
        NotMovedError: this scan cannot be moved.
        OSError: the storage's disk refused.
    """
    try:
        folder.rename(place)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy_over(folder, place, keep_free_bytes)
        elif error.errno in STORAGE_ERRORS:
            raise
        else:
            raise NotMovedError(folder, f"it cannot be moved: {error.strerror or error}") from error


def _copy_over(folder: Path, place: Path, keep_free_bytes: int) -> None:
    size_bytes = _size_of_plain(folder)
    free_bytes = shutil.disk_usage(place.parent).free
    if size_bytes > free_bytes - keep_free_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place.parent))
    part = place.with_name(f".{place.name}{PART}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        # A link stays a link: followed, it could lead to a device, and fill the disk.
        shutil.copytree(folder, part, symlinks=True)
        part.rename(place)
        _hide(folder, place, part)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, shutil.Error):
            raise NotMovedError(folder, f"it cannot be copied: {_first(error)}") from error
        raise
    shutil.rmtree(_hidden(folder), ignore_errors=True)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.taken")


def _hide(folder: Path, place: Path, part: Path) -> None:
    """Put the original out of sight; one that cannot be is not taken, or it would be copied for ever."""
    try:
        folder.rename(_hidden(folder))
    except OSError as error:
        place.rename(part)
        raise NotMovedError(folder, f"it cannot be removed from there: {error.strerror or error}") from error


def _first(error: shutil.Error) -> str:
    """What went wrong with the first file, of a list of (from, to, why)."""
    listed = error.args[0]
    return str(listed[0][2]) if isinstance(listed, list) and listed else str(error)


def _size_of_plain(folder: Path) -> int:
    """Bytes of its plain files.

    Raises:
        NotMovedError: it holds a pipe or a device, which no copy ends of, or cannot be looked at.
    """
    size_bytes = 0
    try:
        for root, _, names in os.walk(folder, onerror=_raise):
            for name in names:
                about = (Path(root) / name).lstat()
                if not (stat.S_ISREG(about.st_mode) or stat.S_ISLNK(about.st_mode)):
                    raise NotMovedError(folder, f"it holds '{name}', which is no plain file")
                size_bytes += about.st_size
    except NotMovedError:
        raise
    except OSError as error:
        raise NotMovedError(folder, f"it cannot be read: {error.strerror or error}") from error
    return size_bytes


def _raise(error: OSError) -> None:
    raise error
