"""Size, form, specks and coverage: every guard rule on its borders, and never an accept without proof."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vision.judged_balls import (
    CONTRACT,
    GOOD_VIEWS,
    codes,
    limit,
    part,
    recipe,
    view,
    with_view,
)
from vision.judge import judge, judge_picture
from vision.judge_size import K_ONE_SIDED_95, Zone, guard_width, judge_size, zone
from vision.recipe import BallRecipe, Guard
from vision.types import Coverage, Decision, Reason, ViewFault

A, R, D = Decision.ACCEPT, Decision.REJECT, Decision.REVIEW
#: Just inside, just outside: smaller than any measurement tells, larger than rounding.
BIT = 1e-6
BAND = (38.0, 42.0)
U = 0.1
W = K_ONE_SIDED_95 * U
GUARDS: dict[str, dict[str, Any]] = {
    "none": {"rule": "none"},
    "simple": {"rule": "simple", "u_max_share": limit(0.25).model_dump()},
    "95": {"rule": "one_sided_95"},
    "k2": {"rule": "factor", "k": 2.0},
}


def verdict_of(guard: str, changes: dict[str, Any], **sections: Any) -> tuple[Decision, list[str]]:
    verdict = judge(part(**changes), recipe(guard=GUARDS[guard], **sections), CONTRACT, model_sha256="")
    return verdict.decision, codes(verdict)


SIZES: list[tuple[str, float, float, Decision, list[str]]] = [
    # rule, smallest width, largest width, verdict
    # none: compared as they are, the limit itself is inside
    ("none", 38.0, 42.0, A, []),
    ("none", 38.0 + BIT, 42.0 - BIT, A, []),
    ("none", 38.0 - BIT, 40.0, R, ["diameter_low"]),
    ("none", 40.0, 42.0 + BIT, R, ["diameter_high"]),
    # simple: likewise (u 0.1 mm is small enough here)
    ("simple", 38.0, 42.0, A, []),
    ("simple", 38.0 + BIT, 42.0 - BIT, A, []),
    ("simple", 38.0 - BIT, 40.0, R, ["diameter_low"]),
    ("simple", 40.0, 42.0 + BIT, R, ["diameter_high"]),
    # one-sided 95 %: good up to limit - w, cannot be told up to limit + w, bad beyond
    ("95", 38.0 + W, 42.0 - W, A, []),
    ("95", 38.0 + W + BIT, 42.0 - W - BIT, A, []),
    ("95", 38.0 + W - BIT, 40.0, D, ["size_guard"]),
    ("95", 40.0, 42.0 - W + BIT, D, ["size_guard"]),
    ("95", 38.0, 42.0, D, ["size_guard", "size_guard"]),
    ("95", 38.0 - W, 42.0 + W, D, ["size_guard", "size_guard"]),
    ("95", 38.0 - W - BIT, 40.0, R, ["diameter_low"]),
    ("95", 40.0, 42.0 + W + BIT, R, ["diameter_high"]),
    # both at once: what is bad stands before what cannot be told
    ("95", 38.0, 42.0 + W + BIT, R, ["diameter_high", "size_guard"]),
    # a factor of one's own: w = 2 u
    ("k2", 38.2, 41.8, A, []),
    ("k2", 38.2 - BIT, 40.0, D, ["size_guard"]),
    ("k2", 40.0, 42.2 - BIT, D, ["size_guard"]),
    ("k2", 37.8 - BIT, 40.0, R, ["diameter_low"]),
    ("k2", 40.0, 42.2 + BIT, R, ["diameter_high"]),
]


@pytest.mark.parametrize(("guard", "low", "high", "decision", "reasons"), SIZES)
def test_size(guard: str, low: float, high: float, decision: Decision, reasons: list[str]) -> None:
    found = verdict_of(guard, {"diameter_min_mm": low, "diameter_max_mm": high, "u_diameter_mm": U})
    assert found == (decision, reasons)


UNCERTAINTIES: list[tuple[str, float | None, Decision, list[str]]] = [
    # simple: U = 2u at most a quarter of the tolerance of 2 mm
    ("simple", 0.25, A, []),
    ("simple", 0.25 - BIT, A, []),
    ("simple", 0.25 + BIT, D, ["uncertainty"]),
    # none asks nothing of a u that there is
    ("none", 1.9, A, []),
    # one-sided 95 %: a large one leaves nothing of the band, and all is in the guard zone
    ("95", 1.9, D, ["size_guard", "size_guard"]),
    # no uncertainty is no measurement, whatever the rule
    *[(rule, u, D, ["uncertainty"]) for rule in GUARDS for u in (None, math.nan, math.inf, 0.0, -0.1)],
]


@pytest.mark.parametrize(("guard", "u", "decision", "reasons"), UNCERTAINTIES)
def test_uncertainty_of_the_size(guard: str, u: float | None, decision: Decision, reasons: list[str]) -> None:
    assert verdict_of(guard, {"u_diameter_mm": u}) == (decision, reasons)


def test_without_an_uncertainty_it_is_bad_all_the_same() -> None:
    assert verdict_of("95", {"diameter_max_mm": 42.1, "u_diameter_mm": None}) == (
        R,
        ["diameter_high", "uncertainty"],
    )


U_OVAL = math.sqrt(2.0) * U
FORMS: list[tuple[str, dict[str, Any], dict[str, Any], Decision, list[str]]] = [
    # ovality 0.5 mm, written so that the difference of the widths is the figure given
    ("none", {"ovality_max_mm": 0.5}, {"diameter_min_mm": 39.5, "diameter_max_mm": 40.0}, A, []),
    ("none", {"ovality_max_mm": 0.5}, {"diameter_min_mm": 39.5 - BIT, "diameter_max_mm": 40.0}, R, ["oval"]),
    # as a share of the nominal 40 mm: 2 % are 0.8 mm
    ("none", {"ovality_max_share": 0.02}, {"diameter_min_mm": 39.2 + BIT, "diameter_max_mm": 40.0}, A, []),
    (
        "none",
        {"ovality_max_share": 0.02},
        {"diameter_min_mm": 39.2 - BIT, "diameter_max_mm": 40.0},
        R,
        ["oval"],
    ),
    # both given: the smaller one is in force
    (
        "none",
        {"ovality_max_share": 0.02, "ovality_max_mm": 0.5},
        {"diameter_min_mm": 39.4, "diameter_max_mm": 40.0},
        R,
        ["oval"],
    ),
    # one-sided 95 % with the uncertainty of a difference of two widths
    (
        "95",
        {"ovality_max_mm": 0.5},
        {"diameter_min_mm": 40.0 - 0.5 + K_ONE_SIDED_95 * U_OVAL + BIT, "diameter_max_mm": 40.0},
        A,
        [],
    ),
    (
        "95",
        {"ovality_max_mm": 0.5},
        {"diameter_min_mm": 40.0 - 0.5 + K_ONE_SIDED_95 * U_OVAL - BIT, "diameter_max_mm": 40.0},
        D,
        ["oval_guard"],
    ),
    (
        "95",
        {"ovality_max_mm": 0.5},
        {"diameter_min_mm": 40.0 - 0.5 - K_ONE_SIDED_95 * U_OVAL - BIT, "diameter_max_mm": 40.0},
        R,
        ["oval"],
    ),
    # simple: U of the difference is 0.28 mm, a quarter of 0.5 mm is less
    ("simple", {"ovality_max_mm": 0.5}, {}, D, ["uncertainty"]),
    ("simple", {"ovality_max_mm": 1.2}, {}, A, []),
    # roundness 0.2 mm with its own u of 0.02 mm
    ("none", {"roundness_max_mm": 0.2}, {"roundness_mm": 0.2}, A, []),
    ("none", {"roundness_max_mm": 0.2}, {"roundness_mm": 0.2 + BIT}, R, ["roundness"]),
    ("95", {"roundness_max_mm": 0.2}, {"roundness_mm": 0.2 - 1.645 * 0.02 - BIT}, A, []),
    ("95", {"roundness_max_mm": 0.2}, {"roundness_mm": 0.2 - 1.645 * 0.02 + BIT}, D, ["roundness_guard"]),
    ("95", {"roundness_max_mm": 0.2}, {"roundness_mm": 0.2 + 1.645 * 0.02 - BIT}, D, ["roundness_guard"]),
    ("95", {"roundness_max_mm": 0.2}, {"roundness_mm": 0.2 + 1.645 * 0.02 + BIT}, R, ["roundness"]),
    ("simple", {"roundness_max_mm": 0.2}, {"u_roundness_mm": 0.025}, A, []),
    ("simple", {"roundness_max_mm": 0.2}, {"u_roundness_mm": 0.025 + BIT}, D, ["uncertainty"]),
    ("95", {"roundness_max_mm": 0.2}, {"u_roundness_mm": None}, D, ["uncertainty"]),
    ("95", {"roundness_max_mm": 0.2}, {"u_roundness_mm": math.nan}, D, ["uncertainty"]),
    ("95", {"roundness_max_mm": 0.2}, {"roundness_mm": math.nan}, R, ["roundness"]),
    ("95", {"roundness_max_mm": 0.2}, {"roundness_mm": None}, D, ["not_measured"]),
    # nothing asked, nothing judged
    ("95", {}, {"roundness_mm": 5.0, "u_roundness_mm": None}, A, []),
    # specks: no guard, dust has no uncertainty worth the name
    ("95", {"speck_max_mm": 0.3, "speck_action": "reject"}, {"speck_mm": 0.3}, A, []),
    ("95", {"speck_max_mm": 0.3, "speck_action": "reject"}, {"speck_mm": 0.3 + BIT}, R, ["speck"]),
    ("95", {"speck_max_mm": 0.3, "speck_action": "review"}, {"speck_mm": 0.3 + BIT}, D, ["speck"]),
    ("95", {"speck_max_mm": 0.3, "speck_action": "review"}, {"speck_mm": math.nan}, D, ["speck"]),
    ("95", {"speck_max_mm": 0.3}, {"speck_mm": None}, D, ["not_measured"]),
    # ... without a limit it must fit into the band, were it the ball's own
    ("95", {"speck_max_mm": None}, {"speck_mm": 0.1}, A, []),
    ("95", {"speck_max_mm": None}, {"speck_mm": 9.0}, D, ["speck"]),
    ("95", {"speck_max_mm": None}, {"speck_mm": math.nan}, D, ["speck"]),
    # widths that contradict each other are a fault of the station
    ("95", {}, {"diameter_min_mm": 40.2, "diameter_max_mm": 40.1}, R, ["inspection_error"]),
]


@pytest.mark.parametrize(("guard", "form", "changes", "decision", "reasons"), FORMS)
def test_form(
    guard: str, form: dict[str, Any], changes: dict[str, Any], decision: Decision, reasons: list[str]
) -> None:
    limits = {
        key: limit(value).model_dump() if isinstance(value, float) else value for key, value in form.items()
    }
    assert verdict_of(guard, changes, form=limits) == (decision, reasons)


def demand(**wanted: Any) -> dict[str, Any]:
    """A coverage section; probabilities and the share as plain numbers."""
    section: dict[str, Any] = {}
    for name, value in wanted.items():
        if name == "surface_share_min":
            section[name] = limit(value).model_dump()
        else:
            sizes = {
                "flat": {"depth_mm": 1.0, "visible_mm": 0.5},
                "neck": {"height_mm": 3.0, "visible_mm": 1.0},
                "crack": {"length_mm": 5.0},
            }[name]
            section[name] = {**sizes, "probability_min": limit(value).model_dump()}
    return section


ALL_DEMANDED = demand(surface_share_min=0.9, flat=0.5, neck=0.95, crack=0.8)
COVERAGES: list[tuple[dict[str, Any] | None, Coverage | None, Decision, list[str]]] = [
    # nothing demanded: nothing asked
    (None, None, A, []),
    (None, Coverage(4, 0.1), A, []),
    # demanded and not known
    (demand(surface_share_min=0.9), None, R, ["coverage"]),
    (demand(flat=0.5), Coverage(4, 1.0), R, ["coverage"]),
    # on, inside and outside the border
    (demand(surface_share_min=0.9), Coverage(4, 0.9), A, []),
    (demand(surface_share_min=0.9), Coverage(4, 0.9 + BIT), A, []),
    (demand(surface_share_min=0.9), Coverage(4, 0.9 - BIT), R, ["coverage"]),
    (demand(flat=0.5), Coverage(4, 0.0, p_flat=0.5), A, []),
    (demand(flat=0.5), Coverage(4, 0.0, p_flat=0.5 - BIT), R, ["coverage"]),
    (demand(neck=0.95), Coverage(4, 0.0, p_neck=0.95), A, []),
    (demand(neck=0.95), Coverage(4, 0.0, p_neck=0.94), R, ["coverage"]),
    (demand(crack=0.8), Coverage(4, 0.0, p_crack=0.8), A, []),
    (demand(crack=0.8), Coverage(4, 0.0, p_crack=0.79), R, ["coverage"]),
    # no number is less than any demand
    (demand(surface_share_min=0.9), Coverage(4, math.nan), R, ["coverage"]),
    # all, each with a reason of its own
    (ALL_DEMANDED, Coverage(9, 1.0, 1.0, 1.0, 1.0), A, []),
    (ALL_DEMANDED, Coverage(1, 0.2, 0.1, 0.2, 0.1), R, ["coverage"] * 4),
    (ALL_DEMANDED, None, R, ["coverage"] * 4),
]


@pytest.mark.parametrize(("section", "seen", "decision", "reasons"), COVERAGES)
def test_coverage(
    section: dict[str, Any] | None, seen: Coverage | None, decision: Decision, reasons: list[str]
) -> None:
    assert verdict_of("95", {"coverage": seen}, coverage=section) == (decision, reasons)


def test_a_single_picture_is_not_asked_for_coverage() -> None:
    inspection = part(views_due=1, views=(view(0),))
    verdict = judge_picture(inspection, recipe(coverage=ALL_DEMANDED), CONTRACT, model_sha256="")
    assert verdict.decision is A


def only(reasons: list[Reason]) -> Reason:
    (reason,) = reasons
    return reason


def test_reasons_name_limit_value_uncertainty_and_picture() -> None:
    """Each figure's reason points at the view that shows it, and no unhealthy view is pointed at."""
    views = (
        view(0, diameter_min_mm=37.0, diameter_max_mm=40.2, roundness_mm=0.1, speck_mm=0.1),
        view(1, diameter_min_mm=39.9, diameter_max_mm=43.0, roundness_mm=0.2, speck_mm=0.6),
        view(2, diameter_min_mm=39.8, diameter_max_mm=40.1, roundness_mm=0.4, speck_mm=0.0),
        view(3, ViewFault.FOCUS, diameter_min_mm=37.0, diameter_max_mm=43.0, roundness_mm=0.4, speck_mm=0.6),
    )
    inspection = part(views=views, diameter_min_mm=37.0, diameter_max_mm=43.0, roundness_mm=0.4, speck_mm=0.6)
    form = {"roundness_max_mm": limit(0.2).model_dump(), "ovality_max_mm": limit(1.0).model_dump()}
    judged = judge_size(inspection, recipe(form=form))
    by_code = {reason.code: reason for reason in [*judged.rejecting, *judged.review]}
    assert [
        (code, by_code[code].value, by_code[code].limit, by_code[code].uncertainty, by_code[code].view_index)
        for code in ("diameter_low", "diameter_high", "roundness", "speck")
    ] == [
        ("diameter_low", 37.0, 38.0, 0.1, 0),
        ("diameter_high", 43.0, 42.0, 0.1, 1),
        ("roundness", 0.4, 0.2, 0.02, 2),
        ("speck", 0.6, 0.5, None, 1),
    ]
    oval = by_code["oval"]
    assert (oval.value, oval.limit, oval.view_index) == (6.0, 1.0, 0)
    assert oval.uncertainty == pytest.approx(U_OVAL)
    assert "left 1" in oval.text  # the picture of the largest width
    assert {reason.camera for reason in by_code.values()} == {"left"}


def test_an_uncertainty_too_large_names_what_is_allowed() -> None:
    judged = judge_size(part(u_diameter_mm=0.3), recipe(guard=GUARDS["simple"]))
    reason = only(judged.review)
    assert (reason.code, reason.value, reason.limit, reason.uncertainty) == ("uncertainty", 0.6, 0.5, 0.3)


def test_a_figure_that_is_no_number_stays_out_of_the_books() -> None:
    reason = only(judge_size(part(diameter_max_mm=math.nan), recipe()).rejecting)
    assert (reason.code, reason.value, reason.view_index) == ("diameter_high", None, None)


def test_without_a_healthy_view_the_pictures_are_named_and_no_coverage() -> None:
    inspection = part(views=tuple(view(i, ViewFault.FRAME) for i in range(4)), diameter_min_mm=None)
    verdict = judge(inspection, recipe(coverage=ALL_DEMANDED), CONTRACT, model_sha256="")
    assert codes(verdict) == ["frame_unhealthy"] * 4


@pytest.mark.parametrize(
    ("guard", "expected"),
    [("none", 0.0), ("simple", 0.0), ("95", 0.1645), ("k2", 0.2)],
)
def test_guard_width(guard: str, expected: float) -> None:
    assert guard_width(Guard.model_validate(GUARDS[guard]), 0.1) == pytest.approx(expected)


def test_zones() -> None:
    # value, limit 10, width 1
    expected = {8.9: "GOOD", 9.0: "GOOD", 9.1: "GUARD", 11.0: "GUARD", 11.1: "BAD", math.nan: "BAD"}
    assert {value: zone(value, 10.0, 1.0).name for value in expected} == expected
    # without a guard there is no zone that cannot be told
    assert (zone(10.0, 10.0, 0.0), zone(10.0 + BIT, 10.0, 0.0)) == (Zone.GOOD, Zone.BAD)


widths = st.one_of(st.none(), st.floats(width=64), st.floats(37.0, 43.0))
uncertainties = st.one_of(st.none(), st.floats(width=64), st.floats(0.0, 0.5))
BY_GUARD: dict[str, BallRecipe] = {name: recipe(guard=guard) for name, guard in GUARDS.items()}


@given(widths, widths, uncertainties, st.sampled_from(sorted(GUARDS)))
def test_never_accepted_without_proof_of_size(
    low: float | None, high: float | None, u: float | None, guard: str
) -> None:
    inspection = part(diameter_min_mm=low, diameter_max_mm=high, u_diameter_mm=u)
    for verdict in (
        judge(inspection, BY_GUARD[guard], CONTRACT, model_sha256=""),
        judge_picture(inspection, BY_GUARD[guard], CONTRACT, model_sha256=""),
    ):
        if verdict.decision is not A:
            assert verdict.reasons
            continue
        assert low is not None
        assert high is not None
        assert u is not None
        assert BAND[0] <= low <= high <= BAND[1]
        assert 0.0 < u < math.inf
        # What was proven: the widths are inside by the guard.
        width = guard_width(BY_GUARD[guard].guard, u)
        assert low >= BAND[0] + width - 1e-9
        assert high <= BAND[1] - width + 1e-9


@given(
    st.floats(width=64),
    st.floats(width=64),
    st.one_of(st.none(), st.builds(Coverage, st.integers(0, 9), st.floats(width=64), st.floats(width=64))),
)
def test_never_accepted_without_proof_of_form_and_coverage(
    roundness: float, speck: float, seen: Coverage | None
) -> None:
    limits = recipe(
        form={"roundness_max_mm": limit(0.2).model_dump()},
        coverage=demand(surface_share_min=0.9, flat=0.5),
    )
    inspection = part(roundness_mm=roundness, speck_mm=speck, coverage=seen)
    if judge(inspection, limits, CONTRACT, model_sha256="").decision is A:
        assert roundness <= 0.2
        assert speck <= 0.5
        assert seen is not None
        assert seen.surface_share >= 0.9
        assert seen.p_flat is not None
        assert seen.p_flat >= 0.5


def test_a_sound_ball_is_still_accepted_with_every_demand() -> None:
    """The proofs above are no proof that nothing passes."""
    limits = recipe(
        guard=GUARDS["95"],
        form={"roundness_max_mm": limit(0.2).model_dump(), "ovality_max_mm": limit(0.8).model_dump()},
        coverage=ALL_DEMANDED,
    )
    inspection = part(coverage=Coverage(4, 0.99, 0.9, 0.99, 0.9), **with_view())
    assert judge(inspection, limits, CONTRACT, model_sha256="").decision is A
    assert len(inspection.views) == len(GOOD_VIEWS)
