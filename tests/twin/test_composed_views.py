"""Frames of the simulated line through frame health, silhouette and view checks, without model or clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.synthetic.bank import BallBank
from edge_runtime.config import CameraConfig
from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.twin import glass
from edge_runtime.twin.balls import PlannedBall, plan_balls
from edge_runtime.twin.optics import Composer, camera_configs, load_pictures
from edge_runtime.twin.settings import PX_PER_D, LineSettings
from tests.vision.small_models import darkest_model
from vision.ball import inspect_view
from vision.detector import Detector
from vision.health import FrameExpectation, FrameMemory, frame_health
from vision.types import FrameFault, PartId, UInt8Array, View, ViewFault

SETTINGS = LineSettings(
    run_dir=Path("unused"), field_name="unused", ring_prefix="unused", n_balls=8, defect_share=0.0, seed=5
)
CAMERAS = [CameraConfig.model_validate(config) for config in camera_configs(SETTINGS)]
RECIPE = recipe_for_diameter(SETTINGS.diameter_mm)
#: places of the ball's centre in the picture: just inside at the left, the middle, just inside at the right
PLACES_PX = (82.0, 320.0, 558.0)


@dataclass(frozen=True)
class Shot:
    """One ball in one frame."""

    camera: CameraConfig
    ball: PlannedBall
    frame: UInt8Array
    view: View


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return list(_shots())


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(darkest_model(), "darkest.onnx", station="ball")


def _shots() -> Iterator[Shot]:
    bank = BallBank()
    for ball in plan_balls(SETTINGS, bank.index):
        pictures = load_pictures(bank, ball)
        for camera in CAMERAS:
            composer = Composer(SETTINGS, camera.name)
            for index, x_px in enumerate(PLACES_PX):
                count = round(ball.offset_counts + SETTINGS.fov_start_counts + x_px / SETTINGS.px_per_count)
                frame, _ = composer.compose(count, 0.1 * ball.number, [(ball, ball.offset_counts, pictures)])
                x0, x1 = max(0, round(x_px) - 128), min(SETTINGS.width_px, round(x_px) + 128)
                view = View(
                    part_id=PartId(1, 0, ball.number + 1),
                    camera=camera.name,
                    index=index,
                    frame_number=1,
                    encoder_count=count % 65536,
                    arrived_ns=0,
                    roi_xyxy_px=(x0, 0, x1, SETTINGS.height_px),
                    centre_xy_px=(x_px, SETTINGS.height_px / 2.0),
                    diameter_px=float(PX_PER_D),
                    mm_per_px=SETTINGS.mm_per_px,
                    image=frame[:, x0:x1],
                )
                yield Shot(camera, ball, frame, view)


def expectation(camera: CameraConfig) -> FrameExpectation:
    return FrameExpectation(
        width_px=camera.geometry.width_px,
        height_px=camera.geometry.height_px,
        fiducials=camera.fiducials,
        reference_background=camera.reference_background,
    )


def test_good_balls_are_healthy_and_measured(shots: list[Shot], detector: Detector) -> None:
    """Mostly within a pixel (0.25 mm); a rim that looks like the backlight costs up to 1 mm."""
    assert len(shots) == 8 * 2 * 3
    smallest, largest = [], []
    for shot in shots:
        health, _ = frame_health(shot.frame, "mono8", expectation(shot.camera), FrameMemory())
        assert health.fault is FrameFault.OK, health
        view = replace(shot.view, background_level=health.figures["background"])
        findings = inspect_view(view, RECIPE, detector)
        assert findings.fault is ViewFault.OK, findings.detail
        assert findings.diameter_min_mm is not None
        assert findings.diameter_max_mm is not None
        smallest.append(findings.diameter_min_mm - shot.ball.d_min_mm)
        largest.append(findings.diameter_max_mm - shot.ball.d_max_mm)
    assert abs(float(np.median(smallest))) < 0.2
    assert abs(float(np.median(largest))) < 0.2
    # Too small rejects a good ball now and then, too large would let a small one pass.
    assert -1.0 < min(smallest) <= max(smallest) < 0.5
    # One view need not show the ball's longest direction, but never shows more than it has.
    assert -0.7 < min(largest) <= max(largest) < 0.15


def oil(frame: UInt8Array) -> UInt8Array:
    return glass.oil_film(frame)


def knocked(frame: UInt8Array) -> UInt8Array:
    return glass.knocked(frame)


def faded(frame: UInt8Array) -> UInt8Array:
    return np.asarray(cv2.convertScaleAbs(frame, alpha=0.3), np.uint8)


@pytest.mark.parametrize(
    ("fault", "spoil"),
    [(FrameFault.FOCUS, oil), (FrameFault.MOVED, knocked), (FrameFault.LAMP, faded)],
)
def test_every_spoilt_frame_is_found(
    fault: FrameFault, spoil: Callable[[UInt8Array], UInt8Array], shots: list[Shot]
) -> None:
    found = {
        frame_health(spoil(shot.frame), "mono8", expectation(shot.camera), FrameMemory())[0].fault
        for shot in shots
    }
    assert found == {fault}


def test_swapped_cameras_are_found(shots: list[Shot]) -> None:
    other = {CAMERAS[0].name: CAMERAS[1], CAMERAS[1].name: CAMERAS[0]}
    found = {
        frame_health(shot.frame, "mono8", expectation(other[shot.camera.name]), FrameMemory())[0].fault
        for shot in shots
    }
    assert found == {FrameFault.MOVED}
