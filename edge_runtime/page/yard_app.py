"""The rail yard's page as an application: its routes and those that every page has, with the same guard.

Neighbours: `yard_process` serves it, `yard_context` is what its routes share, `app` is the ball line's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from edge_runtime.page import (
    errors,
    messages_api,
    people_api,
    shell,
    sign_in_api,
    yard_acts_api,
    yard_bundle_api,
    yard_looks_api,
    yard_photos_api,
    yard_rails_api,
    yard_state_api,
    yard_tiles_api,
    yard_wagons_api,
)
from edge_runtime.page.app import WORKER_THREADS
from edge_runtime.page.context import run_services
from edge_runtime.page.security import Security
from edge_runtime.page.yard_context import YardContext

#: each has `router(context) -> fastapi.APIRouter`
SHARED = (sign_in_api, people_api, messages_api, shell)
YARD = (
    yard_state_api,
    yard_rails_api,
    yard_tiles_api,
    yard_wagons_api,
    yard_acts_api,
    yard_looks_api,
    yard_photos_api,
    yard_bundle_api,
)


def build_yard_app(context: YardContext) -> FastAPI:
    """The application of one rail yard's page."""
    app = FastAPI(title="ferrogate", openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    context.mode = "yard"
    context.streams = (yard_photos_api.STREAMED,)
    app.state.context = context
    errors.install(app)
    app.add_middleware(Security, context=context)
    for shared in SHARED:
        app.include_router(shared.router(context))
    for module in YARD:
        app.include_router(module.router(context))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: YardContext = app.state.context
    to_thread.current_default_thread_limiter().total_tokens = WORKER_THREADS
    async with asynccontextmanager(run_services)(context):
        yield
