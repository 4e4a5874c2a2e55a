"""The last minutes of the ledger, as the alarms want them: one reader per page process, every few seconds.

All statements go by an index on time or read running counts, so they cost the same on a ledger of any size.
Neighbours: `facts.LedgerFacts` is what comes out, `edge_runtime.page.ledger_watch` calls it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from edge_runtime.alarms.drift import MinuteMeans, size_drift
from edge_runtime.alarms.facts import BooksState, LedgerFacts, SizeDrift
from edge_runtime.ledger.books import Books
from edge_runtime.ledger.day_counts import Counts
from edge_runtime.ledger.day_models import ActRow
from edge_runtime.ledger.models import CountersRow, EpochRow, FaultRow, PartRow, SessionRow
from edge_runtime.ledger.tallies import gravest_reason_column
from edge_runtime.live.status import StationStatus
from vision.reasons import REASON_NUMBERS

#: what alarms call the last minutes
WINDOW_NS = 600 * 1_000_000_000
#: a lot that was opened so long ago says nothing of where the rolls were set
DRIFT_NS = 8 * 3600 * 1_000_000_000
#: for so long after an epoch's begin balls may come by that were triggered before
UNCLAIMED_NS = 15 * 1_000_000_000
_EPOCHS_MAX = 40
_LATE_CAUSES = ("late", "no_verdict")
_EYE = {"accept": "accept_eye", "reject": "reject_eye", "bypass": "accept_eye"}
#: reasons that speak of balls and pictures; the others speak of the line, and have alarms of their own
_QUALITY = frozenset(
    word for word, number in REASON_NUMBERS.items() if 0 < number < 80 or 110 <= number < 120
)


def books_state(books: Books) -> BooksState:
    """One word for the books' light."""
    if not books.balanced:
        return "unbalanced"
    return "balanced" if books.settled else "open"


class FactsReader:
    """Reads the facts; keeps the minutes that the drift is looked for in."""

    def __init__(self) -> None:
        self._means = MinuteMeans()

    def read(
        self,
        connection: sa.Connection,
        now_utc_ns: int,
        status: StationStatus | None,
        shift: tuple[int, Counts] | None,
        books: Books | None,
    ) -> LedgerFacts:
        """The facts of one state of the ledger.

        Args:
            connection: of the ledger.
            now_utc_ns: wall clock.
            status: of the station, for the recipe and lot in force; None leaves the drift out.
            shift: id and counts of the open shift; None leaves the shares of rejects out.
            books: None where they were not balanced.
        """
        since = now_utc_ns - WINDOW_NS
        recent = _recent(connection, since)
        now = _quality(_of_shift(connection, since, shift[0])) if shift else (0, 0)
        return LedgerFacts(
            parts=sum(recent.values()),
            late=sum(count for (_, cause, _), count in recent.items() if cause in _LATE_CAUSES),
            wrong_chute=sum(
                count
                for (side, _, confirm), count in recent.items()
                if side is not None and confirm is not None and confirm != _EYE.get(side)
            ),
            faults=_faults(connection, since),
            sessions=_sessions(connection, since),
            rejects_now=now,
            rejects_before=_before(shift[1], now) if shift else (0, 0),
            newest_counters_utc_ns=connection.execute(
                sa.select(CountersRow.utc_ns).order_by(CountersRow.id.desc()).limit(1)
            ).scalar_one_or_none(),
            drift=None if status is None else self._drift(connection, now_utc_ns, status),
            books="unknown" if books is None else books_state(books),
            problems=() if books is None else _problems(books),
        )

    def _drift(self, connection: sa.Connection, now_utc_ns: int, status: StationStatus) -> SizeDrift | None:
        recipe = status.recipe
        opened_ns = status.day.lot.opened_utc_ns if status.day.lot else 0
        # Without a lot the look back begins at a whole hour, so that it does not begin anew every time.
        hour_ns = DRIFT_NS // 8
        since = max(opened_ns, (now_utc_ns - DRIFT_NS) // hour_ns * hour_ns)
        minutes = self._means.read(connection, recipe.sha256, since, now_utc_ns)
        return size_drift(minutes, recipe.d_max_mm - recipe.d_min_mm)


def _recent(
    connection: sa.Connection, since_utc_ns: int
) -> dict[tuple[str | None, str | None, str | None], int]:
    """Production parts by side, cause and confirm eye."""
    columns = (PartRow.side, PartRow.cause, PartRow.confirm)
    query = (
        sa.select(*columns, sa.func.count())
        .where(PartRow.utc_ns >= since_utc_ns, PartRow.challenge.is_(None))
        .group_by(*columns)
    )
    return {(side, cause, confirm): int(count) for side, cause, confirm, count in connection.execute(query)}


def _of_shift(connection: sa.Connection, since_utc_ns: int, shift_id: int) -> dict[tuple[str, str], int]:
    """Production parts of the window that belong to the shift, by side and gravest reason."""
    columns = (PartRow.side, gravest_reason_column())
    query = (
        sa.select(*columns, sa.func.count())
        .where(
            PartRow.utc_ns >= since_utc_ns,
            PartRow.challenge.is_(None),
            PartRow.shift_id == shift_id,
            PartRow.side.is_not(None),
        )
        .group_by(*columns)
    )
    return {(str(side), reason): int(count) for side, reason, count in connection.execute(query)}


def _quality(groups: Mapping[tuple[str, str], int]) -> tuple[int, int]:
    """Parts that were judged by what they are, and those rejected for it."""
    accepted = sum(count for (side, _), count in groups.items() if side == "accept")
    rejected = sum(
        count for (side, reason), count in groups.items() if side == "reject" and reason in _QUALITY
    )
    return accepted + rejected, rejected


def _before(shift: Counts, now: tuple[int, int]) -> tuple[int, int]:
    """The same of the shift before the window."""
    rejected = sum(count for reason, count in shift.reasons.items() if reason in _QUALITY)
    return max(0, shift.accepted + rejected - now[0]), max(0, rejected - now[1])


def _faults(connection: sa.Connection, since_utc_ns: int) -> dict[tuple[str, str], int]:
    begun = sa.select(EpochRow.utc_ns).where(EpochRow.utc_ns >= since_utc_ns - UNCLAIMED_NS)
    epoch = begun.order_by(EpochRow.epoch.desc()).limit(_EPOCHS_MAX).subquery("begun")
    # Balls that were on their way when an epoch began belong to no part of it: no fault of the eye. One
    # clause for all epochs: with one for each, each number of them would be compiled and kept by itself.
    then = FaultRow.utc_ns.between(epoch.c.utc_ns, epoch.c.utc_ns + UNCLAIMED_NS)
    on_its_way = sa.and_(FaultRow.code == "untriggered", sa.exists().where(then))
    query = (
        sa.select(FaultRow.code, FaultRow.camera, sa.func.sum(FaultRow.count))
        .where(FaultRow.utc_ns >= since_utc_ns, sa.not_(on_its_way))
        .group_by(FaultRow.code, FaultRow.camera)
    )
    found: Counter[tuple[str, str]] = Counter()
    for code, camera, count in connection.execute(query):
        found[code, camera or ""] += int(count)
    return dict(found)


def _sessions(connection: sa.Connection, since_utc_ns: int) -> int:
    """Starts of the station that no changeover asked for."""
    starts = sa.select(sa.func.count()).select_from(SessionRow).where(SessionRow.utc_ns >= since_utc_ns)
    asked = (
        sa.select(sa.func.count())
        .select_from(ActRow)
        .where(ActRow.utc_ns >= since_utc_ns, ActRow.act == "changeover_done")
    )
    return max(0, connection.execute(starts).scalar_one() - connection.execute(asked).scalar_one())


def _problems(books: Books) -> tuple[str, ...]:
    """What is wrong, in English; a formula that does not balance is a problem by itself."""
    gaps = [f"{line.formula}: {line.difference:+d}" for line in books.lines if line.difference]
    return (*books.problems, *gaps)
