"""What the measurement hands on: outline, form, widths, or the reason why there is no number.

Coordinates are continuous with the origin at the top-left pixel's corner (the centre of
pixel (0, 0) lies at (0.5, 0.5)), x to the right and y down; angles run from +x towards +y.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Refusal(StrEnum):
    """Why a picture gives no number."""

    COLOUR = "colour"
    BIT_DEPTH = "bit_depth"
    SATURATED = "saturated"
    NO_BALL = "no_ball"
    TWO_BALLS = "two_balls"
    NOT_A_BALL = "not_a_ball"
    CLIPPED = "clipped"
    CONTRAST = "contrast"
    BLURRED = "blurred"
    OUTLINE_MISSING = "outline_missing"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Refused:
    """No number, and why: `reason` for machines, `detail` for people (with the figure and the limit)."""

    reason: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class MeasureLimits:
    """When a silhouette is measured at all.

    Attributes:
        diameter_min_px, diameter_max_px: smallest and largest ball.
        outline_share_min: least share of the outline that must be seen, 0..1.
        contrast_min: least step from ball to background, grey levels.
        blur_sigma_max_px: largest blur of the edge (standard deviation of its derivative).
        saturated_share_max: largest share of the background beside the outline that is clipped at 254..255.
        speck_arc_share_max: deviations from the outline around them that are longer than this share of the
            circumference are the ball's form, never dust.
        speck_height_share_max: likewise those higher than this share of the diameter.
    """

    diameter_min_px: float = 40.0
    diameter_max_px: float = 3000.0
    outline_share_min: float = 0.75
    contrast_min: float = 20.0
    blur_sigma_max_px: float = 4.0
    saturated_share_max: float = 0.5
    speck_arc_share_max: float = 0.035
    speck_height_share_max: float = 0.03


@dataclass(frozen=True, slots=True)
class MotionBlur:
    """Known motion during the exposure: length (px) and direction (rad, from +x towards +y)."""

    length_px: float
    direction_rad: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The edge of one silhouette at sub-pixel, as distances from its least-squares centre.

    Attributes:
        centre_xy_px: least-squares (LSCI) centre of the seen outline.
        radius_px: (N,) float64, N even and at least 360: distance from the centre at angle 2 pi i / N;
            corrected for the blur's curvature bias and freed of noise that is told from form by its
            level; where not seen, filled in from the neighbourhood.
        seen: (N,) bool: whether the edge was seen there (inside the picture, ball inside, background
            outside, no speck on it).
        u_radius_px: standard deviation of one radius of `radius_px` by noise alone.
        blur_sigma_px: standard deviation of the edge's derivative across the edge.
        contrast: background level minus level just inside the edge, grey levels, > 0.
        background_level: median level just outside, 0..255 (of the inverted picture for a bright ball).
        dark_on_bright: False when the ball is brighter than its background.
        saturated_share: share of the samples on the bright side of the edge that are clipped.
        speck_px: largest deviation that was taken for dust or a flake and left out, px; 0 when none.
        shaded: the ball's rim is brighter than its body (grazing light), which leaves the edge less sure.
    """

    centre_xy_px: tuple[float, float]
    radius_px: Float64Array
    seen: BoolArray
    u_radius_px: float
    blur_sigma_px: float
    contrast: float
    background_level: float
    dark_on_bright: bool
    saturated_share: float
    speck_px: float
    shaded: bool = False

    @property
    def outline_share(self) -> float:
        """Share of the outline that was seen, 0..1."""
        return int(np.count_nonzero(self.seen)) / len(self.seen)

    def points_xy_px(self) -> Float64Array:
        """(N, 2): the outline's points."""
        angle = np.arange(len(self.radius_px)) * (2.0 * np.pi / len(self.radius_px))
        unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points: Float64Array = np.asarray(self.centre_xy_px) + self.radius_px[:, None] * unit
        return points


@dataclass(frozen=True, slots=True)
class Deviation:
    """Roundness deviation about one reference circle (ISO 12181-1), in the unit of the profile.

    Attributes:
        ront: peak to valley.
        ronp: highest peak above the circle, >= 0.
        ronv: deepest valley below the circle, >= 0.
        ronq: root mean square of the local deviations.
        centre_xy: centre of the reference circle relative to the profile's origin.
        radius: of the reference circle.
    """

    ront: float
    ronp: float
    ronv: float
    ronq: float
    centre_xy: tuple[float, float]
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """Caliper (Feret) widths of an unfiltered outline over half a turn.

    Attributes:
        width: (K,) K >= 180, width along direction pi k / K; NaN where an end of it was not seen.
        minimum, maximum: over the seen directions; mean: those not seen are interpolated.
        seen_share: share of the directions that were seen, 0..1.
    """

    width: Float64Array
    minimum: float
    maximum: float
    mean: float
    seen_share: float


@dataclass(frozen=True, slots=True)
class Temperature:
    """Temperature of a ball's body while it was measured, degC, and its standard uncertainty."""

    celsius: float
    u_celsius: float


@dataclass(frozen=True, slots=True)
class RoundnessMm:
    """RONt (ISO 12181-1) in mm about the four reference circles."""

    lsci: float
    mzci: float
    mcci: float
    mici: float
