"""Recipe types: what is refused, what version 1 files turn into, what the hash tells apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tests.vision.judged_balls import RECIPE, limit, recipe
from vision.metrology.coverage import coverage_of, rolled_axes
from vision.recipe import BallRecipe, CoverageAsk, CoverageDemand
from vision.recipe_upgrade import NOMINAL_SOURCE, upgraded

Change = Callable[[dict[str, Any]], object]
LIMIT = {"value": 1.0, "source": "drawn up for this test", "verified": True}


def _flat(depth_mm: float, visible_mm: float, probability: float = 0.5) -> dict[str, Any]:
    ask = {"depth_mm": depth_mm, "visible_mm": visible_mm, "probability_min": {**LIMIT, "value": probability}}
    return {"flat": ask}


REFUSED: list[tuple[str, Change, str]] = [
    # a band nothing fits into, a diameter that cannot be
    ("empty", lambda d: d["size"]["es_mm"].update(value=-2.0), "the band is empty"),
    ("swapped", lambda d: d["size"]["ei_mm"].update(value=3.0), "the band is empty"),
    ("below zero", lambda d: d["size"]["ei_mm"].update(value=-40.0), "no diameter is 0 or below"),
    ("nominal zero", lambda d: d["size"]["nominal_mm"].update(value=0.0), "above 0 and up to 300"),
    ("nominal negative", lambda d: d["size"]["nominal_mm"].update(value=-40.0), "above 0 and up to 300"),
    ("nominal huge", lambda d: d["size"]["nominal_mm"].update(value=4e4), "above 0 and up to 300"),
    ("nominal no number", lambda d: d["size"]["nominal_mm"].update(value=float("nan")), "finite number"),
    # a limit that nobody can trace, or that is no limit
    ("no source", lambda d: d["size"]["es_mm"].pop("source"), "source"),
    ("blank source", lambda d: d["size"]["es_mm"].update(source="   "), "at least 3 characters"),
    ("not said whether verified", lambda d: d["size"]["es_mm"].pop("verified"), "verified"),
    ("a word for verified", lambda d: d["size"]["es_mm"].update(verified="yes"), "valid boolean"),
    ("a switch for a value", lambda d: d["size"]["es_mm"].update(value=True), "valid number"),
    ("a text for a value", lambda d: d["size"]["es_mm"].update(value="2"), "valid number"),
    # form
    ("ovality zero", lambda d: d["form"].update(ovality_max_mm={**LIMIT, "value": 0.0}), "between 0 and 300"),
    ("ovality 2 for 2 %", lambda d: d["form"].update(ovality_max_share={**LIMIT, "value": 2}), "0 and 1"),
    # guard
    ("no such rule", lambda d: d.update(guard={"rule": "two_sided"}), "guard.rule"),
    ("a k that counts for nothing", lambda d: d.update(guard={"rule": "none", "k": 2.0}), "belongs to rule"),
    ("factor without k", lambda d: d.update(guard={"rule": "factor"}), "belongs to rule"),
    ("k zero", lambda d: d.update(guard={"rule": "factor", "k": 0.0}), "greater than 0"),
    (
        "a demand that nobody reads",
        lambda d: d.update(guard={"rule": "none", "u_max_share": LIMIT}),
        "belongs to rule",
    ),
    (
        "more than all of the tolerance",
        lambda d: d.update(guard={"rule": "simple", "u_max_share": {**LIMIT, "value": 1.5}}),
        r"\(0, 1\]",
    ),
    # coverage that no ball can reach (40 mm)
    ("nothing asked", lambda d: d.update(coverage={}), "nothing is asked"),
    (
        "more than the whole",
        lambda d: d.update(coverage={"surface_share_min": {**LIMIT, "value": 1.1}}),
        "never",
    ),
    ("more than certain", lambda d: d.update(coverage=_flat(1.0, 0.5, 1.2)), "never be reached"),
    ("more visible than there is", lambda d: d.update(coverage=_flat(1.0, 1.0)), "never be reached"),
    ("a flat through the middle", lambda d: d.update(coverage=_flat(20.0, 1.0)), "never be reached"),
    (
        "a neck higher than itself",
        lambda d: d.update(
            coverage={"neck": {"height_mm": 1.0, "visible_mm": 1.5, "probability_min": LIMIT}}
        ),
        "never be reached",
    ),
    (
        "a crack longer than a view shows",
        lambda d: d.update(coverage={"crack": {"length_mm": 42.0, "probability_min": LIMIT}}),
        "one view shows at most 41.9 mm",
    ),
    # limits of a view that would let everything or nothing through
    (
        "per cent of an outline",
        lambda d: d["views"]["outline_share_min"].update(value=90.0),
        "up to 1, got 90",
    ),
    ("no outline is enough", lambda d: d["views"]["outline_share_min"].update(value=0.0), "above 0"),
    ("no contrast is enough", lambda d: d["views"]["contrast_min"].update(value=-1.0), "contrast_min"),
    ("any place will do", lambda d: d["views"]["misplaced_max_share"].update(value=25.0), "misplaced_max"),
    ("any blur will do", lambda d: d["views"]["focus_max_px"].update(value=500.0), "focus_max_px"),
    ("no background fits", lambda d: d["views"]["background_min"].update(value=250.0), "no background lies"),
    # keys and words nobody knows
    ("typo", lambda d: d["form"].update(ovalty_max_mm=LIMIT), "Extra inputs"),
    ("version of the future", lambda d: d.update(schema_version=3), "schema_version"),
    ("no version", lambda d: d.pop("schema_version"), "schema_version"),
    ("no guard", lambda d: d.pop("guard"), "guard"),
    ("a number for a label", lambda d: d.update(size_label=40), "valid string"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(change: Change, message: str) -> None:
    data = RECIPE.model_dump()
    BallRecipe.model_validate(data)
    change(data)
    with pytest.raises(ValidationError, match=message):
        BallRecipe.model_validate(data)


def test_simple_acceptance_says_what_it_asks_of_the_uncertainty() -> None:
    share = recipe(guard={"rule": "simple"}).guard.u_max_share
    assert share is not None
    assert (share.value, share.verified) == (0.25, False)
    assert "ILAC-G8" in share.source
    assert "guard.u_max_share" in recipe(guard={"rule": "simple"}).unverified()


def test_the_band_is_about_the_nominal_diameter_and_not_the_label() -> None:
    size = recipe(size_label="40", size={"nominal_mm": {**LIMIT, "value": 41.5}}).size
    assert (size.d_nominal_mm, size.d_min_mm, size.d_max_mm) == (41.5, 39.5, 43.5)


def test_a_band_need_not_be_symmetric() -> None:
    size = recipe(size={"es_mm": {**LIMIT, "value": 2.0}, "ei_mm": {**LIMIT, "value": -1.0}}).size
    assert (size.d_min_mm, size.d_max_mm) == (39.0, 42.0)


def test_the_ask_is_what_coverage_is_counted_for() -> None:
    demand = {
        "surface_share_min": {**LIMIT, "value": 0.9},
        "flat": {"depth_mm": 2.0, "visible_mm": 1.0, "probability_min": {**LIMIT, "value": 0.8}},
        "neck": {"height_mm": 3.0, "visible_mm": 1.0, "probability_min": {**LIMIT, "value": 0.9}},
        "crack": {"length_mm": 10.0, "probability_min": {**LIMIT, "value": 0.7}},
        "view_angle_max_deg": 50.0,
    }
    ask = recipe(coverage=demand).coverage_ask
    assert ask == CoverageAsk(50.0, 2.0, 1.0, 3.0, 1.0, 10.0)
    assert recipe(coverage=None).coverage_ask == CoverageAsk()
    # vision.metrology.coverage takes it as it is
    import numpy as np

    poses = rolled_axes(np.linspace(0.0, 60.0, 12), 40.0, np.zeros(12))
    seen = coverage_of(poses, 40.0, ask)
    assert None not in (seen.p_flat, seen.p_neck, seen.p_crack)
    assert coverage_of(poses, 40.0, CoverageAsk()).p_flat is None


def test_every_demand_lists_its_limits_as_unverified() -> None:
    loose = {**LIMIT, "value": 0.5, "verified": False}
    demand = CoverageDemand.model_validate({"surface_share_min": loose, **_flat(1.0, 0.5)})
    assert "coverage.surface_share_min" in recipe(coverage=demand.model_dump()).unverified()


def test_the_hash_tells_every_section_apart() -> None:
    changed = [
        recipe(guard={"rule": "none"}),
        recipe(form={"roundness_max_mm": LIMIT}),
        recipe(coverage=_flat(1.0, 0.5)),
        recipe(size={"es_mm": {**LIMIT, "value": 2.0}}),
        recipe(standard={"name": "another"}),
        recipe(hardness={"group": "3"}),
    ]
    assert len({each.sha256() for each in [RECIPE, *changed]}) == len(changed) + 1
    assert BallRecipe.model_validate(RECIPE.model_dump()).sha256() == RECIPE.sha256()


# -- version 1 --------------------------------------------------------------------------------


def version_1(**size: Any) -> dict[str, Any]:
    """A recipe as version 1 wrote it."""
    data = RECIPE.model_dump()
    for key in ("form", "guard", "coverage", "standard", "hardness"):
        del data[key]
    limits = {key: data["size"][key] for key in ("es_mm", "ei_mm")}
    return {**data, "schema_version": 1, "size": {"d_nominal_mm": 41.5, **limits, **size}}


@pytest.mark.parametrize(
    ("size", "rule", "k"),
    [
        ({}, "none", None),  # the default of version 1 was 0
        ({"guard_k": 0.0}, "none", None),
        ({"guard_k": 0}, "none", None),
        ({"guard_k": 1.645}, "one_sided_95", None),
        ({"guard_k": 2.0}, "factor", 2.0),
    ],
)
def test_version_1_guard(size: dict[str, Any], rule: str, k: float | None) -> None:
    guard = BallRecipe.model_validate(version_1(**size)).guard
    assert (guard.rule, guard.k, guard.u_max_share) == (rule, k, None)


def test_version_1_keeps_its_limits() -> None:
    old = BallRecipe.model_validate(version_1(ovality_max_mm={**LIMIT, "value": 0.7}))
    assert old.schema_version == 2
    assert (old.size.d_nominal_mm, old.size.d_min_mm, old.size.d_max_mm) == (41.5, 39.5, 43.5)
    assert (old.size.nominal_mm.source, old.size.nominal_mm.verified) == (NOMINAL_SOURCE, False)
    assert old.form.ovality_max_mm == limit(0.7)
    assert (old.form.speck_max_mm, old.coverage, old.standard) == (None, None, None)
    # read once more, it is what it is
    assert BallRecipe.model_validate(old.model_dump()) == old


def test_version_1_without_its_number() -> None:
    data = version_1()
    del data["schema_version"]
    assert BallRecipe.model_validate(data).size.d_nominal_mm == 41.5


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"guard_k": -1.0}, "guard.k"),
        ({"guard_k": "much"}, "guard.k"),
        ({"d_nominal_mm": -1.0}, "above 0 and up to 300"),
        ({"d_nominal_mm": None}, "size.nominal_mm.value"),
        ({"roundness": 1.0}, "size.roundness"),  # no key of version 1
    ],
)
def test_version_1_that_was_wrong_is_wrong(size: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BallRecipe.model_validate(version_1(**size))


@pytest.mark.parametrize("data", [{}, {"schema_version": 2, "size": {}}, {"size": "big"}, {"size": {}}])
def test_what_is_not_version_1_is_left_alone(data: dict[str, Any]) -> None:
    assert upgraded(data) is data


@pytest.mark.parametrize("data", [{"schema_version": 1}, {"schema_version": 1, "size": []}, [], None, 7, "x"])
def test_rubbish_is_refused(data: Any) -> None:
    with pytest.raises(ValidationError):
        BallRecipe.model_validate(data)
