"""The mesh of a ball and smooth random fields on it (numpy only).

All balls share one topology, a latitude-longitude grid, so that the renderer keeps
its compiled scene and only vertex data change. Lengths are in ball radii, the pole
axis is z (the axis of rolling in the mill: stubs at the poles, seam at the equator).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

ROWS, COLUMNS = 288, 576
_FIELDS_PER_BAND = 6
NOISE_BANDS = (1.6, 3.5, 8.0, 18.0, 40.0)
"""Lattice cells per radius of each noise band, from large patches to grain."""


@dataclass(frozen=True, slots=True)
class GrooveLine:
    """Middle line of a crack or lap: `path` (K, 3) unit vectors, `width_rad` (K,) opening there."""

    path: FloatArray
    width_rad: FloatArray


@dataclass(slots=True)
class Ball:
    """One ball while it is being made; every array has one entry per vertex.

    `directions` (V, 3) unit vectors of the sound ball, `positions` (V, 3) in radii,
    `albedo` and `roughness` (V,) 0..1, `defect` (V,) True where the defect is; `coat` (V,) 0..1
    film of water, None when dry; `metallic` 0..1, None for the settings' own value; `lines` of
    its grooves.
    """

    directions: FloatArray
    positions: FloatArray
    albedo: FloatArray
    roughness: FloatArray
    defect: BoolArray
    coat: FloatArray | None = None
    metallic: float | None = None
    lines: list[GrooveLine] = field(default_factory=list)


def unit_directions() -> FloatArray:
    """(ROWS * COLUMNS, 3) unit vectors of the grid, row by row from +z to -z."""
    theta = (np.arange(ROWS) + 0.5) / ROWS * np.pi
    phi = np.arange(COLUMNS) / COLUMNS * 2.0 * np.pi
    t, p = np.meshgrid(theta, phi, indexing="ij")
    grid = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1)
    return grid.reshape(-1, 3).astype(np.float32)


def triangles() -> npt.NDArray[np.uint32]:
    """(F, 3) vertex indices, counter-clockwise from outside; the two pole holes are closed."""
    row = np.arange(ROWS - 1)[:, None] * COLUMNS
    left = np.arange(COLUMNS)[None, :]
    right = (left + 1) % COLUMNS
    a, b, c, d = row + left, row + right, row + COLUMNS + left, row + COLUMNS + right
    quads = [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    fan = np.arange(1, COLUMNS - 1)
    last = (ROWS - 1) * COLUMNS
    quads.append(np.stack([np.zeros_like(fan), fan, fan + 1], -1))
    quads.append(np.stack([np.full_like(fan, last), last + fan + 1, last + fan], -1))
    return np.concatenate(quads).astype(np.uint32)


def _lattice_noise(points: FloatArray, frequency: float, rng: np.random.Generator) -> FloatArray:
    """Trilinear noise of random lattice values, zero mean, unit deviation."""
    size = int(np.ceil(2.0 * frequency)) + 3
    lattice = rng.standard_normal((size, size, size)).astype(np.float32)
    scaled = (points + 1.0) * np.float32(frequency)
    cell = np.floor(scaled).astype(np.int32)
    part = scaled - cell
    part = part * part * (3.0 - 2.0 * part)
    value = np.zeros(len(points), np.float32)
    for corner in range(8):
        step = np.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        weight = np.prod(np.where(step, part, 1.0 - part), axis=1)
        x, y, z = (cell + step).T
        value += weight * lattice[x, y, z]
    return np.asarray((value - value.mean()) / value.std(), np.float32)


class NoiseFields:
    """Smooth random fields, made once and mixed per ball (a mix costs a fraction of a new field).

    A ball's field is two stored ones of a band, each turned about the pole axis by a
    random number of columns and perhaps mirrored, added with random weights.
    """

    def __init__(self, directions: FloatArray, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._bands = [
            [_lattice_noise(directions, band, rng).reshape(ROWS, COLUMNS) for _ in range(_FIELDS_PER_BAND)]
            for band in NOISE_BANDS
        ]

    def field(self, band: int, rng: np.random.Generator) -> FloatArray:
        """(V,) zero mean, unit deviation; `band` indexes NOISE_BANDS."""
        first, second = rng.choice(_FIELDS_PER_BAND, size=2, replace=False)
        angle = rng.uniform(0.0, np.pi / 2)
        mixed = np.zeros((ROWS, COLUMNS), np.float32)
        for index, weight in ((first, np.cos(angle)), (second, np.sin(angle))):
            stored = self._bands[band][index]
            if rng.random() < 0.5:
                stored = stored[::-1]
            mixed += np.float32(weight) * np.roll(stored, int(rng.integers(COLUMNS)), axis=1)
        return mixed.ravel()


def random_unit(rng: np.random.Generator) -> FloatArray:
    """(3,) unit vector, uniform on the sphere."""
    vector = rng.standard_normal(3)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def random_rotation(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(3, 3) rotation, uniform, from a random unit quaternion."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def smoothstep(x: FloatArray, low: float, high: float) -> FloatArray:
    """0 below `low`, 1 above `high`, smooth between; works for low > high too."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def caliper_shares(positions: FloatArray, directions: FloatArray) -> tuple[float, float]:
    """Smallest and largest caliper width over many directions, as shares of the nominal diameter."""
    probes = directions[:: len(directions) // 400]
    along = positions[::5] @ probes.T
    widths = (along.max(axis=0) - along.min(axis=0)) / 2.0
    return float(widths.min()), float(widths.max())
