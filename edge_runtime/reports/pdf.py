"""A report as PDF (A4), with letters for Russian and Kazakh.

Neighbours: `paper` has the pages and the text, `pdf_tables` and `pdf_pictures` draw what is large.
"""

from __future__ import annotations

from fpdf import XPos, YPos

from edge_runtime.reports.document import (
    Block,
    Figure,
    Gallery,
    KeyValues,
    LongTable,
    Notice,
    Paragraph,
    Picture,
    Report,
    Section,
    Signature,
    Table,
)
from edge_runtime.reports.paper import (
    FONT,
    INK,
    LINE_MM,
    LINES,
    MARK,
    ROW_MM,
    SOFT,
    TEXT_PT,
    Paper,
    keep_together,
    split,
    write_lines,
)
from edge_runtime.reports.pdf_pictures import draw_gallery, draw_image, gallery_height, image_size
from edge_runtime.reports.pdf_tables import draw_facts, draw_table
from edge_runtime.reports.words import Words, load_words

_NOTICE = {"info": (47, 126, 188), "warning": (184, 106, 0), "error": MARK, "alarm": MARK}
_WHITE = (255, 255, 255)


def pdf_bytes(report: Report) -> bytes:
    """The whole file.

    Raises:
        ValueError: a plot was drawn for the page alone.
    """
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Figure) and not block.png:
                raise ValueError(f"the plot '{block.caption}' was not drawn for paper")
    words = load_words(report.language)
    paper = Paper(report, words)
    paper.add_page()
    _head(paper, report, words)
    for section in report.sections:
        _section(paper, section, words)
    if report.signatures:
        _signatures(paper, report.signatures)
    return bytes(paper.output())


def _head(paper: Paper, report: Report, words: Words) -> None:
    paper.set_font(FONT, "B", 16)
    write_lines(paper, report.title, 7.5)
    if report.subtitle:
        paper.set_font(FONT, size=TEXT_PT)
        paper.set_text_color(*SOFT)
        write_lines(paper, report.subtitle)
        paper.set_text_color(*INK)
    paper.ln(2)
    if report.watermark:
        _notice(paper, Notice(f"{report.watermark}. {words('report.not_to_be_signed')}", "error"))
    if report.facts:
        draw_facts(paper, report.facts, words)


def _section(paper: Paper, section: Section, words: Words) -> None:
    if section.title:
        keep_together(paper, 16 + _first_height(paper, section))
        paper.ln(4)
        paper.set_font(FONT, "B", 12)
        write_lines(paper, section.title, 6)
        paper.set_draw_color(*LINES)
        paper.line(paper.l_margin, paper.get_y() + 0.5, paper.w - paper.r_margin, paper.get_y() + 0.5)
        paper.ln(2.5)
    paper.set_font(FONT, size=TEXT_PT)
    for block in section.blocks:
        match block:
            case Paragraph():
                write_lines(paper, block.text)
                paper.ln(1.5)
            case KeyValues():
                draw_facts(paper, block.facts, words)
            case Notice():
                _notice(paper, block)
            case Table():
                draw_table(paper, block, words)
            case Figure():
                draw_image(paper, block.png, block.caption, block.width_share)
            case Picture():
                draw_image(paper, block.data, block.caption, block.width_share)
            case Gallery():
                draw_gallery(paper, block)
            case LongTable():
                pass  # the CSV has it


def _first_height(paper: Paper, section: Section) -> float:
    """About how much must follow a heading, so that none stands alone at the foot of a page, mm.

    A plot that follows a sentence stays with it.
    """
    match section.blocks:
        case (Notice() | Paragraph(), (Figure() | Gallery()) as second, *_):
            return 4 * LINE_MM + _height(paper, second)
        case (first, *_):
            return _height(paper, first)
    return 0.0


def _height(paper: Paper, block: Block) -> float:
    match block:
        case Table(title=title):
            return 8 * ROW_MM + (2 * LINE_MM if title else 0)  # a head of up to four lines
        case Figure(png=data, width_share=share) | Picture(data=data, width_share=share):
            return image_size(paper, data, share)[1] + 2 * LINE_MM
        case Gallery() as gallery:
            return gallery_height(paper, gallery)
        case KeyValues(facts=facts) if len(facts) > 1:
            return min(len(facts), 4) * 1.6 * LINE_MM
    return 3 * LINE_MM


def _notice(paper: Paper, notice: Notice) -> None:
    """Text beside a bar of the level's colour; an alarm stands in bold white on it."""
    loud = notice.level == "alarm"
    style = "B" if loud else ""
    paper.set_font(FONT, style, TEXT_PT)
    lines = split(paper, notice.text, paper.epw - 5)
    height = len(lines) * LINE_MM + 2
    keep_together(paper, height)
    paper.set_font(FONT, style, TEXT_PT)
    top = paper.get_y()
    paper.set_fill_color(*_NOTICE[notice.level])
    paper.rect(paper.l_margin, top, paper.epw if loud else 1.2, height, style="F")
    paper.set_y(top + 1)
    if loud:
        paper.set_text_color(*_WHITE)
    for line in lines:
        paper.set_x(paper.l_margin + 3)
        paper.cell(0, LINE_MM, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_text_color(*INK)
    paper.set_font(FONT, size=TEXT_PT)
    paper.set_y(top + height)
    paper.ln(2.5)


def _signatures(paper: Paper, signatures: tuple[Signature, ...]) -> None:
    """Role, line, name; they stay together on a page."""
    paper.set_font(FONT, size=TEXT_PT)
    third = paper.epw / 3
    texts = [
        (split(paper, signature.role, third), split(paper, signature.name, third)) for signature in signatures
    ]
    keep_together(paper, 6 + sum(6 + LINE_MM * max(len(role), len(name)) for role, name in texts))
    paper.set_font(FONT, size=TEXT_PT)
    paper.set_draw_color(*INK)
    paper.ln(6)
    for role, name in texts:
        paper.ln(6)
        top = paper.get_y()
        for lines, x in ((role, paper.l_margin), (name, paper.l_margin + 2 * third)):
            for number, line in enumerate(lines):
                paper.set_xy(x, top + number * LINE_MM)
                paper.cell(third, LINE_MM, line)
        height = LINE_MM * max(len(role), len(name))
        bottom = top + height - 0.5
        paper.line(paper.l_margin + third, bottom, paper.l_margin + 2 * third - 4, bottom)
        paper.set_xy(paper.l_margin, top + height)
