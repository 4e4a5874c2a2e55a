"""Drawn pictures with known truth: anti-aliased, blurred, noisy balls and frames of a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import Float32Array, UInt8Array

BACKGROUND, BALL, MARK = 200.0, 80.0, 35.0
MARKS = ((60.0, 12.0, 6.0), (590.0, 12.0, 6.0), (160.0, 228.0, 6.0), (480.0, 228.0, 6.0))
#: x, y -> inside? on continuous coordinates
Shape = Callable[[Float32Array, Float32Array], npt.NDArray[np.bool_]]


def disc(cx: float, cy: float, diameter_px: float) -> Shape:
    """A disc."""
    return lambda x, y: np.hypot(x - cx, y - cy) <= diameter_px / 2.0


def ellipse(cx: float, cy: float, width_px: float, height_px: float) -> Shape:
    """An ellipse along the axes."""
    return lambda x, y: ((x - cx) / width_px) ** 2 + ((y - cy) / height_px) ** 2 <= 0.25


def half_disc(cx: float, cy: float, diameter_px: float) -> Shape:
    """The left half of a disc."""
    return lambda x, y: (np.hypot(x - cx, y - cy) <= diameter_px / 2.0) & (x <= cx)


def flat_disc(cx: float, cy: float, diameter_px: float, depth_px: float) -> Shape:
    """A disc that lacks `depth_px` at its right."""
    return lambda x, y: (
        (np.hypot(x - cx, y - cy) <= diameter_px / 2.0) & (x <= cx + diameter_px / 2.0 - depth_px)
    )


def necked_disc(cx: float, cy: float, diameter_px: float, neck_px: float) -> Shape:
    """A disc with a stub of `neck_px` length and twice that width on top."""

    def inside(x: Float32Array, y: Float32Array) -> npt.NDArray[np.bool_]:
        stub = (np.abs(x - cx) <= neck_px) & (y <= cy) & (y >= cy - diameter_px / 2.0 - neck_px)
        whole: npt.NDArray[np.bool_] = (np.hypot(x - cx, y - cy) <= diameter_px / 2.0) | stub
        return whole

    return inside


def draw(
    width_px: int,
    height_px: int,
    shapes: Sequence[tuple[Shape, float]] = (),
    *,
    background: float = BACKGROUND,
    blur_px: float = 1.0,
    noise: float = 2.0,
    seed: int = 0,
) -> UInt8Array:
    """(H, W) uint8: shapes of a grey level each, area-sampled 5 x 5, blurred, with noise."""
    fine = 5
    y, x = np.mgrid[0 : height_px * fine, 0 : width_px * fine].astype(np.float32)
    x, y = (x + 0.5) / fine, (y + 0.5) / fine
    level = np.full(x.shape, background, np.float32)
    for inside, grey in shapes:
        level[inside(x, y)] = grey
    picture = level.reshape(height_px, fine, width_px, fine).mean(axis=(1, 3))
    return _exposed(picture, blur_px, noise, seed)


def _exposed(level: Float32Array, blur_px: float, noise: float, seed: int) -> UInt8Array:
    """Grey levels as a camera gives them: blurred, noisy, whole numbers."""
    if blur_px > 0:
        level = np.asarray(cv2.GaussianBlur(level, (0, 0), blur_px), np.float32)
    noisy = level + np.random.default_rng(seed).normal(0.0, noise, level.shape)
    rounded: UInt8Array = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return rounded


def line_frame(
    balls: Sequence[tuple[float, float, float]] = ((320.0, 120.0, 160.0),),
    marks: Sequence[tuple[float, float, float]] = MARKS,
    *,
    background: float = BACKGROUND,
    blur_px: float = 1.0,
    noise: float = 2.0,
    seed: int = 0,
) -> UInt8Array:
    """(240, 640) uint8: a frame of the ball line with marks (x, y, radius) and balls (x, y, diameter)."""
    y, x = np.mgrid[0:240, 0:640].astype(np.float32) + np.float32(0.5)
    level = np.full(x.shape, background, np.float32)
    discs = [(mark[0], mark[1], mark[2], MARK) for mark in marks]
    discs += [(ball[0], ball[1], ball[2] / 2.0, BALL) for ball in balls]
    for cx, cy, radius, grey in discs:
        # Share of the pixel that the disc covers, near enough for discs of some pixels.
        cover = np.clip(0.5 + radius - np.hypot(x - cx, y - cy), 0.0, 1.0)
        level = level * (1.0 - cover) + grey * cover
    return _exposed(level.astype(np.float32), blur_px, noise, seed)
