"""A ring of fixed-size slots in shared memory: one writer process, one reader process.

Frames cross process borders here, never pickled. The writer never waits: when the
reader is too slow the oldest slots are overwritten, and the reader learns how many
it lost from the entry numbers. A UNIX datagram socket beside the ring wakes the
reader, so that it needs no busy polling.

Slot layout: u64 entry number + 1 (0 while it is being written), u32 header length,
u32 payload length, header (JSON), payload (raw bytes).
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_MAGIC = 0x46475249  # "FGRI"
_RING_HEAD = struct.Struct("<IIQ")  # magic, slots, slot bytes
_SLOT_HEAD = struct.Struct("<QII")
_HEADER_BYTES = 512

UInt8Array = npt.NDArray[np.uint8]


class RingError(OSError):
    """The ring is not there, or an entry does not fit a slot."""


def picture_ring_name(station: str) -> str:
    """Name of the ring in which a station hands pictures to its recorder."""
    return f"{station}-pictures"


def remove_ring(name: str) -> None:
    """Remove a ring that its writer has left, or died with."""
    memory_path(name).unlink(missing_ok=True)
    Path(_wake_path(name)).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RingEntry:
    """One entry: its number from 0, its header, its payload (copied), and entries lost just before it."""

    number: int
    header: dict[str, object]
    payload: UInt8Array
    lost_before: int


def _wake_path(name: str) -> str:
    return str(Path(tempfile.gettempdir()) / f"{name}.wake")


def memory_path(name: str) -> Path:
    """File of a named piece of shared memory.

    A plain file on the memory file system: unlike multiprocessing's SharedMemory no
    tracker process removes it behind the back of a reader or a killed writer.
    """
    return Path("/dev/shm") / name


def _mapped(fd: int, size: int) -> mmap.mmap:
    # Populated at once: no page faults between two frames, and a process whose size stands still.
    return mmap.mmap(fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)


def create_memory(name: str, size: int) -> mmap.mmap:
    """New zeroed shared memory; a stale one of that name is replaced."""
    path = memory_path(name)
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        os.ftruncate(fd, size)
        return _mapped(fd, size)
    finally:
        os.close(fd)


def open_memory(name: str) -> mmap.mmap:
    """Shared memory that another process created.

    Raises:
        RingError: there is none of that name.
    """
    try:
        fd = os.open(memory_path(name), os.O_RDWR)
    except OSError as error:
        raise RingError(f"there is no shared memory '{name}'") from error
    try:
        size = os.fstat(fd).st_size
        if size == 0:
            raise RingError(f"the shared memory '{name}' is still being made")
        return _mapped(fd, size)
    finally:
        os.close(fd)


class RingWriter:
    """Creates the ring and writes into it.

    Args:
        name: unique on this machine.
        slots: entries kept.
        payload_bytes: largest payload.
    """

    def __init__(self, name: str, slots: int, payload_bytes: int) -> None:
        self.name = name
        self.slots = slots
        self.slot_bytes = _SLOT_HEAD.size + _HEADER_BYTES + payload_bytes
        self.payload_bytes = payload_bytes
        size = _RING_HEAD.size + slots * self.slot_bytes
        self._memory = create_memory(name, size)
        self._view = memoryview(self._memory)
        _RING_HEAD.pack_into(self._view, 0, _MAGIC, slots, self.slot_bytes)
        self._wake = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wake.setblocking(False)
        self.written = 0

    def write(self, header: Mapping[str, object], payload: UInt8Array) -> int:
        """Write one entry, overwriting the oldest; returns its number.

        Args:
            header: small JSON object.
            payload: contiguous uint8 array, any shape.

        Raises:
            RingError: header or payload too large for a slot.
        """
        text = json.dumps(header, separators=(",", ":")).encode("utf-8")
        data = payload.reshape(-1)
        if len(text) > _HEADER_BYTES or data.nbytes > self.payload_bytes:
            raise RingError(f"entry of {len(text)} + {data.nbytes} bytes does not fit ring {self.name}")
        start = _RING_HEAD.size + (self.written % self.slots) * self.slot_bytes
        body = start + _SLOT_HEAD.size
        _SLOT_HEAD.pack_into(self._view, start, 0, len(text), data.nbytes)
        self._view[body : body + len(text)] = text
        body += _HEADER_BYTES
        self._view[body : body + data.nbytes] = np.ascontiguousarray(data).data
        struct.pack_into("<Q", self._view, start, self.written + 1)
        self.written += 1
        # Nobody listening, or a reader with a full queue: it will look at the ring anyway.
        with contextlib.suppress(OSError):
            self._wake.sendto(b"1", _wake_path(self.name))
        return self.written - 1

    def close(self, *, leave: bool = False) -> None:
        """Remove the ring; `leave` it for a reader that is not through yet (`remove_ring` later)."""
        self._wake.close()
        self._view.release()
        self._memory.close()
        if not leave:
            remove_ring(self.name)


class RingReader:
    """Reads a ring that another process writes. Starts at the newest entry.

    Raises:
        RingError: no such ring.
    """

    def __init__(self, name: str, *, from_start: bool = False) -> None:
        self.name = name
        self._memory = open_memory(name)
        self._view = memoryview(self._memory)
        size = len(self._view)
        magic, self.slots, self.slot_bytes = (
            _RING_HEAD.unpack_from(self._view, 0) if size >= _RING_HEAD.size else (0, 0, 0)
        )
        self._payload_bytes_max = self.slot_bytes - _SLOT_HEAD.size - _HEADER_BYTES
        fits = _RING_HEAD.size + self.slots * self.slot_bytes <= size
        if magic != _MAGIC or not self.slots or self._payload_bytes_max < 0 or not fits:
            self.close_memory()
            raise RingError(f"'{name}' is not a frame ring")
        self._wake = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wake_file = _wake_path(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._wake_file)
        self._wake.bind(self._wake_file)
        self.next = 0 if from_start else self._newest()
        self._lost = 0

    def _number(self, slot: int) -> int:
        return int(struct.unpack_from("<Q", self._view, _RING_HEAD.size + slot * self.slot_bytes)[0])

    def _newest(self) -> int:
        return max(self._number(slot) for slot in range(self.slots))

    def read(self, timeout_s: float) -> RingEntry | None:
        """Next entry, waiting at most `timeout_s`; None when none came.

        Raises:
            ValueError: the entry is none, its lengths or header cannot be; the next call goes on behind it.
        """
        entry = self._take()
        if entry is not None:
            return entry
        self._wake.settimeout(max(timeout_s, 1e-6))
        with contextlib.suppress(TimeoutError, BlockingIOError):
            self._wake.recv(1)
        return self._take()

    def _take(self) -> RingEntry | None:
        while True:
            start = _RING_HEAD.size + (self.next % self.slots) * self.slot_bytes
            number, header_bytes, payload_bytes = _SLOT_HEAD.unpack_from(self._view, start)
            if number < self.next + 1:
                return None
            if number > self.next + 1:
                # Overwritten: the oldest entry that is still whole comes next.
                oldest = max(self.next + 1, self._newest() - self.slots)
                self._lost += oldest - self.next
                self.next = oldest
                continue
            whole = header_bytes <= _HEADER_BYTES and payload_bytes <= self._payload_bytes_max
            body = start + _SLOT_HEAD.size
            text = bytes(self._view[body : body + header_bytes]) if whole else b""
            body += _HEADER_BYTES
            payload = np.frombuffer(self._view, np.uint8, payload_bytes if whole else 0, body).copy()
            if self._number(self.next % self.slots) != self.next + 1:
                continue  # overwritten while it was copied
            self.next += 1
            if not whole:
                raise ValueError(f"entry {self.next - 1} claims {header_bytes} + {payload_bytes} bytes")
            header = _header(text)
            # Kept until an entry carries it out: the next slot may just be being written.
            lost, self._lost = self._lost, 0
            return RingEntry(self.next - 1, header, payload, lost)

    def close_memory(self) -> None:
        """Let go of the memory (it stays, it is the writer's)."""
        self._view.release()
        self._memory.close()

    def close(self) -> None:
        """Let go of ring and socket."""
        self._wake.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._wake_file)
        self.close_memory()


def _header(text: bytes) -> dict[str, object]:
    """An entry's header.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        header = json.loads(text)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError(f"the header is no object: {text[:40]!r}")
    return header
