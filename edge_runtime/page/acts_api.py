"""What people tell the line to do, passed on to the station's desk.

    POST /api/acts {"act": {...}, "revision": n|null} -> {"day": DayState}

The page decides nothing: the station carries the act out or refuses it, and answers when it is on disk.
Neighbours: `edge_runtime.day.acts` (what there is), `edge_runtime.day.client` (the way to the station).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from edge_runtime.day.acts import Act
from edge_runtime.day.client import ActRefused, StationUnreachable, send_act
from edge_runtime.page.context import PageContext, check_may, signed_in
from edge_runtime.page.errors import PageError
from edge_runtime.people.sign_in import Viewer

_LOG = logging.getLogger("ferrogate.page")
#: a station that does not answer holds up no more of the page's threads than these
_AT_ONCE = 2


class ActRequest(BaseModel):
    """An act, and the day's revision that the person saw when they asked for it (null: whatever it is)."""

    model_config = ConfigDict(extra="forbid")
    act: Act
    revision: int | None = None


def router(context: PageContext) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    limiter = CapacityLimiter(_AT_ONCE)

    @routes.post("/api/acts")
    async def act(request: Request, who: Annotated[Viewer, Depends(signed_in)]) -> dict[str, Any]:
        asked = _read(await request.body())
        check_may(who, asked.act.kind)
        send = partial(send_act, context.station, asked.act, who.name, who.role, asked.revision)
        facts = {"act": asked.act.model_dump(mode="json"), "by": who.name, "role": who.role}
        try:
            day = await to_thread.run_sync(send, limiter=limiter)
        except ActRefused as error:
            _LOG.info("act_refused", extra=facts | {"code": error.code})
            raise PageError(409, error.code, error.text, error.values) from error
        except StationUnreachable as error:
            _LOG.warning("act_not_delivered", extra=facts | {"error": str(error)})
            raise PageError(503, "station_unreachable", str(error)) from error
        _LOG.info("act", extra=facts | {"revision": day.revision})
        return {"day": day.model_dump(mode="json")}

    return routes


def _read(body: bytes) -> ActRequest:
    """The act of a request.

    Raises:
        PageError: 400 bad_act.
    """
    try:
        return ActRequest.model_validate_json(body)
    except ValidationError as error:
        detail = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:5]
        )
        raise PageError(400, "bad_act", f"this is no act: {detail}", {"detail": detail}) from error
