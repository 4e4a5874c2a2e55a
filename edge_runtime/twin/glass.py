"""What faults do to a finished picture: oil and dust on the glass, a knocked camera."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.twin.settings import PX_PER_D, REFERENCE_D_MM

UInt8Array = npt.NDArray[np.uint8]

KNOCK_MM40 = 5.0
KNOCK_PX = (KNOCK_MM40 / REFERENCE_D_MM * PX_PER_D, 6.0)
_OIL_SIGMA_PX = 5.0
_OIL_KEEP = 0.55
_OIL_VEIL = 75.0
_DUST_SPECKS = 24


def oil_film(frame: UInt8Array) -> UInt8Array:
    """Blurred and veiled."""
    blurred = cv2.GaussianBlur(frame, (0, 0), _OIL_SIGMA_PX)
    veiled: UInt8Array = cv2.convertScaleAbs(blurred, alpha=_OIL_KEEP, beta=_OIL_VEIL)  # type: ignore[assignment]
    return veiled


def dust_mask(height_px: int, width_px: int, seed: int) -> UInt8Array:
    """(H, W) uint8 transmission (255 clear) of a dirty glass: blurred dark specks."""
    rng = np.random.default_rng([seed, 0xD057])
    mask = np.full((height_px, width_px), 255, np.uint8)
    for _ in range(_DUST_SPECKS):
        centre = (int(rng.integers(width_px)), int(rng.integers(20, height_px - 20)))
        cv2.circle(mask, centre, int(rng.integers(3, 10)), int(rng.integers(90, 190)), -1, cv2.LINE_AA)
    soft: UInt8Array = cv2.GaussianBlur(mask, (0, 0), 2.0)  # type: ignore[assignment]
    return soft


def dust_on_glass(frame: UInt8Array, mask: UInt8Array) -> UInt8Array:
    """Seen through a dirty glass."""
    dusty: UInt8Array = cv2.multiply(frame, mask, scale=1.0 / 255.0)  # type: ignore[assignment]
    return dusty


def knocked(frame: UInt8Array) -> UInt8Array:
    """The picture of a camera that looks beside its place."""
    matrix = np.array([[1.0, 0.0, KNOCK_PX[0]], [0.0, 1.0, KNOCK_PX[1]]])
    size = (frame.shape[1], frame.shape[0])
    moved: UInt8Array = cv2.warpAffine(frame, matrix, size, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return moved
