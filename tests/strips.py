"""Drawn strips of a bench channel with steel balls, for the tests of the virtual photo-eye."""

from __future__ import annotations

import cv2
import numpy as np

from vision.types import UInt8Array

GREEN_BGR = (90, 190, 60)


def draw_strip(
    centres_x: list[float], *, height: int = 60, width: int = 640, radius: float = 15.0, seed: int = 1
) -> UInt8Array:
    """A coloured channel with white edges, and steel balls: grey, dark at the rim, a lamp's spot on top."""
    rng = np.random.default_rng(seed)
    strip = np.empty((height, width, 3), np.float32)
    strip[:] = GREEN_BGR
    strip[: height // 12] = 235.0
    strip[-(height // 12) :] = 235.0
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    for centre in centres_x:
        distance = np.hypot(x - centre, y - height / 2) / radius
        level = 190.0 - 130.0 * distance
        spot = np.hypot(x - centre + radius / 4, y - height / 2 + radius / 3) < radius / 4
        strip[distance <= 1.0] = level[distance <= 1.0, None]
        strip[spot] = 250.0
    blurred = cv2.GaussianBlur(strip, (0, 0), 0.8)
    return np.clip(blurred + rng.normal(0.0, 4.0, strip.shape), 0, 255).astype(np.uint8)
