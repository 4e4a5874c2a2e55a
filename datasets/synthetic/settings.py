"""Ranges a ball is drawn from: surface, defects, light and camera, read from YAML.

Two files are part of the package: `settings/train.yaml` (wide ranges) and
`settings/bank.yaml` (the twin line's bank; `training_allowed: false`). Neighbours:
`surface.py`, `defects.py` and `lights.py` draw from these ranges with a seeded generator.
All lengths with `_mm40` are millimetres on a ball of 40 mm; all `_share` of the radius.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


class SurfaceRanges(_Strict):
    """Oxide-covered forged steel, before any defect."""

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


class RenderSettings(_Strict):
    """One settings file."""

    name: str
    training_allowed: bool
    samples_per_pixel: Annotated[int, Field(ge=1, le=1024)]
    mask_side_rays: Annotated[int, Field(ge=1, le=8, description="rays per pixel side for mask and outline")]
    noise_seed: Annotated[int, Field(ge=0)]
    surface: SurfaceRanges
    defects: DefectRanges
    light: LightRanges


def load_settings(path: Path) -> RenderSettings:
    """Read a settings file.

    Raises:
        ConfigError: it cannot be read, or has an unknown or missing key.
    """
    try:
        return RenderSettings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
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


def draw_count(rng: np.random.Generator, low_high: tuple[int, int]) -> int:
    """One whole number, both ends included."""
    return int(rng.integers(low_high[0], low_high[1] + 1))
