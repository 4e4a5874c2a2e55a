"""What every request passes before a route sees it, and every answer before it leaves.

The Host must be ours. What changes something must come from our own page (Origin, Sec-Fetch-Site), be small
JSON, and - but for signing in - bring a session and the token that only our own page can know (CSRF). Only
photos of a rail yard are larger: their route reads them piece by piece, after the same checks of who asks.
Every such request is logged with who. Neighbours: `headers`, `context`, `errors`.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_runtime.page.context import PageBase, token_of
from edge_runtime.page.errors import PageError, signed_out
from edge_runtime.page.headers import Hosts, with_defaults
from edge_runtime.people.sign_in import Viewer, csrf_fits
from vision.errors import FerrogateError

_LOG = logging.getLogger("ferrogate.page")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: nobody has a session yet who asks for one
WITHOUT_SESSION = frozenset({"/api/login"})
BODY_MAX_BYTES = 64 * 1024
BODY_TIMEOUT_S = 10.0
#: WebSocket close codes of ours lie at 4000 plus those of HTTP
_WS_CODES = 4000


class Security:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, context: PageBase) -> None:
        self._app = app
        self._context = context
        self._hosts = Hosts(context.page)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_source(scope, changes=True)
        except PageError as error:
            await send({"type": "websocket.close", "code": _WS_CODES + error.status, "reason": error.code})
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500
        who: Viewer | None = None

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = with_defaults(list(message.get("headers", [])))
            await send(message)

        changes = scope["method"] not in SAFE_METHODS
        try:
            try:
                self._check_source(scope, changes=changes)
                if changes:
                    if not self._streams(scope["path"]):
                        receive = await self._whole_body(scope, receive)
                    if scope["path"] not in WITHOUT_SESSION:
                        who = await self._session(scope)
            except FerrogateError as error:
                raise PageError(503, "failed", str(error), {"detail": error.what}) from error
        except PageError as error:
            await error.answer()(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)
        finally:
            if changes:
                self._log(scope, status, who)

    def _check_source(self, scope: Scope, *, changes: bool) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._hosts.is_ours(host):
            raise PageError(
                421,
                "bad_host",
                "this page is not served under that name: add it to page.trusted_hosts in the station file",
            )
        if not changes:
            return
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and not self._hosts.is_same_origin(origin, host, scope["scheme"])
        if foreign or site not in {"same-origin", "none"}:
            raise PageError(403, "bad_origin", "the request comes from a page of another site")

    def _streams(self, path: str) -> bool:
        """Whether the route takes its body as it comes, and watches over size and pace itself."""
        return any(path.startswith(prefix) for prefix in self._context.streams)

    async def _whole_body(self, scope: Scope, receive: Receive) -> Receive:
        """Take the body, and give it to the route in one piece."""
        headers = Headers(scope=scope)
        too_large = PageError(413, "too_large", f"a request holds at most {BODY_MAX_BYTES} bytes")
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > BODY_MAX_BYTES:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise PageError(400, "bad_request", "the request broke off", {"detail": "broke off"})
                    body += message.get("body", b"")
                    if len(body) > BODY_MAX_BYTES:
                        raise too_large
                    if not message.get("more_body", False):
                        break
        except TimeoutError as error:
            raise PageError(
                408, "bad_request", "the request came too slowly", {"detail": "too slow"}
            ) from error
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media != "application/json":
            raise PageError(415, "bad_request", "send application/json", {"detail": "application/json"})
        return _replay(bytes(body), receive)

    async def _session(self, scope: Scope) -> Viewer:
        token = token_of(HTTPConnection(scope))
        if token is None:
            raise signed_out()
        who = await to_thread.run_sync(partial(self._context.sign_in.viewer, token, used=True))
        if who is None:
            raise signed_out()
        if not csrf_fits(token, Headers(scope=scope).get("x-csrf-token", "")):
            raise PageError(
                403, "csrf", "the request does not bring this session's token: load the page again"
            )
        return who

    def _log(self, scope: Scope, status: int, who: Viewer | None) -> None:
        client = scope.get("client")
        facts = {
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "by": who.name if who else "",
            "role": who.role if who else "",
            "address": client[0] if client else "",
        }
        _LOG.info("request", extra=facts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
