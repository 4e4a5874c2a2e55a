"""Frames on their way to the inspector: health, the views that are due in them, what else lies in them.

Neighbours: `core` hands its frames in and has the views inspected; `eyes` judges one camera's frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.config import CameraConfig
from edge_runtime.parts import DueView, Part, Untriggered
from edge_runtime.station.eyes import FrameEyes
from edge_runtime.station.holds import Holds
from edge_runtime.station.look import Asked
from edge_runtime.station.ports import Tracker
from edge_runtime.station.silence import Silence
from vision.types import Frame, FrameFault, FrameHealth, View


class Fault(Protocol):
    """Names a fault in the books."""

    def __call__(self, code: str, detail: str = "", count: int = 1, camera: str | None = None) -> None:
        """Once, or `count` times."""


@dataclass(frozen=True, slots=True)
class Healthy:
    """A frame in which balls that nobody has announced can be looked for."""

    frame: Frame
    background: float


class Intake:
    """Takes frames in.

    Args:
        cameras: the station's cameras.
        tracker: assigns regions to parts.
        holds: a camera's hold goes with its next frame.
        counts: of the station.
        fault: names faults.

    Attributes:
        eyes: of each camera.
        in_frame: the views that the newest frame of each camera gave.
    """

    def __init__(
        self,
        cameras: Sequence[CameraConfig],
        tracker: Tracker,
        holds: Holds,
        counts: Counter[str],
        fault: Fault,
    ) -> None:
        self.eyes = {camera.name: FrameEyes(camera, tracker.diameter_px(camera.name)) for camera in cameras}
        self.in_frame: dict[str, list[tuple[Part, DueView, View]]] = {}
        self._tracker = tracker
        self._holds = holds
        self._counts = counts
        self._fault = fault
        self._silence = Silence(cameras)
        self._opened: set[str] = set()

    def down(self, camera: str, reason: str) -> None:
        """A camera gives no pictures any more."""
        self._opened.discard(camera)
        self._holds.hold(f"camera_{camera}", reason)

    def reopened(self, camera: str) -> None:
        """It is open again; its next frame releases its hold, or `belt_stands` does."""
        self._opened.add(camera)

    def belt_stands(self) -> None:
        """No frame can come now: a camera that is open again is as good as one that was just started.

        Else a latched belt would wait for the station, and the station for a frame of that belt. Should the
        camera stay silent, that is noticed within some exposures once the belt moves.
        """
        for camera in self._opened:
            self._holds.release(f"camera_{camera}")
        self._opened.clear()

    def clear(self) -> None:
        """Positions begin anew."""
        self._silence.clear()

    def silent(self, position: int) -> Iterable[str]:
        """Cameras that should have sent something by now."""
        return self._silence.silent(position)

    def take(self, frames: Sequence[Frame]) -> tuple[list[Asked], list[Healthy]]:
        """Views that are due in these frames, and the frames that are healthy."""
        asked: list[Asked] = []
        healthy: list[Healthy] = []
        for frame in frames:
            health = self._health(frame)
            background = health.figures.get("background")
            fault = None if health.fault is FrameFault.OK else health.fault
            views = self._tracker.on_frame(frame, background, fault)
            self.in_frame[frame.camera] = views
            if self._tracker.out_of_order:
                self._fault("frames_out_of_order", count=self._tracker.out_of_order, camera=frame.camera)
                self._tracker.out_of_order = 0
            asked += [Asked(*item, fault) for item in views]
            if self._tracker.now is not None:
                self._silence.seen(frame.camera, self._tracker.now)
            if fault is None and background is not None:
                healthy.append(Healthy(frame, background))
        return asked, healthy

    def strays(self, found: Healthy) -> list[Untriggered]:
        """Balls in a healthy frame that no part claims, each told once."""
        regions = self.eyes[found.frame.camera].regions(found.frame, found.background)
        return self._tracker.strays(found.frame, regions)

    def _health(self, frame: Frame) -> FrameHealth:
        self._counts["frames"] += 1
        self._opened.discard(frame.camera)
        hold = f"camera_{frame.camera}"
        if hold in self._holds.reasons:
            self._holds.release(hold)
        eyes = self.eyes[frame.camera]
        health = eyes.health(frame)
        if eyes.fault_is_new(health.fault):
            self._fault(f"frame_{health.fault.value}", health.detail, camera=frame.camera)
        return health
