"""Dirt on a rail, drawn by formulas: what a detector must not call a defect. All are `dirt`.

Dirt has smooth or soft outlines and hides the steel's grain; damage is torn and keeps it.
Neighbours: `marks_damage`, `marks_joint`, `mark`.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.synthetic.rails.mark import Mark
from datasets.synthetic.rails.marks_damage import _canvas, _faded
from datasets.synthetic.rails.noise import blob, draw_lines, fractal, grid_mm, smooth_noise, soft_step, wander
from vision.types import Float32Array


def _dirt(gain: Float32Array, cover: Float32Array, fine: str) -> Mark:
    return Mark(_faded(gain), _faded(cover + 1.0) - 1.0, "dirt", fine)


def grease(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A blot of grease or mud; the wheels often wiped a lane through it, so that two halves stay."""
    length, width = rng.uniform(18.0, 75.0), rng.uniform(12.0, 52.0)
    shape = _canvas(length * 1.25, width * 1.25, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    field = blob(shape, half, rng, ragged=rng.uniform(0.08, 0.2), cell=min(half) / 1.5)
    inside = soft_step(field, 0.0, rng.uniform(0.1, 0.5))
    if width > 25.0 and rng.random() < 0.55:
        _, x = grid_mm(shape, px_per_mm)
        way = 0.06 * width * smooth_noise((shape[0], 1), (shape[0] / 4.0, 1.0), rng)
        lane = width * rng.uniform(0.1, 0.25)
        inside = inside * soft_step(np.abs(x - way), lane * 0.6, lane)
    film = np.clip(1.0 + 0.18 * fractal(shape, (3 * px_per_mm, 2 * px_per_mm), rng), 0.4, 1.4)
    gain = 1.0 - inside * film * rng.uniform(0.25, 0.75)
    return _dirt(np.clip(gain, 0.1, 1.2), inside * rng.uniform(0.2, 0.8), "grease")


def paint(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Strokes of paint or chalk by hand, mostly bright, sometimes dark."""
    length, width = rng.uniform(15.0, 70.0), rng.uniform(15.0, 55.0)
    shape = _canvas(length * 1.15, width * 1.15, px_per_mm)
    brush = rng.uniform(2.5, 9.0) * px_per_mm
    lines = []
    for _ in range(int(rng.integers(1, 4))):
        ends = rng.uniform(-0.42, 0.42, (2, 2)) * np.array([width, length]) * px_per_mm
        count = 12
        share = np.linspace(0.0, 1.0, count)[:, None]
        line = ends[0] * (1.0 - share) + ends[1] * share
        bend = np.stack([wander(count, 0.6 * px_per_mm, rng), wander(count, 0.6 * px_per_mm, rng)], axis=1)
        lines.append(line + bend + np.array([shape[1] / 2.0, shape[0] / 2.0]))
    inside = draw_lines(shape, lines, [brush] * len(lines))
    inside = np.asarray(cv2.GaussianBlur(inside, (0, 0), max(0.6, 0.25 * px_per_mm)), np.float32)
    worn = soft_step(fractal(shape, (2 * px_per_mm, px_per_mm), rng), -1.8, rng.uniform(-1.2, 0.2))
    inside = inside * worn
    tone = rng.uniform(1.35, 2.3) if rng.random() < 0.7 else rng.uniform(0.3, 0.65)
    return _dirt(1.0 + inside * (tone - 1.0), inside * rng.uniform(0.5, 0.95), "paint")


def leaf(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A leaf stuck to the head: pointed oval, even tone, a vein along it."""
    long_mm = rng.uniform(18.0, 55.0)
    wide_mm = long_mm * rng.uniform(0.3, 0.6)
    side = _canvas(long_mm, long_mm, px_per_mm)
    y, x = grid_mm(side, px_per_mm)
    turn = rng.uniform(0.0, np.pi)
    along, away = np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y
    lens = 1.0 - (2.0 * np.abs(along) / long_mm) ** 2
    edge = wide_mm / 2.0 * np.maximum(lens, 0.0)
    away = away - 0.06 * long_mm * smooth_noise(side, (side[0] / 2.0,) * 2, rng)
    inside = soft_step((edge - np.abs(away)).astype(np.float32), 0.0, 0.6) * (lens > 0.0)
    tone = rng.choice([rng.uniform(0.35, 0.7), rng.uniform(1.15, 1.6)])
    vein = np.exp(-((away / 0.5) ** 2)) * rng.uniform(0.1, 0.4)
    even = 1.0 + 0.06 * fractal(side, (2 * px_per_mm, 2 * px_per_mm), rng)
    gain = 1.0 + inside * (np.float32(tone) * even * (1.0 + vein) - 1.0)
    return _dirt(np.asarray(gain, np.float32), np.asarray(inside * 0.9, np.float32), "leaf")


def dust(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A film of ballast dust or sand: pale or dim, without an edge, with grains in it."""
    length, width = rng.uniform(25.0, 90.0), rng.uniform(18.0, 50.0)
    shape = _canvas(length * 1.3, width * 1.3, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    near = soft_step(blob(shape, half, rng, ragged=0.15, cell=min(half) / 2.0), 0.0, 0.7)
    tone = rng.uniform(0.1, 0.35) * rng.choice([-1.0, 1.0])
    film = np.clip(1.0 + 0.4 * fractal(shape, (4 * px_per_mm, 4 * px_per_mm), rng), 0.1, 2.0)
    cell = max(1.0, rng.uniform(0.5, 1.0) * px_per_mm)
    grains = smooth_noise(shape, (cell, cell), rng)
    spots = soft_step(grains, 1.5, 2.1) * rng.uniform(0.2, 0.6) - soft_step(-grains, 1.5, 2.1) * 0.35
    gain = 1.0 + near * (tone * film + spots)
    return _dirt(np.clip(gain, 0.2, 2.5), near * rng.uniform(0.2, 0.6), "dust")


def water(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Streaks and drops of water: darker, smooth, with a bright line on one side."""
    length, width = rng.uniform(20.0, 90.0), rng.uniform(8.0, 30.0)
    shape = _canvas(length, width * 1.3, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    near = blob(shape, half, rng, ragged=0.12, cell=min(half))
    cell = (rng.uniform(8.0, 20.0) * px_per_mm, rng.uniform(3.0, 7.0) * px_per_mm)
    field = fractal(shape, cell, rng, octaves=2) - 2.5 * np.maximum(0.0, 0.5 - near)
    inside = soft_step(field, 0.0, 0.15)
    slope = np.asarray(cv2.Sobel(inside, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    shine = np.clip(slope * rng.choice([-1.0, 1.0]), 0.0, 1.0)
    shine = np.asarray(cv2.GaussianBlur(shine, (0, 0), max(0.5, 0.25 * px_per_mm)), np.float32)
    gain = 1.0 - inside * rng.uniform(0.15, 0.5) + shine * rng.uniform(0.2, 0.9)
    return _dirt(np.clip(gain, 0.15, 2.5), inside * 0.5, "water")
