"""Shapes that the ball generator does not know, drawn without bias, and the truth about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from vision.metrology.types import BoolArray, Float64Array
from vision.types import UInt8Array

#: Whether points lie inside a shape: (x, y) -> bool, arrays of one form.
Inside = Callable[[Float64Array, Float64Array], BoolArray]

BACKGROUND, BALL = 230.0, 23.0
_GRID = 8


def disc(x_px: float, y_px: float, diameter_px: float) -> Inside:
    return lambda x, y: np.hypot(x - x_px, y - y_px) < diameter_px / 2.0


def polygon(x_px: float, y_px: float, radius_px: float, corners: int, turn_rad: float = 0.2) -> Inside:
    """Regular polygon by its corners' circle."""
    apothem = radius_px * np.cos(np.pi / corners)

    def inside(x: Float64Array, y: Float64Array) -> BoolArray:
        angle = np.arctan2(y - y_px, x - x_px) - turn_rad
        sector = 2.0 * np.pi / corners
        return np.asarray(np.hypot(x - x_px, y - y_px) * np.cos((angle % sector) - sector / 2.0) < apothem)

    return inside


def half_disc(x_px: float, y_px: float, diameter_px: float) -> Inside:
    whole = disc(x_px, y_px, diameter_px)
    return lambda x, y: whole(x, y) & ((x - x_px) * 0.9553 + (y - y_px) * 0.2955 > 0.0)


def crumb(x_px: float, y_px: float, radius_px: float) -> Inside:
    """A lump whose outline waves by a third of its radius."""

    def inside(x: Float64Array, y: Float64Array) -> BoolArray:
        angle = np.arctan2(y - y_px, x - x_px)
        edge = 1.0 + 0.17 * np.cos(2 * angle + 1) + 0.12 * np.cos(3 * angle) + 0.12 * np.cos(5 * angle + 2)
        return np.asarray(np.hypot(x - x_px, y - y_px) < radius_px * edge)

    return inside


def necked(x_px: float, y_px: float, diameter_px: float, wide_px: float, high_px: float) -> Inside:
    """A ball with a stub of a neck towards -y."""
    ball = disc(x_px, y_px, diameter_px)
    top = y_px - diameter_px / 2.0 - high_px
    return lambda x, y: ball(x, y) | ((np.abs(x - x_px) < wide_px / 2.0) & (y < y_px) & (y > top))


def together(*shapes: Inside) -> Inside:
    def inside(x: Float64Array, y: Float64Array) -> BoolArray:
        return np.asarray(np.any([shape(x, y) for shape in shapes], axis=0))

    return inside


def picture(
    inside: Inside | None,
    height_px: int = 300,
    width_px: int = 340,
    *,
    background: float | Float64Array = BACKGROUND,
    ball: float = BALL,
    blur_px: float = 1.0,
    noise_sd: float = 2.0,
    specks: Sequence[tuple[float, float, float, float]] = (),
    seed: int = 11,
) -> UInt8Array:
    """(H, W) uint8. `specks`: x, y, radius (px) and grey level of what lies on the picture."""
    rng = np.random.default_rng(seed)
    share = np.zeros((height_px, width_px))
    y, x = np.mgrid[:height_px, :width_px].astype(np.float64)
    if inside is not None:
        for row in range(_GRID):
            for column in range(_GRID):
                jitter = rng.uniform(0.0, 1.0 / _GRID, (2, height_px, width_px))
                share += inside(x + column / _GRID + jitter[0], y + row / _GRID + jitter[1])
    grey = background + (ball - background) * share / _GRID**2
    for at_x, at_y, radius, level in specks:
        cover = np.clip(radius - np.hypot(x + 0.5 - at_x, y + 0.5 - at_y) + 0.5, 0.0, 1.0)
        grey = grey * (1.0 - cover) + level * cover
    if blur_px > 0.0:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), blur_px), np.float64)
    return np.clip(np.rint(grey + rng.normal(0.0, noise_sd, grey.shape)), 0, 255).astype(np.uint8)
