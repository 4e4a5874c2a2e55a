"""The report: sections of words, tables, curves and pictures, written as one HTML page and one JSON file.

Neighbours: `page_common`, `page_rail` and `page_ball` turn figures into sections.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from datasets.scoring.bootstrap import Interval
from training.evaluation.gallery import Gallery
from vision.errors import ConfigError
from vision.statistics.attribute import Rate

REPORT_HTML, REPORT_JSON = "report.html", "report.json"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head; the first column names, the others hold figures."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page; `figures` are SVG elements."""

    title: str
    words: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[str, ...] = ()
    gallery: Gallery | None = None


def share(value: float | None, digits: int = 3) -> str:
    """A share or precision as text."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def with_bounds(value: Interval | Rate | None) -> str:
    """A figure and its bounds, e.g. `0.712 (0.634 to 0.781)`."""
    if value is None:
        return "–"
    point = value.value if isinstance(value, Interval) else value.share
    if value.low == value.high:
        return f"{share(point)} (alike in all resamples: no bounds)"
    return f"{share(point)} ({share(value.low)} to {share(value.high)})"


def counted(value: Rate | None) -> str:
    """A rate with its counts, e.g. `0.980 (0.961 to 0.991), 345 of 352`."""
    return "–" if value is None else f"{with_bounds(value)}, {value.hits} of {value.n}"


def plain(value: Any) -> Any:
    """Dataclasses, tuples and numbers as JSON takes them; what is not a number becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_report(
    out: Path, title: str, subtitle: str, sections: Sequence[Section], figures: dict[str, Any]
) -> tuple[Path, Path]:
    """Write page and figures into a folder, each whole or not at all.

    Args:
        out: folder, made where it is missing.
        title: of the page.
        subtitle: under it.
        sections: of the page.
        figures: for the JSON file.

    Returns:
        Paths of the page and of the JSON file.

    Raises:
        ConfigError: they cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("training.evaluation", "templates"), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html").render(title=title, subtitle=subtitle, sections=sections)
    text = json.dumps(plain(figures), indent=1, allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / REPORT_HTML, page)
        _write(out / REPORT_JSON, text + "\n")
    except OSError as error:
        raise ConfigError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(out),
            todo="make room on the disk, or give another --out",
        ) from error
    return out / REPORT_HTML, out / REPORT_JSON


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
