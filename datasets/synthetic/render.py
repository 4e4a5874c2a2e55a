"""Renders balls with Mitsuba 3: picture, soft silhouette and pixel-exact defect mask.

One mesh, several copies: every view of a ball is a copy of it, turned its own way and set far from
the others, with a camera of its own; so the ray tracer's tree is built once per ball and all views
come out of one pass. Lamps are far away and stand still before each camera. Mask and silhouette
come from a second, regular pass of a few rays per pixel that asks which triangle each meets; it
also gives the noise-free reflectance and normals that keep the denoiser (OIDN) from smoothing
cracks away. Neighbours: `sphere.py` (mesh), `lights.py` (environment), `stages.py` (what it lies on).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.mitsuba_backend import load_denoiser, load_mitsuba
from datasets.synthetic.scene import BESIDES_PER_PASS, VIEWS_PER_PASS, Copy, Scene
from datasets.synthetic.settings import RenderSettings
from datasets.synthetic.sphere import Ball, FloatArray, triangles
from datasets.synthetic.stages import Plane, Stage, visible_texture
from vision.errors import FerrogateError

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RenderedView:
    """One view of one ball, square.

    `radiance` (T, T) float32, linear; without a stage continued past the ball's edge, with one the
    whole picture. `alpha` (T, T) float32 share of the pixel the ball covers; `defect` (T, T) float32
    share of the pixel that shows the defect.
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


@dataclass(frozen=True, slots=True)
class Pose:
    """How one view sees the ball and its stage.

    `turn` (3, 3) ball to camera; `world` (3, 3) stage to camera; `shift` of the stage along the
    travel in radii; `beside` turn and world position (3,) of another ball, or None; `reach` distance
    of each of the stage's rectangles from the ball's middle (empty: 1).
    """

    turn: Float64Array
    world: Float64Array
    shift: float = 0.0
    beside: tuple[Float64Array, Float64Array] | None = None
    reach: tuple[float, ...] = ()


def mask_box(mask: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Box of the True pixels, xyxy, from the first pixel's left edge to the last one's right edge."""
    ys, xs = np.nonzero(mask)
    if not len(xs):
        raise FerrogateError(
            "a rendered ball covers no pixel", where="renderer", todo="report this settings file and seed"
        )
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def camera_rotation(tilt_deg: float, roll_deg: float) -> Float64Array:
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


def _lying(pose: Pose, stage: Stage | None) -> tuple[Plane, ...]:
    """The stage's rectangles where the ball touches them in this view."""
    if stage is None:
        return ()
    reach = pose.reach or (1.0,) * len(stage.planes)
    return tuple(
        plane.moved(pose.shift, distance) for plane, distance in zip(stage.planes, reach, strict=True)
    )


class Renderer:
    """Holds the compiled scene.

    Raises:
        FerrogateError: mitsuba or LLVM is missing.
    """

    def __init__(self, nominal_px: float, settings: RenderSettings) -> None:
        self._mi: Any = load_mitsuba()
        self._denoise = load_denoiser()
        self._nominal_px = nominal_px
        self._settings = settings
        self._faces = triangles()
        self._scene = Scene(self._mi, self._faces, settings.bounces)

    def render(
        self, ball: Ball, light: FloatArray, turns: list[Float64Array], tile_px: int, seed: int
    ) -> list[RenderedView]:
        """Render one ball from several sides, alone.

        Args:
            ball: the ball, in radii; one radius is `nominal_px` / 2 pixels.
            light: (64, 128) environment in the camera's frame (`lights.environment`).
            turns: (3, 3) rotations ball to camera, one per view.
            tile_px: side of the square picture.
            seed: of the path tracer's samples.
        """
        poses = [Pose(turn, np.eye(3)) for turn in turns]
        return self.render_poses(ball, light, poses, tile_px, seed, nominal_px=self._nominal_px)

    def render_poses(
        self,
        ball: Ball,
        light: FloatArray,
        poses: list[Pose],
        tile_px: int,
        seed: int,
        *,
        nominal_px: float,
        stage: Stage | None = None,
    ) -> list[RenderedView]:
        """As `render`, for any scale (`nominal_px` per diameter) and on a stage."""
        faces = _FaceData.of(ball, self._faces)
        self._scene.load(ball, light, self._settings.surface.metallic)
        half = tile_px / nominal_px
        views: list[RenderedView] = []
        for begin in range(0, len(poses), VIEWS_PER_PASS):
            part = _with_few_neighbours(poses[begin : begin + VIEWS_PER_PASS])
            copies = [Copy(pose.turn, pose.world, pose.beside, _lying(pose, stage)) for pose in part]
            self._scene.place(copies, half, stage)
            views += self._pass(part, tile_px, seed + begin, faces, half, stage)
        return views

    def _pass(
        self,
        poses: list[Pose],
        tile_px: int,
        seed: int,
        faces: _FaceData,
        half: float,
        stage: Stage | None,
    ) -> list[RenderedView]:
        """Trace the views that are placed, denoise them and look up their masks."""
        radiance, cover = self._scene.trace(tile_px, self._settings.samples_per_pixel, seed)
        hits = self._scene.first_hits(tile_px, self._settings.mask_side_rays)
        albedo = np.zeros((tile_px, len(poses) * tile_px), np.float32)
        normal = np.zeros((*albedo.shape, 3), np.float32)
        masks = []
        for k, pose in enumerate(poses):
            index, owner = hits[k]
            main, any_ball = owner == 1, (owner > 0).astype(np.float32)
            alpha = _pool(main.astype(np.float32), tile_px)
            masks.append((alpha, _pool((faces.defect[index] & main).astype(np.float32), tile_px)))
            seen = faces.normal[index] @ pose.turn.T.astype(np.float32)
            if pose.beside is not None:
                other = owner == 2
                seen[other] = faces.normal[index[other]] @ pose.beside[0].T.astype(np.float32)
            reflectance = _pool(faces.albedo[index] * any_ball, tile_px)
            direction = np.stack([_pool(seen[:, j] * any_ball, tile_px) for j in range(3)], -1)
            if stage is not None:
                bare = 1.0 - _pool(any_ball, tile_px)
                lying = _lying(pose, stage)
                below, below_normal = visible_texture(stage.albedo, lying, pose.world, tile_px, half)
                reflectance = reflectance + bare * below
                direction = direction + bare[..., None] * below_normal
            columns = np.s_[:, k * tile_px : (k + 1) * tile_px]
            albedo[columns], normal[columns] = reflectance, direction
        noisy = np.hstack(list(radiance[: len(poses)]))
        clean = self._denoise(_grey3(noisy), _grey3(albedo), normal)[..., 0]
        views = []
        for k, (alpha, defect) in enumerate(masks):
            picture = np.ascontiguousarray(clean[:, k * tile_px : (k + 1) * tile_px])
            if stage is None:
                picture = _continue_outwards(picture, cover[k])
            views.append(RenderedView(picture, alpha, defect))
        return views


def _grey3(values: FloatArray) -> FloatArray:
    return np.repeat(values[..., None], 3, axis=2)


def _with_few_neighbours(poses: list[Pose]) -> list[Pose]:
    """The poses, of which only as many have another ball beside theirs as the scene holds."""
    left, kept = BESIDES_PER_PASS, []
    for pose in poses:
        if pose.beside is not None:
            pose = pose if left > 0 else replace(pose, beside=None)
            left -= 1
        kept.append(pose)
    return kept


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


def exposure_gain(views: list[RenderedView], mean_grey: float) -> float:
    """Gain that brings the ball's mean grey over all views to `mean_grey`."""
    total = sum(float((view.radiance * view.alpha).sum()) for view in views)
    cover = sum(float(view.alpha.sum()) for view in views)
    return mean_grey / max(total / cover, 1e-6)


def to_grey(views: list[RenderedView], mean_grey: float) -> list[npt.NDArray[np.uint8]]:
    """Expose all views of one ball alike, so that the ball's mean grey is `mean_grey`."""
    gain = exposure_gain(views, mean_grey)
    return [np.clip(np.rint(view.radiance * gain), 0, 255).astype(np.uint8) for view in views]
