"""A camera for the wizard: the station's own capture thread, a short queue, and the live picture.

Neighbours: `edge_runtime.cameras` reads, `edge_runtime.live` is where the page looks for pictures.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from edge_runtime.camera_config import CameraConfig, CameraGeometry, Exposure
from edge_runtime.cameras import open_camera
from edge_runtime.cameras.base import CameraDownEvent, CaptureEvent, FrameEvent
from edge_runtime.cameras.capture import CaptureThread
from edge_runtime.commission.draft import CameraDraft
from edge_runtime.live.mailbox import MailboxWriter, picture_box_name
from edge_runtime.live.pictures import DrawnBall, LivePicture, pack_picture
from vision.errors import CameraError
from vision.types import Frame

_QUEUE = 96
_HEADER_ROOM = 16_384
_SHOW_EVERY_NS = 60_000_000
_RETRY_NS = 1_000_000_000


class LiveCamera:
    """See `ports.CameraPort`.

    Args:
        station: whose live pictures these are.
        draft: the camera.
    """

    def __init__(self, station: str, draft: CameraDraft) -> None:
        self.name = draft.name
        self.trouble = ""
        self._station = station
        self._config = _config(draft)
        self._frames: deque[Frame] = deque(maxlen=_QUEUE)
        self._capture: CaptureThread | None = None
        self._box: MailboxWriter | None = None
        self._shown_ns = 0
        self._tried_ns = 0
        self._wanted = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin to read pictures; a camera that is not there is tried again by `take`."""
        self._wanted = True
        self._try_open()

    def _try_open(self) -> None:
        self._tried_ns = time.monotonic_ns()
        capture = CaptureThread(open_camera(self._config), self._config, self._take_event)
        try:
            capture.start()
        except CameraError as error:
            self.trouble = error.what
            return
        self._capture = capture

    def close(self) -> None:
        """Let go of the camera and of its live picture."""
        self._wanted = False
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.stop()
        self._frames.clear()
        box, self._box = self._box, None
        if box is not None:
            box.close()

    def take(self) -> list[Frame]:
        """Pictures since the last call."""
        if self._wanted and self._capture is None and time.monotonic_ns() - self._tried_ns > _RETRY_NS:
            self._try_open()
        frames = []
        while self._frames:
            frames.append(self._frames.popleft())
        return frames

    def _take_event(self, event: CaptureEvent) -> None:
        if isinstance(event, FrameEvent):
            self.trouble = ""
            self._frames.append(event.frame)
        elif isinstance(event, CameraDownEvent):
            self.trouble = event.reason

    def show(self, frame: Frame, fault: str, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        """Put a picture into the camera's mailbox, while somebody looks and not too often."""
        now_ns = time.monotonic_ns()
        if now_ns - self._shown_ns < _SHOW_EVERY_NS:
            return
        pixels = np.ascontiguousarray(frame.image)
        if self._box is not None and self._box.capacity < pixels.nbytes + _HEADER_ROOM:
            self._box.close()
            self._box = None
        if self._box is None:
            name = picture_box_name(self._station, self.name)
            self._box = MailboxWriter(name, pixels.nbytes + _HEADER_ROOM)
        if not self._box.wanted:
            return
        self._shown_ns = now_ns
        picture = LivePicture(
            camera=self.name,
            width_px=frame.image.shape[1],
            height_px=frame.image.shape[0],
            channels=1 if frame.image.ndim == 2 else frame.image.shape[2],
            frame_number=frame.frame_number,
            arrived_mono_ns=frame.arrived_ns,
            arrived_utc_ns=time.time_ns() - (now_ns - frame.arrived_ns),
            fault=fault,
            balls=tuple(DrawnBall("", box, "open") for box in boxes),
        )
        self._box.write(pack_picture(picture), pixels.tobytes())


def _config(draft: CameraDraft) -> CameraConfig:
    """What a capture thread needs of a camera; where it looks is not known yet and not asked."""
    known = draft.known
    return CameraConfig(
        name=draft.name,
        source=draft.source,
        geometry=CameraGeometry(
            width_px=32,
            height_px=32,
            pixel_format=known.get("pixel_format", "mono8"),
            fov_start_counts=0,
            px_per_count=1.0,
            lane_y_px={},
        ),
        exposure=Exposure(every_counts=1),
        frame_wrap=draft.frame_wrap,
        frame_first=draft.frame_first,
    )
