"""The table of a scan, `scan.csv`: one row per frame, checked line by line.

Columns camera, frame_number, first_count, last_count, file; others are left alone. Counts may be empty.
Comma or semicolon, UTF-8 with or without a mark. Neighbour: `scan_files` makes scans of the rows.
"""

from __future__ import annotations

import csv
from pathlib import Path

from edge_runtime.images import IMAGE_SUFFIXES
from edge_runtime.plain_file import read_plain
from edge_runtime.yard.scan import ScanEntry
from vision.errors import ConfigError
from vision.rail_map.types import Note

SCAN_TABLE = "scan.csv"
COLUMNS = ("camera", "frame_number", "first_count", "last_count", "file")
#: No scanner has counted beyond this; a number that is larger is a slip.
_LARGEST = 2**63 - 1
#: Longer names of files and paths are none.
_PART_BYTES, _PATH_BYTES = 255, 1000
#: Larger tables are refused unread.
_MOST_BYTES = 64_000_000


def read_table(folder: Path) -> tuple[list[ScanEntry], list[Note]]:
    """(entries in the table's order, what was odd about it) of a folder with `scan.csv`.

    Raises:
        ConfigError: no table, a table without a column or a row, or a cell that cannot be used.
    """
    path = folder / SCAN_TABLE
    entries: list[ScanEntry] = []
    notes: list[Note] = []
    lines: dict[tuple[str, int], tuple[int, str]] = {}
    for line, cells in _rows(path):
        entry = _entry(folder, path, line, cells)
        key = (entry.camera, entry.frame_number)
        if key in lines:
            before, file = lines[key]
            notes.append(_doubled(entry, line, before, file))
            if file == entry.file:
                continue
        else:
            lines[key] = (line, entry.file)
        entries.append(entry)
    if not entries:
        raise ConfigError("the table has no frame", where=str(path), todo="write a row for each frame")
    return entries, notes


def _doubled(entry: ScanEntry, line: int, before: int, file: str) -> Note:
    values: dict[str, str | int | float] = {
        "camera": entry.camera,
        "frame": entry.frame_number,
        "first_line": before,
        "line": line,
        "file": file,
    }
    if file == entry.file:
        return Note(code="row_twice", values=values)
    return Note(code="row_contradicts", values={**values, "other": entry.file})


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line in the file, cells by column) of each row that is not empty."""
    text = _text(path)
    head = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(), delimiter=";" if ";" in head and "," not in head else ",")
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ConfigError(f"the table is no CSV: {error}", where=str(path), todo="write it anew") from error
    names = [name.lower() for name in rows[0][1]] if rows else []
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ConfigError(
            f"the table lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            where=str(path),
            todo=f"its first line names {', '.join(COLUMNS)}; counts may stay empty",
        )
    found = []
    for line, row in rows[1:]:
        if not any(row):
            continue
        if len(row) != len(names):
            raise ConfigError(
                f"line {line} has {len(row)} cells under {len(names)} columns",
                where=str(path),
                todo="put texts with a separator into quotes, leave no cell out",
            )
        found.append((line, dict(zip(names, row, strict=True))))
    return found


def _text(path: Path) -> str:
    try:
        return read_plain(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise _no_table(path) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the table cannot be read: {error}", where=str(path), todo="write it as CSV in UTF-8"
        ) from error


def _no_table(path: Path) -> ConfigError:
    folder = path.parent
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.iterdir()):
        return ConfigError(
            f"the folder has pictures but no table {path.name}",
            where=str(folder),
            todo="give the table, or --pattern that says where the file names hold the frame number",
        )
    return ConfigError(
        f"the folder holds neither a table {path.name} nor pictures",
        where=str(folder),
        todo="name a scan's folder",
    )


def _entry(folder: Path, table: Path, line: int, cells: dict[str, str]) -> ScanEntry:
    if not cells["camera"]:
        raise _cell(table, line, "camera", "it is empty")
    number = _number(table, line, cells, "frame_number")
    if number is None:
        raise _cell(table, line, "frame_number", "it is empty")
    file = cells["file"]
    path = None
    if file:
        if not lies_within(folder, file):
            raise _cell(table, line, "file", f"'{file[:80]}' lies outside the scan's folder")
        path = folder / file if (folder / file).is_file() else None
    return ScanEntry(
        cells["camera"],
        number,
        _number(table, line, cells, "first_count"),
        _number(table, line, cells, "last_count"),
        file,
        path,
    )


def lies_within(folder: Path, file: str) -> bool:
    """Whether a file that a scan names lies in the scan's folder, also when it is a link."""
    place = Path(file)
    try:
        lengths = [len(part.encode()) for part in place.parts]
    except UnicodeEncodeError:  # a name that no file can have
        return False
    can_be = max(lengths, default=0) <= _PART_BYTES and sum(lengths) <= _PATH_BYTES and "\0" not in file
    if place.is_absolute() or ".." in place.parts or not can_be:
        return False
    return (folder / place).resolve().is_relative_to(folder.resolve())


def _number(table: Path, line: int, cells: dict[str, str], name: str) -> int | None:
    text = cells[name]
    if not text:
        return None
    # Its length first: of very many digits Python makes no number.
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > _LARGEST:
        raise _cell(table, line, name, f"'{text[:40]}' is no whole number from 0 on")
    return int(text)


def _cell(table: Path, line: int, name: str, why: str) -> ConfigError:
    return ConfigError(f"line {line}, {name}: {why}", where=str(table), todo="correct this cell of the table")
