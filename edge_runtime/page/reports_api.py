"""Reports for browsers: lists of shifts and lots, their reports in three forms, papers of commissioning.

A report is made in a process of its own (`report_desk`). Its HTML holds its style and pictures itself and
no script: it is served in a sandbox that allows just that. Neighbour: `report_lists` reads the lists.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.background import BackgroundTask

from edge_runtime.page.context import ROW_MAX, PageContext, check_may, looking, signed_in, viewer
from edge_runtime.page.errors import PageError
from edge_runtime.page.headers import REPORT_POLICY
from edge_runtime.page.report_desk import ReportDesk
from edge_runtime.page.report_order import ReportJob
from edge_runtime.page.words import load_words
from edge_runtime.reports.document import Paragraph, Report, Section
from edge_runtime.reports.words import Language

MEDIA = {".html": "text/html", ".pdf": "application/pdf", ".csv": "text/csv"}
#: what a viewer of PDF files in the browser needs, which does not start in a sandbox
_PAPER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_COMMISSIONING = "commissioning"
_FILE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,120}$")
_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


def router(context: PageContext) -> APIRouter:
    """The routes; the desk's process and files end with the page."""
    routes = APIRouter()
    desk = ReportDesk()

    @asynccontextmanager
    async def desk_running() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await to_thread.run_sync(desk.close)

    context.services.append(desk_running)

    @routes.get("/api/shifts", dependencies=[Depends(looking)])
    def shifts(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
    ) -> dict[str, Any]:
        from edge_runtime.page.report_lists import shift_rows  # late: the ledger is not needed to show a page

        return {"shifts": shift_rows(context, limit, before)}

    @routes.get("/api/lots", dependencies=[Depends(looking)])
    def lots(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
        from edge_runtime.page.report_lists import lot_rows

        return {"lots": lot_rows(context, limit)}

    @routes.get("/reports/shift/{name}")
    def shift(name: str, request: Request, language: Language | None = None, excel: bool = True) -> Response:
        def answer(chosen: Language) -> Response:
            from edge_runtime.page.report_lists import need_shift, shift_content

            number, suffix = _form_of(name)
            summary = need_shift(context, number)
            content = shift_content(context, summary)
            job = _job(context, "shift", str(summary.id), chosen, excel=excel and suffix == ".csv")
            made = desk.report(job, suffix, content)
            return _file(made.path, suffix, f"{summary.id} {summary.name}", keep=made.is_kept)

        return _answered(context, request, language, answer)

    @routes.get("/reports/lot/{name:path}")
    def lot(name: str, request: Request, language: Language | None = None, excel: bool = True) -> Response:
        def answer(chosen: Language) -> Response:
            from edge_runtime.page.report_lists import lot_content, need_lot

            lot_name, suffix = _form_of(name)
            summary = need_lot(context, lot_name)
            content = lot_content(context, summary)
            job = _job(context, "lot", summary.name, chosen, excel=excel and suffix == ".csv")
            made = desk.report(job, suffix, content)
            return _file(made.path, suffix, summary.name, keep=made.is_kept)

        return _answered(context, request, language, answer)

    @routes.get("/reports/commission/{name}")
    def commission(name: str, request: Request, language: Language | None = None) -> Response:
        def answer(_: Language) -> Response:
            path = _commissioning_file(context.storage, name)
            return _file(path, path.suffix.lower(), path.stem, keep=True)

        return _answered(context, request, language, answer)

    return routes


def _job(
    context: PageContext, kind: Literal["shift", "lot"], name: str, language: Language, *, excel: bool
) -> ReportJob:
    from edge_runtime.ledger.store import ledger_url

    storage = context.config.storage
    return ReportJob(
        kind=kind,
        name=name,
        language=language,
        out=Path(),
        storage=storage.folder,
        url=ledger_url(storage.folder, storage.database_url),
        utc_offset_hours=context.page.utc_offset_hours,
        challenge=context.config.challenge,
        excel=excel,
    )


def _form_of(name: str) -> tuple[str, str]:
    """Name and ending of a report's address.

    Raises:
        PageError: the ending names no form (404).
    """
    head, dot, form = name.rpartition(".")
    if not head or f"{dot}{form}" not in MEDIA:
        raise PageError(404, "not_found", f"a report ends with one of {', '.join(MEDIA)}")
    return head, f"{dot}{form}"


def _commissioning_file(storage: Path, name: str) -> Path:
    """A paper of the commissioning, straight in its folder.

    Raises:
        PageError: there is none of this name (404).
    """
    path = storage / _COMMISSIONING / name
    if not _FILE_NAME.match(name) or path.suffix.lower() not in MEDIA or not path.is_file():
        raise PageError(404, "not_found", f"there is no paper '{name}' of the commissioning")
    if path.is_symlink():
        raise PageError(404, "not_found", f"'{name}' is no paper of the commissioning")
    return path


def _file(path: Path, suffix: str, title: str, *, keep: bool) -> Response:
    """The file: a page or a PDF to look at, a CSV to take away."""
    headers = {
        "Content-Security-Policy": REPORT_POLICY if suffix == ".html" else _PAPER_POLICY,
        "Content-Disposition": disposition("attachment" if suffix == ".csv" else "inline", title, suffix),
        "Cache-Control": "private, no-store",
    }
    after = None if keep else BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(path, media_type=MEDIA[suffix], headers=headers, background=after)


def disposition(kind: str, title: str, suffix: str) -> str:
    """Of RFC 6266: the name in plain letters for old programs, and in full by RFC 5987."""
    name = _NOT_IN_FILE_NAMES.sub("_", title).strip(" .")[:100] or "report"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"{kind}; filename=\"{plain}{suffix}\"; filename*=UTF-8''{quote(name + suffix, safe='')}"


def _answered(
    context: PageContext,
    request: Request,
    language: Language | None,
    answer: Callable[[Language], Response],
) -> Response:
    """The answer for somebody who may read reports; an error as a page where a person would see it."""
    chosen = language or context.language
    try:
        check_may(signed_in(viewer(request)), "reports")
        return answer(chosen)
    except PageError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return error_page(error, chosen)


def error_page(error: PageError, language: Language) -> Response:
    """What went wrong in the reader's words; in the page's own catalogue where it has them."""
    from edge_runtime.reports.html import html_text

    words = load_words(language)
    text = words.known(f"refused.{error.code}", error.text)
    places = {name for _, name, _, _ in Formatter().parse(text) if name}
    if places <= error.values.keys():
        text = text.format(**{name: str(error.values[name]) for name in places})
    detail = () if text == error.text else (Paragraph(error.text),)
    page = Report(text, language=language, sections=(Section("", detail),))
    headers = {**error.headers, "Content-Security-Policy": REPORT_POLICY}
    return HTMLResponse(html_text(page), error.status, headers)
