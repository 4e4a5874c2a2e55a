"""COCO's figures, by faster-coco-eval (training extra)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from datasets.extra import require_training
from datasets.scoring.matching import MAX_FOUND
from datasets.scoring.pictures import Scored


@dataclass(frozen=True, slots=True)
class ApFigures:
    """One class: average precision at IoU 0.5 and over 0.5..0.95, nan without a labelled box."""

    ap50: float
    ap50_95: float
    objects: int


def coco_figures(scored: Scored) -> dict[str, ApFigures]:
    """Average precision of every label.

    Raises:
        FerrogateError: the training extra is missing.
    """
    require_training("faster_coco_eval")
    from faster_coco_eval import COCO, COCOeval_faster

    images = [{"id": number + 1} for number in range(len(scored.pictures))]
    notes: list[dict[str, object]] = []
    results: list[dict[str, object]] = []
    for number, picture in enumerate(scored.pictures, start=1):
        for corners, class_id in zip(picture.truth_xyxy_px.tolist(), picture.truth_class, strict=True):
            box = _xywh(corners)
            note = {"id": len(notes) + 1, "image_id": number, "category_id": int(class_id) + 1}
            notes.append({**note, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
        found = picture.found
        for corners, score, class_id in zip(found.xyxy_px.tolist(), found.score, found.class_id, strict=True):
            note = {"image_id": number, "category_id": int(class_id) + 1}
            results.append({**note, "bbox": _xywh(corners), "score": float(score)})
    objects = {
        label: sum(int((picture.truth_class == index).sum()) for picture in scored.pictures)
        for index, label in enumerate(scored.labels)
    }
    if not results or not notes:
        return {
            label: ApFigures(0.0 if count else float("nan"), 0.0 if count else float("nan"), count)
            for label, count in objects.items()
        }
    categories = [{"id": index + 1, "name": label} for index, label in enumerate(scored.labels)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO({"images": images, "annotations": notes, "categories": categories})
        evaluation = COCOeval_faster(truth, truth.loadRes(results), "bbox")
        evaluation.params.maxDets = [1, 10, MAX_FOUND]
        evaluation.evaluate()
        evaluation.accumulate()
    # (IoU, recall, class, area range, most findings); -1 where a class has no labelled box.
    table = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
    figures = {}
    for index, (label, count) in enumerate(objects.items()):
        own = table[:, :, index]
        if count:
            figures[label] = ApFigures(float(own[0].mean()), float(own.mean()), count)
        else:
            figures[label] = ApFigures(float("nan"), float("nan"), 0)
    return figures


def mean_ap(figures: Mapping[str, ApFigures]) -> tuple[float, float]:
    """mAP50 and mAP50-95 over the classes that have a labelled box; nan when none has."""
    known = [figure for figure in figures.values() if figure.objects]
    if not known:
        return float("nan"), float("nan")
    return (
        float(np.mean([figure.ap50 for figure in known])),
        float(np.mean([figure.ap50_95 for figure in known])),
    )


def _xywh(corners: list[float]) -> list[float]:
    x1, y1, x2, y2 = corners
    return [x1, y1, x2 - x1, y2 - y1]
