"""The report library: what is said comes out again from the PDF, the page and the CSV, letter by letter."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader

from edge_runtime.reports import plots
from edge_runtime.reports.csv_tables import csv_bytes
from edge_runtime.reports.document import (
    Column,
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
from edge_runtime.reports.files import ReportError
from edge_runtime.reports.html import html_text
from edge_runtime.reports.pdf import pdf_bytes
from edge_runtime.reports.words import LANGUAGES, Language, load_words
from edge_runtime.reports.write import write_report
from vision.errors import ConfigError
from vision.reasons import REASON_NUMBERS

LETTERS = "Әә Ғғ Ққ Ңң Өө Ұұ Үү Һһ Іі Ёё Йй Щщ Ъъ Ыы Ээ №"
MADE = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
COLUMNS = (Column("Part"), Column("Diameter", "number", 3, "mm"), Column("Count", "number"))


def _report(
    *, rows: int = 3, language: Language = "en", watermark: str | None = None, name: str = "x"
) -> Report:
    table = Table(COLUMNS, tuple((f"1-0-{n}", 40.0 + n / 1000, 1000 * n) for n in range(rows)), "Parts")
    blocks = (
        Paragraph(LETTERS),
        Notice("mind this", "warning"),
        KeyValues((Fact("Share", 0.125, 3),)),
        table,
    )
    facts = (Fact("Name", name), Fact("Mass", 20345.678, 1, "kg"), Fact("Unknown", None, 2, "mm"))
    signatures = () if watermark else (Signature("Head of control", "A. Person"),)
    return Report(
        "Title", "sub", language, facts, (Section("Part one", blocks),), watermark, signatures, MADE
    )


def _pages(report: Report) -> list[str]:
    reader = PdfReader(io.BytesIO(pdf_bytes(report)))
    return [page.extract_text().replace("\u00a0", " ") for page in reader.pages]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pdf_gives_letters_and_numbers_back(language: Language) -> None:
    text = "\n".join(_pages(_report(language=language)))
    assert LETTERS in text
    shown = re.findall(r"1-0-\d\s+([\d.,]+)\s+([\d.,]+)", text)
    point = "." if language == "en" else ","
    thousand = "1,000" if language == "en" else "1000"
    assert shown == [
        (f"40{point}000", "0"),
        (f"40{point}001", thousand),
        (f"40{point}002", thousand.replace("1", "2")),
    ]
    assert ("20,345.7 kg" if language == "en" else "20 345,7 kg") in text
    assert "A. Person" in text


def test_long_table_repeats_its_head_and_loses_no_row() -> None:
    pages = _pages(_report(rows=400, watermark="NOT VERIFIED"))
    assert len(pages) > 5
    assert all("Diameter, mm" in page and "NOT VERIFIED" in page for page in pages)
    assert [f"page {number} of" in page for number, page in enumerate(pages, 1)] == [True] * len(pages)
    found = re.findall(r"1-0-(\d+) 4", " ".join(pages).replace("\n", " "))
    assert [int(number) for number in found] == list(range(400))


def test_ten_thousand_rows_go_into_each_form(tmp_path: Path) -> None:
    report = _report(rows=10_000)
    for suffix in (".pdf", ".html", ".csv"):
        write_report(report, tmp_path / f"long{suffix}")
    assert len(PdfReader(tmp_path / "long.pdf").pages) > 100
    assert (tmp_path / "long.html").read_text("utf-8").count('<td class="text">1-0-') == 10_000
    assert (tmp_path / "long.csv").read_text("utf-8").count("1-0-") == 10_000


def test_cell_longer_than_a_page_is_whole() -> None:
    words = [f"w{number}" for number in range(1500)]
    table = Table((Column("A", width=1), Column("B", width=2)), ((" ".join(words), "short"),))
    text = " ".join(_pages(Report("T", sections=(Section("S", (table,)),))))
    assert re.findall(r"\bw\d+", text) == words


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a\x00b\x07c", 'кириллица & "кавычки"', "漢字", "{total-pages}"]
)
def test_names_from_outside_harm_no_form(name: str) -> None:
    report = _report(name=name)
    assert len(_pages(report)) == 1
    page = html_text(report)
    assert "<script" not in page
    assert list(csv.reader(io.StringIO(csv_bytes(report).decode("utf-8"))))[1][1] == name


class _Checker(HTMLParser):
    """Collects what an HTML file would load from elsewhere, its ids and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and not value.startswith(("#", "data:")):
                self.outside.append(value)
            if name == "id" and value:
                self.ids.append(value)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _plot(language: Language = "en") -> Figure:
    with plots.canvas(columns=2) as (drawing, (left, right)):
        left.plot([0.5, 1.5], [1, 2], color=plots.BLUE)
        left.set_title(f"<b>{LETTERS}")
        right.hist([1, 2, 2, 3])
        plots.reader_ticks(left, language)
        return plots.figure(drawing, "A caption & more")


def test_page_is_one_file_with_ids_of_its_own() -> None:
    figure = _plot()
    picture = Picture(figure.png, "photo")
    report = Report("T", sections=(Section("S", (figure, figure, _plot("ru"), picture)),))
    checker = _Checker()
    checker.feed(html_text(report))
    assert checker.outside == []
    assert len(checker.ids) == len(set(checker.ids)) > 0
    assert "A caption & more" in checker.texts
    assert "#1c2126" not in figure.svg
    assert "var(--ink)" in figure.svg
    reader = PdfReader(io.BytesIO(pdf_bytes(report)))
    assert len({image.data for page in reader.pages for image in page.images}) == 2  # as drawn: en, ru


def test_figures_are_the_same_each_time() -> None:
    assert _plot() == _plot()


def test_watermark_takes_the_place_of_signatures() -> None:
    with pytest.raises(ValueError, match="not to be signed"):
        Report("T", watermark="NOT VERIFIED", signatures=(Signature("Head"),))
    report = _report(watermark="NOT VERIFIED")
    assert "Head of control" not in html_text(report) + " ".join(_pages(report))
    assert html_text(report).count("NOT VERIFIED") == 2
    assert csv_bytes(report).decode("utf-8").splitlines()[1].startswith("NOT VERIFIED,")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),  # a formula
        ("@SUM(A1)", "'@SUM(A1)"),  # another way to begin one
        ("+7 701", "'+7 701"),
        ("-x", "'-x"),
        (" =1", "' =1"),  # spaces do not hide it
        ("\t=1", "'\t=1"),
        ("crack", "crack"),  # plain text stays
        ("a=b", "a=b"),
    ],
)
def test_csv_disarms_formulas(text: str, written: str) -> None:
    report = Report("T", facts=(Fact("k", text), Fact("number", -1.5, 1)))
    rows = list(csv.reader(io.StringIO(csv_bytes(report).decode("utf-8"))))
    assert rows[1] == ["k", written]
    assert rows[2] == ["number", "-1.5"]


def test_csv_holds_every_text_and_no_empty_section() -> None:
    section = Section("What was not inspected", (Paragraph("- cracks inside\n- hardness"),))
    report = Report("Paper", sections=(Section("Plots", ()), Section("", (Notice("mind this"),)), section))
    lines = csv_bytes(report).decode("utf-8").splitlines()
    assert lines == [
        "Paper,",
        "",
        "mind this",
        "",
        "What was not inspected",
        "'- cracks inside",
        "'- hardness",
    ]


def test_csv_for_excel_reads_as_its_reader_writes() -> None:
    data = csv_bytes(_report(language="ru"), for_excel=True)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";"))
    assert ["Mass, kg", "20345,678"] in rows
    assert ["1-0-2", "40,002", "2000"] in rows
    plain = csv_bytes(_report(language="ru"))
    assert not plain.startswith(b"\xef\xbb\xbf")
    assert b"1-0-2,40.002,2000" in plain


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Table(COLUMNS, (("a", 1.0),)), "2 cells, 3 columns"),  # a cell is missing
        (lambda: Table(COLUMNS, (("a", "b", 1),)), "no number"),  # text among numbers
        (lambda: Table(COLUMNS, (("a", float("nan"), 1),)), "nan"),  # no number at all
        (lambda: Fact("x", float("inf")), "inf"),
        (lambda: Picture(b"GIF89a", "x"), "PNG or JPEG"),
        (lambda: Report("T", made=datetime(2026, 3, 1)), "zone"),  # whose six o'clock?
    ],
)
def test_wrong_documents_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.csv"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="No space left"):
        write_report(_report(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [("report.docx", "no form"), ("report", "no form"), ("no/such/folder/r.pdf", "cannot be written")],
)
def test_places_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        write_report(_report(), tmp_path / name)


_FOLDER = Path(__file__).parents[2] / "edge_runtime" / "reports" / "messages"


def test_catalogues_hold_the_same_keys_and_places() -> None:
    texts = {language: load_words(language).texts for language in LANGUAGES}
    assert set(texts["ru"]) == set(texts["en"]) == set(texts["kk"])
    for key, text in texts["en"].items():
        places = sorted(re.findall(r"{(\w+)}", text))
        for language in LANGUAGES:
            assert text.strip() != ""
            assert sorted(re.findall(r"{(\w+)}", texts[language][key])) == places, (language, key)


def test_catalogue_files_are_those_of_the_languages() -> None:
    assert {path.stem for path in _FOLDER.glob("*.yaml")} == set(LANGUAGES)
    assert all(isinstance(yaml.safe_load(path.read_text("utf-8")), dict) for path in _FOLDER.glob("*.yaml"))
    with pytest.raises(ConfigError, match="no language"):
        load_words("de")


@pytest.mark.parametrize(
    ("language", "value", "digits", "text"),
    [
        ("en", 1234567.891, 2, "1,234,567.89"),
        ("ru", 1234567.891, 2, "1\u00a0234\u00a0567,89"),
        ("kk", -1234.5, 1, "\u22121234,5"),  # four figures stand together; a true minus
        ("ru", 12345, None, "12\u00a0345"),
        ("en", None, 2, "\u2013"),
        ("en", 0, None, "0"),  # nought is a number
    ],
)
def test_numbers_in_the_readers_form(
    language: str, value: float | None, digits: int | None, text: str
) -> None:
    assert load_words(language).number(value, digits) == text


def test_times_name_their_zone() -> None:
    almaty = timezone(timedelta(hours=5))
    assert load_words("en").time(MADE) == "2026-03-01 06:00 UTC"
    assert load_words("ru").time(MADE.astimezone(almaty)) == "01.03.2026 11:00 UTC+05:00"


def test_every_reason_has_words() -> None:
    """A code without words reaches the buyer as a code."""
    texts = load_words("en").texts
    assert [code for code in REASON_NUMBERS if code and f"reason.{code}" not in texts] == []
