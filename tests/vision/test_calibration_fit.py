"""Solving scale, edge offset and distance from certified spheres with a known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.vision.outlines import circle_points, lens, lens_moves, outline_of, silhouette_of, sphere_points
from vision.errors import CalibrationError, TemperatureError
from vision.metrology.calibration import STEEL, Lens, Pinhole
from vision.metrology.calibration_fit import fit_scale
from vision.metrology.calibration_input import PinholePlan, SphereObservation
from vision.metrology.perspective import sphere_centre_mm
from vision.metrology.size import stretch
from vision.metrology.types import Outline, Temperature

AT_20 = Temperature(20.0, 0.0)
TRUTH = 0.125
OFFSET_PX = 0.4
PLACES = [(0.0, 0.0), (30.0, -20.0), (-45.0, 25.0)]
TRUE_CAMERA = Pinhole(
    mm_per_px=TRUTH, distance_mm=800.0, reference_diameter_mm=45.0, principal_point_xy_px=(807.0, 596.0)
)
PLAN = PinholePlan(principal_point_xy_px=(807.0, 596.0), reference_diameter_mm=45.0)


def _observation(
    diameter_mm: float, outlines: Sequence[Outline], *, told_mm: float | None = None, u_mm: float = 0.0005
) -> SphereObservation:
    diameters = tuple(silhouette_of(outline).diameter_ls_px for outline in outlines)
    return SphereObservation(f"C-{diameter_mm:g}", told_mm or diameter_mm, u_mm, tuple(outlines), diameters)


def _telecentric(
    diameter_mm: float, *, warm: float = 1.0, noise_px: float = 0.0, bent: Lens | None = None, **more: float
) -> SphereObservation:
    """Seen too small by OFFSET_PX, as a backlit body is."""
    outlines = []
    for number, (x_mm, y_mm) in enumerate(PLACES):
        centre = (810.3 + x_mm / TRUTH, 590.6 + y_mm / TRUTH)
        points = circle_points(centre, diameter_mm * warm / TRUTH - OFFSET_PX)
        if bent is not None:
            points = lens_moves(points, bent)
        outlines.append(outline_of(points, noise_px=noise_px, seed=int(diameter_mm * 10) + number))
    return _observation(diameter_mm, outlines, **more)


def _pinhole(diameter_mm: float, *, noise_px: float = 0.0) -> SphereObservation:
    radius_mm = diameter_mm / 2.0
    outlines = []
    for number, (x_mm, y_mm) in enumerate(PLACES):
        points = sphere_points(TRUE_CAMERA, sphere_centre_mm(TRUE_CAMERA, x_mm, y_mm, radius_mm), radius_mm)
        outline = outline_of(points, noise_px=noise_px, seed=int(diameter_mm * 10) + number)
        outlines.append(replace(outline, radius_px=outline.radius_px - OFFSET_PX / 2.0))
    return _observation(diameter_mm, outlines)


def test_telecentric_scale_and_offset_come_back() -> None:
    fit = fit_scale(tuple(_telecentric(d) for d in (20.0, 40.0, 60.0)), temperature=AT_20)
    assert fit.model.type == "telecentric"
    assert fit.model.mm_per_px == pytest.approx(TRUTH, rel=1e-6)
    assert fit.edge_offset_px == pytest.approx(OFFSET_PX, abs=1e-4)
    assert fit.residual_rms_mm < 1e-5
    assert fit.degrees_of_freedom == 1
    assert [sphere.certificate for sphere in fit.spheres] == ["C-20", "C-40", "C-60"]
    assert fit.covariance[0][1] < 0.0  # a larger scale goes with a smaller offset


def test_uncertainties_are_those_of_the_scatter() -> None:
    # 40 calibrations with other noise: values scatter as the covariance says.
    found = []
    rng = np.random.default_rng(5)
    base = [_telecentric(d) for d in (20.0, 30.0, 45.0, 60.0)]
    for _ in range(40):
        spheres = tuple(
            replace(sphere, diameter_mm=sphere.diameter_mm + rng.normal(0.0, 0.002), u_mm=0.002)
            for sphere in base
        )
        fit = fit_scale(spheres, temperature=AT_20, residual_max_mm=0.05)
        assert isinstance(fit.covariance[0][0], float)
        found.append((fit.model.mm_per_px, fit.edge_offset_px, fit.covariance[0][0], fit.covariance[1][1]))
    scale, offset, var_scale, var_offset = np.array(found).T
    # Birge's ratio only stretches, so the told one is the larger: by less than half on average.
    assert 0.7 < np.sqrt(np.median(var_scale)) / scale.std(ddof=1) < 1.6
    assert 0.7 < np.sqrt(np.median(var_offset)) / offset.std(ddof=1) < 1.6


def test_lens_is_undone_before_the_fit() -> None:
    bent = lens()
    spheres = tuple(_telecentric(d, bent=bent) for d in (20.0, 40.0, 60.0))
    fit = fit_scale(spheres, lens=bent, temperature=AT_20)
    assert fit.model.mm_per_px == pytest.approx(TRUTH, rel=1e-5)
    with pytest.raises(CalibrationError, match="do not fit"):
        fit_scale(spheres, temperature=AT_20, residual_max_mm=0.002)


def test_warm_spheres_are_larger() -> None:
    warm = stretch(STEEL, 30.0)
    spheres = tuple(_telecentric(d, warm=warm) for d in (20.0, 40.0, 60.0))
    fit = fit_scale(spheres, temperature=Temperature(30.0, 2.0))
    assert fit.model.mm_per_px == pytest.approx(TRUTH, rel=1e-6)
    u_share = np.hypot(12e-6 * 2.0, 0.5e-6 * 10.0)  # shared by all spheres, so it belongs to the scale
    assert np.sqrt(fit.covariance[0][0]) / TRUTH >= u_share
    cold = fit_scale(spheres, temperature=Temperature(20.0, 2.0))
    assert cold.model.mm_per_px == pytest.approx(TRUTH / warm, rel=1e-6)


@pytest.mark.parametrize(
    ("sizes", "given_mm", "u_mm", "within_mm"),
    [
        ((20.0, 32.0, 45.0, 60.0), None, 0.0, 0.1),  # found from the spheres alone
        ((20.0, 40.0, 60.0), 806.0, 4.0, 5.0),  # a tape measure helps three sizes, and they help it
        ((20.0, 40.0, 60.0), 800.0, 0.0, 1e-9),  # taken as it is
    ],
)
def test_pinhole_distance_comes_back(
    sizes: tuple[float, ...], given_mm: float | None, u_mm: float, within_mm: float
) -> None:
    plan = replace(PLAN, distance_mm=given_mm, u_distance_mm=u_mm)
    fit = fit_scale(tuple(_pinhole(size) for size in sizes), pinhole=plan, temperature=AT_20)
    assert isinstance(fit.model, Pinhole)
    assert fit.model.distance_mm == pytest.approx(800.0, abs=within_mm)
    assert abs(fit.model.mm_per_px - TRUTH) <= 1e-8 + 2.0 * np.sqrt(fit.covariance[0][0])
    assert abs(fit.edge_offset_px - OFFSET_PX) <= 2.0 * np.sqrt(fit.covariance[1][1])
    assert fit.model.mm_per_px == pytest.approx(TRUTH, rel=3e-4)
    assert fit.residual_rms_mm < 1e-3
    assert (fit.covariance[2][2] > 0.0) == (given_mm is None or u_mm > 0.0)


def test_pinhole_with_noise_is_within_its_uncertainty() -> None:
    sizes = (20.0, 30.0, 40.0, 50.0, 60.0)
    fit = fit_scale(tuple(_pinhole(d, noise_px=0.05) for d in sizes), pinhole=PLAN, temperature=AT_20)
    assert isinstance(fit.model, Pinhole)
    u_distance, u_scale = np.sqrt(fit.covariance[2][2]), np.sqrt(fit.covariance[0][0])
    assert abs(fit.model.distance_mm - 800.0) < 3.0 * u_distance < 60.0
    assert abs(fit.model.mm_per_px - TRUTH) < 3.0 * u_scale < 1e-3 * TRUTH


def test_telecentric_model_does_not_fit_a_pinhole() -> None:
    with pytest.raises(CalibrationError, match="do not fit together"):
        fit_scale(tuple(_pinhole(d) for d in (20.0, 32.0, 45.0, 60.0)), temperature=AT_20)


FEW = "sizes are told apart"
REFUSED = [
    # sizes, pinhole, what is said
    ((30.0, 60.0), None, FEW),  # two sizes
    ((), None, FEW),  # none
    ((30.0, 30.0, 60.0), None, FEW),  # one of them twice
    ((58.0, 59.0, 60.0), None, FEW),  # nearly one size
    ((50.0, 55.0, 60.0), None, "too near"),  # a narrow span: scale and offset are one
    ((20.0, 40.0, 60.0), PLAN, FEW),  # the distance asks for one more
    ((20.0, 20.5, 40.0, 60.0), PLAN, FEW),
]


@pytest.mark.parametrize(("sizes", "pinhole", "said"), REFUSED)
def test_refused_sizes(sizes: tuple[float, ...], pinhole: PinholePlan | None, said: str) -> None:
    with pytest.raises(CalibrationError, match=said) as caught:
        fit_scale(tuple(_telecentric(size) for size in sizes), pinhole=pinhole, temperature=AT_20)
    assert caught.value.exit_code == 2
    assert caught.value.todo


def test_a_wrong_certificate_is_found_out() -> None:
    spheres = (_telecentric(20.0), _telecentric(30.0), _telecentric(40.0, told_mm=40.5), _telecentric(60.0))
    with pytest.raises(CalibrationError, match="C-40") as caught:
        fit_scale(spheres, temperature=AT_20)
    assert caught.value.where == "certificate C-40"


@pytest.mark.parametrize(
    "change",
    [
        {"u_mm": 0.0},  # no certificate says so
        {"u_mm": -0.001},
        {"diameter_mm": float("nan")},
        {"outlines": ()},
    ],
)
def test_refused_spheres(change: dict[str, object]) -> None:
    spheres = [_telecentric(20.0), _telecentric(40.0), _telecentric(60.0)]
    spheres[1] = replace(spheres[1], **change)  # type: ignore[arg-type]  # a table of fields
    with pytest.raises(CalibrationError, match="cannot be used"):
        fit_scale(tuple(spheres), temperature=AT_20)


def test_rings_are_for_telecentric_cameras() -> None:
    rings = tuple(replace(_telecentric(d), kind="ring") for d in (20.0, 40.0, 60.0))
    assert fit_scale(rings, temperature=AT_20).model.mm_per_px == pytest.approx(TRUTH, rel=1e-6)
    with pytest.raises(CalibrationError, match="ring"):
        fit_scale(rings, pinhole=replace(PLAN, distance_mm=800.0), temperature=AT_20)


def test_impossible_temperature() -> None:
    spheres = tuple(_telecentric(d) for d in (20.0, 40.0, 60.0))
    with pytest.raises(TemperatureError):
        fit_scale(spheres, temperature=Temperature(float("nan"), 1.0))


def test_distance_that_the_spheres_leave_open() -> None:
    # Guided centres: only the tangent cone tells the distance, and the certificates are poor.
    model = TRUE_CAMERA.model_copy(update={"rise_per_radius": 0.0})
    spheres = []
    for diameter_mm in (15.0, 18.0, 21.0, 24.0):
        points = sphere_points(model, (0.0, 0.0, 800.0), diameter_mm / 2.0)
        spheres.append(_observation(diameter_mm, [outline_of(points)] * 3, u_mm=0.003))
    with pytest.raises(CalibrationError, match="leave the distance open"):
        fit_scale(tuple(spheres), pinhole=replace(PLAN, rise_per_radius=0.0), temperature=AT_20)
