"""Anything OpenCV's VideoCapture opens: a device number, an address (RTSP, HTTP), a video file.

Such a camera knows neither encoder nor frame numbers: both are counted here, from 0, on
over every outage. Two habits of VideoCapture are met here: `isOpened()` stays true when a
stream dies and the same capture never comes back (so a failed read is an outage: release,
open anew), and a slow reader is later handed old pictures out of the buffer (so pictures
of a live source that waited too long are counted as `stale` and not handed on).
Neighbours: `base`, `capture` (which reopens).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.cameras.base import LostFramesEvent
from edge_runtime.config import OpenCvCameraSource
from edge_runtime.encoder import wrap
from vision.errors import CameraError
from vision.types import Frame, PixelFormat, UInt8Array

#: a live picture that waited longer than this in the driver's buffer is old news
STALE_AFTER_S = 0.5
#: crystals of cameras and hosts differ by less than this, relatively
CLOCK_DRIFT = 200e-6


class StreamAge:
    """How long pictures wait between camera and host, as far as two unlinked clocks can tell.

    The smallest difference host - stream seen so far is taken as no wait at all; it may
    creep by `CLOCK_DRIFT` of the time gone by, since no two clocks run alike.
    """

    def __init__(self) -> None:
        self._least_s: float | None = None
        self._arrived_s = 0.0

    def __call__(self, arrived_s: float, stream_s: float) -> float:
        """Age in seconds, from 0, of a picture with that host time and that stream time."""
        offset_s = arrived_s - stream_s
        if self._least_s is not None:
            self._least_s += CLOCK_DRIFT * (arrived_s - self._arrived_s)
        self._arrived_s = arrived_s
        if self._least_s is None or offset_s < self._least_s:
            self._least_s = offset_s
        return offset_s - self._least_s


class OpenCvCamera:
    """One VideoCapture.

    Args:
        name: of the camera, in the station file.
        source: device, size and time-outs (those that the backend knows).
        pixel_format: what the station expects; VideoCapture always gives colour, mono8 is made of it.
        clock_ns: monotonic, nanoseconds.
    """

    def __init__(
        self,
        name: str,
        source: OpenCvCameraSource,
        pixel_format: PixelFormat = "bgr8",
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = name
        self.finished = False
        #: seconds the last picture had waited, None where the source has no time of its own
        self.age_s: float | None = None
        self._source = source
        self._pixel_format: PixelFormat = pixel_format
        self._clock_ns = clock_ns
        self._is_file = source.is_file
        # Other streams (MJPEG over HTTP) have no time of their own: OpenCV counts pictures at a nominal pace.
        self._has_clock = source.device.isdigit() or source.device.startswith(("rtsp://", "rtsps://"))
        self._capture: cv2.VideoCapture | None = None
        self._age = StreamAge()
        self._promised = 0
        self._number = 0
        self._losses: list[LostFramesEvent] = []

    @property
    def _where(self) -> str:
        return f"camera '{self.name}', device {self._source.shown_device}"

    def setup(self) -> None:
        """Open the device; a file is played from its beginning.

        Raises:
            CameraError: it cannot be opened within the time-out.
        """
        source = self._source
        self.teardown()
        if self._is_file and not Path(source.device).is_file():
            raise self._closed("no such file")
        capture = cv2.VideoCapture()
        try:
            if source.device.isdigit():
                opened = capture.open(int(source.device))
            else:
                timeouts = [
                    cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                    source.open_timeout_ms,
                    cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                    source.read_timeout_ms,
                ]
                opened = capture.open(source.device, cv2.CAP_FFMPEG, timeouts)
        except cv2.error as error:
            capture.release()
            raise self._closed(str(error)) from error
        if not opened:
            capture.release()
            raise self._closed("OpenCV says no more than that")
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, source.width_px),
            (cv2.CAP_PROP_FRAME_HEIGHT, source.height_px),
        ):
            if value is not None and not self._is_file:
                capture.set(key, value)
        if not self._is_file:
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._capture, self._age = capture, StreamAge()
        self._promised = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) if self._is_file else 0

    def read(self, timeout_s: float) -> Frame | None:
        """Next picture. VideoCapture waits by its own time-out, `timeout_s` cannot shorten it.

        Raises:
            CameraError: not open, or a live source gave no picture.
        """
        if self._capture is None:
            raise CameraError(
                "the camera is not open", where=f"camera '{self.name}'", todo="call setup first"
            )
        if self.finished:
            return None
        try:
            ok, image = self._capture.read()
        except cv2.error as error:
            raise self._lost(str(error)) from error
        arrived_ns = self._clock_ns()
        if not ok or image is None:
            if not self._is_file:
                raise self._lost("no picture came within the read time-out")
            self._end_of_file()
            return None
        return self._frame(np.asarray(image, dtype=np.uint8), arrived_ns)

    def take_losses(self) -> list[LostFramesEvent]:
        """Stale pictures, and the missing end of a broken file, since the last call."""
        losses, self._losses = self._losses, []
        return losses

    def teardown(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _closed(self, detail: str) -> CameraError:
        return CameraError(
            f"the camera cannot be opened ({detail})",
            where=self._where,
            todo="check cable, power, address and rights; another program may hold the device",
        )

    def _lost(self, detail: str) -> CameraError:
        return CameraError(
            f"the camera is lost: {detail}", where=self._where, todo="check cable, power and network"
        )

    def _end_of_file(self) -> None:
        self.finished = True
        missing = self._promised - self._number
        if missing > 0:
            text = f"the file ends after {self._number} of {self._promised} pictures"
            self._losses.append(LostFramesEvent(self.name, missing, "unreadable", text))

    def _frame(self, image: UInt8Array, arrived_ns: int) -> Frame | None:
        assert self._capture is not None
        number = self._number
        self._number += 1
        stream_ms = float(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        self.age_s = None
        if self._has_clock and stream_ms > 0.0:
            self.age_s = self._age(arrived_ns / 1e9, stream_ms / 1e3)
            if self.age_s > STALE_AFTER_S:
                text = f"picture {number} had waited {self.age_s:.2f} s in the buffer"
                self._losses.append(LostFramesEvent(self.name, 1, "stale", text))
                return None
        if self._pixel_format == "mono8" and image.ndim == 3:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        return Frame(
            camera=self.name,
            frame_number=number,
            encoder_count=wrap(number),
            arrived_ns=arrived_ns,
            camera_ns=round(stream_ms * 1e6) if self._has_clock and stream_ms > 0.0 else None,
            exposure_us=0.0,
            image=image,
            pixel_format="mono8" if image.ndim == 2 else "bgr8",
        )
