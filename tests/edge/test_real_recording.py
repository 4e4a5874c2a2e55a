"""The recorded steel ball, rolling to and fro in a green channel: folder camera and virtual photo-eye.

Expected crossings come from the label files alone, by the rule of `vision.crossing`: the
labelled centre lies on another side of the picture's centre line than in the available
picture before. The hole in the recording is no exception: one crossing if the sides differ.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.cameras import open_camera
from edge_runtime.cameras.base import CameraEndedEvent, CaptureEvent, FrameEvent, LostFramesEvent
from edge_runtime.cameras.capture import CaptureThread
from edge_runtime.config import CameraConfig, CameraGeometry, Exposure, FolderCameraSource, VirtualEye
from edge_runtime.plc.records import VerdictRecord
from edge_runtime.plc.registers import Cause, Confirm, Side
from edge_runtime.plc.virtual_eye import VirtualEyeLink
from tests.recording import PATTERN, expected_crossings
from tests.recording import labels as read_labels
from vision.crossing import find_balls
from vision.types import Decision, Frame


@pytest.fixture(scope="module")
def recording(real_data: Callable[[str], Path]) -> Path:
    return real_data("steelball_k230")


@pytest.fixture(scope="module")
def labels(recording: Path) -> dict[int, tuple[float, float]]:
    """Number in the recording -> centre, width."""
    return read_labels(recording)


@pytest.fixture(scope="module")
def frames(recording: Path) -> list[Frame]:
    """The recording as the capture thread hands it on."""
    config = CameraConfig(
        name="bench",
        source=FolderCameraSource(path=recording / "images", pattern=PATTERN, realtime=False),
        geometry=CameraGeometry(
            width_px=640,
            height_px=60,
            pixel_format="bgr8",
            fov_start_counts=0,
            px_per_count=1.0,
            lane_y_px={0: 30.0},
        ),
        exposure=Exposure(every_counts=1),
    )
    events: list[CaptureEvent] = []
    thread = CaptureThread(open_camera(config), config, events.append)
    thread.start()
    thread.join(60.0)
    thread.stop()
    assert events[-1] == CameraEndedEvent("bench")
    assert [event for event in events if isinstance(event, LostFramesEvent)] == []
    return [event.frame for event in events if isinstance(event, FrameEvent)]


def test_positions_are_the_numbers_in_the_names(
    frames: list[Frame], labels: dict[int, tuple[float, float]]
) -> None:
    assert [frame.encoder_count for frame in frames] == list(labels)
    assert [frame.frame_number for frame in frames] == list(range(len(labels)))


def test_the_ball_is_found_within_half_its_width(
    frames: list[Frame],
    labels: dict[int, tuple[float, float]],
    record_property: Callable[[str, object], None],
) -> None:
    found = 0
    for frame in frames:
        centre, width = labels[frame.encoder_count]
        width_px = frame.image.shape[1]
        found += any(
            abs(ball.centre_xy_px[0] - centre * width_px) <= 0.5 * width * width_px
            for ball in find_balls(frame.image)
        )
    record_property("found_share", found / len(frames))
    assert found >= 0.98 * len(frames)


def test_each_crossing_of_the_centre_line_is_one_part(
    frames: list[Frame], labels: dict[int, tuple[float, float]]
) -> None:
    expected = expected_crossings(labels)
    link = VirtualEyeLink(VirtualEye(camera="bench"))
    triggers = [trigger for frame in frames for trigger in link.observe(frame)]

    assert len(triggers) == len(expected)
    assert [trigger.trigger_seq for trigger in triggers] == list(range(1, len(expected) + 1))
    # The dead band about the line may see a slow ball one picture (4 counts) later than the labels.
    late = [trigger.encoder_count - number for trigger, number in zip(triggers, expected, strict=True)]
    assert set(late) <= {0, 4}

    outcomes = [
        link.take_verdict(
            VerdictRecord(t.epoch, t.lane, t.trigger_seq, t.encoder_count, Decision.REVIEW, reason=54)
        )
        for t in triggers
    ]
    assert {(o.side, o.cause, o.confirm) for o in outcomes} == {
        (Side.REJECT, Cause.VERDICT_REJECT, Confirm.NONE)
    }
    assert link.pending == ()
