"""Renders one ball of a data set and writes its crops, masks and figures.

A ball depends on seed, settings, plan and its number alone, so that balls can be made in any
order and by several processes. Neighbours: `render_balls.py` shares the balls out, `truth.py`
knows the sizes, `compose.py` and `camera.py` make the pictures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from datasets.records import BoxRecord, SampleRecord
from datasets.synthetic.ball_plan import PlannedBall
from datasets.synthetic.camera import CameraState, draw_camera, noise_at
from datasets.synthetic.compose import Crop, Tile, component_masks, compose
from datasets.synthetic.defects import WHOLE_PIECE
from datasets.synthetic.lights import environment
from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.poses import View, rolling_views
from datasets.synthetic.render import RenderedView, Renderer, exposure_gain, mask_box
from datasets.synthetic.settings import (
    CameraRanges,
    FinishName,
    LightRanges,
    RenderSettings,
    StageName,
    StageRanges,
    draw,
    draw_key,
)
from datasets.synthetic.sphere import Ball, BoolArray, FloatArray
from datasets.synthetic.stages import Stage, draw_stage
from datasets.synthetic.truth import GrooveTruth, ball_figures, contrast_grey, groove_truth, view_figures
from datasets.synthetic.views import defect_truth
from vision.errors import ConfigError, FerrogateError

NOMINAL_PX = 144.0
TILE_SIZES = (152, 176, 200, 232, 296, 360)
VIEWS_PER_BALL = 8
JOIN_PX = {"scale_pit": 25}
"""Parts of a defect closer than this are one box; 13 for the labels that are not named."""
DOUBLE_PX = 130.0
LEAST_PX = {
    "crack": 12,
    "lap": 16,
    "scale_pit": 20,
    "seam": 30,
    "neck": 30,
    "flat": 60,
    "mismatch": 60,
    "spall": 60,
}
"""Visible pixels, on a ball of NOMINAL_PX, from which a view is an example of its label."""
FINE_LABELS = ("crack", "lap", "scale_pit")
LEAST_CONTRAST = 1.0
"""A fine mark that differs from its surroundings by less than this times the noise cannot be seen."""


@dataclass(slots=True)
class BallResult:
    """Samples of one ball, and why views of it were left out."""

    samples: list[SampleRecord] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Setup:
    """What all views of one ball share."""

    name: str
    seed: int
    planned: PlannedBall
    ball: Ball
    finish: str
    rig: str
    stage: StageName
    camera: CameraState
    diameter_px: float
    size_mm: float
    jitter: float
    figures: dict[str, float]


@dataclass(slots=True)
class BallSampler:
    """Makes the samples of any ball of one set; pictures go to `out`/images, masks to `out`/masks.

    Raises:
        ConfigError: the settings lack scenes or camera.
    """

    out: Path
    settings: RenderSettings
    seed: int
    renderer: Renderer = field(init=False)
    factory: BallFactory = field(init=False)

    def __post_init__(self) -> None:
        if self.settings.stage is None or self.settings.camera is None:
            raise ConfigError(
                f"the settings '{self.settings.name}' name no scenes and no camera",
                where="stage, camera",
                todo="start from the package's train.yaml",
            )
        self.renderer = Renderer(NOMINAL_PX, self.settings)
        self.factory = BallFactory(self.settings)

    def samples(self, number: int, planned: PlannedBall) -> BallResult:
        """Render ball `number`; its crops, fewer than VIEWS_PER_BALL when some show too little."""
        stages, cameras = self.settings.stage, self.settings.camera
        if stages is None or cameras is None:
            raise RuntimeError("checked when the sampler was made")
        rng = np.random.default_rng([self.seed, 2, number])
        stage_name, finish, rig, light = self._draw_kind(stages, rng)
        ball = self.factory.ball(planned.label, rng, finish)
        stage = draw_stage(stage_name, stages, rng)
        travel = float(rng.uniform(0.0, 2.0 * np.pi))
        size_mm = float(rng.choice(cameras.size_mm))
        setup = _Setup(
            name=f"{self.settings.name}{self.seed}-{number:05d}",
            seed=self.seed,
            planned=planned,
            ball=ball,
            finish=finish or "plain",
            rig=rig,
            stage=stage_name,
            camera=draw_camera(cameras, light, -travel, rng),
            diameter_px=_diameter_px(cameras, planned.label, rng),
            size_mm=size_mm,
            jitter=cameras.box_jitter,
            figures=ball_figures(ball, size_mm),
        )
        views = rolling_views(ball.positions, planned.label, stage, stages, travel, VIEWS_PER_BALL, rng)
        rendered = self._rendered(setup, views, environment(light, rng), stage, int(rng.integers(1 << 30)))
        # On a stage the renderer has put the neighbours beside the ball; the panel is drawn.
        chance = stages.neighbour_chance if stage is None else 0.0
        return self._composed(setup, views, rendered, chance, rng)

    def _draw_kind(
        self, stages: StageRanges, rng: np.random.Generator
    ) -> tuple[StageName, FinishName | None, str, LightRanges]:
        settings = self.settings
        stage = _key(dict(stages.shares), rng)
        finishes = {name: finish.share for name, finish in settings.finishes.items()}
        finish = _key(finishes, rng) if finishes else None
        # Light from behind is the panel's: there is none behind a belt.
        rigs = {
            name: rig.share for name, rig in settings.rigs.items() if stage == "backlit" or name != "back"
        }
        if not rigs:
            return stage, finish, "plain", settings.light
        rig = _key(rigs, rng)
        return stage, finish, rig, settings.rigs[rig].light

    def _rendered(
        self, setup: _Setup, views: list[View], light: FloatArray, stage: Stage | None, seed: int
    ) -> list[tuple[RenderedView, Tile]]:
        reach_px = float(np.linalg.norm(setup.ball.positions, axis=1).max()) * setup.diameter_px
        needed = reach_px + 4.0 if stage is None else reach_px * 1.23
        tile_px = next((size for size in TILE_SIZES if size >= needed), TILE_SIZES[-1])
        made = self.renderer.render_poses(
            setup.ball,
            light,
            [view.pose for view in views],
            tile_px,
            seed,
            nominal_px=setup.diameter_px,
            stage=stage,
        )
        gain = np.float32(exposure_gain(made, setup.camera.ball_grey))
        tiles = []
        for view in made:
            truth = defect_truth(view, setup.planned.label, setup.diameter_px)
            defect = view.defect
            if setup.planned.label in WHOLE_PIECE:
                defect = view.alpha if truth.defect_px else np.zeros_like(view.alpha)
            tiles.append((view, Tile(view.radiance * gain, view.alpha, defect, whole=stage is not None)))
        return tiles

    def _composed(
        self,
        setup: _Setup,
        views: list[View],
        rendered: list[tuple[RenderedView, Tile]],
        neighbour_chance: float,
        rng: np.random.Generator,
    ) -> BallResult:
        result = BallResult()
        tiles = [tile for _, tile in rendered]
        for index, (view, (_, tile)) in enumerate(zip(views, rendered, strict=True)):
            beside = None
            if rng.random() < neighbour_chance and setup.planned.label not in WHOLE_PIECE:
                beside = tiles[int(rng.integers(len(tiles)))]
            crop = compose(tile, setup.diameter_px, setup.camera, beside, setup.jitter, rng)
            sample = self._sample(setup, view, crop, index)
            if isinstance(sample, str):
                result.left_out[sample] += 1
            else:
                result.samples.append(sample)
        return result

    def _sample(self, setup: _Setup, view: View, crop: Crop, index: int) -> SampleRecord | str:
        """Write one crop; or say why it is left out: it is neither a sound view nor an example."""
        label, share = setup.planned.label, (setup.diameter_px / NOMINAL_PX) ** 2
        mask = crop.defect >= 0.5
        visible_px = int(mask.sum())
        least_px = max(4, round(LEAST_PX.get(label, 1) * share))
        if 0 < visible_px < least_px:
            return "too few pixels of the defect"
        parts = (
            component_masks(mask, JOIN_PX.get(label, 13), max(4, round(0.5 * least_px))) if visible_px else []
        )
        truth = _truth(setup, view, crop)
        lines = None
        if parts:
            grey = contrast_grey(crop.clean, mask, crop.alpha >= 0.5)
            noise = noise_at(setup.camera, float(crop.clean[mask].mean()))
            truth |= {"defect_px": visible_px, "contrast_grey": round(grey, 2), "noise_grey": round(noise, 2)}
            if label in FINE_LABELS and grey < LEAST_CONTRAST * max(noise, 1.0):
                return "the defect is fainter than the noise"
            lines = groove_truth(setup.ball.lines, view.pose.turn, setup.diameter_px, setup.size_mm)
            if lines is not None:
                truth |= {f"{label}_width_px": lines.width_px, f"{label}_width_mm": lines.width_mm}
                truth |= {f"{label}_length_px": lines.length_px}
        file = f"images/{setup.name}-{index}.png"
        _write(self.out / file, crop.grey)
        if parts:
            numbered = np.zeros(mask.shape, np.uint8)
            for number, part in enumerate(parts, start=1):
                numbered[part] = number
            truth["mask_file"] = f"masks/{setup.name}-{index}.png"
            _write(self.out / str(truth["mask_file"]), numbered)
        height, width = crop.grey.shape
        return SampleRecord(
            file=file,
            width_px=width,
            height_px=height,
            group=setup.name,
            source="ferrogate renderer",
            licence="Apache-2.0",
            sensor=f"{setup.stage}, {setup.rig} light",
            label=label if parts or label in ("good", "oval") else "good",
            split=setup.planned.split,
            boxes=tuple(_box(part, label, setup, lines) for part in parts),
            origin="rendered",
            mm_per_px=round(setup.size_mm / setup.diameter_px, 6),
            sequence=setup.name,
            frame=index,
            truth=truth,
        )


_Key = TypeVar("_Key", bound=str)


def _key(shares: dict[_Key, float], rng: np.random.Generator) -> _Key:
    keys = {str(key): key for key in shares}
    return keys[draw_key(rng, {str(key): share for key, share in shares.items()})]


def _diameter_px(cameras: CameraRanges, label: str, rng: np.random.Generator) -> float:
    diameter = draw(rng, cameras.diameter_px)
    return min(diameter, DOUBLE_PX) if label == "double" else diameter


def _truth(setup: _Setup, view: View, crop: Crop) -> dict[str, str | float | bool | None]:
    """Figures of the ball and of this view; pixels are the crop's."""
    x0, y0, x1, y1 = mask_box(crop.alpha >= 0.5)
    figures: dict[str, str | float | bool | None] = {
        "ball_label": setup.planned.label,
        "finish": setup.finish,
        "stage": setup.stage,
        "rig": setup.rig,
        "camera": view.camera,
        "roll_deg": round(view.roll_deg, 2),
        "diameter_px": round(setup.diameter_px, 3),
        "ball_x0_px": x0,
        "ball_y0_px": y0,
        "ball_x1_px": x1,
        "ball_y1_px": y1,
        "ball_grey": round(float(crop.clean[crop.alpha >= 0.5].mean()), 1),
        "blur_px": round(setup.camera.blur_px, 3),
        "motion_px": round(float(np.hypot(*setup.camera.motion_xy_px)), 3),
        "defect_px": 0,
    }
    figures |= setup.figures
    return figures | view_figures(setup.ball, setup.planned.label, view.pose.turn, setup.size_mm)


def _box(part: BoolArray, label: str, setup: _Setup, lines: GrooveTruth | None) -> BoxRecord:
    attributes: dict[str, str | float | bool] = {}
    if lines is not None:
        attributes = {"width_px": lines.width_px, "length_px": lines.length_px}
    return BoxRecord(
        label=label,
        xyxy_px=mask_box(part),
        area_px=int(part.sum()),
        origin="rendered",
        width_mm=None if lines is None else lines.width_mm,
        length_mm=None if lines is None else lines.length_mm,
        attributes=attributes,
    )


def _write(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    if not cv2.imwrite(str(path), picture):
        raise FerrogateError("a picture could not be written", where=str(path), todo="check the disk")
