"""GET /api/state of a rail yard: how its worker stands, and who looks. The page asks every few seconds.

Neighbours: `edge_runtime.yard.station_status` is what the worker writes, `state` is the ball line's.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request

from edge_runtime.cli import version
from edge_runtime.page.context import looking, token_of
from edge_runtime.page.yard_context import YardContext
from edge_runtime.people.sign_in import Viewer, csrf_of
from edge_runtime.yard.station_status import YardStatus, read_status

_MS = 1_000_000
#: scans that could not be used, the newest of them
_ASIDES_SHOWN = 10


def router(context: YardContext) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.get("/api/state")
    def state(request: Request, who: Annotated[Viewer | None, Depends(looking)]) -> dict[str, Any]:
        token = token_of(request)
        now = context.utc_ns()
        return {
            "server_utc_ms": now // _MS,
            "page": {
                "mode": context.mode,
                "version": version(),
                "utc_offset_hours": context.page.utc_offset_hours,
            },
            "status": {
                "station": context.station,
                "session": "",
                **_worker(read_status(context.storage), now),
            },
            "viewer": None if who is None else who.as_json(),
            "csrf": None if who is None or token is None else csrf_of(token),
        }

    return routes


def _worker(status: YardStatus | None, now_utc_ns: int) -> dict[str, Any]:
    """The worker as the page shows it; state 'gone' for one that has not told of itself for a while."""
    if status is None:
        return {"state": "none"}
    alive = status.alive(now_utc_ns)
    return {
        "state": status.state if alive or status.state == "stopped" else "gone",
        "heard_utc_ms": status.at_utc_ns // _MS,
        "rail": status.rail,
        "done": status.done,
        "total": status.total,
        "queue": list(status.queue),
        "rails_done": status.rails_done,
        "last_rail": status.last_rail,
        "lost": status.lost,
        "free_mb": status.free_mb,
        "message": status.message,
        "asides": [note.model_dump(mode="json") for note in status.asides[-_ASIDES_SHOWN:]],
    }
