"""Pairs found boxes with labelled ones, as COCO does it.

Within one picture and class, findings take their turn by falling score; each takes the free labelled
box that it overlaps most, if that reaches the least IoU. So what a finding is paired with never
depends on findings of lower score, and one matching serves every threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.scoring.pictures import IntArray, Scored, ScoredPicture
from vision.types import Float32Array

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
#: COCO looks at no more findings of one class in one picture.
MAX_FOUND = 100


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Findings and labelled boxes of one class over all pictures, paired at one IoU.

    Attributes:
        score: (D,) of the findings, falling; `picture` (D,) where; `index` (D,) which there.
        real: (D,) whether the finding has a labelled box.
        truth_score: (T,) score of the finding that each labelled box has; -1 without one.
        truth_picture, truth_index: (T,) where it lies, and its index in that picture's truth.
    """

    score: Float64Array
    picture: IntArray
    index: IntArray
    real: BoolArray
    truth_score: Float64Array
    truth_picture: IntArray
    truth_index: IntArray


def iou(first: Float32Array, second: Float32Array) -> Float64Array:
    """Intersection over union of boxes (N, 4) and (M, 4), xyxy: (N, M), 0 for empty boxes."""
    a, b = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared = np.clip(width, 0.0, None) * np.clip(height, 0.0, None)
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    union = area_a + area_b - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0), np.float64)


def match_class(
    scored: Scored, class_id: int, least_iou: float, most_found: int | None = MAX_FOUND
) -> Matched:
    """Pair one class over all pictures.

    Args:
        scored: pictures.
        class_id: the class.
        least_iou: from which a finding and a labelled box are a pair.
        most_found: findings looked at in one picture, the best ones (COCO's rule); None: all of them,
            for pictures of a whole rail.
    """
    scores: list[Float64Array] = []
    indices: list[IntArray] = []
    owners: list[IntArray] = []
    partners: list[IntArray] = []
    truth_scores: list[Float64Array] = []
    truth_owners: list[IntArray] = []
    truth_indices: list[IntArray] = []
    for number, picture in enumerate(scored.pictures):
        found = np.flatnonzero(picture.found.class_id == class_id)
        truth = np.flatnonzero(picture.truth_class == class_id)
        if not len(found) and not len(truth):
            continue
        order = np.argsort(-picture.found.score[found], kind="stable")
        found = found[order][:most_found]
        score = picture.found.score[found].astype(np.float64)
        partner = _pair(iou(picture.found.xyxy_px[found], picture.truth_xyxy_px[truth]), least_iou)
        truth_score = np.full(len(truth), -1.0)
        truth_score[partner[partner >= 0]] = score[partner >= 0]
        scores.append(score)
        indices.append(found)
        owners.append(np.full(len(found), number, np.int64))
        partners.append(partner)
        truth_scores.append(truth_score)
        truth_owners.append(np.full(len(truth), number, np.int64))
        truth_indices.append(truth)
    score = _floats(scores)
    order = np.argsort(-score, kind="stable")
    return Matched(
        score=score[order],
        picture=_integers(owners)[order],
        index=_integers(indices)[order],
        real=_integers(partners)[order] >= 0,
        truth_score=_floats(truth_scores),
        truth_picture=_integers(truth_owners),
        truth_index=_integers(truth_indices),
    )


def match_all(scored: Scored, least_iou: float) -> dict[str, Matched]:
    """`match_class` for every label."""
    return {label: match_class(scored, index, least_iou) for index, label in enumerate(scored.labels)}


def overlaps(picture: ScoredPicture, class_id: int | None, threshold: float) -> Float64Array:
    """Per labelled box of a picture, (K,), the largest IoU with a finding at or above the threshold.

    Args:
        picture: one picture.
        class_id: findings of this class; None: of any.
        threshold: score.
    """
    wanted = picture.found.score >= threshold
    if class_id is not None:
        wanted &= picture.found.class_id == class_id
    if not wanted.any():
        return np.zeros(len(picture.truth_class))
    found = picture.found.xyxy_px[wanted]
    return np.asarray(iou(picture.truth_xyxy_px, found).max(axis=1, initial=0.0), np.float64)


def confusion(scored: Scored, thresholds: dict[str, float], least_iou: float) -> IntArray:
    """Counts [true label or nothing][found label or nothing], both (L + 1): the last is 'nothing'.

    Findings at or above their threshold are paired with labelled boxes of any class, best score first.
    """
    count = len(scored.labels)
    limits = np.array([thresholds[label] for label in scored.labels], np.float64)
    table = np.zeros((count + 1, count + 1), np.int64)
    for picture in scored.pictures:
        found = picture.found
        kept = np.flatnonzero(found.score >= limits[found.class_id]) if len(found) else np.empty(0, np.int64)
        kept = kept[np.argsort(-found.score[kept], kind="stable")]
        partner = _pair(iou(found.xyxy_px[kept], picture.truth_xyxy_px), least_iou)
        rows = np.where(partner >= 0, np.append(picture.truth_class, count)[partner], count)
        np.add.at(table, (rows, found.class_id[kept]), 1)
        missed = np.setdiff1d(np.arange(len(picture.truth_class)), partner)
        np.add.at(table, (picture.truth_class[missed], np.full(len(missed), count)), 1)
    return table


def _pair(overlap: Float64Array, least_iou: float) -> IntArray:
    """Partner of each finding (row), in order of score; -1 without one."""
    partner = np.full(overlap.shape[0], -1, np.int64)
    free = np.ones(overlap.shape[1], np.bool_)
    for row in range(overlap.shape[0]):
        if not free.any():
            break
        value = np.where(free, overlap[row], -1.0)
        # COCO takes the last of equal overlaps.
        best = len(value) - 1 - int(value[::-1].argmax())
        if value[best] >= min(least_iou, 1.0 - 1e-10):
            partner[row], free[best] = best, False
    return partner


def _floats(parts: list[Float64Array]) -> Float64Array:
    return np.concatenate(parts) if parts else np.empty(0, np.float64)


def _integers(parts: list[IntArray]) -> IntArray:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
