"""What goes through the rail: joint gaps, welds, bolt holes.

A gap is an object of the detector. A weld and a bolt hole are not damage, dirt or gap: they
carry no label, stay in the truth of the picture, and teach the detector to leave them alone.
Neighbours: `marks_damage`, `marks_dirt`, `mark`.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.synthetic.rails.mark import Mark
from datasets.synthetic.rails.noise import fractal, grid_mm, smooth_noise, soft_step
from vision.types import Float32Array


def gap(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """The gap between two rails: a dark line across, 1 to 22 mm, edges battered and bright or sunk."""
    open_mm = float(np.exp(rng.uniform(np.log(1.2), np.log(22.0))))
    return gap_of(open_mm, px_per_mm, head_px, rng)


def gap_of(open_mm: float, px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A gap of a given opening."""
    wide = round(head_px * rng.uniform(1.02, 1.35))
    reach_mm = rng.uniform(4.0, 14.0)
    slant = rng.normal(0.0, 0.012)
    tall = round((open_mm + 2.0 * reach_mm) * px_per_mm + abs(slant) * wide) + 12
    shape = (tall, wide)
    y, x = grid_mm(shape, px_per_mm)
    line = y - np.float32(slant) * x - 0.25 * smooth_noise((1, wide), (1.0, 6.0 * px_per_mm), rng)
    rough = [0.35 * fractal((1, wide), (1.0, 2.5 * px_per_mm), rng) for _ in range(2)]
    above, below = -(line + open_mm / 2.0 + rough[0]), line - open_mm / 2.0 - rough[1]
    soft = 0.7 / px_per_mm + 0.15
    inside = soft_step(-np.maximum(above, below), -soft, soft)
    gain = np.ones(shape, np.float32)
    for distance in (above, below):
        # Each end was battered in its own way.
        near = np.exp(-np.maximum(distance, 0.0) / np.float32(rng.uniform(0.8, reach_mm / 3.5)))
        uneven = np.clip(1.0 + 0.5 * smooth_noise((1, wide), (1.0, 10.0 * px_per_mm), rng), 0.0, 2.0)
        side = rng.uniform(-0.45, 0.6) * uneven * near * (distance > -soft)
        gain = gain + np.where(np.abs(line) < open_mm / 2.0 + reach_mm, side, 0.0)
    dark = rng.uniform(0.03, 0.3)
    gain = gain * (1.0 - inside) + dark * inside
    ends = np.minimum(np.arange(tall), np.arange(tall)[::-1])[:, None]
    gain = 1.0 + (gain - 1.0) * np.clip(ends / np.float32(6.0), 0.0, 1.0)
    gain = np.asarray(np.clip(gain, 0.02, 2.5), np.float32)
    return Mark(gain, np.asarray(inside * 0.9, np.float32), "gap", "gap", zone="beyond")


def weld(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A weld across the head: ground smooth, a darker seam or two, heat tints beside it, a slight step."""
    length, width = rng.uniform(18.0, 70.0), head_px / px_per_mm
    shape = (max(12, round(length * px_per_mm)), max(12, round(head_px)))
    y, x = grid_mm(shape, px_per_mm)
    bow = rng.normal(0.0, 0.02) * x + 0.4 * smooth_noise((1, shape[1]), (1.0, 12 * px_per_mm), rng)
    line = (y - bow) / np.float32(length)
    near = soft_step(np.abs(line), 0.5, rng.uniform(0.28, 0.42))
    tint = np.cos(2.0 * np.pi * line * rng.uniform(1.5, 3.0)) * rng.uniform(0.03, 0.14)
    seam = np.exp(-((line / rng.uniform(0.02, 0.1)) ** 2)) * rng.uniform(-0.3, 0.1)
    ground = fractal((1, shape[1]), (1.0, 0.6 * px_per_mm), rng, octaves=2) * rng.uniform(0.02, 0.08)
    step = np.tanh(line * 20.0) * rng.normal(0.0, 0.04)
    gain = 1.0 + near * (rng.uniform(-0.12, 0.15) + tint + seam + ground + step)
    ends = np.minimum(np.arange(shape[0]), np.arange(shape[0])[::-1])[:, None]
    gain = 1.0 + (gain - 1.0) * np.clip(ends / np.float32(4.0), 0.0, 1.0)
    cover = np.asarray(near * np.float32(rng.uniform(0.3, 0.8)), np.float32)
    assert width > 0.0
    return Mark(np.asarray(np.clip(gain, 0.2, 2.0), np.float32), cover, None, "weld", zone="across")


def bolt_hole(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A drilled hole: a sharp dark disc with a bright bevel on the side towards the light."""
    across = rng.uniform(26.0, 38.0)
    side = round(across * px_per_mm * 1.25) + 8
    y, x = grid_mm((side, side), px_per_mm)
    radius = np.sqrt(y**2 + x**2)
    soft = 0.6 / px_per_mm + 0.2
    inside = soft_step(across / 2.0 - radius, -soft, soft)
    towards = rng.uniform(0.0, 2.0 * np.pi)
    facing = (np.cos(towards) * x + np.sin(towards) * y) / np.maximum(radius, 0.1)
    bevel = np.exp(-(((radius - across / 2.0 - 0.8) / 0.7) ** 2)) * (1.0 - inside)
    gain = (1.0 + bevel * facing * rng.uniform(0.2, 0.7)) * (1.0 - inside) + inside * rng.uniform(0.04, 0.2)
    depth = np.asarray(cv2.GaussianBlur(np.asarray(gain, np.float32), (0, 0), 0.6), np.float32)
    cover: Float32Array = np.asarray(inside * 0.9, np.float32)
    return Mark(np.clip(depth, 0.02, 2.5), cover, None, "bolt_hole")
