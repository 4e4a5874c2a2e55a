"""Matching, average precision, rates and resampling against cases worked out by hand (no training extra)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from datasets.records import DataSet
from datasets.scoring.bootstrap import bootstrap, group_weights, share_interval
from datasets.scoring.matching import confusion, iou, match_class
from datasets.scoring.pictures import IntArray, Scored, require_labels, score_pictures
from datasets.scoring.precision import average_precision, matched_by_iou, mean_precision
from datasets.scoring.rates import at_false_alarms, at_threshold, threshold_for
from tests.training.scored import LABELS, Found, Truth, found_boxes, random_scored, sample, scored
from vision.errors import ConfigError
from vision.types import Detections

A, B, FAR = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 160.0, 140.0), (300.0, 300.0, 340.0, 340.0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (A, A, 1.0),  # the same box
        (A, FAR, 0.0),  # nothing shared
        (A, (30.0, 10.0, 70.0, 50.0), 1 / 3),  # half of each
        (A, (50.0, 10.0, 90.0, 50.0), 0.0),  # edges touch
        (A, (10.0, 10.0, 10.0, 50.0), 0.0),  # a box without area
    ],
)
def test_iou(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    value = iou(np.array([first], np.float32), np.array([second], np.float32))
    assert value[0, 0] == pytest.approx(expected)


def _one(truth: list[Truth], found: list[Found]) -> Scored:
    return scored([("g", truth, found)])


@pytest.mark.parametrize(
    ("truth", "found", "real", "truth_score"),
    [
        # found once and once more: the second is false
        ([("defect", A)], [("defect", A, 0.9), ("defect", A, 0.8)], [True, False], [0.9]),
        # the better score takes the box although the other fits better
        ([("defect", A)], [("defect", (10, 10, 50, 44), 0.9), ("defect", A, 0.8)], [True, False], [0.9]),
        # another label's finding is nobody's partner
        ([("defect", A)], [("dirt", A, 0.9)], [], [-1.0]),
        # too little overlap (IoU 1/3)
        ([("defect", A)], [("defect", (30, 10, 70, 50), 0.9)], [False], [-1.0]),
        # of two free boxes the one that overlaps more
        (
            [("defect", A), ("defect", (10, 10, 50, 46))],
            [("defect", (10, 10, 50, 46), 0.7)],
            [True],
            [-1.0, 0.7],
        ),
        ([("defect", A)], [], [], [-1.0]),
        ([], [("defect", A, 0.5)], [False], []),
    ],
)
def test_matching(truth: list[Truth], found: list[Found], real: list[bool], truth_score: list[float]) -> None:
    matched = match_class(_one(truth, found), 0, 0.5)
    assert matched.real.tolist() == real
    assert matched.truth_score.tolist() == pytest.approx(truth_score)


def test_a_weaker_finding_changes_no_pair_of_a_stronger_one() -> None:
    whole = random_scored(3, 30)
    strong = Scored(
        whole.labels,
        tuple(
            type(one)(one.sample, one.truth_xyxy_px, one.truth_class, one.truth_box, _above(one.found, 0.5))
            for one in whole.pictures
        ),
    )
    for class_id in range(len(LABELS)):
        everything, part = match_class(whole, class_id, 0.5), match_class(strong, class_id, 0.5)
        kept = everything.score >= 0.5
        assert everything.real[kept].tolist() == part.real.tolist()
        assert ((everything.truth_score >= 0.5) == (part.truth_score >= 0.5)).all()


def _above(found: Detections, least: float) -> Detections:
    keep = found.score >= least
    return Detections(found.xyxy_px[keep], found.score[keep], found.class_id[keep], found.labels)


def test_average_precision_by_hand() -> None:
    """Right, wrong, right: precision 1 up to recall 0.5, 2/3 behind it; 51 and 50 of the 101 points."""
    found = [("defect", A, 0.9), ("defect", FAR, 0.8), ("defect", B, 0.7)]
    matched = match_class(_one([("defect", A), ("defect", B)], found), 0, 0.5)
    assert average_precision(matched) == pytest.approx((51 * 1.0 + 50 * 2 / 3) / 101)
    # the wrong one last costs nothing
    found = [("defect", A, 0.9), ("defect", FAR, 0.1), ("defect", B, 0.7)]
    assert average_precision(match_class(_one([("defect", A), ("defect", B)], found), 0, 0.5)) == 1.0
    # nothing found, nothing to find
    assert average_precision(match_class(_one([("defect", A)], []), 0, 0.5)) == 0.0
    assert math.isnan(average_precision(match_class(_one([], found), 0, 0.5)))


def test_perfect_detector_gets_one_and_a_shifted_one_less() -> None:
    truth = [one.sample for one in random_scored(5, 24).pictures]

    def moved(by: float) -> dict[str, float]:
        rows = [
            (
                one.group,
                [(box.label, box.xyxy_px) for box in one.boxes],
                [(box.label, _shifted(box.xyxy_px, by), 0.9) for box in one.boxes],
            )
            for one in truth
        ]
        return mean_precision(matched_by_iou(scored(rows)))

    perfect, near, far = moved(0.0), moved(4.0), moved(40.0)
    assert perfect["map50"] == perfect["map50_95"] == 1.0
    assert 0.0 < near["map50_95"] < 1.0
    assert far["map50_95"] < near["map50_95"]
    assert far["map50"] < 0.5


def _shifted(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    return box[0] + by, box[1], box[2] + by, box[3]


def test_weights_count_pictures_as_if_they_were_there_several_times() -> None:
    rows = [(one.sample.group, one) for one in random_scored(7, 12).pictures]
    once = Scored(LABELS, tuple(one for _, one in rows))
    weight = np.array([0, 2, 1, 0, 3, 1, 1, 0, 2, 1, 0, 1], np.int64)
    repeated = Scored(LABELS, tuple(one for (_, one), n in zip(rows, weight, strict=True) for _ in range(n)))
    expected = mean_precision(matched_by_iou(repeated))
    assert mean_precision(matched_by_iou(once), weight) == pytest.approx(expected, nan_ok=True)


def test_resampling_goes_by_group() -> None:
    groups = ["a", "a", "b", "c", "c", "c"]
    weights = group_weights(groups, 200, 1)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 4]).all()
    assert (weights[:, 0] + weights[:, 2] + weights[:, 3] == 3).all()
    assert len(np.unique(weights[:, 0])) > 1


def test_more_pictures_of_the_same_group_make_nothing_surer() -> None:
    """Ten copies of each group's only picture: picture by picture the bounds would shrink to a third."""
    hits = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    groups = list("abcdef")
    single = share_interval(hits, np.ones(6), groups)
    tenfold = share_interval(np.repeat(hits, 10), np.ones(60), [name for name in groups for _ in range(10)])
    assert tenfold.value == pytest.approx(single.value)
    assert (tenfold.low, tenfold.high) == pytest.approx((single.low, single.high))
    alone = share_interval(np.repeat(hits, 10), np.ones(60), [str(k) for k in range(60)])
    assert alone.high - alone.low < 0.6 * (single.high - single.low)


@pytest.mark.parametrize(
    ("hits", "low", "high"),
    [
        (0.0, 0.0, 1.0 - 0.025 ** (1 / 8)),  # no hit in eight groups: Clopper and Pearson's bound
        (1.0, 0.025 ** (1 / 8), 1.0),
    ],
)
def test_bounds_where_the_bootstrap_is_blind(hits: float, low: float, high: float) -> None:
    interval = share_interval(np.full(8, hits), np.ones(8), [str(k) for k in range(8)])
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_single_group_says_next_to_nothing() -> None:
    """Five of eight views of one ball are missed: no resample differs, yet nobody knows of other balls."""
    interval = share_interval(np.array([1.0] * 5 + [0.0] * 3), np.ones(8), ["ball"] * 8)
    assert interval.value == 5 / 8
    assert interval.low < 0.01
    assert interval.high > 0.99
    # Three false findings in each of two pictures alike: Garwood's bounds of 6 events, 2.20 and 13.06.
    counts = share_interval(np.array([3.0, 3.0]), np.ones(2), ["a", "b"])
    assert (counts.low, counts.high) == pytest.approx((2.20 / 2, 13.06 / 2), abs=0.01)


def test_bootstrap_leaves_out_resamples_without_the_figure() -> None:
    def only_with_both(weight: IntArray) -> dict[str, float]:
        return {"both": float("nan") if 0 in weight else float(weight.mean())}

    interval = bootstrap(only_with_both, ["a", "b"], resamples=100, seed=1)["both"]
    assert 0 < interval.resamples < 100
    assert interval.low == interval.high == 1.0


@pytest.mark.parametrize(
    ("scores", "allowed", "passing"),
    [
        ([0.9, 0.8, 0.7], 0, []),  # above all of them
        ([0.9, 0.8, 0.7], 1, [0.9]),
        ([0.9, 0.9, 0.7], 1, []),  # two alike: neither may pass
        ([0.9, 0.8], 5, [0.9, 0.8]),
        ([], 0, []),
    ],
)
def test_threshold_for_a_number_of_false_alarms(
    scores: list[float], allowed: int, passing: list[float]
) -> None:
    limit = threshold_for(np.array(scores), allowed)
    assert [score for score in scores if score >= limit] == passing


def test_recall_at_false_alarms_and_at_thresholds() -> None:
    rows = [
        ("g", [("defect", A), ("defect", B)], [("defect", A, 0.9), ("defect", FAR, 0.8), ("defect", B, 0.3)]),
        ("h", [("defect", A)], [("defect", FAR, 0.5)]),
    ]
    matched = match_class(scored(rows), 0, 0.5)
    none = at_false_alarms(matched, 2, 0.0)
    one_in_two = at_false_alarms(matched, 2, 0.5)
    all_of_them = at_false_alarms(matched, 2, 1.0)
    assert none is not None
    assert one_in_two is not None
    assert all_of_them is not None
    assert (none.recall.hits, none.false) == (1, 0)
    assert (one_in_two.recall.hits, one_in_two.false) == (1, 1)
    assert (all_of_them.recall.hits, all_of_them.false, all_of_them.recall.n) == (2, 2, 3)
    at = at_threshold(matched, 2, 0.5)
    assert at is not None
    assert at.precision is not None
    assert (at.recall.hits, at.precision.hits, at.precision.n) == (1, 1, 3)
    assert at.false_per_picture == 1.0
    assert at_false_alarms(match_class(scored(rows), 2, 0.5), 2, 0.1) is None


def test_confusion_counts_every_box_once() -> None:
    picture = _one(
        [("defect", A), ("dirt", B), ("gap", FAR)],
        [("defect", A, 0.9), ("defect", B, 0.8), ("gap", (200.0, 10.0, 240.0, 50.0), 0.7), ("dirt", A, 0.1)],
    )
    table = confusion(picture, dict.fromkeys(LABELS, 0.5), 0.5)
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert table.tolist() == expected


def test_sets_that_do_not_fit_the_model_are_refused() -> None:
    one = sample([("defect", A)], "g")
    with pytest.raises(ConfigError, match="does not know these labels"):
        require_labels(DataSet(labels=("crack",), samples=(one,)), ("val",), LABELS, "here")
    with pytest.raises(ConfigError, match="shows no dirt, gap"):
        require_labels(DataSet(labels=LABELS, samples=(one,)), ("val",), LABELS, "here")
    with pytest.raises(ConfigError, match="test split is empty"):
        require_labels(DataSet(labels=LABELS, samples=(one,)), ("test",), LABELS, "here")


def test_a_picture_of_another_size_or_none_is_refused(tmp_path: Path) -> None:
    import cv2

    data = DataSet(labels=LABELS, samples=(sample([("defect", A)], "g"),))

    def look(_: object) -> Detections:
        return found_boxes([])

    with pytest.raises(ConfigError, match="cannot be read"):
        score_pictures(data, ("val",), tmp_path, look, LABELS)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "p.png"), np.zeros((40, 400), np.uint8))
    with pytest.raises(ConfigError, match="its record says 400x400"):
        score_pictures(data, ("val",), tmp_path, look, LABELS)
