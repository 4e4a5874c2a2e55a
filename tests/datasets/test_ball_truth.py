"""Sizes written beside a picture, against shapes whose sizes are known."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.render import camera_rotation
from datasets.synthetic.settings import SETTINGS_DIR, RenderSettings, load_settings
from datasets.synthetic.sphere import Ball, GrooveLine, unit_directions
from datasets.synthetic.truth import ball_figures, contrast_grey, groove_truth, view_figures


@pytest.fixture(scope="module")
def settings() -> RenderSettings:
    return load_settings(SETTINGS_DIR / "train.yaml")


@pytest.fixture(scope="module")
def factory(settings: RenderSettings) -> BallFactory:
    return BallFactory(settings)


def _meridian(longitude_deg: float, half_arc_deg: float, width: float) -> GrooveLine:
    """A line from south to north; longitude 0 faces a camera above (+z), 90 lies at +x."""
    lon, lat = np.radians(longitude_deg), np.radians(np.linspace(-half_arc_deg, half_arc_deg, 41))
    path = np.stack([np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)], axis=-1)
    return GrooveLine(path.astype(np.float32), np.full(41, width, np.float32))


@pytest.mark.parametrize(
    ("longitude_deg", "width_px"),
    [
        (0.0, 4.0),  # facing the camera: 0.05 rad on a radius of 80 px
        (60.0, 2.0),  # seen at 60 degrees, across the line only half of it shows
        (80.0, 4.0 * np.cos(np.radians(80.0))),
    ],
)
def test_width_of_a_groove_in_the_picture(longitude_deg: float, width_px: float) -> None:
    line = _meridian(longitude_deg, 20.0, 0.05)
    found = groove_truth([line], np.eye(3), 160.0, 40.0)
    assert found is not None
    assert found.width_px == pytest.approx(width_px, rel=0.02)
    # true figures do not depend on the view: 0.05 rad and 40 degrees on a radius of 20 mm
    assert found.width_mm == pytest.approx(1.0, abs=1e-3)
    assert found.length_mm == pytest.approx(20.0 * np.radians(40.0), rel=0.03)


def test_a_groove_along_the_line_of_sight_keeps_its_width() -> None:
    # a parallel to the limb seen from the side: the line runs towards the camera, its width does not shrink
    lat = np.radians(np.linspace(40.0, 70.0, 31))
    path = np.stack([np.zeros_like(lat), np.sin(lat), np.cos(lat)], axis=-1).astype(np.float32)
    found = groove_truth([GrooveLine(path, np.full(31, 0.05, np.float32))], np.eye(3), 160.0, 40.0)
    assert found is not None
    assert found.width_px == pytest.approx(4.0, rel=0.02)
    assert found.length_px == pytest.approx(
        80.0 * (np.sin(np.radians(70.0)) - np.sin(np.radians(40.0))), rel=0.05
    )


def test_a_groove_on_the_far_side_is_not_seen() -> None:
    assert groove_truth([_meridian(180.0, 20.0, 0.05)], np.eye(3), 160.0, 40.0) is None
    assert groove_truth([_meridian(0.0, 20.0, 0.05)], camera_rotation(0.0, 180.0), 160.0, 40.0) is None


def test_figures_of_an_ellipsoid() -> None:
    directions = unit_directions()
    blank = np.full(len(directions), 0.3, np.float32)
    ball = Ball(
        directions=directions,
        positions=(directions * np.array([1.02, 1.0, 0.98], np.float32)).astype(np.float32),
        albedo=blank,
        roughness=blank,
        defect=np.zeros(len(directions), np.bool_),
    )
    figures = ball_figures(ball, 60.0)
    assert figures["diameter_max_mm"] == pytest.approx(61.2, abs=0.02)
    assert figures["diameter_min_mm"] == pytest.approx(58.8, abs=0.02)
    assert figures["diameter_mean_mm"] == pytest.approx(60.0, abs=0.02)
    # seen along z: half axes 1.02 and 1.00, roundness is their difference times the nominal radius
    seen = view_figures(ball, "good", np.eye(3), 60.0)
    assert seen["roundness_mm"] == pytest.approx(0.02 * 30.0, abs=0.02)
    assert seen["view_diameter_mean_mm"] == pytest.approx(60.6, abs=0.03)
    assert view_figures(ball, "half", np.eye(3), 60.0)["roundness_mm"] is None


def test_cracks_and_laps_carry_their_lines(factory: BallFactory, settings: RenderSettings) -> None:
    for label in ("crack", "lap"):
        ball = factory.ball(label, np.random.default_rng(8), "forged")
        assert ball.lines
        for line in ball.lines:
            assert np.linalg.norm(line.path, axis=1) == pytest.approx(1.0, abs=1e-4)
            # every point of the middle line lies in the groove, that is near marked vertices
            marked = ball.directions[ball.defect]
            nearest = (line.path @ marked.T).max(axis=1)
            assert np.degrees(np.arccos(np.clip(nearest, -1.0, 1.0))).max() < 1.0
    assert not factory.ball("good", np.random.default_rng(8), "wet").lines


def test_finishes_are_sound_and_differ(factory: BallFactory, settings: RenderSettings) -> None:
    albedo = {}
    for finish in settings.finishes:
        balls = [factory.ball("good", np.random.default_rng(seed), finish) for seed in range(3)]
        albedo[finish] = float(np.mean([ball.albedo.mean() for ball in balls]))
        for ball in balls:
            assert not ball.defect.any()
            assert np.isfinite(ball.positions).all()
            assert 0.0 <= ball.albedo.min()
            assert 0.0 < ball.roughness.min()
            assert (ball.coat is not None and ball.coat.max() > 0.5) == (finish == "wet")
            low, high = factory.calipers(ball)
            # A good ball's form stays within what a mill calls sound; drops stand out a little.
            assert 0.97 < low <= high < 1.07
    assert albedo["oxide"] < albedo["forged"] < albedo["bright"]


def test_contrast_is_local() -> None:
    picture = np.tile(np.linspace(40.0, 200.0, 80, dtype=np.float32), (60, 1))
    ball = np.ones((60, 80), np.bool_)
    mask = np.zeros_like(ball)
    mask[30, 10:70] = True
    assert contrast_grey(picture, mask, ball) < 1.0
    picture[mask] -= 25.0
    assert contrast_grey(picture, mask, ball) == pytest.approx(25.0, abs=1.5)
