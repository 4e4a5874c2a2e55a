"""Balls and passages of a study on the twin: what is drawn, and its truth.

Neighbours: `solid` for the balls' form, `gauge` takes them through the cameras.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.twin.balls import draw_flakes
from edge_runtime.twin.dirt import Flake
from edge_runtime.twin.lens import Float64Array, Lens
from edge_runtime.twin.optics import TILT_DEG
from edge_runtime.twin.settings import CAMERAS, PX_PER_D
from edge_runtime.twin.solid import Solid, outline_mm
from edge_runtime.twin.study_pictures import Light
from vision.metrology.calibration import U_DRIFT_SHARE, U_EDGE_BIAS_PX
from vision.metrology.form import analyse_form
from vision.metrology.widths import caliper_widths

#: From one exposure of a camera to its next, px along the belt.
STEP_PX = PX_PER_D * 0.8
_PROFILE_POINTS = 1024


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What the balls and the plant of a study are like.

    Attributes:
        diameter_mm: nominal.
        spread_mm: parts are spread evenly over nominal -spread .. +spread.
        oval_max_mm, lobe_max_mm: form of the parts, drawn from 0 up to these.
        lateral_mm: balls lie up to this far off the lane's centre line.
        celsius: range of the balls' temperature.
        pyrometer_error_k: the pyrometer is off by up to this much, evenly spread.
        expansion_per_k: of the balls.
        flakes_max, flake_thickness_mm: scale on them.
        lamp_drift_share, lamp_slope_share: level and slope of the light swing by these.
        rim_grey: range of how much brighter the balls' rims are by grazing light, grey levels; a
            collimated backlight leaves none, a wide panel 20 to 80.
        blur_sigma_px, noise_sd: of the cameras.
        distance_d: pinhole to a nominal ball, in diameters; None: telecentric.
        scale_drift_share: the scale moves by this (standard deviation) between calibration and passage.
        edge_drift_px: a diameter's edges move by this (standard deviation) with light and focus.

    Both drifts are drawn once per passage for both cameras; their defaults are what every calibration
    states for them (`U_DRIFT_SHARE`, `U_EDGE_BIAS_PX`), so that a stated uncertainty can be held against
    what is observed.
    """

    diameter_mm: float = 40.0
    spread_mm: float = 1.0
    oval_max_mm: float = 0.1
    lobe_max_mm: float = 0.1
    lateral_mm: float = 10.0
    celsius: tuple[float, float] = (60.0, 160.0)
    pyrometer_error_k: float = 10.0
    expansion_per_k: float = 12e-6
    flakes_max: int = 6
    flake_thickness_mm: tuple[float, float] = (0.1, 0.3)
    lamp_drift_share: float = 0.05
    lamp_slope_share: float = 0.05
    rim_grey: tuple[float, float] = (0.0, 0.0)
    blur_sigma_px: float = 0.8
    noise_sd: float = 2.0
    distance_d: float | None = 20.0
    scale_drift_share: float = U_DRIFT_SHARE
    edge_drift_px: float = U_EDGE_BIAS_PX

    def lens(self, camera: str) -> Lens:
        """Optics of a camera: the twin line's, with pictures high enough for `lateral_mm`."""
        mm_per_px = self.diameter_mm / PX_PER_D
        half_px = PX_PER_D / 2.0 + (self.lateral_mm + self.spread_mm) * 1.1 / mm_per_px + 24.0
        return Lens(
            tilt_rad=math.radians(TILT_DEG[camera]),
            mm_per_px=mm_per_px,
            width_px=4 * PX_PER_D,
            height_px=16 * math.ceil(half_px / 8.0),
            nominal_radius_mm=self.diameter_mm / 2.0,
            distance_mm=None if self.distance_d is None else self.distance_d * self.diameter_mm,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """One ball on its way through both cameras.

    Attributes:
        solid: its size and form.
        turn: (3, 3) how it lies at roll 0.
        roll_rad: its roll in the middle of the pictures.
        lateral_mm: off the lane's centre line.
        celsius, pyrometer_celsius: its temperature, and what the pyrometer says.
        flakes: scale on it.
        lights: state of each camera's lamp.
        first_px: place of the first camera's exposures along the picture.
        scale_gain: scale of the cameras over that of their calibration.
    """

    solid: Solid
    turn: Float64Array
    roll_rad: float
    lateral_mm: float
    celsius: float
    pyrometer_celsius: float
    flakes: tuple[Flake, ...]
    lights: Mapping[str, Light]
    first_px: float
    scale_gain: float


@dataclass(frozen=True, slots=True)
class TrueView:
    """What one view shows of a ball, mm at 20 degC; roundness by the minimum zone, 1-50 UPR."""

    feret_min_mm: float
    feret_max_mm: float
    feret_mean_mm: float
    roundness_mm: float


def true_view(solid: Solid, axes: Float64Array) -> TrueView:
    """Truth of one view; `axes` (3, 3): ball's frame to the camera's."""
    outline = outline_mm(solid, axes)
    angle, radius = np.arctan2(outline[:, 1], outline[:, 0]), np.hypot(outline[:, 0], outline[:, 1])
    order = np.argsort(angle)
    even = np.arange(_PROFILE_POINTS) * (2.0 * math.pi / _PROFILE_POINTS)
    profile = np.interp(even, angle[order], radius[order], period=2.0 * math.pi)
    widths = caliper_widths(profile)
    form = analyse_form(profile, 50)
    return TrueView(widths.minimum, widths.maximum, widths.mean, form.mzci.ront)


def draw_parts(settings: StudySettings, parts: int, seed: int) -> list[Solid]:
    """Balls of known size, spread evenly over nominal -spread .. +spread, in random order and form."""
    rng = np.random.default_rng([seed, 0x9A27])
    steps = (np.arange(parts) + 0.5) / parts * 2.0 - 1.0
    sizes = settings.diameter_mm + settings.spread_mm * rng.permutation(steps)
    return [
        Solid(
            diameter_mm=float(size),
            oval_mm=float(rng.uniform(0.0, settings.oval_max_mm)),
            oval_axis=_unit(rng),
            lobe_mm=float(rng.uniform(0.0, settings.lobe_max_mm)),
            lobe_axis=_unit(rng),
        )
        for size in sizes
    ]


def draw_passage(
    settings: StudySettings, solid: Solid, turn: Float64Array, rng: np.random.Generator
) -> Passage:
    """Everything about one passage but the noise of its pictures."""
    celsius = float(rng.uniform(*settings.celsius))
    grown_px = float(rng.normal(0.0, settings.edge_drift_px))
    return Passage(
        solid=solid,
        turn=turn,
        roll_rad=float(rng.uniform(0.0, 2.0 * math.pi)),
        lateral_mm=float(rng.uniform(-1.0, 1.0)) * settings.lateral_mm,
        celsius=celsius,
        pyrometer_celsius=celsius + float(rng.uniform(-1.0, 1.0)) * settings.pyrometer_error_k,
        flakes=draw_flakes(rng, settings.flakes_max, settings.flake_thickness_mm),
        lights={
            camera: Light(
                level=1.0 + settings.lamp_drift_share * float(rng.uniform(-1.0, 1.0)),
                slope=settings.lamp_slope_share * float(rng.uniform(-1.0, 1.0)),
                ball_grey=float(rng.uniform(30.0, 70.0)),
                rim_grey=float(rng.uniform(*settings.rim_grey)),
                rim_rad=float(rng.uniform(0.0, 2.0 * math.pi)),
                blur_sigma_px=settings.blur_sigma_px,
                noise_sd=settings.noise_sd,
                grown_px=grown_px,
            )
            for camera in CAMERAS
        },
        first_px=float(rng.uniform(0.0, STEP_PX)),
        scale_gain=1.0 + float(rng.normal(0.0, settings.scale_drift_share)),
    )


def random_turn(rng: np.random.Generator) -> Float64Array:
    """(3, 3) rotation, evenly over all orientations (a random unit quaternion)."""
    q = rng.standard_normal(4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _unit(rng: np.random.Generator) -> tuple[float, float, float]:
    vector = rng.standard_normal(3)
    x, y, z = vector / np.linalg.norm(vector)
    return float(x), float(y), float(z)
