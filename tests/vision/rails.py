"""Pictures of rails drawn by code: heads of any width, place and light, on dark or rough ground.

All are drawn upright, rows across the rail, and grey; `turned` and `coloured` make the other kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vision.contract import ModelContract
from vision.types import Detections, UInt8Array

#: x1, y1, x2, y2 in pixels of the picture
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Rail:
    """A head `width` wide from column `left(y)` on; `level` its grey, `edge` the share of it at its rims."""

    width: float
    left: Callable[[np.ndarray], np.ndarray]
    level: float
    edge: float = 0.7
    band: float = 0.6
    """Share of the width that the brighter running band takes."""

    def shade(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """(grey of the head, where it lies) for each pixel."""
        y, x = np.mgrid[:height, :width].astype(np.float64) + 0.5
        place = (x - self.left(y)) / self.width
        inside = (place >= 0.0) & (place < 1.0)
        rim = np.clip((np.abs(place - 0.5) * 2.0 - self.band) / max(0.05, 1.0 - self.band), 0.0, 1.0)
        return self.level * (1.0 - (1.0 - self.edge) * rim), inside


def straight(left: float, slope: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """A rail that begins at `left` and goes sideways by `slope` pixels a row."""
    return lambda y: left + slope * y


def wandering(left: float, reach: float, length: float) -> Callable[[np.ndarray], np.ndarray]:
    """A rail that swings by `reach` pixels to either side once in `length` rows."""
    return lambda y: left + reach * np.sin(2.0 * np.pi * y / length)


def dark_ground(height: int, width: int, rng: np.random.Generator, level: float = 3.0) -> np.ndarray:
    """Ground without light."""
    return np.abs(rng.normal(level, level / 2.0, (height, width)))


def stones(
    height: int, width: int, rng: np.random.Generator, level: float = 150.0, size: int = 24
) -> np.ndarray:
    """Ballast in the sun: rough at the size of stones, sleepers across it."""
    coarse = rng.uniform(0.4, 1.4, (height // size + 2, width // size + 2)).astype(np.float32)
    ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST) * level
    ground[(np.arange(height) // (5 * size)) % 3 == 0] *= 0.75
    return np.asarray(ground + rng.normal(0.0, 6.0, (height, width)))


def draw(
    height: int,
    width: int,
    rail: Rail,
    ground: np.ndarray | None = None,
    *,
    seed: int = 1,
    noise: float = 0.04,
    light: Callable[[np.ndarray], np.ndarray] | None = None,
    marks: tuple[Box, ...] = (),
    mark_grey: float = 0.05,
) -> UInt8Array:
    """Draw a picture; `noise` and `mark_grey` in shares of the head's grey, `light` a factor per row."""
    rng = np.random.default_rng(seed)
    grey, inside = rail.shade(height, width)
    picture = np.where(inside, grey, grey if ground is None else ground)
    streaks = rng.normal(1.0, noise, (1, width))
    picture = np.where(inside, picture * streaks * rng.normal(1.0, noise, (height, width)), picture)
    for x1, y1, x2, y2 in marks:
        picture[y1:y2, x1:x2] = mark_grey * rail.level
    if light is not None:
        picture = picture * light(np.arange(height) + 0.5)[:, None]
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def coloured(grey: UInt8Array, tint: tuple[float, float, float] = (0.8, 0.95, 1.1)) -> UInt8Array:
    """The same in colour, rusty by default (blue, green, red)."""
    return np.asarray(np.clip(grey[..., None] * np.array(tint), 0, 255), np.uint8)


class SpotDetector:
    """A plain detector: what is much darker than the levelled head, and lies on it, is a defect.

    `dirt_from`: rows a spot must be high to be called dirt. It sees a tile and nothing else, as a model does.
    """

    def __init__(self, contract: ModelContract, dirt_from: float = 1e9) -> None:
        self.contract = contract
        self.tiles: list[UInt8Array] = []
        self._dirt_from = dirt_from

    def detect(self, image: UInt8Array, min_score: float = 0.05) -> Detections:
        """Boxes of dark spots; the score is how dark they are."""
        self.tiles.append(image)
        assert self.contract.rail is not None
        side, head = image.shape[1], self.contract.rail.head_px
        dark = (image < 55).astype(np.uint8)
        dark[:, : (side - head) // 2 + 6] = 0
        dark[:, (side + head) // 2 - 6 :] = 0
        count, _, stats, _ = cv2.connectedComponentsWithStats(dark)
        rows = []
        for x, y, w, h, area in stats[1:count]:
            if area >= 12:
                score = 1.0 - float(image[y : y + h, x : x + w].mean()) / 255.0
                rows.append((x, y, x + w, y + h, score, float(h >= self._dirt_from)))
        table = np.array(sorted(rows, key=lambda row: -row[4]), np.float32).reshape(-1, 6)
        table = table[table[:, 4] >= min_score]
        return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), self.contract.labels)
