"""Average precision in numpy, with a weight for each picture, so that resampling costs no new matching.

The same figure as COCO's (101 recall points, precision made to fall); `coco` computes it with
faster-coco-eval, and a test holds the two together.
"""

from __future__ import annotations

import numpy as np

from datasets.scoring.matching import Float64Array, Matched, match_all
from datasets.scoring.pictures import IntArray, Scored

COCO_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
_RECALL_POINTS = np.linspace(0.0, 1.0, 101)


def precision_recall(matched: Matched, weight: IntArray | None = None) -> tuple[Float64Array, Float64Array]:
    """Precision (made to fall) and recall after each finding, both (D,).

    Args:
        matched: findings of one class.
        weight: (P,) how often each picture counts; None: once.

    Returns:
        Two empty arrays where there is no labelled box.
    """
    count = _counts(matched, weight)
    objects = float(_truths(matched, weight))
    if objects == 0.0:
        return np.empty(0), np.empty(0)
    real = np.cumsum(count * matched.real)
    total = np.cumsum(count)
    precision = np.divide(real, total, out=np.zeros(len(total)), where=total > 0)
    return np.maximum.accumulate(precision[::-1])[::-1], real / objects


def average_precision(matched: Matched, weight: IntArray | None = None) -> float:
    """Average precision of one class, 0..1; nan where there is no labelled box."""
    precision, recall = precision_recall(matched, weight)
    if not _truths(matched, weight):
        return float("nan")
    at = np.searchsorted(recall, _RECALL_POINTS, side="left")
    padded = np.append(precision, 0.0)
    return float(padded[np.minimum(at, len(precision))].mean())


def matched_by_iou(scored: Scored, ious: tuple[float, ...] = COCO_IOUS) -> dict[float, dict[str, Matched]]:
    """The matching of every label at several IoUs."""
    return {value: match_all(scored, value) for value in ious}


def mean_precision(
    matched: dict[float, dict[str, Matched]], weight: IntArray | None = None
) -> dict[str, float]:
    """`map50`, `map50_95` and `ap50:<label>`; classes without a labelled box are left out of the means."""
    by_iou = {
        value: {label: average_precision(one, weight) for label, one in labels.items()}
        for value, labels in matched.items()
    }
    first = by_iou[0.5]
    result = {f"ap50:{label}": value for label, value in first.items()}
    result["map50"] = _mean(list(first.values()))
    result["map50_95"] = _mean([value for labels in by_iou.values() for value in labels.values()])
    return result


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _counts(matched: Matched, weight: IntArray | None) -> Float64Array:
    if weight is None:
        return np.ones(len(matched.score))
    return weight[matched.picture].astype(np.float64)


def _truths(matched: Matched, weight: IntArray | None) -> int:
    return len(matched.truth_score) if weight is None else int(weight[matched.truth_picture].sum())
