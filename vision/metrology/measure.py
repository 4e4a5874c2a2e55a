"""From a picture to one measured silhouette in pixels, or to the reason why there is none.

Two ways in: `measure_picture` looks for the one ball somewhere in a picture, `measure_at` knows
where it is (the line). Both trace the outline and take its form and its widths.
Neighbours: `locate`, `outline`, `form`, `widths`; `size` turns the result into mm.
"""

from __future__ import annotations

import numpy as np

from vision.metrology.circles import NotRoundError, largest_gap_share
from vision.metrology.form import (
    GAP_SHARE_MAX,
    POINTS_PER_WAVE_MIN,
    least_squares_diameter,
)
from vision.metrology.locate import check_picture, locate_alone
from vision.metrology.outline import trace_outline
from vision.metrology.sized import Silhouette
from vision.metrology.types import MeasureLimits, MotionBlur, Outline, Refusal, Refused
from vision.metrology.widths import caliper_widths
from vision.types import UInt8Array

_LIMITS = MeasureLimits()
#: Up to this cut-off the number of rays that `trace_outline` chooses is enough for the filter.
_UPR_OF_DEFAULT_RAYS = 50


def measure_picture(
    image: np.ndarray,
    *,
    limits: MeasureLimits = _LIMITS,
    motion: MotionBlur | None = None,
    upr_max: int = 50,
) -> Silhouette | Refused:
    """Measure the one ball that lies somewhere in a picture.

    Args:
        image: the picture as it was decoded, whatever its depth and channels; only (H, W) uint8 is measured.
        limits: when a silhouette is measured at all.
        motion: known motion during the exposure.
        upr_max: cut-off of the roundness filter, undulations per revolution: 15, 50 or 150.

    Returns:
        The silhouette, or the reason why there is no number.
    """
    grey = check_picture(image)
    if isinstance(grey, Refused):
        return grey
    found = locate_alone(grey, limits)
    if isinstance(found, Refused):
        return found
    return measure_at(
        grey,
        found.centre_xy_px,
        found.radius_px,
        dark_on_bright=found.dark_on_bright,
        background_level=found.background_level,
        limits=limits,
        motion=motion,
        upr_max=upr_max,
    )


def measure_at(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    radius_px: float,
    *,
    dark_on_bright: bool = True,
    background_level: float | None = None,
    limits: MeasureLimits = _LIMITS,
    motion: MotionBlur | None = None,
    upr_max: int = 50,
    form_later: bool = False,
) -> Silhouette | Refused:
    """Measure the ball at a known place.

    Args:
        grey: (H, W) uint8.
        centre_xy_px, radius_px: roughly where the ball lies.
        dark_on_bright: False for a ball that is brighter than its background.
        background_level: grey level around the ball where it is known.
        limits, motion, upr_max: as for `measure_picture`.
        form_later: leave the form to whoever asks for it; `refused_form` tells whether there is one.

    Returns:
        The silhouette, or the reason why there is no number.
    """
    rays = None
    if upr_max > _UPR_OF_DEFAULT_RAYS:
        rays = 2 * -(-(POINTS_PER_WAVE_MIN + 1) * upr_max // 2)
    outline = trace_outline(
        grey,
        centre_xy_px,
        radius_px,
        dark_on_bright=dark_on_bright,
        background_level=background_level,
        limits=limits,
        motion=motion,
        rays=rays,
    )
    if isinstance(outline, Refused):
        return outline
    return measure_outline(outline, upr_max=upr_max, form_later=form_later)


def measure_outline(outline: Outline, *, upr_max: int = 50, form_later: bool = False) -> Silhouette | Refused:
    """Form and widths of a traced outline; `form_later` as for `measure_at`.

    Returns:
        The silhouette; `OUTLINE_MISSING` when so much is missing in one piece that no circle or
        no width is determined; `NOT_A_BALL` when the outline is too far from a circle for that.
    """
    everywhere = bool(outline.seen.all())
    if not everywhere and (gap := largest_gap_share(outline.seen)) > GAP_SHARE_MAX:
        return Refused(
            Refusal.OUTLINE_MISSING,
            f"{gap:.0%} of the outline is missing in one piece, at most {GAP_SHARE_MAX:.0%} can be",
        )
    seen = None if everywhere else outline.seen
    try:
        widths = caliper_widths(outline.radius_px, seen)
        # Over the whole turn: the seen part alone of an oval has another mean than all of it.
        diameter_px = least_squares_diameter(outline.radius_px)
    except NotRoundError as error:
        return Refused(Refusal.NOT_A_BALL, str(error))
    if widths.seen_share == 0.0:
        return Refused(Refusal.OUTLINE_MISSING, "in no direction both ends of a width were seen")
    silhouette = Silhouette(outline=outline, diameter_ls_px=diameter_px, widths=widths, upr_max=upr_max)
    return silhouette if form_later else refused_form(silhouette) or silhouette


def refused_form(silhouette: Silhouette) -> Refused | None:
    """Why a silhouette has no form: it is too far from a circle. None where it has one."""
    try:
        silhouette.form.placed()
    except NotRoundError as error:
        return Refused(Refusal.NOT_A_BALL, str(error))
    return None
