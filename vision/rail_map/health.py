"""Whether a scan's picture proves anything: is there one, in light, and not the one before again?

That a rail is in it is looked for along the whole strip (`track`), since one picture may lie beyond the
rail's end. Neighbours: `vision.health` has the rules that all stations share, `map` asks for every frame.
"""

from __future__ import annotations

import numpy as np

from vision.health import FrameExpectation, FrameMemory, frame_health
from vision.rail_map.types import Note
from vision.silhouette import as_grey
from vision.types import FrameFault, PixelFormat, UInt8Array

#: Greys between the 1st and the 99.5th percentile below which a picture shows nothing.
_LEAST_RANGE = 4.0
#: Sides of a picture below which nothing can be said of it.
_LEAST_SIDE_PX = 16
#: Faults of `vision.health` that hold for a scan, too; its levels and marks are those of a bright ground.
_SHARED = frozenset({FrameFault.SHAPE, FrameFault.SATURATED, FrameFault.FROZEN})


def picture_fault(image: UInt8Array | None, memory: FrameMemory) -> tuple[Note | None, FrameMemory]:
    """Why a picture proves nothing.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8; None: it could not be read.
        memory: of the camera's picture before.

    Returns:
        (what is wrong or None, memory for the next picture).
    """
    if image is None:
        return Note(code="unreadable"), memory
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim not in (2, 3):
        return Note(code="shape_bits"), memory
    if image.ndim == 3 and image.shape[2] != 3:
        return Note(code="shape_channels", values={"count": image.shape[2]}), memory
    if min(image.shape[:2]) < _LEAST_SIDE_PX:
        sides = {"width": image.shape[1], "height": image.shape[0]}
        return Note(code="shape_small", values=sides), memory
    colours: PixelFormat = "mono8" if image.ndim == 2 else "bgr8"
    expected = FrameExpectation(
        image.shape[1], image.shape[0], colours, background_min=0.0, background_max=255.0
    )
    health, after = frame_health(image, colours, expected, memory)
    if health.fault in _SHARED:
        clipped = {"percent": round(100.0 * health.figures.get("clipped_share", 0.0))}
        values = clipped if health.fault is FrameFault.SATURATED else {}
        return Note(code=str(health.fault), values=values), after
    low, high = np.percentile(as_grey(image[::7, ::3]), (1, 99.5))
    if high - low < _LEAST_RANGE:
        return Note(code="black", values={"greys": round(high - low)}), after
    return None, after
