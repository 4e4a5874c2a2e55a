"""Exact balls: widths, and outlines against the projection of their surface, point by point."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.twin.dirt import view_axes
from edge_runtime.twin.lens import Lens
from edge_runtime.twin.solid import Solid, outline_mm, outline_px
from edge_runtime.twin.study_parts import true_view

Float64Array = npt.NDArray[np.float64]

BALL = Solid(40.6, 1.0, (0.6, 0.0, 0.8), 0.3, (0.0, 1.0, 0.0))


def surface_mm(solid: Solid, points: int) -> Float64Array:
    """(points, 3) of the surface with an even spread of normals: h u + the gradient of h along the sphere."""
    index = np.arange(points)
    height = 1.0 - (2.0 * index + 1.0) / points
    turn = index * (math.pi * (3.0 - math.sqrt(5.0)))
    ring = np.sqrt(1.0 - height**2)
    normal = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    oval, lobe = np.array(solid.oval_axis), np.array(solid.lobe_axis)
    slope = (solid.oval_mm * (normal @ oval))[:, None] * oval
    slope += (solid.lobe_mm / 2.0 * (7.5 * (normal @ lobe) ** 2 - 1.5))[:, None] * lobe
    along = slope - (slope * normal).sum(axis=1, keepdims=True) * normal
    return np.asarray(solid.support_mm(normal)[:, None] * normal + along)


@pytest.mark.parametrize("distance_mm", [800.0, None])
def test_outline_is_that_of_the_projected_surface(distance_mm: float | None) -> None:
    lens = Lens(math.radians(-45.0), 0.25, 640, 320, 20.0, distance_mm)
    axes = view_axes(lens.tilt_rad, 0.7)
    place, gain = (60.0, 8.0), 1.001
    outline = outline_px(BALL, lens, place, axes, gain)
    body = surface_mm(BALL, 200_000) * gain @ axes.T * [1.0, -1.0, -1.0]
    centre = np.array(lens.camera_xyz(*place, BALL.diameter_mm * gain / 2.0))
    middle = np.array([320.0, 160.0])
    if distance_mm is None:
        picture = (body + centre)[:, :2] / lens.mm_per_px + middle
    else:
        body += centre
        picture = body[:, :2] / body[:, 2:] * lens.focal_px + middle
    for angle in np.linspace(0.0, 2.0 * math.pi, 12, endpoint=False):
        along = np.array([math.cos(angle), math.sin(angle)])
        # the sampled surface ends up to half its spacing before the true contour
        assert (picture @ along).max() == pytest.approx((outline @ along).max(), abs=1.5e-3)


def test_widths_of_the_form() -> None:
    # seen along an axis that lies across the oval's axis: all of the oval shows
    axes = np.array([[0.6, 0.0, 0.8], [-0.8, 0.0, 0.6], [0.0, -1.0, 0.0]])
    lobe_free = Solid(40.0, 0.9, (0.6, 0.0, 0.8))
    view = true_view(lobe_free, axes)
    # widths run from 2R - oval/3 to 2R + 2 oval/3
    assert view.feret_min_mm == pytest.approx(40.0 - 0.3, abs=1e-4)
    assert view.feret_max_mm == pytest.approx(40.0 + 0.6, abs=1e-4)
    assert view.roundness_mm == pytest.approx(0.45, abs=0.003)


def test_three_lobes_show_in_no_width() -> None:
    axes = np.eye(3)
    lobes = Solid(40.0, 0.0, (0.0, 0.0, 1.0), 0.3, (0.0, 1.0, 0.0))
    view = true_view(lobes, axes)
    assert (view.feret_min_mm, view.feret_max_mm) == pytest.approx((40.0, 40.0), abs=1e-4)
    assert view.roundness_mm > 0.15


def test_a_sphere_is_round_from_everywhere() -> None:
    outline = outline_mm(Solid(40.0), view_axes(0.3, 1.2))
    assert np.hypot(outline[:, 0], outline[:, 1]) == pytest.approx(20.0)
