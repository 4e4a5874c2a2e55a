"""Composed pictures: the ball sits where truth says, at its true size; marks fit the station file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from datasets.synthetic.bank import BallBank
from edge_runtime.config import CameraConfig
from edge_runtime.twin import glass
from edge_runtime.twin.balls import PlannedBall, plan_balls
from edge_runtime.twin.optics import MARKS, Composer, background, camera_configs, load_pictures
from edge_runtime.twin.settings import CAMERAS, LineSettings
from tests.twin.drawn_bank import make_drawn_bank

UInt8Array = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> BallBank:
    return BallBank(make_drawn_bank(tmp_path_factory.mktemp("bank")))


def _settings(bank: BallBank, diameter_mm: float = 40.0) -> LineSettings:
    return LineSettings(
        run_dir=Path("unused"),
        bank_dir=bank.folder,
        field_name="unused",
        ring_prefix="unused",
        n_balls=1,
        defect_share=0.0,
        diameter_mm=diameter_mm,
        noise_sd_grey=1.0,
        dust_specks_max=0,
    )


def _ball(bank: BallBank, settings: LineSettings, size_share: float, lateral_share: float) -> PlannedBall:
    ball = next(plan_balls(settings, bank.index))
    d = settings.diameter_mm
    return replace(ball, size_mm=d * size_share, lateral_mm=d * lateral_share, light_gain=1.0)


def _cover(frame: UInt8Array, empty: UInt8Array) -> npt.NDArray[np.float64]:
    """How much of each pixel the ball covers, from its grey against the empty background."""
    ball = 80.0
    share = (empty.astype(float) - frame) / (empty - ball)
    share[share < 0.08] = 0.0
    return np.clip(share, 0.0, 1.0)


@pytest.mark.parametrize(
    ("diameter_mm", "size_share", "lateral_share", "travel"),
    [
        (40.0, 1.0, 0.0, 1440.0),  # nominal, middle of the picture
        (40.0, 1.0, 0.02, 1440.6),  # off the centre line, between two pixels
        (40.0, 0.93, -0.025, 1201.3),  # undersize, to the left
        (40.0, 1.1, 0.01, 1703.9),  # oversize, to the right
        (80.0, 1.0, 0.02, 1440.6),  # another product, the same pixels to a diameter
    ],
)
@pytest.mark.parametrize("camera", CAMERAS)
def test_ball_sits_where_truth_says(
    bank: BallBank, camera: str, diameter_mm: float, size_share: float, lateral_share: float, travel: float
) -> None:
    settings = _settings(bank, diameter_mm)
    ball = _ball(bank, settings, size_share, lateral_share)
    frame, shown = Composer(settings, camera).compose(
        10_000, 0.0, [(ball, 10_000 - travel, load_pictures(bank, ball))]
    )
    cover = _cover(frame, background(camera, settings.width_px, settings.height_px))
    ys, xs = np.indices(cover.shape) + 0.5
    centre = (xs * cover).sum() / cover.sum(), (ys * cover).sum() / cover.sum()
    diameter_px = 2.0 * np.sqrt(cover.sum() / np.pi)
    assert shown[0].x_px == pytest.approx((travel - 800.0) * 0.5)
    assert shown[0].y_px == pytest.approx(120.0 - lateral_share * 160.0)
    assert centre == pytest.approx((shown[0].x_px, shown[0].y_px), abs=0.25)
    assert shown[0].diameter_px == pytest.approx(160.0 * size_share)
    assert diameter_px == pytest.approx(shown[0].diameter_px, abs=0.5)
    assert shown[0].whole


@pytest.mark.parametrize(
    ("travel", "visible", "whole"),
    [
        (200.0, False, False),  # far before the picture
        (800.0, True, False),  # half in
        (800.0 + 161.0, True, True),  # just in
        (2080.0 - 161.0, True, True),  # about to leave
        (2080.0, True, False),  # half out
        (2900.0, False, False),  # gone
    ],
)
def test_whole_means_the_outline_lies_inside(
    bank: BallBank, travel: float, visible: bool, whole: bool
) -> None:
    settings = _settings(bank)
    ball = _ball(bank, settings, 1.0, 0.0)
    frame, shown = Composer(settings, "left").compose(
        5000, 0.0, [(ball, 5000 - travel, load_pictures(bank, ball))]
    )
    assert [item.whole for item in shown if item.whole] == [True] * whole
    dark = (frame[40:200] < 110).sum()
    assert (dark > 5000) == visible


@pytest.mark.parametrize("camera", CAMERAS)
def test_marks_of_the_station_file_are_in_the_picture(bank: BallBank, camera: str) -> None:
    settings = _settings(bank)
    configs = [CameraConfig.model_validate(item) for item in camera_configs(settings)]
    config = configs[CAMERAS.index(camera)]
    assert config.name == camera
    assert config.geometry.fov_start_counts == 800
    assert config.geometry.fov_end_counts == 2080
    frame, _ = Composer(settings, camera).compose(0, 0.0, [])
    other = Composer(settings, CAMERAS[1 - CAMERAS.index(camera)]).compose(0, 0.0, [])[0]
    for x, y, radius in config.fiducials:
        part = np.s_[int(y - radius / 2) : int(y + radius / 2), int(x - radius / 2) : int(x + radius / 2)]
        assert frame[part].mean() < 60
        assert other[part].mean() > 150  # swapped cameras can be told
    assert config.reference_background is not None
    assert abs(float(np.median(frame)) - config.reference_background) < 5


def test_no_mark_lies_where_balls_pass() -> None:
    # 44.2 mm oversize of 40 mm, 1 mm off the line: reaches 92.4 px from the middle
    for marks in MARKS.values():
        assert all(abs(y - 120.0) - radius > 93.0 for _, y, radius in marks)


def test_noise_and_light_differ_from_frame_to_frame(bank: BallBank) -> None:
    composer = Composer(_settings(bank), "left")
    frames = [composer.compose(0, 5.75 * index, [])[0] for index in range(4)]
    assert (frames[0] != frames[1]).mean() > 0.3
    means = [float(frame.mean()) for frame in frames]
    assert 1.0 < max(means) - min(means) < 10.0


@pytest.mark.parametrize(
    ("through", "check"),
    [
        # veiled: less contrast
        (glass.oil_film, lambda clear, seen: np.ptp(seen) < 0.6 * np.ptp(clear)),
        # 5 mm on a ball of 40 mm are 20 px
        (glass.knocked, lambda clear, seen: abs(_middle_x(seen) - _middle_x(clear) - 20.0) < 1.0),
        # nothing gets brighter, some places get darker
        (
            lambda frame: glass.dust_on_glass(frame, glass.dust_mask(240, 640, 1)),
            lambda clear, seen: 200 < (clear.astype(int) - seen > 30).sum() < 20_000,
        ),
    ],
)
def test_glass(
    bank: BallBank,
    through: Callable[[UInt8Array], UInt8Array],
    check: Callable[[UInt8Array, UInt8Array], bool],
) -> None:
    settings = _settings(bank)
    ball = _ball(bank, settings, 1.0, 0.0)
    scene = [(ball, -1440.0, load_pictures(bank, ball))]
    clear = Composer(settings, "left").compose(0, 0.0, scene)[0]
    seen = Composer(settings, "left").compose(0, 0.0, scene, glass=through)[0]
    assert check(clear, seen)


def _middle_x(frame: UInt8Array) -> float:
    dark = frame[40:200] < 110
    return float((np.arange(frame.shape[1])[None, :] * dark).sum() / dark.sum())


def test_lamp_dims_everything(bank: BallBank) -> None:
    composer = Composer(_settings(bank), "left")
    full, dim = composer.compose(0, 0.0, [])[0], composer.compose(0, 0.0, [], lamp=0.3)[0]
    assert dim.mean() == pytest.approx(0.3 * full.mean(), abs=1.0)
