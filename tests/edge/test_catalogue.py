"""The tables of the standards: every row a sound recipe, sourced, and honest about not being verified."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from edge_runtime.catalogue import (
    CATALOGUES,
    RECIPE_DIR,
    Catalogue,
    catalogue,
    is_name,
    named,
    names,
    written,
)
from edge_runtime.config import load_recipe, load_station
from edge_runtime.recipe_check import check_text
from vision.errors import ConfigError
from vision.recipe import BallRecipe

NAMES = tuple(names())
GOST_SIZES = (15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 80, 90, 100, 110, 120)
#: kg/mm3, of the steel that the standards compute masses with
DENSITY = 7.85e-6


def test_all_sizes_are_there() -> None:
    assert [row.label for row in catalogue("gost").sizes] == [str(size) for size in GOST_SIZES]
    assert len(NAMES) == len(set(NAMES)) == sum(len(catalogue(key).sizes) for key in CATALOGUES)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_a_recipe(name: str) -> None:
    recipe = named(name)
    size = recipe.size
    assert recipe.size_label == name.partition(":")[2]
    assert recipe.standard is not None
    # Nominal and label are not far apart, the band is open and holds the nominal.
    assert float(recipe.size_label) <= size.d_nominal_mm <= 1.06 * float(recipe.size_label)
    assert size.ei_mm.value < 0.0 < size.es_mm.value
    assert 0.0 < size.d_min_mm < size.d_max_mm
    # Nobody has compared any of it with its source yet, and the source says so.
    for limit in (size.nominal_mm, size.es_mm, size.ei_mm):
        assert not limit.verified
        assert len(limit.source) > 20
    assert {"size.nominal_mm", "size.es_mm", "size.ei_mm"} <= set(recipe.unverified())
    assert recipe.guard.rule == "one_sided_95"
    assert all(rule.action == "reject" for rule in recipe.findings.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_written_recipe_is_the_same_recipe(name: str) -> None:
    recipe = named(name)
    text = written(recipe, "a title")
    assert text.startswith("# a title\n# NOT VERIFIED")
    assert BallRecipe.model_validate(yaml.safe_load(text)) == recipe
    outcome = check_text(text)
    assert outcome.problems == []
    # Every warning has its line, and none is of another kind than "not verified".
    assert all(remark.line is not None and "not verified" in remark.what for remark in outcome.warnings)
    assert len(outcome.warnings) == len(recipe.unverified())


@pytest.mark.parametrize("key", CATALOGUES)
def test_masses_agree_with_the_nominal_diameters(key: str) -> None:
    for row in catalogue(key).sizes:
        mass_kg = math.pi / 6.0 * row.nominal_mm**3 * DENSITY
        # Printed with two digits at least.
        assert row.mass_kg == pytest.approx(mass_kg, rel=0.015), row.label


@pytest.mark.parametrize("key", CATALOGUES)
def test_rows_grow_with_size(key: str) -> None:
    recipes = [named(f"{key}:{row.label}") for row in catalogue(key).sizes]
    for field in ("d_nominal_mm", "d_min_mm", "d_max_mm"):
        values = [getattr(recipe.size, field) for recipe in recipes]
        assert values == sorted(set(values)), field
    bands = [recipe.size.d_max_mm - recipe.size.d_min_mm for recipe in recipes]
    assert bands == sorted(bands)


@pytest.mark.parametrize(
    ("name", "nominal", "low", "high", "ovality_share"),
    [
        ("gost:15", 15.0, 14.0, 16.0, None),
        ("gost:30", 31.5, 30.5, 32.5, None),  # the narrower of what is recalled
        ("gost:40", 41.5, 39.5, 43.5, None),  # label and nominal differ
        ("gost:120", 125.0, 121.0, 129.0, None),
        ("kz:40", 40.0, 39.0, 42.0, None),  # not symmetric
        ("kz:90", 90.0, 88.0, 93.0, None),
        ("kz:120", 120.0, 118.0, 124.0, None),
        ("ybt:50", 50.0, 47.0, 52.0, 0.02),
        ("ybt:60", 60.0, 57.0, 62.0, 0.03),
        ("ybt:95", 95.0, 92.0, 97.0, 0.03),
        ("ybt:100", 100.0, 96.0, 103.0, 0.04),
    ],
)
def test_figures(name: str, nominal: float, low: float, high: float, ovality_share: float | None) -> None:
    recipe = named(name)
    assert (recipe.size.d_nominal_mm, recipe.size.d_min_mm, recipe.size.d_max_mm) == (nominal, low, high)
    share = recipe.form.ovality_max_share
    assert (None if share is None else share.value) == ovality_share


@pytest.mark.parametrize(
    ("name", "group", "surface", "volume"),
    [
        ("gost:40:1", "1", 45.0, None),
        ("gost:40:5", "5", 61.0, 57.0),
        ("gost:90:5", "5", 56.0, 43.0),
        ("gost:120:4", "4", 50.0, None),
        ("kz:20", "rolled, 60-67 HRC", 60.0, None),  # the only one there is
        ("kz:110", "forged, 50-63 HRC", 50.0, None),
        ("ybt:100", "59-63 HRC", 59.0, None),
    ],
)
def test_hardness_is_data(name: str, group: str, surface: float, volume: float | None) -> None:
    hardness = named(name).hardness
    assert hardness is not None
    assert hardness.surface_hrc_min is not None
    found = None if hardness.volume_hrc_min is None else hardness.volume_hrc_min.value
    assert (hardness.group, hardness.surface_hrc_min.value, found) == (group, surface, volume)
    assert not hardness.surface_hrc_min.verified


def test_without_a_group_none_is_guessed() -> None:
    assert named("gost:40").hardness is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gost:40", True),
        ("gost:40:3", True),
        ("ybt:41", True),  # a name, though of no size
        ("gost", False),
        ("40", False),
        ("gost:", False),
        ("din:40", False),
        ("recipes/gost:40.yaml", False),
        ("gost:40/../x", False),
        ("C:40", False),
    ],
)
def test_names_and_paths_are_told_apart(text: str, expected: bool) -> None:
    assert is_name(text) is expected


def test_a_station_file_may_name_a_recipe(tmp_path: Path, repository: Path) -> None:
    station = yaml.safe_load((repository / "docs" / "examples" / "recording.yaml").read_text("utf-8"))
    path = tmp_path / "station.yaml"
    path.write_text(yaml.safe_dump({**station, "recipe": "kz:40"}), encoding="utf-8")
    assert load_recipe(load_station(path).recipe) == named("kz:40")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("din:40", "names no recipe"),
        ("ball_40.yaml", "names no recipe"),
        ("gost:41", "no size '41'"),
        ("ybt:55", "no size '55'"),  # between two ranges of the sheet
        ("gost:40:6", "no hardness group '6'"),
        ("gost:110:5", "no hardness group '5'"),  # not made in that size
    ],
)
def test_unknown_names(name: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        named(name)
    assert caught.value.todo


def _table() -> dict[str, object]:
    data = yaml.safe_load((RECIPE_DIR / CATALOGUES["kz"]).read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize(
    ("section", "row", "message"),
    [
        # a size without a band, in two bands, twice
        ("sizes", {"label": "10", "nominal_mm": 10.0, "source": "band", "mass_kg": 0.004}, "needs one band"),
        ("bands", {"labels": ["20"], "es_mm": 1, "ei_mm": -1, "source": "band"}, "needs one band"),
        ("sizes", {"label": "20", "nominal_mm": 20.0, "source": "band", "mass_kg": 0.03}, "needs one band"),
        # hardness of no size, of one size twice
        ("hardness", {"group": "x", "labels": ["21"], "surface_hrc_min": 50, "source": "band"}, "hardness"),
        (
            "hardness",
            {"group": "rolled, 60-67 HRC", "labels": ["20"], "surface_hrc_min": 50, "source": "band"},
            "hardness",
        ),
        # a figure from nowhere
        ("hardness", {"group": "x", "labels": ["20"], "surface_hrc_min": 50, "source": "hearsay"}, "hearsay"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(section: str, row: dict[str, object], message: str) -> None:
    data = _table()
    Catalogue.model_validate(data)
    rows = data[section]
    assert isinstance(rows, list)
    rows.append(row)
    with pytest.raises(ValidationError, match=message):
        Catalogue.model_validate(data)


@pytest.mark.parametrize("path", sorted(RECIPE_DIR.glob("ball_*.yaml")), ids=lambda path: path.stem)
def test_the_files_are_written_from_the_catalogue(path: Path) -> None:
    """After a change of a table: ferrogate recipe show gost:40 > edge_runtime/recipes/ball_40.yaml."""
    name = f"gost:{path.stem.removeprefix('ball_')}"
    title = f"Written by 'ferrogate recipe show {name}'."
    assert path.read_text(encoding="utf-8") == written(named(name), title)
