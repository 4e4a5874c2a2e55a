"""What the tests of cameras share: a station file's camera, a listener, frames in a ring, a stream."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from edge_runtime.cameras.base import (
    CaptureEvent,
    FrameEvent,
    LostFramesEvent,
)
from edge_runtime.config import (
    CameraConfig,
    CameraGeometry,
    CameraSource,
    Exposure,
)
from edge_runtime.shm_ring import RingWriter
from vision.types import Frame, UInt8Array

HEIGHT, WIDTH = 48, 64


def config_of(source: CameraSource, *, wrap: int = 1 << 32, first: int = 0) -> CameraConfig:
    return CameraConfig(
        name="left",
        source=source,
        geometry=CameraGeometry(
            width_px=WIDTH, height_px=HEIGHT, fov_start_counts=0, px_per_count=1.0, lane_y_px={0: 24.0}
        ),
        exposure=Exposure(every_counts=1),
        frame_wrap=wrap,
        frame_first=first,
    )


def grey(level: int, height: int = HEIGHT, width: int = WIDTH) -> UInt8Array:
    return np.full((height, width), level, np.uint8)


class Listener:
    """Keeps events, and lets a test wait for what it looks for."""

    def __init__(self) -> None:
        self.events: list[CaptureEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: CaptureEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, kind: type[CaptureEvent], count: int = 1) -> None:
        def there() -> bool:
            return sum(isinstance(event, kind) for event in self.events) >= count

        with self._changed:
            assert self._changed.wait_for(there, timeout=20.0), self.events

    def frames(self) -> list[Frame]:
        return [event.frame for event in self.events if isinstance(event, FrameEvent)]

    def losses(self) -> list[tuple[str, int]]:
        return [(event.cause, event.count) for event in self.events if isinstance(event, LostFramesEvent)]


def write_frame(writer: RingWriter, number: int, **changes: object) -> None:
    header: dict[str, object] = {
        "frame_number": number,
        "encoder_count": number * 256 % 65536,
        "exposed_ns": 1,
        "exposure_us": 40.0,
        "height": HEIGHT,
        "width": WIDTH,
        "pixel_format": "mono8",
        "camera_ns": 77,
    }
    writer.write(header | changes, grey(number % 256))


class PictureServer:
    """A camera as many stand in plants: pictures one after the other over HTTP (MJPEG)."""

    def __init__(self, level: int, height: int, width: int, port: int = 0) -> None:
        _, data = cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8))
        picture = data.tobytes()
        closing = self._closing = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                self.end_headers()
                head = (
                    f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                )
                with contextlib.suppress(OSError):
                    while not closing.wait(0.01):
                        self.wfile.write(head + picture + b"\r\n")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
