"""Rails of a yard: their list, one with everything, what an inspector says of it, the recipe's classes.

    GET  /api/yard/rails?wagon_id=&unassigned=&limit=&before=    GET /api/yard/rails/{id}?seen=REVISION
    POST /api/yard/rails/{id}/changes {"change": {...}, "revision": n} -> the rail as it then stands
    GET  /api/yard/recipe

A change names the revision that its author saw; who is slower gets 409 `yard_changed_since` with what the
others did. Neighbours: `edge_runtime.yard.store` decides, `yard_json` is the form of the answers.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.page.context import ROW_MAX, looking, require
from edge_runtime.page.encode import finite
from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_context import YardContext, refusals, who_of
from edge_runtime.page.yard_json import rail_json, rail_line_json, recipe_json
from edge_runtime.page.yard_strips import shelf_of
from edge_runtime.people.sign_in import Viewer
from edge_runtime.yard.store_changes import parse_change

_LOG = logging.getLogger("ferrogate.page")


class ChangeRequest(BaseModel):
    """What is said of a rail, and the revision of it that the person saw."""

    model_config = ConfigDict(extra="forbid")
    change: dict[str, Any]
    revision: int = Field(ge=0, le=ROW_MAX)


def router(context: YardContext) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/yard")
    shelf = shelf_of(context)

    @routes.get("/recipe", dependencies=[Depends(looking)])
    def recipe() -> dict[str, Any]:
        return recipe_json(context.need_recipe())

    @routes.get("/rails", dependencies=[Depends(looking)])
    def rails(
        wagon_id: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
        unassigned: bool = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
    ) -> dict[str, Any]:
        with refusals():
            found = context.need_store().rails(
                wagon_id=wagon_id, unassigned=unassigned, limit=limit + 1, before=before
            )
        shown = [rail_line_json(line) for line in found[:limit]]
        return {"rails": shown, "more": len(found) > limit}

    @routes.get("/rails/{rail_id}", dependencies=[Depends(looking)])
    def rail(rail_id: int, seen: Annotated[int | None, Query(ge=0, le=ROW_MAX)] = None) -> Response:
        _check(rail_id)
        with refusals():
            view = context.need_store().rail(rail_id)
            if view.revision == seen:
                return Response(status_code=204)
            return JSONResponse(finite(rail_json(view, shelf.of(view))))

    @routes.post("/rails/{rail_id}/changes")
    def change(
        rail_id: int, body: ChangeRequest, by: Annotated[Viewer, Depends(require("yard_inspect"))]
    ) -> Response:
        _check(rail_id)
        with refusals():
            asked = parse_change(body.change)
            view = context.need_store().correct(rail_id, asked, who_of(by), seen_revision=body.revision)
            facts = {"rail": view.name, "change": asked.kind, "by": by.name, "revision": view.revision}
            _LOG.info("rail_changed", extra=facts)
            return JSONResponse(finite(rail_json(view, shelf.of(view))))

    return routes


def _check(rail_id: int) -> None:
    """A number that no book can hold is no rail's.

    Raises:
        PageError: 404.
    """
    if not 0 < rail_id <= ROW_MAX:
        raise PageError(404, "yard_no_such_rail", f"there is no rail {rail_id}", {"key": rail_id})
