"""The recipes that come with ferrogate: complete, sourced, honest about not being verified."""

from __future__ import annotations

import pytest

from edge_runtime.config import load_recipe
from edge_runtime.recipes import default_recipe_path, recipe_for_diameter, recipe_labels
from vision.errors import ConfigError
from vision.recipe import BallRecipe


def test_sizes() -> None:
    assert {"20", "25", "30", "40", "50", "60", "80", "100", "120"} <= set(recipe_labels())
    assert list(recipe_labels()) == sorted(recipe_labels(), key=float)


@pytest.mark.parametrize("label", recipe_labels())
def test_recipe_loads_and_says_that_nobody_checked_it(label: str) -> None:
    recipe = load_recipe(default_recipe_path(label))
    assert recipe.size_label == label
    # The nominal diameter is the label's or somewhat above it (GOST 7524 from 30 mm up).
    assert float(label) <= recipe.size.d_nominal_mm <= 1.06 * float(label)
    assert recipe.size.ei_mm.value < 0.0 < recipe.size.es_mm.value
    assert {"size.es_mm", "size.ei_mm", "views.focus_max_px"} <= set(recipe.unverified())
    assert "GOST" in recipe.size.es_mm.source
    assert all(rule.action == "reject" for rule in recipe.findings.values())


def test_bands_do_not_shrink_with_size() -> None:
    widths = []
    for label in recipe_labels():
        size = load_recipe(default_recipe_path(label)).size
        widths.append(size.d_max_mm - size.d_min_mm)
    assert widths == sorted(widths)


@pytest.mark.parametrize(
    ("d_mm", "low", "high"),
    [
        (40.0, 38.0, 42.0),  # a size of its own: its band round the diameter asked for, not round 41.5
        (41.5, 39.5, 43.5),  # the nominal of size 40
        (59.9, 57.9, 61.9),  # between two sizes: the smaller one's, narrower band
        (150.0, 146.0, 154.0),  # above all: the largest one's
        (10.0, 9.5, 10.5),  # below all: the smallest one's band scaled down
    ],
)
def test_recipe_for_any_diameter(d_mm: float, low: float, high: float) -> None:
    recipe = recipe_for_diameter(d_mm)
    assert recipe.size.d_nominal_mm == d_mm
    assert recipe.size.d_min_mm == pytest.approx(low)
    assert recipe.size.d_max_mm == pytest.approx(high)
    assert not recipe.size.es_mm.verified
    assert f"{d_mm:g} mm" in recipe.size.es_mm.source
    # It is a recipe like any other: it goes through a file and back.
    assert BallRecipe.model_validate(recipe.model_dump()).sha256() == recipe.sha256()


@pytest.mark.parametrize("d_mm", [0.0, -40.0, 301.0, float("nan")])
def test_impossible_diameter(d_mm: float) -> None:
    with pytest.raises(ConfigError):
        recipe_for_diameter(d_mm)


def test_unknown_size() -> None:
    with pytest.raises(ConfigError, match="no recipe comes"):
        default_recipe_path("41")
