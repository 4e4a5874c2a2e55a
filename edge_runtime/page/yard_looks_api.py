"""Second looks: stretches without a finding, drawn at random, and what a person saw there.

    GET  /api/yard/looks -> {"looks": [...], "rate": {...}}
    POST /api/yard/looks/{id} {"answer": "clear"|"missed", "note": ""} -> {"look"}

What was missed is added to the rail as a finding, as any other. Neighbour: `edge_runtime.yard.second_look`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.page.context import looking, require, row_number
from edge_runtime.page.encode import finite
from edge_runtime.page.yard_context import YardContext, refusals, who_of
from edge_runtime.page.yard_json import look_json
from edge_runtime.page.yard_strips import shelf_of
from edge_runtime.people.sign_in import Viewer
from edge_runtime.yard.store_types import LookAnswer


class LookRequest(BaseModel):
    """What was seen."""

    model_config = ConfigDict(extra="forbid")
    answer: LookAnswer
    note: str = Field(default="", max_length=4000)


def router(context: YardContext) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/yard/looks")
    shelf = shelf_of(context)

    @routes.get("", dependencies=[Depends(looking)])
    def looks(limit: Annotated[int, Query(ge=1, le=200)] = 24) -> dict[str, Any]:
        store = context.need_store()
        with refusals():
            found = store.looks(open_only=True, limit=limit)
            shown = []
            for look in found:
                strips = shelf.strips(look.rail_id)
                place = next((at for at, strip in enumerate(strips) if strip.camera == look.camera), None)
                lying = place is None or strips[place].lying
                shown.append({**look_json(look), "camera_number": place, "lying": lying})
            rate = asdict(store.miss_rate())
        return {"looks": shown, "rate": finite(rate)}

    @routes.post("/{look_id}")
    def answer(
        look_id: int, body: LookRequest, by: Annotated[Viewer, Depends(require("yard_inspect"))]
    ) -> dict[str, Any]:
        with refusals():
            look = context.need_store().answer_look(
                row_number(look_id), body.answer, who_of(by), note=body.note
            )
        return {"look": look_json(look)}

    return routes
