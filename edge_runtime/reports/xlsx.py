"""A report as a spreadsheet file (.xlsx): a first sheet with its texts, then one sheet for each table.

Numbers are numbers, with the places that the report shows; text is text and never a formula or a link,
whatever it begins with. There are no pictures in it. Neighbour: `xlsx_sheet` fills one sheet.
"""

from __future__ import annotations

import io
from datetime import UTC
from itertools import chain, islice

from xlsxwriter import Workbook

from edge_runtime.reports.document import (
    Block,
    Cell,
    Fact,
    KeyValues,
    LongTable,
    Notice,
    Paragraph,
    Report,
    Table,
)
from edge_runtime.reports.html import made_text
from edge_runtime.reports.words import Words, load_words
from edge_runtime.reports.xlsx_sheet import Looks, TableSheet, TextSheet, free_name

#: A sheet holds 1,048,576 rows; a longer list goes on in another sheet.
MOST_ROWS = 1_000_000


def xlsx_bytes(report: Report) -> bytes:
    """The whole file; the same report gives the same bytes where it says when it was made."""
    words = load_words(report.language)
    stream = io.BytesIO()
    settings = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(stream, settings) as book:
        book.set_properties(_properties(report))
        _fill(book, report, words)
    return stream.getvalue()


def _properties(report: Report) -> dict[str, object]:
    properties: dict[str, object] = {"title": report.title[:255], "author": "ferrogate"}
    if report.made is not None:
        properties["created"] = report.made.astimezone(UTC).replace(tzinfo=None)
    return properties


def _fill(book: Workbook, report: Report, words: Words) -> None:
    looks = Looks(book)
    names: set[str] = set()
    texts = TextSheet(book.add_worksheet(free_name(words("report.sheet"), names)), looks)
    texts.head(report.title, report.subtitle)
    mark = "" if report.watermark is None else f"{report.watermark}. {words('report.not_to_be_signed')}"
    if mark:
        texts.notice(mark, "error")
    for fact in report.facts:
        texts.fact(fact)
    for section in report.sections:
        blocks = [block for block in section.blocks if _text_rows(block)]
        if section.title and blocks:
            texts.section(section.title)
        for block in blocks:
            match block:
                case Notice():
                    texts.notice(block.text, block.level)
                case Paragraph():
                    texts.text(block.text)
                case KeyValues():
                    for fact in block.facts:
                        texts.fact(fact)
                case Table() | LongTable():
                    _table(book, looks, block, block.title or section.title, names, mark, texts, words)
    for signature in report.signatures:
        texts.fact(Fact(signature.role, signature.name or None))
    if report.made is not None:
        texts.text(made_text(report, words))


def _text_rows(block: Block) -> bool:
    return isinstance(block, Notice | Paragraph | KeyValues | Table | LongTable)


def _table(
    book: Workbook,
    looks: Looks,
    table: Table | LongTable,
    title: str,
    names: set[str],
    mark: str,
    texts: TextSheet,
    words: Words,
) -> None:
    """The table on a sheet of its own, or several when it is very long; the first sheet names them."""
    rows = iter(table.rows)
    first: tuple[Cell, ...] | None = None
    while True:
        name = free_name(title, names)
        sheet = TableSheet(book.add_worksheet(name), looks, table.columns)
        sheet.head(title, mark)
        part = islice(rows, MOST_ROWS) if first is None else chain((first,), islice(rows, MOST_ROWS - 1))
        count = sheet.rows(part)
        texts.text(words("report.on_sheet", title=title, sheet=name, rows=words.number(count)))
        first = next(rows, None)
        if first is None:
            return
