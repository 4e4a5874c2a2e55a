"""Wagons, trucks and lots, as an inspector types them.

    GET  /api/yard/wagons    POST /api/yard/wagons {"fields"} -> {"wagon"}
    GET  /api/yard/wagons/{id} -> {"wagon", "rails", "draft": {"missing", "sha256"}}
    POST /api/yard/wagons/{id} {"fields", "revision"} -> the same

Nothing is filled in that nobody typed. Neighbours: `yard_acts_api` signs, `edge_runtime.yard.store` keeps.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.page.context import ROW_MAX, looking, require, row_number
from edge_runtime.page.encode import finite
from edge_runtime.page.yard_context import YardContext, refusals, who_of
from edge_runtime.page.yard_json import rail_line_json, wagon_json
from edge_runtime.people.sign_in import Viewer
from edge_runtime.yard.store_types import parse_wagon

_RAILS_SHOWN = 500


class WagonRequest(BaseModel):
    """A wagon's fields, and for one that is there the revision that the person saw."""

    model_config = ConfigDict(extra="forbid")
    fields: dict[str, Any]
    revision: int = Field(default=0, ge=0, le=ROW_MAX)


def router(context: YardContext) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/yard/wagons")

    def in_full(wagon_id: int) -> dict[str, Any]:
        store = context.need_store()
        wagon = store.wagon(wagon_id)
        draft = store.draft_act(wagon_id)
        rails = store.rails(wagon_id=wagon_id, limit=_RAILS_SHOWN)
        answer: dict[str, Any] = finite(
            {
                "wagon": wagon_json(wagon),
                "rails": [rail_line_json(line) for line in rails],
                "draft": {
                    "missing": list(draft.missing),
                    "sha256": draft.sha256,
                    "net_kg": draft.content.net_kg,
                    "accepted_kg": draft.content.accepted_kg,
                },
            }
        )
        return answer

    @routes.get("", dependencies=[Depends(looking)])
    def wagons(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
    ) -> dict[str, Any]:
        with refusals():
            found = context.need_store().wagons(limit=limit + 1, before=before)
        return {"wagons": [wagon_json(view) for view in found[:limit]], "more": len(found) > limit}

    @routes.get("/{wagon_id}", dependencies=[Depends(looking)])
    def wagon(wagon_id: int) -> dict[str, Any]:
        with refusals():
            return in_full(row_number(wagon_id))

    @routes.post("")
    def add(body: WagonRequest, by: Annotated[Viewer, Depends(require("yard_inspect"))]) -> dict[str, Any]:
        with refusals():
            return in_full(context.need_store().add_wagon(parse_wagon(body.fields), who_of(by)))

    @routes.post("/{wagon_id}")
    def change(
        wagon_id: int, body: WagonRequest, by: Annotated[Viewer, Depends(require("yard_inspect"))]
    ) -> dict[str, Any]:
        wagon_id = row_number(wagon_id)
        with refusals():
            fields = parse_wagon(body.fields)
            context.need_store().change_wagon(wagon_id, fields, who_of(by), seen_revision=body.revision)
            return in_full(wagon_id)

    return routes
