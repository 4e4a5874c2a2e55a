"""The page's texts in a reader's language, flat: GET /api/messages/{ru|kk|en}.

Asked for with their hash (`?v=`) they may be kept for good, so a page that is opened again asks for none.
Neighbour: `edge_runtime.page.words`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

from edge_runtime.page.context import PageBase
from edge_runtime.page.words import served_texts, texts_hash
from edge_runtime.reports.words import Language

FOR_GOOD = "public, max-age=31536000, immutable"


def router(context: PageBase) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/api/messages/{language}")
    def messages(language: Language, v: str = "", if_none_match: Annotated[str, Header()] = "") -> Response:
        version = texts_hash(language, context.mode)
        headers = {"ETag": f'"{version}"', "Cache-Control": FOR_GOOD if v == version else "no-cache"}
        if if_none_match == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return JSONResponse(served_texts(language, context.mode), headers=headers)

    return routes
