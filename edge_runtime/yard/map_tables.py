"""The tables of a map as CSV: findings and cut list, for machines and spreadsheets.

Points and commas, UTF-8 with the mark that Excel knows it by; a figure that is not known is an empty cell.
Text that a spreadsheet would run as a formula is disarmed. Neighbour: `map_run` writes them into the map's
folder.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from vision.rail_map.types import RailMap
from vision.yard.types import CutList, YardFinding

FINDING_COLUMNS = (
    "id", "label", "kind", "score", "threshold", "element", "start_m", "end_m", "length_mm", "across_mm",
    "width_mm", "first_row", "last_row", "cameras", "files",
)  # fmt: skip
CUT_COLUMNS = ("what", "start_m", "end_m", "length_m", "reason", "findings")
#: A spreadsheet takes text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")

Cell = str | float | int | None


def findings_csv(rail_map: RailMap, findings: Iterable[YardFinding]) -> bytes:
    """One row per finding, along the rail."""
    return _csv(
        FINDING_COLUMNS,
        [
            (
                one.id,
                one.label,
                one.kind,
                _rounded(one.score, 4),
                _rounded(rail_map.thresholds.get(one.label), 4),
                one.element,
                _rounded(one.start_m, 4),
                _rounded(one.end_m, 4),
                _rounded(one.length_mm, 1),
                _rounded(one.across_mm, 1),
                _rounded(one.width_mm, 1),
                round(one.first_row, 1),
                round(one.last_row, 1),
                " ".join(dict.fromkeys(box.camera for box in one.boxes)),
                " ".join(dict.fromkeys(file for box in one.boxes for file in box.files)),
            )
            for one in sorted(findings, key=lambda one: (one.first_row, one.id))
        ],
    )


def cut_list_csv(cut_list: CutList | None) -> bytes:
    """Pieces and cuts in the order in which they lie on the rail; the head alone where there is no list."""
    rows: list[tuple[Cell, ...]] = []
    if cut_list is not None:
        rows += [
            ("cut", cut.start_m, cut.end_m, cut.end_m - cut.start_m, cut.reason, " ".join(cut.findings))
            for cut in cut_list.cuts
        ]
        rows += [
            ("piece", piece.start_m, piece.end_m, piece.end_m - piece.start_m,
             "downgraded" if piece.downgraded else "", "")
            for piece in cut_list.pieces
        ]  # fmt: skip
        rows.sort(key=lambda row: float(row[1] or 0.0))
    return _csv(CUT_COLUMNS, [tuple(_rounded(c, 4) if isinstance(c, float) else c for c in r) for r in rows])


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if cell is None else _field(cell) for cell in row])
    return stream.getvalue().encode("utf-8-sig")


def _field(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA):
        return f"'{cell}"
    return cell
