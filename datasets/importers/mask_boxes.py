"""Boxes from a mask: pieces that lie close together are one mark.

Neighbours: `importers.masks` walks a folder of masks; `build.steel_tiles` reads the magnetic tiles.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.records import BoxRecord
from vision.types import UInt8Array


def boxes_of_mask(
    mask: UInt8Array, label: str, *, join_px: int = 0, least_px: int = 1
) -> tuple[BoxRecord, ...]:
    """One box for each connected piece of a mask, from the top left on.

    Args:
        mask: (H, W) uint8, not 0 where the mark is.
        label: of every box.
        join_px: pieces up to this far apart count as one; the box holds the mask's own pixels.
        least_px: pieces with fewer pixels are left out (dust of a hand-drawn mask).
    """
    marked = (mask > 0).astype(np.uint8)
    joined = marked
    if join_px:
        side = 2 * (join_px // 2) + 1
        joined = np.asarray(cv2.dilate(marked, np.ones((side, side), np.uint8)), np.uint8)
    count, pieces = cv2.connectedComponents(joined, connectivity=8)
    boxes = []
    for number in range(1, count):
        ys, xs = np.nonzero((pieces == number) & (marked > 0))
        if len(xs) < least_px:
            continue
        edges = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
        boxes.append(BoxRecord(label=label, xyxy_px=edges, area_px=len(xs)))
    return tuple(boxes)
