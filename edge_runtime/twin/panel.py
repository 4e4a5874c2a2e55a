"""The plant's buttons for `ferrogate demo --forever`: a small page of its own beside the line's page.

It stands for hardware: it moves the twin's field wiring and nothing else, and neither the station nor
its page know of it. Served by a thread of the demo on loopback only. Neighbours: `panel_buttons` (what a
button does), `panel_words` (texts), `panel_page` (files).
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from edge_runtime.reports.words import Language
from edge_runtime.twin.field import Field
from edge_runtime.twin.panel_buttons import NoSuchButtonError, Value, press, shown
from edge_runtime.twin.panel_words import LANGUAGES, panel_texts
from vision.errors import FerrogateError

LOOPBACK = "127.0.0.1"
_FOLDER = Path(__file__).parent / "panel_page"
_FILES = {
    "": ("index.html", "text/html"),
    "panel.css": ("panel.css", "text/css"),
    "panel.js": ("panel.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STARTED_S, _STOPPED_S = 10.0, 5.0


class PanelError(FerrogateError):
    """The panel cannot be served (exit code 11)."""

    exit_code = 11


class Press(BaseModel):
    """One press of a button, see `panel_buttons.press`."""

    model_config = ConfigDict(extra="forbid")

    button: str
    value: Value = None
    camera: str = ""


def build_panel(field: Field, lane: int, *, language: Language = "ru", page: str = "") -> FastAPI:
    """The panel's app.

    Args:
        field: field wiring of a running line.
        lane: whose gate is shown.
        language: until a reader chooses another one.
        page: address of the line's page, '' without one.
    """
    app = FastAPI(title="ferrogate plant panel", openapi_url=None, docs_url=None, redoc_url=None)
    # Names of other sites that are made to point here are refused.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])

    @app.middleware("http")
    async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
        origin = request.headers.get("origin")
        if request.method != "GET" and origin not in (None, f"http://{request.headers.get('host')}"):
            return JSONResponse({"text": "pressed from another site's page"}, 403, headers=_HEADERS)
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    def state() -> dict[str, Any]:
        return shown(field, lane) | {"language": language, "page": page}

    # All of these run in the server's one thread, so that nobody writes the wiring at the same time.
    @app.get("/state")
    async def read_state() -> dict[str, Any]:
        return state()

    @app.post("/press")
    async def press_button(wanted: Press) -> Response:
        try:
            press(field, wanted.button, wanted.value, wanted.camera)
        except NoSuchButtonError as error:
            return JSONResponse({"text": str(error)}, 422)
        return JSONResponse(state())

    @app.get("/texts/{wanted}")
    async def texts(wanted: str) -> dict[str, str]:
        if wanted not in LANGUAGES:
            raise HTTPException(404)
        return panel_texts(wanted)

    @app.get("/")
    @app.get("/{name}")
    async def file(name: str = "") -> Response:
        if name not in _FILES:
            raise HTTPException(404)
        path, kind = _FILES[name]
        return Response((_FOLDER / path).read_bytes(), media_type=f"{kind}; charset=utf-8")

    return app


@contextlib.contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    """Serve an app in a thread on a socket that is already bound; stopped on leaving.

    Raises:
        PanelError: the server did not start.
    """
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="plant-panel", daemon=True
    )
    thread.start()
    try:
        end = time.monotonic() + _STARTED_S
        while not server.started:
            if time.monotonic() > end or not thread.is_alive():
                raise PanelError(
                    "the plant panel did not start",
                    where=str(listener.getsockname()),
                    todo="try another port",
                )
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join(_STOPPED_S)
        listener.close()


def listen(port: int) -> tuple[socket.socket, bool]:
    """Listen on loopback: at this port, or at a free one when it is taken (then True as well).

    Raises:
        PanelError: neither can be had.
    """
    for wanted in dict.fromkeys((port, 0)):
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, wanted))
            listener.listen()
        except OSError:
            listener.close()
            continue
        return listener, wanted != port
    raise PanelError("no port is free", where=f"{LOOPBACK}:{port}", todo="give another port")
