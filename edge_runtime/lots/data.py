"""One lot or shift as the ledger holds it: counts, reasons, recipes, and the diameters as arrays.

Read-only queries. A ball counts as accepted when the PLC sent it to the accept side; what the station
decided is its proof. Challenge balls are no production and a ball that passed by key was not accepted.
Neighbours: `statistics` works it out, `certificate` and `lot_report` print it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from edge_runtime.ledger.day_counts import counts_by_lot, most_frequent_first
from edge_runtime.ledger.day_queries import production
from edge_runtime.ledger.models import PartRow, ReasonTableRow, RecipeRow
from edge_runtime.ledger.tallies import gravest_reason_column
from edge_runtime.ledger.tally_models import DayTallyRow
from vision.contract import BALL_LABELS
from vision.errors import LedgerError

Float64Array = npt.NDArray[np.float64]
_ROWS_PER_READ = 5000
_FIGURES = (
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
    """Balls of a lot or shift; challenge balls are in no count but their own.

    Attributes:
        balls: production parts in the ledger: accepted + rejected + bypassed + open.
        accepted, rejected: where the PLC sent them.
        bypassed: passed a gate that was held open by key, without a proof; never accepted.
        open: no outcome is known (yet).
        challenge: challenge balls.
        contained: of the accepted, put in doubt by a missed challenge.
        unproven: of the accepted, those that the station decided otherwise on, or not at all.
        wrong_chute: seen by the eye of the other side than the PLC meant.
    """

    balls: int
    accepted: int
    rejected: int
    bypassed: int
    open: int
    challenge: int
    contained: int
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
class Balls:
    """What the ledger holds of some parts, those of a lot or of a shift.

    Challenge balls are in `counts.challenge` only.

    Attributes:
        reasons: gravest reason of the balls that were neither accepted nor bypassed, most frequent first.
        recipes: hash of each recipe the balls were judged with, and their number.
        shifts, lots: names they bear.
        first_utc_ns, last_utc_ns: of the balls, wall clock.
        parts_utc_ns, parts_accepted: (N,) of the balls that the gate sorted, in the order of time.
    """

    counts: LotCounts
    reasons: dict[str, int]
    recipes: dict[str, int]
    shifts: tuple[str, ...]
    lots: tuple[str, ...]
    first_utc_ns: int
    last_utc_ns: int
    parts_utc_ns: npt.NDArray[np.int64]
    parts_accepted: npt.NDArray[np.bool_]
    diameters: Diameters


@dataclass(frozen=True, slots=True, eq=False)
class LotData(Balls):
    """All that the ledger holds of a lot."""

    lot: str


def list_lots(connection: sa.Connection) -> list[LotSummary]:
    """All lots that have production balls, the newest first."""
    names = sa.select(DayTallyRow.lot).where(DayTallyRow.lot != "", DayTallyRow.challenge.is_(False))
    lots = []
    for lot, counts in counts_by_lot(connection, connection.execute(names.distinct()).scalars()).items():
        times = sa.select(sa.func.min(PartRow.utc_ns), sa.func.max(PartRow.utc_ns))
        first, last = connection.execute(times.where(PartRow.lot == lot, production())).one()
        lots.append(LotSummary(lot, counts.parts - counts.challenge, counts.accepted, int(first), int(last)))
    return sorted(lots, key=lambda item: item.last_utc_ns, reverse=True)


def has_balls(connection: sa.Connection, lot: str) -> bool:
    """Whether the ledger has a production ball of this lot."""
    query = sa.select(PartRow.id).where(PartRow.lot == lot, production()).limit(1)
    return connection.execute(query).first() is not None


def read_lot(connection: sa.Connection, lot: str) -> LotData:
    """One lot.

    Raises:
        LedgerError: the ledger has no production ball of it.
    """
    balls = read_balls(connection, PartRow.lot == lot)
    if balls is None:
        raise LedgerError(
            f"there is no ball of lot '{lot}'",
            where="ledger",
            todo="'ferrogate lot PLACE list' shows the lots; names are taken letter by letter",
        )
    return LotData(**{name: getattr(balls, name) for name in Balls.__slots__}, lot=lot)


def read_balls(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Balls | None:
    """What the ledger holds of the parts that a clause over `PartRow` chooses.

    See `edge_runtime.ledger.day_queries.of_shift` and `of_lot` for clauses.

    Returns:
        It, or None when there is no production ball among them.
    """
    columns = _columns(connection, where)
    utc_ns = columns["utc_ns"].astype(np.int64)
    if not len(utc_ns):
        return None
    side = columns["side"]
    accepted, sorted_balls = side == "accept", (side == "accept") | (side == "reject")
    figures = np.column_stack([columns[item.key].astype(np.float64) for item in _FIGURES])
    measured = np.isfinite(figures[:, :3]).all(axis=1)
    known = figures[measured]
    reasons = sa.and_(where, sa.func.coalesce(PartRow.side, "").not_in(("accept", "bypass")))
    return Balls(
        _counts(connection, where, columns),
        _tally(connection, reasons, gravest_reason_column()),
        _tally(connection, where, PartRow.recipe_sha256),
        tuple(sorted(_tally(connection, where, PartRow.shift))),
        tuple(sorted(_tally(connection, where, PartRow.lot))),
        int(utc_ns[0]),
        int(utc_ns[-1]),
        utc_ns[sorted_balls],
        accepted[sorted_balls],
        Diameters(
            utc_ns[measured],
            smallest_mm=known[:, 0],
            largest_mm=known[:, 1],
            mean_mm=known[:, 2],
            u_mm=known[:, 3],
            u_mean_mm=known[:, 4],
            roundness_mm=known[:, 5],
            accepted=accepted[measured],
            sound=~np.isin(columns["reason"][measured], BALL_LABELS),
        ),
    )


def _columns(connection: sa.Connection, where: sa.ColumnElement[bool]) -> dict[str, npt.NDArray[Any]]:
    """Columns of the production balls by time, (N,) each; null is '' in words and NaN in figures."""
    words = [
        sa.func.coalesce(item, "").label(item.key)
        for item in (PartRow.side, PartRow.verdict, PartRow.confirm, PartRow.reason, PartRow.contained_by)
    ]
    query = sa.select(PartRow.utc_ns, *_FIGURES, *words).where(where, production())
    query = query.order_by(PartRow.utc_ns, PartRow.id)
    found = connection.execution_options(yield_per=_ROWS_PER_READ).execute(query)
    names = list(found.keys())
    kinds = [np.int64, *(np.float64 for _ in _FIGURES), *(np.str_ for _ in words)]
    pieces: list[list[npt.NDArray[Any]]] = [[np.empty(0, kind)] for kind in kinds]
    for rows in found.partitions():
        for place, values in enumerate(zip(*rows, strict=True)):
            pieces[place].append(np.array(values, kinds[place]))
    return {name: np.concatenate(piece) for name, piece in zip(names, pieces, strict=True)}


def _counts(
    connection: sa.Connection, where: sa.ColumnElement[bool], columns: dict[str, npt.NDArray[Any]]
) -> LotCounts:
    side, confirm = columns["side"], columns["confirm"]
    accepted, bypassed, rejected = (side == word for word in ("accept", "bypass", "reject"))
    seen_rejected, seen_accepted = confirm == "reject_eye", confirm == "accept_eye"
    challenge = sa.select(sa.func.count(PartRow.id)).where(where, PartRow.challenge.is_not(None))
    return LotCounts(
        balls=len(side),
        accepted=int(accepted.sum()),
        rejected=int(rejected.sum()),
        bypassed=int(bypassed.sum()),
        open=int((side == "").sum()),
        challenge=int(connection.execute(challenge).scalar_one()),
        contained=int((accepted & (columns["contained_by"] != "")).sum()),
        unproven=int((accepted & (columns["verdict"] != "accept")).sum()),
        wrong_chute=int((((accepted | bypassed) & seen_rejected) | (rejected & seen_accepted)).sum()),
    )


def all_reasons(connection: sa.Connection, lot: str) -> dict[str, int]:
    """How many balls had a reason at all, gravest or not; most frequent first."""
    query = (
        sa.select(ReasonTableRow.code, sa.func.count(sa.distinct(ReasonTableRow.part_id)))
        .join(PartRow, PartRow.id == ReasonTableRow.part_id)
        .where(PartRow.lot == lot, production())
        .group_by(ReasonTableRow.code)
    )
    return most_frequent_first({str(code): int(count) for code, count in connection.execute(query)})


def read_recipe(connection: sa.Connection, sha256: str) -> dict[str, Any] | None:
    """A recipe as it was when a session used it; None when the ledger does not hold it."""
    query = sa.select(RecipeRow.recipe).where(RecipeRow.sha256 == sha256)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def _tally(connection: sa.Connection, where: sa.ColumnElement[bool], column: Any) -> dict[str, int]:
    """Production balls by a column's value, most frequent first; null is none."""
    value = sa.select(column.label("value")).where(where, production()).subquery().c.value
    query = sa.select(value, sa.func.count()).where(value.is_not(None)).group_by(value)
    return most_frequent_first({str(name): int(count) for name, count in connection.execute(query)})
