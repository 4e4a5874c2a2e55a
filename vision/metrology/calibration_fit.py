"""Solving a scale: certified spheres in, scale, edge offset and distance with their covariance out.

A calibration's way of measuring is run on every picture, and its parameters are moved until it says
what the certificates say (weighted least squares): nothing is approximated that is not approximated
later. Neighbours: `calibration_input` refuses what cannot be solved, `lens_fit` solves the lens before,
`rectify` measures, `edge_runtime.commands.calibrate` brings pictures and keeps files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision.errors import CalibrationError
from vision.metrology.calibration import (
    STEEL,
    CertifiedSphere,
    Expansion,
    Lens,
    Pinhole,
    Row3,
    Telecentric,
)
from vision.metrology.calibration_input import (
    FAR_MM,
    NEAREST,
    RESIDUAL_MAX_PX,
    PinholePlan,
    SphereObservation,
    check_distance,
    check_plan,
    check_residuals,
    check_sizes,
)
from vision.metrology.rectify import rectify
from vision.metrology.size import check_temperature, stretch
from vision.metrology.types import Float64Array, Temperature

__all__ = ["PinholePlan", "ScaleFit", "SphereObservation", "fit_scale"]

#: Standard uncertainty of a mean diameter that repeated pictures do not show (px): place in the pixel grid.
_U_GRID_PX = 0.01
#: Standard deviation of one picture's diameter (px) where only one was taken.
_SD_ONE_PX = 0.03
#: Distances from which the search starts when nobody gave one, in largest diameters.
_STARTS = (4.0, 10.0, 30.0)
#: As in `CameraCalibration`.
_OFFSET_MAX_PX = 10.0


@dataclass(frozen=True, slots=True)
class ScaleFit:
    """The fields of a `CameraCalibration` that the spheres tell."""

    model: Telecentric | Pinhole
    edge_offset_px: float
    covariance: tuple[Row3, Row3, Row3]
    spheres: tuple[CertifiedSphere, ...]
    residual_rms_mm: float
    degrees_of_freedom: int
    chi2_per_freedom: float


def fit_scale(
    spheres: tuple[SphereObservation, ...],
    *,
    pinhole: PinholePlan | None = None,
    lens: Lens | None = None,
    temperature: Temperature,
    expansion: Expansion = STEEL,
    residual_max_mm: float | None = None,
) -> ScaleFit:
    """Solve scale, edge offset and, for a pinhole, the distance.

    The covariance is that of the weighted least squares, stretched where the residuals are larger than
    their uncertainties say (Birge ratio), never shrunk; the spheres' temperature and expansion, which
    they share, are added to the scale.

    Args:
        spheres: at least three sizes, see `calibration_input`; one more for a
            pinhole whose distance nobody measured.
        pinhole: what is known of it; None: telecentric.
        lens: distortion, or none.
        temperature: of the spheres.
        expansion: of the spheres.
        residual_max_mm: largest residual; default `RESIDUAL_MAX_PX`.

    Raises:
        CalibrationError: too few sizes, too near each other, or they do not fit together.
        TemperatureError: an impossible temperature.
    """
    check_temperature(temperature)
    check_sizes(spheres, pinhole)
    if pinhole is not None:
        check_plan(pinhole, max(sphere.diameter_mm for sphere in spheres))
    problem = _Problem(spheres, pinhole, lens, stretch(expansion, temperature.celsius))
    values, jacobian, cost = problem.solve()
    sizes = len(spheres) + (1 if problem.has_prior else 0)
    freedom = sizes - len(values)
    chi2 = 2.0 * cost / freedom
    model, offset_px = problem.model(values)
    residual_mm = problem.residuals_mm(values)
    limit_mm = RESIDUAL_MAX_PX * model.mm_per_px if residual_max_mm is None else residual_max_mm
    check_residuals(spheres, residual_mm, limit_mm)
    small = _covariance(jacobian) * max(1.0, chi2)
    covariance = np.zeros((3, 3))
    covariance[: len(small), : len(small)] = small
    away_k = temperature.celsius - 20.0
    shared = np.hypot(
        expansion.per_k(temperature.celsius) * temperature.u_celsius, expansion.u_per_k * away_k
    )
    covariance[0, 0] += (model.mm_per_px * shared) ** 2
    if isinstance(model, Pinhole) and problem.fits_distance:
        check_distance(model.distance_mm, float(np.sqrt(covariance[2, 2])))
    return ScaleFit(
        model=model,
        edge_offset_px=offset_px,
        covariance=_rows(covariance),
        spheres=tuple(
            CertifiedSphere(
                kind=sphere.kind,
                certificate=sphere.certificate,
                diameter_mm=sphere.diameter_mm,
                u_mm=sphere.u_mm,
                pictures=len(sphere.outlines),
                measured_px=float(np.mean(sphere.diameters_px)),
                u_measured_px=float(u_mm) / model.mm_per_px,
                residual_mm=float(residual),
            )
            for sphere, residual, u_mm in zip(spheres, residual_mm, problem.u_pictures_mm, strict=True)
        ),
        residual_rms_mm=float(np.sqrt(np.mean(residual_mm**2))),
        degrees_of_freedom=freedom,
        chi2_per_freedom=chi2,
    )


class _Problem:
    """Residuals as a function of (mm_per_px, edge_offset_px[, distance_mm])."""

    def __init__(
        self,
        spheres: tuple[SphereObservation, ...],
        pinhole: PinholePlan | None,
        lens: Lens | None,
        warm: float,
    ) -> None:
        self.spheres, self.plan, self.lens = spheres, pinhole, lens
        self.warm_mm = np.array([sphere.diameter_mm * warm for sphere in spheres])
        known = pinhole is not None and pinhole.distance_mm is not None
        self.has_prior = known and pinhole is not None and pinhole.u_distance_mm > 0.0
        self.fits_distance = pinhole is not None and (not known or self.has_prior)
        scale = float(np.median(self.warm_mm / [np.mean(sphere.diameters_px) for sphere in spheres]))
        self.start_mm_per_px = scale
        self.u_pictures_mm = np.full(len(spheres), _U_GRID_PX * scale)

    def model(self, values: Float64Array) -> tuple[Telecentric | Pinhole, float]:
        """The model and edge offset that these values stand for."""
        scale, offset_px = float(values[0]), float(values[1])
        plan = self.plan
        if plan is None:
            return Telecentric(mm_per_px=scale), offset_px
        distance_mm = float(values[2]) if self.fits_distance else plan.distance_mm
        assert distance_mm is not None  # either fitted or given
        return Pinhole(
            mm_per_px=scale,
            distance_mm=distance_mm,
            reference_diameter_mm=plan.reference_diameter_mm,
            principal_point_xy_px=plan.principal_point_xy_px,
            rise_per_radius=plan.rise_per_radius,
            tilt_x_rad=plan.tilt_x_rad,
            tilt_y_rad=plan.tilt_y_rad,
            u_place_mm=plan.u_place_mm,
        ), offset_px

    def residuals_mm(self, values: Float64Array) -> Float64Array:
        """(spheres,): measured by the model minus certified, mm, as warm as they were."""
        found = [diameters.mean() for diameters in self._diameters_mm(values)]
        return np.asarray(np.array(found) - self.warm_mm, np.float64)

    def _diameters_mm(self, values: Float64Array) -> list[Float64Array]:
        """For each sphere the diameter in each of its pictures."""
        model, offset_px = self.model(values)
        return [
            np.array([rectify(each, model, self.lens, offset_px).diameter_ls_mm for each in sphere.outlines])
            for sphere in self.spheres
        ]

    def weighted(self, values: Float64Array) -> Float64Array:
        """Residuals by their uncertainties, that of a distance measured by hand last."""
        rows = self.residuals_mm(values) / np.hypot(self.u_pictures_mm, [each.u_mm for each in self.spheres])
        if self.has_prior and self.plan is not None and self.plan.distance_mm is not None:
            rows = np.append(rows, (values[2] - self.plan.distance_mm) / self.plan.u_distance_mm)
        return np.asarray(rows, np.float64)

    def solve(self) -> tuple[Float64Array, Float64Array, float]:
        """Values, Jacobian of the weighted residuals, and half their sum of squares.

        How much a sphere's pictures scatter is seen in mm only, so it is known after a first solution.
        """
        largest_mm = float(self.warm_mm.max())
        starts: list[list[float]] = [[self.start_mm_per_px, 0.0]]
        if self.fits_distance and self.plan is not None:
            given = self.plan.distance_mm
            reach_mm = max(largest_mm, self.plan.reference_diameter_mm)
            guesses = [factor * reach_mm for factor in _STARTS] if given is None else [given]
            starts = [[*starts[0], guess] for guess in guesses]
        first, _, _ = min((self._search(start) for start in starts), key=lambda solution: solution[2])
        scale = float(first[0])
        self.u_pictures_mm = np.array(
            [_u_mean_px(diameters / scale) * scale for diameters in self._diameters_mm(first)]
        )
        return self._search(first.tolist())

    def _search(self, start: list[float]) -> tuple[Float64Array, Float64Array, float]:
        from scipy.optimize import least_squares

        largest_mm, count = float(self.warm_mm.max()), len(start)
        reference_mm = 0.0 if self.plan is None else self.plan.reference_diameter_mm
        nearest_mm = 0.99 * NEAREST * max(largest_mm, reference_mm)
        solution = least_squares(
            self.weighted,
            start,
            bounds=(
                [self.start_mm_per_px / 3.0, -_OFFSET_MAX_PX, nearest_mm][:count],
                [self.start_mm_per_px * 3.0, _OFFSET_MAX_PX, FAR_MM][:count],
            ),
            x_scale=[self.start_mm_per_px * 1e-3, 0.1, largest_mm][:count],
            xtol=1e-10,
            ftol=1e-10,
            gtol=1e-10,
        )
        return np.asarray(solution.x), np.asarray(solution.jac), float(solution.cost)


def _u_mean_px(diameters_px: Float64Array) -> float:
    """Standard uncertainty of the mean diameter of one sphere's pictures."""
    count = len(diameters_px)
    sd_px = _SD_ONE_PX if count < 3 else float(np.std(diameters_px, ddof=1))
    return float(np.hypot(sd_px / np.sqrt(count), _U_GRID_PX))


def _covariance(jacobian: Float64Array) -> Float64Array:
    """Inverse of J^T J, with columns of one size first: mm_per_px and distance_mm are far apart."""
    size = np.linalg.norm(jacobian, axis=0)
    try:
        even = np.linalg.inv((jacobian / size).T @ (jacobian / size))
    except np.linalg.LinAlgError as error:
        raise CalibrationError(
            "the spheres do not tell scale, edge offset and distance apart",
            where="certified spheres",
            todo="use sizes that lie wider apart, or measure the distance and give it",
        ) from error
    return np.asarray(even / np.outer(size, size), np.float64)


def _rows(covariance: Float64Array) -> tuple[Row3, Row3, Row3]:
    even = (covariance + covariance.T) / 2.0
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in even)
    return first, second, third
