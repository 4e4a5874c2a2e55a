"""Photos of wagons and piles, sent from a tablet: begun, sent file by file, handed over.

    POST /api/yard/photos {"name", "wagon_id", "files"} -> {"upload"}       GET /api/yard/photos
    POST /api/yard/photo-files/{upload}/{number}?name=  (the file as it is)  -> {"file"}
    POST /api/yard/photos/{upload}/done {}                                   POST .../cancel {}

A file goes to the disk piece by piece and never into memory whole while it comes; one that announces more
than is taken is refused before its first byte is read. Neighbours: `yard_uploads`, `security`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from typing import Annotated, Any

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from edge_runtime.page.context import ROW_MAX, looking, require
from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_context import YardContext, refusals
from edge_runtime.page.yard_uploads import FILES_MAX, Upload, UploadDesk
from edge_runtime.people.sign_in import Viewer
from edge_runtime.yard.store_text import plain_line

_LOG = logging.getLogger("ferrogate.page")
#: paths below which bodies are streamed (`security`)
STREAMED = "/api/yard/photo-files/"
FILE_MAX_MB = 40
_FILE_MAX = FILE_MAX_MB * 1024 * 1024
#: a tablet that sends nothing for so long has gone
_PIECE_S = 20.0
#: and one that takes so long over a file holds a place that others wait for
_WHOLE_S = 900.0
_NAME_MAX = 200


class NewUpload(BaseModel):
    """What is going to be sent."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(default="", max_length=_NAME_MAX)
    wagon_id: int | None = Field(default=None, ge=1, le=ROW_MAX)
    files: int = Field(ge=1, le=FILES_MAX)


def router(context: YardContext) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    desk = UploadDesk(context.storage, context.config.storage.min_free_mb)

    @routes.get("/api/yard/photos", dependencies=[Depends(looking)])
    def photos() -> dict[str, Any]:
        store = context.need_store()
        found = desk.listed()
        for upload in found:
            upload["rail_id"] = store.rail_named(upload["rail"]) if upload["rail"] else None
        return {"uploads": found, "file_max_mb": FILE_MAX_MB, "files_max": FILES_MAX}

    @routes.post("/api/yard/photos")
    def begin(body: NewUpload, by: Annotated[Viewer, Depends(require("yard_inspect"))]) -> dict[str, Any]:
        title = _title(body.name)
        if body.wagon_id is not None:
            with refusals():
                context.need_store().wagon(body.wagon_id)
        upload = desk.begin(by.name, title, body.wagon_id, body.files, context.utc_ns())
        return {"upload": upload.name}

    @routes.post(STREAMED + "{upload_name}/{number}")
    async def file(
        upload_name: str,
        number: int,
        request: Request,
        by: Annotated[Viewer, Depends(require("yard_inspect"))],
        name: Annotated[str, Query(min_length=1, max_length=_NAME_MAX)],
    ) -> dict[str, Any]:
        announced = _announced(request, name)
        upload = desk.need(upload_name, by.name)
        if not 0 <= number < upload.files:
            raise PageError(422, "bad_request", f"number: 0 to {upload.files - 1}", {"detail": "number"})
        await to_thread.run_sync(desk.check_room, announced)
        # A name of its own: who sends the same number beside must not write on in what was looked at.
        arrived = upload.folder / f".{number:03d}-{secrets.token_hex(4)}.part"
        try:
            await _receive(request, arrived, name)
            head = await to_thread.run_sync(desk.check, upload, number, arrived, name)
        except OSError as error:
            raise PageError(507, "yard_disk_full", f"the disk refused: {error}", {"free_mb": 0}) from error
        finally:
            arrived.unlink(missing_ok=True)
        return {
            "file": name,
            "width_px": head.width_px,
            "height_px": head.height_px,
            "turned": head.turn != 1,
        }

    @routes.post("/api/yard/photos/{upload_name}/done")
    def done(upload_name: str, by: Annotated[Viewer, Depends(require("yard_inspect"))]) -> dict[str, Any]:
        upload: Upload = desk.need(upload_name, by.name)
        desk.finish(upload, context.utc_ns())
        _LOG.info("photos_uploaded", extra={"upload": upload.name, "files": len(upload.done), "by": by.name})
        return {"upload": upload.name}

    @routes.post("/api/yard/photos/{upload_name}/cancel")
    def cancel(upload_name: str, by: Annotated[Viewer, Depends(require("yard_inspect"))]) -> dict[str, Any]:
        desk.cancel(desk.need(upload_name, by.name))
        return {"upload": upload_name}

    return routes


def _title(name: str) -> str:
    try:
        return plain_line(name)
    except ValueError as error:
        raise PageError(
            422, "yard_bad_value", f"name: {error}", {"field": "name", "why": str(error)}
        ) from error


def _announced(request: Request, name: str) -> int:
    """How long the file is, by its own word.

    Raises:
        PageError: 411 it does not say, 413 it is too long.
    """
    text = request.headers.get("content-length", "")
    if not text.isdecimal():
        raise PageError(411, "bad_request", "say how long the file is", {"detail": "Content-Length"})
    length = int(text)
    if length > _FILE_MAX:
        raise _too_large(name, length)
    return length


def _too_large(name: str, length: int) -> PageError:
    mb = -(-length // (1024 * 1024))
    values = {"file": name, "mb": mb, "max_mb": FILE_MAX_MB}
    return PageError(
        413, "yard_file_too_large", f"'{name}' is {mb} MB, a photo may be {FILE_MAX_MB} MB at most", values
    )


async def _receive(request: Request, arrived: Path, name: str) -> None:
    """Write the body to a file as it comes."""
    taken = 0
    pieces = request.stream()
    try:
        async with asyncio.timeout(_WHOLE_S), await anyio.open_file(arrived, "wb") as out:
            while True:
                async with asyncio.timeout(_PIECE_S):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                taken += len(piece)
                if taken > _FILE_MAX:
                    raise _too_large(name, taken)
                await out.write(piece)
    except TimeoutError as error:
        raise PageError(408, "yard_upload_broken", f"'{name}' came too slowly", {"file": name}) from error
    except ClientDisconnect as error:
        raise PageError(400, "yard_upload_broken", f"'{name}' broke off", {"file": name}) from error
    if taken == 0:
        raise PageError(422, "yard_not_a_picture", f"'{name}' is empty", {"file": name})
