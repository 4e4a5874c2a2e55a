"""Coverage of a ball by its views: the published table, exact caps, and draws of random orientations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from vision.metrology.coverage import (
    coverage_of,
    flat_band,
    neck_band,
    oval_band,
    p_in_band,
    rolled_axes,
)

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    view_angle_max_deg: float = 60.0
    flat_depth_mm: float | None = None
    flat_visible_mm: float | None = None
    neck_height_mm: float | None = None
    neck_visible_mm: float | None = None
    crack_length_mm: float | None = None


def rolled(views: int) -> Float64Array:
    """Views while the ball rolls half a turn under a camera straight above."""
    radius = 20.0
    travel = np.arange(views, dtype=np.float64) * (math.pi / views * radius)
    return rolled_axes(travel, 2.0 * radius, np.zeros(views))


SETS = {"1": rolled(1), "3 orthogonal": np.eye(3), "6r": rolled(6), "12r": rolled(12), "18r": rolled(18)}


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        # flat 2 mm deep on 80 mm, 1 mm of it visible
        (flat_band(2.0, 1.0, 80.0), (0.09, 0.26, 0.50, 0.85, 1.00)),
        # the same flat, 0.5 mm visible
        (flat_band(2.0, 0.5, 80.0), (0.16, 0.43, 0.76, 1.00, 1.00)),
        # flat 3 mm deep, 1 mm visible
        (flat_band(3.0, 1.0, 80.0), (0.17, 0.45, 0.79, 1.00, 1.00)),
        # half the ball, half the flat: the same shape
        (flat_band(1.0, 0.5, 40.0), (0.10, 0.26, 0.49, 0.85, 1.00)),
        # neck 3 mm high, 1 mm and 2 mm visible
        (neck_band(3.0, 1.0, 80.0), (0.30, 0.72, 1.00, 1.00, 1.00)),
        (neck_band(3.0, 2.0, 80.0), (0.21, 0.55, 0.93, 1.00, 1.00)),
        # prolate oval of 3 mm, 1 mm of it visible
        (oval_band(3.0, 1.0, 80.0), (0.82, 1.00, 1.00, 1.00, 1.00)),
    ],
)
def test_table_of_probabilities(band: float, expected: tuple[float, ...]) -> None:
    # The table is rounded to 0.01 and was itself drawn at random (60,000 draws: up to 0.004).
    found = [p_in_band(views, band) for views in SETS.values()]
    assert found == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize(
    ("band", "visible_mm"),
    [
        # the visible depth of a flat at the band's edge is what was asked for: R (1 - cos(alpha - b))
        (flat_band(2.0, 1.0, 80.0), lambda b: 40.0 * (1.0 - math.cos(math.acos(1.0 - 2.0 / 40.0) - b)) - 1.0),
        # neck: (R + t) cos b - R
        (neck_band(3.0, 2.0, 80.0), lambda b: 43.0 * math.cos(b) - 40.0 - 2.0),
        # oval: 2 sqrt((R + e)^2 cos^2 b + R^2 sin^2 b) - 2 R
        (
            oval_band(3.0, 1.0, 80.0),
            lambda b: 2.0 * math.hypot(41.5 * math.cos(b), 40.0 * math.sin(b)) - 80.0 - 1.0,
        ),
    ],
)
def test_band_ends_where_the_formula_says(band: float, visible_mm: object) -> None:
    assert callable(visible_mm)
    assert visible_mm(math.asin(band)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "band",
    [
        flat_band(1.0, 2.0, 80.0),  # more visible than there is
        flat_band(1.0, 0.0, 80.0),  # a flat of which nothing must be visible is no question
        flat_band(41.0, 1.0, 80.0),  # deeper than the ball's radius
        neck_band(1.0, 2.0, 80.0),
        oval_band(1.0, 2.0, 80.0),
        oval_band(0.0, 0.0, 80.0),  # a sphere
    ],
)
def test_what_cannot_be_seen_has_probability_zero(band: float) -> None:
    assert p_in_band(np.eye(3), band) == 0.0


@pytest.mark.parametrize(
    ("poses", "share"),
    [
        # one cap of 60 degrees: (1 - cos 60) / 2
        (np.array([[0.0, 0.0, 1.0]]), 0.25),
        # two opposite caps
        (np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]), 0.5),
        # the same view twice sees nothing more
        (np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), 0.25),
        # six sides of a cube: caps of 60 degrees reach over the corners (54.7 degrees)
        (np.concatenate([np.eye(3), -np.eye(3)]), 1.0),
    ],
)
def test_surface_share(poses: Float64Array, share: float) -> None:
    found = coverage_of(poses, 40.0, Asked())
    assert found.surface_share == pytest.approx(share, abs=0.002)
    assert found.views == len(poses)
    assert (found.p_flat, found.p_neck, found.p_crack) == (None, None, None)


def test_a_tiny_crack_is_seen_as_the_surface_is_and_a_long_one_less() -> None:
    poses = rolled_axes(np.array([0.0, 16.0, 32.0, 48.0]), 40.0, np.radians([45.0, -45.0, 45.0, -45.0]))
    surface = coverage_of(poses, 40.0, Asked()).surface_share
    lengths = (1e-6, 5.0, 10.0, 20.0, 40.0, 80.0)
    found = [coverage_of(poses, 40.0, Asked(crack_length_mm=length)).p_crack for length in lengths]
    assert found[0] == pytest.approx(surface, abs=1e-3)
    chances = [chance for chance in found if chance is not None]
    assert chances == sorted(chances, reverse=True)
    assert len(set(chances)) == len(lengths)
    assert chances[-1] == 0.0  # longer than any cap of 60 degrees on 40 mm is wide (41.9 mm)


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_random_orientations(seed: int) -> None:
    """Poses of two tilted cameras at random places, against 200,000 defects at random."""
    rng = np.random.default_rng(seed)
    views = int(rng.integers(1, 9))
    tilt = np.where(np.arange(views) % 2 == 0, 1.0, -1.0) * math.radians(45.0)
    lead = rng.uniform(-0.1, 0.1, views)
    poses = rolled_axes(rng.uniform(0.0, 120.0, views), 40.0, tilt, lead)
    assert np.linalg.norm(poses, axis=1) == pytest.approx(1.0)
    normal = rng.standard_normal((200_000, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    along = np.cross(normal, rng.standard_normal(normal.shape))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    cosine, side = normal @ poses.T, np.abs(along @ poses.T)
    half = 12.0 / 40.0
    found = coverage_of(
        poses,
        40.0,
        Asked(
            flat_depth_mm=2.0,
            flat_visible_mm=1.0,
            neck_height_mm=3.0,
            neck_visible_mm=1.0,
            crack_length_mm=12.0,
        ),
    )
    drawn = (
        float((cosine.max(axis=1) >= 0.5).mean()),
        float((np.abs(cosine).min(axis=1) <= flat_band(2.0, 1.0, 40.0)).mean()),
        float((np.abs(cosine).min(axis=1) <= neck_band(3.0, 1.0, 40.0)).mean()),
        float(((cosine * math.cos(half) - side * math.sin(half)).max(axis=1) >= 0.5).mean()),
    )
    assert (found.surface_share, found.p_flat, found.p_neck, found.p_crack) == pytest.approx(drawn, abs=0.01)


@pytest.mark.parametrize(
    ("travel_mm", "tilt_deg", "lead_rad", "pose"),
    [
        (0.0, 0.0, 0.0, (0.0, 0.0, 1.0)),  # straight above
        (0.0, 90.0, 0.0, (0.0, 1.0, 0.0)),  # from the left
        # a quarter turn forwards: what was behind is on top
        (10.0 * math.pi, 0.0, 0.0, (-1.0, 0.0, 0.0)),
        (20.0 * math.pi, 0.0, 0.0, (0.0, 0.0, -1.0)),  # half a turn
        # the poles of the rolling never leave the side
        (17.0, -90.0, 0.0, (0.0, -1.0, 0.0)),
        (0.0, 0.0, math.pi / 2.0, (1.0, 0.0, 0.0)),  # from ahead
        (10.0 * math.pi, 0.0, math.pi / 2.0, (0.0, 0.0, 1.0)),  # what was on top is ahead now
    ],
)
def test_rolling(
    travel_mm: float, tilt_deg: float, lead_rad: float, pose: tuple[float, float, float]
) -> None:
    found = rolled_axes(np.array([travel_mm]), 40.0, np.array([math.radians(tilt_deg)]), np.array([lead_rad]))
    assert found[0] == pytest.approx(pose, abs=1e-12)


def test_no_view_has_seen_nothing() -> None:
    asked = Asked(flat_depth_mm=2.0, flat_visible_mm=1.0, crack_length_mm=5.0)
    found = coverage_of(np.empty((0, 3)), 40.0, asked)
    assert (found.views, found.surface_share, found.p_flat, found.p_neck, found.p_crack) == (
        0,
        0.0,
        0.0,
        None,
        0.0,
    )


@pytest.mark.parametrize(
    ("poses", "diameter_mm", "asked", "match"),
    [
        (np.zeros(3), 40.0, Asked(), "shape"),  # one vector is no list of vectors
        (np.eye(3), 0.0, Asked(), "diameter_mm"),
        (np.eye(3), math.nan, Asked(), "diameter_mm"),
        (np.eye(3), 40.0, Asked(flat_depth_mm=2.0), "flat"),  # half a pair
        (np.eye(3), 40.0, Asked(neck_visible_mm=2.0), "neck"),
    ],
)
def test_bad_input(poses: Float64Array, diameter_mm: float, asked: Asked, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        coverage_of(poses, diameter_mm, asked)


def test_what_dust_hides_of_an_outline_was_not_seen() -> None:
    asked = Asked(flat_depth_mm=2.0, flat_visible_mm=1.0, neck_height_mm=3.0, neck_visible_mm=1.0)
    one = np.array([[0.0, 0.0, 1.0]])
    whole = coverage_of(one, 40.0, asked)
    clean = coverage_of(one, 40.0, asked, np.ones(1))
    dusty = coverage_of(one, 40.0, asked, np.array([0.9]))
    assert whole == clean
    assert (dusty.surface_share, dusty.views) == (whole.surface_share, 1)  # texture is another matter
    # Of one view's band 0.9 was seen; a second, equal view sees 0.9 of the rest.
    for seen, all_of_it in ((dusty.p_flat, whole.p_flat), (dusty.p_neck, whole.p_neck)):
        assert seen is not None
        assert all_of_it is not None
        assert seen == pytest.approx(0.9 * all_of_it, rel=1e-5)
    twice = coverage_of(np.repeat(one, 2, axis=0), 40.0, asked, np.array([0.9, 0.9]))
    assert whole.p_flat is not None
    assert twice.p_flat == pytest.approx(0.99 * whole.p_flat, rel=1e-5)
    with pytest.raises(ValueError, match="outline_share"):
        coverage_of(one, 40.0, asked, np.ones(2))
