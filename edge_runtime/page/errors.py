"""What the page answers when it cannot do what was asked: HTTP status, code, values, English text.

The browser shows the words of its own language for the code; the text is for logs and scripts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from edge_runtime.page.headers import DEFAULTS
from vision.errors import FerrogateError

_LOG = logging.getLogger(__name__)
_CODES = {404: "not_found", 405: "not_found", 413: "too_large"}


class PageError(Exception):
    """An answer that is not the one asked for.

    Args:
        status: of HTTP.
        code: key of the page's catalogue, `refused.<code>`.
        text: English.
        values: fill the places of the catalogue's text.
        headers: of the answer, for instance Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        values: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.values = dict(values or {})
        self.headers = dict(headers or {})

    def answer(self) -> JSONResponse:
        """As JSON."""
        body = {"code": self.code, "values": self.values, "text": self.text}
        return JSONResponse(body, self.status, self.headers)


def signed_out() -> PageError:
    """Nobody is signed in, or no longer."""
    return PageError(401, "signed_out", "nobody is signed in here, or no longer: sign in and try again")


def install(app: FastAPI) -> None:
    """Every error of every route leaves in the one form."""

    async def page_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, PageError)
        return error.answer()

    async def wrong_form(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        detail = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:5]
        )
        return PageError(
            422, "bad_request", f"the request has a wrong form: {detail}", {"detail": detail}
        ).answer()

    async def http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "bad_request")
        return PageError(error.status_code, code, str(error.detail), headers=error.headers).answer()

    async def known_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FerrogateError)
        _LOG.error("request_failed", extra={"path": request.url.path, "error": str(error)})
        return PageError(503, "failed", str(error), {"detail": error.what}).answer()

    async def our_bug(_: Request, __: Exception) -> JSONResponse:
        # Outside of the guard that sets the headers of all other answers; the traceback goes to the log.
        text = "a fault of ferrogate: its log has the details"
        headers = {name.decode(): value.decode() for name, value in DEFAULTS}
        return PageError(500, "internal", text, headers=headers).answer()

    app.add_exception_handler(PageError, page_error)
    app.add_exception_handler(RequestValidationError, wrong_form)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(FerrogateError, known_error)
    app.add_exception_handler(Exception, our_bug)
