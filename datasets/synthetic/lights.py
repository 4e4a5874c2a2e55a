"""The light a ball sees: an environment map in the camera's frame.

The camera looks along -z with +y up in the picture. Front light: a dome, softboxes, bars and
a ring lamp; behind the ball the bright backlight panel, which shows only at the rim.
"""

from __future__ import annotations

import numpy as np

from datasets.synthetic.settings import LightRanges, draw, draw_count
from datasets.synthetic.sphere import FloatArray, smoothstep

HEIGHT, WIDTH = 64, 128


def _map_directions() -> FloatArray:
    """(HEIGHT, WIDTH, 3) direction of each pixel in Mitsuba's envmap convention (up is +y)."""
    theta = (np.arange(HEIGHT) + 0.5) / HEIGHT * np.pi
    phi = (np.arange(WIDTH) + 0.5) / WIDTH * 2.0 * np.pi
    t, p = np.meshgrid(theta, phi, indexing="ij")
    return np.stack([np.sin(p) * np.sin(t), np.cos(t), -np.cos(p) * np.sin(t)], axis=-1).astype(np.float32)


def environment(ranges: LightRanges, rng: np.random.Generator) -> FloatArray:
    """(HEIGHT, WIDTH) radiance, relative."""
    d = _map_directions()
    tilt = np.radians(draw(rng, ranges.dome_tilt_deg))
    turn = rng.uniform(0.0, 2.0 * np.pi)
    axis = np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], np.float32)
    light = np.float32(draw(rng, ranges.dome)) * smoothstep(d @ axis, -0.2, 0.9) + np.float32(0.02)
    for _ in range(draw_count(rng, ranges.softboxes)):
        off, around = np.radians(draw(rng, ranges.softbox_angle_deg)), rng.uniform(0.0, 2.0 * np.pi)
        lamp = np.array([np.sin(off) * np.cos(around), np.sin(off) * np.sin(around), np.cos(off)], np.float32)
        half = np.radians(draw(rng, ranges.softbox_size_deg)) / 2.0
        light += np.float32(draw(rng, ranges.softbox_radiance)) * smoothstep(
            d @ lamp, float(np.cos(half * 1.25)), float(np.cos(half * 0.8))
        )
    ring = np.degrees(np.arccos(np.clip(d[..., 2], -1.0, 1.0)))
    middle = draw(rng, ranges.ring_angle_deg)
    light += np.float32(draw(rng, ranges.ring_radiance)) * np.exp(-(((ring - middle) / 7.0) ** 2))
    light += np.float32(draw(rng, ranges.panel_radiance)) * smoothstep(-d[..., 2], 0.70, 0.85)
    if ranges.bars[1]:
        for _ in range(draw_count(rng, ranges.bars)):
            light += _bar(d, ranges, rng)
    return light.astype(np.float32)


def _bar(d: FloatArray, ranges: LightRanges, rng: np.random.Generator) -> FloatArray:
    """A long narrow lamp, square across to the plane of its middle and the camera axis."""
    off, around = np.radians(draw(rng, ranges.bar_angle_deg)), rng.uniform(0.0, 2.0 * np.pi)
    out = np.array([np.cos(around), np.sin(around), 0.0])
    middle = (np.sin(off) * out + np.array([0.0, 0.0, np.cos(off)])).astype(np.float32)
    along = np.array([-np.sin(around), np.cos(around), 0.0], np.float32)
    across = np.cross(along, middle).astype(np.float32)
    length, width = (np.radians(draw(rng, r)) / 2.0 for r in (ranges.bar_length_deg, ranges.bar_width_deg))
    front = d @ middle > 0.0
    shape = smoothstep(np.abs(np.arcsin(np.clip(d @ along, -1.0, 1.0))), length * 1.1, length * 0.9)
    shape = shape * smoothstep(np.abs(np.arcsin(np.clip(d @ across, -1.0, 1.0))), width * 1.4, width * 0.8)
    return np.asarray(np.float32(draw(rng, ranges.bar_radiance)) * shape * front, np.float32)
