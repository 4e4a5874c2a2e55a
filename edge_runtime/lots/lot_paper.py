"""From a lot's name to its report: reads all that belongs to the lot, works it out, draws it up.

Neighbours: `desk` calls it for the command line, the page's report job for browsers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.lab_models import HardnessRow, SampleRow
from edge_runtime.lots import lab
from edge_runtime.lots.certificate import certificates_of
from edge_runtime.lots.data import LotData, read_lot, read_recipe
from edge_runtime.lots.lab_section import LabData
from edge_runtime.lots.lot_day import LotDay, read_lot_day
from edge_runtime.lots.lot_report import lot_report
from edge_runtime.lots.statistics import LotFigures, lot_figures
from edge_runtime.lots.tables import AcceptanceTables, acceptance_tables
from edge_runtime.reports.document import Report
from edge_runtime.reports.words import Words
from vision.recipe import BallRecipe

PERIOD_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class WholeLot:
    """A lot read from the ledger with all that belongs to it."""

    data: LotData
    figures: LotFigures
    recipe: BallRecipe | None
    lab: LabData
    certificates: list[dict[str, Any]]
    day: LotDay


def read_whole_lot(
    connection: sa.Connection,
    lot: str,
    storage: Path,
    now_utc_ns: int,
    tables: AcceptanceTables,
    period_s: float = PERIOD_S,
) -> WholeLot:
    """One lot.

    Args:
        connection: keep it open until the report is written: the list of rejects is read row by row.
        lot: its name.
        storage: folder that holds the pictures.
        now_utc_ns: end of a lot that is still open.
        tables: formula and plan of the laboratory.
        period_s: one point of the EWMA.

    Raises:
        LedgerError: the ledger has no ball of it.
    """
    data = read_lot(connection, lot)
    judged = next(iter(data.recipes), None)
    found = None if judged is None else read_recipe(connection, judged)
    recipe = None if found is None else BallRecipe.model_validate(found)
    lab_data = LabData(
        lab.current(connection, HardnessRow, lot), lab.current(connection, SampleRow, lot), tables
    )
    return WholeLot(
        data,
        lot_figures(data, recipe, period_s=period_s),
        recipe,
        lab_data,
        certificates_of(connection, lot),
        read_lot_day(connection, lot, storage, data.last_utc_ns, now_utc_ns),
    )


def draw_up_report(whole: WholeLot, words: Words, now_utc_ns: int) -> Report:
    """The report of a lot that is read already."""
    made = words.clock(now_utc_ns)
    return lot_report(whole.data, whole.figures, whole.recipe, whole.lab, whole.day, words, made)


def lot_paper(connection: sa.Connection, lot: str, storage: Path, words: Words, now_utc_ns: int) -> Report:
    """The report of a lot, with the tables that ship.

    Raises:
        LedgerError: see `read_whole_lot`.
    """
    whole = read_whole_lot(connection, lot, storage, now_utc_ns, acceptance_tables(None))
    return draw_up_report(whole, words, now_utc_ns)
