"""Damage of the running surface, drawn by formulas; every mark here is a `defect`.

Looks after public descriptions of UIC 712 / EN 17397-1 forms (head check 2223, squat 227,
wheel burn 2251, corrugation 2201, shelling and spalling 2221/2222, crushing 224). Sizes are
millimetres on a head 72 mm wide. Neighbours: `marks_dirt`, `marks_joint`, `mark`.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.synthetic.rails.mark import Mark
from datasets.synthetic.rails.noise import blob, draw_lines, fractal, grid_mm, smooth_noise, soft_step, wander
from vision.types import Float32Array


def _canvas(length_mm: float, width_mm: float, px_per_mm: float) -> tuple[int, int]:
    # A margin, so that soft edges reach 1 inside the canvas.
    pad = 6 + round(1.5 * px_per_mm)
    return max(6, round(length_mm * px_per_mm)) + 2 * pad, max(6, round(width_mm * px_per_mm)) + 2 * pad


def _faded(gain: Float32Array) -> Float32Array:
    """Brought to exactly 1 at the canvas' border, over a few pixels."""
    height, width = gain.shape
    fade = max(2, min(height, width) // 12)
    y = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None]
    x = np.minimum(np.arange(width), np.arange(width)[::-1])[None]
    share = np.clip(np.minimum(y, x).astype(np.float32) / np.float32(fade), 0.0, 1.0)
    return np.asarray(1.0 + (gain - 1.0) * share, np.float32)


def _damage(gain: Float32Array, fine: str, cover: Float32Array | None = None, **more: object) -> Mark:
    zone = more.get("zone", "head")
    hidden = np.zeros_like(gain) if cover is None else cover
    return Mark(_faded(gain), _faded(hidden + 1.0) - 1.0, "defect", fine, zone=zone)  # type: ignore[arg-type]


def spalling(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A pit where metal broke out: dark, ragged, streaked across, with bright fringes."""
    length, width = rng.uniform(3.0, 22.0), rng.uniform(4.0, 26.0)
    shape = _canvas(length * 1.6, width * 1.6, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    cell = max(2.0, rng.uniform(0.18, 0.5) * min(half))
    field = blob(shape, half, rng, ragged=rng.uniform(0.15, 0.45), cell=cell)
    inside = soft_step(field, 0.0, rng.uniform(0.08, 0.4))
    floor = rng.uniform(0.08, 0.45)
    grain = fractal(shape, (max(1.0, 0.3 * px_per_mm), max(1.0, 1.2 * px_per_mm)), rng)
    gain = 1.0 - inside * (1.0 - floor) * np.clip(1.0 + 0.25 * grain, 0.2, 1.2)
    fringe = soft_step(field, -0.35, -0.05) * (1.0 - soft_step(field, -0.05, 0.1))
    bright = rng.uniform(0.0, 0.6) * np.clip(fractal(shape, (cell, cell), rng), 0.0, 2.0)
    return _damage(np.clip(gain + fringe * bright, 0.03, 3.0), "spalling")


def pits(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A nest of small pits."""
    length, width = rng.uniform(12.0, 50.0), rng.uniform(8.0, 30.0)
    shape = _canvas(length, width, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    near = soft_step(blob(shape, half, rng, ragged=0.15, cell=min(half) / 2.0), 0.0, 0.6)
    cell = max(1.2, rng.uniform(0.8, 2.2) * px_per_mm)
    spots = fractal(shape, (cell, cell * rng.uniform(1.0, 2.2)), rng, octaves=3)
    limit = rng.uniform(0.9, 1.5)
    inside = soft_step(spots - 1.6 * (1.0 - near), limit, limit + 0.35)
    return _damage(1.0 - inside * rng.uniform(0.5, 0.9), "pits")


def scratch(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A long chain of torn specks along the rail."""
    length, width = rng.uniform(50.0, 200.0), rng.uniform(5.0, 18.0)
    shape = _canvas(length, width, px_per_mm)
    y, x = grid_mm(shape, px_per_mm)
    way = 0.15 * width * smooth_noise((shape[0], 1), (shape[0] / 4.0, 1.0), rng)
    near = np.exp(-(((x - way) / np.float32(0.22 * width)) ** 2)) * soft_step(
        np.abs(y), length / 2, length / 2.6
    )
    cell = max(1.2, rng.uniform(0.6, 1.3) * px_per_mm)
    spots = fractal(shape, (cell, cell * 1.7), rng, octaves=3)
    limit = rng.uniform(0.8, 1.3)
    inside = soft_step(spots - 2.2 * (1.0 - near), limit, limit + 0.4)
    return _damage(1.0 - inside * rng.uniform(0.45, 0.9), "scratch")


def squat(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Two dark lobes like a bean, a bright rim, and a crack in the form of a V."""
    length, width = rng.uniform(14.0, 45.0), rng.uniform(14.0, 38.0)
    shape = _canvas(length * 1.35, width * 1.35, px_per_mm)
    y, x = grid_mm(shape, px_per_mm)
    lobe, apart = length * rng.uniform(0.26, 0.34), length * rng.uniform(0.16, 0.24)
    field = np.full(shape, -9.0, np.float32)
    for side in (-1.0, 1.0):
        size = lobe * rng.uniform(0.8, 1.1)
        shift = rng.normal(0.0, 0.06) * width
        far = np.sqrt(((y - side * apart) / size) ** 2 + ((x - shift) / (width / 2.0)) ** 2)
        field = np.maximum(field, 1.0 - far)
    field = field + np.float32(0.12) * fractal(shape, (length * px_per_mm / 5.0,) * 2, rng)
    depth = rng.uniform(0.35, 0.75)
    gain = 1.0 - depth * soft_step(field, 0.0, rng.uniform(0.25, 0.6))
    rim = soft_step(field, -0.3, -0.05) * (1.0 - soft_step(field, -0.02, 0.12))
    gain = gain * (1.0 + rim * rng.uniform(0.1, 0.7)) * (1.0 + 0.08 * fractal(shape, (2.0, 4.0), rng))
    crack = _branch(shape, px_per_mm, rng, length_mm=width * 0.45, both=True)
    gain = gain * (1.0 - crack * rng.uniform(0.5, 0.85))
    outside = soft_step(field, -0.35, -0.25)
    return _damage(1.0 + (gain - 1.0) * np.maximum(outside, crack > 0.05), "squat")


def _branch(
    shape: tuple[int, int], px_per_mm: float, rng: np.random.Generator, *, length_mm: float, both: bool
) -> Float32Array:
    """A crack from the middle outwards: one arm, or two that make a V."""
    lines, widths = [], []
    width = rng.uniform(0.25, 0.9) * px_per_mm
    opening = np.radians(rng.uniform(15.0, 45.0))
    for side in (-1.0, 1.0) if both else (1.0,):
        count = max(4, round(length_mm))
        along = np.linspace(0.0, length_mm * px_per_mm, count)
        rough = wander(count, 0.35 * px_per_mm, rng)
        x = shape[1] / 2.0 + side * (along * np.cos(opening) - rough * np.sin(opening))
        y = shape[0] / 2.0 + along * np.sin(opening) + rough * np.cos(opening)
        lines.append(np.stack([x, y], axis=1))
        widths.append(width)
    return draw_lines(shape, lines, widths)


def head_check(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Many fine cracks side by side at the gauge corner, slanted to the rail, a few millimetres apart."""
    length, width = rng.uniform(40.0, 200.0), rng.uniform(7.0, 20.0)
    shape = _canvas(length, width, px_per_mm)
    pitch = rng.uniform(2.0, 7.0)
    slant = np.radians(rng.choice([-1.0, 1.0]) * rng.uniform(15.0, 60.0))
    strength = rng.uniform(0.35, 0.8)
    lines, widths = [], []
    start = -length / 2.0
    while start < length / 2.0:
        reach = width * rng.uniform(0.4, 0.95)
        count = max(4, round(reach))
        along = np.linspace(-reach / 2.0, reach / 2.0, count)
        rough = wander(count, 0.18, rng)
        x = along * np.cos(slant) - rough * np.sin(slant) + rng.normal(0.0, 0.05) * width
        y = start + along * np.sin(slant) + rough * np.cos(slant)
        keep = np.abs(y) < length / 2.0
        if keep.sum() > 2:
            place = np.stack([x[keep], y[keep]], axis=1) * px_per_mm
            lines.append(place + np.array([shape[1] / 2.0, shape[0] / 2.0]))
            widths.append(rng.uniform(0.2, 0.6) * px_per_mm)
        start += pitch * rng.uniform(0.6, 1.5)
    cover = cv2.GaussianBlur(draw_lines(shape, lines, widths), (0, 0), max(0.4, 0.12 * px_per_mm))
    patchy = np.clip(1.0 + 0.35 * fractal(shape, (12 * px_per_mm, 6 * px_per_mm), rng), 0.25, 1.3)
    return _damage(1.0 - np.clip(cover * patchy * strength, 0.0, 0.95), "head_check", zone="gauge")


def corrugation(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Waves along the rail: bright crests and darker troughs, 20 to 80 mm from crest to crest."""
    wave = rng.uniform(20.0, 80.0)
    length, width = wave * rng.uniform(4.0, 9.0), rng.uniform(24.0, 62.0)
    shape = _canvas(length, width, px_per_mm)
    y, x = grid_mm(shape, px_per_mm)
    phase = 0.5 * smooth_noise(shape, (wave * px_per_mm, 15 * px_per_mm), rng)
    phase = phase + np.float32(rng.normal(0.0, 0.012)) * x
    cycle = np.sin(2.0 * np.pi * y / np.float32(wave) + phase)
    crest = np.sign(cycle) * np.abs(cycle) ** np.float32(rng.uniform(0.5, 1.2))
    near = soft_step(np.abs(x), width / 2.0, width / 2.6) * soft_step(np.abs(y), length / 2.0, length / 2.5)
    near = near * np.clip(1.0 + 0.2 * smooth_noise(shape, (wave * px_per_mm, 8 * px_per_mm), rng), 0.3, 1.4)
    gain = 1.0 + near * crest * np.float32(rng.uniform(0.14, 0.4))
    return _damage(np.asarray(gain, np.float32), "corrugation")


def transverse_crack(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A crack across the head, jagged, sometimes forked, with a dark seam of rust."""
    reach = rng.uniform(12.0, 62.0)
    shape = _canvas(reach * 0.45, reach, px_per_mm)
    count = max(6, round(reach * 0.8))
    x = np.linspace(-reach / 2.0, reach / 2.0, count)
    y = wander(count, rng.uniform(0.25, 0.8), rng) + rng.normal(0.0, 0.12) * x
    middle = np.array([shape[1] / 2.0, shape[0] / 2.0 - np.mean(y) * px_per_mm])
    return _crack(shape, np.stack([x, y], axis=1) * px_per_mm + middle, px_per_mm, rng, "transverse_crack")


def longitudinal_crack(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A crack along the rail, as a split head or an opened lap shows it."""
    reach = rng.uniform(40.0, 180.0)
    shape = _canvas(reach, 14.0, px_per_mm)
    count = max(8, round(reach * 0.5))
    y = np.linspace(-reach / 2.0, reach / 2.0, count)
    x = np.clip(wander(count, rng.uniform(0.2, 0.6), rng), -5.0, 5.0)
    middle = np.array([shape[1] / 2.0 - np.mean(x) * px_per_mm, shape[0] / 2.0])
    return _crack(shape, np.stack([x, y], axis=1) * px_per_mm + middle, px_per_mm, rng, "longitudinal_crack")


def _crack(
    shape: tuple[int, int], line: np.ndarray, px_per_mm: float, rng: np.random.Generator, fine: str
) -> Mark:
    width = rng.uniform(0.3, 1.4) * px_per_mm
    lines, widths = [line], [width]
    for _ in range(int(rng.integers(0, 3))):
        at = int(rng.integers(1, len(line) - 1))
        ahead = line[at] - line[at - 1]
        turn = np.radians(rng.choice([-1.0, 1.0]) * rng.uniform(20.0, 50.0))
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        steps = np.arange(int(rng.integers(3, 8)))[:, None]
        lines.append(line[at] + steps * (matrix @ ahead) + rng.normal(0.0, 0.2 * px_per_mm, (len(steps), 2)))
        widths.append(width * 0.6)
    thin = draw_lines(shape, lines, widths)
    rust = cv2.GaussianBlur(thin, (0, 0), max(0.6, rng.uniform(0.5, 1.8) * px_per_mm))
    rust = np.minimum(rust * np.float32(rng.uniform(0.2, 0.6)), 0.5)
    gain = (1.0 - thin * rng.uniform(0.55, 0.92)) * (1.0 - rust)
    return _damage(np.asarray(gain, np.float32), fine)


def flaking(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Thin plates come off: shallow islands, a little bright or dark inside, with a thin dark outline."""
    length, width = rng.uniform(15.0, 70.0), rng.uniform(8.0, 28.0)
    shape = _canvas(length, width, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    near = blob(shape, half, rng, ragged=0.2, cell=min(half) / 2.0)
    plates = fractal(shape, (rng.uniform(3.0, 7.0) * px_per_mm, rng.uniform(3.0, 7.0) * px_per_mm), rng)
    field = plates - 3.0 * np.maximum(0.0, 0.25 - near)
    limit = rng.uniform(0.2, 0.7)
    inside = soft_step(field, limit, limit + 0.12)
    outline = soft_step(field, limit - 0.12, limit) * (1.0 - soft_step(field, limit + 0.08, limit + 0.25))
    gain = 1.0 + inside * rng.uniform(-0.35, 0.45) - outline * rng.uniform(0.3, 0.65)
    return _damage(np.clip(gain, 0.05, 3.0), "flaking")


def shiny_spot(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A shallow break whose fresh face shines, dark along one edge."""
    length, width = rng.uniform(4.0, 16.0), rng.uniform(4.0, 18.0)
    shape = _canvas(length * 1.4, width * 1.4, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    field = blob(shape, half, rng, ragged=0.22, cell=max(2.0, min(half) / 2.0))
    y, x = grid_mm(shape, px_per_mm)
    towards = rng.uniform(0.0, 2.0 * np.pi)
    shade = (np.cos(towards) * x / width + np.sin(towards) * y / length) * 2.0
    edge = soft_step(field, -0.12, 0.02) * (1.0 - soft_step(field, 0.1, 0.3))
    gain = 1.0 + soft_step(field, 0.0, 0.25) * rng.uniform(0.25, 0.9) * (1.0 + 0.4 * shade)
    gain = gain - edge * np.clip(0.5 - shade, 0.0, 1.0) * rng.uniform(0.4, 0.8)
    return _damage(np.clip(gain, 0.08, 3.0), "shiny_spot")


def wheel_burn(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Where a wheel spun: a long oval, dark with heat, fine cracks across it, smeared rim."""
    length, width = rng.uniform(30.0, 75.0), rng.uniform(18.0, 40.0)
    shape = _canvas(length * 1.2, width * 1.2, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    field = blob(shape, half, rng, ragged=0.1, cell=min(half) / 2.0)
    inside = soft_step(field, 0.0, 0.3)
    ladder = fractal(shape, (1.2 * px_per_mm, 12.0 * px_per_mm), rng, octaves=2)
    cracks = soft_step(ladder, 1.2, 1.6) * inside
    gain = 1.0 - inside * (rng.uniform(0.2, 0.55) + 0.12 * ladder) - cracks * rng.uniform(0.2, 0.4)
    rim = soft_step(field, -0.15, 0.0) * (1.0 - soft_step(field, 0.0, 0.15))
    return _damage(np.clip(gain + rim * rng.uniform(0.0, 0.5), 0.05, 2.5), "wheel_burn")


def dent(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """A pressed-in place: round, soft outline, dark, with short streaks across."""
    length, width = rng.uniform(8.0, 30.0), rng.uniform(8.0, 26.0)
    shape = _canvas(length * 1.3, width * 1.3, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    field = blob(shape, half, rng, ragged=0.12, cell=min(half) / 1.5)
    near = soft_step(field, -0.1, 0.5)
    streak = fractal(shape, (max(1.0, 0.5 * px_per_mm), 2.5 * px_per_mm), rng, octaves=2)
    texture = soft_step(streak, rng.uniform(-1.0, 0.2), rng.uniform(0.4, 1.2))
    mixed = rng.uniform(0.3, 0.8)
    gain = 1.0 - near * rng.uniform(0.35, 0.8) * (mixed * texture + (1.0 - mixed))
    return _damage(np.asarray(gain, np.float32), "dent")


def crush(px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """Metal crushed across the head: a wide dark tear, ragged, the steel round it bright."""
    length, width = rng.uniform(6.0, 22.0), rng.uniform(35.0, 64.0)
    shape = _canvas(length * 1.8, width * 1.1, px_per_mm)
    half = (length * px_per_mm / 2.0, width * px_per_mm / 2.0)
    field = blob(shape, half, rng, ragged=rng.uniform(0.1, 0.25), cell=length * px_per_mm / 3.0)
    torn = fractal(shape, (0.8 * px_per_mm, 5.0 * px_per_mm), rng)
    limit = rng.uniform(-0.8, 0.8)
    inside = soft_step(field, 0.0, 0.25) * soft_step(torn, limit, limit + 0.6)
    bright = soft_step(field, -0.5, 0.1) * (1.0 - inside) * rng.uniform(0.0, 0.45)
    return _damage(np.clip(1.0 - inside * rng.uniform(0.5, 0.92) + bright, 0.04, 2.5), "crush")
