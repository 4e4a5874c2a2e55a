"""The newest picture of a camera with what was found in it: header and raw pixels in one message.

Layout of a message: u32 length of the JSON header, header, raw pixels (mono8 or bgr8, rows from the top).
All coordinates are frame pixels.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

_HEAD = struct.Struct("<I")
UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DrawnFinding:
    """A finding; `score` 0..1."""

    label: str
    score: float
    xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DrawnBall:
    """A ball that a part claims in this picture.

    Attributes:
        part: 'epoch-lane-number'.
        state: 'open' (not judged yet), 'accept', 'reject', 'review'.
        reason: word of the gravest reason once judged.
        diameter_mm: mean of this view, None where nothing was measured.
    """

    part: str
    xyxy_px: tuple[float, float, float, float]
    state: str
    reason: str = ""
    diameter_mm: float | None = None
    findings: tuple[DrawnFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class LivePicture:
    """One picture, what was found in it, and when it came."""

    camera: str
    width_px: int
    height_px: int
    channels: int
    frame_number: int
    arrived_mono_ns: int
    arrived_utc_ns: int
    fault: str
    balls: tuple[DrawnBall, ...] = field(default=())


_PICTURE = TypeAdapter(LivePicture)


def pack_picture(picture: LivePicture) -> bytes:
    """Length and header; the pixels follow."""
    text = json.dumps(asdict(picture), separators=(",", ":")).encode("utf-8")
    return _HEAD.pack(len(text)) + text


def unpack_picture(data: bytes) -> tuple[LivePicture, UInt8Array]:
    """Header and pixels, (height, width) or (height, width, channels).

    Raises:
        ValueError: the message is not whole.
    """
    try:
        (length,) = _HEAD.unpack_from(data)
        picture = _PICTURE.validate_json(data[_HEAD.size : _HEAD.size + length])
    except struct.error as error:
        raise ValueError(f"the message is not whole: {error}") from error
    shape: tuple[int, ...] = (picture.height_px, picture.width_px)
    if picture.channels > 1:
        shape += (picture.channels,)
    pixels = np.frombuffer(data, np.uint8, offset=_HEAD.size + length)
    if picture.channels not in (1, 3) or min(shape) < 1 or math.prod(shape) != pixels.size:
        raise ValueError(f"{pixels.size} bytes are no picture of {shape}")
    return picture, pixels.reshape(shape)
