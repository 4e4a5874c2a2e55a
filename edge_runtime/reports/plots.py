"""Plots in one house style, drawn once as SVG and PNG.

matplotlib's object interface only (no pyplot); its style settings are global, so one thread draws at a
time. Loaded when the first plot is drawn. The SVG's ink follows the page's light or dark.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from edge_runtime.reports.document import Figure
from edge_runtime.reports.words import Language

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

#: Told apart by the colour-blind too, and readable on white and on dark.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#2f7ebc", "#d9822b", "#3a9a67", "#d1495b", "#8562b5", "#7d8793"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
_INK, _LINES, _PAPER = "#1c2126", "#d3d8de", "#fefefe"
#: House colours that the page replaces by its own, light or dark.
_THEME = {_INK: "var(--ink)", _LINES: "var(--line)", _PAPER: "var(--paper)"}
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": _LINES,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.facecolor": _PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINES,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "figure.facecolor": _PAPER,
    "svg.fonttype": "path",
    "svg.hashsalt": "ferrogate",
}
_PNG_DPI = 180
_ONE_AT_A_TIME = threading.RLock()
_FORM: ContextVar[str] = ContextVar("form of the report that is being made", default="")


@contextmanager
def canvas(
    width_in: float = 6.8, height_in: float = 2.9, *, rows: int = 1, columns: int = 1, **settings: Any
) -> Iterator[tuple[Canvas, list[Axes]]]:
    """A figure in the house style and its axes, row by row.

    Draw inside the `with`, and call `figure` there: the style ends with it. `settings` go to
    `matplotlib.figure.Figure.subplots` (`sharex=True`, `width_ratios=...`).
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as MatplotlibFigure

    with _ONE_AT_A_TIME, matplotlib.rc_context(_STYLE):
        drawing = MatplotlibFigure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(drawing)
        grid = drawing.subplots(rows, columns, squeeze=False, **settings)
        yield drawing, list(grid.flat)


def reader_ticks(axes: Axes, language: Language) -> None:
    """Numbers on the axes with the decimal sign of the reader's language; not for axes of dates or names."""
    from matplotlib.ticker import ScalarFormatter

    class _Ticks(ScalarFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return str(super().__call__(x, pos)).replace(".", ",")

    if language != "en":
        for axis in (axes.xaxis, axes.yaxis):
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(_Ticks())


@contextmanager
def drawn_for(suffix: str) -> Iterator[None]:
    """Within it plots are drawn for one form of a report alone, which saves half of the time or all of it.

    Args:
        suffix: .html (SVG), .pdf (PNG) or .csv (nothing is drawn); any other draws both.
    """
    token = _FORM.set(suffix)
    try:
        yield
    finally:
        _FORM.reset(token)


def figure(drawing: Canvas, caption: str, *, width_share: float = 1.0) -> Figure:
    """The drawn figure as a block of a report, in the forms that `drawn_for` asks for."""
    form = _FORM.get()
    png, svg = io.BytesIO(), io.StringIO()
    if form not in (".html", ".csv"):
        drawing.savefig(png, format="png", dpi=_PNG_DPI)
    if form not in (".pdf", ".csv"):
        drawing.savefig(svg, format="svg", metadata={"Date": None})
    text = svg.getvalue()
    return Figure(_plain_svg(text) if text else "", png.getvalue(), caption, width_share)


def _plain_svg(text: str) -> str:
    """The bare element without XML head and metadata, in the page's own ink, scaling with the page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*pt"', "", head)
    for colour, name in _THEME.items():
        rest = rest.replace(colour, name)
    return f"{head}>{rest}"
