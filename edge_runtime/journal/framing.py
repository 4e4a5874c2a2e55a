"""How one journal record lies in its segment file, and how segment files are named.

A segment begins with `MAGIC`; then records follow without gaps: u32 payload length,
u32 CRC32 over length and payload (both little endian), payload. A segment is
preallocated, so that what lies behind its last record is zeros: a length of 0 ends it.
Neighbours: `edge_runtime.journal.writer` and `edge_runtime.journal.reader`.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"FGJRNL1\n"
HEAD_BYTES = 8
#: longest payload taken for a record; a longer length is torn data
PAYLOAD_BYTES_MAX = 8 << 20
_HEAD = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_NAME = re.compile(r"^(\d{8})\.journal$")


@dataclass(frozen=True, slots=True, order=True)
class JournalPosition:
    """A place between two records: segment number from 1 (0: before all), byte offset in its file."""

    segment: int = 0
    offset: int = 0


def frame(payload: bytes) -> bytes:
    """One record around `payload`.

    Raises:
        ValueError: an empty payload, or one longer than `PAYLOAD_BYTES_MAX`.
    """
    if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
        raise ValueError(f"a journal record holds 1 to {PAYLOAD_BYTES_MAX} bytes, got {len(payload)}")
    length = _LENGTH.pack(len(payload))
    return _HEAD.pack(len(payload), zlib.crc32(payload, zlib.crc32(length))) + payload


def record_bytes(data: bytes, at: int) -> int | None:
    """Bytes of the record that claims to begin at `at`; None when none can begin there (end, torn data)."""
    if at + HEAD_BYTES > len(data):
        return None
    length = int(_LENGTH.unpack_from(data, at)[0])
    return HEAD_BYTES + length if 0 < length <= PAYLOAD_BYTES_MAX else None


def unframe(data: bytes, at: int) -> bytes | None:
    """Payload of the whole, undamaged record at `at`, else None."""
    size = record_bytes(data, at)
    if size is None or at + size > len(data):
        return None
    payload = data[at + HEAD_BYTES : at + size]
    crc = int(_HEAD.unpack_from(data, at)[1])
    return payload if zlib.crc32(payload, zlib.crc32(data[at : at + 4])) == crc else None


def segment_path(folder: Path, number: int) -> Path:
    """File of segment `number`."""
    return folder / f"{number:08d}.journal"


def segment_numbers(folder: Path) -> list[int]:
    """Numbers of the segments in `folder`, rising; empty when there is no such folder."""
    if not folder.is_dir():
        return []
    matches = (_NAME.match(path.name) for path in folder.iterdir())
    return sorted(int(match.group(1)) for match in matches if match)


def good_end(data: bytes) -> int:
    """Offset behind the last whole record of a segment's bytes; 0 when not even the magic is whole."""
    if not data.startswith(MAGIC):
        return 0
    at = len(MAGIC)
    while unframe(data, at) is not None:
        at += record_bytes(data, at) or 0
    return at
