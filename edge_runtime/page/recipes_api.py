"""What a changeover may choose from: GET /api/recipes.

A recipe that cannot be used is listed with its error, so that nobody looks for it in vain.
Neighbour: `edge_runtime.day.recipe_shelf`.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from edge_runtime.day.recipe_shelf import RecipeShelf
from edge_runtime.page.context import PageContext, looking
from vision.errors import ConfigError


def router(context: PageContext) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    shelf = RecipeShelf(context.config)

    @routes.get("/api/recipes", dependencies=[Depends(looking)])
    def recipes() -> list[dict[str, Any]]:
        return [_facts(shelf, name) for name in shelf.names()]

    return routes


def _facts(shelf: RecipeShelf, name: str) -> dict[str, Any]:
    try:
        recipe = shelf.load(name)
    except ConfigError as error:
        empty = {"product": None, "d_nominal_mm": None, "sha256": None, "unverified": None}
        return {"recipe": name, **empty, "error": error.what}
    return {
        "recipe": name,
        "product": recipe.product,
        "d_nominal_mm": recipe.size.d_nominal_mm,
        "sha256": recipe.sha256(),
        "unverified": len(recipe.unverified()),
        "error": None,
    }
