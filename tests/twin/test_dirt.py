"""Flakes of scale: they stand out of the outline by their thickness at the contour, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_runtime.twin.balls import draw_flakes
from edge_runtime.twin.dirt import Flake, flake_hull, view_axes, with_flakes


@pytest.mark.parametrize(
    ("normal", "stands_out_mm"),
    [
        ((1.0, 0.0, 0.0), 0.3),  # on the contour
        # its middle 8 degrees before it, its near rim 1.43 degrees less: 20.3 cos(6.57 deg) - 20
        ((math.cos(math.radians(8.0)), 0.0, math.sin(math.radians(8.0))), 0.167),
        ((0.0, 0.0, 1.0), None),  # facing the camera: inside the outline
    ],
)
def test_how_far_a_flake_stands_out(normal: tuple[float, float, float], stands_out_mm: float | None) -> None:
    hull = flake_hull(Flake(normal, 0.3, 1.0, 1.0, 0.0), 20.0, np.eye(3))
    assert hull is not None
    reach = float(np.hypot(hull[:, 0], hull[:, 1]).max())
    if stands_out_mm is None:
        assert reach < 1.0
    else:
        assert reach - 20.0 == pytest.approx(stands_out_mm, abs=0.002)


def test_a_flake_behind_the_ball_is_hidden_until_it_has_rolled_on() -> None:
    flake = Flake((0.0, 0.0, -1.0), 0.2, 2.0, 1.0, 0.4)
    assert flake_hull(flake, 20.0, view_axes(0.0, 0.0)) is None
    # a quarter turn later it is on the contour, ahead
    hull = flake_hull(flake, 20.0, view_axes(0.0, math.radians(270.0)))
    assert hull is not None
    assert hull[:, 0].max() == pytest.approx(20.2, abs=0.02)


def test_patch_grows_where_the_flake_is_and_only_there() -> None:
    tile, radius_px = 184, 80.0
    middle = np.arange(tile) + 0.5 - tile / 2.0
    away = np.hypot(middle[None, :], middle[:, None])
    cover = np.clip(radius_px - away + 0.5, 0.0, 1.0) * 255.0
    patch = np.dstack([cover * 0.4, cover]).astype(np.uint8)
    before = patch.copy()
    with_flakes(patch, (Flake((0.0, 1.0, 0.0), 0.3, 2.0, 2.0, 0.0),), 20.0, radius_px, np.eye(3))
    grown = (patch[..., 1].astype(float) - before[..., 1]) / 255.0
    # 2 mm wide and 0.3 mm high at 4 px per mm
    assert grown.sum() == pytest.approx(2.0 * 0.3 * 16.0, rel=0.35)
    ys, xs = np.nonzero(grown)
    assert ys.max() < tile / 2 - 75  # at the upper rim: +y is up
    assert abs(xs.mean() + 0.5 - tile / 2) < 1.0
    assert (patch[..., 0] <= patch[..., 1]).all()


def test_drawn_flakes_keep_their_ranges() -> None:
    rng = np.random.default_rng(1)
    drawn = [draw_flakes(rng, 6, (0.1, 0.3)) for _ in range(300)]
    assert {len(flakes) for flakes in drawn} == set(range(7))
    every = [flake for flakes in drawn for flake in flakes]
    thickness = [flake.thickness_mm for flake in every]
    assert 0.1 <= min(thickness) < 0.11
    assert 0.29 < max(thickness) <= 0.3
    places = np.array([flake.normal for flake in every])
    assert np.linalg.norm(places, axis=1) == pytest.approx(1.0)
    assert np.abs(places.mean(axis=0)).max() < 0.1
