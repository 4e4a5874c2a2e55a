"""Reading the yard recipe: the file a station names, or the one that comes with ferrogate.

Neighbours: `vision.yard.recipe` says what it may hold, `edge_runtime.config` has the reading and the messages
that every settings file shares, `edge_runtime/recipes/yard_default.yaml` is the one that comes along.
"""

from __future__ import annotations

from pathlib import Path

from edge_runtime.config import read_settings, validated
from edge_runtime.recipe_files import file_of
from vision.yard.recipe import YardRecipe

#: The recipe that comes with ferrogate, by the name that commands and station files may give it.
YARD_RECIPE = "yard_default"


def load_yard_recipe(path: Path | None = None) -> YardRecipe:
    """Read and check a yard recipe; None, or the name `yard_default`: the one that comes with ferrogate.

    Raises:
        ConfigError: unreadable, not YAML, a key that stands twice, for another station, a rule that is
            missing or cannot be.
    """
    path = file_of(YARD_RECIPE if path is None else str(path))
    return validated(YardRecipe, read_settings(path, "yard recipe"), path, "yard recipe")
