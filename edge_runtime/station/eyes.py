"""One camera as the core sees it: health of its frames, regions in them."""

from __future__ import annotations

from edge_runtime.config import CameraConfig, FolderCameraSource
from vision.health import FrameExpectation, FrameMemory, frame_health
from vision.silhouette import Region, find_regions
from vision.types import Frame, FrameFault, FrameHealth


class FrameEyes:
    """Keeps what must be remembered of a camera between frames.

    Args:
        camera: its configuration.
        diameter_px: nominal diameter of a ball in its pictures; None: regions are not looked for.
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

    def health(self, frame: Frame) -> FrameHealth:
        """Health of the next frame of this camera."""
        health, self._memory = frame_health(frame.image, frame.pixel_format, self._expected, self._memory)
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
