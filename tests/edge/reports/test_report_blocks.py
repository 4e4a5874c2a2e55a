"""What shift reports need of the library: galleries, lists for the CSV alone, alarms, the plant's clock."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from pypdf import PageObject, PdfReader

from edge_runtime.reports import plots
from edge_runtime.reports.csv_tables import csv_bytes, write_csv
from edge_runtime.reports.document import (
    Cell,
    Column,
    Fact,
    Figure,
    Gallery,
    LongTable,
    Notice,
    Picture,
    Report,
    Section,
)
from edge_runtime.reports.html import html_text
from edge_runtime.reports.pdf import pdf_bytes
from edge_runtime.reports.words import LANGUAGES, load_words
from edge_runtime.reports.write import write_report

COLUMNS = (Column("Part"), Column("Size", "number", 2))
KAZAKH = "Әә Ғғ Ққ Ңң Өө Ұұ Үү Һһ Іі"


def _jpeg(seed: int) -> bytes:
    image = np.random.default_rng(seed).integers(0, 255, (60, 90), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


def _report(*blocks: Gallery | LongTable | Notice | Figure, language: str = "ru") -> Report:
    words = load_words(language)
    return Report("T", language=words.language, sections=(Section("S", tuple(blocks)),))


@pytest.mark.parametrize("count", [1, 6, 24, 25])
def test_gallery_shows_every_picture_with_its_caption(count: int) -> None:
    pictures = tuple(Picture(_jpeg(number), f"№ {number}\n{KAZAKH}") for number in range(count))
    report = _report(Gallery(pictures, columns=6))
    reader = PdfReader(io.BytesIO(pdf_bytes(report)))
    text = " ".join(page.extract_text() for page in reader.pages)
    assert [f"№ {number}\n" in text + "\n" for number in range(count)] == [True] * count
    assert sum(len(page.images) for page in reader.pages) == count
    page = html_text(report)
    assert page.count("data:image/jpeg;base64,") == count
    assert KAZAKH in page
    assert "№" not in csv_bytes(report).decode("utf-8")


def test_gallery_needs_a_column() -> None:
    with pytest.raises(ValueError, match="0 columns"):
        Gallery((), columns=0)


def test_long_list_stands_in_the_csv_alone_and_is_read_row_by_row() -> None:
    written: list[int] = []
    stream = io.StringIO(newline="")

    def rows() -> Iterator[tuple[Cell, ...]]:
        for number in range(3000):
            written.append(stream.tell())
            yield f"part {number}", number / 7

    report = _report(LongTable(COLUMNS, rows(), "All"), language="en")
    write_csv(report, stream)
    found = [row for row in csv.reader(io.StringIO(stream.getvalue())) if row and row[0].startswith("part")]
    assert [row[0] for row in found] == [f"part {number}" for number in range(3000)]
    assert float(found[-1][1]) == 2999 / 7
    # Each row was on its way before the next was asked for.
    assert all(later > earlier for earlier, later in pairwise(written[1:]))
    again = _report(LongTable(COLUMNS, (("part x", 1.0),), "All"), language="en")
    assert "part x" not in html_text(again)
    assert "part x" not in PdfReader(io.BytesIO(pdf_bytes(again))).pages[0].extract_text()


def test_failed_list_leaves_the_old_file(tmp_path: Path) -> None:
    def rows() -> Iterator[tuple[Cell, ...]]:
        yield "part 1", 1.0
        raise RuntimeError("the ledger has gone")

    path = tmp_path / "list.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_report(_report(LongTable(COLUMNS, rows())), path)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["list.csv"]


def _has_white_ink(page: PageObject) -> bool:
    contents = page.get_contents()
    assert contents is not None
    return re.search(rb"\b1 g\b|\b1 1 1 rg\b|\b1\.0+ g\b", contents.get_data()) is not None


def test_alarm_is_loud_in_each_form() -> None:
    report = _report(Notice("смотри сюда", "alarm"))
    assert '<div class="notice alarm" role="note">смотри сюда' in html_text(report)
    page = PdfReader(io.BytesIO(pdf_bytes(report))).pages[0]
    assert "смотри сюда" in page.extract_text()
    quiet = PdfReader(io.BytesIO(pdf_bytes(_report(Notice("смотри сюда", "error"))))).pages[0]
    assert [_has_white_ink(one) for one in (page, quiet)] == [True, False]
    assert "смотри сюда" in csv_bytes(report).decode()


@pytest.mark.parametrize("text", ["\uff1d1+1", "\uff0b7", "\uff0d1", "\uff20SUM(A1)"])
def test_wide_signs_of_a_formula_are_disarmed(text: str) -> None:
    report = Report("T", facts=(Fact("k", text),))
    assert list(csv.reader(io.StringIO(csv_bytes(report).decode())))[1] == ["k", f"'{text}"]


def _plot() -> Figure:
    with plots.canvas() as (drawing, (axes,)):
        axes.plot([0, 1], [1, 2])
        return plots.figure(drawing, "curve")


@pytest.mark.parametrize(
    ("suffix", "has_svg", "has_png"),
    [(".html", True, False), (".pdf", False, True), (".csv", False, False), ("", True, True)],
)
def test_plots_are_drawn_for_one_form(suffix: str, has_svg: bool, has_png: bool) -> None:
    with plots.drawn_for(suffix):
        figure = _plot()
    assert (bool(figure.svg), bool(figure.png)) == (has_svg, has_png)
    both = _plot()
    assert both.svg
    assert both.png
    if not has_svg:
        with pytest.raises(ValueError, match="'curve' was not drawn for a page"):
            html_text(_report(figure))
    if not has_png:
        with pytest.raises(ValueError, match="'curve' was not drawn for paper"):
            pdf_bytes(_report(figure))


@pytest.mark.parametrize(
    ("language", "offset", "moment"),
    [
        ("ru", 5.0, "02.03.2026 01:30:05"),  # past midnight at the plant
        ("kk", 5.5, "02.03.2026 02:00:05"),
        ("en", -3.0, "2026-03-01 17:30:05"),
    ],
)
def test_times_are_on_the_plants_clock(language: str, offset: float, moment: str) -> None:
    words = load_words(language, offset)
    utc_ns = int(datetime(2026, 3, 1, 20, 30, 5, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert words.moment(utc_ns) == moment
    assert words.clock(utc_ns).timestamp() * 1e9 == utc_ns
    assert words.moment(None) is None


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (0.0, ("0 min 00 s", "0 мин 00 с", "0 мин 00 с")),
        (59.6, ("1 min 00 s", "1 мин 00 с", "1 мин 00 с")),
        (3599.4, ("59 min 59 s", "59 мин 59 с", "59 мин 59 с")),
        (3600.0, ("1 h 00 min", "1 ч 00 мин", "1 сағ 00 мин")),
        (43_230.0, ("12 h 00 min", "12 ч 00 мин", "12 сағ 00 мин")),
        (43_231.0, ("12 h 01 min", "12 ч 01 мин", "12 сағ 01 мин")),
    ],
)
def test_lengths_of_time(seconds: float, texts: tuple[str, str, str]) -> None:
    for language, text in zip(("en", "ru", "kk"), texts, strict=True):
        assert load_words(language).duration(seconds) == text
    assert load_words("en").duration(None) == "–"


def test_groups_of_the_catalogue_are_whole_in_every_language() -> None:
    """What the ledger can say has words: results, roles, sides, decisions."""
    for language in LANGUAGES:
        texts = load_words(language).texts
        for key in (
            *(f"challenge.{result}_word" for result in ("passed", "missed", "inconclusive", "cancelled")),
            *(f"role.{role}" for role in ("operator", "foreman", "data", "admin", "station")),
            *(f"decision.{decision}" for decision in ("accept", "reject", "review", "none")),
        ):
            assert texts[key].strip(), (language, key)
