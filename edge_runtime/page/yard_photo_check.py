"""Whether an uploaded file is a picture that the yard can use: looked at before anything else opens it.

Size and turn are read from the file's head by hand, so that a file that claims to be 60,000 pixels wide is
refused before memory is taken for it; then it is decoded for good. A photo that a phone took on its side is
written upright, because boxes are of pixels as they are stored. Neighbour: `yard_photos_api`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.images import decode_image
from edge_runtime.page.errors import PageError
from edge_runtime.whole_file import whole_file
from vision.errors import ImageError

#: no camera of a phone takes more
PIXELS_MAX = 120_000_000
SIDE_MAX_PX, SIDE_MIN_PX = 30_000, 64
_JPEG_QUALITY = 95
_PNG = b"\x89PNG\r\n\x1a\n"
#: of JPEG: start of frame, but for tables (C4), arithmetic (CC) and the reserved one (C8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _EXIF = 0xDA, 0xE1
_ORIENTATION_TAG, _UPRIGHT = 0x0112, 1


@dataclass(frozen=True, slots=True)
class PhotoHead:
    """What a file's head says: suffix that fits it, size in pixels, how it is to be turned (EXIF, 1..8)."""

    suffix: str
    width_px: int
    height_px: int
    turn: int = _UPRIGHT


def read_head(data: bytes) -> PhotoHead | None:
    """The head of a JPEG or PNG file; None for anything else, whatever it is called."""
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return PhotoHead(".png", width, height)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_head(data)
    return None


def _jpeg_head(data: bytes) -> PhotoHead | None:
    at, turn = 2, _UPRIGHT
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
            if len(segment) < 5:
                return None
            height, width = struct.unpack(">HH", segment[1:5])
            return PhotoHead(".jpg", width, height, turn)
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
        return _UPRIGHT
    start = struct.unpack_from(f"{order}I", tiff, 4)[0]
    if start + 2 > len(tiff):
        return _UPRIGHT
    for index in range(struct.unpack_from(f"{order}H", tiff, start)[0]):
        entry = start + 2 + 12 * index
        if entry + 12 > len(tiff):
            return _UPRIGHT
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == _ORIENTATION_TAG and kind == 3:
            turn: int = struct.unpack_from(f"{order}H", tiff, entry + 8)[0]
            return turn if 1 <= turn <= 8 else _UPRIGHT
    return _UPRIGHT


def check_photo(path: Path, shown: str) -> PhotoHead:
    """Look at an uploaded file; a photo that lies on its side is written upright in its place.

    Args:
        path: the file as it came.
        shown: its name as the person knows it.

    Returns:
        Its head, with the size that it has now.

    Raises:
        PageError: 422 `yard_not_a_picture`, `yard_picture_size`, `yard_picture_damaged`.
        OSError: the disk refused.
    """
    data = path.read_bytes()
    head = read_head(data)
    if head is None:
        raise PageError(
            422,
            "yard_not_a_picture",
            f"'{shown}' is no JPEG or PNG picture, whatever its name",
            {"file": shown},
        )
    sides = (head.width_px, head.height_px)
    if min(sides) < SIDE_MIN_PX or max(sides) > SIDE_MAX_PX or head.width_px * head.height_px > PIXELS_MAX:
        values = {"file": shown, "width": head.width_px, "height": head.height_px}
        raise PageError(
            422, "yard_picture_size", f"'{shown}' is {sides[0]} x {sides[1]} pixels: no photo is", values
        )
    try:
        decode_image(data, where=shown)
    except ImageError as error:
        raise PageError(422, "yard_picture_damaged", str(error), {"file": shown}) from error
    if head.turn == _UPRIGHT:
        return head
    return _upright(path, data, head, shown)


def _upright(path: Path, data: bytes, head: PhotoHead, shown: str) -> PhotoHead:
    turned = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # turns it as EXIF says
    done, packed = (
        (False, None)
        if turned is None
        else cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    )
    if not done or packed is None or turned is None:
        raise PageError(422, "yard_picture_damaged", f"'{shown}' cannot be decoded", {"file": shown})
    with whole_file(path) as part:
        part.write_bytes(packed.tobytes())
    return PhotoHead(head.suffix, turned.shape[1], turned.shape[0], head.turn)
