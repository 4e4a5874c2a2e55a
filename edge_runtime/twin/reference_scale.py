"""Calibrates the twin's cameras as a plant does: certified spheres, measured, and a scale solved from them.

The spheres are drawn through the twin's own optics, at 20 degC, without scale; outlines and fit are
those of `ferrogate calibrate`. Neighbours: `gauge` and the demo use the calibrations.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from edge_runtime.twin.dirt import view_axes
from edge_runtime.twin.lens import Lens
from edge_runtime.twin.solid import Solid
from edge_runtime.twin.study_pictures import Light, draw_view
from vision.errors import CalibrationError
from vision.metrology.calibration import CameraCalibration
from vision.metrology.calibration_fit import PinholePlan, SphereObservation, fit_scale
from vision.metrology.measure import measure_at
from vision.metrology.sized import Silhouette
from vision.metrology.types import Refused, Temperature

#: Sizes of the spheres over the nominal diameter; larger ones come near the marks of a narrow picture.
SPHERE_SHARES = (0.7, 0.8, 0.9, 1.0, 1.1)
#: Places of each: share of half the picture's width along the belt, share of the nominal diameter across.
_PLACES = ((-0.6, -0.04), (-0.3, 0.05), (0.0, 0.0), (0.3, -0.05), (0.6, 0.04))
#: Standard uncertainty of the certificates (Grade 25 spheres), and of a distance measured by hand.
_U_SPHERE_MM = 0.0005
_U_DISTANCE_SHARE = 0.0025


def calibrate_twin(
    lens: Lens, camera: str, *, seed: int, date: str, software_version: str, valid_days: int = 30
) -> CameraCalibration:
    """Calibrate one camera of the twin.

    Args:
        lens: its optics.
        camera: 'left' or 'right'.
        seed: of places and noise.
        date: of the calibration, ISO.
        software_version: kept in the calibration.
        valid_days: until it is stale.

    Raises:
        CalibrationError: a sphere could not be measured, or they do not fit together.
    """
    rng = np.random.default_rng([seed, 0xCA11, 0 if camera == "left" else 1])
    nominal_mm = 2.0 * lens.nominal_radius_mm
    spheres = tuple(_observe(lens, camera, nominal_mm * share, rng) for share in SPHERE_SHARES)
    body = Temperature(20.0, 0.5)
    fit = fit_scale(spheres, pinhole=_plan(lens, rng), temperature=body)
    return CameraCalibration(
        camera=camera,
        camera_serial=f"twin-{camera}",
        width_px=lens.width_px,
        height_px=lens.height_px,
        model=fit.model,
        edge_offset_px=fit.edge_offset_px,
        covariance=fit.covariance,
        spheres=fit.spheres,
        residual_rms_mm=fit.residual_rms_mm,
        degrees_of_freedom=fit.degrees_of_freedom,
        date=date,
        valid_days=valid_days,
        operator="twin",
        celsius=body.celsius,
        u_celsius=body.u_celsius,
        software_version=software_version,
    )


def _plan(lens: Lens, rng: np.random.Generator) -> PinholePlan | None:
    """What is known of the camera beforehand; the distance as well as a tape measure tells it."""
    if lens.distance_mm is None:
        return None
    u_distance_mm = _U_DISTANCE_SHARE * lens.distance_mm
    return PinholePlan(
        principal_point_xy_px=(lens.width_px / 2.0, lens.height_px / 2.0),
        reference_diameter_mm=2.0 * lens.nominal_radius_mm,
        distance_mm=lens.distance_mm + float(rng.normal(0.0, u_distance_mm)),
        u_distance_mm=u_distance_mm,
        tilt_y_rad=lens.tilt_rad,
    )


def _observe(lens: Lens, camera: str, diameter_mm: float, rng: np.random.Generator) -> SphereObservation:
    half_mm = lens.width_px * lens.mm_per_px / 2.0
    found = []
    for along, across in _PLACES:
        shift_mm = rng.uniform(-0.5, 0.5, 2) * lens.mm_per_px
        place = (along * half_mm + float(shift_mm[0]), across * diameter_mm + float(shift_mm[1]))
        found.append(_measure(lens, camera, Solid(diameter_mm), place, rng))
    return SphereObservation(
        certificate=f"twin sphere {diameter_mm:g} mm",
        diameter_mm=diameter_mm,
        u_mm=_U_SPHERE_MM,
        outlines=tuple(silhouette.outline for silhouette in found),
        diameters_px=tuple(silhouette.diameter_ls_px for silhouette in found),
    )


def _measure(
    lens: Lens, camera: str, sphere: Solid, place: tuple[float, float], rng: np.random.Generator
) -> Silhouette:
    axes = view_axes(lens.tilt_rad, 0.0)
    view = draw_view(sphere, lens, camera, place, axes, 1.0, (), Light(), rng)
    seen = lens.see(*place, sphere.diameter_mm / 2.0)
    left, top = view.origin_xy_px
    middle = (seen.centre_xy_px[0] - left, seen.centre_xy_px[1] - top)
    radius_px = math.sqrt(abs(float(np.linalg.det(seen.axes_px))))
    measured = measure_at(view.image, middle, radius_px, background_level=view.background_level)
    if isinstance(measured, Refused):
        raise CalibrationError(
            f"a sphere of {sphere.diameter_mm:g} mm was refused: {measured.detail}",
            where=f"camera '{camera}' of the twin",
            todo="use settings at which balls are measured",
        )
    x, y = measured.outline.centre_xy_px
    outline = dataclasses.replace(measured.outline, centre_xy_px=(x + left, y + top))
    return dataclasses.replace(measured, outline=outline)
