"""A report as one HTML file: nothing outside it is needed, light and dark, and fit to be printed.

The page's look is `templates/report.html`; all texts are escaped, only our own SVG goes in as it is.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.reports.document import Block, Cell, Column, Fact, Figure, Picture, Report
from edge_runtime.reports.words import Words, load_words

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent / "templates"


def html_text(report: Report) -> str:
    """The whole page.

    Raises:
        ValueError: a plot was drawn for paper alone.
    """
    words = load_words(report.language)
    number = count(1)
    return _template().render(
        report=report,
        words=words,
        kind=_kind,
        fact=lambda fact: fact_text(fact, words),
        cell=lambda column, value: cell_text(column, value, words),
        svg=lambda block: own_ids(_svg(block), f"f{next(number)}-"),
        data_url=_data_url,
        made=made_text(report, words),
    )


def fact_text(fact: Fact, words: Words) -> str:
    """A fact's value as its reader writes it, with the unit."""
    if fact.value is None or isinstance(fact.value, str):
        shown = fact.value if fact.value is not None else words.number(None)
    else:
        shown = words.number(fact.value, fact.digits)
    return f"{shown}\u00a0{fact.unit}" if fact.unit and fact.value is not None else shown


def cell_text(column: Column, value: Cell, words: Words) -> str:
    """A cell as its reader writes it; a dash for None."""
    if isinstance(value, str):
        return value
    return words.number(value, column.digits if isinstance(value, float) else None)


def made_text(report: Report, words: Words) -> str:
    """When the report was made, to the minute; empty when it does not say."""
    if report.made is None:
        return ""
    return words("report.made", time=words.time(report.made))


def own_ids(svg: str, before: str) -> str:
    """The SVG with its ids made its own, so that several share a page."""
    svg = re.sub(r'\bid="', f'id="{before}', svg)
    return svg.replace("url(#", f"url(#{before}").replace('href="#', f'href="#{before}')


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_FOLDER, encoding="utf-8")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")


def _svg(figure: Figure) -> str:
    if not figure.svg:
        raise ValueError(f"the plot '{figure.caption}' was not drawn for a page")
    return figure.svg


def _kind(block: Block) -> str:
    return type(block).__name__


def _data_url(picture: Picture) -> str:
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode('ascii')}"
