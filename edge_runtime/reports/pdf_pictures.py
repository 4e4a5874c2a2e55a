"""Plots, photographs and galleries on the paper of a PDF."""

from __future__ import annotations

import io
from typing import Any

from edge_runtime.reports.document import Gallery, Picture
from edge_runtime.reports.paper import (
    FONT,
    INK,
    MARGIN_MM,
    ROW_MM,
    SMALL_PT,
    SOFT,
    TEXT_PT,
    Paper,
    clean,
    keep_together,
    split,
    write_lines,
)

_GAP_MM, _CAPTION_MM = 3.0, 3.6


def image_size(paper: Paper, data: bytes, width_share: float) -> tuple[float, float]:
    """Width and height on paper, mm; never higher than a page with its heading and caption."""
    from PIL import Image

    width_px, height_px = Image.open(io.BytesIO(data)).size
    width = paper.epw * min(width_share, 1.0)
    height = width * height_px / width_px
    most = paper.page_break_trigger - MARGIN_MM - 40
    return (width * most / height, most) if height > most else (width, height)


def draw_image(paper: Paper, data: bytes, caption: str, width_share: float) -> None:
    """A PNG or JPEG with its caption under it, on one page."""
    width, height = image_size(paper, data, width_share)
    paper.set_font(FONT, size=SMALL_PT)
    below = 2 + len(split(paper, caption, paper.epw)) * ROW_MM
    keep_together(paper, height + below)
    settings: dict[str, Any] = {"w": width, "h": height, "alt_text": clean(caption)}
    paper.image(io.BytesIO(data), x=paper.l_margin, y=paper.get_y(), **settings)
    paper.set_y(paper.get_y() + height + 1)
    paper.set_font(FONT, size=SMALL_PT)
    paper.set_text_color(*SOFT)
    write_lines(paper, caption, ROW_MM - 0.6)
    paper.set_text_color(*INK)
    paper.set_font(FONT, size=TEXT_PT)
    paper.ln(3)


def gallery_height(paper: Paper, gallery: Gallery) -> float:
    """Of the first row of a gallery, so that no heading stands alone above it, mm."""
    first = gallery.pictures[: gallery.columns]
    return _row_height(paper, first, _cell_mm(paper, gallery)) if first else 0.0


def draw_gallery(paper: Paper, gallery: Gallery) -> None:
    """The pictures row by row, each fitted into a square with its caption under it."""
    cell = _cell_mm(paper, gallery)
    for start in range(0, len(gallery.pictures), gallery.columns):
        row = gallery.pictures[start : start + gallery.columns]
        height = _row_height(paper, row, cell)
        keep_together(paper, height)
        top = paper.get_y()
        for number, picture in enumerate(row):
            x = paper.l_margin + number * (cell + _GAP_MM)
            settings: dict[str, Any] = {"w": cell, "h": cell, "alt_text": clean(picture.caption)}
            paper.image(io.BytesIO(picture.data), x=x, y=top, keep_aspect_ratio=True, **settings)
            _caption(paper, picture, x, top + cell + 0.8, cell)
        paper.set_xy(paper.l_margin, top + height)
    paper.set_font(FONT, size=TEXT_PT)
    paper.ln(2)


def _cell_mm(paper: Paper, gallery: Gallery) -> float:
    width: float = (paper.epw - _GAP_MM * (gallery.columns - 1)) / gallery.columns
    return width


def _row_height(paper: Paper, row: tuple[Picture, ...], cell_mm: float) -> float:
    paper.set_font(FONT, size=SMALL_PT)
    return cell_mm + 2.5 + _CAPTION_MM * max(len(split(paper, picture.caption, cell_mm)) for picture in row)


def _caption(paper: Paper, picture: Picture, x: float, y: float, width: float) -> None:
    paper.set_font(FONT, size=SMALL_PT)
    paper.set_text_color(*SOFT)
    for number, line in enumerate(split(paper, picture.caption, width)):
        paper.set_xy(x, y + number * _CAPTION_MM)
        paper.cell(width, _CAPTION_MM, line)
    paper.set_text_color(*INK)
