"""Ranges a ball is drawn from: surface, defects, light, scene and camera, read from YAML.

Three files are part of the package: `settings/train.yaml` (wide ranges), `settings/test.yaml`
(what models are measured on) and `settings/bank.yaml` (the twin line's bank); the last two say
`training_allowed: false`. Neighbours: `surface.py`, `marks.py`, `defects.py`, `lights.py`,
`stages.py` and `camera.py` draw from these ranges with a seeded generator.
All lengths with `_mm40` are millimetres on a ball of 40 mm; all `_share` of the radius.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vision.errors import ConfigError

SETTINGS_DIR = Path(__file__).parent / "settings"
RADIUS_MM40 = 20.0


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"a range is [low, high], got {list(value)}")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MarkRanges(_Strict):
    """Harmless marks that look a little like defects, and what a finish needs beside oxide."""

    flake_relief: Range = Field(default=(0.0, 0.0), description="step where scale flaked off, share")
    scale_patches: tuple[int, int] = Field(default=(0, 0), description="thin adhering scale, dark, no pit")
    patch_darkness: Range = (0.12, 0.4)
    handling: tuple[int, int] = Field(default=(0, 0), description="straight shallow scratches, faint")
    roll_marks: tuple[int, int] = Field(default=(0, 0), description="soft lines round the pole axis")
    streaks: tuple[int, int] = Field(default=(0, 0), description="dried runs of water or rust")
    drops: tuple[int, int] = Field(default=(0, 0), description="water drops, round and glossy")
    grind: Range = Field(default=(0.0, 0.0), description="contrast of grinding lines, share")
    film_share: Range = Field(default=(0.0, 0.0), description="share of the surface under a film of water")


class SurfaceRanges(_Strict):
    """Steel of one finish, before any defect."""

    albedo: Range = Field(description="mean reflectance of the oxide")
    patch_contrast: Range = Field(description="share by which large patches differ in reflectance")
    flake_share: Range = Field(description="share of the surface that lost its outer scale")
    flake_contrast: Range = Field(description="reflectance of such places over that of the oxide, minus 1")
    grain: Range = Field(description="fine reflectance noise, share")
    roughness: Range
    metallic: float = Field(ge=0.0, le=1.0)
    bump_share: Range = Field(description="height of random bumps over the radius")
    ovality: Range = Field(description="(longest - shortest axis) / mean of a ball within tolerance")
    rubs: tuple[int, int] = Field(description="number of bright rubbed spots")
    dents: tuple[int, int]
    stains: tuple[int, int]
    scratches: tuple[int, int] = Field(description="number of fine bright handling marks")
    pole_mark_chance: float = Field(ge=0.0, le=1.0, description="harmless witness mark of the neck")
    marks: MarkRanges | None = None


FinishName = Literal["forged", "oxide", "bright", "wet"]
StageName = Literal["backlit", "belt", "chute", "groove"]
RigName = Literal["dome", "bar", "back"]


class Finish(_Strict):
    """One finish and how often it is drawn (weights need not sum to 1)."""

    share: float = Field(gt=0.0)
    surface: SurfaceRanges


class DefectRanges(_Strict):
    """Sizes of each label's defect."""

    crack_width_mm40: Range
    crack_arc_deg: Range
    crack_branch_chance: float = Field(ge=0.0, le=1.0)
    lap_width_mm40: Range
    lap_arc_deg: Range
    lap_lip_share: Range
    seam_height_share: Range
    seam_width_deg: Range
    seam_full_chance: float = Field(ge=0.0, le=1.0)
    flat_plane_share: Range = Field(description="distance of the flat from the centre over the radius")
    neck_length_share: Range
    neck_radius_share: Range
    mismatch_share: Range = Field(description="offset of the halves over the radius")
    pit_count: tuple[int, int]
    pit_radius_mm40: Range
    pit_albedo: Range = Field(description="reflectance of a pit over that of the oxide around it")
    spall_plane_share: Range
    spall_albedo: Range
    half_plane_share: Range
    double_bridge_share: Range
    oval_ovality: Range
    groove_albedo: Range = Field(description="reflectance inside cracks and laps over that around them")


class LightRanges(_Strict):
    """Light around the camera axis; radiances are relative, the exposure sets the grey level."""

    dome: Range
    dome_tilt_deg: Range
    softboxes: tuple[int, int]
    softbox_radiance: Range
    softbox_size_deg: Range
    softbox_angle_deg: Range = Field(description="angle between camera axis and lamp")
    ring_radiance: Range
    ring_angle_deg: Range
    panel_radiance: Range = Field(description="the backlight as seen by the ball's rim")
    mean_grey: Range = Field(description="mean grey of the ball, 0..255")
    bars: tuple[int, int] = (0, 0)
    bar_radiance: Range = (2.0, 6.0)
    bar_length_deg: Range = (60.0, 110.0)
    bar_width_deg: Range = (6.0, 16.0)
    bar_angle_deg: Range = Field(default=(25.0, 65.0), description="angle between camera axis and bar")


class Rig(_Strict):
    """One way of lighting and how often it is drawn."""

    share: float = Field(gt=0.0)
    light: LightRanges


class StageRanges(_Strict):
    """Where the ball lies. Reflectances 0..1; angles are those of the camera and the groove."""

    shares: dict[StageName, float] = Field(description="how often each scene is drawn")
    tilt_deg: Range = Field(description="cameras look from both sides of the travel axis at this angle")
    top_chance: float = Field(ge=0.0, le=1.0, description="one camera above the line instead of two")
    roll_step_deg: Range = Field(description="the ball rolls this far between two pictures of a camera")
    belt_albedo: Range
    belt_roughness: Range
    belt_ribs: Range = Field(description="contrast of the belt's weave or ribs, share")
    belt_dust: Range = Field(description="share of the belt under pale dust")
    chute_albedo: Range
    chute_roughness: Range
    chute_scratches: tuple[int, int]
    groove_angle_deg: Range = Field(description="slope of each side of the V against the horizontal")
    neighbour_chance: float = Field(ge=0.0, le=1.0, description="another ball touches or nearly does")


class CameraRanges(_Strict):
    """The camera, applied after rendering."""

    diameter_px: Range = Field(description="diameter of a sound ball in the picture")
    size_mm: tuple[float, ...] = Field(min_length=1, description="nominal diameters that are drawn")
    blur_px: Range = Field(description="deviation of the lens blur")
    motion_px: Range = Field(description="way the ball moves along the line in the exposure time")
    read_noise: Range = Field(description="deviation of the noise in the dark, grey levels")
    shot_noise: Range = Field(description="noise that grows with the root of the grey level")
    gamma: Range
    vignette: Range = Field(description="darkening of the corners, share")
    dark_chance: float = Field(default=0.0, ge=0.0, le=1.0)
    dark_grey: Range = Field(default=(12.0, 30.0), description="mean grey of an underexposed ball")
    bright_chance: float = Field(default=0.0, ge=0.0, le=1.0)
    bright_grey: Range = Field(default=(140.0, 210.0), description="mean grey of an overexposed ball")
    panel_grey: Range = Field(default=(140.0, 250.0), description="grey of the backlight panel")
    box_jitter: float = Field(default=0.03, ge=0.0, le=0.2, description="error of the box finder, share")


class RenderSettings(_Strict):
    """One settings file."""

    name: str
    training_allowed: bool
    samples_per_pixel: Annotated[int, Field(ge=1, le=1024)]
    mask_side_rays: Annotated[int, Field(ge=1, le=8, description="rays per pixel side for mask and outline")]
    bounces: Literal[2, 3] = Field(default=2, description="3: what lies around the ball lights it too (slow)")
    noise_seed: Annotated[int, Field(ge=0)]
    surface: SurfaceRanges
    defects: DefectRanges
    light: LightRanges
    finishes: dict[FinishName, Finish] = Field(default={}, description="empty: 'surface' for all")
    rigs: dict[RigName, Rig] = Field(default={}, description="empty: 'light' for all")
    stage: StageRanges | None = Field(default=None, description="needed to render data sets")
    camera: CameraRanges | None = Field(default=None, description="needed to render data sets")
    labels: dict[str, float] = Field(default={}, description="share of balls of each label in a data set")


def load_settings(path: Path) -> RenderSettings:
    """Read a settings file.

    Raises:
        ConfigError: it cannot be read, or has an unknown or missing key.
    """
    try:
        return RenderSettings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the renderer settings cannot be read: {error}",
            where=str(path),
            todo=f"start from one of the files in {SETTINGS_DIR}",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfigError(
            f"the renderer settings do not fit: {key}: {first['msg']}",
            where=str(path),
            todo="correct this key",
        ) from error


def draw(rng: np.random.Generator, low_high: tuple[float, float]) -> float:
    """One value, uniform in a range."""
    return float(rng.uniform(low_high[0], low_high[1]))


def draw_key(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """One key, with chances in proportion to the values."""
    weights = np.array(list(shares.values()), np.float64)
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def draw_count(rng: np.random.Generator, low_high: tuple[int, int]) -> int:
    """One whole number, both ends included."""
    return int(rng.integers(low_high[0], low_high[1] + 1))
