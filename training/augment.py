"""Light, weather, dirt and cameras that a plant's pictures come in: what training varies beside geometry.

`photometric` gives one function per kind of picture. It is built on albumentations; what that
library lacks (oxide, dust, water, glare, rows of a line scanner, exposure in the dark) lies in
`training.augment_surface` and `training.augment_sensor`. Geometry (mirror, scale, shift) moves
boxes and is the engine's own (`training.engine`); nothing here moves a box by more than 3 px.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np

from datasets.extra import require_training
from vision.types import UInt8Array

Kind = Literal["rail", "ball", "steel"]
Photometric = Callable[[UInt8Array, int], UInt8Array]
"""(tile (H, W) uint8, seed) -> tile of the same shape; equal for equal tile and seed."""


def photometric(kind: Kind) -> Photometric:
    """The varied look of one kind of picture.

    Args:
        kind: "rail": tiles of levelled strips, rows across the rail. "ball": crops round a ball,
            brightness as the camera gave it. "steel": the pretraining sets, any surface.

    Returns:
        A function of a grey tile (H, W) uint8 and a seed >= 0; it leaves the tile it is given alone.
        One in six tiles comes back as it is. Takes about 1 ms for a tile of 224 px. One thread at a
        time: all functions of one kind share a pipeline.

    Raises:
        FerrogateError: the training extra is missing.
    """
    require_training("albumentations")
    pipeline = _pipeline(kind)

    def vary(tile: UInt8Array, seed: int) -> UInt8Array:
        # One generator shared by all transforms: `set_random_seed` would give each its own copy of
        # the same numbers, and their strengths would rise and fall together.
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        return np.asarray(pipeline(image=tile)["image"], np.uint8)

    return vary


@lru_cache(maxsize=3)
def _pipeline(kind: Kind) -> Any:
    import albumentations as albu

    steps = {"rail": _rail_steps, "ball": _ball_steps, "steel": _steel_steps}[kind]()
    # A set order - surface, light, optics, sensor, file - as a picture comes about.
    return albu.Sequential(steps, p=5.0 / 6.0)


def _rail_steps() -> list[Any]:
    from training import augment_sensor as sensor
    from training import augment_surface as surface

    return [
        surface.OxidePatches(p=0.25),
        surface.Wet(p=0.12),
        surface.Dust(p=0.22),
        surface.ColumnGain(p=0.3),
        surface.LampFallOff(p=0.3),
        surface.Glare(p=0.15),
        sensor.SideMargin(p=0.15),
        _optics(along_rail=True, p=0.4),
        sensor.RowBanding(p=0.2),
        sensor.RowSlip(p=0.1),
        sensor.Exposure(levelled=True, p=0.35),
        *_tone(),
        sensor.SensorNoise(p=0.3),
        _compression(),
    ]


def _ball_steps() -> list[Any]:
    from training import augment_sensor as sensor
    from training import augment_surface as surface

    return [
        # The renders have scale of their own; this lies on the background, too.
        surface.OxidePatches(p=0.1),
        surface.Wet(p=0.08),
        surface.Dust(p=0.22),
        surface.LampFallOff(p=0.3),
        surface.Glare(p=0.12),
        _optics(along_rail=False, p=0.35),
        sensor.Exposure(levelled=False, p=0.3),
        *_tone(),
        sensor.SensorNoise(p=0.35),
        _compression(),
    ]


def _steel_steps() -> list[Any]:
    from training import augment_sensor as sensor
    from training import augment_surface as surface

    return [
        surface.OxidePatches(p=0.15),
        surface.Dust(p=0.15),
        surface.LampFallOff(p=0.3),
        surface.Glare(p=0.1),
        _optics(along_rail=False, p=0.3),
        sensor.Exposure(levelled=True, p=0.3),
        *_tone(),
        sensor.SensorNoise(p=0.3),
        _compression(),
    ]


def _optics(*, along_rail: bool, p: float) -> Any:
    """One of: motion, defocus, a coarser sensor. Two at once would wash a mark of 5 px away."""
    import albumentations as albu

    # Motion runs along the rail: down the rows. A rolling ball may move either way.
    angles = (90.0, 90.0) if along_rail else (0.0, 180.0)
    straight = {"direction_range": (0.0, 0.0), "allow_shifted": False}
    area_up = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}
    return albu.OneOf(
        [
            albu.MotionBlur(blur_limit=(3, 5), angle_range=angles, **straight),
            albu.GaussianBlur(sigma_limit=(0.4, 1.2), blur_limit=0),
            albu.Downscale(scale_range=(0.4, 0.95), interpolation_pair=area_up),
        ],
        p=p,
    )


def _tone() -> list[Any]:
    import albumentations as albu

    return [
        albu.RandomGamma(gamma_limit=(70, 145), p=0.4),
        albu.RandomBrightnessContrast(
            brightness_limit=(-0.12, 0.12), contrast_limit=(-0.3, 0.35), brightness_by_max=True, p=0.6
        ),
    ]


def _compression() -> Any:
    import albumentations as albu

    return albu.ImageCompression(quality_range=(35, 95), compression_type="jpeg", p=0.15)
