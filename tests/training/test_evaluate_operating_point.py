"""Calibration and thresholds by cost, on scores whose probability is known (no training extra needed)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from datasets.scoring.calibration import (
    calibrated,
    evidence,
    expected_error,
    fit_calibration,
    folds_of,
    logit,
    platt,
    score_at,
)
from datasets.scoring.costs import DEFAULT_FILE, LabelCosts, StationCosts, load_costs
from datasets.scoring.operating_point import (
    UNCALIBRATED_THRESHOLD,
    choose_operating_points,
    tally_at,
)
from datasets.scoring.pictures import Scored
from tests.training.scored import Found, Truth, scored
from vision.errors import ConfigError

A, B, FAR = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 160.0, 140.0), (300.0, 300.0, 340.0, 340.0)
BALLS = ("crack", "lap")


@pytest.mark.parametrize(
    ("said", "real", "expected"),
    [
        ([0.0] * 10 + [1.0] * 10, [0] * 10 + [1] * 10, 0.0),  # certain and right
        ([0.0] * 10 + [1.0] * 10, [1] * 10 + [0] * 10, 1.0),  # certain and wrong
        ([0.9] * 40, [1, 0] * 20, 0.4),  # says 0.9, half are real
        ([0.5] * 40, [1, 0] * 20, 0.0),
        ([], [], 0.0),
    ],
)
def test_calibration_error(said: list[float], real: list[int], expected: float) -> None:
    error, bins = expected_error(np.array(said), np.array(real, np.bool_))
    assert error == pytest.approx(expected)
    assert sum(one.count for one in bins) == len(said)


def test_bins_hold_equal_counts() -> None:
    _, bins = expected_error(np.linspace(0.0, 1.0, 103), np.ones(103, np.bool_))
    assert len(bins) == 10
    assert {one.count for one in bins} == {10, 11}


def test_platt_finds_the_curve_that_made_the_data() -> None:
    rng = np.random.default_rng(1)
    score = rng.uniform(0.02, 0.98, 20000)
    a, b = 1.7, -0.8
    real = rng.random(20000) < calibrated(score, a, b)
    assert platt(score, real) == pytest.approx((a, b), abs=0.08)
    assert score_at(float(logit(np.array([0.3]))[0]), a, b) == pytest.approx(
        float(np.interp(0.3, calibrated(np.linspace(0.01, 0.99, 999), a, b), np.linspace(0.01, 0.99, 999))),
        abs=1e-4,
    )


def test_platt_never_turns_the_order_round() -> None:
    score = np.array([0.1, 0.2, 0.8, 0.9] * 5)
    a, _ = platt(score, score < 0.5)
    assert a > 0.0
    with pytest.raises(ValueError, match="both kinds"):
        platt(score, np.ones(20, np.bool_))


def test_a_group_lies_in_one_fold() -> None:
    groups = [f"g{number // 3}" for number in range(30)]
    fold = folds_of(groups, 5, seed=2)
    assert all(len(set(fold[[g == name for g in groups]])) == 1 for name in set(groups))
    assert sorted(np.bincount(fold)) == [6] * 5
    assert set(folds_of(["one"] * 4, 5).tolist()) == {0}


def _rail(seed: int, pictures: int, a: float = 1.0, b: float = -1.0) -> Scored:
    """Defect findings whose probability is known: real with the chance that (a, b) give to their score."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, list[Truth], list[Found]]] = []
    for number in range(pictures):
        truth: list[Truth] = []
        found: list[Found] = []
        for place in range(4):
            box = (90.0 * place, 10.0, 90.0 * place + 60.0, 60.0)
            score = float(rng.uniform(0.05, 0.95))
            found.append(("defect", box, score))
            if rng.random() < calibrated(np.array([score]), a, b)[0]:
                truth.append(("defect", box))
        rows.append((f"g{number % 40}", truth, found))
    return scored(rows, ("defect",))


def test_calibration_lowers_the_error_on_groups_it_has_not_seen() -> None:
    (fitted,) = fit_calibration(_rail(4, 600, a=2.0, b=-2.0), "rail").values()
    assert fitted.calibration is not None
    assert (fitted.calibration.a, fitted.calibration.b) == pytest.approx((2.0, -2.0), abs=0.3)
    assert fitted.ece_before > 0.15
    assert fitted.calibration.ece < 0.05
    assert fitted.calibration.boxes == fitted.real + fitted.false == 2400


def test_the_error_is_not_that_of_the_fit_on_its_own_data() -> None:
    """Two groups that contradict each other: a fit on both looks calibrated, seen from outside it is not."""
    rows: list[tuple[str, list[Truth], list[Found]]] = []
    for group, real_ones in (("x", 19), ("y", 1)):
        for number in range(20):
            truth: list[Truth] = [("defect", A)] if number < real_ones else []
            rows.append((group, truth, [("defect", A, 0.5)]))
    (fitted,) = fit_calibration(scored(rows, ("defect",)), "rail").values()
    assert fitted.calibration is not None
    a, b = fitted.calibration.a, fitted.calibration.b
    own = calibrated(np.full(40, 0.5), a, b)
    assert own == pytest.approx(0.5, abs=0.01)
    assert fitted.calibration.ece == pytest.approx(0.9, abs=0.1)


def _costs(escape: float, false: float, share: float | None = None) -> StationCosts:
    cost = LabelCosts(cost_escape=escape, cost_false_reject=false, plant_share=share)
    return StationCosts(source="made up", verified=False, default=cost)


def test_threshold_is_where_the_probability_reaches_the_limit() -> None:
    pictures = _rail(5, 400, a=1.5, b=-1.0)
    chosen = choose_operating_points(pictures, "rail", _costs(3.0, 1.0))
    point, calibration = chosen.points["defect"], chosen.calibration["defect"]
    assert point.probability_limit == 0.25
    at = calibrated(np.array([chosen.thresholds["defect"]]), calibration.a, calibration.b)[0]
    assert at == pytest.approx(0.25, abs=0.005)
    dearer = choose_operating_points(pictures, "rail", _costs(30.0, 1.0))
    assert dearer.thresholds["defect"] < chosen.thresholds["defect"]
    assert dearer.points["defect"].escape_share[0] < point.escape_share[0]
    assert dearer.points["defect"].false_per_1000[0] > point.false_per_1000[0]
    for low, value, high in ((p[1], p[0], p[2]) for p in (point.escape_share, point.false_per_1000)):
        assert low < value < high


def test_expectations_come_from_unseen_groups() -> None:
    """They are close to what fresh pictures show, and not exactly what the fitted pictures show."""
    pictures, fresh = _rail(6, 400), _rail(7, 1500)
    chosen = choose_operating_points(pictures, "rail", _costs(1.0, 1.0))
    tally = tally_at(fresh, chosen.thresholds, "rail")["defect"]
    expected = chosen.points["defect"].escape_share
    assert expected[1] <= tally.missed.sum() / tally.objects.sum() <= expected[2]


def _balls(clean_score: float) -> Scored:
    rng = np.random.default_rng(8)
    rows: list[tuple[str, list[Truth], list[Found]]] = []
    for number in range(200):
        bad = number % 2 == 0
        high = float(rng.uniform(0.3, 0.95)) if bad else float(rng.uniform(0.05, clean_score))
        truth: list[Truth] = [("crack", A)] if bad else []
        rows.append((f"ball{number // 4}", truth, [("crack", A, high)]))
    return scored(rows, BALLS)


def test_a_plant_that_shows_fewer_defects_asks_for_a_higher_score() -> None:
    views = _balls(0.7)
    as_in_val = choose_operating_points(views, "ball", _costs(1.0, 1.0)).thresholds["crack"]
    half = choose_operating_points(views, "ball", _costs(1.0, 1.0, 0.5)).thresholds["crack"]
    rare = choose_operating_points(views, "ball", _costs(1.0, 1.0, 0.01)).thresholds["crack"]
    assert half == pytest.approx(as_in_val, abs=0.02)
    assert rare > half


def test_odds_shift_is_the_ratio_of_odds() -> None:
    views = _balls(0.7)
    plain = choose_operating_points(views, "ball", _costs(1.0, 1.0)).calibration["crack"]
    chosen = choose_operating_points(views, "ball", _costs(1.0, 1.0, 0.2)).thresholds["crack"]
    # Half of these views show a crack, a fifth at the plant: odds 1 against 1/4.
    assert float(logit(np.array([chosen]))[0]) * plain.a + plain.b == pytest.approx(math.log(4.0), abs=0.05)


def test_a_label_with_too_few_findings_says_so() -> None:
    chosen = choose_operating_points(_balls(0.7), "ball", _costs(1.0, 1.0))
    assert "lap" not in chosen.calibration
    assert "lap" not in chosen.points
    assert chosen.thresholds["lap"] == chosen.thresholds["crack"]
    assert any(note.startswith("lap: too few findings") for note in chosen.notes)
    silent = choose_operating_points(scored([("g", [("crack", A)], [])], BALLS), "ball", _costs(1.0, 1.0))
    assert silent.thresholds == dict.fromkeys(BALLS, UNCALIBRATED_THRESHOLD)
    assert silent.calibration == {}


def test_what_is_real_on_a_ball_and_on_a_rail() -> None:
    rows: list[tuple[str, list[Truth], list[Found]]] = [
        ("a", [("crack", A)], [("crack", FAR, 0.9), ("crack", A, 0.4)]),
        ("b", [("lap", A)], [("crack", A, 0.8)]),
        ("c", [], [("crack", A, 0.3), ("crack", FAR, 0.2)]),
    ]
    pictures = scored(rows, BALLS)
    ball = evidence(pictures, 0, "ball")
    # the best of each view; the view that shows another defect is left out
    assert ball.score.tolist() == pytest.approx([0.9, 0.3])
    assert ball.real.tolist() == [True, False]
    rail = evidence(pictures, 0, "rail")
    assert dict(zip(rail.score.round(2).tolist(), rail.real.tolist(), strict=True)) == {
        0.9: False,
        0.4: True,
        0.8: False,
        0.3: False,
        0.2: False,
    }


def test_tallies_of_ball_and_rail() -> None:
    limits = {"crack": 0.5, "lap": 0.6}
    rows: list[tuple[str, list[Truth], list[Found]]] = [
        ("a", [("crack", A)], [("lap", FAR, 0.7)]),  # rejected under another name: no escape of a ball
        ("b", [("crack", A), ("crack", B)], [("crack", A, 0.4)]),  # below its threshold
        ("c", [], [("crack", A, 0.6), ("crack", FAR, 0.9)]),  # a clean view, rejected once
        ("d", [("lap", A)], [("crack", FAR, 0.9)]),  # not clean
        ("e", [], [("lap", A, 0.59)]),
    ]
    pictures = scored(rows, BALLS)
    ball = tally_at(pictures, limits, "ball")["crack"]
    assert (ball.objects.sum(), ball.missed.tolist()) == (2, [0, 1, 0, 0, 0])
    assert (ball.clean.tolist(), ball.false.tolist()) == ([0, 0, 1, 0, 1], [0, 0, 1, 0, 0])
    rail = tally_at(pictures, limits, "rail")["crack"]
    assert (rail.objects.tolist(), rail.missed.tolist()) == ([1, 2, 0, 0, 0], [1, 2, 0, 0, 0])
    # findings of cracks in every picture without a crack, dirt or not
    assert (rail.clean.tolist(), rail.false.tolist()) == ([0, 0, 1, 1, 1], [0, 0, 2, 1, 0])


def test_costs_by_default_and_by_file(tmp_path: Path) -> None:
    ball, rail = load_costs(None, "ball"), load_costs(None, "rail")
    assert ball.of("crack").probability_limit == pytest.approx(460 / 5060)
    assert rail.of("gap").cost_escape > rail.of("dirt").cost_escape
    assert not ball.verified
    own = tmp_path / "costs.yaml"
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    own.write_text(text.replace("cost_escape: 4600", "cost_escape: 460"), encoding="utf-8")
    assert load_costs(own, "ball").of("lap").probability_limit == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema_version: [", "cannot be read"),  # no YAML
        ("schema_version: 1\nball: {}\nrail: {}\n", "ball.source"),  # a key is missing
        (None, "cannot be read"),  # no file
    ],
)
def test_costs_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "costs.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_costs(path, "ball")
