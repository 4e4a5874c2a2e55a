"""What a picture file says of itself in its head, read by hand before a decoder sees the file.

A few hundred bytes can claim to be 60,000 pixels wide, and a decoder takes the memory first and is
disappointed later. So form and size are read here, of the forms that ferrogate takes and of no others: what
has no head that is known here is not handed to a decoder at all. Neighbours: `edge_runtime.images`,
`edge_runtime.cameras.folder` and `datasets.pictures` decode, `edge_runtime.page.yard_photo_check` looks at
uploads.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

#: Pictures of more pixels, or that take more memory once decoded, are refused before they are decoded.
MAX_PIXELS = 150_000_000
MAX_DECODED_BYTES = 1_000_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
#: of JPEG: start of frame, but for tables (C4), arithmetic (CC) and the reserved one (C8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _EXIF = 0xDA, 0xE1
_ORIENTATION_TAG, UPRIGHT = 0x0112, 1
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_SAMPLES = 256, 257, 258, 277
#: TIFF's whole numbers by their kind: SHORT, LONG, LONG8
_TIFF_KINDS = {3: "H", 4: "I", 16: "Q"}
_TIFF_ENTRIES_MAX = 4096
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PNM = re.compile(rb"P([2356])" + _GAP.join((b"", rb"(\d{1,9})", rb"(\d{1,9})", rb"(\d{1,5})")) + rb"\s")


@dataclass(frozen=True, slots=True)
class ImageHead:
    """What a file's head says.

    Attributes:
        suffix: that fits its form, with the point.
        width_px, height_px: as stored, from 0 on.
        turn: how it is to be turned to stand upright (EXIF, 1..8; 1: not at all).
        pixel_bytes: of one pixel once it is decoded as it is stored; the most it can be where the head
            does not say.
    """

    suffix: str
    width_px: int
    height_px: int
    turn: int = UPRIGHT
    pixel_bytes: int = 3

    @property
    def decoded_bytes(self) -> int:
        """Memory that the decoded picture takes."""
        return self.width_px * self.height_px * self.pixel_bytes


def read_head(data: bytes) -> ImageHead | None:
    """The head of a PNG, JPEG, TIFF, BMP, WebP, PGM or PPM file; None for all else, whatever it is called."""
    try:
        return _read_head(data)
    except struct.error:  # cut off before the head ends
        return None


def head_fault(data: bytes) -> str:
    """Why a file is not to be given to a decoder, in words; '' where it may be."""
    head = read_head(data)
    if head is None:
        return "unknown format, cut off or corrupt"
    size = f"{head.width_px} x {head.height_px} pixels"
    if not head.width_px or not head.height_px:
        return f"its head says {size}"
    if head.width_px * head.height_px > MAX_PIXELS or head.decoded_bytes > MAX_DECODED_BYTES:
        return (
            f"its head says {size} of {head.pixel_bytes} bytes, at most {MAX_PIXELS} pixels and "
            f"{MAX_DECODED_BYTES} bytes are taken"
        )
    return ""


def _read_head(data: bytes) -> ImageHead | None:
    if data.startswith(_PNG) and data[12:16] == b"IHDR":
        width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
        return ImageHead(".png", width, height, pixel_bytes=_PNG_CHANNELS.get(colour, 4) * (1 + (depth > 8)))
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return _tiff(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    found = _PNM.match(data[:4096])
    if found is None:
        return None
    kind, width, height, largest = (int(text) for text in found.groups())
    channels, suffix = (1, ".pgm") if kind in (2, 5) else (3, ".ppm")
    return ImageHead(suffix, width, height, pixel_bytes=channels * (1 + (largest > 255)))


def _jpeg(data: bytes) -> ImageHead | None:
    at, turn = 2, UPRIGHT
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        if marker in _FRAMES:
            if len(segment) < 6:
                return None
            bits, height, width, channels = struct.unpack_from(">BHHB", segment)
            return ImageHead(".jpg", width, height, turn, max(1, channels) * (1 + (bits > 8)))
        if marker == _START_OF_SCAN or length < 2:
            return None
        if marker == _EXIF and segment.startswith(b"Exif\0\0"):
            turn = _turn(segment[6:])
        at += 2 + length
    return None


def _turn(tiff: bytes) -> int:
    """Orientation of an EXIF block, 1..8; 1 where it says none or makes no sense."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return UPRIGHT
    start = struct.unpack_from(f"{order}I", tiff, 4)[0]
    if start + 2 > len(tiff):
        return UPRIGHT
    for index in range(struct.unpack_from(f"{order}H", tiff, start)[0]):
        entry = start + 2 + 12 * index
        if entry + 12 > len(tiff):
            return UPRIGHT
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == _ORIENTATION_TAG and kind == 3:
            turn: int = struct.unpack_from(f"{order}H", tiff, entry + 8)[0]
            return turn if 1 <= turn <= 8 else UPRIGHT
    return UPRIGHT


def _tiff(data: bytes) -> ImageHead | None:
    """Of its first page; classic TIFF and BigTIFF."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in {b"+\0", b"\0+"}
    start = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, 8 if big else 4)[0]
    entries = struct.unpack_from(f"{order}Q" if big else f"{order}H", data, start)[0]
    if entries > _TIFF_ENTRIES_MAX:
        return None
    size, first, place = (20, 8, 12) if big else (12, 2, 8)
    values: dict[int, int] = {}
    for index in range(entries):
        entry = start + first + size * index
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in values:  # which one counts is anybody's guess
            return None
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_SAMPLES) and kind in _TIFF_KINDS:
            count = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, entry + 4)[0]
            at = entry + place
            if count * struct.calcsize(_TIFF_KINDS[kind]) > size - place:  # it lies elsewhere
                at = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, at)[0]
            values[tag] = struct.unpack_from(f"{order}{_TIFF_KINDS[kind]}", data, at)[0]
    if _TIFF_WIDTH not in values or _TIFF_HEIGHT not in values:
        return None
    # Colour tables and black-and-white are decoded as colour.
    channels = max(3, values.get(_TIFF_SAMPLES, 1))
    sample_bytes = max(1, -(-values.get(_TIFF_BITS, 1) // 8))
    pixel_bytes = min(channels * sample_bytes, 1 << 10)
    return ImageHead(".tiff", values[_TIFF_WIDTH], values[_TIFF_HEIGHT], pixel_bytes=pixel_bytes)


def _bmp(data: bytes) -> ImageHead | None:
    size = struct.unpack_from("<I", data, 14)[0]
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    elif size >= 36:
        width, height = struct.unpack_from("<ii", data, 18)
    else:
        return None
    # A negative height: its rows begin at the top.
    return None if width < 0 else ImageHead(".bmp", width, abs(height), pixel_bytes=4)


def _webp(data: bytes) -> ImageHead | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low, high = struct.unpack_from("<HB", data, 24), struct.unpack_from("<HB", data, 27)
        return ImageHead(".webp", 1 + low[0] + (low[1] << 16), 1 + high[0] + (high[1] << 16), pixel_bytes=4)
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        bits = struct.unpack_from("<I", data, 21)[0]
        return ImageHead(".webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), pixel_bytes=4)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageHead(".webp", width & 0x3FFF, height & 0x3FFF, pixel_bytes=4)
    return None
