"""A plant as it is: pinhole cameras, hot balls, flakes, drifting lamps, worn rolls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from datasets.synthetic.bank import BallBank
from edge_runtime.calibrations import load_calibration
from edge_runtime.camera_config import CameraConfig
from edge_runtime.config import load_station
from edge_runtime.twin.balls import PlannedBall, plan_balls
from edge_runtime.twin.demo_files import write_files
from edge_runtime.twin.optics import (
    Composer,
    background,
    camera_configs,
    lens,
    load_pictures,
    marks,
    with_less_rim_light,
)
from edge_runtime.twin.settings import CAMERAS, PHYSICS, LineSettings, with_physics
from tests.twin.drawn_bank import make_drawn_bank

UInt8Array = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> BallBank:
    return BallBank(make_drawn_bank(tmp_path_factory.mktemp("bank")))


def line_settings(bank: BallBank, **changes: object) -> LineSettings:
    return LineSettings.model_validate(
        {
            "run_dir": Path("unused"),
            "bank_dir": bank.folder,
            "field_name": "unused",
            "ring_prefix": "unused",
            "n_balls": 40,
            "defect_share": 0.0,
            "noise_sd_grey": 0.5,
            "dust_specks_max": 0,
        }
        | changes
    )


def diameter_px(frame: UInt8Array, empty: UInt8Array) -> float:
    """Of the circle with the area by which the drawn bank's balls (grey 80) darken the backlight."""
    share = (empty.astype(float) - frame) / (empty.astype(float) - 80.0)
    share[share < 0.08] = 0.0
    return 2.0 * float(np.sqrt(np.clip(share, 0.0, 1.0).sum() / np.pi))


def test_what_is_hard_leaves_the_plan_alone(bank: BallBank) -> None:
    calm = line_settings(bank)
    real = with_physics(calm)
    for before, after in zip(plan_balls(calm, bank.index), plan_balls(real, bank.index), strict=True):
        kept = replace(
            after,
            celsius=before.celsius,
            pyrometer_celsius=before.pyrometer_celsius,
            hot_gain=before.hot_gain,
            flakes=before.flakes,
        )
        assert kept == before
        assert (before.celsius, before.hot_gain, before.flakes) == (20.0, 1.0, ())


def test_hot_balls_keep_their_ranges(bank: BallBank) -> None:
    settings = with_physics(line_settings(bank, n_balls=300))
    balls = list(plan_balls(settings, bank.index))
    celsius = np.array([ball.celsius for ball in balls])
    error = np.array([ball.pyrometer_celsius for ball in balls]) - celsius
    assert 60.0 <= celsius.min() < 63.0
    assert 157.0 < celsius.max() <= 160.0
    assert np.abs(error).max() <= 10.0
    assert error.std() == pytest.approx(10.0 / 3.0**0.5, rel=0.1)
    assert all(ball.hot_gain == pytest.approx(1.0 + 12e-6 * (ball.celsius - 20.0)) for ball in balls)
    assert {len(ball.flakes) for ball in balls} == set(range(4))


def test_worn_rolls_let_the_mean_drift(bank: BallBank) -> None:
    steady = line_settings(bank, n_balls=500)
    worn = line_settings(bank, n_balls=500, roll_wear_um_per_1000_balls=400.0)
    pairs = zip(plan_balls(steady, bank.index), plan_balls(worn, bank.index), strict=True)
    drift = [after.d_mean_mm - before.d_mean_mm for before, after in pairs]
    assert drift[0] == 0.0
    assert drift[250] == pytest.approx(0.1)
    assert drift[499] == pytest.approx(0.4 * 0.499)


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize(
    ("celsius", "lateral_mm", "x_px"),
    [
        (20.0, 0.0, 320.0),  # cold, in the middle: perspective alone
        (160.0, 0.0, 320.0),  # hot
        (100.0, 1.0, 100.0),  # beside the line and far out
    ],
)
def test_ball_looks_as_large_as_the_lens_says(
    bank: BallBank, camera: str, celsius: float, lateral_mm: float, x_px: float
) -> None:
    settings = line_settings(bank, camera_distance_d=20.0)
    gain = 1.0 + settings.expansion_per_k * (celsius - 20.0)
    ball: PlannedBall = replace(
        next(plan_balls(settings, bank.index)),
        size_mm=40.0,
        lateral_mm=lateral_mm,
        light_gain=1.0,
        celsius=celsius,
        hot_gain=gain,
    )
    travel = settings.fov_start_counts + x_px / settings.px_per_count
    scene = [(ball, 10_000 - travel, load_pictures(bank, ball))]
    frame, shown = Composer(settings, camera).compose(10_000, 0.0, scene)
    seen = lens(settings, camera).see((x_px - 320.0) * settings.mm_per_px, lateral_mm, 20.0 * gain)
    expected = 2.0 * float(np.sqrt(np.linalg.det(seen.axes_px)))
    empty = background(camera, settings.width_px, settings.height_px)
    assert diameter_px(frame, empty) == pytest.approx(expected, abs=0.35)
    assert (shown[0].x_px, shown[0].y_px) == pytest.approx(seen.centre_xy_px)
    assert shown[0].mm_per_px == pytest.approx(seen.mm_per_px)
    assert shown[0].diameter_px == pytest.approx(expected, abs=0.01)
    if celsius == 20.0:
        # 40 mm at 800 mm: 20 / sqrt(1 - (20/800)^2) and not 20
        assert expected == pytest.approx(160.05, abs=0.005)


def test_light_swings_and_its_slope_with_it(bank: BallBank) -> None:
    settings = line_settings(bank, lamp_drift_share=0.03, lamp_gradient_share=0.05, noise_sd_grey=0.0)
    composer = Composer(settings, "left")
    level, slope = [], []
    for t_s in np.arange(0.0, 130.0, 1.5):
        frame = composer.compose(0, float(t_s), [])[0][60:180].astype(float)
        level.append(frame.mean())
        slope.append(frame[:, 480:].mean() / frame[:, :160].mean())
    assert max(level) / min(level) == pytest.approx(1.03 / 0.97, abs=0.01)
    # the mean of the outer quarters lies at 3/4 of half the picture
    assert max(slope) / min(slope) == pytest.approx((1.0375 / 0.9625) ** 2, abs=0.01)


def test_pictures_grow_with_the_lane(bank: BallBank) -> None:
    narrow, wide = line_settings(bank), line_settings(bank, lateral_mm40=10.0)
    assert narrow.height_px == 240
    assert wide.height_px >= 240 + 2 * 9.0 * 4.0
    config = CameraConfig.model_validate(camera_configs(wide)[0])
    assert config.fiducials == tuple(marks("left", wide.height_px))
    frame = Composer(wide, "left").compose(0, 0.0, [])[0]
    for x, y, _ in config.fiducials:
        assert frame[int(y), int(x)] < 60
    # the largest ball at the edge of the lane stays clear of the marks
    seen = lens(with_physics(wide), "left").see(0.0, 10.0, 22.1)
    assert seen.centre_xy_px[1] - seen.axes_px[1, 1] > 17.0 + 2.0


def test_demo_writes_what_a_station_needs(bank: BallBank, tmp_path: Path) -> None:
    settings = with_physics(line_settings(bank)).model_copy(update={"run_dir": tmp_path})
    run = write_files(settings, model="ferrogate-models:ball")
    station = load_station(run.station_file)
    assert station.temperature is not None
    assert station.temperature.source == "plc"
    assert station.temperature.u_celsius == pytest.approx(PHYSICS["pyrometer_error_k"] / 3.0**0.5)
    for camera in station.cameras:
        assert camera.geometry.rolling
        assert camera.geometry.calibration is not None
        calibration = load_calibration(camera.geometry.calibration)
        assert calibration.camera == camera.name
        assert calibration.model.mm_per_px == pytest.approx(settings.mm_per_px, rel=2e-4)
        assert calibration.residual_rms_mm < 0.005


@pytest.mark.parametrize("at_most", [0.0, 0.5])
def test_a_smaller_backlight_leaves_less_rim_light(at_most: float) -> None:
    """The bank was rendered before a wide panel; only the rim changes, and only by getting darker."""
    rendered = BallBank()
    ball = next(ball for ball in rendered.index.balls if ball.label == "good")
    for view in rendered.views(ball)[::4]:
        dark = with_less_rim_light(view.grey, view.alpha, at_most)
        depth = cv2.distanceTransform((view.alpha > 127).astype(np.uint8), cv2.DIST_L2, 5)
        rim, beside, inside = (depth > 1) & (depth < 3), (depth >= 8) & (depth < 11), depth >= 8
        level = float(view.grey[beside].mean())
        assert float(view.grey[rim].mean()) > 1.3 * level
        assert float(dark[rim].mean()) < (1.05 + at_most) * level
        assert float(dark[rim].mean()) > 0.8 * level
        assert (dark <= view.grey).all()
        assert np.array_equal(dark[inside], view.grey[inside])
