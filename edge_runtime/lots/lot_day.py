"""The lot beside its balls: who opened and closed it, what happened meanwhile, which balls were rejected.

Pure reading. Neighbours: `data` reads the balls, `happenings` and `reject_list` the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from edge_runtime.ledger.day_queries import LotSummary, of_lot, read_lot_summary
from edge_runtime.lots.happenings import Happenings, read_happenings, read_products
from edge_runtime.lots.reject_list import all_rejects, chosen_pictures, chosen_rejects, count_rejects
from edge_runtime.lots.reject_sections import Rejects
from vision.errors import LedgerError


@dataclass(frozen=True, slots=True, eq=False)
class LotDay:
    """What a lot's report says beside its balls; `products` are those of the recipes in the ledger."""

    summary: LotSummary
    happenings: Happenings
    rejects: Rejects
    products: dict[str, str]


def read_lot_day(
    connection: sa.Connection, lot: str, storage: Path, last_ball_utc_ns: int, now_utc_ns: int
) -> LotDay:
    """The day of one lot, from its opening to its closing.

    Args:
        connection: its list of rejects is read later, while a report is written: keep it open until then.
        lot: its name.
        storage: folder that holds the pictures.
        last_ball_utc_ns: end of a lot that nobody opened by an act.
        now_utc_ns: end of a lot that is still open.

    Raises:
        LedgerError: there is no such lot.
    """
    summary = read_lot_summary(connection, lot)
    if summary is None:
        raise LedgerError(f"there is no lot '{lot}'", where="ledger", todo="'list' shows which there are")
    if summary.closed_utc_ns is not None:
        end_utc_ns = summary.closed_utc_ns
    else:
        end_utc_ns = now_utc_ns if summary.opened_by is not None else last_ball_utc_ns
    where = of_lot(lot)
    return LotDay(
        summary,
        read_happenings(connection, summary.opened_utc_ns, end_utc_ns, lot=lot),
        Rejects(
            count_rejects(connection, where),
            chosen_rejects(connection, where),
            chosen_pictures(connection, where, storage),
            all_rejects(connection, where),
        ),
        read_products(connection),
    )
