"""Drawn silhouettes with a known truth, for checking the measurement.

The generator must be unbiased: a pixel's value is the share of it that the shape covers,
found by point sampling (256 jittered points in every pixel that the edge may touch), never
by filling a polygon. Blur, light gradient, dust, noise and 8-bit rounding follow in the order
in which a camera adds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vision.metrology.types import Float64Array

#: Points per pixel side in the pixels that the edge may cross.
_GRID = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """A nearly round outline r(t) = R + oval/4 cos 2(t - a) + lobe/2 cos 3(t - b), in px.

    Attributes:
        centre_xy_px: where it lies.
        diameter_px: 2 R.
        oval_px: largest minus smallest width of the second harmonic alone.
        lobe3_px: peak to valley of the third harmonic (no caliper sees it).
        oval_phase_rad, lobe3_phase_rad: a and b.
        flat_depth_px: depth of a chord cut off at angle `flat_phase_rad`; 0: none.
        flat_phase_rad: direction of the chord's normal.
    """

    centre_xy_px: tuple[float, float]
    diameter_px: float
    oval_px: float = 0.0
    lobe3_px: float = 0.0
    oval_phase_rad: float = 0.0
    lobe3_phase_rad: float = 0.0
    flat_depth_px: float = 0.0
    flat_phase_rad: float = 0.0

    def radius_px(self, angle_rad: Float64Array) -> Float64Array:
        """Distance of the edge from the centre at these angles (rad, from +x towards +y)."""
        radius = (
            self.diameter_px / 2.0
            + self.oval_px / 4.0 * np.cos(2.0 * (angle_rad - self.oval_phase_rad))
            + self.lobe3_px / 2.0 * np.cos(3.0 * (angle_rad - self.lobe3_phase_rad))
        )
        if self.flat_depth_px > 0.0:
            across = np.cos(angle_rad - self.flat_phase_rad)
            reach = self.diameter_px / 2.0 - self.flat_depth_px
            with np.errstate(divide="ignore"):
                chord = np.where(across > 1e-6, reach / np.maximum(across, 1e-6), np.inf)
            radius = np.minimum(radius, chord)
        return np.asarray(radius, np.float64)


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the picture is taken.

    Attributes:
        blur_sigma_px: Gaussian blur.
        noise_sd: grey levels, added after blur, before rounding.
        background, ball: grey levels; a ball may be brighter than its background.
        gradient_share: light falls by this share from one side of the picture to the other.
        gradient_rad: direction in which it falls.
        dust_share: share of the outline that dark dust hides.
        motion_px: length of a motion along x during the exposure.
    """

    blur_sigma_px: float = 1.0
    noise_sd: float = 2.0
    background: float = 230.0
    ball: float = 23.0
    gradient_share: float = 0.0
    gradient_rad: float = 0.0
    dust_share: float = 0.0
    motion_px: float = 0.0


def coverage(shape: Shape, height_px: int, width_px: int, rng: np.random.Generator) -> Float64Array:
    """(H, W) float64, 0..1: share of each pixel inside the shape, by point sampling."""
    cx, cy = shape.centre_xy_px
    x = np.arange(width_px) + 0.5 - cx
    y = np.arange(height_px) + 0.5 - cy
    xx, yy = np.meshgrid(x, y)
    distance = np.hypot(xx, yy) - shape.radius_px(np.arctan2(yy, xx))
    share = (distance < 0.0).astype(np.float64)
    # A pixel's corners lie within 0.71 px of its middle; flats meet rays at up to 60 degrees.
    near_y, near_x = np.nonzero(np.abs(distance) < 3.0)
    step = (np.arange(_GRID) + 0.0) / _GRID
    for dy in step:
        jitter = rng.uniform(0.0, 1.0 / _GRID, (2, _GRID, len(near_x)))
        px = near_x + step[:, None] + jitter[0] - cx
        py = near_y + dy + jitter[1] - cy
        inside = np.hypot(px, py) < shape.radius_px(np.arctan2(py, px))
        part = inside.mean(axis=0) / _GRID
        if dy == 0.0:
            share[near_y, near_x] = part
        else:
            share[near_y, near_x] += part
    return np.asarray(share, np.float64)


def draw(
    shape: Shape, height_px: int, width_px: int, exposure: Exposure, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """(H, W) uint8: one picture of the shape."""
    share = coverage(shape, height_px, width_px, rng)
    if exposure.dust_share > 0.0:
        share = np.maximum(share, _dust(shape, height_px, width_px, exposure.dust_share, rng))
    grey: Float64Array = exposure.background + (exposure.ball - exposure.background) * share
    if exposure.motion_px > 0.0:
        grey = _moved(grey, exposure.motion_px)
    if exposure.blur_sigma_px > 0.0:
        size = 2 * int(np.ceil(5.0 * exposure.blur_sigma_px)) + 1
        kernel = (size, size)
        blurred = cv2.GaussianBlur(grey, kernel, exposure.blur_sigma_px, borderType=cv2.BORDER_REPLICATE)
        grey = np.asarray(blurred, np.float64)
    if exposure.gradient_share > 0.0:
        x = (np.arange(width_px) + 0.5) / width_px
        y = (np.arange(height_px) + 0.5) / height_px
        xx, yy = np.meshgrid(x - 0.5, y - 0.5)
        along = xx * np.cos(exposure.gradient_rad) + yy * np.sin(exposure.gradient_rad)
        grey = grey * (1.0 - exposure.gradient_share * (along - along.min()) / np.ptp(along))
    noisy = grey + rng.normal(0.0, exposure.noise_sd, grey.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _dust(
    shape: Shape, height_px: int, width_px: int, share: float, rng: np.random.Generator
) -> Float64Array:
    """(H, W) 0..1: dark specks on the outline until they hide `share` of it."""
    cover = np.zeros((height_px, width_px))
    hidden, circumference = 0.0, np.pi * shape.diameter_px
    while hidden < share * circumference:
        left = share * circumference - hidden
        radius = min(float(rng.uniform(0.005, 0.015)) * shape.diameter_px, left / 2.0 + 0.5)
        angle = float(rng.uniform(0.0, 2.0 * np.pi))
        reach = float(shape.radius_px(np.array([angle]))[0]) + float(rng.uniform(-0.3, 0.6)) * radius
        x = shape.centre_xy_px[0] + reach * np.cos(angle)
        y = shape.centre_xy_px[1] + reach * np.sin(angle)
        px, py = np.meshgrid(np.arange(width_px) + 0.5 - x, np.arange(height_px) + 0.5 - y)
        cover = np.maximum(cover, np.clip(radius - np.hypot(px, py) + 0.5, 0.0, 1.0))
        hidden += 2.0 * radius
    return cover


def _moved(grey: Float64Array, length_px: float) -> Float64Array:
    """Mean of the picture over a shift of -length/2 .. length/2 along x."""
    steps = max(8, int(np.ceil(length_px * 8)))
    total = np.zeros_like(grey)
    for shift in (np.arange(steps) + 0.5) / steps * length_px - length_px / 2.0:
        matrix = np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]])
        total += cv2.warpAffine(
            grey, matrix, grey.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    moved: Float64Array = total / steps
    return moved
