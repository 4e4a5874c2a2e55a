"""The yard recipe: the one that comes along, and everything that it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_runtime.recipe_check import check
from edge_runtime.recipes import YARD_RECIPE_PATH
from edge_runtime.yard.recipe_file import load_yard_recipe
from tests.vision.yard.yard_maps import RECIPE
from vision.errors import ConfigError
from vision.yard.money import dirt_of_load, kg_per_m
from vision.yard.recipe import SECTIONS, YardRecipe
from vision.yard.recipe_rules import RANKS


def text() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(YARD_RECIPE_PATH.read_text(encoding="utf-8"))
    return data


def test_the_default_is_not_verified_and_says_so() -> None:
    assert "NOT VERIFIED" in YARD_RECIPE_PATH.read_text(encoding="utf-8").splitlines()[1]
    unverified = set(RECIPE.unverified())
    assert unverified >= {f"kinds.{name}" for name in RECIPE.kinds}
    assert unverified >= {f"rows.{name}" for name in RECIPE.rows}
    assert unverified >= {"furnace", "money.ball_price_per_t", "sections.R65.kg_per_m"}
    assert "kinds.surface_damage.severity.across" in unverified


def test_the_default_knows_every_code_of_the_catalogues() -> None:
    told = " ".join(f"{rule.ru} {rule.uic}" for rule in RECIPE.kinds.values()).replace(",", " ").split()
    wanted = (
        "10.1-2 11.1-2 14.1-2 16.x 17.x 18.x 20.1-2 21.1-2 24 25 26.3-4 27 30В 30Г 38 40 41.x 43 44 46.3-4"
    )
    wanted += " 47 49 50.x 52 53.1 55 56.3-4 59 60.1-2 62 65 66.3-4 67.3-4 69.1-2 70 74 79 85 86.3-4 99"
    wanted += " 211 212 213 2223 2251 227 135 235 153 253 154 254 411 421 431 471"
    assert sorted(set(wanted.split()) - set(told)) == []


def test_every_rank_and_section_is_there_with_names_in_three_languages() -> None:
    assert {rule.rank for rule in RECIPE.kinds.values()} == set(RANKS)
    assert set(RECIPE.sections) == set(SECTIONS)
    names = [rule.name for rule in RECIPE.kinds.values()] + [row.name for row in RECIPE.rows.values()]
    for name in names:
        assert len({name.of("ru"), name.of("kk"), name.of("en")}) == 3


def test_by_whom_a_kind_can_be_seen() -> None:
    assert RECIPE.seen_by("spall") == "model"
    assert RECIPE.seen_by("weld") == "inspector"
    assert RECIPE.seen_by("side_wear") == "not_seen"
    assert RECIPE.row_of("weld_crack") == "weld"


def test_the_hash_is_of_the_rules_not_of_the_layout(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(text(), sort_keys=True), encoding="utf-8")
    assert load_yard_recipe(other).sha256() == RECIPE.sha256()
    changed = text()
    changed["furnace"]["kerf_mm"] = 4
    other.write_text(yaml.safe_dump(changed), encoding="utf-8")
    assert load_yard_recipe(other).sha256() != RECIPE.sha256()


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        *places, last = path.split(".")
        for place in places:
            data = data[place]
        data[last] = value

    return change


def _drop(path: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        *places, last = path.split(".")
        for place in places:
            data = data[place]
        del data[last]

    return change


#: (what is changed in the default, words of the message)
REFUSED: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_set("kind", "rail"), "for the rail station"),
    (_drop("kinds.spall.source"), "kinds.spall.source"),
    (_drop("kinds.spall.verified"), "kinds.spall.verified"),
    (_set("kinds.spall.verified", "yes please"), "verified"),
    (_set("kinds.spall.name", {"ru": "а", "en": "a"}), "name.kk"),
    (_set("kinds.spall.colour", "red"), "colour"),
    (_set("kinds.spall.model_label", "rust"), "no label 'rust'"),
    (_set("kinds.spall.margin_mm", -1.0), "margin_mm"),
    (_set("kinds.break.severity", {"x": {"length_mm_over": 1.0, "action": "leave", "source": "abc",
                                         "verified": False}}), "milder"),
    (_set("kinds.spall.severity", {"x": {"action": "cut", "source": "abc", "verified": True}}), "never"),
    (_drop("rows.weld"), "weld"),
    (_set("rows.weld.required", False), "no required row asks for: weld"),
    (_set("rows.weld.found_action", "leave"), "human or reject"),
    (_set("rows.weld.kinds", ["wled"]), "wled"),
    (_drop("labels.gap"), "missing ['gap']"),
    (_set("labels.gap.kind", "brake"), "brake"),
    (_drop("sections.R43"), "R43"),
    (_set("sections.R43.kg_per_m.value", 446.5), "40..90"),
    (_drop("furnace.charge_range_mm"), "must take something"),
    (_set("furnace.charge_range_mm", {"min_mm": 6000, "max_mm": 2000}), "max_mm is below"),
    (_set("furnace.kerf_mm", 5.5), "kerf_mm"),
    (_set("furnace.charge_lengths_mm", [0]), "charge_lengths_mm"),
    (_set("money.ball_yield_share.value", 89.3), "ball_yield_share"),
    (_set("money.ball_price_per_t.value", 0), "above 0"),
    (_set("money.contamination_share.value", float("nan")), "contamination_share"),
    (_set("wear.human_over_mm.value", 5.0), "downgrade_over_mm"),
    (_set("wear.kind", "tear"), "tear"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_a_recipe_that_cannot_be_is_refused(
    change: Callable[[dict[str, Any]], None], words: str, tmp_path: Path
) -> None:
    data = text()
    change(data)
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_yard_recipe(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("body", ["", "- a\n", "kind: yard\nkind: yard\n", "{", "kind: ball\n"])
def test_a_file_that_is_no_recipe_is_refused(body: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(body, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_yard_recipe(path)
    assert "bad.yaml" in str(caught.value)
    with pytest.raises(ConfigError):
        load_yard_recipe(tmp_path / "not there.yaml")


def test_it_is_checked_as_every_recipe_is(tmp_path: Path) -> None:
    sound = check(str(YARD_RECIPE_PATH))
    assert isinstance(sound.recipe, YardRecipe)
    assert {remark.key for remark in sound.warnings} == set(RECIPE.unverified())
    data = text()
    data["kinds"]["weld"]["actoin"] = data["kinds"]["weld"].pop("action")
    path = tmp_path / "slip.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    problems = {remark.key: remark.todo for remark in check(str(path)).problems}
    assert set(problems) == {"kinds.weld.actoin", "kinds.weld.action"}
    assert "'action'" in problems["kinds.weld.actoin"]


def test_no_price_no_money() -> None:
    data = text()
    del data["money"]["ball_price_per_t"]
    recipe = type(RECIPE).model_validate(data)
    assert dirt_of_load(1000.0, 0.02, recipe).value is None


def test_mass_of_a_metre() -> None:
    assert kg_per_m("R50", None, RECIPE) == pytest.approx(51.67)
    assert kg_per_m("R50", 10.0, RECIPE) == pytest.approx(51.67 - 71.0 * 10.0 * 7.85e-3)


def test_dirt_of_a_load() -> None:
    dirt = dirt_of_load(60_000.0, 0.04, RECIPE)
    assert (dirt.dirt_kg, dirt.net_kg, dirt.within) == (2400.0, 57_600.0, True)
    assert dirt.value == pytest.approx(2.4 * 0.893 * 400_000)
    assert dirt_of_load(60_000.0, None, RECIPE).dirt_kg == pytest.approx(600.0)
    assert not dirt_of_load(60_000.0, 0.051, RECIPE).within
    for weighed_kg, share in ((-1.0, 0.1), (1.0, 1.1), (float("nan"), 0.1)):
        with pytest.raises(ValueError, match="no load"):
            dirt_of_load(weighed_kg, share, RECIPE)
