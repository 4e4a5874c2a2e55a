"""Renders balls with Mitsuba 3: grey picture, soft silhouette and pixel-exact defect mask.

The ball stands still in the scene; for each view the camera and its lamps are turned
around it, which is the same picture and saves rebuilding the ray tracer's tree. The
mask and the silhouette come from a second, regular pass of a few rays per pixel that
asks which triangle each meets; the same pass gives the noise-free reflectance and
normals that keep the denoiser (OIDN) from smoothing cracks away.
Neighbours: `sphere.py` (mesh), `lights.py` (environment).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.mitsuba_backend import load_denoiser, load_mitsuba
from datasets.synthetic.settings import RenderSettings
from datasets.synthetic.sphere import Ball, FloatArray, triangles, unit_directions
from vision.errors import FerrogateError

_CAMERA_DISTANCE = 6.0


@dataclass(frozen=True, slots=True)
class RenderedView:
    """One view of one ball, square.

    `radiance` (T, T) float32, linear, continued past the ball's edge; `alpha` (T, T)
    float32 share of the pixel the ball covers; `defect` (T, T) float32 share of the pixel
    that shows the defect.
    """

    radiance: FloatArray
    alpha: FloatArray
    defect: FloatArray

    @property
    def silhouette_xyxy_px(self) -> tuple[float, float, float, float]:
        """Box of the ball, pixels at least half covered."""
        return mask_box(self.alpha >= 0.5)

    @property
    def defect_px(self) -> int:
        """Pixels of which the defect fills at least half."""
        return int((self.defect >= 0.5).sum())

    @property
    def defect_xyxy_px(self) -> tuple[float, float, float, float] | None:
        """Box of the defect, or None when no pixel shows it."""
        return mask_box(self.defect >= 0.5) if self.defect_px else None


def mask_box(mask: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Box of the True pixels, xyxy, from the first pixel's left edge to the last one's right edge."""
    ys, xs = np.nonzero(mask)
    if not len(xs):
        raise FerrogateError(
            "a rendered ball covers no pixel", where="renderer", todo="report this settings file and seed"
        )
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def camera_rotation(tilt_deg: float, roll_deg: float) -> npt.NDArray[np.float64]:
    """(3, 3) ball to camera, for a ball rolling along +x under a camera tilted about the travel axis.

    World: x travel, y left, z up. The camera sits at (0, sin tilt, cos tilt), +x to the
    right in its picture; positive roll is forward rolling (about +y). Camera frame: x
    right, y up in the picture, z towards the camera.
    """
    s, c = np.sin(np.radians(tilt_deg)), np.cos(np.radians(tilt_deg))
    camera = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    rs, rc = np.sin(np.radians(roll_deg)), np.cos(np.radians(roll_deg))
    roll = np.array([[rc, 0.0, rs], [0.0, 1.0, 0.0], [-rs, 0.0, rc]])
    return np.asarray(camera @ roll, np.float64)


class Renderer:
    """Holds the compiled scenes (one per tile size).

    Raises:
        FerrogateError: mitsuba or LLVM is missing.
    """

    def __init__(self, nominal_px: float, settings: RenderSettings) -> None:
        self._mi: Any = load_mitsuba()
        self._denoise = load_denoiser()
        self._nominal_px = nominal_px
        self._samples = settings.samples_per_pixel
        self._side_rays = settings.mask_side_rays
        self._faces = triangles()
        self._mesh = self._new_mesh(settings.surface.metallic)
        self._scenes: dict[int, Any] = {}

    def _new_mesh(self, metallic: float) -> Any:
        mi, points = self._mi, unit_directions()
        props = mi.Properties()
        props["bsdf"] = mi.load_dict(
            {
                "type": "principled",
                "base_color": {"type": "mesh_attribute", "name": "vertex_albedo"},
                "roughness": {"type": "mesh_attribute", "name": "vertex_rough"},
                "metallic": metallic,
                "specular": 0.5,
            }
        )
        mesh = mi.Mesh("ball", len(points), len(self._faces), has_vertex_normals=True, props=props)
        mesh.add_attribute("vertex_albedo", 1, np.full(len(points), 0.2, np.float32))
        mesh.add_attribute("vertex_rough", 1, np.full(len(points), 0.5, np.float32))
        params = mi.traverse(mesh)
        params["vertex_positions"] = points.ravel()
        params["faces"] = self._faces.ravel()
        params.update()
        return mesh

    def _scene(self, tile_px: int) -> Any:
        if tile_px not in self._scenes:
            mi = self._mi
            film = {"type": "hdrfilm", "width": tile_px, "height": tile_px, "rfilter": {"type": "box"}}
            film |= {"pixel_format": "luminance_alpha", "component_format": "float32"}
            sensor = {"type": "orthographic", "near_clip": 0.1, "far_clip": 20.0, "film": film}
            blank = mi.Bitmap(np.ones((64, 128, 3), np.float32))
            self._scenes[tile_px] = mi.load_dict(
                {
                    "type": "scene",
                    "ball": self._mesh,
                    "light": {"type": "envmap", "bitmap": blank},
                    "sensor": sensor | {"sampler": {"type": "independent"}},
                    "integrator": {"type": "direct", "hide_emitters": True},
                }
            )
        return self._scenes[tile_px]

    def render(
        self, ball: Ball, light: FloatArray, turns: list[npt.NDArray[np.float64]], tile_px: int, seed: int
    ) -> list[RenderedView]:
        """Render one ball from several sides.

        Args:
            ball: the ball, in radii; one radius is `nominal_px` / 2 pixels.
            light: (64, 128) environment in the camera's frame (`lights.environment`).
            turns: (3, 3) rotations ball to camera, one per view.
            tile_px: side of the square picture.
            seed: of the path tracer's samples.
        """
        mi, scene = self._mi, self._scene(tile_px)
        params = mi.traverse(scene)
        params["ball.vertex_positions"] = np.ascontiguousarray(ball.positions, np.float32).ravel()
        params["ball.vertex_albedo"] = np.ascontiguousarray(ball.albedo, np.float32)
        params["ball.vertex_rough"] = np.ascontiguousarray(ball.roughness, np.float32)
        # The map's tensor carries one repeated column for interpolation across the seam.
        data = np.concatenate([light, light[:, :1]], axis=1)[..., None]
        params["light.data"] = mi.TensorXf(np.repeat(data, params["light.data"].shape[2], axis=2))
        params.update()
        faces = _FaceData.of(ball, self._faces)
        return [self._view(scene, turn, tile_px, faces, seed + k) for k, turn in enumerate(turns)]

    def _view(
        self, scene: Any, turn: npt.NDArray[np.float64], tile_px: int, faces: _FaceData, seed: int
    ) -> RenderedView:
        mi = self._mi
        half = tile_px / self._nominal_px
        back = np.eye(4)
        back[:3, :3] = turn.T
        to_ball = mi.ScalarTransform4f(back.tolist())
        place = mi.ScalarTransform4f().look_at(
            origin=[0, 0, _CAMERA_DISTANCE], target=[0, 0, 0], up=[0, 1, 0]
        )
        params = mi.traverse(scene)
        params["sensor.to_world"] = to_ball @ place @ mi.ScalarTransform4f().scale([half, half, 1])
        params["light.to_world"] = to_ball
        params.update()
        picture = np.array(mi.render(scene, spp=self._samples, seed=seed))
        index, valid = self._first_hits(scene, turn, tile_px, half)
        alpha = _pool(valid.astype(np.float32), tile_px)
        albedo = _pool(faces.albedo[index] * valid, tile_px)
        normal = np.stack(
            [_pool((faces.normal @ turn[k].astype(np.float32))[index] * valid, tile_px) for k in range(3)], -1
        )
        clean = self._denoise(
            np.repeat(picture[..., :1], 3, axis=2).astype(np.float32),
            np.repeat(albedo[..., None], 3, axis=2),
            normal,
        )
        radiance = _continue_outwards(clean[..., 0], picture[..., -1])
        return RenderedView(radiance, alpha, _pool((faces.defect[index] & valid).astype(np.float32), tile_px))

    def _first_hits(
        self, scene: Any, turn: npt.NDArray[np.float64], tile_px: int, half: float
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """Triangle met by each sub-ray, and whether it met any; row by row."""
        mi = self._mi
        count = tile_px * self._side_rays
        step = (np.arange(count) + 0.5) / count * 2.0 - 1.0
        x, y = np.meshgrid((step * half).astype(np.float32), (-step * half).astype(np.float32))
        start = np.stack([x.ravel(), y.ravel(), np.full(x.size, _CAMERA_DISTANCE, np.float32)])
        ahead = np.array([0.0, 0.0, -1.0]) @ turn
        ray = mi.Ray3f(mi.Point3f(turn.T.astype(np.float32) @ start), mi.Vector3f(*ahead.tolist()))
        hit = scene.ray_intersect_preliminary(ray, coherent=True)
        valid = np.array(hit.is_valid())
        return np.where(valid, np.array(hit.prim_index), 0), valid


@dataclass(frozen=True, slots=True)
class _FaceData:
    """What the regular pass looks up per triangle."""

    albedo: FloatArray
    normal: FloatArray
    defect: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, ball: Ball, faces: npt.NDArray[np.uint32]) -> _FaceData:
        a, b, c = (ball.positions[faces[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        return cls(
            albedo=ball.albedo[faces].mean(axis=1),
            normal=normal.astype(np.float32),
            defect=ball.defect[faces].sum(axis=1) >= 2,
        )


def _pool(values: npt.NDArray[np.float32], tile_px: int) -> FloatArray:
    """Mean over each pixel's sub-rays, (T, T)."""
    rays = round(np.sqrt(values.size)) // tile_px
    blocks = values.reshape(tile_px, rays, tile_px, rays)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _continue_outwards(radiance: FloatArray, cover: FloatArray) -> FloatArray:
    """Undo the edge's mixing with black, and continue the ball's colour a few pixels past its edge."""
    known = (cover > 0.3).astype(np.float32)
    value = np.where(known > 0, radiance / np.maximum(cover, 0.3), 0.0).astype(np.float32)
    for _ in range(4):
        weight = cv2.blur(known, (3, 3))
        spread = cv2.blur(value * known, (3, 3)) / np.maximum(weight, 1e-6)
        grow = (known == 0) & (weight > 0)
        value = np.where(grow, spread, value).astype(np.float32)
        known = np.maximum(known, grow.astype(np.float32))
    return value


def to_grey(views: list[RenderedView], mean_grey: float) -> list[npt.NDArray[np.uint8]]:
    """Expose all views of one ball alike, so that the ball's mean grey is `mean_grey`."""
    total = sum(float((view.radiance * view.alpha).sum()) for view in views)
    cover = sum(float(view.alpha.sum()) for view in views)
    gain = mean_grey / max(total / cover, 1e-6)
    return [np.clip(np.rint(view.radiance * gain), 0, 255).astype(np.uint8) for view in views]
