"""A page on a real port with a real server, a station's mailboxes, a browser's end of the live socket."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from websockets.sync.client import ClientConnection, connect

from edge_runtime.live.mailbox import MailboxWriter, picture_box_name
from edge_runtime.live.pictures import DrawnBall, DrawnFinding, LivePicture, pack_picture
from edge_runtime.page.context import PageContext
from edge_runtime.page.process import bind, serve

PATIENCE_S = 30.0


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread or process brings about."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


@dataclass
class RunningPage:
    """A page that is served."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def narrow(self) -> socket.socket:
        """A connected socket whose kernel buffer holds next to nothing."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect(("127.0.0.1", self.port))
        return made

    @contextmanager
    def socket(
        self, camera: str | None = None, *, origin: str | None = None, cookie: str = "", **options: Any
    ) -> Iterator[ClientConnection]:
        query = "" if camera is None else f"?camera={camera}"
        headers = {"Cookie": cookie} if cookie else {}
        where = f"ws://127.0.0.1:{self.port}/ws/live{query}"
        settings: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}
        settings |= {"additional_headers": headers, "origin": origin or self.url} | options
        with connect(where, **settings) as connection:
            yield connection


@contextmanager
def running_page(context: PageContext) -> Iterator[RunningPage]:
    """Serve a page as its process does, in a thread."""
    listener = bind(context.page)
    port = listener.getsockname()[1]
    ended = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="page") as pool:
        served = pool.submit(serve, context, listener, ended.is_set)
        try:
            yield RunningPage(port)
        finally:
            ended.set()
    served.result()


def next_picture(socket: ClientConnection, timeout_s: float = PATIENCE_S) -> tuple[dict[str, Any], bytes]:
    """Header and JPEG of the next picture; states that come before it are passed over."""
    end = time.monotonic() + timeout_s
    while True:
        message = socket.recv(timeout=max(0.01, end - time.monotonic()))
        if isinstance(message, bytes):
            (length,) = struct.unpack_from("<I", message)
            return json.loads(message[4 : 4 + length]), message[4 + length :]


def next_text(socket: ClientConnection, kind: str = "state") -> dict[str, Any]:
    """The next text message of a type."""
    end = time.monotonic() + PATIENCE_S
    while True:
        message = socket.recv(timeout=max(0.01, end - time.monotonic()))
        if isinstance(message, str) and (found := json.loads(message))["type"] == kind:
            return dict(found)


def pixels_of(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """The picture as a browser would show it."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, np.uint8)


class FakeCamera:
    """Writes live pictures as a station does; frame `n` is grey level `n`, so that it tells its number.

    With `noise` pictures are as large as JPEGs get.
    """

    def __init__(
        self, station: str, camera: str, width_px: int = 320, height_px: int = 120, *, noise: bool = False
    ) -> None:
        self._shape = (height_px, width_px)
        self._noise = np.random.default_rng(1).integers(0, 255, self._shape, np.uint8) if noise else None
        self._camera = camera
        self.box = MailboxWriter(picture_box_name(station, camera), 4096 + 3 * width_px * height_px)
        self.number = 0

    def show(self, fault: str = "ok") -> int:
        """Write the next frame; returns its number."""
        self.number += 1
        finding = DrawnFinding("crack", 0.9, (1.0, 2.0, 3.0, 4.0))
        ball = DrawnBall("1-0-5", (10.0, 20.0, 90.0, 100.0), "reject", "crack", 40.01, (finding,))
        height, width = self._shape
        picture = LivePicture(
            camera=self._camera,
            width_px=width,
            height_px=height,
            channels=1,
            frame_number=self.number,
            arrived_mono_ns=time.monotonic_ns(),
            arrived_utc_ns=time.time_ns(),
            fault=fault,
            balls=(ball,),
        )
        pixels = self._noise if self._noise is not None else np.full(self._shape, self.number % 200, np.uint8)
        self.box.write(pack_picture(picture), pixels.tobytes())
        return self.number

    def close(self) -> None:
        self.box.close()
