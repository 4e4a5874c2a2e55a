"""One slot in shared memory, newest only: one writer, any number of readers, nobody waits.

Two buffers and a counter: the writer fills the buffer that is not the newest, then counts up; a reader
copies the newest and takes it only when the counter has not moved meanwhile. A reader tells
the writer that somebody looks (`want`), so that a station without viewers copies no picture. Counts on a
processor that keeps the order of stores (x86-64), as the rings do.

Layout: u32 magic, u32 capacity, u64 counter, i64 wanted (monotonic ns); two buffers of u32 length and bytes.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import time
from pathlib import Path

from edge_runtime.shm_ring import RingError, create_memory, memory_path, open_memory

_MAGIC = 0x46474D42  # "FGMB"
_HEAD = struct.Struct("<IIQq")
_COUNTER_AT = 8
_WANTED_AT = 16
_LENGTH = struct.Struct("<I")
#: an interest that was not renewed for this long has gone
WANTED_FOR_NS = 2_000_000_000
_TRIES = 8


def status_box_name(station: str) -> str:
    """Mailbox of a station's status."""
    return f"{station}-status"


def picture_box_name(station: str, camera: str) -> str:
    """Mailbox of the newest picture of one camera."""
    return f"{station}-live-{camera}"


def _wake_path(name: str) -> str:
    return str(Path(tempfile.gettempdir()) / f"{name}.wake")


class MailboxWriter:
    """Makes the mailbox and overwrites what is in it.

    Args:
        name: unique on this machine.
        capacity: largest message, bytes.
    """

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self._memory = create_memory(name, _HEAD.size + 2 * (_LENGTH.size + capacity))
        self._inode = _inode(name)
        self._view = memoryview(self._memory)
        self._counter = 0
        _HEAD.pack_into(self._view, 0, _MAGIC, capacity, 0, 0)
        self._wake = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wake.setblocking(False)

    @property
    def wanted(self) -> bool:
        """Somebody has looked lately."""
        (wanted_ns,) = struct.unpack_from("<q", self._view, _WANTED_AT)
        return 0 <= time.monotonic_ns() - wanted_ns < WANTED_FOR_NS if wanted_ns else False

    def write(self, *parts: bytes | memoryview) -> None:
        """Overwrite the slot with the joined parts.

        Raises:
            RingError: they do not fit.
        """
        length = sum(len(part) for part in parts)
        if length > self.capacity:
            raise RingError(f"{length} bytes do not fit mailbox {self.name} of {self.capacity}")
        start = self._buffer(self._counter + 1)
        _LENGTH.pack_into(self._view, start, length)
        at = start + _LENGTH.size
        for part in parts:
            self._view[at : at + len(part)] = part
            at += len(part)
        self._counter += 1
        struct.pack_into("<Q", self._view, _COUNTER_AT, self._counter)
        with contextlib.suppress(OSError):  # nobody listens
            self._wake.sendto(b"1", _wake_path(self.name))

    def _buffer(self, counter: int) -> int:
        return _HEAD.size + (counter % 2) * (_LENGTH.size + self.capacity)

    def close(self) -> None:
        """Remove it, unless a station that was started meanwhile has made its own of this name."""
        self._wake.close()
        self._view.release()
        self._memory.close()
        with contextlib.suppress(RingError):
            if _inode(self.name) == self._inode:
                memory_path(self.name).unlink(missing_ok=True)


def _inode(name: str) -> int:
    try:
        return memory_path(name).stat().st_ino
    except FileNotFoundError as error:
        raise RingError(f"there is no mailbox '{name}'") from error


class MailboxReader:
    """Reads a mailbox that another process writes.

    Raises:
        RingError: there is none of that name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        # Before it is opened: should another take its place between the two, this one counts as replaced.
        self._inode = _inode(name)
        self._memory = open_memory(name)
        self._view = memoryview(self._memory)
        magic, self.capacity, _, _ = (
            _HEAD.unpack_from(self._view, 0) if len(self._view) >= _HEAD.size else (0, 0, 0, 0)
        )
        if magic != _MAGIC or len(self._view) < _HEAD.size + 2 * (_LENGTH.size + self.capacity):
            self.close()
            raise RingError(f"'{name}' is not a mailbox")

    @property
    def counter(self) -> int:
        """Messages written so far."""
        return int(struct.unpack_from("<Q", self._view, _COUNTER_AT)[0])

    @property
    def replaced(self) -> bool:
        """The writer has gone, or another one has made the mailbox anew: open it again."""
        try:
            return memory_path(self.name).stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def want(self) -> None:
        """Tell the writer that somebody looks; renew it at least once a second."""
        struct.pack_into("<q", self._view, _WANTED_AT, time.monotonic_ns())

    def read(self) -> bytes | None:
        """The newest message, or None before the first one."""
        for _ in range(_TRIES):
            counter = self.counter
            if counter == 0:
                return None
            start = _HEAD.size + (counter % 2) * (_LENGTH.size + self.capacity)
            (length,) = _LENGTH.unpack_from(self._view, start)
            if length <= self.capacity:
                data = bytes(self._view[start + _LENGTH.size : start + _LENGTH.size + length])
                # Once the counter has moved the writer may be at work in the buffer just copied.
                if self.counter == counter:
                    return data
        return None

    def close(self) -> None:
        """Let go of the memory (it stays, it is the writer's)."""
        self._view.release()
        self._memory.close()


class MailboxWake:
    """Wakes one reader process when something is written; at most one per mailbox.

    `fileno` can be given to an event loop; `clear` takes the wake-ups that wait.
    """

    def __init__(self, name: str) -> None:
        self._path = _wake_path(name)
        Path(self._path).unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self._path)

    def fileno(self) -> int:
        """For `loop.add_reader`."""
        return self._socket.fileno()

    def clear(self) -> None:
        """Take what waits."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        Path(self._path).unlink(missing_ok=True)
