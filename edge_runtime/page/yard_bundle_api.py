"""GET /yard/corrections.zip: what inspectors said, as a capture bundle for the data team.

The bundle is the one that `ferrogate data import bundle` reads, packed into one file. Neighbour:
`edge_runtime.yard.yard_bundle` writes it.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from edge_runtime.page.context import require
from edge_runtime.page.errors import PageError
from edge_runtime.page.reports_api import disposition
from edge_runtime.page.yard_context import YardContext, refusals, who_of
from edge_runtime.page.yard_tiles import CACHE_FOLDER
from edge_runtime.people.sign_in import Viewer

_LOG = logging.getLogger("ferrogate.page")
_DAY_NS = 24 * 3600 * 1_000_000_000
_RAILS_MAX = 200


def router(context: YardContext) -> APIRouter:
    """The route."""
    routes = APIRouter()
    turn = threading.Lock()

    @routes.get("/yard/corrections.zip")
    def bundle(
        by: Annotated[Viewer, Depends(require("yard_export"))],
        days: Annotated[int | None, Query(ge=1, le=3660)] = None,
        rail: Annotated[list[str] | None, Query(max_length=_RAILS_MAX)] = None,
    ) -> FileResponse:
        if not turn.acquire(blocking=False):
            raise PageError(503, "busy", "a bundle is being made: try again", headers={"Retry-After": "20"})
        try:
            since = None if days is None else context.utc_ns() - days * _DAY_NS
            return _packed(context, by, since, rail)
        finally:
            turn.release()

    return routes


def _packed(
    context: YardContext, by: Viewer, since_utc_ns: int | None, rails: list[str] | None
) -> FileResponse:
    from edge_runtime.yard.yard_bundle import write_yard_bundle

    # On the station's disk, which has the room that /tmp may lack.
    cache = context.storage / CACHE_FOLDER
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bundle-", dir=cache))
    try:
        stamp = datetime.fromtimestamp(context.utc_ns() / 1e9, UTC).strftime("%Y%m%d-%H%M")
        name = f"{context.station}-corrections-{stamp}"
        with refusals():
            count = write_yard_bundle(
                context.need_store(),
                work / name,
                who_of(by),
                rails=rails,
                since_utc_ns=since_utc_ns,
                station_name=context.station,
            )
        path = work / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
            for file in sorted((work / name).rglob("*")):
                if file.is_file():
                    packed.write(file, file.relative_to(work))
        shutil.rmtree(work / name)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _LOG.info("corrections_exported", extra={"by": by.name, "pictures": count.pictures})
    return FileResponse(
        path,
        media_type="application/zip",
        headers={"Content-Disposition": disposition("attachment", name, ".zip"), "Cache-Control": "no-store"},
        background=BackgroundTask(shutil.rmtree, work, ignore_errors=True),
    )
