"""The segment file being written: preallocation, torn tails, and writes that fail half-way.

Neighbours: `edge_runtime.journal.writer` decides when to write, sync and go on to the
next segment; this module knows how, and keeps the offsets true after every error.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.journal.framing import MAGIC, good_end, segment_numbers, segment_path
from edge_runtime.journal.reserve import NO_ROOM, Reserve

#: what posix_fallocate says when the blocks cannot be had in advance: then the file grows as it is written
_NO_PREALLOCATION = NO_ROOM | {errno.EFBIG, errno.EOPNOTSUPP, errno.EINVAL}


class Segment:
    """One segment file open for writing.

    Args:
        folder: the journal's.
        number: of the segment; there must be none of that number.
        capacity_bytes: size at which the next one begins.
        reserve: gives a segment when the disk has no room for one.

    Attributes:
        number: of the segment.
        offset: behind the last whole record written; what lies there was perhaps read already and stays.
        synced_offset: behind the last record that is on disk.
    """

    def __init__(self, folder: Path, number: int, capacity_bytes: int, reserve: Reserve) -> None:
        self.number = number
        self.capacity_bytes = capacity_bytes
        self.offset = 0
        self.synced_offset = 0
        path = segment_path(folder, number)
        self._fd = self._create(path, reserve)
        try:
            self._preallocate(path, reserve)
            sync_folder(folder)
        except OSError:
            os.close(self._fd)
            path.unlink()
            raise

    @staticmethod
    def _create(path: Path, reserve: Reserve) -> int:
        try:
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
        except OSError as error:
            # Not even room for a name: that of a spare is there already.
            if error.errno not in NO_ROOM or not reserve.take(path):
                raise
            return os.open(path, os.O_RDWR)

    def _preallocate(self, path: Path, reserve: Reserve) -> None:
        try:
            os.posix_fallocate(self._fd, 0, self.capacity_bytes)
        except OSError as error:
            if error.errno not in _NO_PREALLOCATION:
                raise
            os.ftruncate(self._fd, 0)  # give back what was had of the blocks
            if error.errno not in NO_ROOM:
                return
            if not reserve.take(path):
                reserve.note_full()
                return
            spare = os.open(path, os.O_RDWR)
            os.close(self._fd)
            self._fd = spare

    @property
    def has_records(self) -> bool:
        """True when at least one record is in it."""
        return self.offset > len(MAGIC)

    def room_for(self, size: int) -> bool:
        """True when `size` bytes more do not carry the segment past its capacity."""
        return self.offset + size <= self.capacity_bytes

    def write(self, records: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write records behind the last one.

        Returns:
            How many of them are whole in the file, and the error that stopped it, if any;
            a record that was written half is cut off again.
        """
        error: OSError | None = None
        if self.offset == 0:
            error = self._write_magic()
        if error is not None or not records:
            return 0, error
        written, error = _write_all(self._fd, b"".join(records), self.offset)
        count = 0
        end = self.offset
        for record in records:
            if end + len(record) > self.offset + written:
                break
            end += len(record)
            count += 1
        self.offset = end
        if error is not None:
            self._cut()
        return count, error

    def _write_magic(self) -> OSError | None:
        written, error = _write_all(self._fd, MAGIC, 0)
        if written == len(MAGIC):
            # `synced_offset` stays 0: a first sync that fails has this written again, too.
            self.offset = len(MAGIC)
        return error

    def _cut(self) -> None:
        # A reader takes only records with a true checksum, so a failure to cut here does no harm:
        # the next record is written over the torn one.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self.offset)

    def sync(self) -> None:
        """Bring everything written to the disk.

        Raises:
            OSError: it is not known what is on the disk; the records must be written again.
        """
        os.fdatasync(self._fd)
        self.synced_offset = self.offset

    def rewind(self) -> None:
        """Go back behind the last record known to be on disk: the same bytes are written there again."""
        self.offset = self.synced_offset

    def close(self) -> None:
        """Give back the blocks that were not used, and let go of the file."""
        if self.synced_offset == self.offset:
            self._cut()
        os.close(self._fd)


def _write_all(fd: int, data: bytes, at: int) -> tuple[int, OSError | None]:
    """Bytes written, and the error that stopped it before the end."""
    done = 0
    view = memoryview(data)
    while done < len(data):
        try:
            count = os.pwrite(fd, view[done:], at + done)
        except OSError as error:
            return done, error
        if count == 0:
            return done, OSError(errno.EIO, "nothing was written")
        done += count
    return done, None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it such that a power cut takes none of their names away again.

    Raises:
        OSError: one of them cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing:
        sync_folder(place.parent)
    # Somebody else may have made the two nearest just now, and have synced nothing.
    for place in (folder, folder.parent):
        with contextlib.suppress(PermissionError):  # then it is not ours, and was there before
            sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: it cannot be done.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def cut_torn_tail(folder: Path) -> int:
    """Cut what a crash left behind the last whole record of the newest segment.

    Unused preallocated blocks are given back too. Segments before the newest were
    finished by the writer that opened the next one.

    Returns:
        Bytes of torn records that were cut off; 0 after a clean end.

    Raises:
        OSError: the segment cannot be read or cut.
    """
    numbers = segment_numbers(folder)
    if not numbers:
        return 0
    path = segment_path(folder, numbers[-1])
    data = path.read_bytes()
    end = good_end(data)
    torn = len(data[end:].rstrip(b"\0"))
    if len(data) > end:
        fd = os.open(path, os.O_RDWR)
        try:
            os.ftruncate(fd, end)
            os.fsync(fd)
        finally:
            os.close(fd)
    return torn
