"""Running surfaces of rails, drawn by formulas: reflectance without any mark.

Neighbours: `strips` and `rail` put light on it and marks into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.synthetic.rails.noise import fractal, smooth_noise, soft_step
from vision.types import Float32Array


@dataclass(frozen=True, slots=True)
class SteelStyle:
    """How a running surface looks. Contrasts are shares of its level; sizes in millimetres."""

    band_centre: float
    """Middle of the bright running band, share of the head's width; `band_width` likewise."""
    band_width: float
    edge_level: float
    """Level beside the running band over the level on it."""
    lanes: float
    """Contrast of fine lines along the rail."""
    streaks: float
    """Contrast of short streaks across, as line scanners show them."""
    grain: float
    patches: float
    """Contrast of slow change along the rail."""
    specks: float
    """Share of the surface that is specked."""
    rust: float
    """Contrast of the rough skin beside the band."""


def draw_style(rng: np.random.Generator) -> SteelStyle:
    """A style by chance, wide enough for worn, rusty, ground and new rails."""
    return SteelStyle(
        band_centre=float(rng.uniform(0.35, 0.65)),
        band_width=float(rng.uniform(0.45, 1.3)),
        edge_level=float(rng.uniform(0.35, 1.0)),
        lanes=float(rng.uniform(0.01, 0.1)),
        streaks=float(rng.uniform(0.0, 0.12)),
        grain=float(rng.uniform(0.01, 0.14)),
        patches=float(rng.uniform(0.01, 0.08)),
        specks=float(rng.choice([0.0, rng.uniform(0.0, 0.01)])),
        rust=float(rng.uniform(0.0, 0.25)),
    )


def draw_steel(
    shape: tuple[int, int], px_per_mm: tuple[float, float], style: SteelStyle, rng: np.random.Generator
) -> Float32Array:
    """Reflectance (h, w) float32 round 1 of a head that fills the picture's width.

    Args:
        shape: rows, columns.
        px_per_mm: along the rail, across it.
        style: how it looks.
        rng: source of every draw.
    """
    height, width = shape
    along, across = px_per_mm
    x = (np.arange(width, dtype=np.float32) + 0.5) / np.float32(width)
    way = 0.03 * smooth_noise((height, 1), (400.0 * along, 1.0), rng)
    away = np.abs(x[None] - np.float32(style.band_centre) - way) / np.float32(style.band_width / 2.0)
    off = soft_step(np.asarray(away, np.float32), 0.75, 1.15)
    level = 1.0 - off * np.float32(1.0 - style.edge_level)
    lanes = fractal((1, width), (1.0, 4.0 * across), rng, octaves=4, roughness=0.8)
    lanes = lanes + 0.7 * smooth_noise(shape, (120.0 * along, 0.8 * across), rng)
    field = 1.0 + style.lanes * lanes
    field += style.patches * fractal(shape, (60.0 * along, 25.0 * across), rng)
    if style.streaks > 0.0:
        field += style.streaks * smooth_noise(shape, (max(1.0, 0.35 * along), 2.5 * across), rng)
    field += style.grain * rng.standard_normal(shape, dtype=np.float32)
    field += off * style.rust * fractal(shape, (2.5 * along, 2.5 * across), rng)
    if style.specks > 0.0:
        field *= 1.0 - _specks(shape, px_per_mm, style.specks, rng)
    return np.asarray(np.clip(level * field, 0.05, 2.0), np.float32)


def _specks(
    shape: tuple[int, int], px_per_mm: tuple[float, float], share: float, rng: np.random.Generator
) -> Float32Array:
    """Tiny dark dots that every used rail has: below what anybody would label."""
    dots = smooth_noise(shape, (max(1.0, 0.6 * px_per_mm[0]), max(1.0, 0.8 * px_per_mm[1])), rng)
    limit = float(np.quantile(dots[:: max(1, shape[0] // 256)], 1.0 - share))
    return 0.5 * soft_step(dots, limit, limit + 0.5)


def blur_along(grey: Float32Array, sigma_px: float) -> Float32Array:
    """Blur of a lens, both ways alike; nothing below a third of a pixel."""
    if sigma_px < 0.33:
        return grey
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma_px), np.float32)
