"""The twin as a gauge: drawn balls through both cameras, measured by the station's own path."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.twin.gauge import StudyError, StudyRow, TwinGauge, twin_study
from edge_runtime.twin.lens import Lens
from edge_runtime.twin.optics import background
from edge_runtime.twin.reference_scale import calibrate_twin
from edge_runtime.twin.settings import CAMERAS
from edge_runtime.twin.solid import Solid
from edge_runtime.twin.study_parts import StudySettings, draw_parts, draw_passage
from edge_runtime.twin.study_pictures import Light, draw_view
from vision.metrology.calibration import CameraCalibration, Pinhole

pytestmark = pytest.mark.long

PLANT = StudySettings()


@pytest.fixture(scope="module")
def calibrations() -> dict[str, CameraCalibration]:
    return {
        camera: calibrate_twin(PLANT.lens(camera), camera, seed=4, date="2025-01-01", software_version="0")
        for camera in CAMERAS
    }


@pytest.fixture(scope="module")
def rows(calibrations: dict[str, CameraCalibration]) -> list[StudyRow]:
    return twin_study(parts=3, orientations=2, trials=2, seed=11, settings=PLANT, calibrations=calibrations)


def test_calibration_finds_the_lens(calibrations: dict[str, CameraCalibration]) -> None:
    for camera, calibration in calibrations.items():
        lens, model = PLANT.lens(camera), calibration.model
        assert isinstance(model, Pinhole)
        assert model.mm_per_px == pytest.approx(lens.mm_per_px, rel=2e-4)
        assert model.distance_mm == pytest.approx(800.0, rel=0.01)
        assert model.tilt_y_rad == pytest.approx(lens.tilt_rad)
        assert abs(calibration.edge_offset_px) < 0.05
        assert calibration.residual_rms_mm < 0.003


def test_study_meets_the_gauge_demand(rows: list[StudyRow]) -> None:
    """Positions +-10 mm, 60-160 degC known to +-10, flakes, drifting lamps: six sigma within 10 % of 2 mm."""
    assert [(row.part, row.orientation, row.trial) for row in rows] == [
        (part, orientation, trial) for part in range(3) for orientation in range(2) for trial in range(2)
    ]
    assert all(abs(row.lateral_mm) <= 10.0 and 60.0 <= row.celsius <= 160.0 for row in rows)
    assert max(abs(row.lateral_mm) for row in rows) > 5.0
    error = np.array([row.value_mm - row.reference_mm for row in rows])
    stated = np.array([row.u_mm for row in rows])
    assert float(np.sqrt((error**2).mean())) < 0.1 * 2.0 / 6.0
    assert float(np.abs(error / stated).max()) < 3.5
    assert 0.008 < float(stated.mean()) < 0.033
    assert np.mean([row.views for row in rows]) > 6.0


def test_without_drift_only_noise_heat_and_flakes_are_left(
    calibrations: dict[str, CameraCalibration],
) -> None:
    steady = replace(PLANT, scale_drift_share=0.0, edge_drift_px=0.0, flakes_max=0)
    gauge = TwinGauge(steady, calibrations)
    solid = Solid(40.3, 0.2, (0.0, 0.6, 0.8), 0.1, (1.0, 0.0, 0.0))
    for number in range(2):
        rng = np.random.default_rng([7, number])
        measured = gauge.pass_through(draw_passage(steady, solid, np.eye(3), rng), rng)
        assert len(measured.checks) >= 6
        for check in measured.checks:
            for found, true in (check.feret_min_mm, check.feret_max_mm, check.feret_mean_mm):
                assert found == pytest.approx(true, abs=0.03)
            assert check.roundness_mm[0] == pytest.approx(check.roundness_mm[1], abs=0.03)


def test_the_seed_decides(calibrations: dict[str, CameraCalibration], rows: list[StudyRow]) -> None:
    again = twin_study(parts=3, orientations=1, trials=1, seed=11, settings=PLANT, calibrations=calibrations)
    assert again == [row for row in rows if (row.orientation, row.trial) == (0, 0)]


def test_parts_are_spread_over_the_band() -> None:
    sizes = sorted(solid.diameter_mm for solid in draw_parts(PLANT, 10, 3))
    assert sizes == pytest.approx(40.0 + np.linspace(-0.9, 0.9, 10))


def test_nothing_to_measure_is_an_error(calibrations: dict[str, CameraCalibration]) -> None:
    blind = replace(PLANT, blur_sigma_px=9.0)
    with pytest.raises(StudyError, match="no view was measured"):
        twin_study(parts=1, orientations=1, trials=1, settings=blind, calibrations=calibrations)


@pytest.mark.parametrize(
    ("light", "tolerance_px"),
    [
        (Light(noise_sd=0.0, blur_sigma_px=0.5), 0.03),  # the drawing is unbiased
        (Light(noise_sd=0.0, blur_sigma_px=0.5, grown_px=1.0), 0.03),  # and grows when asked to
    ],
)
def test_pictures_cover_what_the_lens_says(light: Light, tolerance_px: float) -> None:
    lens = Lens(0.0, 0.25, 640, 320, 20.0, None)
    rng = np.random.default_rng(1)
    view = draw_view(Solid(40.0), lens, "left", (0.13, 0.21), np.eye(3), 1.0, (), light, rng)
    far = draw_view(Solid(1.0), lens, "left", (60.0, 0.0), np.eye(3), 1.0, (), light, rng)
    assert far.image.shape[0] < 20
    left, top = view.origin_xy_px
    height, width = view.image.shape
    empty = background("left", 640, 320)[top : top + height, left : left + width].astype(float)
    share = (empty - view.image) / (empty - light.ball_grey)
    diameter = 2.0 * math.sqrt(float(share.sum()) / math.pi)
    assert diameter == pytest.approx(160.0 + light.grown_px, abs=tolerance_px)
