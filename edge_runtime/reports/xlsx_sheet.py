"""One sheet of a spreadsheet file: running text and facts, or a table under its head.

Every text goes in by `write_string`, so that none is taken for a formula or a link. Neighbour: `xlsx`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from edge_runtime.reports.document import Cell, Column, Fact, Level

#: A spreadsheet takes no longer text into a cell.
MOST_LETTERS = 32_767
_NAME_LETTERS = 31
_COLOURS: dict[Level, str] = {
    "info": "#2f7ebc",
    "warning": "#b86a00",
    "error": "#c0303f",
    "alarm": "#c0303f",
}
_WIDEST, _NARROWEST = 60, 8


class Looks:
    """The formats of a book, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._numbers: dict[int | None, Format] = {}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.section = book.add_format({"bold": True, "font_size": 12, "bottom": 1})
        self.soft = book.add_format({"font_color": "#59636e", "text_wrap": True, "valign": "top"})
        self.text = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        self.head = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#f3f5f7", "bottom": 1}
        )
        self.notices = {
            level: book.add_format({"text_wrap": True, "valign": "top", "bold": True, "font_color": colour})
            for level, colour in _COLOURS.items()
        }

    def number(self, digits: int | None) -> Format:
        """Thousands apart and so many places; the spreadsheet shows them in its own language's form."""
        if digits not in self._numbers:
            form = "#,##0" + (f".{'0' * digits}" if digits else "")
            self._numbers[digits] = self._book.add_format({"num_format": form, "valign": "top"})
        return self._numbers[digits]


class TextSheet:
    """Texts and facts, one under the other: labels in the first column, values in the second, units third."""

    def __init__(self, sheet: Worksheet, looks: Looks) -> None:
        self._sheet, self._looks, self._row = sheet, looks, 0
        for column, width in enumerate((42, 60, 10)):
            sheet.set_column(column, column, width)

    def head(self, title: str, subtitle: str) -> None:
        """The report's name."""
        self._sheet.write_string(0, 0, fitting(title), self._looks.title)
        self._row = 1
        if subtitle:
            self.text(subtitle)

    def section(self, title: str) -> None:
        """A heading, with an empty row above it."""
        self._row += 1
        self._sheet.write_string(self._row, 0, fitting(title), self._looks.section)
        self._row += 1

    def text(self, text: str) -> None:
        """Running text over the width of the sheet."""
        self._wide(text, self._looks.soft)

    def notice(self, text: str, level: Level) -> None:
        """The same in the level's colour."""
        self._wide(text, self._looks.notices[level])

    def fact(self, fact: Fact) -> None:
        """Label, value, unit; a value that is not known leaves its cell empty."""
        self._sheet.write_string(self._row, 0, fitting(fact.label), self._looks.soft)
        write_cell(self._sheet, self._row, 1, fact.value, self._looks, fact.digits)
        if fact.unit and fact.value is not None:
            self._sheet.write_string(self._row, 2, fitting(fact.unit), self._looks.text)
        self._row += 1

    def _wide(self, text: str, look: Format) -> None:
        for line in text.split("\n"):
            self._sheet.merge_range(self._row, 0, self._row, 2, "", look)
            self._sheet.write_string(self._row, 0, fitting(line), look)
            self._sheet.set_row(self._row, 15.0 * max(1, -(-len(line) // 105)))
            self._row += 1


class TableSheet:
    """One table: its title, a head that stays in sight and filters, and the rows."""

    def __init__(self, sheet: Worksheet, looks: Looks, columns: Sequence[Column]) -> None:
        self._sheet, self._looks, self._columns = sheet, looks, columns
        self._top = 0

    def head(self, title: str, mark: str) -> None:
        """Title, the report's watermark if it has one, and the columns' heads."""
        self._sheet.write_string(0, 0, fitting(title), self._looks.title)
        self._top = 1
        if mark:
            self._sheet.write_string(1, 0, fitting(mark), self._looks.notices["error"])
            self._sheet.set_row(1, 15.0)
            self._top = 2
        for number, column in enumerate(self._columns):
            self._sheet.write_string(self._top, number, fitting(column.head), self._looks.head)
        self._sheet.freeze_panes(self._top + 1, 0)

    def rows(self, rows: Iterable[tuple[Cell, ...]]) -> int:
        """Write them; tells how many there were."""
        widths = [max(_NARROWEST, min(_WIDEST, len(column.title) + 2)) for column in self._columns]
        count = 0
        for count, row in enumerate(rows, 1):
            for number, (column, cell) in enumerate(zip(self._columns, row, strict=True)):
                digits = column.digits if isinstance(cell, float) else None
                write_cell(self._sheet, self._top + count, number, cell, self._looks, digits)
                if isinstance(cell, str):
                    widths[number] = max(widths[number], min(_WIDEST, _longest_line(cell) + 2))
        for number, width in enumerate(widths):
            self._sheet.set_column(number, number, width)
        if count:
            self._sheet.autofilter(self._top, 0, self._top + count, len(self._columns) - 1)
        return count


def write_cell(sheet: Worksheet, row: int, column: int, cell: Cell, looks: Looks, digits: int | None) -> None:
    """A number as a number, text as text, nothing for None."""
    if cell is None:
        return
    if isinstance(cell, str):
        sheet.write_string(row, column, fitting(cell), looks.text)
    else:
        sheet.write_number(row, column, cell, looks.number(digits))


def fitting(text: str) -> str:
    """The text as a cell can hold it: one that is too long ends in an ellipsis, half letters become marks."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole if len(whole) <= MOST_LETTERS else f"{whole[: MOST_LETTERS - 1]}…"


def free_name(title: str, taken: set[str]) -> str:
    """A name for a sheet, made of a title: at most 31 letters, all allowed, and no other's.

    `taken` holds the names that are given, and grows.
    """
    plain = "".join(" " if letter in "[]:*?/\\" or not letter.isprintable() else letter for letter in title)
    plain = " ".join(plain.split()).strip("'") or "–"
    name, number = plain[:_NAME_LETTERS].strip(" '"), 1
    while name.casefold() in taken or name.casefold() == "history":  # Excel keeps that name for itself
        number += 1
        end = f" ({number})"
        name = f"{plain[: _NAME_LETTERS - len(end)].strip()}{end}"
    taken.add(name.casefold())
    return name


def _longest_line(text: str) -> int:
    return max((len(line) for line in text.split("\n")), default=0)
