"""GET /yard/tiles/..., /yard/crops/...: pictures of rails, tile by tile, and of single findings.

A rail's pictures never change, so browsers keep them. Small copies of the newest rails are made before
anybody opens them. Neighbours: `yard_tiles` cuts, `yard_strips` knows where the pictures lie.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import cv2
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from edge_runtime.page.context import ROW_MAX, looking
from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_context import YardContext
from edge_runtime.page.yard_strips import shelf_of
from edge_runtime.page.yard_tiles import TileShop
from vision.errors import FerrogateError

_LOG = logging.getLogger("ferrogate.page")
_CACHE = "private, max-age=31536000, immutable"
#: rails that are made ready beforehand, and how often new ones are looked for
_READY = 12
_LOOK_S = 4.0
#: far outside of any strip
_PX = 1e7


def router(context: YardContext) -> APIRouter:
    """The routes; small copies are made as long as the page runs."""
    routes = APIRouter(dependencies=[Depends(looking)])
    shop, shelf = TileShop(context.storage), shelf_of(context)
    cv2.setNumThreads(1)

    @asynccontextmanager
    async def making_ready() -> AsyncIterator[None]:
        task = asyncio.create_task(_make_ready(context, shop))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    context.services.append(making_ready)

    @routes.get("/yard/tiles/{rail_id}/{camera}/{level}/{column}_{row}.jpg")
    def tile(rail_id: int, camera: int, level: int, column: int, row: int) -> Response:
        if not 0 < rail_id <= ROW_MAX or max(level, column, row) > _PX or min(level, column, row) < 0:
            raise PageError(404, "picture_unknown", "there is no such tile")
        data = shop.tile(shelf.strip(rail_id, camera), level, column, row)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": _CACHE})

    @routes.get("/yard/crops/{rail_id}/{camera}.jpg")
    def crop(
        rail_id: int,
        camera: int,
        x1: Annotated[float, Query(ge=-_PX, le=_PX, allow_inf_nan=False)],
        y1: Annotated[float, Query(ge=-_PX, le=_PX, allow_inf_nan=False)],
        x2: Annotated[float, Query(ge=-_PX, le=_PX, allow_inf_nan=False)],
        y2: Annotated[float, Query(ge=-_PX, le=_PX, allow_inf_nan=False)],
    ) -> Response:
        if not 0 < rail_id <= ROW_MAX:
            raise PageError(404, "picture_unknown", "there is no such rail")
        data = shop.crop(shelf.strip(rail_id, camera), (x1, y1, x2, y2))
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": _CACHE})

    return routes


async def _make_ready(context: YardContext, shop: TileShop) -> None:
    """Make the small copies of the newest rails; what cannot be made is said once and left."""
    done_with: set[str] = set()
    while True:
        try:
            await to_thread.run_sync(_make_some, context, shop, done_with)
        except PageError as error:
            _LOG.debug("books_not_there", extra={"error": error.text})  # said by every route that needs them
        except FerrogateError as error:
            _LOG.warning("tiles_not_made", extra={"error": str(error)})
        await asyncio.sleep(_LOOK_S)


def _make_some(context: YardContext, shop: TileShop, done_with: set[str]) -> None:
    store, shelf = context.need_store(), shelf_of(context)
    for line in store.rails(limit=_READY):
        if str(line.rail_id) in done_with:
            continue
        for strip in shelf.of(store.rail(line.rail_id)):
            if not strip.files or shop.has_coarse(strip) or strip.key in done_with:
                continue
            try:
                shop.coarse(strip)
            except (PageError, OSError) as error:
                done_with.add(strip.key)
                _LOG.warning("tiles_not_made", extra={"rail": line.name, "error": str(error)})
        # A rail's pictures never change: it need not be looked at again.
        done_with.add(str(line.rail_id))
