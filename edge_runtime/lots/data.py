"""One lot as the ledger holds it: counts, reasons, recipes, and the diameters as arrays.

Read-only queries. A ball counts as accepted when the PLC sent it to the accept side; what the station
decided is its proof. Neighbours: `statistics` works it out, `certificate` and `lot_report` print it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from edge_runtime.ledger.models import FaultRow, PartRow, ReasonTableRow, RecipeRow
from vision.contract import BALL_LABELS
from vision.errors import LedgerError

Float64Array = npt.NDArray[np.float64]
_DIAMETERS = (
    PartRow.utc_ns,
    PartRow.diameter_min_mm,
    PartRow.diameter_max_mm,
    PartRow.diameter_mean_mm,
    PartRow.u_diameter_mm,
    PartRow.u_diameter_mean_mm,
    PartRow.roundness_mm,
)


@dataclass(frozen=True, slots=True)
class LotSummary:
    """One line of the list of lots; times in UTC nanoseconds."""

    lot: str
    balls: int
    accepted: int
    first_utc_ns: int
    last_utc_ns: int


@dataclass(frozen=True, slots=True)
class LotCounts:
    """Balls of a lot.

    Attributes:
        balls: parts in the ledger.
        accepted, rejected: where the PLC sent them.
        open: no outcome is known (yet).
        unproven: accepted by the PLC although the station decided otherwise, or nothing.
        wrong_chute: confirmed on the other side than the PLC meant.
    """

    balls: int
    accepted: int
    rejected: int
    open: int
    unproven: int
    wrong_chute: int


@dataclass(frozen=True, slots=True, eq=False)
class Diameters:
    """Measured balls in the order of time, mm at 20 degC; `u` are standard uncertainties, NaN where unknown.

    `accepted` tells which of them the PLC sent to the accept side; `sound`, on which no defect was found:
    half balls and double ones have a size that says nothing of the rolls.
    """

    utc_ns: npt.NDArray[np.int64]
    smallest_mm: Float64Array
    largest_mm: Float64Array
    mean_mm: Float64Array
    u_mm: Float64Array
    u_mean_mm: Float64Array
    roundness_mm: Float64Array
    accepted: npt.NDArray[np.bool_]
    sound: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.mean_mm)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Diameters:
        """Those that are chosen."""
        return Diameters(**{name: getattr(self, name)[chosen] for name in self.__slots__})


@dataclass(frozen=True, slots=True, eq=False)
class LotData:
    """All that the ledger holds of a lot.

    Attributes:
        reasons: gravest reason of the balls that were not accepted, most frequent first.
        recipes: hash of each recipe its balls were judged with, and their number.
        shifts: shifts it was made in.
        parts_utc_ns, parts_accepted: (N,) of the balls whose outcome is known, in the order of time.
    """

    lot: str
    counts: LotCounts
    reasons: dict[str, int]
    recipes: dict[str, int]
    shifts: tuple[str, ...]
    first_utc_ns: int
    last_utc_ns: int
    parts_utc_ns: npt.NDArray[np.int64]
    parts_accepted: npt.NDArray[np.bool_]
    diameters: Diameters


def list_lots(connection: sa.Connection) -> list[LotSummary]:
    """All lots, the newest first."""
    accepted = sa.func.sum(sa.case((PartRow.side == "accept", 1), else_=0))
    last = sa.func.max(PartRow.utc_ns)
    query = (
        sa.select(PartRow.lot, sa.func.count(PartRow.id), accepted, sa.func.min(PartRow.utc_ns), last)
        .where(PartRow.lot.is_not(None))
        .group_by(PartRow.lot)
        .order_by(last.desc())
    )
    return [
        LotSummary(str(lot), int(balls), int(good), int(begin), int(end))
        for lot, balls, good, begin, end in connection.execute(query)
    ]


def has_balls(connection: sa.Connection, lot: str) -> bool:
    """Whether the ledger has a ball of this lot."""
    query = sa.select(PartRow.id).where(PartRow.lot == lot).limit(1)
    return connection.execute(query).first() is not None


def read_lot(connection: sa.Connection, lot: str) -> LotData:
    """One lot.

    Raises:
        LedgerError: the ledger has no ball of it.
    """
    columns = (*_DIAMETERS, PartRow.side, PartRow.verdict, PartRow.confirm, PartRow.reason)
    query = sa.select(*columns).where(PartRow.lot == lot).order_by(PartRow.utc_ns, PartRow.id)
    rows = connection.execution_options(yield_per=5000).execute(query).all()
    if not rows:
        raise LedgerError(
            f"there is no ball of lot '{lot}'",
            where="ledger",
            todo="'ferrogate lot PLACE list' shows the lots; names are taken letter by letter",
        )
    side = np.array([row.side or "" for row in rows])
    accepted = side == "accept"
    verdict = np.array([row.verdict for row in rows])
    confirm = np.array([row.confirm or "" for row in rows])
    counts = LotCounts(
        balls=len(rows),
        accepted=int(accepted.sum()),
        rejected=int((side == "reject").sum()),
        open=int((side == "").sum()),
        unproven=int((accepted & (verdict != "accept")).sum()),
        wrong_chute=int((confirm == "wrong_chute").sum()),
    )
    utc_ns = np.array([row.utc_ns for row in rows], np.int64)
    figures = np.array([tuple(row)[1:7] for row in rows], np.float64)
    measured = np.isfinite(figures[:, :3]).all(axis=1)
    known = figures[measured]
    return LotData(
        lot,
        counts,
        _reasons(connection, lot),
        _tally(connection, lot, PartRow.recipe_sha256),
        tuple(sorted(_tally(connection, lot, PartRow.shift))),
        int(utc_ns[0]),
        int(utc_ns[-1]),
        utc_ns[side != ""],
        accepted[side != ""],
        Diameters(
            utc_ns[measured],
            smallest_mm=known[:, 0],
            largest_mm=known[:, 1],
            mean_mm=known[:, 2],
            u_mm=known[:, 3],
            u_mean_mm=known[:, 4],
            roundness_mm=known[:, 5],
            accepted=accepted[measured],
            sound=np.array([row.reason not in BALL_LABELS for row in rows])[measured],
        ),
    )


def all_reasons(connection: sa.Connection, lot: str) -> dict[str, int]:
    """How many balls had a reason at all, gravest or not; most frequent first."""
    query = (
        sa.select(ReasonTableRow.code, sa.func.count(sa.distinct(ReasonTableRow.part_id)))
        .join(PartRow, PartRow.id == ReasonTableRow.part_id)
        .where(PartRow.lot == lot)
        .group_by(ReasonTableRow.code)
    )
    return _sorted({str(code): int(count) for code, count in connection.execute(query)})


def read_recipe(connection: sa.Connection, sha256: str) -> dict[str, Any] | None:
    """A recipe as it was when a session used it; None when the ledger does not hold it."""
    query = sa.select(RecipeRow.recipe).where(RecipeRow.sha256 == sha256)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def faults_between(connection: sa.Connection, first_utc_ns: int, last_utc_ns: int) -> dict[str, int]:
    """Faults of the line while a lot ran, by code, most frequent first."""
    query = (
        sa.select(FaultRow.code, sa.func.sum(FaultRow.count))
        .where(FaultRow.utc_ns.between(first_utc_ns, last_utc_ns))
        .group_by(FaultRow.code)
    )
    return _sorted({str(code): int(count) for code, count in connection.execute(query)})


def _reasons(connection: sa.Connection, lot: str) -> dict[str, int]:
    """Gravest reason of the balls that did not go to the accept side; what the PLC says counts last."""
    code = sa.func.coalesce(
        sa.func.nullif(PartRow.reason, ""),
        sa.func.nullif(PartRow.null_cause, ""),
        sa.func.nullif(PartRow.plc_reason, ""),
        PartRow.cause,
        "",
    )
    query = (
        sa.select(code, sa.func.count(PartRow.id))
        .where(PartRow.lot == lot, sa.func.coalesce(PartRow.side, "") != "accept")
        .group_by(code)
    )
    return _sorted({str(name): int(count) for name, count in connection.execute(query)})


def _tally(connection: sa.Connection, lot: str, column: Any) -> dict[str, int]:
    query = (
        sa.select(column, sa.func.count(PartRow.id))
        .where(PartRow.lot == lot, column.is_not(None))
        .group_by(column)
    )
    return _sorted({str(name): int(count) for name, count in connection.execute(query)})


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
