"""Capture threads: gaps in frame numbers, outages, the end; with real rings and a real stream."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable

import pytest

from edge_runtime.cameras import open_camera
from edge_runtime.cameras.base import (
    CameraDownEvent,
    CameraEndedEvent,
    CameraReopenedEvent,
    CameraUpEvent,
    CaptureEvent,
    FrameEvent,
    LostFramesEvent,
)
from edge_runtime.cameras.capture import CaptureThread, GapCounter, backoff_s, frames_between
from edge_runtime.config import (
    OpenCvCameraSource,
    ShmCameraSource,
)
from edge_runtime.shm_ring import RingWriter
from tests.camera_parts import HEIGHT, WIDTH, Listener, PictureServer, config_of, grey, write_frame
from vision.errors import CameraError
from vision.types import Frame


@pytest.mark.parametrize(
    ("earlier", "later", "first", "end", "expected"),
    [
        (0, 1, 0, 1 << 32, 0),  # neighbours
        (0, 4, 0, 1 << 32, 3),  # three missing
        (7, 7, 0, 1 << 32, -1),  # the same again
        (65535, 0, 0, 1 << 16, 0),  # a plain 16-bit wrap
        (65535, 1, 1, 1 << 16, 0),  # GigE Vision: ids skip 0
        (65534, 2, 1, 1 << 16, 2),  # a loss over that wrap: 65535 and 1
        (65535, 0, 1, 1 << 16, None),  # 0 does not exist there
        ((1 << 32) - 1, 0, 0, 1 << 32, 0),  # 32-bit wrap
        (5000, 0, 0, 1 << 32, None),  # the camera began anew
        (10, 9, 0, 1 << 16, None),  # one step back
        (0, 32768, 0, 1 << 16, 32767),  # the largest gap that can be told
        (0, 32769, 0, 1 << 16, None),  # as likely a step back
        (70000, 70001, 0, 1 << 16, None),  # numbers outside the range of the station file
    ],
)
def test_frames_between_numbers(earlier: int, later: int, first: int, end: int, expected: int | None) -> None:
    assert frames_between(earlier, later, first=first, modulus_end=end) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([5, 6, 7], []),  # nothing missing, whatever the first number
        ([5, 9], [("number_gap", 3)]),  # a gap
        ([5, "+3", 9], []),  # the same gap, told by the camera itself
        ([5, "+2", 9], [("number_gap", 1)]),  # told in part
        ([5, "+3", 9, 12], [("number_gap", 2)]),  # what was told is used up
        ([5, 5, 6], [("repeated", 1)]),  # twice the same
        ([500, 1, 2], [("number_reset", 0)]),  # began anew
        ([500, "restart", 1, 2], []),  # began anew after an outage that was told
    ],
)
def test_losses_are_counted_once(steps: list[int | str], expected: list[tuple[str, int]]) -> None:
    counter = GapCounter("left", first=0, wrap=1 << 32)
    found = []
    for step in steps:
        if step == "restart":
            counter.restart()
        elif isinstance(step, str):
            counter.reported(int(step))
        else:
            loss = counter.check(step)
            if loss is not None:
                found.append((loss.cause, loss.count))
    assert found == expected


def test_waits_between_attempts_grow_to_a_limit() -> None:
    assert list(itertools.islice(backoff_s(), 7)) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_gaps_repeats_and_outages_of_a_ring_become_events() -> None:
    name = f"fg-test-{os.getpid()}-capture"
    writer = RingWriter(name, slots=64, payload_bytes=HEIGHT * WIDTH)
    listener = Listener()
    config = config_of(ShmCameraSource(name=name), wrap=1 << 16, first=1)
    waits: list[float] = []
    rebuilt = threading.Event()

    def wait(wait_s: float) -> bool:
        waits.append(wait_s)
        rebuilt.wait(20.0)
        return False

    thread = CaptureThread(open_camera(config), config, listener, poll_s=0.01, wait=wait)
    thread.start()
    try:
        for number in (65534, 65535, 1, 4, 4, 5):
            write_frame(writer, number)
        listener.wait_for(FrameEvent, 5)
        writer.close()  # the process that writes it ends
        listener.wait_for(CameraDownEvent)
        writer = RingWriter(name, slots=64, payload_bytes=HEIGHT * WIDTH)
        rebuilt.set()
        while not any(isinstance(event, CameraUpEvent) for event in listener.events[2:]):
            # The reader starts at the newest entry: write until it is attached.
            write_frame(writer, 1, height=HEIGHT // 2, width=WIDTH * 2)
    finally:
        thread.stop()
        writer.close()

    assert listener.losses()[:3] == [("number_gap", 2), ("repeated", 1), ("camera_error", 0)]
    assert [frame.frame_number for frame in listener.frames()][:6] == [65534, 65535, 1, 4, 5, 1]
    ups = [event.reason for event in listener.events if isinstance(event, CameraUpEvent)]
    assert ups[0] == "first picture"
    assert "after an outage" in ups[1]
    assert f"{HEIGHT // 2} x {WIDTH * 2}, before {HEIGHT} x {WIDTH}" in ups[1]
    assert waits == [0.2]
    assert not thread.alive


def test_a_stream_that_dies_comes_back_and_another_shape_is_told() -> None:
    server = PictureServer(60, HEIGHT, WIDTH)
    listener = Listener()
    source = OpenCvCameraSource(device=f"http://127.0.0.1:{server.port}/live.mjpg", read_timeout_ms=2000)
    config = config_of(source)
    thread = CaptureThread(open_camera(config), config, listener)
    try:
        thread.start()
        listener.wait_for(FrameEvent, 3)
        server.close()
        listener.wait_for(CameraDownEvent)
        server = PictureServer(200, HEIGHT * 2, WIDTH * 2, server.port)
        listener.wait_for(CameraUpEvent, 2)
        seen = len(listener.frames())
        listener.wait_for(FrameEvent, seen + 3)
    finally:
        thread.stop()
        server.close()

    frames = listener.frames()
    assert [frame.frame_number for frame in frames] == list(range(len(frames)))
    assert (frames[0].image.shape, frames[-1].image.shape) == ((HEIGHT, WIDTH), (HEIGHT * 2, WIDTH * 2))
    ups = [event.reason for event in listener.events if isinstance(event, CameraUpEvent)]
    assert f"{HEIGHT * 2} x {WIDTH * 2}, before {HEIGHT} x {WIDTH}" in ups[1]
    assert ("camera_error", 0) in listener.losses()
    # Such a stream has no time of its own.
    assert {frame.camera_ns for frame in frames} == {None}


class Flaky:
    """A camera that plays a script: 'frame', 'lost' (read fails), 'shut' (the next setup fails)."""

    def __init__(self, script: list[str]) -> None:
        self.name = "left"
        self.finished = False
        self.opened = 0
        self._script = script
        self._number = 0

    def setup(self) -> None:
        self.opened += 1
        if self._script and self._script[0] == "shut":
            self._script.pop(0)
            raise CameraError("shut", where="here", todo="wait")

    def read(self, timeout_s: float) -> Frame | None:
        if not self._script:
            self.finished = True
            return None
        if self._script.pop(0) == "lost":
            raise CameraError("cable out", where="here", todo="put it in")
        self._number += 1
        return Frame("left", self._number, 0, 0, None, 0.0, grey(0))

    def take_losses(self) -> list[LostFramesEvent]:
        return []

    def teardown(self) -> None:
        pass


def played(script: list[str]) -> tuple[list[str], list[float]]:
    """Kinds of events, and the waits between attempts to reopen."""
    waits: list[float] = []

    def wait(wait_s: float) -> bool:
        waits.append(wait_s)
        return False

    listener = Listener()
    config = config_of(OpenCvCameraSource(device="0"))
    thread = CaptureThread(Flaky(script), config, listener, wait=wait)
    thread.start()
    listener.wait_for(CameraEndedEvent)
    thread.stop()
    names = {
        FrameEvent: "frame",
        LostFramesEvent: "loss",
        CameraDownEvent: "down",
        CameraReopenedEvent: "open",
        CameraUpEvent: "up",
        CameraEndedEvent: "ended",
    }
    return [names[type(event)] for event in listener.events], waits


@pytest.mark.parametrize(
    ("script", "events", "waits"),
    [
        # no outage
        (["frame", "frame"], ["up", "frame", "frame", "ended"], []),
        # back at the first attempt
        (["frame", "lost", "frame"], ["up", "frame", "loss", "down", "open", "up", "frame", "ended"], [0.2]),
        # the device stays shut for a while: longer and longer waits, told once
        (
            ["frame", "lost", "shut", "shut", "shut", "frame"],
            ["up", "frame", "loss", "down", "open", "up", "frame", "ended"],
            [0.2, 0.4, 0.8, 1.6],
        ),
        # it opens but gives no picture: the waits grow all the same
        (
            ["frame", "lost", "lost", "lost", "frame"],
            ["up", "frame", "loss", *["down", "open"] * 3, "up", "frame", "ended"],
            [0.2, 0.4, 0.8],
        ),
        # a picture begins the waits anew
        (
            ["frame", "lost", "frame", "lost", "frame"],
            ["up", "frame", *["loss", "down", "open", "up", "frame"] * 2, "ended"],
            [0.2, 0.2],
        ),
        # it never gave a picture
        (["lost", "frame"], ["loss", "down", "open", "up", "frame", "ended"], [0.2]),
    ],
)
def test_outages_are_told_once_and_ended_by_a_picture(
    script: list[str], events: list[str], waits: list[float]
) -> None:
    assert played(script) == (events, waits)


def test_a_camera_that_cannot_be_opened_at_start_is_an_error_at_once() -> None:
    thread = CaptureThread(Flaky(["shut"]), config_of(OpenCvCameraSource(device="0")), Listener())
    with pytest.raises(CameraError, match="shut"):
        thread.start()
    thread.stop()


def test_a_camera_that_comes_later_than_the_station_is_waited_for() -> None:
    listener = Listener()
    camera = Flaky(["shut", "shut", "shut", "frame"])
    thread = CaptureThread(
        camera, config_of(OpenCvCameraSource(device="0")), listener, wait=lambda _seconds: False
    )
    thread.start(wait_for_it=True)
    listener.wait_for(FrameEvent)
    thread.stop()
    kinds = [type(event).__name__ for event in listener.events[:4]]
    assert kinds == ["LostFramesEvent", "CameraDownEvent", "CameraReopenedEvent", "CameraUpEvent"]


def test_stop_ends_the_waiting_for_a_camera_that_is_away() -> None:
    listener = Listener()
    camera = Flaky(["frame", "lost", *["shut"] * 10_000])
    thread = CaptureThread(camera, config_of(OpenCvCameraSource(device="0")), listener)
    thread.start()
    listener.wait_for(CameraDownEvent)
    thread.stop()
    assert not thread.alive
    assert not any(isinstance(event, CameraEndedEvent) for event in listener.events)
    thread.stop()


def test_a_capture_thread_that_breaks_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[BaseException | None] = []
    hook: Callable[[threading.ExceptHookArgs], None] = lambda args: seen.append(args.exc_value)  # noqa: E731
    monkeypatch.setattr(threading, "excepthook", hook)
    listener = Listener()

    def sink(event: CaptureEvent) -> None:
        listener(event)
        if isinstance(event, FrameEvent):
            raise RuntimeError("nobody foresaw this")

    thread = CaptureThread(Flaky(["frame"]), config_of(OpenCvCameraSource(device="0")), sink)
    thread.start()
    listener.wait_for(CameraDownEvent)
    thread.stop()
    assert [str(error) for error in seen] == ["nobody foresaw this"]
