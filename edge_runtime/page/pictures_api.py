"""GET /pictures/...: stored pictures of views, out of the storage's pictures folder and nowhere else.

A picture's file is written once under its part's name, so browsers may keep it. Neighbour:
`edge_runtime.ledger.pictures` writes the files and takes old ones away.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.responses import Response

from edge_runtime.page.context import PageContext, looking
from edge_runtime.page.errors import PageError

FOLDER = "pictures"
_MEDIA_TYPES = {".jpg": "image/jpeg"}
#: date, hour, file: exactly what the picture store makes
_PATH = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}/[A-Za-z0-9_-]{1,120}\.jpg")
_CACHE = "private, max-age=31536000, immutable"


def picture_url(path: str) -> str:
    """Address of a picture by its path within the storage folder ('pictures/...')."""
    return "/" + quote(path)


def router(context: PageContext) -> APIRouter:
    """The route of the pictures."""
    routes = APIRouter(dependencies=[Depends(looking)])

    @routes.get("/pictures/{path:path}")
    def picture(path: str) -> Response:
        found = read_picture(context.storage / FOLDER, path)
        media_type = _MEDIA_TYPES[Path(path).suffix]
        return Response(found, media_type=media_type, headers={"Cache-Control": _CACHE})

    return routes


def read_picture(folder: Path, path: str) -> bytes:
    """The bytes of a picture.

    Args:
        folder: the pictures' folder.
        path: within it, as a browser asks for it.

    Raises:
        PageError: 404: it is no name of a picture, lies elsewhere, or was taken away to make room.
    """
    unknown = PageError(404, "picture_unknown", "there is no such picture, or it was removed to make room")
    if not _PATH.fullmatch(path):
        raise unknown
    try:
        place = (folder / path).resolve(strict=True)
        if not place.is_relative_to(folder.resolve(strict=True)) or not place.is_file():
            raise unknown
        return place.read_bytes()
    except OSError as error:
        raise unknown from error
