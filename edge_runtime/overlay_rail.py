"""Drawing what was found on a picture of a rail, for people.

Neighbours: `ferrogate inspect --station rail --overlays`; `edge_runtime.overlay` has the strokes that
pictures of balls share. Only draws: what is found, and what it means, is decided in `vision`.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_runtime.overlay import BLUE, boxes_on, canvas_of, scale_of, with_words
from vision.rail import RailFindings
from vision.types import Decision, Detections, UInt8Array

#: A head darker than this is drawn brighter, up to this grey ...
_READABLE_GREY = 90.0
#: ... and by at most this factor.
_LARGEST_GAIN = 12.0


def draw_rail_overlay(
    image: UInt8Array,
    detections: Detections,
    findings: RailFindings,
    decision: Decision,
    reasons: tuple[str, ...] = (),
) -> UInt8Array:
    """Draw boxes, the head's edges and the verdict on a copy of a picture.

    Pictures too dark for an eye are drawn brighter, and the words say by how much.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        detections: boxes in pixels of `image`.
        findings: of the same picture, for the head's edges.
        decision: colours the frame.
        reasons: words for the line under the picture.

    Returns:
        (H + text height, W, 3) bgr8: the text stands below the picture, so that it hides nothing of it.
    """
    head = findings.head
    gain = min(_LARGEST_GAIN, max(1.0, _READABLE_GREY / max(head.grey, 1.0)))
    canvas = canvas_of(image if gain == 1.0 else np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8))
    scale = scale_of(canvas)
    if findings.found:
        length = canvas.shape[1] if findings.turned else canvas.shape[0]
        rows = np.linspace(0.0, length, 33)
        for offset in (0.0, head.width_px):
            edge = np.stack([head.start_px(rows) + offset, rows], axis=1)
            line = edge[:, ::-1] if findings.turned else edge
            cv2.polylines(canvas, [np.rint(line).astype(np.int32)], False, BLUE, max(1, round(scale * 2)))
    boxes_on(canvas, detections, scale)
    words = "head found" if findings.found else "no head found"
    if gain > 1.0:
        words += f", drawn {gain:.1f} times brighter"
    return with_words(canvas, decision, reasons, words, scale)
