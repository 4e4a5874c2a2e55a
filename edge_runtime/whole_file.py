"""Files that appear whole or not at all. Whoever writes one turns the OSError into a sentence of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a part file to write; at the end it is on the disk and takes the place of `path`.

    After any error the part is gone, and a file that was there before is unchanged.

    Raises:
        OSError: it cannot be written or moved, for instance on a full disk.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)
