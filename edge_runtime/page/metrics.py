"""Figures of the line for Prometheus: GET /metrics.

A registry of our own, filled at every scrape from the station's status and the ledger. Who may look at the
page may scrape; a Prometheus on this machine always may. Neighbour: `metrics_figures` knows the figures.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from edge_runtime.page.context import PageContext, looking, viewer
from edge_runtime.people.sign_in import Viewer


def router(context: PageContext) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/metrics")
    def metrics(request: Request, who: Annotated[Viewer | None, Depends(viewer)]) -> Response:
        # Imported late: a page that nobody scrapes loads no Prometheus client.
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        from edge_runtime.page.metrics_figures import make_registry

        if not _is_here(request, context):
            looking(request, who)
        return Response(generate_latest(make_registry(context)), media_type=CONTENT_TYPE_LATEST)

    return routes


def _is_here(request: Request, context: PageContext) -> bool:
    """Asked from this machine. Behind a proxy everybody comes from it, unless it says whom it speaks for."""
    if context.page.behind_proxy and "x-forwarded-for" not in request.headers:
        return False
    return request.client is not None and request.client.host in {"127.0.0.1", "::1"}
