"""Windows cut out of a picture together with the boxes in them, and their change of size.

Neighbours: the builders of the steel set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.records import BoxRecord
from vision.types import UInt8Array

#: A piece of a mark that sticks into a window by less than this is too little to be told as one.
LEAST_SIDE_PX = 4.0


@dataclass(frozen=True, slots=True)
class Window:
    """A region of a picture in whole pixels, `width_px` x `height_px` from (`left_px`, `top_px`)."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


def cut(
    pixels: UInt8Array, boxes: Iterable[BoxRecord], window: Window, longest_px: int
) -> tuple[UInt8Array, tuple[BoxRecord, ...]]:
    """Cut a window out and shrink it so that its longer side has at most `longest_px`.

    Boxes are clipped to the window, for a crop shows only that part of the mark; outlines are dropped.
    """
    part = pixels[
        window.top_px : window.top_px + window.height_px, window.left_px : window.left_px + window.width_px
    ]
    scale = min(1.0, longest_px / max(window.width_px, window.height_px))
    if scale < 1.0:
        size = (round(window.width_px * scale), round(window.height_px * scale))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    height_px, width_px = part.shape[:2]
    zoom_x, zoom_y = width_px / window.width_px, height_px / window.height_px
    kept = []
    for box in boxes:
        x1, x2 = ((value - window.left_px) * zoom_x for value in box.xyxy_px[0::2])
        y1, y2 = ((value - window.top_px) * zoom_y for value in box.xyxy_px[1::2])
        inside = (max(0.0, x1), max(0.0, y1), min(float(width_px), x2), min(float(height_px), y2))
        across, down = inside[2] - inside[0], inside[3] - inside[1]
        if min(across, down) <= 0 or (inside != (x1, y1, x2, y2) and min(across, down) < LEAST_SIDE_PX):
            continue
        edges = (round(inside[0], 3), round(inside[1], 3), round(inside[2], 3), round(inside[3], 3))
        area = round(across * down)
        kept.append(BoxRecord(label=box.label, xyxy_px=edges, area_px=area, fine=box.fine, origin=box.origin))
    return np.ascontiguousarray(part), tuple(kept)


def along(width_px: int, height_px: int, longest_px: int) -> list[Window]:
    """Windows that cover a picture along its longer side, none longer than `longest_px`, evenly laid."""
    longer = max(width_px, height_px)
    count = -(-longer // longest_px)
    if count == 1:
        return [Window(0, 0, width_px, height_px)]
    side = min(longest_px, -(-longer // count) + longest_px // 8)
    starts = [round(place) for place in np.linspace(0, longer - side, count)]
    if width_px >= height_px:
        return [Window(start, 0, side, height_px) for start in starts]
    return [Window(0, start, width_px, side) for start in starts]
