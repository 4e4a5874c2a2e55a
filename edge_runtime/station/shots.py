"""Pictures of what matters, on their way to the recorder: never encoded here, never waited for."""

from __future__ import annotations

import time
from math import ceil

from edge_runtime.config import CameraConfig, StationConfig
from edge_runtime.parts import ROI_HALF_SHARE, Part
from edge_runtime.shm_ring import RingWriter, picture_ring_name
from vision.types import Decision, Verdict, View

#: most slots of the ring: some 20 rejected parts in a row before the oldest is overwritten
SLOTS = 192
SLOTS_MIN = 4
#: memory for the ring; large views get fewer slots
RING_BYTES_MAX = 48 << 20


def _view_pixels(camera: CameraConfig, config: StationConfig, d_nominal_mm: float) -> int:
    """Pixels of the largest view that is ever cut out of this camera's frames."""
    geometry = camera.geometry
    if config.line is None:
        return geometry.width_px * geometry.height_px
    diameter_px = d_nominal_mm * 1000.0 / config.line.um_per_count * geometry.px_per_count
    side_px = ceil(2.0 * ROI_HALF_SHARE * diameter_px) + 2
    return min(geometry.width_px, side_px) * min(geometry.height_px, side_px)


class PictureSender:
    """Writes the views of rejected and of every Nth accepted part into the picture ring."""

    def __init__(self, config: StationConfig, d_nominal_mm: float) -> None:
        largest = max(_view_pixels(camera, config, d_nominal_mm) for camera in config.cameras)
        # Three channels whatever the file says: a camera may come back in colour.
        slot_bytes = 3 * largest
        slots = max(SLOTS_MIN, min(SLOTS, RING_BYTES_MAX // slot_bytes))
        self._ring = RingWriter(picture_ring_name(config.name), slots, slot_bytes)
        self._every = config.storage.accept_picture_every
        self._accepted = 0

    def send(self, part: Part, verdict: Verdict, views: list[View]) -> int:
        """Keep the views of this part if they matter; returns how many did not fit the ring."""
        if verdict.decision is Decision.ACCEPT:
            self._accepted += 1
            if not self._every or self._accepted % self._every:
                return 0
        not_kept = 0
        for view in views:
            if not 0 < view.image.nbytes <= self._ring.payload_bytes:
                not_kept += 1
                continue
            height, width = view.image.shape[:2]
            header = {
                "part": str(part.part_id),
                "camera": view.camera,
                "view_index": view.index,
                "height": height,
                "width": width,
                "channels": 1 if view.image.ndim == 2 else view.image.shape[2],
                "utc_ns": time.time_ns(),
                "kind": verdict.decision.name.lower(),
            }
            self._ring.write(header, view.image)
        return not_kept

    def close(self, *, leave: bool) -> None:
        """Remove the ring, or leave it to the recorder, which may not be through yet."""
        self._ring.close(leave=leave)
