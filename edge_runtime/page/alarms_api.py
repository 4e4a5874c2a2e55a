"""Alarms over HTTP: the list with its history, and acknowledging by name.

A stop latch is not reset here: nothing is, but the mark that somebody has seen the alarm.
Neighbours: `edge_runtime.alarms.desk`, `keeper`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.alarms.desk import AlarmRefusedError, alarm_json
from edge_runtime.ledger.alarms import list_alarms, open_alarms
from edge_runtime.ledger.store import reading
from edge_runtime.page.context import ROW_MAX, PageContext, looking, require
from edge_runtime.page.errors import PageError
from edge_runtime.page.keeper import Keeper
from edge_runtime.people.sign_in import Viewer

_STATUS = {"alarm_unknown": 404, "alarm_acknowledged": 409, "alarm_not_stored": 409}


class Acknowledgement(BaseModel):
    """What a person says about an alarm."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field(default="", max_length=500)


def router(context: PageContext, keeper: Keeper) -> APIRouter:
    """Routes of the alarms."""
    routes = APIRouter()

    @routes.get("/api/alarms", dependencies=[Depends(looking)])
    def alarms(
        only_open: Annotated[bool, Query(alias="open")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
    ) -> dict[str, Any]:
        with reading(context.need_ledger()) as connection:
            if only_open:
                found = open_alarms(connection, limit + 1)
            else:
                found = list_alarms(connection, limit=limit + 1, before=before)
        return {"alarms": [alarm_json(alarm) for alarm in found[:limit]], "more": len(found) > limit}

    @routes.post("/api/alarms/{number}/acknowledge")
    def acknowledge(
        number: Annotated[int, Path(ge=0, le=ROW_MAX)],
        said: Acknowledgement,
        who: Annotated[Viewer, Depends(require("acknowledge"))],
    ) -> dict[str, Any]:
        try:
            alarm = keeper.desk.acknowledge(number, who.name, said.note.strip())
        except AlarmRefusedError as error:
            raise PageError(_STATUS[error.code], error.code, error.what, error.values) from error
        keeper.show_alarms()
        return {"alarm": alarm_json(alarm)}

    return routes
