"""The wizard of `ferrogate commission --page`: how it stands, and what the technician does.

    GET  /api/commission?language=ru -> `edge_runtime.commission.view.view`, with the buttons' texts
    POST /api/commission {"step", "action", "values"} -> the same

Only in commission mode; the engine is moved on by a thread of the command. Live pictures come by the
page's WebSocket as ever. Neighbours: `static/commission.js` shows it, `edge_runtime.commission.page_server`
serves it.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.commission.engine import ActionRefused, Engine
from edge_runtime.commission.view import view
from edge_runtime.commission.words import commission_texts, load_words
from edge_runtime.page.context import PageContext, looking, require
from edge_runtime.page.errors import PageError
from edge_runtime.people.sign_in import Viewer
from edge_runtime.reports.words import Language

_LOG = logging.getLogger("ferrogate.page")
#: texts of the catalogue that the page's own parts need
_FOR_PAGE = ("page.", "refused.")


class CommissionRequest(BaseModel):
    """What a technician does; see `Engine.act`."""

    model_config = ConfigDict(extra="forbid")
    step: str = Field(max_length=80)
    action: str = Field(max_length=20)
    values: dict[str, str | None] = Field(default_factory=dict, max_length=4)
    language: Language | None = None


def router(context: PageContext) -> APIRouter:
    """The routes.

    Raises:
        KeyError: the context has no engine: it is not a commissioning's page.
    """
    engine: Engine = context.shared[Engine]
    routes = APIRouter()

    @routes.get("/api/commission", dependencies=[Depends(looking)])
    def stand(language: Language | None = None) -> dict[str, Any]:
        return _view(engine, context, language)

    @routes.post("/api/commission")
    def act(
        body: CommissionRequest, who: Annotated[Viewer, Depends(require("commission"))]
    ) -> dict[str, Any]:
        try:
            engine.act(body.step, body.action, body.values, who.name)
        except ActionRefused as refused:
            raise PageError(409, refused.code, refused.what, refused.values) from refused
        _LOG.info("commission", extra={"step": body.step, "action": body.action, "by": who.name})
        return _view(engine, context, body.language)

    return routes


def _view(engine: Engine, context: PageContext, language: Language | None) -> dict[str, Any]:
    chosen = language or context.language
    texts = commission_texts(chosen)
    words = load_words(chosen, context.page.utc_offset_hours)
    shown = {key: text for key, text in texts.items() if key.startswith(_FOR_PAGE)}
    return view(engine, words) | {"language": chosen, "texts": shown}
