"""A live picture as the browser gets it: length, JSON header, JPEG. Made once, however many look.

Layout: u32 little-endian length of the header, header (UTF-8 JSON), JPEG. A big picture is scaled
down; the header keeps the frame's own size, and boxes are frame pixels. Neighbour: `picture_feed`.
"""

from __future__ import annotations

import json
import math
import struct
import time
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from edge_runtime.live.pictures import LivePicture, UInt8Array, unpack_picture

JPEG_QUALITY = 80
#: wider pictures are scaled down: no tablet at the line shows more
WIDTH_MAX_PX = 1280
#: up to so many pixel values a picture takes under 2 ms and is encoded on the spot (640 x 240: 0.3 ms)
INLINE_VALUES_MAX = 700_000
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Sent:
    """When a picture goes out, by both clocks."""

    utc_ns: int
    mono_ns: int

    @classmethod
    def now(cls) -> Sent:
        """Now."""
        return cls(time.time_ns(), time.monotonic_ns())


class PictureError(ValueError):
    """A message that holds no picture we know how to show."""


def open_picture(data: bytes) -> tuple[LivePicture, UInt8Array]:
    """Header and pixels of a message of the station's mailbox.

    Raises:
        PictureError: it is not one of this version's.
    """
    try:
        return unpack_picture(data)
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise PictureError(f"the live picture cannot be understood: {error}") from error


def browser_message(picture: LivePicture, pixels: UInt8Array, sent: Sent) -> bytes:
    """The message for browsers.

    Args:
        picture: its header.
        pixels: (height, width) or (height, width, 3) BGR.
        sent: now; the header says how old the picture is already, so that an old one is not taken for live.

    Raises:
        PictureError: the pixels cannot be encoded.
    """
    try:
        good, jpeg = cv2.imencode(".jpg", _fitting(pixels), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error as error:
        raise PictureError(f"the live picture cannot be encoded: {error}") from error
    if not good:
        raise PictureError("the live picture cannot be encoded")
    header = {
        "camera": picture.camera,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "frame_number": picture.frame_number,
        "arrived_utc_ms": picture.arrived_utc_ns / 1e6,
        "sent_utc_ms": sent.utc_ns / 1e6,
        "age_ms": max(0.0, (sent.mono_ns - picture.arrived_mono_ns) / 1e6),
        "fault": picture.fault,
        "balls": [asdict(ball) for ball in picture.balls],
    }
    text = json_text(header).encode("utf-8")
    return _LENGTH.pack(len(text)) + text + jpeg.tobytes()


def _fitting(pixels: UInt8Array) -> UInt8Array:
    height, width = pixels.shape[:2]
    if width <= WIDTH_MAX_PX:
        return pixels
    size = (WIDTH_MAX_PX, max(1, round(height * WIDTH_MAX_PX / width)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def json_text(value: Any) -> str:
    """JSON that every browser reads: figures that are no numbers become null."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def finite(value: Any) -> Any:
    """The same value with None in place of NaN and infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
