"""The page's one HTML file and what it loads: "/" and "/static/<hash>/...".

Static files are read once, at the start, and served from memory under a hash of them all: a browser keeps
them for good, a new version has new addresses, and no address can lead to another file of the disk.
Neighbours: `templates/index.html`, `static/`, `words`.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge_runtime.cli import version
from edge_runtime.page.context import PageContext
from edge_runtime.page.errors import PageError
from edge_runtime.page.messages_api import FOR_GOOD
from edge_runtime.page.words import texts_hash
from edge_runtime.reports.words import LANGUAGES, Language

_HERE = Path(__file__).parent
_MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_PACKED_ALREADY = frozenset({".png", ".webp", ".woff2"})
LANGUAGE_COOKIE = "language"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, plain and packed (None where packing saves nothing)."""

    plain: bytes
    packed: bytes | None
    media: str


def read_static(folder: Path) -> tuple[dict[str, StaticFile], str]:
    """All files below a folder by their path in it, and a hash of them."""
    files: dict[str, StaticFile] = {}
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in _MEDIA:
            continue
        name = path.relative_to(folder).as_posix()
        plain = path.read_bytes()
        packed = None if path.suffix in _PACKED_ALREADY else gzip.compress(plain, mtime=0)
        files[name] = StaticFile(plain, packed, _MEDIA[path.suffix])
        total.update(f"{name}\0{len(plain)}\0".encode() + plain)
    return files, total.hexdigest()[:12]


def router(context: PageContext) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    files, files_hash = read_static(_HERE / "static")
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    index = templates.get_template("index.html")
    modules = [name for name in files if _first_needed(name)]

    @routes.get("/", response_class=HTMLResponse)
    def shell(request: Request) -> str:
        language = _language(request, context)
        return index.render(
            static=f"/static/{files_hash}",
            language=language,
            messages_hash=texts_hash(language),
            commission=context.mode == "commission",
            version=version(),
            station=context.station,
            modules=modules,
        )

    @routes.get("/static/{wanted_hash}/{name:path}")
    async def static(wanted_hash: str, name: str, request: Request) -> Response:
        file = files.get(name) if wanted_hash == files_hash else None
        if file is None:
            raise PageError(404, "not_found", "there is no such file: load the page again")
        headers = {"Cache-Control": FOR_GOOD, "Vary": "Accept-Encoding"}
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                file.packed, media_type=file.media, headers=headers | {"Content-Encoding": "gzip"}
            )
        return Response(file.plain, media_type=file.media, headers=headers)

    @routes.get("/healthz")
    async def health() -> dict[str, object]:
        """The page lives; of the line it says nothing."""
        return {"page": "alive", "station": context.station, "version": version()}

    return routes


def _first_needed(name: str) -> bool:
    """Modules that the first view loads one through the other: the browser is told of all of them at once."""
    return name == "main.js" or name.startswith(("lib/", "views/line"))


def _language(request: Request, context: PageContext) -> Language:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return next((language for language in LANGUAGES if language == chosen), context.language)
