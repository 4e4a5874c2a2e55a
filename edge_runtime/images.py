"""Reading picture files safely: bytes in, a mono8 or bgr8 picture or one clear error out.

Neighbours: `ferrogate inspect`, and whoever reads pictures of a folder. Rules, in this order:

- what has no head of a form named below, or claims more pixels than are taken, never reaches a decoder
  (`vision.image_head`);
- the file is decoded as it is stored: no rotation by EXIF, so boxes fit the stored pixels;
- 16-bit pictures are scaled by full range: 65535 becomes 255 (value / 257, rounded). A 12-bit
  camera that fills the low bits of a 16-bit file comes out dark and fails the checks on light,
  which is right: brightening by guess would hide an underexposed picture;
- an alpha channel is laid over white;
- one channel is mono8, three are bgr8; anything else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.plain_file import NotPlainError, read_plain
from vision.errors import ConfigError, ImageError
from vision.image_head import head_fault
from vision.types import PixelFormat, UInt8Array

#: Suffixes that a folder is searched for; a file named outright may have any.
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
#: Larger files are refused unread (a 16-bit picture of 150 megapixels is 300 MB).
MAX_FILE_BYTES = 400_000_000
#: Pixels whose depth is changed at once: the figures in between take several times their room.
_BAND_PX = 1 << 22


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One decoded picture.

    Attributes:
        image: (H, W) for mono8 or (H, W, 3) for bgr8, uint8.
        pixel_format: which of the two.
        stored_bits: bits per channel in the file, 8 or 16.
        had_alpha: an alpha channel was laid over white.
    """

    image: UInt8Array
    pixel_format: PixelFormat
    stored_bits: int
    had_alpha: bool


def read_image(path: Path) -> ImageFile:
    """Read one picture file.

    Raises:
        ImageError: missing, unreadable, no plain file, empty, too large, not a picture, cut off, or of a
            form not taken.
    """
    return decode_image(_read_bytes(path), where=str(path))


def read_stored(path: Path) -> np.ndarray:
    """Read one picture file as it is stored: (H, W) or (H, W, channels), of the file's own bit depth.

    Raises:
        ImageError: missing, unreadable, empty, too large, not a picture, or cut off.
    """
    return _decode_stored(_read_bytes(path), str(path))


def decode_image(data: bytes, *, where: str) -> ImageFile:
    """Decode a picture file's content.

    Args:
        data: PNG, JPEG, TIFF, BMP, WebP, PGM or PPM.
        where: name of the file, for the error text.

    Raises:
        ImageError: empty, too large, not a picture, cut off, or of a form not taken here.
    """
    pixels, stored_bits = _to_8_bit(_decode_stored(data, where), where)
    pixels, had_alpha = _without_alpha(pixels, where)
    mono = pixels.ndim == 2
    return ImageFile(np.ascontiguousarray(pixels), "mono8" if mono else "bgr8", stored_bits, had_alpha)


def _read_bytes(path: Path) -> bytes:
    try:
        return read_plain(path, MAX_FILE_BYTES)
    except NotPlainError as error:
        raise ImageError(
            str(error.strerror),
            where=str(path),
            todo="name a file that holds a picture; cut or shrink one that is too large",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ImageError(
            f"the picture cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            todo="check the path and the file's rights",
        ) from error


def _decode_stored(data: bytes, where: str) -> np.ndarray:
    if not data:
        raise ImageError(
            "the picture file is empty (0 bytes)",
            where=where,
            todo="take or copy the picture again",
            code="empty",
        )
    _check_head(data, where)
    try:
        raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _undecodable(where, error.err or "decoder error") from error
    if raw is None or raw.size == 0:
        raise _undecodable(where, "unknown format, cut off or corrupt")
    return np.asarray(raw)


def _check_head(data: bytes, where: str) -> None:
    why = head_fault(data)
    if why:
        raise _undecodable(where, why)


def _undecodable(where: str, why: str) -> ImageError:
    return ImageError(
        f"the picture cannot be decoded: {why}",
        where=where,
        todo="take or copy the picture again",
        code="undecodable",
    )


def _to_8_bit(raw: np.ndarray, where: str) -> tuple[UInt8Array, int]:
    if raw.dtype == np.uint8:
        return raw, 8
    if raw.dtype == np.uint16:
        done = np.empty(raw.shape, np.uint8)
        for rows in _bands(raw):
            # round(v / 257) in whole numbers
            done[rows] = (raw[rows].astype(np.uint32) + 128) // 257
        return done, 16
    raise ImageError(
        f"the picture holds {raw.dtype} values; 8 and 16 bits per channel are taken",
        where=where,
        todo="store it as 8-bit or 16-bit PNG",
    )


def _without_alpha(pixels: UInt8Array, where: str) -> tuple[UInt8Array, bool]:
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels == 1:
        return pixels.reshape(pixels.shape[:2]), False
    if channels == 3:
        return pixels, False
    if channels not in (2, 4):
        raise ImageError(
            f"the picture has {channels} channels; 1 to 4 are taken",
            where=where,
            todo="store it as grey or colour",
        )
    laid = np.empty((*pixels.shape[:2], channels - 1), np.uint8)
    for rows in _bands(pixels):
        colour = pixels[rows, :, :-1].astype(np.uint16)
        alpha = pixels[rows, :, -1:].astype(np.uint16)
        laid[rows] = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return (laid[..., 0] if channels == 2 else laid), True


def _bands(pixels: np.ndarray) -> Iterator[slice]:
    """The rows of a picture, as many at once as hold some `_BAND_PX` pixels."""
    step = max(1, _BAND_PX // pixels.shape[1])
    for first in range(0, pixels.shape[0], step):
        yield slice(first, first + step)


def expand_paths(paths: Sequence[str]) -> Iterator[str]:
    """Names of picture files: files as given, folders by the pictures in and below them, in order of name.

    Yields:
        Each path as text, a folder's pictures as `folder/name`. A path that does not exist is yielded too:
        reading it gives the error that belongs to it.

    Raises:
        ConfigError: a folder holds no picture.
    """
    for given in paths:
        folder = Path(given)
        if not folder.is_dir():
            yield given
            continue
        names = sorted(
            str(path)
            for path in folder.rglob("*")
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        )
        if not names:
            raise ConfigError(
                "the folder holds no picture",
                where=given,
                todo=f"give a folder with files ending in {', '.join(sorted(IMAGE_SUFFIXES))}",
            )
        yield from names
