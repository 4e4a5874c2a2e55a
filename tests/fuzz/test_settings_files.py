"""Station files and recipes written by somebody who means no good: a typed value, or one clear error."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from edge_runtime import strict_yaml
from edge_runtime.config import load_recipe, load_station, read_settings
from edge_runtime.recipe_check import check_text
from edge_runtime.recipe_files import load_any_recipe
from edge_runtime.recipes import RAIL_RECIPE_PATH, YARD_RECIPE_PATH, default_recipe_path
from edge_runtime.yard.yard_config import load_rail_station
from tests.edge.core_rig import station
from tests.edge.page.yard_samples import ROW_MM
from tests.fuzz.strategies import fuzzed, mutants, one_answer, torn
from tests.vision.judged_balls import part
from tests.vision.small_models import ball_contract
from vision.errors import ConfigError, FerrogateError
from vision.judge import judge
from vision.recipe import BallRecipe
from vision.types import Decision

CONTRACT = ball_contract()
BALL_STATION = station().model_dump(mode="json")
RAIL_STATION = {
    "schema_version": 1,
    "station": "rail",
    "name": "yard-1",
    "cameras": [{"name": "top", "mm_per_px": ROW_MM}],
    "encoder": {"counts_per_mm": 1.0, "bits": 32},
    "scans": [{"type": "watch", "path": "scans"}],
    "storage": {"folder": "storage", "min_free_mb": 10},
    "second_look": {"share": 1.0},
    "page": {"port": 8080, "language": "ru"},
}


def recipe_tree(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


BALL_RECIPE = load_recipe(default_recipe_path("40")).model_dump(mode="json")
RECIPES = [BALL_RECIPE, recipe_tree(RAIL_RECIPE_PATH), recipe_tree(YARD_RECIPE_PATH)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings")


def all_numbers_count(value: object) -> bool:
    """No number in it is none."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(all_numbers_count(item) for item in value.values())
    return not isinstance(value, list | tuple) or all(all_numbers_count(item) for item in value)


def written(folder: Path, name: str, tree: object) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def check_taken(taken: object) -> None:
    """What was taken is of its type once more when it is written and read, and holds numbers."""
    assert isinstance(taken, BaseModel)
    assert all_numbers_count(taken.model_dump(mode="python"))
    assert type(taken).model_validate(taken.model_dump(mode="python")) == taken


@fuzzed(70)
@given(tree=mutants(BALL_STATION))
def test_a_ball_stations_file(folder: Path, tree: Any) -> None:
    found = one_answer(lambda: load_station(written(folder, "station.yaml", tree)))
    if isinstance(found, FerrogateError):
        return
    check_taken(found)
    # The paths in it are anybody's, too.
    one_answer(lambda: load_recipe(found.recipe))


@fuzzed(50)
@given(tree=mutants(RAIL_STATION))
def test_a_rail_stations_file(folder: Path, tree: Any) -> None:
    found = one_answer(lambda: load_rail_station(written(folder, "yard.yaml", tree)))
    if not isinstance(found, FerrogateError):
        check_taken(found)


@fuzzed(60)
@given(tree=st.sampled_from(RECIPES).flatmap(mutants))
def test_recipes(folder: Path, tree: Any) -> None:
    path = written(folder, "recipe.yaml", tree)
    found = one_answer(lambda: load_any_recipe(str(path)))
    checked = check_text(path.read_text(encoding="utf-8"))
    # The command that explains and the station that refuses are of one mind.
    assert (checked.recipe is None) == isinstance(found, FerrogateError), checked.problems
    assert all(remark.what and remark.todo for remark in checked.problems)
    if isinstance(found, FerrogateError):
        return
    check_taken(found)
    if isinstance(found, BallRecipe):
        for unproven in (part(views=(), views_due=0), part(diameter_min_mm=None, diameter_max_mm=None)):
            verdict = judge(unproven, found, CONTRACT, model_sha256="")
            assert verdict.decision is not Decision.ACCEPT


TAKERS: list[Callable[[Path], object]] = [
    load_station,
    load_rail_station,
    load_recipe,
    lambda path: load_any_recipe(str(path)),
]
TEXT = yaml.safe_dump(BALL_STATION).encode()


@fuzzed(60)
@given(data=torn(TEXT) | st.binary(max_size=200), take=st.sampled_from(TAKERS))
def test_any_bytes(folder: Path, data: bytes, take: Callable[[Path], object]) -> None:
    path = folder / "any.yaml"
    path.write_bytes(data)
    one_answer(lambda: take(path))


def laughs(levels: int, link: str = "[{items}]") -> str:
    """Lists of nine times the list before: a page of text that unfolds to 9 ** levels values."""
    lines = ["a0: &a0 [x, x]" if link.startswith("[") else "a0: &a0 {x: 1}"]
    for level in range(1, levels):
        items = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {link.format(items=items)}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs(12),
        laughs(12, "{{<<: [{items}]}}"),
        "[" * 5_000,
        "{a: " * 5_000,
        "- " * 20_000,
        "a: " + "9" * 5000,
        "a: 0x" + "f" * 100_000,
        "a: &a [*a]",
        "x" * (strict_yaml.MAX_CHARACTERS + 1),
        "a: 2026-99-99",
        "a: !!python/object/apply:os.system ['true']",
        "a: 1:2:3:4:5:6:7:8:9" + ":59" * 3000,
        '"\\ud800": 1',
        "%TAG ! tag:yaml.org,2002:\n---\na: !str 1",
    ],
    ids=range(14),
)
def test_bombs_are_refused_or_harmless(folder: Path, text: str) -> None:
    path = folder / "bomb.yaml"
    path.write_text(text, encoding="utf-8")
    for take in (load_station, load_recipe):
        assert isinstance(one_answer(lambda take=take: take(path)), ConfigError)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "/dev/full/x", "."])
def test_names_that_no_file_can_have(name: str) -> None:
    for take in TAKERS:
        assert isinstance(one_answer(lambda take=take: take(Path(name))), ConfigError)  # type: ignore[misc]


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    assert isinstance(one_answer(lambda: read_settings(Path("/dev/zero"), "recipe")), ConfigError)
