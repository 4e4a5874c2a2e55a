"""One thread per camera: reads, counts what is missing, reopens what is lost.

Every picture ends as a `FrameEvent` or inside a `LostFramesEvent`; nothing is dropped
silently. Neighbours: `base` (cameras and events), the station's loop (the sink).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edge_runtime.cameras.base import (
    Camera,
    CameraDownEvent,
    CameraEndedEvent,
    CameraReopenedEvent,
    CameraUpEvent,
    CaptureEvent,
    FrameEvent,
    LostFramesEvent,
)
from edge_runtime.config import CameraConfig
from vision.errors import CameraError
from vision.types import Frame

POLL_S = 0.1
#: a read may last as long as the longest read time-out a station file may hold (60 s)
STOP_TIMEOUT_S = 70.0
BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 5.0


def backoff_s() -> Iterator[float]:
    """Waits between attempts to reopen: 0.2 s, doubled up to 5 s, for ever."""
    wait_s = BACKOFF_FIRST_S
    while True:
        yield wait_s
        wait_s = min(2.0 * wait_s, BACKOFF_LAST_S)


def frames_between(earlier: int, later: int, *, first: int = 0, modulus_end: int) -> int | None:
    """Frames missing between two frame numbers that came one after the other.

    Args:
        earlier, later: frame numbers, first .. modulus_end - 1.
        first: the number that follows modulus_end - 1 (GigE Vision's 16-bit ids skip 0: first 1).
        modulus_end: one more than the largest number.

    Returns:
        0 for neighbours; -1 for the same number again; None when the numbers went back, or
        forward by more than half their range, or lie outside it: then nothing can be counted.
    """
    if not (first <= earlier < modulus_end and first <= later < modulus_end):
        return None
    span = modulus_end - first
    step = (later - earlier) % span
    if step > span // 2:
        return None
    return step - 1


@dataclass(slots=True)
class GapCounter:
    """Turns frame numbers into losses.

    Attributes:
        camera: its name.
        first, wrap: as `frame_first` and `frame_wrap` of the station file.
    """

    camera: str
    first: int
    wrap: int
    _last: int | None = field(default=None)
    _reported: int = field(default=0)

    def reported(self, count: int) -> None:
        """The camera itself told of that many frames lost since the last frame; they leave a gap, too."""
        self._reported += count

    def restart(self) -> None:
        """After an outage the numbers may begin anew."""
        self._last, self._reported = None, 0

    def check(self, frame_number: int) -> LostFramesEvent | None:
        """What is missing before this frame, beyond what was reported."""
        last, reported = self._last, self._reported
        self._last, self._reported = frame_number, 0
        if last is None:
            return None
        missing = frames_between(last, frame_number, first=self.first, modulus_end=self.wrap)
        text = f"{last} -> {frame_number}"
        if missing is None:
            return LostFramesEvent(self.camera, 0, "number_reset", text)
        if missing < 0:
            return LostFramesEvent(self.camera, 1, "repeated", text)
        if missing > reported:
            return LostFramesEvent(self.camera, missing - reported, "number_gap", text)
        return None


class CaptureThread:
    """Reads one camera until `stop`, or until a recording ends.

    Args:
        camera: not opened yet.
        config: its part of the station file.
        sink: called in this thread with every event, in order; it may block to slow a recording down.
        poll_s: longest wait for a picture before `stop` is looked at.
        wait: waits that many seconds between attempts to reopen; true when stopped meanwhile.
    """

    def __init__(
        self,
        camera: Camera,
        config: CameraConfig,
        sink: Callable[[CaptureEvent], None],
        *,
        poll_s: float = POLL_S,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._camera = camera
        self._sink = sink
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._wait = wait if wait is not None else self._stop.wait
        self._gaps = GapCounter(config.name, config.frame_first, config.frame_wrap)
        # A daemon: a station that breaks off must end, and be started anew, not wait for its cameras.
        self._thread = threading.Thread(target=self._main, name=f"capture {config.name}", daemon=True)
        self._backoff = backoff_s()
        self._up = False
        self._told_down = False
        self._told_open = False
        self._ended = False
        self._shape: tuple[int, ...] | None = None
        self._why_up = "first picture"
        self._unopened: CameraError | None = None

    @property
    def alive(self) -> bool:
        """The thread runs."""
        return self._thread.is_alive()

    def start(self, *, wait_for_it: bool = False) -> None:
        """Open the camera here and now, then read it in the thread.

        Args:
            wait_for_it: one that cannot be opened is down, and tried again like one that was lost.

        Raises:
            CameraError: it cannot be opened.
        """
        try:
            self._camera.setup()
        except CameraError as error:
            if not wait_for_it:
                raise
            self._unopened = error
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of a recording; true when it came within the time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Stop, wait for the thread, let go of the camera. Harmless before `start` and twice.

        Raises:
            CameraError: a driver does not come back from its read.
        """
        self._stop.set()
        if self._thread.ident is None:
            return
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise CameraError(
                f"the driver does not come back from reading within {STOP_TIMEOUT_S:.0f} s",
                where=f"camera '{self._camera.name}'",
                todo="end the process",
            )

    def _main(self) -> None:
        try:
            if self._unopened is not None:
                self._reopen(self._unopened)
            while not self._stop.is_set() and not self._ended:
                self._step()
        finally:
            self._camera.teardown()
            if not self._stop.is_set() and not self._ended:
                # An error nobody foresaw ends this thread (and is printed): the loop must know.
                self._sink(CameraDownEvent(self._camera.name, "the capture thread broke off"))

    def _step(self) -> None:
        try:
            frame = self._camera.read(self._poll_s)
        except CameraError as error:
            self._losses()
            self._reopen(error)
            return
        self._losses()
        if frame is not None:
            self._take(frame)
        elif self._camera.finished:
            self._ended = True
            self._sink(CameraEndedEvent(self._camera.name))

    def _losses(self) -> None:
        for loss in self._camera.take_losses():
            self._gaps.reported(loss.count)
            self._sink(loss)

    def _take(self, frame: Frame) -> None:
        self._announce(frame)
        loss = self._gaps.check(frame.frame_number)
        if loss is not None:
            self._sink(loss)
        if loss is None or loss.cause != "repeated":
            self._sink(FrameEvent(frame))

    def _announce(self, frame: Frame) -> None:
        before, self._shape = self._shape, frame.image.shape
        changed = before is not None and before != frame.image.shape
        if self._up and not changed:
            return
        reason = self._why_up if not self._up else "the picture's shape changed"
        if changed:
            reason += f": {_shape_text(frame.image.shape)}, before {_shape_text(before or ())}"
        self._up, self._told_down = True, False
        self._backoff = backoff_s()
        self._sink(CameraUpEvent(self._camera.name, reason))

    def _reopen(self, error: CameraError) -> None:
        """Close, then try to open until it works or `stop` is called.

        An opened camera that gives no picture counts as another failed attempt: the waits
        begin anew only with a picture.
        """
        self._up = False
        if not self._told_down:
            self._told_down = True
            self._sink(LostFramesEvent(self._camera.name, 0, "camera_error", error.what))
            self._sink(CameraDownEvent(self._camera.name, str(error)))
        elif self._told_open:
            self._sink(CameraDownEvent(self._camera.name, str(error)))
        self._told_open = False
        self._gaps.restart()
        attempts = 0
        for wait_s in self._backoff:
            self._camera.teardown()
            if self._wait(wait_s) or self._stop.is_set():
                return
            attempts += 1
            try:
                self._camera.setup()
            except CameraError:
                # Said once, when it went down; the waits grow and the attempts are told when it is back.
                continue
            self._why_up = f"first picture after an outage ({attempts} attempts to open)"
            self._told_open = True
            self._sink(CameraReopenedEvent(self._camera.name))
            return


def _shape_text(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)
