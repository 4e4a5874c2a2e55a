"""The page's application: routes of all modules, the guard around them, what runs as long as it does.

Neighbours: `process` serves it, `context` is what the routes share, `security` stands around them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from edge_runtime.page import (
    acts_api,
    errors,
    ledger_view,
    live,
    messages_api,
    metrics,
    people_api,
    pictures_api,
    recipes_api,
    reports_api,
    shell,
    sign_in_api,
    state,
)
from edge_runtime.page.context import PageContext, run_services
from edge_runtime.page.security import Security

#: each has `router(context) -> fastapi.APIRouter`
ROUTES = (
    sign_in_api,
    people_api,
    acts_api,
    recipes_api,
    messages_api,
    metrics,
    state,
    live,
    ledger_view,
    pictures_api,
    reports_api,
    shell,
)
#: routes at work at once; a page beside a line must not become many threads
WORKER_THREADS = 8


def build_app(context: PageContext) -> FastAPI:
    """The application of one station's page; with the wizard's routes where it serves the commissioning."""
    app = FastAPI(title="ferrogate", openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.context = context
    errors.install(app)
    app.add_middleware(Security, context=context)
    for module in ROUTES:
        app.include_router(module.router(context))
    if context.mode == "commission":
        # A page beside the line loads nothing of the wizard.
        from edge_runtime.page import commission_api

        app.include_router(commission_api.router(context))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: PageContext = app.state.context
    to_thread.current_default_thread_limiter().total_tokens = WORKER_THREADS
    async with asynccontextmanager(run_services)(context):
        yield
