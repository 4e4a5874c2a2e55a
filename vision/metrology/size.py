"""One silhouette in mm at 20 degC, with its uncertainty.

In this order: lens and perspective (`rectify`), expansion, uncertainty (`budget`). A telecentric
camera without lens distortion needs no new profile: every length is multiplied. Otherwise form and
widths are taken again from the corrected profile, where the correction changed the form at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vision.errors import CalibrationError, TemperatureError
from vision.metrology.budget import REFERENCE_CELSIUS, Budget, BudgetInputs, combine
from vision.metrology.calibration import (
    STEEL,
    U_EDGE_BIAS_PX,
    U_SHADED_PX,
    CameraCalibration,
    Expansion,
    Pinhole,
    TypedScale,
)
from vision.metrology.circles import NotRoundError
from vision.metrology.form import Form, analyse_form
from vision.metrology.perspective import ConeSize
from vision.metrology.rectify import TELECENTRIC_SIZE, Rectified, rectify
from vision.metrology.sized import Silhouette, SizedBall
from vision.metrology.types import Temperature
from vision.metrology.widths import caliper_widths

#: Where nobody measured a temperature: a room. A ball of 120 mm changes by 0.007 mm in 5 K.
ROOM = Temperature(REFERENCE_CELSIUS, 5.0)
#: Bodies outside are no balls of solid steel (it melts above 1,400 degC) in a plant on earth.
CELSIUS_MIN, CELSIUS_MAX = -60.0, 1300.0
#: A correction that moves no point of the outline by more than this leaves form and widths as they are.
_SAME_FORM_PX = 0.02
_SQRT2 = math.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class _Lengths:
    """All lengths of one silhouette in mm, as warm as the ball is, and how they hang on the calibration.

    `u_scale_share` and `u_distance_share` are relative standard uncertainties of the diameter;
    `mm_by_form` turns the form's unit into mm, `mm_per_px` is the scale, `mm_by_px` how much one px more
    of diameter adds.
    """

    ls: float
    feret: tuple[float, float, float]
    form: Form
    mm_by_form: float
    mm_per_px: float
    mm_by_px: float
    u_scale_share: float
    u_distance_share: float
    u_edge_px: float


def size_ball(
    silhouette: Silhouette,
    scale: CameraCalibration | TypedScale,
    temperature: Temperature | None = None,
    *,
    origin_xy_px: tuple[float, float] = (0.0, 0.0),
    scale_flake_mm: float = 0.0,
    u_repeat_mm: float = 0.0,
) -> SizedBall:
    """Size one silhouette.

    Args:
        silhouette: as measured in the picture.
        scale: a camera's calibration, or a typed scale.
        temperature: of the ball's body; None: nobody measured it, `ROOM` is taken.
        origin_xy_px: where the measured picture lies in the camera's whole picture (a view's corner).
        scale_flake_mm: half width of what oxide scale may add to the diameter.
        u_repeat_mm: repeatability from a gauge study; 0 without one.

    Raises:
        TemperatureError: a temperature that no ball has, or an uncertainty that is none.
        CalibrationError: corrected, this is no ball in front of the camera: not what it was calibrated for.
    """
    return size_with_budget(
        silhouette,
        scale,
        temperature,
        origin_xy_px=origin_xy_px,
        scale_flake_mm=scale_flake_mm,
        u_repeat_mm=u_repeat_mm,
    )[0]


def size_with_budget(
    silhouette: Silhouette,
    scale: CameraCalibration | TypedScale,
    temperature: Temperature | None = None,
    *,
    origin_xy_px: tuple[float, float] = (0.0, 0.0),
    scale_flake_mm: float = 0.0,
    u_repeat_mm: float = 0.0,
    zone_only: bool = False,
) -> tuple[SizedBall, Budget]:
    """As `size_ball`, with the rows of the uncertainty. Same arguments and errors.

    `zone_only`: of the four circles only the minimum zone is placed now; others when they are asked for.
    """
    body = check_temperature(temperature or ROOM)
    lengths = _lengths(silhouette, scale, origin_xy_px)
    try:
        _ = lengths.form.mzci if zone_only else lengths.form.placed()
    except NotRoundError as error:
        raise _not_this_ball(f"corrected, the outline is no ball any more: {error}", scale) from error
    expansion = scale.ball_expansion if isinstance(scale, CameraCalibration) else STEEL
    cold = 1.0 / stretch(expansion, body.celsius)
    outline = silhouette.outline
    noise_px = _SQRT2 * outline.u_radius_px
    edge_px = math.hypot(lengths.u_edge_px, U_SHADED_PX if outline.shaded else 0.0)
    budget = combine(
        BudgetInputs(
            diameter_mm=lengths.ls * cold,
            mm_per_px=lengths.mm_by_px,
            u_scale_share=lengths.u_scale_share,
            u_edge_noise_px=noise_px,
            u_edge_bias_px=edge_px,
            u_distance_share=lengths.u_distance_share,
            celsius=body.celsius,
            u_celsius=body.u_celsius,
            expansion_per_k=expansion.per_k(body.celsius),
            u_expansion_per_k=expansion.u_per_k,
            scale_flake_mm=scale_flake_mm,
            u_repeat_mm=u_repeat_mm,
        )
    )
    sized = SizedBall(
        diameter_ls_mm=lengths.ls * cold,
        feret_min_mm=lengths.feret[0] * cold,
        feret_max_mm=lengths.feret[1] * cold,
        feret_mean_mm=lengths.feret[2] * cold,
        form=lengths.form,
        mm_by_form=lengths.mm_by_form * cold,
        u_diameter_mm=budget.u_mm,
        # Peak and valley: two radii by noise, and half of what an edge does to a diameter for each of them.
        u_roundness_mm=lengths.mm_per_px * math.hypot(noise_px, edge_px / _SQRT2),
        centre_xy_px=outline.centre_xy_px,
        outline_share=outline.outline_share,
        speck_mm=outline.speck_px * lengths.mm_per_px * cold,
        mm_per_px=lengths.mm_per_px,
    )
    return sized, budget


def check_temperature(temperature: Temperature) -> Temperature:
    """Pass a possible temperature on.

    Raises:
        TemperatureError: not a number, outside CELSIUS_MIN..CELSIUS_MAX, or an uncertainty below 0.
    """
    if not CELSIUS_MIN <= temperature.celsius <= CELSIUS_MAX:
        raise TemperatureError(
            f"a ball of {temperature.celsius} degC cannot be",
            where="temperature of the ball",
            todo=f"check the pyrometer; {CELSIUS_MIN:g} to {CELSIUS_MAX:g} degC are taken",
        )
    if not 0.0 <= temperature.u_celsius < math.inf:
        raise TemperatureError(
            f"a temperature's uncertainty of {temperature.u_celsius} K cannot be",
            where="temperature of the ball",
            todo="give its standard uncertainty in K, 0 or more",
        )
    return temperature


def stretch(expansion: Expansion, celsius: float) -> float:
    """A length at `celsius` by the same length at 20 degC: L = L20 (1 + a (t - 20))."""
    return 1.0 + expansion.per_k(celsius) * (celsius - REFERENCE_CELSIUS)


def _lengths(
    silhouette: Silhouette, scale: CameraCalibration | TypedScale, origin_xy_px: tuple[float, float]
) -> _Lengths:
    if isinstance(scale, TypedScale):
        return _multiplied(silhouette, scale.mm_per_px, 0.0, scale.u_scale_share, U_EDGE_BIAS_PX)
    model, offset_px = scale.model, scale.edge_offset_px
    if not isinstance(model, Pinhole) and scale.lens is None:
        signed_px = offset_px if silhouette.outline.dark_on_bright else -offset_px
        diameter_px = silhouette.diameter_ls_px + signed_px
        share = _u_scale_share(scale, diameter_px, TELECENTRIC_SIZE, silhouette.outline.dark_on_bright)
        return _multiplied(silhouette, model.mm_per_px, signed_px, share, scale.u_edge_px)
    try:
        found = rectify(silhouette.outline, model, scale.lens, offset_px, origin_xy_px)
        if not found.size.distance_mm > 0.0:
            raise _not_this_ball("no ball of this calibration's plane can be seen there", scale)
        return _from_profile(silhouette, scale, found)
    except NotRoundError as error:
        raise _not_this_ball(f"corrected, the outline is no ball any more: {error}", scale) from error


def _not_this_ball(what: str, scale: CameraCalibration | TypedScale) -> CalibrationError:
    where = f"camera '{scale.camera}'" if isinstance(scale, CameraCalibration) else "a typed scale"
    return CalibrationError(
        what,
        where=f"calibration of {where}",
        todo="use the calibration of this camera, mount and ball size",
    )


def _multiplied(
    silhouette: Silhouette, mm_per_px: float, offset_px: float, u_scale_share: float, u_edge_px: float
) -> _Lengths:
    """The form stays what it is: every width grows by the edge offset, then all is multiplied."""
    widths = silhouette.widths
    return _Lengths(
        ls=(silhouette.diameter_ls_px + offset_px) * mm_per_px,
        feret=(
            (widths.minimum + offset_px) * mm_per_px,
            (widths.maximum + offset_px) * mm_per_px,
            (widths.mean + offset_px) * mm_per_px,
        ),
        form=silhouette.form,
        mm_by_form=mm_per_px,
        mm_per_px=mm_per_px,
        mm_by_px=mm_per_px,
        u_scale_share=u_scale_share,
        u_distance_share=0.0,
        u_edge_px=u_edge_px,
    )


def _from_profile(silhouette: Silhouette, scale: CameraCalibration, found: Rectified) -> _Lengths:
    """From the corrected profile; form and widths are taken again only where they changed."""
    diameter_px = found.diameter_ls_mm / found.mm_per_px
    share = _u_scale_share(scale, diameter_px, found.size, silhouette.outline.dark_on_bright)
    offset_px = scale.edge_offset_px if silhouette.outline.dark_on_bright else -scale.edge_offset_px
    model = scale.model
    place = model.u_place_mm / found.size.distance_mm if isinstance(model, Pinhole) else 0.0
    if found.shape_change_px <= _SAME_FORM_PX:
        same = _multiplied(silhouette, found.mm_per_px, offset_px, share, scale.u_edge_px)
        feret, form, mm_by_form = same.feret, same.form, same.mm_by_form
    else:
        widths = caliper_widths(found.radius_mm, found.seen, directions=len(silhouette.widths.width))
        form, mm_by_form = analyse_form(found.radius_mm, silhouette.upr_max, seen=found.seen), 1.0
        feret = (widths.minimum, widths.maximum, widths.mean)
    return _Lengths(
        ls=found.diameter_ls_mm,
        feret=feret,
        form=form,
        mm_by_form=mm_by_form,
        mm_per_px=found.mm_per_px,
        mm_by_px=found.mm_per_px * found.size.size_gain,
        u_scale_share=share,
        u_distance_share=place,
        u_edge_px=scale.u_edge_px,
    )


def _u_scale_share(
    scale: CameraCalibration, diameter_px: float, size: ConeSize, dark_on_bright: bool
) -> float:
    """Relative standard uncertainty of a diameter from the fit and from drift.

    Scale, edge offset and distance come from one fit and hang together, so their covariance counts.
    The focal length is distance / scale: a longer distance moves the ball away and narrows the view.
    """
    of_scale = -size.focal_gain / scale.model.mm_per_px
    # The offset is taken from a bright ball's diameter, so there it no longer balances the scale.
    of_offset = (size.size_gain if dark_on_bright else -size.size_gain) / diameter_px
    of_distance = 0.0
    if isinstance(scale.model, Pinhole):
        of_distance = 1.0 / scale.model.level_mm + size.focal_gain / scale.model.distance_mm
    c = scale.covariance
    variance = (
        of_scale * of_scale * c[0][0]
        + of_offset * of_offset * c[1][1]
        + of_distance * of_distance * c[2][2]
        + 2.0 * (of_scale * of_offset * c[0][1] + of_scale * of_distance * c[0][2])
        + 2.0 * of_offset * of_distance * c[1][2]
    )
    # Rounding may leave a balanced sum a hair below nothing.
    return math.sqrt(max(0.0, variance) + scale.u_scale_share**2)
