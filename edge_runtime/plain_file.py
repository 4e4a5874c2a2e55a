"""Reading a file that somebody else wrote: a plain file, no longer than it may be, or an error at once.

A pipe would be waited for without an end, and a device or a link to one has no end; their stated size is 0.
Neighbours: `images` and the readers of scans, calibrations and recordings.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


class NotPlainError(OSError):
    """It is there and may be read, but is no plain file, or is too long; `strerror` says which."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(0, why, str(path))


def read_plain(path: Path, bytes_max: int) -> bytes:
    """The content of a plain file.

    Args:
        path: of the file; a link to one is followed.
        bytes_max: a longer file is refused unread.

    Raises:
        NotPlainError: a pipe, device or folder, or longer than `bytes_max`.
        OSError: it cannot be read.
        ValueError: a name that no file can have.
    """
    # Without waiting: a pipe that nobody writes into would be waited for without an end.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise NotPlainError(path, "this is no plain file, but a pipe or a device")
        # It may grow while it is read, so its size is asked for before and counted after.
        data = b"" if about.st_size > bytes_max else file.read(bytes_max + 1)
    size = max(about.st_size, len(data))
    if size > bytes_max:
        raise NotPlainError(path, f"the file has {size} bytes, at most {bytes_max} are read")
    return data
