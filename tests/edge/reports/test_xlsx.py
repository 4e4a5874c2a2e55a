"""A report as a spreadsheet, read back with another library than the one that wrote it."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from edge_runtime.reports import xlsx
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    KeyValues,
    LongTable,
    Notice,
    Paragraph,
    Report,
    Section,
    Signature,
    Table,
)
from edge_runtime.reports.files import ReportError
from edge_runtime.reports.words import LANGUAGES, Language
from edge_runtime.reports.write import write_report
from edge_runtime.reports.xlsx import xlsx_bytes
from edge_runtime.reports.xlsx_sheet import MOST_LETTERS, free_name

MADE = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
COLUMNS = (Column("Name"), Column("Mass", "number", 1, "kg"), Column("Count", "number"))
LETTERS = "Әә Ғғ Ққ Ңң Өө Ұұ Үү Һһ Іі Ёё №"


def _report(
    *blocks: Block, language: Language = "en", watermark: str | None = None, **more: object
) -> Report:
    facts = (
        Fact("Supplier", str(more.get("supplier", "x"))),
        Fact("Net", 60_626.75, 0, "kg"),
        Fact("None", None),
    )
    signatures = () if watermark else (Signature("Delivered by", "A. Person"),)
    return Report("Act", "sub", language, facts, (Section("Part", blocks),), watermark, signatures, MADE)


def _sheets(report: Report) -> dict[str, Worksheet]:
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(report)))
    return {sheet.title: sheet for sheet in book.worksheets}


def _values(sheet: Worksheet) -> list[list[object]]:
    return [[cell for cell in row if cell is not None] for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_numbers_and_letters_stay(language: Language) -> None:
    table = Table(COLUMNS, ((LETTERS, 12.25, 3), ("b", None, -4)), "Rails")
    sheets = _sheets(_report(table, language=language))
    assert len(sheets) == 2
    assert _values(sheets["Rails"]) == [
        ["Rails"],
        ["Name", "Mass, kg", "Count"],
        [LETTERS, 12.25, 3],
        ["b", -4],
    ]
    mass, count = sheets["Rails"]["B3"], sheets["Rails"]["C3"]
    assert (mass.data_type, mass.number_format, count.number_format) == ("n", "#,##0.0", "#,##0")
    first = next(iter(sheets.values()))
    assert ["Net", 60_626.75, "kg"] in _values(first)
    assert ["None"] in _values(first)
    assert ["Delivered by", "A. Person"] in _values(first)


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://example.org","pay here")',
        "+1+1",
        "-2+3",
        "@SUM(A1:A9)",
        "{=1+1}",
        "http://example.org",
        "mailto:a@example.org",
        "<b>bold</b> & <script>alert(1)</script>",
        "00123",
        "_x0041_",
        "a\x07b\x00c",
        " two  blanks ",
        "",
    ],
)
def test_text_is_never_a_formula_a_link_or_a_number(name: str) -> None:
    table = Table(COLUMNS, ((name, 1.0, 1),), "Rails")
    data = xlsx_bytes(_report(table, Notice(name), Paragraph(name), supplier=name))
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" and cell.hyperlink is None for cell in cells)
    if name and name.isprintable():
        assert book["Rails"]["A3"].value == name
        assert book["Rails"]["A3"].data_type == "s"
        assert book.worksheets[0]["B3"].value == name
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheets = "".join(parts.read(part).decode() for part in parts.namelist() if "worksheets/" in part)
    assert "<f>" not in sheets
    assert "<hyperlink" not in sheets


def test_each_table_has_its_sheet_and_the_first_sheet_names_them() -> None:
    rows = (("a", 1.0, 1),)
    title = "Findings: all [of them], on rails of this wagon"
    sheets = _sheets(
        _report(
            Table(COLUMNS, rows, title),
            Table(COLUMNS, rows, title),
            LongTable(COLUMNS, iter(rows * 3), "Long"),
            Table(COLUMNS, ()),
        )
    )
    names = list(sheets)
    assert names == [
        "Report",
        "Findings all of them , on rails",
        "Findings all of them , on r (2)",
        "Long",
        "Part",
    ]
    assert all(len(name) <= 31 for name in names)
    text = " ".join(str(value) for row in _values(sheets["Report"]) for value in row)
    assert all(f"'{name}'" in text for name in names[1:])
    assert "Long: sheet 'Long', rows: 3" in text
    assert sheets["Long"].freeze_panes == "A3"
    assert sheets["Long"].auto_filter.ref == "A2:C5"
    assert _values(sheets["Part"]) == [["Part"], ["Name", "Mass, kg", "Count"]]


def test_names_of_sheets_differ_in_more_than_capitals() -> None:
    taken: set[str] = set()
    assert [free_name(name, taken) for name in ("Cuts", "CUTS", "history", "'a'", "//", "\n")] == [
        "Cuts",
        "CUTS (2)",
        "history (2)",
        "a",
        "–",
        "– (2)",
    ]


def test_watermark_stands_on_every_sheet() -> None:
    sheets = _sheets(_report(Table(COLUMNS, (), "Rails"), watermark="DRAFT"))
    assert all(["DRAFT. This paper is not to be signed."] in _values(sheet) for sheet in sheets.values())
    assert not any("A. Person" in row for sheet in sheets.values() for row in _values(sheet))


def test_list_longer_than_a_sheet_goes_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MOST_ROWS", 4)
    rows = [(f"r{number}", float(number), number) for number in range(9)]
    sheets = _sheets(_report(LongTable(COLUMNS, iter(rows), "Long")))
    assert list(sheets)[1:] == ["Long", "Long (2)", "Long (3)"]
    found = [row[2] for name in list(sheets)[1:] for row in _values(sheets[name])[2:]]
    assert found == list(range(9))


def test_text_that_no_cell_holds_is_cut_and_says_so() -> None:
    sheets = _sheets(_report(Table(COLUMNS, (("z" * 40_000, 1.0, 1),), "Rails")))
    cell = sheets["Rails"]["A3"].value
    assert isinstance(cell, str)
    assert len(cell) == MOST_LETTERS
    assert cell.endswith("z…")


def test_same_report_same_bytes() -> None:
    report = _report(Table(COLUMNS, (("a", 1.0, 1),), "Rails"), KeyValues((Fact("Share", 0.5, 1),)))
    assert xlsx_bytes(report) == xlsx_bytes(report)


def test_written_whole_by_its_ending(tmp_path: Path) -> None:
    write_report(_report(Table(COLUMNS, (("a", 1.0, 1),), "Rails")), tmp_path / "act.XLSX")
    assert openpyxl.load_workbook(tmp_path / "act.XLSX").sheetnames == ["Report", "Rails"]
    with pytest.raises(ReportError, match=r"\.ods"):
        write_report(_report(), tmp_path / "act.ods")
    assert [path.name for path in tmp_path.iterdir()] == ["act.XLSX"]
