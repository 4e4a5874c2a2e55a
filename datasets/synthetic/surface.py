"""The surface of a sound ball: oxide, lost scale, grain, bumps and harmless marks.

Harmless marks are drawn on purpose: a detector that has only seen spotless good
balls rejects every ball of a real mill. Neighbour: `marks.py` (drops, streaks, grinding lines).
"""

from __future__ import annotations

import numpy as np

from datasets.synthetic.marks import add_marks
from datasets.synthetic.settings import SurfaceRanges, draw, draw_count
from datasets.synthetic.sphere import Ball, FloatArray, NoiseFields, random_unit, smoothstep


def sound_ball(
    directions: FloatArray, noise: NoiseFields, ranges: SurfaceRanges, rng: np.random.Generator
) -> Ball:
    """A ball without defect, its form within tolerance."""
    form = 1.0 + np.float32(draw(rng, ranges.bump_share)) * (
        0.75 * noise.field(0, rng) + 0.35 * noise.field(1, rng) + 0.12 * noise.field(2, rng)
    )
    ball = Ball(
        directions=directions,
        positions=(directions * form[:, None]).astype(np.float32),
        albedo=_oxide(noise, ranges, rng),
        roughness=np.clip(draw(rng, ranges.roughness) + 0.05 * noise.field(1, rng), 0.15, 0.95),
        defect=np.zeros(len(directions), np.bool_),
    )
    stretch(ball, draw(rng, ranges.ovality), rng)
    _harmless_marks(ball, ranges, rng)
    if ranges.marks is not None:
        add_marks(ball, ranges.marks, noise, rng)
    return ball


def stretch(ball: Ball, ovality: float, rng: np.random.Generator) -> None:
    """Make an ellipsoid: longest axis 1 + ovality / 2, shortest 1 - ovality / 2, third between."""
    long_axis = random_unit(rng)
    short_axis = np.cross(long_axis, random_unit(rng))
    short_axis /= np.linalg.norm(short_axis)
    half = np.float32(ovality / 2.0)
    along = (ball.positions @ long_axis)[:, None] * long_axis[None, :]
    across = (ball.positions @ short_axis)[:, None] * short_axis[None, :]
    ball.positions = (ball.positions + half * along - half * across).astype(np.float32)


def _oxide(noise: NoiseFields, ranges: SurfaceRanges, rng: np.random.Generator) -> FloatArray:
    base = draw(rng, ranges.albedo)
    patches = 0.6 * noise.field(0, rng) + 0.4 * noise.field(1, rng)
    albedo = base * (1.0 + draw(rng, ranges.patch_contrast) * 0.5 * patches)
    flakes = 0.55 * noise.field(1, rng) + 0.45 * noise.field(2, rng) + 0.25 * noise.field(3, rng)
    limit = np.quantile(flakes[::7], 1.0 - draw(rng, ranges.flake_share))
    lost = smoothstep(flakes, float(limit) - 0.08, float(limit) + 0.08)
    albedo = albedo * (1.0 + draw(rng, ranges.flake_contrast) * lost)
    fine = 0.5 * noise.field(3, rng) + 0.7 * noise.field(4, rng)
    albedo = albedo * (1.0 + draw(rng, ranges.grain) * fine)
    return np.clip(albedo, 0.02, 0.9).astype(np.float32)


def _spot(ball: Ball, radius_deg: float, rng: np.random.Generator) -> FloatArray:
    """(V,) 1 in the middle of a random round spot, 0 outside."""
    cosine = ball.directions @ random_unit(rng)
    radius = np.radians(radius_deg)
    return smoothstep(cosine, float(np.cos(radius)), float(np.cos(radius * 0.35)))


def _harmless_marks(ball: Ball, ranges: SurfaceRanges, rng: np.random.Generator) -> None:
    for _ in range(draw_count(rng, ranges.rubs)):
        spot = _spot(ball, rng.uniform(3.0, 12.0), rng) * np.float32(rng.uniform(0.2, 0.6))
        ball.albedo *= 1.0 + 0.6 * spot
        ball.roughness *= 1.0 - 0.3 * spot
    for _ in range(draw_count(rng, ranges.stains)):
        ball.albedo *= 1.0 - np.float32(rng.uniform(0.1, 0.3)) * _spot(ball, rng.uniform(8.0, 30.0), rng)
    for _ in range(draw_count(rng, ranges.dents)):
        spot = _spot(ball, rng.uniform(3.0, 9.0), rng)
        ball.positions *= (1.0 - np.float32(rng.uniform(0.002, 0.007)) * spot)[:, None]
    for _ in range(draw_count(rng, ranges.scratches)):
        _scratch(ball, rng)
    if rng.random() < ranges.pole_mark_chance:
        _pole_marks(ball, rng)


def _scratch(ball: Ball, rng: np.random.Generator) -> None:
    """A short fine line, slightly brighter than the oxide: cracks and laps are darker."""
    normal = random_unit(rng)
    middle = np.cross(normal, random_unit(rng))
    middle /= np.linalg.norm(middle)
    line = np.exp(-((ball.directions @ normal / 0.012) ** 2))
    reach = smoothstep(ball.directions @ middle, float(np.cos(rng.uniform(0.06, 0.3))), 1.0)
    ball.albedo *= 1.0 + np.float32(rng.uniform(0.15, 0.5)) * (line * np.sqrt(reach)).astype(np.float32)


def _pole_marks(ball: Ball, rng: np.random.Generator) -> None:
    """What is left of a cleanly cut neck: a faint, barely raised disc at each pole."""
    radius = np.radians(rng.uniform(6.0, 12.0))
    height = np.float32(rng.uniform(0.001, 0.006))
    for sign in (1.0, -1.0):
        disc = smoothstep(
            np.float32(sign) * ball.directions[:, 2], float(np.cos(radius)), float(np.cos(radius * 0.7))
        )
        ball.positions *= (1.0 + height * disc)[:, None]
        ball.albedo *= 1.0 + np.float32(rng.uniform(-0.12, 0.12)) * disc
