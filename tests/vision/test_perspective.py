"""A pinhole's picture of a sphere: closed form against rays, and back to mm without bias."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vision.outlines import outline_of, sphere_points
from vision.metrology.calibration import Pinhole
from vision.metrology.perspective import sphere_centre_mm, sphere_ellipse
from vision.metrology.rectify import rectify


def _camera(**more: float) -> Pinhole:
    fields = {"mm_per_px": 0.125, "distance_mm": 800.0, "reference_diameter_mm": 40.0, **more}
    return Pinhole.model_validate({**fields, "principal_point_xy_px": (810.0, 590.0)})


CASES = [
    # x and y of the centre (mm), diameter, what differs from a level belt under the camera
    (0.0, 0.0, 80.0, {}),  # on the optical axis
    (60.0, 40.0, 80.0, {}),  # beside it
    (-200.0, 100.0, 120.0, {"tilt_x_rad": 0.1, "tilt_y_rad": -0.2}),  # far beside, tilted belt
    (150.0, -80.0, 30.0, {"tilt_x_rad": 0.05, "rise_per_radius": 0.0}),  # guided centres
    (100.0, 100.0, 60.0, {"tilt_y_rad": 0.1, "rise_per_radius": 1.4142}),  # V groove
    (10.0, -20.0, 25.0, {"reference_diameter_mm": 0.0}),  # the belt itself is the reference plane
]


@pytest.mark.parametrize(("x_mm", "y_mm", "diameter_mm", "more"), CASES)
def test_ellipse_is_what_rays_draw(
    x_mm: float, y_mm: float, diameter_mm: float, more: dict[str, float]
) -> None:
    model = _camera(**more)
    centre = sphere_centre_mm(model, x_mm, y_mm, diameter_mm / 2.0)
    ellipse = sphere_ellipse(model, centre, diameter_mm / 2.0)
    assert ellipse is not None
    offset = sphere_points(model, centre, diameter_mm / 2.0, 360) - np.asarray(ellipse.centre_xy_px)
    along = np.array([np.cos(ellipse.direction_rad), np.sin(ellipse.direction_rad)])
    across = np.array([-along[1], along[0]])
    on_it = (offset @ along / ellipse.semi_major_px) ** 2 + (offset @ across / ellipse.semi_minor_px) ** 2
    np.testing.assert_allclose(on_it, 1.0, atol=1e-9)


@pytest.mark.parametrize(("x_mm", "y_mm", "diameter_mm", "more"), CASES)
def test_diameter_comes_back_without_bias_and_round(
    x_mm: float, y_mm: float, diameter_mm: float, more: dict[str, float]
) -> None:
    model = _camera(**more)
    centre = sphere_centre_mm(model, x_mm, y_mm, diameter_mm / 2.0)
    found = rectify(outline_of(sphere_points(model, centre, diameter_mm / 2.0)), model, None, 0.0)
    assert found.diameter_ls_mm == pytest.approx(diameter_mm, abs=2e-5)
    assert np.ptp(found.radius_mm) < 1e-4
    assert found.size.distance_mm == pytest.approx(float(np.linalg.norm(centre)), abs=1e-3)


@pytest.mark.parametrize(
    ("diameter_mm", "distance_mm", "bias_mm"),
    [
        (80.0, 800.0, 0.10),  # a naive scale at the centre's plane measures so much too much
        (120.0, 1000.0, 0.22),
        (40.0, 800.0, 0.0125),
    ],
)
def test_bias_of_a_naive_scale(diameter_mm: float, distance_mm: float, bias_mm: float) -> None:
    model = _camera(distance_mm=distance_mm, rise_per_radius=0.0)
    ellipse = sphere_ellipse(model, (0.0, 0.0, distance_mm), diameter_mm / 2.0)
    assert ellipse is not None
    assert 2.0 * ellipse.semi_major_px * model.mm_per_px - diameter_mm == pytest.approx(bias_mm, abs=0.006)
    sine = diameter_mm / 2.0 / distance_mm
    assert 2.0 * ellipse.semi_minor_px * model.mm_per_px == pytest.approx(
        diameter_mm / np.sqrt(1.0 - sine**2), rel=1e-12
    )


def test_beside_the_axis_the_picture_is_longer_by_one_by_cosine() -> None:
    model = _camera()
    centre = (160.0, 0.0, 800.0)
    ellipse = sphere_ellipse(model, centre, 5.0)
    assert ellipse is not None
    phi = np.arctan2(160.0, 800.0)
    assert ellipse.semi_major_px / ellipse.semi_minor_px == pytest.approx(1.0 / np.cos(phi), rel=1e-4)
    assert ellipse.direction_rad == 0.0


@pytest.mark.parametrize(
    "centre_mm",
    [
        (0.0, 0.0, 10.0),  # the camera is inside the ball
        (0.0, 0.0, -800.0),  # the ball is behind the camera
        (100.0, 0.0, 20.0),  # the ball reaches beside the camera: no closed outline
    ],
)
def test_no_ellipse(centre_mm: tuple[float, float, float]) -> None:
    assert sphere_ellipse(_camera(), centre_mm, 30.0) is None


@pytest.mark.parametrize("name", ["mm_per_px", "distance_mm", "edge_offset_px"])
@pytest.mark.parametrize(("x_mm", "y_mm", "diameter_mm", "more"), CASES)
def test_gains_are_the_derivatives(
    x_mm: float, y_mm: float, diameter_mm: float, more: dict[str, float], name: str
) -> None:
    model = _camera(**more)
    outline = outline_of(
        sphere_points(model, sphere_centre_mm(model, x_mm, y_mm, diameter_mm / 2.0), diameter_mm / 2.0)
    )
    found = rectify(outline, model, None, 0.0)
    gain = found.size
    if name == "edge_offset_px":
        step = 0.01
        moved = rectify(outline, model, None, step)
        told = gain.size_gain * found.mm_per_px
    else:
        step = 1e-4 * getattr(model, name)
        moved = rectify(outline, model.model_copy(update={name: getattr(model, name) + step}), None, 0.0)
        told = -gain.focal_gain / model.mm_per_px
        if name == "distance_mm":
            told = 1.0 / model.level_mm + gain.focal_gain / model.distance_mm
        told *= found.diameter_ls_mm
    slope = (moved.diameter_ls_mm - found.diameter_ls_mm) / step
    assert told == pytest.approx(slope, rel=0.02, abs=1e-5)
