"""Acceptance acts: drafts to look at, signing, the list, and each act as a paper.

    GET  /yard/wagons/{id}/draft.{html,pdf,csv,xlsx}?language=
    GET  /yard/acts/{year}/{number}.{html,pdf,csv,xlsx}?language=
    GET  /api/yard/acts        POST /api/yard/wagons/{id}/sign {...} -> {"act"}

Whoever signs types their password again: a tablet that was left open signs nothing. Papers are made one at a
time. Neighbours: `edge_runtime.yard.acts` keeps acts, `edge_runtime.yard.act_document` draws them up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.page.context import (
    ROW_MAX,
    check_may,
    looking,
    require,
    row_number,
    signed_in,
    token_of,
    viewer,
)
from edge_runtime.page.errors import PageError, signed_out
from edge_runtime.page.headers import REPORT_POLICY
from edge_runtime.page.reports_api import disposition, error_page
from edge_runtime.page.yard_context import YardContext, refusals, who_of
from edge_runtime.page.yard_json import act_line_json, signed_json
from edge_runtime.people.errors import AccountError, SignInRefused
from edge_runtime.people.sign_in import Viewer
from edge_runtime.reports.words import Language
from edge_runtime.yard.act_content import ActContent
from edge_runtime.yard.acts import ActNumber

_LOG = logging.getLogger("ferrogate.page")
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: what a viewer of PDF files in the browser needs, which does not start in a sandbox
_PAPER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_TO_LOOK_AT = frozenset({".html", ".pdf"})
_WAIT_S = 60.0
_YEARS = (2000, 9999)


class Superseded(BaseModel):
    """The act that another takes the place of."""

    model_config = ConfigDict(extra="forbid")
    year: int = Field(ge=_YEARS[0], le=_YEARS[1])
    number: int = Field(ge=1, le=ROW_MAX)


class SignRequest(BaseModel):
    """What is signed (the draft's hash), by whom in print, and with which password."""

    model_config = ConfigDict(extra="forbid")
    password: str = Field(max_length=1000)
    seen_sha256: str = Field(max_length=64)
    name: str = Field(default="", max_length=400)
    supersedes: Superseded | None = None
    reason: str = Field(default="", max_length=4000)


def router(context: YardContext) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    papers = PaperDesk(context)

    @routes.get("/api/yard/acts", dependencies=[Depends(looking)])
    def acts(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before_year: Annotated[int | None, Query(ge=_YEARS[0], le=_YEARS[1])] = None,
        before_number: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
        wagon_id: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
    ) -> dict[str, Any]:
        before = None
        if before_year is not None and before_number is not None:
            before = ActNumber(before_year, before_number)
        with refusals():
            found = context.need_store().acts(limit=limit + 1, before=before, wagon_id=wagon_id)
        return {"acts": [act_line_json(line) for line in found[:limit]], "more": len(found) > limit}

    @routes.get("/api/yard/wagons/{wagon_id}/draft", dependencies=[Depends(looking)])
    def draft_facts(
        wagon_id: int,
        year: Annotated[int | None, Query(ge=_YEARS[0], le=_YEARS[1])] = None,
        number: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
        reason: Annotated[str, Query(max_length=4000)] = "",
    ) -> dict[str, Any]:
        with refusals():
            draft = context.need_store().draft_act(
                row_number(wagon_id), supersedes=_number(year, number), reason=reason
            )
        return {"missing": list(draft.missing), "sha256": draft.sha256}

    @routes.get("/yard/wagons/{wagon_id}/draft.{form}")
    def draft(
        wagon_id: int,
        form: str,
        request: Request,
        language: Language | None = None,
        year: Annotated[int | None, Query(ge=_YEARS[0], le=_YEARS[1])] = None,
        number: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
        reason: Annotated[str, Query(max_length=4000)] = "",
    ) -> Response:
        def paper(chosen: Language) -> Response:
            suffix = _suffix(form)
            found = context.need_store().draft_act(
                row_number(wagon_id), supersedes=_number(year, number), reason=reason
            )
            data = papers.make(found.content, suffix, chosen, missing=found.missing, sha256=found.sha256)
            return _file(data, suffix, f"draft {found.content.vehicle or wagon_id}")

        return _answered(context, request, language, paper)

    @routes.get("/yard/acts/{year}/{number}.{form}")
    def act(
        year: int, number: int, form: str, request: Request, language: Language | None = None
    ) -> Response:
        def paper(chosen: Language) -> Response:
            suffix = _suffix(form)
            found = context.need_store().act(max(0, min(year, _YEARS[1])), row_number(number))
            data = papers.make(
                found.content, suffix, chosen, superseded_by=found.superseded_by, sha256=found.sha256
            )
            return _file(data, suffix, f"act {year}-{number}")

        return _answered(context, request, language, paper)

    @routes.post("/api/yard/wagons/{wagon_id}/sign")
    def sign(
        wagon_id: int,
        body: SignRequest,
        request: Request,
        _: Annotated[Viewer, Depends(require("yard_sign"))],
    ) -> dict[str, Any]:
        by = _asked_again(context, request, body.password)
        old = body.supersedes
        with refusals():
            signed = context.need_store().sign_act(
                row_number(wagon_id),
                who_of(by),
                seen_sha256=body.seen_sha256,
                name=body.name,
                supersedes=None if old is None else ActNumber(old.year, old.number),
                reason=body.reason,
            )
        _LOG.info("act_signed", extra={"act": f"{signed.number}/{signed.year}", "by": by.name})
        return {"act": signed_json(signed)}

    return routes


class PaperDesk:
    """Makes papers one at a time; who waits too long is told to come again."""

    def __init__(self, context: YardContext) -> None:
        self._context = context
        self._turn = threading.Lock()

    def make(
        self,
        content: ActContent,
        suffix: str,
        language: Language,
        *,
        sha256: str,
        superseded_by: ActNumber | None = None,
        missing: tuple[str, ...] | None = None,
    ) -> bytes:
        """An act as a file.

        Raises:
            PageError: others are being made for a long time (503 'busy').
        """
        # Late: fonts and writers take their time, and the page answers before it is needed.
        from edge_runtime.reports.words import load_words
        from edge_runtime.reports.write import report_bytes
        from edge_runtime.yard.act_document import act_report
        from edge_runtime.yard.act_pictures import stored_pictures

        if not self._turn.acquire(timeout=_WAIT_S):
            raise PageError(
                503, "busy", "other papers are being made: try again", headers={"Retry-After": "10"}
            )
        try:
            words = load_words(language, self._context.page.utc_offset_hours)
            report = act_report(
                content,
                words,
                superseded_by=superseded_by,
                missing=missing,
                picture=stored_pictures(self._context.storage),
                sha256=sha256,
            )
            return report_bytes(report, suffix, for_excel=suffix == ".csv")
        finally:
            self._turn.release()


def _asked_again(context: YardContext, request: Request, password: str) -> Viewer:
    """The person of the session, who has typed their password just now."""
    token = token_of(request)
    if token is None:
        raise signed_out()
    address = request.client.host if request.client else ""
    try:
        return context.sign_in.confirm(token, password, address)
    except AccountError as error:
        raise PageError(409, error.code, error.what, error.values) from error
    except SignInRefused as error:
        status = 429 if error.code == "throttled" else 401
        raise PageError(status, error.code, error.text, error.values) from error


def _number(year: int | None, number: int | None) -> ActNumber | None:
    return None if year is None or number is None else ActNumber(year, number)


def _suffix(form: str) -> str:
    """Ending of a paper's address.

    Raises:
        PageError: it names no form (404).
    """
    if f".{form}" not in MEDIA:
        raise PageError(404, "not_found", f"a paper ends with one of {', '.join(MEDIA)}")
    return f".{form}"


def _file(data: bytes, suffix: str, title: str) -> Response:
    headers = {
        "Content-Security-Policy": REPORT_POLICY if suffix == ".html" else _PAPER_POLICY,
        "Content-Disposition": disposition(
            "inline" if suffix in _TO_LOOK_AT else "attachment", title, suffix
        ),
        "Cache-Control": "private, no-store",
    }
    return Response(data, media_type=MEDIA[suffix], headers=headers)


def _answered(
    context: YardContext,
    request: Request,
    language: Language | None,
    paper: Callable[[Language], Response],
) -> Response:
    """The paper for somebody who may read reports; an error as a page where a person would see it."""
    chosen = language or context.language
    try:
        check_may(signed_in(viewer(request)), "reports")
        with refusals():
            return paper(chosen)
    except PageError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return error_page(error, chosen)
