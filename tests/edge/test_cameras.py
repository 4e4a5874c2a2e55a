"""Cameras with real parts: picture files, a video file, shared-memory rings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from edge_runtime.cameras import open_camera
from edge_runtime.cameras.base import (
    Camera,
    CameraEndedEvent,
    LostFramesEvent,
)
from edge_runtime.cameras.capture import CaptureThread
from edge_runtime.cameras.folder import BACKLOG_FRAMES, FolderCamera, ordered_recording
from edge_runtime.cameras.opencv import OpenCvCamera, StreamAge
from edge_runtime.config import (
    CameraGeometry,
    FolderCameraSource,
    OpenCvCameraSource,
    ShmCameraSource,
)
from edge_runtime.shm_ring import RingWriter
from tests.camera_parts import HEIGHT, WIDTH, Listener, config_of, grey, write_frame
from vision.errors import CameraError

# ---- folder ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.png", "a.png"], [("a.png", 0), ("b.png", 1)]),  # by name
        (
            ["t_f8.png", "t_f12.png"],
            [("t_f8.png", 8), ("t_f12.png", 12)],
        ),  # numbers, not letters, give the order
        (["t_f000004.png", "u_f000002.png"], [("t_f000004.png", 0), ("u_f000002.png", 1)]),  # two recordings
        (["t_f1.png", "x.png"], [("t_f1.png", 0), ("x.png", 1)]),  # not all numbered
        (["t_f1.png", "t_f01.png"], [("t_f01.png", 0), ("t_f1.png", 1)]),  # one number twice
    ],
)
def test_order_and_numbers_of_a_recording(names: list[str], expected: list[tuple[str, int]]) -> None:
    assert [(path.name, number) for path, number in ordered_recording([Path(n) for n in names])] == expected


def test_folder_plays_every_picture_and_counts_what_it_cannot_read(tmp_path: Path) -> None:
    for number in (4, 8, 16, 20, 24, 28):
        assert cv2.imwrite(str(tmp_path / f"take_f{number:06d}.png"), grey(number))
    whole = (tmp_path / "take_f000004.png").read_bytes()
    (tmp_path / "take_f000008.png").write_bytes(b"")  # zero bytes
    (tmp_path / "take_f000016.png").write_bytes(b"no picture")  # something else
    (tmp_path / "take_f000020.png").write_bytes(whole[:20])  # broken off
    assert cv2.imwrite(str(tmp_path / "take_f000024.png"), grey(1).astype(np.uint16))  # 16 bit
    (tmp_path / "notes.txt").write_text("not a picture, not counted")
    listener = Listener()
    source = FolderCameraSource(path=tmp_path, realtime=False, counts_per_frame=3000)
    config = config_of(source)
    thread = CaptureThread(open_camera(config), config, listener)
    thread.start()
    listener.wait_for(CameraEndedEvent)
    thread.stop()

    assert [frame.frame_number for frame in listener.frames()] == [0, 5]
    assert [frame.encoder_count for frame in listener.frames()] == [4 * 3000, 28 * 3000 % 65536]
    assert [int(frame.image[0, 0]) for frame in listener.frames()] == [4, 28]
    assert listener.losses() == [("unreadable", 1)] * 4
    details = [event.detail for event in listener.events if isinstance(event, LostFramesEvent)]
    assert "zero bytes" in details[0]
    assert "uint16" in details[3]


@pytest.mark.parametrize(
    ("make", "pattern", "what"),
    [
        (False, "*", "cannot be read"),  # no such folder
        (True, "*", "no picture"),  # an empty one
        (True, "*.exr", "no picture"),  # a pattern nothing matches
    ],
)
def test_folder_that_cannot_be_played(tmp_path: Path, make: bool, pattern: str, what: str) -> None:
    folder = tmp_path / "take"
    if make:
        folder.mkdir()
    with pytest.raises(CameraError, match=what) as caught:
        FolderCamera("left", FolderCameraSource(path=folder, pattern=pattern)).setup()
    assert str(folder) in caught.value.where
    assert caught.value.todo


def test_folder_in_real_time_keeps_its_pace_and_counts_what_it_overruns(tmp_path: Path) -> None:
    for place in range(30):
        assert cv2.imwrite(str(tmp_path / f"{place:02d}.png"), grey(place))
    now_s = 0.0

    def sleep(wait_s: float) -> None:
        nonlocal now_s
        now_s += wait_s

    source = FolderCameraSource(path=tmp_path, frames_per_s=10.0)
    camera = FolderCamera("left", source, clock=lambda: now_s, sleep=sleep)
    camera.setup()
    first, second = camera.read(1.0), camera.read(1.0)
    assert first is not None
    assert second is not None
    assert now_s == pytest.approx(0.1)
    assert camera.read(0.05) is None  # not due yet
    now_s = 2.05  # 21 pictures were taken by now; 19 were not read
    late = camera.read(1.0)
    assert late is not None
    assert [(loss.cause, loss.count) for loss in camera.take_losses()] == [
        ("ring_overrun", 19 - BACKLOG_FRAMES)
    ]
    assert late.frame_number == 21 - BACKLOG_FRAMES


# ---- shared memory -----------------------------------------------------------------------------


@pytest.fixture
def ring() -> Iterator[RingWriter]:
    writer = RingWriter(f"fg-test-{os.getpid()}-camera", slots=4, payload_bytes=HEIGHT * WIDTH * 3)
    yield writer
    writer.close()


@pytest.fixture
def shm_camera(ring: RingWriter) -> Iterator[Camera]:
    camera = open_camera(config_of(ShmCameraSource(name=ring.name)))
    camera.setup()
    yield camera
    camera.teardown()


def test_ring_frames_come_with_their_header(ring: RingWriter, shm_camera: Camera) -> None:
    assert shm_camera.read(0.001) is None
    write_frame(ring, 300)
    frame = shm_camera.read(1.0)
    assert frame is not None
    assert (frame.camera, frame.frame_number, frame.encoder_count) == ("left", 300, 300 * 256 % 65536)
    assert (frame.camera_ns, frame.exposure_us, frame.pixel_format) == (77, 40.0, "mono8")
    assert frame.image.shape == (HEIGHT, WIDTH)
    assert (frame.image == 300 % 256).all()
    assert shm_camera.take_losses() == []


def test_ring_overrun_is_counted(ring: RingWriter, shm_camera: Camera) -> None:
    for number in range(10):
        write_frame(ring, number)
    numbers = []
    while (frame := shm_camera.read(0.001)) is not None:
        numbers.append(frame.frame_number)
    lost = sum(loss.count for loss in shm_camera.take_losses() if loss.cause == "ring_overrun")
    assert lost > 0
    assert lost + len(numbers) == 10
    assert numbers == list(range(lost, 10))


@pytest.mark.parametrize(
    "changes",
    [
        {"height": HEIGHT + 1},  # does not fit the pixels
        {"pixel_format": "bayer"},  # nobody knows it
        {"frame_number": None},  # no number
        {"encoder_count": -1},  # below 0
    ],
)
def test_ring_entry_that_is_no_frame_is_counted(
    ring: RingWriter, shm_camera: Camera, changes: dict[str, object]
) -> None:
    write_frame(ring, 1, **changes)
    write_frame(ring, 2)
    frame = shm_camera.read(1.0)
    assert frame is not None
    assert frame.frame_number == 2
    assert [(loss.cause, loss.count) for loss in shm_camera.take_losses()] == [("unreadable", 1)]


def test_ring_that_is_not_there() -> None:
    with pytest.raises(CameraError, match="cannot be opened") as caught:
        open_camera(config_of(ShmCameraSource(name="fg-test-no-such-ring"))).setup()
    assert "fg-test-no-such-ring" in caught.value.where


# ---- VideoCapture ------------------------------------------------------------------------------


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "take.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for place in range(12):
        writer.write(np.full((HEIGHT, WIDTH, 3), place * 20, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("pixel_format", "shape"),
    [
        ("bgr8", (HEIGHT, WIDTH, 3)),  # as VideoCapture gives it
        ("mono8", (HEIGHT, WIDTH)),  # as a grey station wants it
    ],
)
def test_a_video_file_is_played_to_its_end(video: Path, pixel_format: str, shape: tuple[int, ...]) -> None:
    config = config_of(OpenCvCameraSource(device=str(video)))
    geometry = CameraGeometry.model_validate(config.geometry.model_dump() | {"pixel_format": pixel_format})
    config = config.model_copy(update={"geometry": geometry})
    listener = Listener()
    thread = CaptureThread(open_camera(config), config, listener)
    thread.start()
    listener.wait_for(CameraEndedEvent)
    thread.stop()
    frames = listener.frames()
    assert [frame.frame_number for frame in frames] == list(range(12))
    assert {frame.image.shape for frame in frames} == {shape}
    assert [float(frame.image.mean()) for frame in frames] == pytest.approx(
        [20.0 * n for n in range(12)], abs=3
    )
    assert [frame.arrived_ns for frame in frames] == sorted(frame.arrived_ns for frame in frames)
    assert listener.losses() == []


@pytest.mark.parametrize(
    "device",
    [
        "no-such-file.avi",  # not there
        "rtsp://127.0.0.1:9/none",  # nobody listens
        "97",  # no such device
    ],
)
def test_a_device_that_cannot_be_opened(device: str) -> None:
    camera = OpenCvCamera("left", OpenCvCameraSource(device=device, open_timeout_ms=500))
    with pytest.raises(CameraError, match="cannot be opened") as caught:
        camera.setup()
    assert device in caught.value.where
    camera.teardown()


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "take.avi"
    path.write_bytes(b"no video" * 100)
    with pytest.raises(CameraError, match="cannot be opened"):
        OpenCvCamera("left", OpenCvCameraSource(device=str(path))).setup()


def test_age_is_the_wait_beyond_the_quickest_picture() -> None:
    age = StreamAge()
    arrivals = [(10.00, 1.00), (10.05, 1.04), (13.00, 1.08), (13.01, 1.12), (13.02, 4.02)]
    assert [age(host, stream) for host, stream in arrivals] == pytest.approx(
        [0.0, 0.01, 2.92, 2.89, 0.0], abs=0.002
    )


def test_clocks_that_run_apart_do_not_make_pictures_old() -> None:
    age = StreamAge()
    # An hour at 10 pictures a second, the camera's clock 100 ppm slow.
    ages = [age(n / 10, n / 10 * (1 - 100e-6)) for n in range(36_000)]
    assert max(ages) == pytest.approx(0.0, abs=1e-6)


# ---- all ---------------------------------------------------------------------------------------


def test_cameras_let_go_of_everything(video: Path, tmp_path: Path, ring: RingWriter) -> None:
    assert cv2.imwrite(str(tmp_path / "one.png"), grey(1))
    cameras = [
        open_camera(config_of(source))
        for source in (
            ShmCameraSource(name=ring.name),
            FolderCameraSource(path=tmp_path, pattern="*.png", realtime=False),
            OpenCvCameraSource(device=str(video)),
        )
    ]

    def use() -> None:
        for camera in cameras:
            camera.setup()
            write_frame(ring, 1)
            assert camera.finished or camera.read(1.0) is not None
            camera.teardown()
            camera.teardown()

    use()  # libraries keep what they open the first time
    before = psutil.Process().num_fds()
    for _ in range(10):
        use()
    assert psutil.Process().num_fds() == before
