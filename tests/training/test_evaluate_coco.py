"""Our average precision is COCO's: the same figures as faster-coco-eval's on random boxes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from datasets.scoring.coco import coco_figures, mean_ap
from datasets.scoring.precision import average_precision, matched_by_iou, mean_precision
from tests.training.scored import random_scored, scored

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(
        importlib.util.find_spec("faster_coco_eval") is None,
        reason="faster-coco-eval is not installed: pip install 'ferrogate[train]'",
    ),
]
A = (10.0, 10.0, 50.0, 50.0)


@pytest.mark.parametrize(
    ("seed", "shift"),
    [(1, 3.0), (2, 10.0), (3, 25.0)],  # near, off, far off
)
def test_same_figures_as_coco(seed: int, shift: float) -> None:
    pictures = random_scored(seed, 60, shift=shift)
    by_iou = matched_by_iou(pictures)
    ours, theirs = mean_precision(by_iou), coco_figures(pictures)
    for label, figure in theirs.items():
        assert figure.objects > 10
        assert ours[f"ap50:{label}"] == pytest.approx(figure.ap50, abs=1e-6)
        own = np.mean([average_precision(labels[label]) for labels in by_iou.values()])
        assert own == pytest.approx(figure.ap50_95, abs=1e-6)
    map50, map50_95 = mean_ap(theirs)
    assert (ours["map50"], ours["map50_95"]) == pytest.approx((map50, map50_95), abs=1e-6)


def test_classes_without_a_box_and_detectors_without_a_finding() -> None:
    figures = coco_figures(scored([("g", [("defect", A)], [("defect", A, 0.9), ("gap", A, 0.8)])]))
    assert figures["defect"].ap50 == pytest.approx(1.0)
    assert np.isnan(figures["gap"].ap50)
    assert mean_ap(figures) == pytest.approx((1.0, 1.0))
    silent = coco_figures(scored([("g", [("defect", A)], [])]))
    assert (silent["defect"].ap50, silent["defect"].objects) == (0.0, 1)
    assert np.isnan(mean_ap(coco_figures(scored([("g", [], [])])))).all()
