"""The document model: what a report says, without how it looks.

Plain frozen data. Cells and facts keep their numbers as numbers, so that the PDF shows them in the
reader's form and the CSV gives them to a machine. Neighbours: `html`, `pdf` and `csv_tables` draw it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from edge_runtime.reports.words import LANGUAGES, Language

Cell = str | int | float | None
ColumnKind = Literal["text", "number"]
#: `alarm` is an error that nobody may overlook: filled with its colour
Level = Literal["info", "warning", "error", "alarm"]


def _check_number(value: Cell, what: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is {value}; a report shows numbers, or None where there is none")


@dataclass(frozen=True, slots=True)
class Fact:
    """One named value, `label: value unit`.

    Attributes:
        value: text, a finite number, or None for "not known" (a dash is shown).
        digits: places behind the decimal sign; None shows a whole number, or text as it is.
        unit: `mm`, `%` ...; empty for none.
    """

    label: str
    value: Cell
    digits: int | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        _check_number(self.value, self.label)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: its head, without the unit.
        kind: text stands left; numbers stand right and every cell must be a number or None.
        digits: places behind the decimal sign of float cells.
        unit: shown in the head.
        width: share of the page's width relative to the other columns.
        nowrap: a name or time that the page must not break over lines.
    """

    title: str
    kind: ColumnKind = "text"
    digits: int = 0
    unit: str = ""
    width: float = 1.0
    nowrap: bool = False

    @property
    def head(self) -> str:
        """Title with the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; a newline in it starts a new line."""

    text: str


@dataclass(frozen=True, slots=True)
class KeyValues:
    """A short list of facts."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under typed columns; the head is repeated on every page.

    Raises:
        ValueError: a row of another length, a text among numbers, or a number that is not finite.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"row {number} of '{self.title}': {len(row)} cells, {len(self.columns)} columns"
                )
            for column, cell in zip(self.columns, row, strict=True):
                _check_number(cell, f"row {number}, '{column.title}'")
                if column.kind == "number" and isinstance(cell, str | bool):
                    raise ValueError(f"row {number}, '{column.title}': {cell!r} is no number")


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot: drawn once, as SVG for the page and as PNG for paper; `plots.figure` makes it.

    Attributes:
        svg: the `<svg>` element, without XML head; '' when it was drawn for paper alone.
        png: the same as PNG bytes; empty when it was drawn for the page alone.
        caption: what it shows; also read aloud in place of the picture.
        width_share: of the page's text width, 0..1.
    """

    svg: str
    png: bytes
    caption: str
    width_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph or rendering: bytes of a PNG or JPEG file.

    Raises:
        ValueError: it is neither.
    """

    data: bytes
    caption: str
    width_share: float = 0.5

    def __post_init__(self) -> None:
        if not self.data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
            raise ValueError("a picture must be the bytes of a PNG or JPEG file")

    @property
    def mime(self) -> str:
        """Media type by the first bytes."""
        return "image/png" if self.data.startswith(b"\x89PNG") else "image/jpeg"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures in a grid, row by row, each with its caption.

    Raises:
        ValueError: fewer than one column.
    """

    pictures: tuple[Picture, ...]
    columns: int = 4

    def __post_init__(self) -> None:
        if self.columns < 1:
            raise ValueError(f"a gallery of {self.columns} columns")


@dataclass(frozen=True, slots=True, eq=False)
class LongTable:
    """Rows that are too many for a page: they stand in the CSV alone, which says all of them.

    The page and the PDF draw nothing of it; a notice should say how many there are and where.

    Attributes:
        rows: may be read but once, and row by row, so that a long query needs little memory.
    """

    columns: tuple[Column, ...]
    rows: Iterable[tuple[Cell, ...]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that must be seen."""

    text: str
    level: Level = "info"


Block = Paragraph | KeyValues | Table | LongTable | Figure | Picture | Gallery | Notice


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A line to sign on: whose (`role`), and the name under the line where it is known."""

    role: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    Attributes:
        title, subtitle: head of the first page; the title is repeated on every page.
        language: of the texts; decides the form of numbers and dates.
        facts: the table under the title.
        sections: the body.
        watermark: across every page, such as NOT VERIFIED; None for none.
        signatures: lines at the end; a report with a watermark has none: it is not to be signed.
        made: when it was made (with a time zone); printed at the foot.

    Raises:
        ValueError: signatures on a report with a watermark, an unknown language, a time without zone.
    """

    title: str
    subtitle: str = ""
    language: Language = "en"
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = field(default=())
    watermark: str | None = None
    signatures: tuple[Signature, ...] = ()
    made: datetime | None = None

    def __post_init__(self) -> None:
        if self.watermark and self.signatures:
            raise ValueError("a report with a watermark is not to be signed: it takes no signature lines")
        if self.language not in LANGUAGES:
            raise ValueError(f"unknown language {self.language!r}")
        if self.made is not None and self.made.tzinfo is None:
            raise ValueError("made: a time needs its zone")

    def tables(self) -> Iterator[tuple[str, Table]]:
        """All tables with the title of the table, else of its section."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield block.title or section.title, block
