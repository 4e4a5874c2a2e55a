"""The running counts: what one part adds to them, and the statements that keep them.

Whoever changes a part's row takes away what it counted as before and adds what it counts as now, within
the same transaction. Neighbours: `tally_models` holds the tables, `apply` changes parts, `tally` counts
the rows themselves and compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.models import Base, PartRow
from edge_runtime.ledger.rows import Columns
from edge_runtime.ledger.statements import table_of
from edge_runtime.ledger.tally_models import BookTallyRow, DayTallyRow
from vision.reasons import REASON_NUMBERS

Key = tuple[Any, ...]
#: reasons that were found on the ball itself (`vision.reasons`)
FOUND_ON_BALL = frozenset(word for word, number in REASON_NUMBERS.items() if 0 < number < 50)
_BOOK_WORDS = ("decision", "null_cause", "side", "cause", "confirm", "plc_verdict")
_VIEWS = ("views_due", "views_got", "views_lost")
#: all that books and day look at
_ALIKE = (
    "epoch", "lane", "decision", "null_cause", "reason", "side", "cause", "confirm", "plc_verdict",
    "plc_reason", "is_gap", "shift_id", "lot", "challenge", "contained_by",
)  # fmt: skip


def gravest_reason(row: Columns) -> str:
    """Why a part was rejected: the station's word, else why it has none, else the PLC's."""
    return str(row["reason"] or row["null_cause"] or row["plc_reason"] or row["cause"] or "")


def gravest_reason_column() -> sa.ColumnElement[str]:
    """The same as `gravest_reason`, for a query over `PartRow`."""
    words = (PartRow.reason, PartRow.null_cause, PartRow.plc_reason)
    return sa.func.coalesce(*(sa.func.nullif(word, "") for word in words), PartRow.cause, "")


def book_key(row: Columns) -> Key:
    """Which count of `BookTallyRow` a part belongs to."""
    return (row["epoch"], row["lane"], *(row[name] or "" for name in _BOOK_WORDS), bool(row["is_gap"]))


def day_key(row: Columns) -> Key:
    """Which count of `DayTallyRow` a part belongs to."""
    side = row["side"] or ""
    refused = (row["decision"] or row["plc_verdict"] or "reject") != "accept"
    return (
        row["shift_id"] or 0,
        row["lot"] or "",
        side,
        # With the key off AUTO no verdict is accept: there only what was found on the ball says anything.
        row["reason"] in FOUND_ON_BALL if side == "bypass" else refused,
        row["challenge"] is not None,
        row["contained_by"] is not None,
        gravest_reason(row) if side == "reject" else "",
    )


class Changes:
    """What the running counts have to be changed by; sums, so that the order does not matter."""

    def __init__(self) -> None:
        self._book: dict[Key, list[int]] = {}
        self._day: Counter[Key] = Counter()

    def add(self, row: Columns) -> None:
        """A part counts like this from now on."""
        self._change(row, 1)

    def take(self, row: Columns) -> None:
        """A part counted like this up to now."""
        self._change(row, -1)

    def move(self, before: Key, after: Key, count: int) -> None:
        """`count` parts move from one `day_key` to another."""
        self._day[before] -= count
        self._day[after] += count

    def _change(self, row: Columns, sign: int) -> None:
        sums = self._book.setdefault(book_key(row), [0, 0, 0, 0])
        sums[0] += sign
        for place, name in enumerate(_VIEWS, start=1):
            sums[place] += sign * (row[name] or 0)
        self._day[day_key(row)] += sign

    def write(self, connection: sa.Connection) -> None:
        """Bring the tables up to date, and begin anew with nothing to change."""
        _write(connection, _BOOK, ((key, sums) for key, sums in self._book.items() if any(sums)))
        _write(connection, _DAY, ((key, [count]) for key, count in self._day.items() if count))
        self._book, self._day = {}, Counter()


@dataclass(frozen=True, slots=True)
class _Statements:
    """How one table of counts is changed; made once, as they are needed with every batch."""

    keys: tuple[str, ...]
    figures: tuple[str, ...]
    update: sa.Update
    delete_empty: sa.Delete
    insert: sa.Insert


def _statements(model: type[Base]) -> _Statements:
    columns = model.__table__.c
    keys = tuple(column.name for column in columns if column.primary_key)
    figures = tuple(column.name for column in columns if not column.primary_key)
    its_key = sa.and_(*(columns[name] == sa.bindparam(f"key_{name}") for name in keys))
    update = sa.update(table_of(model)).where(its_key)
    return _Statements(
        keys,
        figures,
        update.values({name: columns[name] + sa.bindparam(f"by_{name}") for name in figures}),
        sa.delete(table_of(model)).where(its_key, columns["parts"] == 0),
        sa.insert(table_of(model)),
    )


_BOOK, _DAY = _statements(BookTallyRow), _statements(DayTallyRow)


def _write(connection: sa.Connection, to: _Statements, changes: Iterable[tuple[Key, list[int]]]) -> None:
    for key, sums in changes:
        where = {f"key_{name}": value for name, value in zip(to.keys, key, strict=True)}
        by = {f"by_{name}": value for name, value in zip(to.figures, sums, strict=True)}
        if connection.execute(to.update, where | by).rowcount == 0:
            row = dict(zip(to.keys, key, strict=True)) | dict(zip(to.figures, sums, strict=True))
            connection.execute(to.insert, row)
        elif sums[0] < 0:
            connection.execute(to.delete_empty, where)


def count_rows(connection: sa.Connection) -> list[Columns]:
    """Every part of the ledger, those alike counted together: the one look at all rows that the books take.

    Returns:
        One for each group: its columns as in `PartRow`, `rows` (how many), the sums of its views, `first` and
        `last` part number.
    """
    part = PartRow.__table__.c
    alike = [part[name] for name in _ALIKE]
    sums = [sa.func.sum(part[name]).label(name) for name in _VIEWS]
    ends = (sa.func.min(part.trigger_seq).label("first"), sa.func.max(part.trigger_seq).label("last"))
    query = sa.select(*alike, sa.func.count().label("rows"), *sums, *ends).group_by(*alike)
    return [dict(row) for row in connection.execute(query).mappings()]


def unlike_counts(connection: sa.Connection, counted: Iterable[Columns]) -> list[str]:
    """Which of the running counts differ from the rows (`count_rows`), in words."""
    book: dict[Key, list[int]] = {}
    day: dict[Key, list[int]] = {}
    for group in counted:
        figures = [int(group["rows"]), *(int(group[name] or 0) for name in _VIEWS)]
        for totals, key, added in ((book, book_key(group), figures), (day, day_key(group), figures[:1])):
            known = totals.get(key)
            totals[key] = added if known is None else [a + b for a, b in zip(known, added, strict=True)]
    found = []
    for name, model, totals in (("books", BookTallyRow, book), ("day", DayTallyRow, day)):
        kept = _kept(connection, model)
        unlike = [key for key in totals.keys() | kept.keys() if totals.get(key) != kept.get(key)]
        if unlike:
            found.append(f"the running counts of the {name} differ from the rows in {len(unlike)} places")
    return found


def _kept(connection: sa.Connection, model: type[Base]) -> dict[Key, list[int]]:
    columns = model.__table__.columns
    keys = sum(column.primary_key for column in columns)
    return {
        tuple(row)[:keys]: [int(figure) for figure in tuple(row)[keys:]]
        for row in connection.execute(sa.select(*columns))
    }
