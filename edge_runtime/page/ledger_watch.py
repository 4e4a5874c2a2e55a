"""What the page shows of the ledger again and again: counts, books, and the facts that alarms are made of.

Read in a worker thread, all of one state of the ledger; browsers and the live socket get what was read last,
with its age. Neighbours: `keeper` decides how often, `edge_runtime.ledger` has the statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.alarms.facts import BooksState, LedgerFacts
from edge_runtime.alarms.ledger_facts import FactsReader, books_state
from edge_runtime.ledger.books import Books
from edge_runtime.ledger.day_counts import Counts, count_lot, count_shift, count_since
from edge_runtime.ledger.day_queries import shift_now
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.store import reading
from edge_runtime.live.status import StationStatus

HOUR_NS = 3600 * 1_000_000_000
#: problems of the books that a browser gets
_PROBLEMS_MAX = 10


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What was read last.

    Attributes:
        facts: None before the first reading and while the ledger cannot be read.
        shift, lot: counts of the open shift and lot; None: none is open.
        hour: of the last hour; None while the ledger cannot be read: not known is not nothing.
        books, problems: the books' light and what is wrong.
        checked_utc_ns: when; 0 for never.
        trouble: why it could not be read, in English.
    """

    facts: LedgerFacts | None = None
    shift: Counts | None = None
    lot: Counts | None = None
    hour: Counts | None = None
    books: BooksState = "unknown"
    problems: tuple[str, ...] = ()
    checked_utc_ns: int = 0
    trouble: str = ""

    def counts_json(self) -> dict[str, Any]:
        """For `/api/state`."""
        return {
            "shift": None if self.shift is None else counts_json(self.shift),
            "lot": None if self.lot is None else counts_json(self.lot),
            "hour": None if self.hour is None else counts_json(self.hour),
        }

    def books_json(self) -> dict[str, Any]:
        """For `/api/state`."""
        return {
            "state": self.books,
            "problems": list(self.problems[:_PROBLEMS_MAX]),
            "checked_utc_ms": self.checked_utc_ns // 1_000_000 or None,
        }


def counts_json(counts: Counts) -> dict[str, Any]:
    """Counts as every route gives them."""
    return {
        "parts": counts.parts,
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "bypassed": counts.bypassed,
        "open": counts.open,
        "challenge": counts.challenge,
        "contained": counts.contained,
        "bypassed_bad": counts.bypassed_bad,
        "reasons": counts.reasons,
        "first_utc_ns": counts.first_utc_ns,
    }


class LedgerWatch:
    """Reads the ledger for one page."""

    def __init__(self) -> None:
        self._facts = FactsReader()

    def look(self, engine: sa.Engine, status: StationStatus | None, now_utc_ns: int) -> LedgerView:
        """Read everything once.

        Args:
            engine: the opened ledger.
            status: tells which shift and lot are open; None: of these nothing is shown.
            now_utc_ns: wall clock.

        Raises:
            LedgerError: the database refused.
        """
        with reading(engine) as connection:
            shift = _shift(connection, status)
            lot = None if status is None or status.day.lot is None else status.day.lot.name
            books = quick_balance(connection)
            facts = self._facts.read(connection, now_utc_ns, status, shift, books)
            return LedgerView(
                facts,
                None if shift is None else shift[1],
                None if lot is None else count_lot(connection, lot),
                count_since(connection, now_utc_ns - HOUR_NS),
                books_state(books),
                _problems(books, facts),
                now_utc_ns,
            )


def _shift(connection: sa.Connection, status: StationStatus | None) -> tuple[int, Counts] | None:
    """Id and counts of the open shift; None where none is open, or the recorder has not written it yet."""
    if status is None or status.day.shift is None:
        return None
    shift = status.day.shift
    number = shift_now(connection, shift.name, shift.opened_utc_ns)
    return None if number is None else (number, count_shift(connection, number))


def _problems(books: Books, facts: LedgerFacts) -> tuple[str, ...]:
    return () if books.balanced else facts.problems
