"""GET /api/state: the line as it is now and who looks; and the routes of the alarms.

Neighbours: `keeper` keeps what is answered here, `live` pushes the same to every browser.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request

from edge_runtime.page import alarms_api
from edge_runtime.page.context import PageContext, looking, token_of
from edge_runtime.page.encode import finite
from edge_runtime.page.keeper import keeper_of
from edge_runtime.people.sign_in import Viewer, csrf_of


def router(context: PageContext) -> APIRouter:
    """Routes of state and alarms."""
    keeper = keeper_of(context)
    routes = APIRouter()

    @routes.get("/api/state")
    def state(request: Request, who: Annotated[Viewer | None, Depends(looking)]) -> dict[str, Any]:
        token = token_of(request)
        of_viewer = {
            "viewer": None if who is None else who.as_json(),
            "csrf": None if who is None or token is None else csrf_of(token),
        }
        shown: dict[str, Any] = finite(keeper.snapshot())
        return shown | of_viewer

    routes.include_router(alarms_api.router(context, keeper))
    return routes
