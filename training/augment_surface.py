"""What lies on the steel and what light does with it: oxide, dust, water, glare, lamp.

Each is an albumentations transform on a grey tile (H, W) uint8 whose rows run across the rail.
Strengths are bounded so that a labelled mark stays visible: nothing here covers or levels more
than specks, and what is laid over an area is multiplied or added, so that contrast below it stays.
Neighbours: `training.augment` puts them in order, `training.augment_fields` draws the fields.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from albumentations import ImageOnlyTransform

from training.augment_fields import field, normal, patches, to_uint8
from vision.types import UInt8Array


class OxidePatches(ImageOnlyTransform):  # type: ignore[misc]
    """Scale and rust: areas that reflect 0.62 to 1.3 times as much, with frayed borders.

    The sharper the border, the fainter the patch: a dark one with a sharp border would be a mark
    that nobody labelled, and teach that such marks are nothing.
    """

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Multiply by the patches' reflectance and a fine texture inside them."""
        rng = self.random_generator
        shape = img.shape[:2]
        softness, darkest = ((0.05, 0.78), (0.15, 0.7), (0.35, 0.62))[int(rng.integers(3))]
        mask = patches(rng, shape, float(rng.uniform(0.15, 0.6)), softness)
        factor = rng.uniform(darkest, 0.93) if rng.random() < 0.7 else rng.uniform(1.08, 1.3)
        texture = normal(rng, shape) * np.float32(rng.uniform(0.0, 0.06))
        gain = 1.0 + mask * (np.float32(factor - 1.0) + texture)
        return to_uint8(np.asarray(img * gain, np.float32))


class Dust(ImageOnlyTransform):  # type: ignore[misc]
    """Dust and sand: a thin veil, and specks of 1 to 3 px, brighter or darker than the steel."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Blend towards the veil's grey, then set the specks."""
        rng = self.random_generator
        height, width = img.shape[:2]
        veil = field(rng, (height, width), (3, 3)) * np.float32(rng.uniform(0.0, 0.25))
        value = img + (np.float32(rng.uniform(90.0, 190.0)) - img) * np.clip(veil, 0.0, 0.3)
        specks = np.zeros((height, width), np.float32)
        count = int(height * width * rng.uniform(0.0005, 0.006))
        rows, columns = rng.integers(height, size=count), rng.integers(width, size=count)
        bright = rng.random(count) < rng.uniform(0.2, 0.9)
        specks[rows, columns] = rng.uniform(30.0, 140.0, count) * np.where(bright, 1.0, -0.6)
        sigma = float(rng.uniform(0.3, 0.9))
        # Blurring spreads a speck's height; what is lost of it is given back in part.
        specks = np.asarray(cv2.GaussianBlur(specks, (5, 5), sigma), np.float32) * np.float32(
            1.0 + 2.0 * sigma
        )
        return to_uint8(np.asarray(value + specks, np.float32))


class Wet(ImageOnlyTransform):  # type: ignore[misc]
    """Water and oil: darker, smoother areas with a few small highlights along the rail."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Darken and smooth the wet area, then add highlights inside it."""
        rng = self.random_generator
        shape = img.shape[:2]
        mask = patches(rng, shape, float(rng.uniform(0.2, 0.9)), float(rng.uniform(0.05, 0.4)))
        smooth = np.asarray(cv2.GaussianBlur(img, (5, 5), 1.0), np.float32)
        share = np.float32(rng.uniform(0.2, 0.6))
        wet = (img * (1.0 - share) + smooth * share) * np.float32(rng.uniform(0.55, 0.85))
        value = img + (wet - img) * mask
        shine = field(rng, shape, (12, 24)) - np.float32(0.92)
        value += np.maximum(shine, 0.0) * mask * _light(img) * np.float32(rng.uniform(200.0, 700.0))
        return to_uint8(np.asarray(value, np.float32))


class Glare(ImageOnlyTransform):  # type: ignore[misc]
    """A reflection: a streak along or across the rail or a spot; its core saturates, its bloom adds light."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Add the reflection's light; only a core of few pixels reaches saturation."""
        rng = self.random_generator
        height, width = img.shape[:2]
        along, across = _far(height, rng)[:, None], _far(width, rng)[None]
        kind = rng.random()
        if kind < 0.45:
            shape = _bell(across, rng.uniform(0.006, 0.025)) * (
                0.4 + 0.6 * _bell(along, rng.uniform(0.2, 1.5))
            )
        elif kind < 0.65:
            shape = _bell(along, rng.uniform(0.006, 0.02)) * (
                0.4 + 0.6 * _bell(across, rng.uniform(0.2, 1.5))
            )
        else:
            shape = _bell(along, rng.uniform(0.015, 0.07)) * _bell(across, rng.uniform(0.015, 0.07))
        bloom = _bell(along, rng.uniform(0.3, 1.0)) * _bell(across, rng.uniform(0.08, 0.3))
        # Steel shines where it reflects: the light follows the tile's own grey in part.
        gain = np.float32(rng.uniform(0.3, 1.0))
        own = gain * img / np.float32(110.0) + (1.0 - gain)
        light = shape * np.float32(rng.uniform(50.0, 160.0)) + bloom * np.float32(rng.uniform(5.0, 40.0))
        return to_uint8(np.asarray(img + light * own, np.float32))


class LampFallOff(ImageOnlyTransform):  # type: ignore[misc]
    """A lamp that lights one side or one end more: a gradient of 0.6 to 1.4 over the tile."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Multiply by a gradient across, along, or both."""
        rng = self.random_generator
        height, width = img.shape[:2]
        gain = np.ones((height, width), np.float32)
        if rng.random() < 0.7:
            gain += np.linspace(-1.0, 1.0, width, dtype=np.float32)[None] * np.float32(rng.uniform(-0.4, 0.4))
        if rng.random() < 0.5:
            gain += np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None] * np.float32(
                rng.uniform(-0.3, 0.3)
            )
        return to_uint8(np.asarray(img * gain, np.float32))


class ColumnGain(ImageOnlyTransform):  # type: ignore[misc]
    """Bands along the rail: running surface, grinding marks, a levelling that missed a column's grey."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Multiply each column by a gain of about 0.75 to 1.25."""
        rng = self.random_generator
        width = img.shape[1]
        wide = field(rng, (2, width), (1, int(rng.integers(3, 9))))[:1] - np.float32(0.5)
        fine = rng.standard_normal((1, width), np.float32)
        gain = 1.0 + wide * np.float32(rng.uniform(0.1, 0.6)) + fine * np.float32(rng.uniform(0.0, 0.05))
        return to_uint8(np.asarray(img * np.clip(gain, 0.6, 1.4), np.float32))


def _light(img: UInt8Array) -> Any:
    """Share of the light that falls on each pixel's place: nothing shines in a black margin."""
    return np.minimum(img.astype(np.float32) / np.float32(60.0), 1.0)


def _far(length: int, rng: np.random.Generator) -> Any:
    """Distance from a random place, in shares of the length."""
    return np.arange(length, dtype=np.float32) / np.float32(length) - np.float32(rng.random())


def _bell(far: Any, width: float) -> Any:
    return np.exp(-0.5 * np.square(far / np.float32(width)))
