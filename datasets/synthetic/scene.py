"""The Mitsuba scene behind `render.py`: copies of one ball side by side, each with its own camera.

Copies stand `_SPACING` radii apart along x, too far to shade each other. A copy may have another
ball beside it and, in a staged scene, the rectangles it lies on. Everything is compiled once and
then only moved: one `load` per ball, one `place` and one `trace` per pass.
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
CAMERA_DISTANCE = 6.0
_SPACING = 40.0
_AWAY = 300.0
"""Where what a view does not need is put: far behind everything."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One view to place: see `render.Pose`; `planes` where they lie in it."""

    turn: Float64Array
    world: Float64Array
    beside: tuple[Float64Array, Float64Array] | None
    planes: tuple[Plane, ...] = ()


class Scene:
    """One compiled scene: VIEWS_PER_PASS square pictures of `tile_px` pixels, side by side."""

    def __init__(
        self, mi: Any, tile_px: int, faces: npt.NDArray[np.uint32], *, staged: bool, bounces: int = 2
    ) -> None:
        self._mi = mi
        self.tile_px = tile_px
        self._staged = staged
        self._bounces = bounces
        self._faces = faces
        self._mesh = _new_mesh(mi, faces)
        # Unoptimised: merged rectangles could not be moved one by one.
        self._scene = mi.load_dict(self._description(), optimize=False)
        self._params = mi.traverse(self._scene)

    def _description(self) -> dict[str, Any]:
        mi = self._mi
        film = {"type": "hdrfilm", "width": self.tile_px * VIEWS_PER_PASS, "height": self.tile_px}
        film |= {"rfilter": {"type": "box"}, "pixel_format": "luminance_alpha", "component_format": "float32"}
        small = {"type": "hdrfilm", "width": self.tile_px, "height": self.tile_px}
        sensor: dict[str, Any] = {"type": "batch", "film": film, "sampler": {"type": "independent"}}
        for k in range(VIEWS_PER_PASS):
            # A dictionary of its own for each: Mitsuba takes one that comes twice for one object.
            # Cameras never move, and the ball is scaled instead: a moved one means a new kernel.
            one = {"type": "orthographic", "near_clip": 0.1, "far_clip": 20.0}
            x = k * _SPACING
            look = mi.ScalarTransform4f().look_at([x, 0, CAMERA_DISTANCE], [x, 0, 0], [0, 1, 0])
            sensor[f"s{k}"] = one | {"film": dict(small, pixel_format="luminance"), "to_world": look}
        deep = self._staged and self._bounces > 2
        depth = {"type": "path", "max_depth": self._bounces} if deep else {"type": "direct"}
        blank = mi.Bitmap(np.ones((64, 128, 3), np.float32))
        scene: dict[str, Any] = {
            "type": "scene",
            "light": {"type": "envmap", "bitmap": blank},
            "sensor": sensor,
            "integrator": depth | {"hide_emitters": True},
            "group": {"type": "shapegroup", "ball": self._mesh},
        }
        for k in range(VIEWS_PER_PASS):
            scene[f"ball{k}"] = {"type": "instance", "ref": {"type": "ref", "id": "group"}}
        if self._staged:
            scene["ground"] = {
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
            for k in range(VIEWS_PER_PASS):
                scene[f"beside{k}"] = {"type": "instance", "ref": {"type": "ref", "id": "group"}}
                for j in range(PLANES):
                    scene[f"plane{k}{j}"] = {"type": "rectangle", "bsdf": {"type": "ref", "id": "ground"}}
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
        """Turn and move the copies, their cameras and rectangles; `half` radii from middle to border."""
        params, mi = self._params, self._mi
        scale = 1.0 / half
        away = np.array([0.0, 0.0, -_AWAY])
        for k in range(VIEWS_PER_PASS):
            copy = copies[min(k, len(copies) - 1)]
            spot = np.array([k * _SPACING, 0.0, 0.0])
            params[f"ball{k}.to_world"] = self._transform(copy.turn * scale, spot)
            if stage is None:
                continue
            turn, offset = (np.eye(3), away)
            if copy.beside is not None:
                turn, offset = copy.beside[0], copy.world @ copy.beside[1] * scale
            params[f"beside{k}.to_world"] = self._transform(turn * scale, spot + offset)
            for j in range(PLANES):
                if j >= len(copy.planes):
                    params[f"plane{k}{j}.to_world"] = self._transform(np.eye(3), spot + 1.5 * away)
                    continue
                plane = copy.planes[j]
                sides = copy.world @ plane.axes * np.array([plane.half[0], plane.half[1], 1.0])
                middle = copy.world @ plane.centre
                params[f"plane{k}{j}.to_world"] = self._transform(sides * scale, spot + middle * scale)
        if stage is not None:
            params["ground.base_color.data"] = mi.TensorXf(np.ascontiguousarray(stage.albedo[..., None]))
            params["ground.roughness.value"] = self._opaque(stage.roughness)
            params["ground.metallic.value"] = self._opaque(stage.metallic)
        params.update()

    def _opaque(self, value: float) -> Any:
        """A number that the compiler does not take for a constant, so that kernels are used again."""
        import drjit

        return drjit.opaque(self._mi.Float, value)

    def _transform(self, matrix: Float64Array, offset: Float64Array) -> Any:
        whole = np.eye(4)
        whole[:3, :3] = matrix
        whole[:3, 3] = offset
        return self._mi.ScalarTransform4f(whole.tolist())

    def trace(self, samples: int, seed: int) -> FloatArray:
        """(T, VIEWS_PER_PASS * T, 2) radiance and cover."""
        return np.asarray(self._mi.render(self._scene, spp=samples, seed=seed), np.float32)

    def first_hits(self, side_rays: int) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]]:
        """Per view: triangle met by each sub-ray (row by row), and whose it is.

        0: no ball (or something before it), 1: the view's own ball, 2: the one beside it.
        """
        import drjit

        mi, rays = self._mi, self.tile_px * side_rays
        step = ((np.arange(rays) + 0.5) / rays * 2.0 - 1.0).astype(np.float32)
        x, y = np.meshgrid(step, -step)
        spots = np.arange(VIEWS_PER_PASS, dtype=np.float32) * np.float32(_SPACING)
        xs = (x.ravel()[None, :] + spots[:, None]).ravel()
        ys = np.tile(y.ravel(), VIEWS_PER_PASS)
        start = mi.Point3f(xs, ys, np.full(xs.size, CAMERA_DISTANCE, np.float32))
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


def _new_mesh(mi: Any, faces: npt.NDArray[np.uint32]) -> Any:
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
    params = mi.traverse(mesh)
    params["vertex_positions"] = points.ravel()
    params["faces"] = faces.ravel()
    params.update()
    return mesh
