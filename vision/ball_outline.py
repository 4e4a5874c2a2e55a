"""One ball in one picture: where it is, its outline measured in pixels and in mm, or why there is none.

Neighbours: `vision.silhouette` finds dark regions, `vision.metrology` measures one of them,
`vision.ball` asks here for every view. A picture that the measurement refuses gives no number:
the refusal becomes the view's fault, with the figure and the limit in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vision.metrology.calibration import CameraCalibration, TypedScale
from vision.metrology.form import unit_vectors
from vision.metrology.measure import measure_at, refused_form
from vision.metrology.size import size_with_budget
from vision.metrology.sized import Silhouette, SizedBall
from vision.metrology.types import MeasureLimits, Refusal, Refused, Temperature
from vision.recipe import ViewLimits
from vision.silhouette import Region, find_regions
from vision.types import BallOutline, UInt8Array, ViewFault

#: 10-90 % width of a Gaussian edge over its standard deviation.
EDGE_10_90_OVER_SIGMA = 2.563
#: Width of a region over the nominal diameter from which it is not one ball: no single ball that
#: is anywhere near its size band gets there, two that touch are at 2.
_TWO_BALLS_SHARE = 1.45
#: The row of the uncertainty that differs from view to view and that means lessen.
_RANDOM_CAUSE = "edge noise"

_FAULTS: dict[Refusal, ViewFault] = {
    Refusal.COLOUR: ViewFault.FRAME,
    Refusal.BIT_DEPTH: ViewFault.FRAME,
    Refusal.SATURATED: ViewFault.BACKGROUND,
    Refusal.NO_BALL: ViewFault.NO_BALL,
    Refusal.TWO_BALLS: ViewFault.OVERLAPPING,
    Refusal.NOT_A_BALL: ViewFault.OUTLINE,
    Refusal.CLIPPED: ViewFault.OUTLINE,
    Refusal.CONTRAST: ViewFault.CONTRAST,
    Refusal.BLURRED: ViewFault.FOCUS,
    Refusal.OUTLINE_MISSING: ViewFault.OUTLINE,
    Refusal.TOO_SMALL: ViewFault.OUTLINE,
    Refusal.TOO_LARGE: ViewFault.OUTLINE,
}


@dataclass(frozen=True, slots=True)
class Gauge:
    """What turns a silhouette of one camera into mm at 20 degC.

    Attributes:
        scale: the camera's calibration, or a scale that somebody typed.
        temperature: of the ball; None: nobody measured it, a room is taken (bench pictures only).
        scale_flake_mm: half width of what oxide scale may add to a diameter.
        u_repeat_mm: repeatability from a gauge study, 0 without one.
    """

    scale: CameraCalibration | TypedScale
    temperature: Temperature | None
    scale_flake_mm: float = 0.0
    u_repeat_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome of looking for the ball in one picture; coordinates of that picture.

    Attributes:
        region: where it is, None when there is nothing.
        silhouette: its measured outline, None when it was not measured.
        fault, detail: why the picture proves nothing, OK and '' when it does.
    """

    region: Region | None
    silhouette: Silhouette | None
    fault: ViewFault
    detail: str


@dataclass(frozen=True, slots=True)
class Sized:
    """One silhouette in mm, and the part of its uncertainty that is random from view to view."""

    ball: SizedBall
    u_random_mm: float


def place_ball(
    grey: UInt8Array,
    expected_xy_px: tuple[float, float],
    diameter_px: float,
    level: float,
    limits: ViewLimits,
) -> Found:
    """Find the dark ball that was predicted at a place; `OK` when it is there and can be measured.

    Args:
        grey: (h, w) a view's picture.
        expected_xy_px: predicted centre.
        diameter_px: nominal diameter.
        level: grey level of the empty background, 0..255.
        limits: of the recipe.
    """
    regions = find_regions(grey, diameter_px, level, shrink=2)
    if not regions:
        return Found(None, None, ViewFault.NO_BALL, "no ball where one was predicted")
    region = min(regions, key=lambda item: _distance(item, expected_xy_px))
    fault, detail = _place_fault(region, regions, expected_xy_px, diameter_px, limits)
    return Found(region, None, fault, detail)


def measure_placed(grey: UInt8Array, placed: Found, level: float, limits: ViewLimits) -> Found:
    """Measure the ball that `place_ball` found in the same picture.

    Two balls or somebody else's are left as they are: nothing there is a diameter of this one.
    """
    if placed.region is None or placed.fault is not ViewFault.OK:
        return placed
    found = measure_region(grey, placed.region, level, limits)
    if (
        found.fault is ViewFault.OK
        and not limits.background_min.value <= level <= limits.background_max.value
    ):
        detail = (
            f"background {level:.0f} is outside "
            f"{limits.background_min.value:.0f}..{limits.background_max.value:.0f}"
        )
        return Found(placed.region, found.silhouette, ViewFault.BACKGROUND, detail)
    return found


def find_ball(
    grey: UInt8Array,
    expected_xy_px: tuple[float, float],
    diameter_px: float,
    level: float,
    limits: ViewLimits,
) -> Found:
    """`place_ball` and `measure_placed` in one."""
    placed = place_ball(grey, expected_xy_px, diameter_px, level, limits)
    return measure_placed(grey, placed, level, limits)


def measure_region(
    grey: UInt8Array, region: Region, level: float, limits: ViewLimits, *, dark_on_bright: bool = True
) -> Found:
    """Measure the outline of one region.

    Args:
        grey: (h, w) the picture as it is.
        region: found in it (in the inverted picture for a bright ball).
        level: grey level of the empty background, 0..255.
        limits: of the recipe.
        dark_on_bright: False for a ball that is brighter than its background.
    """
    measured = measure_at(
        grey,
        region.box_centre_xy_px,
        (region.width_px + region.height_px) / 4.0,
        dark_on_bright=dark_on_bright,
        background_level=level,
        limits=MeasureLimits(
            outline_share_min=limits.outline_share_min.value,
            contrast_min=limits.contrast_min.value,
            blur_sigma_max_px=limits.focus_max_px.value / EDGE_10_90_OVER_SIGMA,
        ),
        form_later=True,
    )
    if isinstance(measured, Refused):
        return Found(region, None, _FAULTS[measured.reason], measured.detail)
    return Found(region, measured, ViewFault.OK, "")


def outline_of(silhouette: Silhouette, dx_px: float = 0.0, dy_px: float = 0.0) -> BallOutline:
    """What is kept of a silhouette, in a picture whose origin lies (dx, dy) up and left of its own."""
    outline, widths = silhouette.outline, silhouette.widths
    arm = outline.radius_px * unit_vectors(len(outline.radius_px))
    low, high = arm.min(axis=1), arm.max(axis=1)
    x, y = outline.centre_xy_px[0] + dx_px, outline.centre_xy_px[1] + dy_px
    return BallOutline(
        centre_xy_px=(x, y),
        diameter_mean_px=widths.mean,
        diameter_min_px=widths.minimum,
        diameter_max_px=widths.maximum,
        outline_share=outline.outline_share,
        contrast=outline.contrast,
        focus=EDGE_10_90_OVER_SIGMA * outline.blur_sigma_px,
        box_xyxy_px=(x + float(low[0]), y + float(low[1]), x + float(high[0]), y + float(high[1])),
    )


def not_round(found: Found) -> Found:
    """The same with its fault, where its outline is too far from a circle to have a form; else as it is."""
    refused = None if found.silhouette is None else refused_form(found.silhouette)
    if refused is None:
        return found
    return Found(found.region, None, _FAULTS[refused.reason], refused.detail)


def in_mm(silhouette: Silhouette, gauge: Gauge, origin_xy_px: tuple[int, int]) -> Sized:
    """Size one silhouette at 20 degC; of its form only the minimum zone is worked out.

    Args:
        silhouette: measured in a view.
        gauge: of the view's camera and the ball's temperature.
        origin_xy_px: the view's corner in the camera's whole picture.

    Raises:
        TemperatureError, CalibrationError: see `vision.metrology.size.size_ball`.
    """
    ball, budget = size_with_budget(
        silhouette,
        gauge.scale,
        gauge.temperature,
        origin_xy_px=origin_xy_px,
        scale_flake_mm=gauge.scale_flake_mm,
        u_repeat_mm=gauge.u_repeat_mm,
        zone_only=True,
    )
    return Sized(ball, next(row.u_mm for row in budget.rows if row.cause == _RANDOM_CAUSE))


def _distance(region: Region, expected_xy_px: tuple[float, float]) -> float:
    """Distance from the predicted place, px: of the box's middle or of the area's, whichever is nearer.

    A half ball's box and area have different middles; either may be the one that was predicted.
    """
    x, y = expected_xy_px
    box_x, box_y = region.box_centre_xy_px
    area_x, area_y = region.centre_xy_px
    return min(math.hypot(box_x - x, box_y - y), math.hypot(area_x - x, area_y - y))


def _place_fault(
    region: Region,
    regions: tuple[Region, ...],
    expected_xy_px: tuple[float, float],
    diameter_px: float,
    limits: ViewLimits,
) -> tuple[ViewFault, str]:
    wide = max(region.width_px, region.height_px) / diameter_px
    if wide >= _TWO_BALLS_SHARE:
        return (
            ViewFault.OVERLAPPING,
            f"the dark region is {wide:.2f} nominal diameters long: more than one ball",
        )
    share = _distance(region, expected_xy_px) / diameter_px
    if share > limits.misplaced_max_share.value:
        return ViewFault.MISPLACED, (
            f"{share:.2f} diameters from the predicted place, limit {limits.misplaced_max_share.value:.2f}"
        )
    others = [other for other in regions if other is not region]
    if any(_gap_px(region, other) < 0.1 * diameter_px for other in others):
        return ViewFault.OVERLAPPING, "another ball lies too close"
    return ViewFault.OK, ""


def _gap_px(one: Region, other: Region) -> float:
    """Clear distance between two boxes, 0 when they overlap."""
    dx = max(one.xyxy_px[0] - other.xyxy_px[2], other.xyxy_px[0] - one.xyxy_px[2], 0.0)
    dy = max(one.xyxy_px[1] - other.xyxy_px[3], other.xyxy_px[1] - one.xyxy_px[3], 0.0)
    return math.hypot(dx, dy)
