"""The station's capture threads, and how their frames get into the decision loop's inbox.

Neighbours: `process` owns the inbox; `edge_runtime.cameras` reads the cameras.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from edge_runtime.cameras import open_camera
from edge_runtime.cameras.base import CaptureEvent, FrameEvent, LostFramesEvent
from edge_runtime.cameras.capture import CaptureThread
from edge_runtime.config import CameraConfig, FolderCameraSource, OpenCvCameraSource

#: events that may wait; beyond that a live camera's frames are lost, with that name
INBOX_MAX = 128


class Captures:
    """One thread per camera.

    Args:
        cameras: of the station file.
        inbox: where their events go.
        stopping: set when the loop takes nothing any more.

    Raises:
        CameraError: a camera cannot be opened.
    """

    def __init__(
        self, cameras: tuple[CameraConfig, ...], inbox: queue.SimpleQueue[Any], stopping: threading.Event
    ) -> None:
        self._inbox = inbox
        self._stopping = stopping
        self._threads = {
            camera.name: CaptureThread(open_camera(camera), camera, self._sink(camera)) for camera in cameras
        }
        self._live = {camera.name for camera in cameras if _is_live(camera)}
        self._started: list[CaptureThread] = []

    def _sink(self, camera: CameraConfig) -> Callable[[CaptureEvent], None]:
        # A recording that need not run in real time waits for the loop.
        patient = isinstance(camera.source, FolderCameraSource) and not camera.source.realtime
        return partial(self._take_in, patient)

    def __len__(self) -> int:
        return len(self._threads)

    def start(self) -> None:
        """Start all of them; a live camera that is not there yet is waited for, and the line held.

        Raises:
            CameraError: a recording cannot be opened.
        """
        for name, thread in self._threads.items():
            thread.start(wait_for_it=name in self._live)
            self._started.append(thread)

    def stop(self) -> None:
        """Stop those that were started."""
        for thread in self._started:
            thread.stop()

    def dead(self) -> list[str]:
        """Cameras whose thread has ended, whatever for."""
        return [name for name, thread in self._threads.items() if not thread.alive]

    def _take_in(self, patient: bool, event: CaptureEvent) -> None:
        """A full inbox slows a recording, or costs a live frame."""
        if isinstance(event, FrameEvent):
            while self._inbox.qsize() >= INBOX_MAX:
                if self._stopping.is_set():
                    return
                if not patient:
                    self._inbox.put(
                        LostFramesEvent(event.frame.camera, 1, "inbox_full", "the station is behind")
                    )
                    return
                time.sleep(0.002)
        self._inbox.put(event)


def _is_live(camera: CameraConfig) -> bool:
    """It may come later than the station; a recording is there, or is named wrongly."""
    source = camera.source
    is_file = isinstance(source, OpenCvCameraSource) and source.is_file
    return not (is_file or isinstance(source, FolderCameraSource))
