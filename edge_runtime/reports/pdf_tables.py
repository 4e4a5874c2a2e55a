"""Tables and facts on the paper of a PDF.

Tables of many thousand rows are drawn by single cells: fpdf2's own table takes ten times as long.
"""

from __future__ import annotations

from edge_runtime.reports.document import Fact, Table
from edge_runtime.reports.html import cell_text, fact_text
from edge_runtime.reports.paper import (
    BAND,
    CELL_PAD_MM,
    FONT,
    INK,
    LINE_MM,
    LINES,
    ROW_MM,
    SOFT,
    TABLE_PT,
    TEXT_PT,
    Paper,
    clean,
    keep_together,
    split,
    write_lines,
)
from edge_runtime.reports.words import Words

_GAP_MM = 2.5


def draw_facts(paper: Paper, facts: tuple[Fact, ...], words: Words) -> None:
    """Label and value, side by side."""
    label_mm = paper.epw * 0.42
    widths = [label_mm, paper.epw - label_mm]
    paper.set_font(FONT, size=TEXT_PT)
    for fact in facts:
        lines = [
            split(paper, fact.label, widths[0]),
            split(paper, fact_text(fact, words), widths[1]),
        ]
        keep_together(paper, _height(lines, LINE_MM))
        paper.set_font(FONT, size=TEXT_PT)
        _row(paper, lines, widths, ["L", "L"], LINE_MM, colours=[SOFT, INK])
    paper.ln(2)


def draw_table(paper: Paper, table: Table, words: Words) -> None:
    """The table; its head is repeated on every page."""
    aligns = ["R" if column.kind == "number" else "L" for column in table.columns]
    paper.set_font(FONT, "B", TABLE_PT)
    widths = _widths(paper, table)
    rooms = [width - gap for width, gap in zip(widths, _gaps(aligns), strict=True)]
    head = [split(paper, column.head, room) for column, room in zip(table.columns, rooms, strict=True)]
    keep_together(paper, _height(head, ROW_MM) + 4 * ROW_MM)
    if table.title:
        paper.set_font(FONT, "B", TEXT_PT)
        write_lines(paper, table.title)
    _table_head(paper, head, widths, aligns)
    for row in table.rows:
        texts = [cell_text(column, cell, words) for column, cell in zip(table.columns, row, strict=True)]
        lines = [split(paper, text, room) for text, room in zip(texts, rooms, strict=True)]
        if keep_together(paper, _height(lines, ROW_MM)):
            _table_head(paper, head, widths, aligns)
        _row(paper, lines, widths, aligns, ROW_MM)
    paper.set_font(FONT, size=TEXT_PT)
    paper.ln(3)


def _gaps(aligns: list[str]) -> list[float]:
    """Room left free in each column, mm: a number must not touch the text to its right."""
    return [_GAP_MM if pair == ("R", "L") else 0.0 for pair in zip(aligns, [*aligns[1:], ""], strict=True)]


def _widths(paper: Paper, table: Table) -> list[float]:
    """Column widths by their shares, but none narrower than the longest word of its head where that fits."""
    share = paper.epw / sum(column.width for column in table.columns)
    wanted = [column.width * share for column in table.columns]
    words = [max(clean(column.head).split() or [""], key=paper.get_string_width) for column in table.columns]
    gaps = _gaps(["R" if column.kind == "number" else "L" for column in table.columns])
    least = [
        paper.get_string_width(word) + 2 * CELL_PAD_MM + 0.3 + gap
        for word, gap in zip(words, gaps, strict=True)
    ]
    if sum(least) >= paper.epw:
        return wanted
    missing = sum(max(0.0, need - width) for need, width in zip(least, wanted, strict=True))
    spare = [max(0.0, width - need) for need, width in zip(least, wanted, strict=True)]
    taken = missing / sum(spare)
    return [max(need, width - taken * extra) for need, width, extra in zip(least, wanted, spare, strict=True)]


def _table_head(paper: Paper, head: list[list[str]], widths: list[float], aligns: list[str]) -> None:
    paper.set_font(FONT, "B", TABLE_PT)
    paper.set_fill_color(*BAND)
    paper.rect(paper.l_margin, paper.get_y(), paper.epw, _height(head, ROW_MM), style="F")
    _row(paper, head, widths, aligns, ROW_MM)
    paper.set_font(FONT, size=TABLE_PT)


def _height(lines: list[list[str]], line_mm: float) -> float:
    return max(len(cell) for cell in lines) * line_mm + 0.4


def _row(
    paper: Paper,
    lines: list[list[str]],
    widths: list[float],
    aligns: list[str],
    line_mm: float,
    *,
    colours: list[tuple[int, int, int]] | None = None,
) -> None:
    """One row of cells at the pen, with a line under it; the pen ends below. A row that is higher than
    a page goes on over the next ones."""
    for number in range(max(len(cell) for cell in lines)):
        if number and paper.get_y() + line_mm > paper.page_break_trigger:
            paper.add_page()
            paper.set_font(FONT, size=TABLE_PT)
        x = paper.l_margin
        columns = zip(lines, widths, aligns, _gaps(aligns), strict=True)
        for index, (cell, width, align, gap) in enumerate(columns):
            if number < len(cell) and cell[number]:
                if colours is not None:
                    paper.set_text_color(*colours[index])
                paper.set_x(x)
                paper.cell(width - gap, line_mm, cell[number], align=align)
            x += width
        paper.set_xy(paper.l_margin, paper.get_y() + line_mm)
    paper.set_text_color(*INK)
    paper.set_draw_color(*LINES)
    paper.line(paper.l_margin, paper.get_y() + 0.2, paper.w - paper.r_margin, paper.get_y() + 0.2)
    paper.set_y(paper.get_y() + 0.4)
