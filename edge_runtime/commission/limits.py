"""Limits of commissioning: data with a source (`limits.yaml`), one type per step."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

from edge_runtime import strict_yaml
from vision.errors import ConfigError

FILE = Path(__file__).with_name("limits.yaml")
ValueT = TypeVar("ValueT", int, float)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sourced(_Strict, Generic[ValueT]):
    """A figure, where it comes from, and whether a person has compared the two."""

    value: ValueT
    source: str
    verified: bool


class EyeLimits(_Strict):
    """Eye, encoder, belt."""

    balls: Sourced[int]
    scale_tolerance_share: Sourced[float]
    speed_noise_max_share: Sourced[float]
    speed_reserve_share: Sourced[float]


class GateLimits(_Strict):
    """Gate and confirm eyes."""

    place_tolerance_balls: Sourced[float]
    speed_ratio_min: Sourced[float]
    threshold_u_ms: Sourced[float]
    answer_max_ms: Sourced[float]
    lead_spreads: Sourced[float]
    lead_reserve_share: Sourced[float]
    lead_excess_share: Sourced[float]
    spread_max_ms: Sourced[float]
    astray_max_share: Sourced[float]
    balls_max: Sourced[int]


class CameraLimits(_Strict):
    """Light, lens and region of a camera."""

    background_min: Sourced[float]
    background_max: Sourced[float]
    evenness_max_share: Sourced[float]
    marks_min: Sourced[int]
    focus_room_share: Sourced[float]
    empty_frames: Sourced[int]
    track_balls: Sourced[int]
    track_rms_max_px: Sourced[float]
    track_explained_min_share: Sourced[float]
    track_rival_max_share: Sourced[float]
    scale_agreement_share: Sourced[float]


class FirstRunLimits(_Strict):
    """The first run of the new station file."""

    good_balls: Sourced[int]
    good_accept_min_share: Sourced[float]
    challenge_balls: Sourced[int]


class CommissionLimits(_Strict):
    """All of them."""

    schema_version: int
    eye: EyeLimits
    gate: GateLimits
    camera: CameraLimits
    first_run: FirstRunLimits


def read_limits(path: Path) -> CommissionLimits:
    """Read a file of limits.

    Raises:
        ConfigError: unreadable, or not what is needed.
    """
    try:
        return CommissionLimits.model_validate(strict_yaml.load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the limits of commissioning cannot be used: {error}",
            where=str(path),
            todo="install ferrogate again",
        ) from error


@cache
def load_limits() -> CommissionLimits:
    """Those that come with the package."""
    return read_limits(FILE)
