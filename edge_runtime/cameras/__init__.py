"""Cameras: everything that makes frames, behind one protocol.

Neighbours: `edge_runtime.config` says which camera, `edge_runtime.cameras.capture` reads it.
"""

from __future__ import annotations

from edge_runtime.cameras.base import Camera
from edge_runtime.cameras.folder import FolderCamera
from edge_runtime.cameras.opencv import OpenCvCamera
from edge_runtime.cameras.shm import ShmCamera
from edge_runtime.config import CameraConfig, FolderCameraSource, ShmCameraSource

__all__ = ["Camera", "open_camera"]


def open_camera(config: CameraConfig) -> Camera:
    """The camera that a station file names, not opened yet (`setup` does that)."""
    if isinstance(config.source, ShmCameraSource):
        return ShmCamera(config.name, config.source)
    if isinstance(config.source, FolderCameraSource):
        return FolderCamera(config.name, config.source)
    return OpenCvCamera(config.name, config.source, config.geometry.pixel_format)
