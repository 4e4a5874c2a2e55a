"""What cameras add: exposure, rows of line scanners, noise, missing margins.

Each is an albumentations transform on a grey tile (H, W) uint8 whose rows are the scanner's
lines. Neighbours: `training.augment` puts them in order, `training.augment_fields` draws noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from albumentations import ImageOnlyTransform

from training.augment_fields import normal, to_uint8
from vision.types import UInt8Array


class Exposure(ImageOnlyTransform):  # type: ignore[misc]
    """A picture taken too dark or too bright.

    Dark: the tile as a camera saw it at mean grey `dark_grey`, with shot noise and whole greys, gained
    up again by a levelling (`levelled`) or left darker. Bright: highlights clip at the sensor's end.

    Args:
        levelled: the tile comes from a levelled strip: its brightness is brought back. Otherwise the
            picture stays as dark or as bright as the exposure made it, at most 3 times darker.
        p: probability.
    """

    def __init__(self, *, levelled: bool, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.levelled = levelled

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Down to the dark or up into saturation."""
        rng = self.random_generator
        mean = max(8.0, float(img[::4, ::4].mean()))
        if rng.random() < 0.6:
            # Log-uniform: as many tiles between 9 and 18 greys (3 to 5 bits in use) as between 18 and 36.
            dark_grey = min(mean, float(np.exp(rng.uniform(np.log(9.0), np.log(45.0)))))
            seen = img * np.float32(dark_grey / mean)
            # Shot noise: variance grows with light; 0.02 to 0.15 greys squared per grey.
            seen = seen + np.sqrt(seen + 1.0) * np.float32(np.sqrt(rng.uniform(0.02, 0.15))) * normal(
                rng, img.shape[:2]
            )
            back = mean / dark_grey
            if not self.levelled:
                back = min(back, float(rng.uniform(1.0, 3.0)) * max(1.0, back / 3.0))
            return to_uint8(np.asarray(np.maximum(np.rint(seen), 0.0) * np.float32(back), np.float32))
        gain = rng.uniform(1.2, 1.9 if self.levelled else 1.4)
        bright = np.minimum(img * np.float32(gain), 255.0)
        back = 1.0 / gain if self.levelled else 1.0
        return to_uint8(np.asarray(bright * np.float32(back), np.float32))


class RowBanding(ImageOnlyTransform):  # type: ignore[misc]
    """Rows of a line scanner that differ in gain: flicker of the lamp, jitter of the exposure."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Multiply each row by a gain; with a lamp's period or at random."""
        rng = self.random_generator
        height = img.shape[0]
        gain = 1.0 + rng.standard_normal(height, np.float32) * np.float32(rng.uniform(0.0, 0.06))
        if rng.random() < 0.5:
            period = rng.uniform(3.0, 60.0)
            gain += np.float32(rng.uniform(0.02, 0.12)) * np.sin(
                np.arange(height, dtype=np.float32) * np.float32(2.0 * np.pi / period)
                + np.float32(rng.uniform(0.0, 6.28))
            )
        return to_uint8(np.asarray(img * gain[:, None].astype(np.float32), np.float32))


class RowSlip(ImageOnlyTransform):  # type: ignore[misc]
    """Rows lost or taken twice by a line scanner whose encoder slips; boxes move by at most 3 px."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Read rows with a slip that wanders between -3 and 3."""
        rng = self.random_generator
        height = img.shape[0]
        steps = np.zeros(height, np.int64)
        where = rng.integers(height, size=int(rng.integers(1, 7)))
        steps[where] = rng.integers(-1, 2, size=len(where))
        slip = np.clip(np.cumsum(steps), -3, 3)
        return np.ascontiguousarray(img[np.clip(np.arange(height) + slip, 0, height - 1)])


class SensorNoise(ImageOnlyTransform):  # type: ignore[misc]
    """Read noise of 0.5 to 9 greys, and now and then fixed columns that are a little off."""

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Add the noise."""
        rng = self.random_generator
        value = img + normal(rng, img.shape[:2]) * np.float32(rng.uniform(0.5, 9.0))
        if rng.random() < 0.3:
            value += rng.standard_normal((1, img.shape[1]), np.float32) * np.float32(rng.uniform(0.5, 4.0))
        return to_uint8(np.asarray(value, np.float32))


class SideMargin(ImageOnlyTransform):  # type: ignore[misc]
    """A sensor that shows the head alone: what lies beside it is black, or flat and dim.

    At most `most_share` of the width on either side, so that no mark on the head is lost.

    Args:
        most_share: of the tile's width.
        p: probability.
    """

    def __init__(self, *, most_share: float = 0.12, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.most_share = most_share

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Fill one or both margins."""
        rng = self.random_generator
        width = img.shape[1]
        made = img.copy()
        grey = 0 if rng.random() < 0.6 else int(rng.integers(1, 70))
        sides = rng.random()
        most = int(self.most_share * width)
        if sides < 0.7:
            made[:, : int(rng.integers(1, most + 1))] = grey
        if sides > 0.3:
            made[:, width - int(rng.integers(1, most + 1)) :] = grey
        return made
