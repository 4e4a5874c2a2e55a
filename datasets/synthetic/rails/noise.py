"""Random fields that steel and marks are drawn with.

Neighbours: `steel` makes rails of them, the `marks_*` modules make edges ragged with them.
"""

from __future__ import annotations

import cv2
import numpy as np

from vision.types import Float32Array


def smooth_noise(
    shape: tuple[int, int], cell_yx_px: tuple[float, float], rng: np.random.Generator
) -> Float32Array:
    """Noise of mean 0 and about unit deviation whose features are `cell_yx_px` large.

    Args:
        shape: rows, columns.
        cell_yx_px: size of a feature along rows and columns, pixels; below 1 counts as 1.
        rng: source of every draw.
    """
    rows = max(2, round(shape[0] / max(1.0, cell_yx_px[0])) + 2)
    columns = max(2, round(shape[1] / max(1.0, cell_yx_px[1])) + 2)
    coarse = rng.standard_normal((min(rows, shape[0] + 2), min(columns, shape[1] + 2)), dtype=np.float32)
    way = cv2.INTER_CUBIC if max(cell_yx_px) > 1.5 else cv2.INTER_LINEAR
    field = np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=way), np.float32)
    deviation = float(field.std())
    return field / np.float32(max(deviation, 1e-6))


def fractal(
    shape: tuple[int, int],
    cell_yx_px: tuple[float, float],
    rng: np.random.Generator,
    *,
    octaves: int = 3,
    roughness: float = 0.55,
) -> Float32Array:
    """Sum of `octaves` smooth fields, each half as large and `roughness` times as strong; unit deviation."""
    field = np.zeros(shape, np.float32)
    strength = 1.0
    cell_y, cell_x = cell_yx_px
    for _ in range(octaves):
        field += np.float32(strength) * smooth_noise(shape, (cell_y, cell_x), rng)
        strength *= roughness
        cell_y, cell_x = cell_y / 2.0, cell_x / 2.0
    return field / np.float32(max(float(field.std()), 1e-6))


def soft_step(field: Float32Array, low: float, high: float) -> Float32Array:
    """0 below `low`, 1 above `high`, smooth between (cubic); falls instead where `low` > `high`."""
    share = np.clip((field - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def grid_mm(shape: tuple[int, int], px_per_mm: float) -> tuple[Float32Array, Float32Array]:
    """Millimetres from the middle: `y` as (rows, 1), `x` as (1, columns)."""
    y = (np.arange(shape[0], dtype=np.float32) + 0.5 - shape[0] / 2.0) / np.float32(px_per_mm)
    x = (np.arange(shape[1], dtype=np.float32) + 0.5 - shape[1] / 2.0) / np.float32(px_per_mm)
    return y[:, None], x[None, :]


def blob(
    shape: tuple[int, int],
    size_yx: tuple[float, float],
    rng: np.random.Generator,
    *,
    ragged: float,
    cell: float,
) -> Float32Array:
    """Inside of an uneven ellipse: distance-like field, above 0 inside, about 1 in the middle.

    Args:
        shape: rows, columns.
        size_yx: half axes, pixels.
        rng: source of every draw.
        ragged: deviation of the outline as a share of the half axes.
        cell: size of a bay of the outline, pixels.
    """
    y, x = grid_mm(shape, 1.0)
    radius = np.sqrt((y / np.float32(size_yx[0])) ** 2 + (x / np.float32(size_yx[1])) ** 2)
    # Line scanners draw marks longer across the rail than along it.
    rough = fractal(shape, (cell, cell * 1.6), rng, octaves=4, roughness=0.65)
    return np.asarray(1.0 - radius + np.float32(ragged) * rough, np.float32)


def draw_lines(shape: tuple[int, int], lines: list[np.ndarray], widths_px: list[float]) -> Float32Array:
    """Coverage 0..1 of polylines (each (N, 2) x, y in pixels); widths below a pixel draw weaker lines."""
    cover = np.zeros(shape, np.uint8)
    result = np.zeros(shape, np.float32)
    for line, width in zip(lines, widths_px, strict=True):
        cover[:] = 0
        points = np.round(np.asarray(line, np.float64) * 16.0).astype(np.int32)
        cv2.polylines(cover, [points], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
        result = np.maximum(result, cover.astype(np.float32) * np.float32(min(1.0, width) / 255.0))
    return result


def wander(count: int, step: float, rng: np.random.Generator) -> np.ndarray:
    """A random walk of `count` steps of deviation `step`, begun at 0, smoothed a little."""
    walk = np.cumsum(rng.normal(0.0, step, count))
    smooth = np.convolve(np.pad(walk, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    return np.asarray(smooth - walk[0], np.float64)
