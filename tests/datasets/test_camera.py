"""The camera after the renderer: where blur goes, how much noise there is, the same bytes again."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.camera import CameraState, draw_camera, motion_kernel, noise_at, shoot
from datasets.synthetic.settings import SETTINGS_DIR, load_settings


def _camera(**changes: float | tuple[float, float]) -> CameraState:
    state: dict[str, float | tuple[float, float]] = {
        "ball_grey": 80.0,
        "panel_grey": 200.0,
        "blur_px": 0.0,
        "motion_xy_px": (0.0, 0.0),
        "read_noise": 0.0,
        "shot_noise": 0.0,
        "gamma": 1.0,
        "vignette": 0.0,
    }
    return CameraState(**(state | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("way", [(3.0, 0.0), (0.0, -4.0), (2.0, 2.0), (0.4, 0.1)])
def test_motion_is_even_straight_and_does_not_shift_the_picture(way: tuple[float, float]) -> None:
    kernel = motion_kernel(way)
    reach = kernel.shape[0] // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5)
    assert (kernel * x).sum() == pytest.approx(0.0, abs=1e-4)
    assert (kernel * y).sum() == pytest.approx(0.0, abs=1e-4)
    # An even way of length L has the variance L^2 / 12; laying it onto pixels adds less than 1/4.
    variance = float((kernel * (x**2 + y**2)).sum())
    length = np.hypot(*way)
    assert length**2 / 12 - 0.01 <= variance <= length**2 / 12 + 0.55


def test_noise_has_the_stated_deviation_at_each_grey() -> None:
    camera = _camera(read_noise=2.0, shot_noise=0.3)
    for grey in (40.0, 160.0):
        clean, taken = shoot(np.full((200, 200), grey, np.float32), camera, np.random.default_rng(1))
        assert float(clean.mean()) == pytest.approx(grey, abs=0.01)
        expected = np.sqrt(noise_at(camera, grey) ** 2 + 1 / 12)
        assert float(taken.std()) == pytest.approx(expected, rel=0.03)


def test_exposure_runs_from_dark_to_saturated() -> None:
    ramp = np.tile(np.linspace(0.0, 400.0, 100, dtype=np.float32), (20, 1))
    _, taken = shoot(ramp, _camera(), np.random.default_rng(1))
    assert int(taken[0, 0]) == 0
    assert (taken[:, 70:] == 255).all()
    assert (np.diff(taken[0].astype(int)) >= 0).all()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    settings = load_settings(SETTINGS_DIR / "train.yaml")
    assert settings.camera is not None
    picture = np.random.default_rng(0).uniform(0.0, 250.0, (60, 70)).astype(np.float32)
    taken = []
    for seed in (5, 5, 6):
        rng = np.random.default_rng(seed)
        camera = draw_camera(settings.camera, settings.light, 0.3, rng)
        taken.append(shoot(picture, camera, rng)[1].tobytes())
    assert taken[0] == taken[1] != taken[2]


def test_motion_follows_the_travel() -> None:
    settings = load_settings(SETTINGS_DIR / "train.yaml")
    assert settings.camera is not None
    for travel in (0.0, 1.0, -2.0):
        x, y = draw_camera(settings.camera, settings.light, travel, np.random.default_rng(3)).motion_xy_px
        assert np.arctan2(y, x) == pytest.approx(travel, abs=1e-6)
