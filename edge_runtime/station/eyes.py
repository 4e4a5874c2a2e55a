"""One camera as the core sees it: health of its frames, regions in them; and what people are told of it."""

from __future__ import annotations

from edge_runtime.config import CameraConfig, FolderCameraSource
from edge_runtime.live.status import CameraStatus
from vision.health import FrameExpectation, FrameMemory, frame_health
from vision.silhouette import Region, find_regions
from vision.types import Frame, FrameFault, FrameHealth


class FrameEyes:
    """Keeps what must be remembered of a camera between frames.

    Args:
        camera: its configuration.
        diameter_px: nominal diameter of a ball in its pictures; None: regions are not looked for.

    Attributes:
        newest: health of the newest frame; frames: how many there were; arrived_ns: when it came (monotonic).
    """

    def __init__(self, camera: CameraConfig, diameter_px: float | None) -> None:
        geometry, limits = camera.geometry, camera.limits
        self._diameter_px = diameter_px
        self._expected = FrameExpectation(
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            pixel_format=geometry.pixel_format,
            fiducials=camera.fiducials,
            reference_background=camera.reference_background,
            reference_bgr=camera.reference_bgr,
            background_min=limits.background_min,
            background_max=limits.background_max,
            background_drop_share=limits.background_drop_share,
            shift_max_px=limits.shift_max_px,
            contrast_min=limits.contrast_min,
            focus_max_px=limits.focus_max_px,
            check_frozen=not isinstance(camera.source, FolderCameraSource),
        )
        self._memory = FrameMemory()
        self._fault = FrameFault.OK
        self._name = camera.name
        self.newest = FrameHealth(FrameFault.OK)
        self.frames = 0
        self.arrived_ns = 0

    def health(self, frame: Frame) -> FrameHealth:
        """Health of the next frame of this camera."""
        health, self._memory = frame_health(frame.image, frame.pixel_format, self._expected, self._memory)
        self.newest, self.arrived_ns = health, frame.arrived_ns
        self.frames += 1
        return health

    def fault_is_new(self, fault: FrameFault) -> bool:
        """True when the last frame's fault was another one, so that a lasting fault is told once."""
        new = fault is not self._fault
        self._fault = fault
        return new and fault is not FrameFault.OK

    def regions(self, frame: Frame, background_level: float) -> tuple[Region, ...]:
        """Dark regions that may be balls."""
        if self._diameter_px is None:
            return ()
        return find_regions(frame.image, self._diameter_px, background_level)

    def status(self, silent: str | None) -> CameraStatus:
        """For the page and the terminal; `silent` says why no frames come, None while they do."""
        health, expected = self.newest, self._expected
        figures = health.figures
        marks = bool(expected.fiducials)
        return CameraStatus(
            name=self._name,
            fault=health.fault.value if silent is None else "silent",
            detail=health.detail if silent is None else silent,
            frames=self.frames,
            last_frame_mono_ns=self.arrived_ns,
            background=figures.get("background"),
            reference_background=expected.reference_background,
            background_min=expected.background_min,
            focus_px=figures.get("mark_edge_px"),
            focus_max_px=expected.focus_max_px if marks else None,
            shift_px=figures.get("mark_shift_px"),
            shift_max_px=expected.shift_max_px if marks else None,
        )
