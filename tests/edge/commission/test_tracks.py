"""The line through balls in the pictures: found among wrong pairs, or refused."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edge_runtime.commission.tracks import Sighting, Track, fit_track, predicted_box, refusal, sightings
from edge_runtime.config import CameraGeometry

WIDTH = 640


def _line(
    *,
    balls: int = 12,
    pitch: float = 960.0,
    pitch_sd: float = 0.05,
    slope: float = 0.5,
    start: float = 800.0,
    direction: int = 1,
    noise_px: float = 0.3,
    strangers: int = 0,
    seed: int = 3,
) -> tuple[list[Sighting], list[int]]:
    """What a camera sees of balls, and the counts at which they were in the eye."""
    rng = np.random.default_rng(seed)
    centres = np.cumsum(rng.normal(pitch, pitch_sd * pitch, balls)) + 50_000
    seen = []
    for count in range(50_000, int(centres[-1]) + 3000 + int(start), 256):
        for centre in centres:
            along = (count - centre - start) * slope
            if 82 < along < WIDTH - 82:
                x = along if direction == 1 else WIDTH - along
                seen.append(Sighting(count, x + float(rng.normal(0.0, noise_px)), 120.0, 160.0))
    for _ in range(strangers):
        seen.append(Sighting(int(rng.integers(50_000, 60_000)), float(rng.uniform(0, WIDTH)), 100.0, 150.0))
    return seen, [round(centre + float(rng.normal(0.0, 2.0))) for centre in centres]


def _fit(**changes: Any) -> tuple[Track | None, str]:
    track = fit_track(*_line(**changes), WIDTH, 320.0)
    return track, refusal(track, 8, 2.0, 0.7, 0.6)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"direction": -1, "start": 1500.0},  # a camera that stands the other way round
        {"strangers": 10},  # dust and untriggered balls
        {"start": 15_000.0, "balls": 30},  # far behind the eye: a dozen balls lie between
        {"pitch": 2600.0},  # never two balls in one picture
        {"slope": 0.21},
    ],
)
def test_the_line_is_found(changes: dict[str, Any]) -> None:
    track, why = _fit(**changes)
    assert track is not None
    assert why == ""
    assert track.direction == changes.get("direction", 1)
    slope, start = changes.get("slope", 0.5), changes.get("start", 800.0)
    assert abs(track.px_per_count - slope) <= 3.0 * track.u_px_per_count
    assert abs(track.fov_start_counts - start) <= 3.0 * track.u_fov_start_counts
    assert track.u_fov_start_counts < 4.0
    assert track.u_px_per_count < 0.004 * slope
    assert track.lane_y_px == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pitch_sd": 0.0}, "track.ambiguous"),  # equal distances: shifted by one ball it fits as well
        ({"balls": 5}, "track.few"),
        ({"noise_px": 3.0}, "track.crooked"),  # not in step with the encoder
        ({"start": -300.0}, "track.before_eye"),
        ({"strangers": 60}, "track.unexplained"),
    ],
)
def test_a_line_that_cannot_be_believed_is_refused(changes: dict[str, Any], why: str) -> None:
    assert _fit(**changes)[1] == why


def test_no_balls_are_no_line() -> None:
    assert fit_track([], [1, 2, 3], WIDTH, 320.0) is None
    assert refusal(None, 8, 2.0, 0.7, 0.6) == "track.none"


def test_balls_are_seen_in_a_picture() -> None:
    image = np.full((240, 640), 200, np.uint8)
    cv2.circle(image, (300, 120), 80, 60, -1)
    cv2.circle(image, (20, 120), 80, 60, -1)  # half outside
    cv2.circle(image, (500, 12), 6, 30, -1)  # a mark
    for expected in (None, 160.0):
        (ball,) = sightings(image, 7, 200.0, expected)
        assert ball.count == 7
        assert ball.x_px == pytest.approx(300.5, abs=1.0)
        assert ball.y_px == pytest.approx(120.5, abs=1.0)
        assert ball.diameter_px == pytest.approx(161.0, abs=2.0)


@pytest.mark.parametrize(("direction", "x_px"), [(1, 100.0), (-1, 540.0)])
def test_where_a_ball_should_be(direction: int, x_px: float) -> None:
    geometry = CameraGeometry.model_validate(
        {
            "width_px": 640,
            "height_px": 240,
            "fov_start_counts": 800,
            "px_per_count": 0.5,
            "direction": direction,
            "lane_y_px": {0: 120.0},
        }
    )
    assert predicted_box(geometry, 0, 1000.0, 60.0) == (x_px - 30.0, 90.0, x_px + 30.0, 150.0)
