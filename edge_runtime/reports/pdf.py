"""A report as PDF (A4), with letters for Russian and Kazakh.

fpdf2 draws; the fonts are DejaVu Sans from matplotlib's own folder, so that nothing has to be installed.
Tables of many thousand rows are drawn by single cells: fpdf2's own table takes ten times as long.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from fpdf import FPDF, XPos, YPos

from edge_runtime.reports.document import (
    Fact,
    Figure,
    KeyValues,
    Notice,
    Paragraph,
    Picture,
    Report,
    Section,
    Signature,
    Table,
)
from edge_runtime.reports.html import cell_text, fact_text, made_text
from edge_runtime.reports.words import Words, load_words

_FONT = "DejaVu"
_MARGIN_MM, _BOTTOM_MM = 15.0, 18.0
_TEXT_PT, _TABLE_PT, _SMALL_PT = 9.5, 8.0, 7.5
_LINE_MM, _ROW_MM = 5.0, 4.6
_CELL_PAD_MM = 1.0
_INK, _SOFT, _LINES, _BAND = (28, 33, 38), (89, 99, 110), (200, 206, 212), (243, 245, 247)
_MARK = (192, 48, 63)
_NOTICE = {"info": (47, 126, 188), "warning": (184, 106, 0), "error": _MARK}
_TOTAL_PAGES = "{total-pages}"


def pdf_bytes(report: Report) -> bytes:
    """The whole file."""
    words = load_words(report.language)
    paper = _Paper(report, words)
    paper.add_page()
    _head(paper, report, words)
    for section in report.sections:
        _section(paper, section, words)
    if report.signatures:
        _signatures(paper, report.signatures)
    return bytes(paper.output())


def fonts_folder() -> Path:
    """Where matplotlib keeps DejaVu Sans."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


class _Paper(FPDF):  # type: ignore[misc]  # fpdf2 is followed without types
    """A4 pages with head, foot and watermark."""

    def __init__(self, report: Report, words: Words) -> None:
        super().__init__(format="A4")
        self._report, self._words = report, words
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(True, _BOTTOM_MM)
        for style, name in (("", "DejaVuSans"), ("B", "DejaVuSans-Bold")):
            self.add_font(_FONT, style, fonts_folder() / f"{name}.ttf")
        self.set_font(_FONT, size=_TEXT_PT)
        self.alias_nb_pages(_TOTAL_PAGES)
        self.set_lang(report.language)
        self.set_title(clean(report.title))
        self.set_creator("ferrogate")
        if report.made is not None:
            self.set_creation_date(report.made)

    def header(self) -> None:
        """From the second page on the title."""
        if self.page_no() > 1:
            self.set_font(_FONT, size=_SMALL_PT)
            self.set_text_color(*_SOFT)
            text = clean(" · ".join(filter(None, (self._report.title, self._report.subtitle))))
            self.cell(0, 4, _fit(self, text, self.epw), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(3)
        self.set_text_color(*_INK)

    def footer(self) -> None:
        """When it was made, the page of how many, and the watermark over all that the page holds."""
        if self._report.watermark:
            self._watermark(clean(self._report.watermark))
        self.set_y(-12)
        self.set_font(_FONT, size=_SMALL_PT)
        self.set_text_color(*_SOFT)
        self.cell(self.epw / 2, 4, made_text(self._report, self._words))
        page = self._words("report.page", page=self.page_no(), pages="")
        # The total is put in at the end: what stands before it ends at a fixed place.
        self.set_x(self.w - _MARGIN_MM - 60)
        self.cell(50, 4, page.rstrip(), align="R")
        self.set_x(self.get_x() - 1.2)
        self.cell(10, 4, _TOTAL_PAGES)

    def _watermark(self, text: str) -> None:
        with self.local_context(fill_opacity=0.18, text_color=_MARK):
            self.set_font(_FONT, "B", 40)
            size_pt = min(96.0, 40.0 * 225.0 / self.get_string_width(text))
            self.set_font(_FONT, "B", size_pt)
            with self.rotation(50, self.w / 2, self.h / 2):
                self.text((self.w - self.get_string_width(text)) / 2, self.h / 2 + size_pt * 0.12, text)


def clean(text: str) -> str:
    """Text without control characters, which a PDF cannot show; tabs become spaces."""
    return "".join(
        letter
        if letter.isprintable() or letter in "\n\u00a0\u202f\u00ad"
        else ("\ufffd", " ")[letter == "\t"]
        for letter in text
    )


def _head(paper: _Paper, report: Report, words: Words) -> None:
    paper.set_font(_FONT, "B", 16)
    _lines(paper, report.title, 7.5)
    if report.subtitle:
        paper.set_font(_FONT, size=_TEXT_PT)
        paper.set_text_color(*_SOFT)
        _lines(paper, report.subtitle)
        paper.set_text_color(*_INK)
    paper.ln(2)
    if report.watermark:
        _notice(paper, Notice(f"{report.watermark}. {words('report.not_to_be_signed')}", "error"))
    if report.facts:
        _facts(paper, report.facts, words)


def _section(paper: _Paper, section: Section, words: Words) -> None:
    if section.title:
        _keep_together(paper, 16 + _first_height(paper, section))
        paper.ln(4)
        paper.set_font(_FONT, "B", 12)
        _lines(paper, section.title, 6)
        paper.set_draw_color(*_LINES)
        paper.line(paper.l_margin, paper.get_y() + 0.5, paper.w - paper.r_margin, paper.get_y() + 0.5)
        paper.ln(2.5)
    paper.set_font(_FONT, size=_TEXT_PT)
    for block in section.blocks:
        match block:
            case Paragraph():
                _lines(paper, block.text)
                paper.ln(1.5)
            case KeyValues():
                _facts(paper, block.facts, words)
            case Notice():
                _notice(paper, block)
            case Table():
                _table(paper, block, words)
            case Figure():
                _image(paper, block.png, block.caption, block.width_share)
            case Picture():
                _image(paper, block.data, block.caption, block.width_share)


def _first_height(paper: _Paper, section: Section) -> float:
    """About how much must follow a heading, so that none stands alone at the foot of a page, mm."""
    match section.blocks[0] if section.blocks else None:
        case Table(title=title):
            return 6 * _ROW_MM + (2 * _LINE_MM if title else 0)
        case Figure(png=data, width_share=share) | Picture(data=data, width_share=share):
            return _image_size(paper, data, share)[1]
    return 3 * _LINE_MM


def _lines(paper: _Paper, text: str, height_mm: float = _LINE_MM, width_mm: float = 0.0) -> None:
    paper.multi_cell(width_mm, height_mm, clean(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _split(paper: _Paper, text: str, width_mm: float) -> list[str]:
    """The lines that a text takes in a width; one that fits is not looked at further."""
    text = clean(text)
    if "\n" not in text and paper.get_string_width(text) <= width_mm - 2 * _CELL_PAD_MM:
        return [text]
    found: list[str] = paper.multi_cell(width_mm, _ROW_MM, text, align="L", dry_run=True, output="LINES")
    return found


def _fit(paper: _Paper, text: str, width_mm: float) -> str:
    """The text, cut with an ellipsis where it is too long for one line."""
    if paper.get_string_width(text) <= width_mm:
        return text
    while text and paper.get_string_width(f"{text}…") > width_mm:
        text = text[: min(len(text) - 1, int(len(text) * 0.95))]
    return f"{text}…"


def _keep_together(paper: _Paper, height_mm: float) -> bool:
    """Begin a page when less than `height_mm` is left; tells whether it did."""
    if paper.get_y() + height_mm <= paper.page_break_trigger or paper.get_y() <= _MARGIN_MM + 8:
        return False
    paper.add_page()
    return True


def _facts(paper: _Paper, facts: tuple[Fact, ...], words: Words) -> None:
    label_mm = paper.epw * 0.42
    widths = [label_mm, paper.epw - label_mm]
    paper.set_font(_FONT, size=_TEXT_PT)
    for fact in facts:
        lines = [
            _split(paper, fact.label, widths[0]),
            _split(paper, fact_text(fact, words), widths[1]),
        ]
        _keep_together(paper, _height(lines, _LINE_MM))
        paper.set_font(_FONT, size=_TEXT_PT)
        _row(paper, lines, widths, ["L", "L"], _LINE_MM, colours=[_SOFT, _INK])
    paper.ln(2)


def _table(paper: _Paper, table: Table, words: Words) -> None:
    aligns = ["R" if column.kind == "number" else "L" for column in table.columns]
    paper.set_font(_FONT, "B", _TABLE_PT)
    widths = _widths(paper, table)
    head = [_split(paper, column.head, width) for column, width in zip(table.columns, widths, strict=True)]
    _keep_together(paper, _height(head, _ROW_MM) + 4 * _ROW_MM)
    if table.title:
        paper.set_font(_FONT, "B", _TEXT_PT)
        _lines(paper, table.title)
    _table_head(paper, head, widths, aligns)
    for row in table.rows:
        texts = [cell_text(column, cell, words) for column, cell in zip(table.columns, row, strict=True)]
        lines = [_split(paper, text, width) for text, width in zip(texts, widths, strict=True)]
        if _keep_together(paper, _height(lines, _ROW_MM)):
            _table_head(paper, head, widths, aligns)
        _row(paper, lines, widths, aligns, _ROW_MM)
    paper.set_font(_FONT, size=_TEXT_PT)
    paper.ln(3)


def _widths(paper: _Paper, table: Table) -> list[float]:
    """Column widths by their shares, but none narrower than the longest word of its head where that fits."""
    share = paper.epw / sum(column.width for column in table.columns)
    wanted = [column.width * share for column in table.columns]
    words = [max(clean(column.head).split() or [""], key=paper.get_string_width) for column in table.columns]
    least = [paper.get_string_width(word) + 2 * _CELL_PAD_MM + 0.3 for word in words]
    if sum(least) >= paper.epw:
        return wanted
    missing = sum(max(0.0, need - width) for need, width in zip(least, wanted, strict=True))
    spare = [max(0.0, width - need) for need, width in zip(least, wanted, strict=True)]
    taken = missing / sum(spare)
    return [max(need, width - taken * extra) for need, width, extra in zip(least, wanted, spare, strict=True)]


def _table_head(paper: _Paper, head: list[list[str]], widths: list[float], aligns: list[str]) -> None:
    paper.set_font(_FONT, "B", _TABLE_PT)
    paper.set_fill_color(*_BAND)
    paper.rect(paper.l_margin, paper.get_y(), paper.epw, _height(head, _ROW_MM), style="F")
    _row(paper, head, widths, aligns, _ROW_MM)
    paper.set_font(_FONT, size=_TABLE_PT)


def _height(lines: list[list[str]], line_mm: float) -> float:
    return max(len(cell) for cell in lines) * line_mm + 0.4


def _row(
    paper: _Paper,
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
            paper.set_font(_FONT, size=_TABLE_PT)
        x = paper.l_margin
        for index, (cell, width, align) in enumerate(zip(lines, widths, aligns, strict=True)):
            if number < len(cell) and cell[number]:
                if colours is not None:
                    paper.set_text_color(*colours[index])
                paper.set_x(x)
                paper.cell(width, line_mm, cell[number], align=align)
            x += width
        paper.set_xy(paper.l_margin, paper.get_y() + line_mm)
    paper.set_text_color(*_INK)
    paper.set_draw_color(*_LINES)
    paper.line(paper.l_margin, paper.get_y() + 0.2, paper.w - paper.r_margin, paper.get_y() + 0.2)
    paper.set_y(paper.get_y() + 0.4)


def _notice(paper: _Paper, notice: Notice) -> None:
    paper.set_font(_FONT, size=_TEXT_PT)
    lines = _split(paper, notice.text, paper.epw - 5)
    height = len(lines) * _LINE_MM + 2
    _keep_together(paper, height)
    paper.set_font(_FONT, size=_TEXT_PT)
    top = paper.get_y()
    paper.set_fill_color(*_NOTICE[notice.level])
    paper.rect(paper.l_margin, top, 1.2, height, style="F")
    paper.set_y(top + 1)
    for line in lines:
        paper.set_x(paper.l_margin + 3)
        paper.cell(0, _LINE_MM, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_y(top + height)
    paper.ln(2.5)


def _image_size(paper: _Paper, data: bytes, width_share: float) -> tuple[float, float]:
    """Width and height on paper, mm; never higher than a page with its heading and caption."""
    from PIL import Image

    width_px, height_px = Image.open(io.BytesIO(data)).size
    width = paper.epw * min(width_share, 1.0)
    height = width * height_px / width_px
    most = paper.page_break_trigger - _MARGIN_MM - 40
    return (width * most / height, most) if height > most else (width, height)


def _image(paper: _Paper, data: bytes, caption: str, width_share: float) -> None:
    width, height = _image_size(paper, data, width_share)
    paper.set_font(_FONT, size=_SMALL_PT)
    below = 2 + len(_split(paper, caption, paper.epw)) * _ROW_MM
    _keep_together(paper, height + below)
    settings: dict[str, Any] = {"w": width, "h": height, "alt_text": clean(caption)}
    paper.image(io.BytesIO(data), x=paper.l_margin, y=paper.get_y(), **settings)
    paper.set_y(paper.get_y() + height + 1)
    paper.set_font(_FONT, size=_SMALL_PT)
    paper.set_text_color(*_SOFT)
    _lines(paper, caption, _ROW_MM - 0.6)
    paper.set_text_color(*_INK)
    paper.set_font(_FONT, size=_TEXT_PT)
    paper.ln(3)


def _signatures(paper: _Paper, signatures: tuple[Signature, ...]) -> None:
    """Role, line, name; they stay together on a page."""
    paper.set_font(_FONT, size=_TEXT_PT)
    third = paper.epw / 3
    texts = [
        (_split(paper, signature.role, third), _split(paper, signature.name, third))
        for signature in signatures
    ]
    _keep_together(paper, 6 + sum(6 + _LINE_MM * max(len(role), len(name)) for role, name in texts))
    paper.set_font(_FONT, size=_TEXT_PT)
    paper.set_draw_color(*_INK)
    paper.ln(6)
    for role, name in texts:
        paper.ln(6)
        top = paper.get_y()
        for lines, x in ((role, paper.l_margin), (name, paper.l_margin + 2 * third)):
            for number, line in enumerate(lines):
                paper.set_xy(x, top + number * _LINE_MM)
                paper.cell(third, _LINE_MM, line)
        height = _LINE_MM * max(len(role), len(name))
        bottom = top + height - 0.5
        paper.line(paper.l_margin + third, bottom, paper.l_margin + 2 * third - 4, bottom)
        paper.set_xy(paper.l_margin, top + height)
