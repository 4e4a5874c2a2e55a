"""Reads, writes and lists picture files of data sets: 8-bit grey or colour, exactly as stored.

Neighbours: importers and builders read here; what the line reads goes through
`edge_runtime.images`, which this room may not import.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.errors import DataError
from vision.image_head import head_fault
from vision.types import UInt8Array

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})


def read_picture(path: Path) -> UInt8Array:
    """One picture as stored, without rotation by EXIF: (H, W) grey or (H, W, 3) BGR, uint8.

    Raises:
        DataError: missing, empty, not a picture, cut off, or of a form that no data set here holds.
    """
    todo = "copy the file again, or take it out of the set"
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"the picture cannot be read: {reason}", where=str(path), todo=todo) from error
    flags = cv2.IMREAD_UNCHANGED
    try:
        fault = head_fault(data) if data else ""
        if fault:
            what = f"the file is no picture, or is cut off, or too large: {fault}"
            raise DataError(what, where=str(path), todo=todo)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise DataError(f"the picture cannot be decoded: {error.err}", where=str(path), todo=todo) from error
    if pixels is None:
        what = "the picture file is empty" if not data else "the file is no picture, or is cut off"
        raise DataError(what, where=str(path), todo=todo)
    if pixels.dtype != np.uint8 or (pixels.ndim == 3 and pixels.shape[2] != 3):
        form = f"{pixels.dtype}, shape {pixels.shape}"
        raise DataError(
            f"the picture is {form}; data sets hold 8-bit grey or colour",
            where=str(path),
            todo="store it as 8-bit grey or colour without transparency",
        )
    return np.asarray(pixels, np.uint8)


def grey(pixels: UInt8Array) -> UInt8Array:
    """The picture in grey, (H, W)."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def write_png(path: Path, pixels: UInt8Array) -> None:
    """Write one picture as PNG; the same pixels give the same bytes.

    Raises:
        DataError: it cannot be written, for instance on a full disk.
    """
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise DataError("the picture cannot be packed as PNG", where=str(path), todo="report this picture")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise DataError(
            f"the picture cannot be written: {error.strerror or error}",
            where=str(path),
            todo="make room on the disk, check the folder's rights",
        ) from error


def list_pictures(folder: Path) -> list[Path]:
    """All picture files in and below a folder, in order of name."""
    return sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    )
