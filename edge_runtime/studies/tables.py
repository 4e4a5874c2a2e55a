"""Reading the tables of studies: CSV files as people and spreadsheets write them, and the limits.

Taken: UTF-8 with or without a byte order mark, commas, or semicolons with decimal commas; columns in
any order, further columns are left alone. A line that cannot be read is refused with its number.
Neighbours: `vision.statistics.studies` and `attribute` for what is read.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from edge_runtime import strict_yaml
from vision.errors import ConfigError
from vision.statistics.attribute import Rating
from vision.statistics.limits import StudyLimits
from vision.statistics.studies import Reading

DEFAULT_LIMITS = Path(__file__).with_name("limits.yaml")
#: Heads of the appraiser's column; for a camera the "appraiser" is one of the last three.
APPRAISER_HEADS = ("appraiser", "orientation", "lane", "shift")
#: Words for a decision; a review goes to the reject chute. No 0 and 1: manuals differ on which is which.
ACCEPT_WORDS = ("accept", "good", "ok", "pass")
REJECT_WORDS = ("reject", "review", "bad", "nok", "fail")
_BYTES_MAX = 50_000_000


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture of a gauge study; `reference_mm` None where there is none."""

    part: str
    orientation: str
    trial: str
    path: Path
    reference_mm: float | None


@dataclass(frozen=True, slots=True)
class GaugeTable:
    """Readings, and what the appraisers are: `appraiser`, `orientation`, `lane` or `shift`."""

    readings: tuple[Reading, ...]
    head: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a table: its number in the file, and its cells by column."""

    where: str
    cells: dict[str, str]
    decimal_comma: bool

    def text(self, column: str) -> str:
        value = self.cells[column].strip()
        if not value:
            raise ConfigError(f"'{column}' is empty", where=self.where, todo="fill it in")
        return value

    def number(self, column: str) -> float:
        text = self.text(column)
        try:
            value = float(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ConfigError(
                f"'{column}' is no number: '{text}'", where=self.where, todo="write a number, such as 40.02"
            )
        return value

    def optional_number(self, column: str) -> float | None:
        return self.number(column) if self.cells.get(column, "").strip() else None

    def rejected(self, column: str) -> bool:
        word = self.text(column).lower()
        if word not in ACCEPT_WORDS + REJECT_WORDS:
            raise ConfigError(
                f"'{column}' is no decision: '{word}'",
                where=self.where,
                todo=f"{', '.join(ACCEPT_WORDS)} for accept; {', '.join(REJECT_WORDS)} for reject",
            )
        return word in REJECT_WORDS


def read_gauge(path: Path) -> GaugeTable:
    """Readings of a gauge study: part, appraiser, trial, value_mm, and reference_mm where there is one.

    Raises:
        ConfigError: the file cannot be read, a column is missing, or a line cannot be used.
    """
    lines, head = _lines(path, ("part", "appraiser", "trial", "value_mm"))
    readings = tuple(
        Reading(
            line.text("part"),
            line.text("appraiser"),
            line.text("trial"),
            line.number("value_mm"),
            line.optional_number("reference_mm"),
        )
        for line in lines
    )
    return GaugeTable(readings, head)


def read_type1(path: Path) -> tuple[list[float], float]:
    """Values and reference of a type-1 study: value_mm, and one reference_mm (once, or in every line).

    Raises:
        ConfigError: as `read_gauge`; no reference, or two different ones.
    """
    values, references = [], set()
    for line in _lines(path, ("value_mm", "reference_mm"))[0]:
        values.append(line.number("value_mm"))
        reference = line.optional_number("reference_mm")
        if reference is not None:
            references.add(reference)
    if len(references) != 1:
        found = ", ".join(f"{value:g}" for value in sorted(references)) or "none"
        raise ConfigError(
            f"a type-1 study needs one part's reference, found: {found}",
            where=str(path),
            todo="measure one part of known size, and write that size into reference_mm",
        )
    return values, references.pop()


def read_attribute(path: Path) -> list[Rating]:
    """Decisions of an attribute study: part, appraiser, trial, verdict, reference.

    Raises:
        ConfigError: as `read_gauge`; a word that is no decision.
    """
    return [
        Rating(
            line.text("part"),
            line.text("appraiser"),
            line.text("trial"),
            line.rejected("verdict"),
            line.rejected("reference"),
        )
        for line in _lines(path, ("part", "appraiser", "trial", "verdict", "reference"))[0]
    ]


def read_pictures(path: Path) -> list[PictureRow]:
    """Pictures of a gauge study: part, orientation, trial, path (from the table's folder), reference_mm.

    Raises:
        ConfigError: as `read_gauge`.
    """
    return [
        PictureRow(
            line.text("part"),
            line.text("appraiser"),
            line.text("trial"),
            path.parent / line.text("path"),
            line.optional_number("reference_mm"),
        )
        for line in _lines(path, ("part", "appraiser", "trial", "path"))[0]
    ]


def read_limits(path: Path | None) -> StudyLimits:
    """Limits of studies from a file; None: those that come with ferrogate.

    Raises:
        ConfigError: the file cannot be read or does not fit.
    """
    path = path or DEFAULT_LIMITS
    try:
        return StudyLimits.model_validate(strict_yaml.load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the limits cannot be read: {error}", where=str(path), todo="check path and content"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"these are no limits: {place or 'the file'}: {first['msg']}",
            where=str(path),
            todo=f"start from a copy of {DEFAULT_LIMITS}",
        ) from error


def _lines(path: Path, needed: tuple[str, ...]) -> tuple[list[_Line], str]:
    """The lines below the head, and what stands over the appraiser's column."""
    text = _read(path)
    head = text.lstrip().split("\n", 1)[0]
    semicolons = head.count(";") > head.count(",")
    # strict: a quote that is never closed would swallow the rest of the file in silence.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if semicolons else ",", strict=True)
    lines: list[_Line] = []
    columns: list[str] | None = None
    appraiser = "appraiser"
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns, appraiser = _columns(cells, needed, path)
                continue
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(columns):
                raise ConfigError(
                    f"the line has {len(cells)} cells, the head {len(columns)}",
                    where=where,
                    todo="one cell for each column; text that holds the separator stands in quotes",
                )
            lines.append(_Line(where, dict(zip(columns, cells, strict=True)), semicolons))
    except csv.Error as error:
        raise ConfigError(
            f"the table cannot be read: {error}",
            where=f"{path}, line {reader.line_num}",
            todo="save it as CSV",
        ) from error
    if not lines:
        raise ConfigError(
            "the table has no readings", where=str(path), todo=f"a head ({', '.join(needed)}) and its lines"
        )
    return lines, appraiser


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ConfigError(
                "the file is far too large for a study", where=str(path), todo="name the study's own file"
            )
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"the table cannot be read: {error.strerror or error}", where=str(path), todo="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            "the table is no text in UTF-8", where=str(path), todo="save it as 'CSV UTF-8'"
        ) from error


def _columns(cells: list[str], needed: tuple[str, ...], path: Path) -> tuple[list[str], str]:
    """Names of the columns, the appraiser's under that name, and what does stand over it."""
    appraiser = "appraiser"
    names = [cell.strip().lower() for cell in cells]
    if "appraiser" in needed and "appraiser" not in names:
        heads = [name for name in names if name in APPRAISER_HEADS]
        if len(heads) > 1:
            raise ConfigError(
                f"which is the appraiser: {' or '.join(heads)}?",
                where=str(path),
                todo="name the column that is to be studied 'appraiser'",
            )
        appraiser = heads[0] if heads else appraiser
        names = ["appraiser" if name in heads else name for name in names]
    missing = [name for name in needed if name not in names]
    if missing:
        raise ConfigError(
            f"the table has no column {', '.join(repr(name) for name in missing)}",
            where=f"{path}, head: {', '.join(cell.strip() for cell in cells)}",
            todo=f"it needs the columns {', '.join(needed)}"
            + ("; orientation, lane or shift serve as appraiser" if "appraiser" in missing else ""),
        )
    twice = [name for name in needed if names.count(name) > 1]
    if twice:
        raise ConfigError(
            f"the column '{twice[0]}' is there twice", where=str(path), todo="take one of them out"
        )
    return names, appraiser
