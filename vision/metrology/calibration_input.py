"""What goes into solving a scale, and when it is refused.

Neighbour: `calibration_fit` solves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import ValidationError

from vision.errors import CalibrationError
from vision.metrology.calibration import Pinhole
from vision.metrology.types import Float64Array, Outline

#: Fewer sizes cannot show whether a straight line with an offset fits at all.
SIZES_MIN = 3
#: Two diameters nearer than this share of the largest are one size.
SAME_SIZE_SHARE = 0.05
#: The smallest is smaller than the largest by at least this share, or scale and offset are one.
SPAN_SHARE_MIN = 0.25
#: Largest residual of a sphere, px of diameter, unless the caller knows better.
RESIDUAL_MAX_PX = 0.25
#: A distance that the spheres tell worse than this share is not told by them.
U_DISTANCE_SHARE_MAX = 0.05
#: Distances that are searched: from this many largest diameters on, up to 100 m.
NEAREST, FAR_MM = 1.1, 1e5


@dataclass(frozen=True, slots=True, eq=False)
class SphereObservation:
    """One certified sphere (or ring): its certificate and the outlines measured of it.

    Attributes:
        certificate: number of the certificate.
        diameter_mm: certified, at 20 degC.
        u_mm: its standard uncertainty, k = 1.
        outlines: one per picture, at least one.
        diameters_px: least-squares diameter in each picture.
        kind: sphere or ring (a flat rim; telecentric cameras only).
    """

    certificate: str
    diameter_mm: float
    u_mm: float
    outlines: tuple[Outline, ...]
    diameters_px: tuple[float, ...]
    kind: Literal["sphere", "ring"] = "sphere"


@dataclass(frozen=True, slots=True)
class PinholePlan:
    """What is known of a pinhole camera before its scale is solved; see `calibration.Pinhole`.

    `distance_mm` None: the spheres must tell it. `u_distance_mm` 0: it is taken as it is.
    """

    principal_point_xy_px: tuple[float, float]
    reference_diameter_mm: float
    distance_mm: float | None = None
    u_distance_mm: float = 0.0
    rise_per_radius: float = 1.0
    tilt_x_rad: float = 0.0
    tilt_y_rad: float = 0.0
    u_place_mm: float = 0.0


def check_sizes(spheres: tuple[SphereObservation, ...], pinhole: PinholePlan | None) -> None:
    """Refuse spheres whose figures cannot be, and sizes that are too few or too near each other.

    Raises:
        CalibrationError: with what is missing.
    """

    def refuse(what: str, todo: str) -> CalibrationError:
        return CalibrationError(what, where="certified spheres", todo=todo)

    for sphere in spheres:
        if not (0.0 < sphere.u_mm < sphere.diameter_mm < np.inf) or not sphere.outlines:
            raise refuse(
                f"{sphere.certificate}: diameter {sphere.diameter_mm} mm, u {sphere.u_mm} mm and "
                f"{len(sphere.outlines)} pictures cannot be used",
                "copy diameter and uncertainty from the certificate and take at least one picture",
            )
        if sphere.kind == "ring" and pinhole is not None:
            raise refuse(
                f"{sphere.certificate} is a ring: its rim lies nearer to the camera than a ball's outline",
                "use spheres for a pinhole camera; rings are for telecentric lenses",
            )
    sizes = sorted(sphere.diameter_mm for sphere in spheres)
    apart: list[float] = []
    for size_mm in sizes:
        if not apart or size_mm - apart[-1] > SAME_SIZE_SHARE * sizes[-1]:
            apart.append(size_mm)
    free = pinhole is not None and pinhole.distance_mm is None
    wanted = SIZES_MIN + 1 if free else SIZES_MIN
    if len(apart) < wanted:
        why = " (one more because the distance is to be found too)" if free else ""
        raise refuse(
            f"{len(apart)} sizes are told apart, {wanted} are needed{why}; sizes: "
            + ", ".join(f"{size:g} mm" for size in sizes),
            f"add spheres that differ by more than {SAME_SIZE_SHARE:.0%} of the largest diameter",
        )
    if sizes[0] > (1.0 - SPAN_SHARE_MIN) * sizes[-1]:
        raise refuse(
            f"the sizes lie too near each other: {sizes[0]:g} to {sizes[-1]:g} mm",
            f"the smallest must be at least {SPAN_SHARE_MIN:.0%} smaller than the largest, and they "
            "should span the balls that are made",
        )


def check_plan(plan: PinholePlan, largest_mm: float) -> None:
    """Refuse what no camera is, before a search begins.

    Raises:
        CalibrationError: with the figure that cannot be.
    """
    nearest_mm = NEAREST * max(largest_mm, plan.reference_diameter_mm)
    what = ""
    if plan.distance_mm is not None and not nearest_mm <= plan.distance_mm < FAR_MM:
        what = f"a distance of {plan.distance_mm:g} mm does not fit balls of {largest_mm:g} mm"
    elif not 0.0 <= plan.u_distance_mm < FAR_MM:
        what = f"an uncertainty of the distance of {plan.u_distance_mm:g} mm cannot be"
    if not what:
        try:
            Pinhole(
                mm_per_px=1.0,
                distance_mm=plan.distance_mm or nearest_mm,
                reference_diameter_mm=plan.reference_diameter_mm,
                principal_point_xy_px=plan.principal_point_xy_px,
                rise_per_radius=plan.rise_per_radius,
                tilt_x_rad=plan.tilt_x_rad,
                tilt_y_rad=plan.tilt_y_rad,
                u_place_mm=plan.u_place_mm,
            )
        except ValidationError as error:
            first = error.errors()[0]
            what = f"{'.'.join(str(part) for part in first['loc']) or 'pinhole'}: {first['msg']}"
    if what:
        raise CalibrationError(
            what, where="pinhole camera", todo="correct what was typed of the camera's place"
        )


def check_residuals(
    spheres: tuple[SphereObservation, ...], residual_mm: Float64Array, limit_mm: float
) -> None:
    """Refuse spheres that do not fit together: a wrong certificate, a wrong picture, a wrong model.

    Raises:
        CalibrationError: one residual is beyond `limit_mm`; all of them are listed.
    """
    worst = int(np.argmax(np.abs(residual_mm)))
    if abs(residual_mm[worst]) > limit_mm:
        listed = ", ".join(
            f"{sphere.certificate} {sphere.diameter_mm:g} mm: {residual:+.4f}"
            for sphere, residual in zip(spheres, residual_mm, strict=True)
        )
        raise CalibrationError(
            f"the spheres do not fit together: a residual of {residual_mm[worst]:+.4f} mm is beyond "
            f"{limit_mm:.4f} mm ({listed})",
            where=f"certificate {spheres[worst].certificate}",
            todo="compare diameters with the certificates and pictures with the spheres; check focus, "
            "lens distortion and, without a telecentric lens, --model pinhole and the distance",
        )


def check_distance(distance_mm: float, u_mm: float) -> None:
    """Refuse a distance that the spheres do not tell.

    Raises:
        CalibrationError: its standard uncertainty is above U_DISTANCE_SHARE_MAX of it.
    """
    if u_mm > U_DISTANCE_SHARE_MAX * distance_mm:
        raise CalibrationError(
            f"the spheres leave the distance open: {distance_mm:.0f} mm, u {u_mm:.0f} mm",
            where="distance from the entrance pupil",
            todo="measure it and give it with its uncertainty, or use sizes that lie wider apart",
        )
