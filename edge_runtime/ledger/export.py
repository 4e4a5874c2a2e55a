"""Parts as CSV: one header line, units in the column names, written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.queries import Row, utc_text
from edge_runtime.whole_file import whole_file
from vision.errors import LedgerError

_INTERNAL = (
    "id",
    "outcome_segment",
    "outcome_offset",
    "has_part",
    "has_outcome",
    "is_gap",
    "shift_id",
    "utc_ns",
    "outcome_utc_ns",
)
#: columns in order; times as ISO 8601 in UTC
CSV_COLUMNS = (
    "part",
    "utc",
    "outcome_utc",
    *(column.name for column in PartRow.__table__.columns if column.name not in _INTERNAL),
)


def write_csv(parts: Iterable[Row], stream: TextIO) -> int:
    """Write rows of `queries.list_parts` as CSV (RFC 4180); returns how many. Null is an empty field."""
    writer = csv.DictWriter(stream, CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    count = 0
    for part in parts:
        writer.writerow(part | {"outcome_utc": utc_text(part["outcome_utc_ns"])})
        count += 1
    return count


def write_csv_file(parts: Iterable[Row], path: Path) -> int:
    """Write a CSV file (UTF-8) beside its place and move it there once it is whole; returns the rows.

    Raises:
        LedgerError: the file cannot be written; one that was there is unchanged.
    """
    try:
        with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
            count = write_csv(parts, stream)
    except OSError as error:
        raise LedgerError(
            f"the table cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check the folder, its rights and the disk's space",
        ) from error
    return count
