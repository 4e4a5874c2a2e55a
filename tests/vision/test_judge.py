"""The judge: reject unless proven good. One row per way to be good, bad or in doubt."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.vision.judged_balls import (
    CONTRACT,
    GOOD_VIEWS,
    GUARD_MM,
    PART,
    RECIPE,
    U_MM,
    boxes,
    codes,
    limit,
    part,
    view,
    with_view,
)
from tests.vision.small_models import ball_contract
from vision.contract import BALL_LABELS
from vision.errors import ContractError
from vision.judge import LABEL_GRAVITY, judge, judge_picture, require_labels, scores
from vision.reasons import REASON_NUMBERS
from vision.recipe import BallRecipe, FindingRule
from vision.types import Decision, LostView, ViewFault

NO_SIZES: dict[str, Any] = {
    "diameter_min_mm": None,
    "diameter_max_mm": None,
    "diameter_mean_mm": None,
    "u_diameter_mm": None,
}
A, R, D = Decision.ACCEPT, Decision.REJECT, Decision.REVIEW

TABLE: list[tuple[str, dict[str, Any], Decision, list[str]]] = [
    ("proven good", {}, A, []),
    # Size: every width inside the band, narrowed by the guard on both sides (more: test_judge_size).
    ("smallest width on the guarded limit", {"diameter_min_mm": 38.0 + GUARD_MM}, A, []),
    ("just below it", {"diameter_min_mm": 38.0 + GUARD_MM - 0.001}, D, ["size_guard"]),
    ("beyond the guard", {"diameter_min_mm": 38.0 - GUARD_MM - 0.001}, R, ["diameter_low"]),
    ("largest width on the guarded limit", {"diameter_max_mm": 42.0 - GUARD_MM}, A, []),
    ("just above it", {"diameter_max_mm": 42.0 - GUARD_MM + 0.001}, D, ["size_guard"]),
    (
        "a poor scale leaves less of the band",
        {"diameter_max_mm": 41.8, "u_diameter_mm": 0.2},
        D,
        ["size_guard"],
    ),
    ("a size that is no number", {"diameter_min_mm": math.nan}, R, ["diameter_low"]),
    ("an uncertainty that is no number", {"u_diameter_mm": math.nan}, D, ["uncertainty"]),
    (
        "both out: flat and long",
        {"diameter_min_mm": 30.0, "diameter_max_mm": 50.0},
        R,
        ["diameter_low", "diameter_high"],
    ),
    ("no scale", {**NO_SIZES, "unsized": "no_scale"}, D, ["no_scale"]),
    ("no temperature", {**NO_SIZES, "unsized": "no_temperature"}, D, ["no_temperature"]),
    ("no size, and nobody says why", NO_SIZES, D, ["no_scale"]),
    # Findings.
    ("a crack at its threshold", with_view(found=boxes(("crack", 0.8))), R, ["crack"]),
    ("a crack below it", with_view(found=boxes(("crack", 0.79))), A, []),
    (
        "many boxes, one reason per label, worst first",
        with_view(found=boxes(("flat", 0.99), ("crack", 0.9), ("flat", 0.85))),
        R,
        ["crack", "flat"],
    ),
    (
        "a finding without a scale: reject stands first",
        {**NO_SIZES, **with_view(found=boxes(("lap", 0.9)))},
        R,
        ["lap", "no_scale"],
    ),
    # A view that proves nothing.
    ("misplaced", with_view(fault=ViewFault.MISPLACED), R, ["misplaced"]),
    ("no ball at its place", with_view(fault=ViewFault.NO_BALL), R, ["misplaced"]),
    ("overlapping", with_view(fault=ViewFault.OVERLAPPING), R, ["overlapping"]),
    ("outline", with_view(fault=ViewFault.OUTLINE), R, ["view_unhealthy"]),
    ("contrast", with_view(fault=ViewFault.CONTRAST), R, ["view_unhealthy"]),
    ("focus", with_view(fault=ViewFault.FOCUS), R, ["view_unhealthy"]),
    ("background", with_view(fault=ViewFault.BACKGROUND), R, ["view_unhealthy"]),
    ("unhealthy frame", with_view(fault=ViewFault.FRAME), R, ["frame_unhealthy"]),
    (
        "what an unhealthy view shows still counts against the ball",
        with_view(fault=ViewFault.FOCUS, found=boxes(("double", 0.9))),
        R,
        ["double", "view_unhealthy"],
    ),
    (
        "nothing healthy: the pictures are named, not the scale",
        {**NO_SIZES, "views": tuple(view(i, ViewFault.FRAME) for i in range(4))},
        R,
        ["frame_unhealthy"] * 4,
    ),
    # Views that are not there.
    (
        "one lost with a cause",
        {"views": GOOD_VIEWS[:3], "lost": (LostView("right", 7, "frame_late"),)},
        R,
        ["view_missing"],
    ),
    ("one gone without a cause", {"views": GOOD_VIEWS[:3]}, R, ["view_missing"]),
    ("one too many", {"views_due": 3}, R, ["view_missing", "coverage"]),
    ("too few due", {"views_due": 3, "views": GOOD_VIEWS[:3]}, R, ["coverage"]),
    ("none due", {**NO_SIZES, "views_due": 0, "views": ()}, R, ["no_views_due"]),
    # Marks from outside the pictures.
    ("late", {"marks": ("late",)}, R, ["late"]),
    (
        "two marks, one of them twice",
        {"marks": ("duplicate", "pulse_long", "duplicate")},
        R,
        ["duplicate", "pulse_long"],
    ),
    ("a mark nobody knows", {"marks": ("sunspots",)}, R, ["inspection_error"]),
    ("an empty mark", {"marks": ("",)}, R, ["inspection_error"]),
    # Everything at once: marks, findings, size, views, doubt.
    (
        "everything",
        {
            "marks": ("late",),
            "diameter_max_mm": 45.0,
            **with_view(fault=ViewFault.FOCUS, found=boxes(("neck", 0.9))),
        },
        R,
        ["late", "neck", "diameter_high", "view_unhealthy"],
    ),
]


@pytest.mark.parametrize(("what", "changes", "decision", "reasons"), TABLE, ids=[row[0] for row in TABLE])
def test_judge(what: str, changes: dict[str, Any], decision: Decision, reasons: list[str]) -> None:
    verdict = judge(part(**changes), RECIPE, CONTRACT, model_sha256="abc")
    assert (verdict.decision, codes(verdict)) == (decision, reasons), what
    assert verdict.part_id == PART
    assert verdict.recipe_sha256 == RECIPE.sha256()
    assert verdict.model_sha256 == "abc"
    # What travels to the PLC has a number, and only an accept comes without a reason.
    assert all(code in REASON_NUMBERS for code in codes(verdict))
    assert (verdict.decision is Decision.ACCEPT) is (not verdict.reasons)


def with_rule(**rules: FindingRule) -> BallRecipe:
    return RECIPE.model_copy(update={"findings": {**RECIPE.findings, **rules}})


@pytest.mark.parametrize(
    ("rule", "score", "decision", "reasons"),
    [
        # own scores: reject at 0.6, a look from 0.4 on
        (FindingRule(reject_score=limit(0.6), review_score=limit(0.4)), 0.6, R, ["crack"]),
        (FindingRule(reject_score=limit(0.6), review_score=limit(0.4)), 0.59, D, ["score_review"]),
        (FindingRule(reject_score=limit(0.6), review_score=limit(0.4)), 0.39, A, []),
        # reject above the contract's 0.8: from there to the reject score, review
        (FindingRule(reject_score=limit(0.9)), 0.85, D, ["score_review"]),
        (FindingRule(reject_score=limit(0.9)), 0.79, A, []),
        # review from 0.5, reject at the contract's 0.8
        (FindingRule(review_score=limit(0.5)), 0.7, D, ["score_review"]),
        (FindingRule(review_score=limit(0.5)), 0.8, R, ["crack"]),
        # review at most, whatever the score
        (FindingRule(action="review"), 0.99, D, ["crack"]),
        # ignored
        (FindingRule(action="ignore"), 0.99, A, []),
    ],
)
def test_rules(rule: FindingRule, score: float, decision: Decision, reasons: list[str]) -> None:
    inspection = part(**with_view(found=boxes(("crack", score))))
    verdict = judge(inspection, with_rule(crack=rule), CONTRACT, model_sha256="")
    assert (verdict.decision, codes(verdict)) == (decision, reasons)


def test_reason_carries_value_limit_and_view() -> None:
    views = (view(0, found=boxes(("seam", 0.82))), view(1, found=boxes(("seam", 0.9))), *GOOD_VIEWS[2:])
    inspection = part(views=views, diameter_min_mm=37.0)
    seam, low = judge(inspection, RECIPE, CONTRACT, model_sha256="").reasons
    assert (seam.limit, seam.camera, seam.view_index) == (0.8, "left", 1)
    assert seam.value == pytest.approx(0.9)
    assert "2 of 4" in seam.text
    assert (low.value, low.limit, low.uncertainty) == (37.0, 38.0, U_MM)


@pytest.mark.parametrize(
    ("changes", "decision", "reasons"),
    [
        ({}, A, []),  # measured, clean: this picture shows nothing wrong
        (NO_SIZES, D, ["no_scale"]),
        ({"views": (view(0, ViewFault.FOCUS),)}, D, ["view_unhealthy"]),  # take a better picture
        ({**NO_SIZES, "views": (view(0, ViewFault.NO_BALL),)}, D, ["no_scale", "view_unhealthy"]),
        ({**NO_SIZES, "views": (view(0, found=boxes(("half", 0.9))),)}, R, ["half", "no_scale"]),
        ({"diameter_min_mm": 30.0}, R, ["diameter_low"]),
    ],
)
def test_single_picture(changes: dict[str, Any], decision: Decision, reasons: list[str]) -> None:
    values = {"views_due": 1, "views": (view(0),), **changes}
    verdict = judge_picture(part(**values), RECIPE, CONTRACT, model_sha256="")
    assert (verdict.decision, codes(verdict)) == (decision, reasons)


def test_a_model_that_is_blind_to_a_label_is_refused() -> None:
    blind = ball_contract(labels=tuple(label for label in BALL_LABELS if label != "crack"))
    with pytest.raises(ContractError, match="crack"):
        require_labels(RECIPE, blind)
    with pytest.raises(ContractError):
        judge(part(), RECIPE, blind, model_sha256="")
    # Where the recipe does not ask for it, it may be blind.
    require_labels(with_rule(crack=FindingRule(action="ignore")), blind)


def test_scores_never_leave_a_gap() -> None:
    """Review never begins above reject, whichever of the two the recipe leaves to the contract."""
    for reject in (None, 0.3, 0.9):
        for review in (None, 0.2):
            rule = FindingRule(
                reject_score=None if reject is None else limit(reject),
                review_score=None if review is None else limit(review),
            )
            low, high = scores(rule, 0.5)
            assert low <= high


def test_every_label_has_its_place_in_the_order() -> None:
    assert sorted(LABEL_GRAVITY) == sorted(BALL_LABELS)
