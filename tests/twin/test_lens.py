"""The twin's pinhole: a sphere's picture against the tangent cone itself, point by point."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_runtime.twin.lens import Lens


def lens(tilt_deg: float, distance_mm: float | None, radius_mm: float = 20.0) -> Lens:
    return Lens(math.radians(tilt_deg), radius_mm / 80.0, 640, 320, radius_mm, distance_mm)


@pytest.mark.parametrize(
    ("tilt_deg", "x_mm", "lateral_mm", "radius_mm"),
    [
        (0.0, 0.0, 0.0, 20.0),  # in the middle
        (45.0, 60.0, 8.0, 20.3),  # far out, off the line, a little large
        (-45.0, -70.0, -10.0, 18.0),  # the other camera, undersize
        (45.0, 0.0, 10.0, 22.0),  # off the line alone
    ],
)
def test_outline_is_the_cut_of_the_tangent_cone(
    tilt_deg: float, x_mm: float, lateral_mm: float, radius_mm: float
) -> None:
    camera = lens(tilt_deg, 800.0)
    seen = camera.see(x_mm, lateral_mm, radius_mm)
    centre = np.array(camera.camera_xyz(x_mm, lateral_mm, radius_mm))
    far = float(np.linalg.norm(centre))
    sight = centre / far
    first = np.cross(sight, [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    angle = np.linspace(0.0, 2.0 * math.pi, 360, endpoint=False)
    ring = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * np.cross(sight, first)
    share = (radius_mm / far) ** 2
    touched = centre * (1.0 - share) + radius_mm * math.sqrt(1.0 - share) * ring
    picture = touched[:, :2] / touched[:, 2:] * camera.focal_px + [320.0, 160.0]
    unit = np.linalg.solve(seen.axes_px, (picture - seen.centre_xy_px).T)
    assert np.hypot(*unit) == pytest.approx(1.0, abs=1e-9)
    assert seen.distance_mm == pytest.approx(far)


@pytest.mark.parametrize(
    ("diameter_mm", "distance_mm", "bias_mm"),
    [
        (80.0, 800.0, 0.10),  # the published perspective bias on a diameter
        (120.0, 1000.0, 0.22),
    ],
)
def test_perspective_bias_at_the_middle(diameter_mm: float, distance_mm: float, bias_mm: float) -> None:
    seen = lens(0.0, distance_mm, diameter_mm / 2.0).see(0.0, 0.0, diameter_mm / 2.0)
    looks_mm = float(np.trace(seen.axes_px)) * seen.mm_per_px
    assert looks_mm - diameter_mm == pytest.approx(bias_mm, abs=0.005)


def test_higher_and_nearer_look_larger_and_telecentric_does_not_care() -> None:
    near, far = (lens(45.0, 800.0).see(0.0, side, 20.0) for side in (10.0, -10.0))
    assert near.axes_px[0, 0] / far.axes_px[0, 0] == pytest.approx(
        1.0 + 20.0 * math.sqrt(0.5) / 800.0, abs=5e-4
    )
    left, right = (lens(45.0, None).see(30.0, side, 21.0) for side in (10.0, -10.0))
    assert np.array_equal(left.axes_px, right.axes_px)
    assert left.axes_px == pytest.approx(np.eye(2) * 84.0)
    # 10 mm to the left is up in the picture, foreshortened by the tilt
    assert right.centre_xy_px[1] - left.centre_xy_px[1] == pytest.approx(20.0 * math.sqrt(0.5) / 0.25)


def test_lead_is_the_angle_from_ahead() -> None:
    camera = lens(45.0, 800.0)
    assert camera.lead_rad(0.0, 0.0, 20.0) == pytest.approx(0.0)
    # a ball ahead of the camera is seen from behind
    assert camera.lead_rad(80.0, 0.0, 20.0) == pytest.approx(-math.atan2(80.0, 800.0))
    assert lens(45.0, None).lead_rad(80.0, 0.0, 20.0) == 0.0


def test_a_ball_that_reaches_the_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="reaches the camera"):
        lens(0.0, 800.0).see(0.0, 0.0, 500.0)
