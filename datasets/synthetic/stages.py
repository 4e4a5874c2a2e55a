"""Where a ball lies while it is looked at: a rubber belt, a steel chute, a V-groove of steel.

World: x travel, y left, z up, the ball's centre at the origin, lengths in radii. A stage is one or
two rectangles that the ball touches, all with one texture. Before the backlight there is no
stage; `compose.py` draws the panel. Neighbour: `render.py` puts the rectangles into the scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.settings import StageName, StageRanges, draw, draw_count
from datasets.synthetic.sphere import FloatArray, smoothstep

Float64Array = npt.NDArray[np.float64]
TEXTURE_PX = 448
PLANES = 2
HALF_LENGTH = 3.5
"""Half of a rectangle's side along the travel; the texture has 64 pixels per radius."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One rectangle: `axes` (3, 3) world vectors as columns: travel, across, normal towards the ball.

    `centre` (3,) where its middle lies, `half` its half sides along the first two axes.
    """

    axes: Float64Array
    centre: Float64Array
    half: tuple[float, float]

    def moved(self, shift: float, distance: float) -> Plane:
        """Shifted along the travel, and `distance` from the origin."""
        centre = self.centre + shift * self.axes[:, 0] + (1.0 - distance) * self.axes[:, 2]
        return Plane(self.axes, centre, self.half)


@dataclass(frozen=True, slots=True)
class Stage:
    """Rectangles with one texture: `albedo` (TEXTURE_PX, TEXTURE_PX) 0..1, first row at +across."""

    name: StageName
    planes: tuple[Plane, ...]
    albedo: FloatArray
    roughness: float
    metallic: float


def draw_stage(name: StageName, ranges: StageRanges, rng: np.random.Generator) -> Stage | None:
    """The scene of one ball; None before a backlight."""
    if name == "backlit":
        return None
    if name == "belt":
        albedo = _rubber(ranges, rng)
        return Stage(name, (_ground(),), albedo, draw(rng, ranges.belt_roughness), 0.0)
    steel = _steel(ranges, rng)
    planes: tuple[Plane, ...] = (_ground(),)
    if name == "groove":
        slope = np.radians(draw(rng, ranges.groove_angle_deg))
        planes = (_side(slope), _side(-slope))
        steel = _worn_track(steel, rng)
    return Stage(name, planes, steel, draw(rng, ranges.chute_roughness), float(rng.uniform(0.5, 0.9)))


def _ground() -> Plane:
    return Plane(np.eye(3), np.array([0.0, 0.0, -1.0]), (HALF_LENGTH, HALF_LENGTH))


def _side(slope: float) -> Plane:
    """A side of the V that touches the ball; `slope` > 0 rises to the right (-y)."""
    s, c = np.sin(slope), np.cos(slope)
    axes = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    return Plane(axes, -axes[:, 2], (HALF_LENGTH, abs(float(np.tan(slope))) + 0.25))


def visible_texture(
    texture: FloatArray, planes: tuple[Plane, ...], world: Float64Array, side: int, half: float
) -> tuple[FloatArray, FloatArray]:
    """What an orthographic camera sees of the bare stage, for the denoiser.

    Args:
        texture: reflectance of the rectangles.
        planes: the rectangles.
        world: (3, 3) world to camera.
        side: pixels of the picture's side.
        half: half of the picture's side in radii.

    Returns:
        Reflectance (side, side) and camera-frame normals (side, side, 3), 0 where nothing lies.
    """
    step = ((np.arange(side) + 0.5) / side * 2.0 - 1.0) * half
    x, y = np.meshgrid(step, -step)
    nearest = np.full((side, side), -np.inf)
    albedo, normals = np.zeros((side, side), np.float32), np.zeros((side, side, 3), np.float32)
    for plane in planes:
        axes = world @ plane.axes
        centre = world @ plane.centre
        normal = axes[:, 2]
        if normal[2] < 0.02:
            continue
        z = (normal @ centre - normal[0] * x - normal[1] * y) / normal[2]
        off = np.stack([x - centre[0], y - centre[1], z - centre[2]], axis=-1)
        u, v = (off @ axes[:, k] / plane.half[k] for k in range(2))
        seen = (np.abs(u) < 1.0) & (np.abs(v) < 1.0) & (z > nearest)
        column = ((u + 1.0) / 2.0 * TEXTURE_PX - 0.5).astype(np.float32)
        row = ((1.0 - v) / 2.0 * TEXTURE_PX - 0.5).astype(np.float32)
        value = cv2.remap(texture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        albedo = np.where(seen, value, albedo)
        normals = np.where(seen[..., None], normal.astype(np.float32), normals)
        nearest = np.where(seen, z, nearest)
    return albedo.astype(np.float32), normals.astype(np.float32)


def _noise(cells: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """(TEXTURE_PX, TEXTURE_PX) smooth noise of unit deviation with so many cells down and across."""
    coarse = rng.standard_normal(cells).astype(np.float32)
    field = cv2.resize(coarse, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


def _rubber(ranges: StageRanges, rng: np.random.Generator) -> FloatArray:
    """A conveyor belt: dark rubber with weave or ribs, pale dust, specks and cuts."""
    base = draw(rng, ranges.belt_albedo)
    texture = 1.0 + 0.10 * _noise((9, 9), rng) + 0.12 * _noise((224, 224), rng)
    contrast, pitch = draw(rng, ranges.belt_ribs), rng.uniform(7.0, 26.0)
    along = np.arange(TEXTURE_PX) / pitch * 2.0 * np.pi
    weave = np.sin(along)[None, :] * (np.sin(along)[:, None] if rng.random() < 0.5 else 1.0)
    texture = texture * (1.0 + contrast * np.tanh(2.0 * weave))
    field = _noise((14, 14), rng) + 0.6 * _noise((60, 60), rng)
    limit = float(np.quantile(field, 1.0 - draw(rng, ranges.belt_dust)))
    dust = smoothstep(field, limit - 0.4, limit + 0.4)
    albedo = base * texture + dust * rng.uniform(0.03, 0.14)
    for _ in range(int(rng.integers(0, 40))):
        place = tuple(int(v) for v in rng.integers(0, TEXTURE_PX, 2))
        albedo = np.ascontiguousarray(albedo, np.float32)
        cv2.circle(albedo, place, int(rng.integers(1, 4)), float(rng.uniform(0.01, 0.25)), -1, cv2.LINE_AA)
    return np.clip(albedo, 0.01, 0.6).astype(np.float32)


def _steel(ranges: StageRanges, rng: np.random.Generator) -> FloatArray:
    """Sheet steel: rolled lay along the travel, rust blotches, scratches of many balls."""
    base = draw(rng, ranges.chute_albedo)
    lay = _noise((448, 6), rng)
    texture = 1.0 + 0.06 * lay + 0.10 * _noise((8, 8), rng) + 0.04 * _noise((200, 200), rng)
    field = _noise((10, 10), rng) + 0.5 * _noise((50, 50), rng)
    rust = smoothstep(field, rng.uniform(0.6, 2.2), 2.6)
    albedo = np.ascontiguousarray(base * texture * (1.0 - 0.45 * rust), np.float32)
    for _ in range(draw_count(rng, ranges.chute_scratches)):
        start = rng.uniform(0, TEXTURE_PX, 2)
        way = np.radians(rng.normal(0.0, 14.0) if rng.random() < 0.8 else rng.uniform(0.0, 180.0))
        end = start + rng.uniform(20.0, 260.0) * np.array([np.cos(way), np.sin(way)])
        value = base * rng.uniform(0.45, 1.9)
        ends = [(round(float(p[0])), round(float(p[1]))) for p in (start, end)]
        cv2.line(albedo, ends[0], ends[1], float(value), int(rng.integers(1, 3)), cv2.LINE_AA)
    return np.clip(albedo, 0.03, 0.9).astype(np.float32)


def _worn_track(steel: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The bright band that rolling balls polish in the middle of each side."""
    off = np.abs(np.linspace(-1.0, 1.0, TEXTURE_PX))[:, None]
    band = smoothstep(off.astype(np.float32), rng.uniform(0.25, 0.5), 0.08)
    return np.clip(steel * (1.0 + rng.uniform(0.2, 0.8) * band), 0.03, 0.9).astype(np.float32)
