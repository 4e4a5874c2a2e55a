"""Cameras that send nothing while the belt moves: not there, whatever their drivers say."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.config import CameraConfig

#: exposures that may be missing in a row before a camera counts as silent while the belt moves
SILENT_EXPOSURES = 6


class Silence:
    """Knows where the belt was at each camera's last frame (endless counts)."""

    def __init__(self, cameras: Iterable[CameraConfig]) -> None:
        self._every = {camera.name: camera.exposure.every_counts for camera in cameras}
        self._seen_at: dict[str, int] = {}

    def seen(self, camera: str, position: int) -> None:
        """A frame of this camera has come."""
        self._seen_at[camera] = position

    def silent(self, position: int) -> list[str]:
        """Cameras that should have sent something by now."""
        return [
            name
            for name, every in self._every.items()
            if position - self._seen_at.setdefault(name, position) > SILENT_EXPOSURES * every
        ]

    def clear(self) -> None:
        """Positions begin anew."""
        self._seen_at.clear()
