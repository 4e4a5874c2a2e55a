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
from edge_runtime.page.context import PageBase
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


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the one HTML file of a kind of station loads: its script, styles, and the first view's modules."""

    script: str
    styles: tuple[str, ...]
    firsts: tuple[str, ...]
    never: tuple[str, ...] = ()

    def first_needed(self, name: str) -> bool:
        """Modules that the first view loads one through the other: the browser is told of all at once."""
        return name == self.script or (name.startswith(self.firsts) and not name.startswith(self.never))


_LINE = PageParts(
    "main.js",
    ("base.css", "shell.css", "line.css", "views.css"),
    ("lib/", "views/line"),
    never=("lib/yard",),
)
#: a rail yard's page has a frame and views of its own, and shares the parts that both need
_YARD = PageParts(
    "yard_main.js",
    ("base.css", "shell.css", "views.css", "yard.css"),
    (
        *(f"lib/{name}.js" for name in ("alarms", "api", "dialog", "dom", "session", "shell", "store")),
        *(f"lib/{name}" for name in ("theme.js", "words.js", "yard")),
        "views/yard_wagons.js",
    ),
)


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


def router(context: PageBase) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    files, files_hash = read_static(_HERE / "static")
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    index = templates.get_template("index.html")
    parts = _YARD if context.mode == "yard" else _LINE
    styles = [*parts.styles, "commission.css"] if context.mode == "commission" else list(parts.styles)
    modules = [name for name in files if parts.first_needed(name)]

    @routes.get("/", response_class=HTMLResponse)
    def shell(request: Request) -> str:
        language = _language(request, context)
        return index.render(
            static=f"/static/{files_hash}",
            language=language,
            messages_hash=texts_hash(language, context.mode),
            commission=context.mode == "commission",
            version=version(),
            station=context.station,
            styles=styles,
            script=parts.script,
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


def _language(request: Request, context: PageBase) -> Language:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return next((language for language in LANGUAGES if language == chosen), context.language)
