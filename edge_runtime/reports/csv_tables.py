"""The facts, texts and tables of a report as CSV, for machines or for a spreadsheet.

For machines: commas, points, UTF-8. For Excel: a byte order mark, and the separator and decimal sign that
Excel expects in the report's language. Text that a spreadsheet would run as a formula is disarmed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TextIO

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
from edge_runtime.reports.words import load_words

#: A spreadsheet takes text that begins so for a formula, in its narrow form or the wide one.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")


def csv_bytes(report: Report, *, for_excel: bool = False) -> bytes:
    """All that `write_csv` writes."""
    stream = io.StringIO(newline="")
    write_csv(report, stream, for_excel=for_excel)
    return stream.getvalue().encode(encoding(for_excel=for_excel))


def encoding(*, for_excel: bool) -> str:
    """Of the file: Excel knows UTF-8 by its byte order mark alone."""
    return "utf-8-sig" if for_excel else "utf-8"


def write_csv(report: Report, stream: TextIO, *, for_excel: bool = False) -> None:
    """The report's watermark, facts, texts and tables, one under the other with an empty line between.

    Args:
        report: what to write; its long tables are read row by row.
        stream: opened with `newline=""` and the `encoding` of this module.
        for_excel: byte order mark, and for Russian and Kazakh `;` and decimal commas.
    """
    local = for_excel and report.language != "en"
    writer = csv.writer(stream, delimiter=";" if local else ",")
    decimal = "," if local else "."
    for row in _rows(report):
        writer.writerow([_field(cell, decimal) for cell in row])


def _rows(report: Report) -> Iterator[tuple[Cell, ...]]:
    words = load_words(report.language)
    yield (report.title, report.subtitle)
    if report.watermark:
        yield (report.watermark, words("report.not_to_be_signed"))
    yield from (_fact(fact) for fact in report.facts)
    for section in report.sections:
        rows = (row for block in section.blocks for row in _block(block))
        first = next(rows, None)
        if first is None:  # plots alone
            continue
        yield ()
        if section.title:
            yield (section.title,)
        yield first
        yield from rows
    yield from ((signature.role, signature.name) for signature in report.signatures)


def _block(block: Block) -> Iterator[tuple[Cell, ...]]:
    if isinstance(block, Notice | Paragraph):
        yield from ((line,) for line in block.text.split("\n"))
    elif isinstance(block, KeyValues):
        yield from (_fact(fact) for fact in block.facts)
    elif isinstance(block, Table | LongTable):
        yield from _table(block)


def _fact(fact: Fact) -> tuple[Cell, ...]:
    return (f"{fact.label}, {fact.unit}" if fact.unit else fact.label, fact.value)


def _table(table: Table | LongTable) -> Iterator[tuple[Cell, ...]]:
    if table.title:
        yield (table.title,)
    yield tuple(column.head for column in table.columns)
    yield from table.rows


def _field(cell: Cell, decimal: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return repr(cell).replace(".", decimal)
    if isinstance(cell, int):
        return str(cell)
    # Spaces before it do not keep a spreadsheet from taking text for a formula.
    return f"'{cell}" if cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA) else cell
