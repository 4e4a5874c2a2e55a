"""What every camera looks like to the loop, and what a capture thread tells about it.

Neighbours: `shm`, `folder` and `opencv` are the cameras, `capture.CaptureThread` reads
one of them in a thread of its own and hands `CaptureEvent`s to the station's loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from vision.types import Frame

LossCause = Literal[
    "ring_overrun",
    "number_gap",
    "number_reset",
    "unreadable",
    "stale",
    "repeated",
    "camera_error",
    "inbox_full",
]


@dataclass(frozen=True, slots=True)
class FrameEvent:
    """A picture came."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class LostFramesEvent:
    """Pictures that were taken, or should have been, and will never come.

    Attributes:
        camera: name in the station file.
        count: pictures lost; 0 with `number_reset` (the camera began its numbers anew, how
            many are missing cannot be known) and with `camera_error` (an outage of unknown length).
        cause: `ring_overrun` the reader was too slow; `number_gap` the camera's numbers jump;
            `unreadable` the picture was there but cannot be decoded; `stale` it waited too long in
            the driver's buffer; `repeated` the same picture came again and was not handed on.
        detail: for people: which file, which numbers.
    """

    camera: str
    count: int
    cause: LossCause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CameraDownEvent:
    """The camera gives no pictures any more; the thread keeps trying to open it again."""

    camera: str
    reason: str


@dataclass(frozen=True, slots=True)
class CameraReopenedEvent:
    """Opened again after an outage; no picture yet, and none may come while the belt stands."""

    camera: str


@dataclass(frozen=True, slots=True)
class CameraUpEvent:
    """The first picture after start, after an outage, or in another shape than before."""

    camera: str
    reason: str


@dataclass(frozen=True, slots=True)
class CameraEndedEvent:
    """A recording is at its end; nothing follows."""

    camera: str


CaptureEvent = (
    FrameEvent | LostFramesEvent | CameraDownEvent | CameraReopenedEvent | CameraUpEvent | CameraEndedEvent
)


class Camera(Protocol):
    """A source of pictures. One thread uses it; `setup` may be called again after `teardown`."""

    @property
    def name(self) -> str:
        """Name in the station file."""
        ...

    @property
    def finished(self) -> bool:
        """True once a recording is at its end; never for a live camera."""
        ...

    def setup(self) -> None:
        """Open it.

        Raises:
            CameraError: it cannot be opened.
        """
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Next picture, waiting at most about `timeout_s`; None when none came.

        `arrived_ns` is `time.monotonic_ns()` when the picture was whole in memory.

        Raises:
            CameraError: the camera is lost; `teardown` and `setup` may bring it back.
        """
        ...

    def take_losses(self) -> list[LostFramesEvent]:
        """Losses the camera itself knows of since the last call; they lie before the picture read last."""
        ...

    def teardown(self) -> None:
        """Let go of device, memory and sockets; harmless when nothing is open."""
        ...
