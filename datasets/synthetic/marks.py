"""Harmless marks that look a little like defects, and finishes beyond plain oxide.

A rolled ball in a plant carries adhering scale, handling scratches, roll marks, dried streaks
and drops of quench water. None of them is a defect, and a detector learns that only from
pictures. Neighbour: `surface.py` draws the rest of a sound surface and calls `add_marks`.
"""

from __future__ import annotations

import numpy as np

from datasets.synthetic.settings import MarkRanges, draw, draw_count
from datasets.synthetic.sphere import Ball, FloatArray, NoiseFields, random_unit, smoothstep


def add_marks(ball: Ball, ranges: MarkRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Draw all marks onto a sound ball, in place."""
    if ranges.flake_relief[1] > 0.0:
        _flakes(ball, draw(rng, ranges.flake_relief), noise, rng)
    if ranges.grind[1] > 0.0:
        _grind(ball, draw(rng, ranges.grind), rng)
    for _ in range(draw_count(rng, ranges.roll_marks)):
        _roll_mark(ball, noise, rng)
    for _ in range(draw_count(rng, ranges.scale_patches)):
        _scale_patch(ball, draw(rng, ranges.patch_darkness), noise, rng)
    for _ in range(draw_count(rng, ranges.handling)):
        _handling_scratch(ball, rng)
    for _ in range(draw_count(rng, ranges.streaks)):
        _streak(ball, noise, rng)
    drops, share = draw_count(rng, ranges.drops), draw(rng, ranges.film_share)
    if drops or share > 0.0:
        ball.coat = np.zeros(len(ball.albedo), np.float32)
        _film(ball, ball.coat, share, noise, rng)
        for _ in range(drops):
            _drop(ball, ball.coat, noise, rng)


def _angle(ball: Ball, centre: FloatArray) -> FloatArray:
    """(V,) angle to a unit vector, rad."""
    return np.asarray(np.arccos(np.clip(ball.directions @ centre, -1.0, 1.0)), np.float32)


def _scale(values: FloatArray, factor: FloatArray) -> None:
    values *= factor.astype(np.float32)


def _flakes(ball: Ball, step: float, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Scale that came off in flakes with sharp edges: a low step, brighter steel beneath."""
    field = 0.8 * noise.field(1, rng) + 0.55 * noise.field(2, rng) + 0.2 * noise.field(3, rng)
    limit = float(np.quantile(field[::7], rng.uniform(0.55, 0.95)))
    gone = smoothstep(field, limit - 0.03, limit + 0.03)
    _scale(ball.albedo, 1.0 + np.float32(rng.uniform(0.25, 1.1)) * gone)
    ball.roughness = np.clip(ball.roughness - np.float32(rng.uniform(0.0, 0.15)) * gone, 0.15, 0.95)
    ball.positions *= (1.0 - np.float32(step) * gone)[:, None]


def _grind(ball: Ball, contrast: float, rng: np.random.Generator) -> None:
    """Fine parallel lines of grinding or wear, in one or two lays."""
    for _ in range(int(rng.integers(1, 3))):
        height = ball.directions @ random_unit(rng)
        lines = rng.standard_normal(400).astype(np.float32)
        lines = 0.6 * lines + 0.4 * np.repeat(rng.standard_normal(80).astype(np.float32), 5)
        value = np.interp(height, np.linspace(-1.0, 1.0, len(lines)), lines).astype(np.float32)
        _scale(ball.albedo, np.clip(1.0 + np.float32(contrast) * value, 0.4, 1.6))
        ball.roughness = np.clip(ball.roughness + np.float32(0.25 * contrast) * value, 0.12, 0.95)


def _roll_mark(ball: Ball, noise: NoiseFields, rng: np.random.Generator) -> None:
    """A soft, wide, shallow line about parallel to the equator, left by the rolls."""
    axis = np.array([0.0, 0.0, 1.0]) + 0.12 * rng.standard_normal(3)
    latitude = np.arcsin(np.clip(ball.directions @ (axis / np.linalg.norm(axis)), -1.0, 1.0))
    off = latitude - rng.uniform(-0.9, 0.9) + 0.02 * noise.field(0, rng)
    line = np.exp(-((off / np.radians(rng.uniform(1.2, 3.5))) ** 2))
    line = line * np.clip(0.6 + 0.5 * noise.field(0, rng), 0.0, 1.0)
    _scale(ball.albedo, 1.0 + rng.uniform(-0.14, 0.22) * line)
    ball.positions *= (1.0 + rng.uniform(-0.0025, 0.0025) * line).astype(np.float32)[:, None]


def _scale_patch(ball: Ball, darkness: float, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Thin adhering scale: a dark irregular patch with a soft edge, on the surface and not in it."""
    radius = np.radians(rng.uniform(6.0, 22.0))
    ragged = _angle(ball, random_unit(rng)) * (1.0 + 0.25 * noise.field(1, rng) + 0.12 * noise.field(2, rng))
    cover = smoothstep(ragged.astype(np.float32), radius * 1.1, radius * 0.85)
    mottle = np.clip(1.0 + 0.25 * noise.field(2, rng), 0.3, 1.6)
    _scale(ball.albedo, 1.0 - np.float32(darkness) * cover * mottle)
    ball.roughness = np.clip(ball.roughness + np.float32(rng.uniform(-0.1, 0.15)) * cover, 0.15, 0.95)


def _handling_scratch(ball: Ball, rng: np.random.Generator) -> None:
    """A straight shallow scratch: a faint groove with a bright side, paler than any crack."""
    normal = random_unit(rng)
    middle = np.cross(normal, random_unit(rng))
    middle /= np.linalg.norm(middle)
    height = ball.directions @ normal
    width = rng.uniform(0.010, 0.022)
    reach = smoothstep(ball.directions @ middle, float(np.cos(rng.uniform(0.1, 0.5))), 1.0)
    reach = np.sqrt(reach)
    bright = np.exp(-(((height - 0.6 * width) / width) ** 2)) * reach
    dull = np.exp(-(((height + 0.6 * width) / width) ** 2)) * reach
    _scale(ball.albedo, 1.0 + rng.uniform(0.15, 0.5) * bright - rng.uniform(0.03, 0.16) * dull)
    _scale(ball.roughness, 1.0 - 0.25 * bright)


def _streak(ball: Ball, noise: NoiseFields, rng: np.random.Generator) -> None:
    """A dried run of water or rust: a soft band with a rim, from a point downwards."""
    normal = random_unit(rng)
    middle = np.cross(normal, random_unit(rng))
    middle /= np.linalg.norm(middle)
    off = np.abs(ball.directions @ normal + 0.03 * noise.field(1, rng)).astype(np.float32)
    width = rng.uniform(0.03, 0.10)
    reach = smoothstep(ball.directions @ middle, float(np.cos(rng.uniform(0.5, 1.2))), 0.98)
    inside = smoothstep(off, width, width * 0.5) * reach
    rim = np.exp(-(((off - width * 0.85) / (0.22 * width + 0.006)) ** 2)) * reach
    _scale(ball.albedo, 1.0 + rng.uniform(-0.2, 0.12) * inside + rng.uniform(-0.15, 0.18) * rim)


def _film(ball: Ball, coat: FloatArray, share: float, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Water in a closed film: darker, glossy."""
    if share <= 0.0:
        return
    field = noise.field(0, rng) + 0.5 * noise.field(1, rng)
    limit = float(np.quantile(field[::7], 1.0 - share))
    wet = smoothstep(field, limit - 0.08, limit + 0.08)
    np.maximum(coat, wet, out=coat)
    _scale(ball.albedo, 1.0 - 0.35 * wet)
    _scale(ball.roughness, 1.0 - 0.3 * wet)


def _drop(ball: Ball, coat: FloatArray, noise: NoiseFields, rng: np.random.Generator) -> None:
    """A drop of water: a low glossy bump, darker inside, with a thin dark rim."""
    radius = np.radians(rng.uniform(1.6, 6.5))
    angle = _angle(ball, random_unit(rng)) * (1.0 + 0.05 * noise.field(1, rng))
    share = np.clip(angle / radius, 0.0, 2.0)
    inside = smoothstep(share.astype(np.float32), 1.06, 0.94)
    dome = np.sqrt(np.clip(1.0 - share**2, 0.0, 1.0))
    ball.positions *= (1.0 + np.float32(rng.uniform(0.25, 0.5) * radius) * dome)[:, None].astype(np.float32)
    np.maximum(coat, inside, out=coat)
    rim = np.exp(-(((share - 0.95) / 0.12) ** 2))
    _scale(ball.albedo, 1.0 - 0.25 * inside - 0.2 * rim)
    _scale(ball.roughness, 1.0 - 0.45 * inside)
