"""Pictures of what matters, on their way to the recorder: never encoded here, never waited for."""

from __future__ import annotations

import time

from edge_runtime.config import StationConfig
from edge_runtime.parts import Part
from edge_runtime.shm_ring import RingWriter, picture_ring_name
from vision.types import Decision, Verdict, View

#: slots of the ring: some 20 rejected parts in a row before the oldest is overwritten
SLOTS = 192
#: widest view that is kept, both sides, pixels times channels
MAX_BYTES = 512 * 512 * 3


class PictureSender:
    """Writes the views of rejected and of every Nth accepted part into the picture ring."""

    def __init__(self, config: StationConfig) -> None:
        widest = max(camera.geometry.height_px * camera.geometry.width_px for camera in config.cameras)
        channels = 3 if any(camera.geometry.pixel_format == "bgr8" for camera in config.cameras) else 1
        self._ring = RingWriter(picture_ring_name(config.name), SLOTS, min(MAX_BYTES, widest * channels))
        self._every = config.storage.accept_picture_every
        self._accepted = 0

    def send(self, part: Part, verdict: Verdict, views: list[View]) -> None:
        """Keep the views of this part if they matter."""
        if verdict.decision is Decision.ACCEPT:
            self._accepted += 1
            if not self._every or self._accepted % self._every:
                return
        for view in views:
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

    def close(self, *, leave: bool) -> None:
        """Remove the ring, or leave it to the recorder, which may not be through yet."""
        self._ring.close(leave=leave)
