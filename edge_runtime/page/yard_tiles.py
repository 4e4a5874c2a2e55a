"""Tiles of a rail's strips in every scale, cut from the strips' pictures when they are asked for.

Level z shows 2^z rows and columns of the strip per pixel. Fine levels are cut from the pictures themselves,
coarse ones from a small copy of the whole strip that is made once and kept on the disk: the first view of a
rail of 50,000 rows needs one or two tiles of it. Neighbours: `yard_strips` knows the files, `yard_tiles_api`
has the routes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.images import read_image
from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_strips import Strip, StripFile
from edge_runtime.whole_file import whole_file
from vision.errors import ImageError
from vision.types import UInt8Array

TILE_PX = 512
#: from this level on tiles come from the small copy
COARSE_LEVEL = 3
COARSE = 1 << COARSE_LEVEL
LEVEL_MAX = 12
CACHE_FOLDER = "page_cache"
#: decoded pictures that are kept: some parts of a strip, or two or three photos
KEPT_BYTES = 128 * 1024 * 1024
_QUALITY = 86
#: a crop's longer side
CROP_MAX_PX = 900
_CROP_ASK_MAX_PX = 20_000


def level_count(strip: Strip) -> int:
    """Levels after which the whole strip fits into one tile's length; at least 1."""
    longest, level = max(strip.rows, strip.width_px), 0
    while longest > TILE_PX << level and level < LEVEL_MAX:
        level += 1
    return level + 1


class TileShop:
    """Cuts tiles; may be used by many threads.

    Args:
        storage: the station's storage folder; small copies lie in its `page_cache`.
    """

    def __init__(self, storage: Path) -> None:
        self._cache = storage / CACHE_FOLDER
        self._kept: OrderedDict[str, UInt8Array] = OrderedDict()
        self._lock = threading.Lock()

    def tile(self, strip: Strip, level: int, column: int, row: int) -> bytes:
        """One tile as JPEG, smaller at the strip's right and lower edge.

        Args:
            strip: of which.
            level: 0: a pixel for a pixel.
            column, row: number of the tile across and along the rail.

        Raises:
            PageError: there is no such tile, or its pictures are gone (404).
        """
        gone = PageError(404, "picture_unknown", "the strip has no such tile")
        if not 0 <= level < level_count(strip):
            raise gone
        first_x, first_y = column * TILE_PX << level, row * TILE_PX << level
        if not 0 <= first_x < strip.width_px or not 0 <= first_y < strip.rows:
            raise gone
        last_x = min(strip.width_px, first_x + (TILE_PX << level))
        last_y = min(strip.rows, first_y + (TILE_PX << level))
        if level < COARSE_LEVEL:
            pixels = self._region(strip, first_x, first_y, last_x, last_y)
            scale = 1 << level
        else:
            small = self.coarse(strip)
            pixels = small[first_y // COARSE : -(-last_y // COARSE), first_x // COARSE : -(-last_x // COARSE)]
            scale = 1 << (level - COARSE_LEVEL)
        if scale > 1:
            size = (max(1, -(-pixels.shape[1] // scale)), max(1, -(-pixels.shape[0] // scale)))
            pixels = _as_uint8(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        return _jpeg(pixels)

    def crop(self, strip: Strip, xyxy_px: tuple[float, float, float, float]) -> bytes:
        """A part of the strip as JPEG, in strip pixels (x as in `MapBox`), shrunk to `CROP_MAX_PX`.

        Raises:
            PageError: nothing of it lies on the strip, or it is too much (404).
        """
        x1, y1 = int(xyxy_px[0]) - strip.left_px, int(xyxy_px[1])
        x2, y2 = int(-(-xyxy_px[2] // 1)) - strip.left_px, int(-(-xyxy_px[3] // 1))
        x1, y1 = max(0, x1), max(0, y1)
        x2, y2 = min(strip.width_px, x2), min(strip.rows, y2)
        if x1 >= x2 or y1 >= y2 or max(x2 - x1, y2 - y1) > _CROP_ASK_MAX_PX:
            raise PageError(404, "picture_unknown", "the strip has no such part")
        pixels = self._region(strip, x1, y1, x2, y2)
        longest = max(pixels.shape[:2])
        if longest > CROP_MAX_PX:
            scale = CROP_MAX_PX / longest
            size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
            pixels = _as_uint8(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        return _jpeg(pixels)

    def has_coarse(self, strip: Strip) -> bool:
        """Whether the small copy is made."""
        return self._coarse_file(strip).is_file()

    def coarse(self, strip: Strip) -> UInt8Array:
        """The small copy, an eighth of the strip each way; made and written at the first call.

        Raises:
            PageError: the strip's pictures are gone (404).
        """
        path = self._coarse_file(strip)
        with self._lock:
            kept = self._take(str(path))
            if kept is not None:
                return kept
            found = _read(path) if path.is_file() else None
            if found is None:
                found = self._make_coarse(strip)
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as part:
                    part.write_bytes(_packed(found, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]))
            self._keep(str(path), found)
            return found

    def _coarse_file(self, strip: Strip) -> Path:
        return self._cache / f"{strip.key}.png"

    def _make_coarse(self, strip: Strip) -> UInt8Array:
        colour = False
        pieces: list[tuple[int, UInt8Array]] = []
        width = -(-strip.width_px // COARSE)
        height = -(-strip.rows // COARSE)
        for file in strip.files:
            pixels = self._picture(file)
            first = file.first_row // COARSE
            last = min(height, max(first + 1, -(-(file.first_row + file.rows) // COARSE)))
            size = (width, last - first)
            pieces.append((first, _as_uint8(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))))
            colour = colour or pixels.ndim == 3
        whole = np.zeros((height, width, 3) if colour else (height, width), np.uint8)
        for first, piece in pieces:
            whole[first : first + piece.shape[0]] = _like(piece, colour)
        return whole

    def _region(self, strip: Strip, x1: int, y1: int, x2: int, y2: int) -> UInt8Array:
        """A part of the strip in full resolution; black where no picture shows it."""
        touched = [file for file in strip.files if file.first_row < y2 and file.first_row + file.rows > y1]
        pieces = []
        for file in touched:
            with self._lock:
                pixels = self._picture(file)
            top, bottom = max(y1, file.first_row), min(y2, file.first_row + file.rows)
            pieces.append((top, pixels[top - file.first_row : bottom - file.first_row, x1:x2]))
        colour = any(piece.ndim == 3 for _, piece in pieces)
        whole = np.zeros((y2 - y1, x2 - x1, 3) if colour else (y2 - y1, x2 - x1), np.uint8)
        for top, piece in pieces:
            shown = _like(piece, colour)
            whole[top - y1 : top - y1 + shown.shape[0], : shown.shape[1]] = shown
        return whole

    def _picture(self, file: StripFile) -> UInt8Array:
        """One picture's pixels; the lock is held."""
        key = str(file.path)
        kept = self._take(key)
        if kept is None:
            kept = _read(file.path)
            if kept is None:
                raise PageError(404, "picture_unknown", "a picture of the strip is gone or damaged")
            self._keep(key, kept)
        return kept

    def _take(self, key: str) -> UInt8Array | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def _keep(self, key: str, pixels: UInt8Array) -> None:
        self._kept[key] = pixels
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)


def _read(path: Path) -> UInt8Array | None:
    """A picture as it is stored, which is what boxes are of; None where it is gone or damaged."""
    try:
        return read_image(path).image
    except ImageError:
        return None


def _like(piece: UInt8Array, colour: bool) -> UInt8Array:
    if colour and piece.ndim == 2:
        return _as_uint8(cv2.cvtColor(piece, cv2.COLOR_GRAY2BGR))
    return piece


def _jpeg(pixels: UInt8Array) -> bytes:
    return _packed(pixels, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def _packed(pixels: UInt8Array, form: str, options: list[int]) -> bytes:
    done, data = cv2.imencode(form, pixels, options)
    if not done:
        raise PageError(500, "internal", "a picture could not be packed")
    return data.tobytes()


def _as_uint8(image: object) -> UInt8Array:
    """What OpenCV gives back, as the type it is."""
    found: UInt8Array = np.asarray(image, np.uint8)
    return found
