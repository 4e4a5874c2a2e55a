"""The paper of a PDF: A4 pages with head, foot and watermark, fonts, and how text is put on lines.

fpdf2 draws; the fonts are DejaVu Sans from matplotlib's own folder, so that nothing has to be installed.
Neighbours: `pdf`, `pdf_tables` and `pdf_pictures` draw a report's blocks on it.
"""

from __future__ import annotations

from pathlib import Path

from fpdf import FPDF, XPos, YPos

from edge_runtime.reports.document import Report
from edge_runtime.reports.html import made_text
from edge_runtime.reports.words import Words

FONT = "DejaVu"
MARGIN_MM, BOTTOM_MM = 15.0, 18.0
TEXT_PT, TABLE_PT, SMALL_PT = 9.5, 8.0, 7.5
LINE_MM, ROW_MM = 5.0, 4.6
CELL_PAD_MM = 1.0
INK, SOFT, LINES, BAND = (28, 33, 38), (89, 99, 110), (200, 206, 212), (243, 245, 247)
MARK = (192, 48, 63)
_TOTAL_PAGES = "{total-pages}"


def fonts_folder() -> Path:
    """Where matplotlib keeps DejaVu Sans."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


class Paper(FPDF):  # type: ignore[misc]  # fpdf2 is followed without types
    """A4 pages with head, foot and watermark."""

    def __init__(self, report: Report, words: Words) -> None:
        super().__init__(format="A4")
        self._report, self._words = report, words
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(True, BOTTOM_MM)
        for style, name in (("", "DejaVuSans"), ("B", "DejaVuSans-Bold")):
            self.add_font(FONT, style, fonts_folder() / f"{name}.ttf")
        self.set_font(FONT, size=TEXT_PT)
        self.alias_nb_pages(_TOTAL_PAGES)
        self.set_lang(report.language)
        self.set_title(clean(report.title))
        self.set_creator("ferrogate")
        if report.made is not None:
            self.set_creation_date(report.made)

    def header(self) -> None:
        """From the second page on the title."""
        if self.page_no() > 1:
            self.set_font(FONT, size=SMALL_PT)
            self.set_text_color(*SOFT)
            text = clean(" · ".join(filter(None, (self._report.title, self._report.subtitle))))
            self.cell(0, 4, fit(self, text, self.epw), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(3)
        self.set_text_color(*INK)

    def footer(self) -> None:
        """When it was made, the page of how many, and the watermark over all that the page holds."""
        if self._report.watermark:
            self._watermark(clean(self._report.watermark))
        self.set_y(-12)
        self.set_font(FONT, size=SMALL_PT)
        self.set_text_color(*SOFT)
        self.cell(self.epw / 2, 4, made_text(self._report, self._words))
        page = self._words("report.page", page=self.page_no(), pages="")
        # The total is put in at the end: what stands before it ends at a fixed place.
        self.set_x(self.w - MARGIN_MM - 60)
        self.cell(50, 4, page.rstrip(), align="R")
        self.set_x(self.get_x() - 1.2)
        self.cell(10, 4, _TOTAL_PAGES)

    def _watermark(self, text: str) -> None:
        with self.local_context(fill_opacity=0.18, text_color=MARK):
            self.set_font(FONT, "B", 40)
            size_pt = min(96.0, 40.0 * 225.0 / self.get_string_width(text))
            self.set_font(FONT, "B", size_pt)
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


def write_lines(paper: Paper, text: str, height_mm: float = LINE_MM, width_mm: float = 0.0) -> None:
    """Running text from the pen on; the pen ends on a new line."""
    paper.multi_cell(width_mm, height_mm, clean(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def split(paper: Paper, text: str, width_mm: float) -> list[str]:
    """The lines that a text takes in a width; one that fits is not looked at further."""
    text = clean(text)
    if "\n" not in text and paper.get_string_width(text) <= width_mm - 2 * CELL_PAD_MM:
        return [text]
    found: list[str] = paper.multi_cell(width_mm, ROW_MM, text, align="L", dry_run=True, output="LINES")
    return found


def fit(paper: Paper, text: str, width_mm: float) -> str:
    """The text, cut with an ellipsis where it is too long for one line."""
    if paper.get_string_width(text) <= width_mm:
        return text
    while text and paper.get_string_width(f"{text}…") > width_mm:
        text = text[: min(len(text) - 1, int(len(text) * 0.95))]
    return f"{text}…"


def keep_together(paper: Paper, height_mm: float) -> bool:
    """Begin a page when less than `height_mm` is left; tells whether it did."""
    if paper.get_y() + height_mm <= paper.page_break_trigger or paper.get_y() <= MARGIN_MM + 8:
        return False
    paper.add_page()
    return True
