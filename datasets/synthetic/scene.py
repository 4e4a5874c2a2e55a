"""The Mitsuba scene behind `render.py`: copies of one ball side by side, each seen from above.

Copies stand `_SPACING` apart along x, too far to shade each other. A copy may have another ball
beside it and rectangles to lie on. There is one scene for all sizes and stages, with few shapes:
Dr.Jit traces every shape that exists anew for each picture, whatever scene it belongs to. Rays are
made here instead of by Mitsuba's cameras for the same reason; half a picture's side is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.synthetic.sphere import Ball, FloatArray, unit_directions
from datasets.synthetic.stages import PLANES, TEXTURE_PX, Plane, Stage

Float64Array = npt.NDArray[np.float64]
VIEWS_PER_PASS = 8
BESIDES_PER_PASS = 3
"""Views of one pass that can have another ball beside theirs."""
CAMERA_DISTANCE = 6.0
_SPACING = 40.0
_AWAY = np.array([0.0, 0.0, -300.0])
"""Where what a view does not need is put: far behind everything."""
_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


@dataclass(frozen=True, slots=True)
class Copy:
    """One view to place: see `render.Pose`; `planes` where they lie in it."""

    turn: Float64Array
    world: Float64Array
    beside: tuple[Float64Array, Float64Array] | None
    planes: tuple[Plane, ...] = ()


class Scene:
    """The compiled scene: VIEWS_PER_PASS square pictures in one pass. `bounces` as in the settings."""

    def __init__(self, mi: Any, faces: npt.NDArray[np.uint32], bounces: int) -> None:
        self._mi = mi
        self._faces = faces
        self._ground = _ground_mesh(mi)
        self._scene = mi.load_dict(self._description(_ball_mesh(mi, faces)), optimize=False)
        self._params = mi.traverse(self._scene)
        way = {"type": "path", "max_depth": bounces} if bounces > 2 else {"type": "direct"}
        self._integrator = mi.load_dict(way | {"hide_emitters": True})

    def _description(self, ball: Any) -> dict[str, Any]:
        mi = self._mi
        scene: dict[str, Any] = {
            "type": "scene",
            "light": {"type": "envmap", "bitmap": mi.Bitmap(np.ones((64, 128, 3), np.float32))},
            "group": {"type": "shapegroup", "ball": ball},
            "ground": self._ground,
        }
        for k in range(VIEWS_PER_PASS + BESIDES_PER_PASS):
            scene[f"copy{k}"] = {"type": "instance", "ref": {"type": "ref", "id": "group"}}
        return scene

    def load(self, ball: Ball, light: FloatArray, metallic: float) -> None:
        """Take over a ball's shape and surface and the light; `place` makes them valid.

        `light` (64, 128) radiance in the camera's frame; `metallic` for a ball that has none of its own.
        """
        params, mi = self._params, self._mi
        count = len(ball.albedo)
        coat = ball.coat if ball.coat is not None else np.zeros(count, np.float32)
        metal = np.full(count, metallic if ball.metallic is None else ball.metallic, np.float32)
        params["group.ball.vertex_positions"] = np.ascontiguousarray(ball.positions, np.float32).ravel()
        values = {"albedo": ball.albedo, "rough": ball.roughness, "coat": coat, "metal": metal}
        for name, value in values.items():
            # Per triangle: Mitsuba looks values of vertices up in the mesh's own place, not the copy's.
            params[f"group.ball.face_{name}"] = value[self._faces].mean(axis=1).astype(np.float32)
        # The map's tensor carries one repeated column for interpolation across the seam.
        data = np.concatenate([light, light[:, :1]], axis=1)[..., None]
        params["light.data"] = mi.TensorXf(np.repeat(data, params["light.data"].shape[2], axis=2))

    def place(self, copies: list[Copy], half: float, stage: Stage | None) -> None:
        """Turn and move the copies and what they lie on; a picture shows `half` radii each way."""
        params, mi = self._params, self._mi
        scale, free = 1.0 / half, VIEWS_PER_PASS
        corners = np.tile(_AWAY, (VIEWS_PER_PASS, PLANES, 4, 1))
        for k in range(VIEWS_PER_PASS):
            copy = copies[min(k, len(copies) - 1)]
            spot = np.array([k * _SPACING, 0.0, 0.0])
            self._move(k, copy.turn * scale, spot)
            if copy.beside is not None and k < len(copies) and free < VIEWS_PER_PASS + BESIDES_PER_PASS:
                self._move(free, copy.beside[0] * scale, spot + copy.world @ copy.beside[1] * scale)
                free += 1
            for j, plane in enumerate(copy.planes):
                sides = _CORNERS * np.array(plane.half)
                points = plane.centre + sides @ plane.axes[:, :2].T
                corners[k, j] = spot + points @ copy.world.T * scale
        for k in range(free, VIEWS_PER_PASS + BESIDES_PER_PASS):
            self._move(k, np.eye(3), _AWAY * (1 + k))
        params["ground.vertex_positions"] = corners.astype(np.float32).ravel()
        if stage is not None:
            params["ground.bsdf.base_color.data"] = mi.TensorXf(np.ascontiguousarray(stage.albedo[..., None]))
            params["ground.bsdf.roughness.value"] = self._opaque(stage.roughness)
            params["ground.bsdf.metallic.value"] = self._opaque(stage.metallic)
        params.update()

    def _opaque(self, value: float) -> Any:
        """A number that the compiler does not take for a constant, so that kernels are used again."""
        import drjit

        return drjit.opaque(self._mi.Float, value)

    def _move(self, number: int, matrix: Float64Array, offset: Float64Array) -> None:
        whole = np.eye(4)
        whole[:3, :3] = matrix
        whole[:3, 3] = offset
        self._params[f"copy{number}.to_world"] = self._mi.ScalarTransform4f(whole.tolist())

    def trace(self, tile_px: int, samples: int, seed: int) -> tuple[FloatArray, FloatArray]:
        """Radiance and cover of every view, both (VIEWS_PER_PASS, T, T)."""
        import drjit

        mi = self._mi
        count = VIEWS_PER_PASS * tile_px * tile_px * samples
        sampler = mi.load_dict({"type": "independent"})
        sampler.seed(seed, count)
        index = drjit.arange(mi.UInt32, count) // drjit.opaque(mi.UInt32, samples)
        side = drjit.opaque(mi.UInt32, tile_px)
        row, view = index // side, index // (side * side)
        jitter = sampler.next_2d()
        step = 2.0 / mi.Float(side)
        x = (mi.Float(index - row * side) + jitter.x) * step - 1.0 + mi.Float(view) * _SPACING
        y = 1.0 - (mi.Float(row - view * side) + jitter.y) * step
        ray = mi.RayDifferential3f(mi.Ray3f(mi.Point3f(x, y, CAMERA_DISTANCE), mi.Vector3f(0.0, 0.0, -1.0)))
        light, hit, _ = self._integrator.sample(self._scene, sampler, ray)
        shape = (VIEWS_PER_PASS, tile_px, tile_px, samples)
        found = drjit.select(hit, light[0], 0.0), drjit.select(hit, mi.Float(1.0), 0.0)
        drjit.eval(*found)
        radiance, cover = (np.array(values).reshape(shape).mean(axis=-1) for values in found)
        return radiance.astype(np.float32), cover.astype(np.float32)

    def first_hits(
        self, tile_px: int, side_rays: int
    ) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]]:
        """Per view: triangle met by each sub-ray (row by row), and whose it is.

        0: no ball (or something before it), 1: the view's own ball, 2: the one beside it.
        """
        import drjit

        mi, rays = self._mi, tile_px * side_rays
        step = ((np.arange(rays) + 0.5) / rays * 2.0 - 1.0).astype(np.float32)
        x, y = np.meshgrid(step, -step)
        spots = np.arange(VIEWS_PER_PASS, dtype=np.float32) * np.float32(_SPACING)
        xs = (x.ravel()[None, :] + spots[:, None]).ravel()
        ys = np.tile(y.ravel(), VIEWS_PER_PASS)
        start = mi.Point3f(xs, ys, CAMERA_DISTANCE)
        hit = self._scene.ray_intersect_preliminary(
            mi.Ray3f(start, mi.Vector3f(0.0, 0.0, -1.0)), coherent=True
        )
        owner = drjit.reinterpret_array(mi.UInt32, hit.instance)
        index, valid = hit.prim_index, hit.is_valid()
        drjit.eval(owner, index, valid)
        shape = (VIEWS_PER_PASS, rays * rays)
        owners = np.where(np.array(valid), np.array(owner), 0).reshape(shape)
        indices = np.array(index).reshape(shape)
        found = []
        for k in range(VIEWS_PER_PASS):
            # The middle of the picture always shows the view's own ball.
            own = owners[k][(rays // 2) * rays + rays // 2]
            kind = np.where(owners[k] == 0, 0, np.where(owners[k] == own, 1, 2)).astype(np.uint8)
            found.append((np.where(kind > 0, indices[k], 0).astype(np.uint32), kind))
        return found


def _ball_mesh(mi: Any, faces: npt.NDArray[np.uint32]) -> Any:
    points = unit_directions()
    parts = {"base_color": "albedo", "roughness": "rough", "metallic": "metal", "clearcoat": "coat"}
    surface: dict[str, Any] = {"type": "principled", "specular": 0.5, "clearcoat_gloss": 0.97}
    for name, attribute in parts.items():
        surface[name] = {"type": "mesh_attribute", "name": f"face_{attribute}"}
    props = mi.Properties()
    props["bsdf"] = mi.load_dict(surface)
    mesh = mi.Mesh("ball", len(points), len(faces), has_vertex_normals=True, props=props)
    for attribute in parts.values():
        mesh.add_attribute(f"face_{attribute}", 1, np.full(len(faces), 0.3, np.float32))
    return _filled(mi, mesh, points, faces)


def _ground_mesh(mi: Any) -> Any:
    """All rectangles of all views in one mesh; the texture's first row lies at its last corners."""
    surface = {
        "type": "principled",
        "base_color": {
            "type": "bitmap",
            "bitmap": mi.Bitmap(np.full((TEXTURE_PX, TEXTURE_PX, 1), 0.2, np.float32)),
            "raw": True,
            "wrap_mode": "clamp",
        },
        "roughness": 0.5,
        "metallic": 0.5,
    }
    count = VIEWS_PER_PASS * PLANES
    first = 4 * np.arange(count)[:, None, None]
    faces = (first + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3).astype(np.uint32)
    props = mi.Properties()
    props["bsdf"] = mi.load_dict(surface)
    mesh = mi.Mesh("ground", 4 * count, len(faces), has_vertex_texcoords=True, props=props)
    params = mi.traverse(mesh)
    params["vertex_texcoords"] = np.tile((_CORNERS + 1.0) / 2.0, (count, 1)).astype(np.float32).ravel()
    return _filled(mi, mesh, np.tile(_AWAY, (4 * count, 1)).astype(np.float32), faces)


def _filled(mi: Any, mesh: Any, points: FloatArray, faces: npt.NDArray[np.uint32]) -> Any:
    params = mi.traverse(mesh)
    params["vertex_positions"] = np.ascontiguousarray(points).ravel()
    params["faces"] = faces.ravel()
    params.update()
    return mesh
