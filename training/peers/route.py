"""Our whole route on a line frame: find the balls by their silhouettes, cut them out, look at them at ball
size.

The steps are the station's own (`vision.health`, `vision.silhouette`, `vision.preprocess`,
`vision.detector`); what it does beside them, measuring and judging, is no part of the task that is compared.
Neighbour: `line_task`.
"""

from __future__ import annotations

import math

import numpy as np

from vision.detector import Detector
from vision.health import background_level
from vision.preprocess import square_crop
from vision.silhouette import Region, find_regions
from vision.types import Detections, UInt8Array

#: a view is that much larger than the ball, as the tracker cuts it
_VIEW_OVER_BALL = 1.6


def look_at_frame(
    frame: UInt8Array, detector: Detector, diameter_px: float, min_score: float
) -> tuple[Detections, int]:
    """Findings of all balls in a frame, in its pixels, scores falling; and how many balls there were.

    Args:
        frame: (H, W) mono8 of a backlit line.
        detector: of the ball station.
        diameter_px: nominal, in the frame.
        min_score: findings below are left out.

    Raises:
        ContractError: the model failed.
    """
    level = background_level(frame)
    crops, corners = [], []
    for coarse in find_regions(frame, diameter_px, level):
        left, top, right, bottom = _view(frame, coarse, diameter_px)
        view = frame[top:bottom, left:right]
        # As `vision.ball_outline.place_ball` does it: once more in the view, on a finer grid.
        regions = find_regions(view, diameter_px, level, shrink=2)
        if not regions:
            continue
        x, y = coarse.box_centre_xy_px
        region = min(regions, key=lambda one: math.dist(one.box_centre_xy_px, (x - left, y - top)))
        crop, corner = square_crop(view, region.xyxy_px, detector.contract.crop_margin)
        crops.append(crop)
        corners.append((corner[0] + left, corner[1] + top))
    found = [
        boxes.shifted(*corner)
        for boxes, corner in zip(detector.detect_many(crops, min_score), corners, strict=True)
    ]
    return _together(found, detector.contract.labels), len(crops)


def _view(frame: UInt8Array, region: Region, diameter_px: float) -> tuple[int, int, int, int]:
    """What the tracker would cut around it: left, top, right, bottom."""
    x, y = region.box_centre_xy_px
    height, width = frame.shape
    half = _VIEW_OVER_BALL / 2.0 * max(diameter_px, region.width_px, region.height_px)
    left, top = max(0, round(x - half)), max(0, round(y - half))
    return left, top, min(width, round(x + half)), min(height, round(y + half))


def _together(found: list[Detections], labels: tuple[str, ...]) -> Detections:
    found = [one for one in found if len(one)]
    if len(found) < 2:
        return found[0] if found else Detections.empty(labels)
    score = np.concatenate([one.score for one in found])
    order = np.argsort(-score, kind="stable")
    boxes = np.concatenate([one.xyxy_px for one in found])
    classes = np.concatenate([one.class_id for one in found])
    return Detections(boxes[order], score[order], classes[order], labels)
