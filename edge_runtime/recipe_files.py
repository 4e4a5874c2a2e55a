"""Recipes of all three kinds, by file or by name: balls, pictures of a rail, whole rails at the yard.

A ball's recipe has the name of a catalogue's row (`gost:40`); the two others come as one file each, with the
names `rail_default` and `yard_default`. Neighbours: `edge_runtime.catalogue` makes balls' recipes,
`edge_runtime.recipe_check` says all that is wrong with a file, `ferrogate recipe` is the command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from edge_runtime.catalogue import is_name, named
from edge_runtime.config import read_settings, validated
from edge_runtime.recipes import RAIL_RECIPE_PATH, YARD_RECIPE_PATH
from vision.rail_recipe import RailRecipe
from vision.recipe import BallRecipe
from vision.yard.recipe import YardRecipe

AnyRecipe = BallRecipe | RailRecipe | YardRecipe
RecipeKind = Literal["ball", "rail", "yard"]
RECIPE_KINDS: tuple[RecipeKind, ...] = get_args(RecipeKind)
#: What a file is by its `kind`; a ball's names none.
RECIPE_TYPES: dict[RecipeKind, type[AnyRecipe]] = {
    "ball": BallRecipe,
    "rail": RailRecipe,
    "yard": YardRecipe,
}
#: Recipes that come with ferrogate as one file: name -> file.
SHIPPED = {"rail_default": RAIL_RECIPE_PATH, "yard_default": YARD_RECIPE_PATH}


def file_of(name: str) -> Path:
    """The file of a recipe that comes with ferrogate by its name; else the name is a path."""
    return SHIPPED.get(name) or Path(name)


def kind_of(recipe: AnyRecipe) -> RecipeKind:
    """Which kind it is."""
    return next(kind for kind, model in RECIPE_TYPES.items() if isinstance(recipe, model))


def type_of(data: object) -> type[AnyRecipe]:
    """What a file's content is by its key `kind`; a ball's recipe where it names no kind that is known."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return next((RECIPE_TYPES[one] for one in RECIPE_KINDS if one == kind), BallRecipe)


def load_any_recipe(name: str) -> AnyRecipe:
    """Read and check a recipe of any kind, by its name or file.

    Raises:
        ConfigError: unreadable, not YAML, unknown keys, limits that cannot be, no such name.
    """
    if is_name(name):
        return named(name)
    path = file_of(name)
    data = read_settings(path, "recipe")
    return validated(type_of(data), data, path, "recipe")
