"""Shifts and lots that a browser can ask a report of, and whether anything of one has changed since.

Neighbours: `reports_api` serves the lists, `edge_runtime.ledger.day_queries` reads them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.day_queries import (
    ChallengeFacts,
    LotSummary,
    ShiftSummary,
    faults_between,
    list_acts,
    list_challenges,
    list_lots,
    list_shifts,
    read_lot_summary,
    read_shift,
)
from edge_runtime.ledger.lab_models import HardnessRow, SampleRow
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.store import reading
from edge_runtime.lots import lab
from edge_runtime.lots.happenings import CHALLENGE_MAX_NS, alarms_between
from edge_runtime.page.context import PageContext
from edge_runtime.page.errors import PageError

_NS_PER_MS = 1_000_000


def shift_rows(context: PageContext, limit: int, before: int | None) -> list[dict[str, Any]]:
    """The newest shifts; `before`: only those of a smaller number.

    Raises:
        PageError: there is no ledger yet.
    """
    with reading(context.need_ledger()) as connection:
        return [_shift_row(item) for item in list_shifts(connection, limit, before)]


def lot_rows(context: PageContext, limit: int) -> list[dict[str, Any]]:
    """The newest lots.

    Raises:
        PageError: there is no ledger yet.
    """
    with reading(context.need_ledger()) as connection:
        return [_lot_row(item) for item in list_lots(connection, limit)]


def need_shift(context: PageContext, number: str) -> ShiftSummary:
    """The shift of a number.

    Raises:
        PageError: there is none (404), or no ledger yet.
    """
    found = None
    if number.isascii() and number.isdigit() and len(number) < 19:
        with reading(context.need_ledger()) as connection:
            found = read_shift(connection, int(number))
    if found is None:
        raise PageError(404, "not_found", f"there is no shift {number}")
    return found


def need_lot(context: PageContext, name: str) -> LotSummary:
    """The lot of a name that has balls.

    Raises:
        PageError: there is none (404), or no ledger yet.
    """
    with reading(context.need_ledger()) as connection:
        found = read_lot_summary(connection, name)
    if found is None or found.counts.parts == found.counts.challenge:
        raise PageError(404, "not_found", f"there is no ball of lot '{name}'")
    return found


def shift_content(context: PageContext, shift: ShiftSummary) -> str | None:
    """A hash of what a closed shift's report says; None while the shift is open."""
    if shift.closed_utc_ns is None:
        return None
    with reading(context.need_ledger()) as connection:
        facts = _happened(connection, shift.opened_utc_ns, shift.closed_utc_ns)
    return _hash([asdict(shift), facts])


def lot_content(context: PageContext, lot: LotSummary) -> str | None:
    """A hash of what a closed lot's report says; None while it is open, or when nobody opened it."""
    if lot.closed_utc_ns is None:
        return None
    with reading(context.need_ledger()) as connection:
        facts = _happened(connection, lot.opened_utc_ns, lot.closed_utc_ns)
        entries = [lab.current(connection, table, lot.name) for table in (HardnessRow, SampleRow)]
    return _hash([asdict(lot), facts, entries])


def _happened(connection: sa.Connection, begin_utc_ns: int, end_utc_ns: int) -> list[Any]:
    """What may still change of a time that is over: late outcomes are in the counts beside it.

    Of the books only whether they balance: their lines change with every ball of a running line.
    """
    books = quick_balance(connection)
    return [
        [asdict(item) for item in _challenges(connection, begin_utc_ns, end_utc_ns)],
        [asdict(item) for item in alarms_between(connection, begin_utc_ns, end_utc_ns)],
        [asdict(item) for item in faults_between(connection, begin_utc_ns, end_utc_ns)],
        len(list_acts(connection, since_utc_ns=begin_utc_ns, until_utc_ns=end_utc_ns)),
        [books.balanced, *books.problems],
    ]


def _challenges(connection: sa.Connection, begin_utc_ns: int, end_utc_ns: int) -> list[ChallengeFacts]:
    until_utc_ns = end_utc_ns + CHALLENGE_MAX_NS
    return list_challenges(connection, since_utc_ns=begin_utc_ns, until_utc_ns=until_utc_ns)


def _hash(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _ms(utc_ns: int | None) -> int | None:
    return None if utc_ns is None else utc_ns // _NS_PER_MS


def _shift_row(shift: ShiftSummary) -> dict[str, Any]:
    return {
        "id": shift.id,
        "name": shift.name,
        "opened_by": shift.opened_by,
        "opened_utc_ms": _ms(shift.opened_utc_ns),
        "closed_by": shift.closed_by,
        "closed_utc_ms": _ms(shift.closed_utc_ns),
        "parts": shift.counts.parts,
        "counts": asdict(shift.counts),
    }


def _lot_row(lot: LotSummary) -> dict[str, Any]:
    return {
        "name": lot.name,
        "product": lot.product,
        "recipe_sha256": lot.recipe_sha256,
        "opened_by": lot.opened_by,
        "opened_utc_ms": _ms(lot.opened_utc_ns),
        "closed_by": lot.closed_by,
        "closed_utc_ms": _ms(lot.closed_utc_ns),
        "parts": lot.counts.parts,
        "counts": asdict(lot.counts),
    }
