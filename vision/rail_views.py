"""One tile looked at several times, mirrored, and what was seen put together.

A rail has no left or right, and no direction in which it must be read: a mark is one however
the tile is turned over. Looking again costs time, which a rail yard has, and steadies boxes and
scores. Neighbour: `vision.rail` calls this for every tile.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from vision.types import Detections, Float32Array, UInt8Array

#: Boxes of one label that overlap by this much in two views are one mark.
SAME_MARK_IOU = 0.5


class TileDetector(Protocol):
    """What looks at a tile (`vision.detector.Detector` is one)."""

    def detect(self, image: UInt8Array, min_score: float = ...) -> Detections:
        """Boxes in one picture, in its pixels."""


def detect_views(detector: TileDetector, tile: UInt8Array, views: int, min_score: float) -> Detections:
    """Look at a tile 1, 2 (and left-right) or 4 times (and upside down, and both).

    Boxes of one mark are averaged, weighted by score; its score is the mean of as many boxes as there
    are views, the strongest, missing ones counting as 0, so that a mark seen in one view only counts
    little (weighted boxes fusion, Solovyev et al. 2021).

    Args:
        detector: of the rail station.
        tile: (S, S) uint8.
        views: 1, 2 or 4.
        min_score: boxes below it are left out, after averaging.

    Raises:
        ContractError: the model failed, or gave rubbish.
    """
    if views == 1:
        return detector.detect(tile, min_score)
    boxes, score, class_id = [], [], []
    labels: tuple[str, ...] = ()
    for view in range(views):
        # A mark may be weak in one view and strong in the others.
        found = detector.detect(np.ascontiguousarray(_mirror(tile, view)), min_score / 2.0)
        boxes.append(_back(found.xyxy_px, view, tile.shape[1], tile.shape[0]))
        score.append(found.score)
        class_id.append(found.class_id)
        labels = found.labels
    seen = _Seen(np.concatenate(boxes), np.concatenate(score), np.concatenate(class_id))
    return _fused(seen, labels, views, min_score)


class _Seen(NamedTuple):
    """Boxes (N, 4) of all views, their scores and classes (N,)."""

    boxes: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]


def _mirror(tile: UInt8Array, view: int) -> UInt8Array:
    tile = tile[:, ::-1] if view & 1 else tile
    return tile[::-1] if view & 2 else tile


def _back(boxes: Float32Array, view: int, width_px: int, height_px: int) -> Float32Array:
    x1, y1, x2, y2 = boxes.T
    if view & 1:
        x1, x2 = width_px - x2, width_px - x1
    if view & 2:
        y1, y2 = height_px - y2, height_px - y1
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.float32)


def _fused(seen: _Seen, labels: tuple[str, ...], views: int, min_score: float) -> Detections:
    order = np.argsort(-seen.score, kind="stable")
    free = np.ones(len(order), bool)
    boxes, scores, classes = [], [], []
    for best in order:
        if not free[best]:
            continue
        alike = (_ious(seen.boxes[best], seen.boxes) >= SAME_MARK_IOU) & (
            seen.class_id == seen.class_id[best]
        )
        alike[best] = True
        members = [k for k in order if free[k] and alike[k]]
        free[members] = False
        # All boxes of the mark place it, those of one view, too; for the score no more boxes than views.
        weight = seen.score[members].astype(np.float64)
        # Boxes of score 0, which min_score 0 lets in, still have a place.
        share = np.maximum(weight, 1e-9)
        boxes.append((seen.boxes[members] * share[:, None]).sum(axis=0) / share.sum())
        scores.append(weight[:views].sum() / views)
        classes.append(seen.class_id[best])
    total = np.array(scores, np.float32)
    keep = [k for k in np.argsort(-total, kind="stable") if total[k] >= min_score]
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(corners[keep], total[keep], np.array(classes, np.int64)[keep], labels)


def _ious(one: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """IoU of one box (4,) with others (N, 4)."""
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[2:], others[:, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1).astype(np.float64)
    area = (others[:, 2:] - others[:, :2]).prod(axis=1) + (one[2:] - one[:2]).prod() - shared
    share = np.zeros(len(others))
    np.divide(shared, area, out=share, where=area > 0.0)
    return share
