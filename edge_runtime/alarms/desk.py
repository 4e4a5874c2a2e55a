"""The alarm desk: keeps the ledger's table of alarms in step with what stands, and takes acknowledgements.

One desk per page process, called from a worker thread. An alarm that was acknowledged and whose cause went is
over; when the cause comes again it is a new one. A page that is started again goes on with the rows that it
finds. While the ledger cannot be written the alarms are shown all the same, with numbers below 0.
Neighbours: `steady` says what stands, `edge_runtime.ledger.alarms` has the statements.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from edge_runtime.alarms.condition import Condition, Key
from edge_runtime.ledger.alarms import (
    AlarmFacts,
    acknowledge_alarm,
    clear_alarm,
    open_alarms,
    raise_alarm,
    read_alarm,
    standing_alarms,
)
from edge_runtime.ledger.store import reading, writing
from vision.errors import FerrogateError, LedgerError

#: figures of a standing alarm are written down at most so often; the page shows them at once
REWRITE_NS = 60 * 1_000_000_000
#: open rows are read again so often, whatever happens: somebody else may have acknowledged
REREAD_NS = 10 * 1_000_000_000
#: a ledger that refused is left alone for so long
RETRY_NS = 2 * 1_000_000_000
#: alarms that a browser gets at once; the others are in the history
SHOWN_MAX = 100


class AlarmRefusedError(FerrogateError):
    """An acknowledgement that cannot be taken; `code` is alarm_not_stored, _unknown or _acknowledged."""

    exit_code = 12

    def __init__(self, code: str, what: str, values: Mapping[str, Any]) -> None:
        super().__init__(what, todo="look at the list of alarms again")
        self.code = code
        self.values = dict(values)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the table holds of a standing alarm."""

    number: int
    condition: Condition
    written_ns: int


class AlarmDesk:
    """Keeps the table in step.

    Args:
        ledger: gives the ledger, None while there is none.
        utc_ns, mono_ns: clocks.

    Attributes:
        stored: the table was written, or needed no writing, at the last step.
    """

    def __init__(
        self, ledger: Callable[[], sa.Engine | None], utc_ns: Callable[[], int], mono_ns: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._utc_ns = utc_ns
        self._mono_ns = mono_ns
        self._rows: dict[Key, _Row] = {}
        self._open: tuple[AlarmFacts, ...] = ()
        self._read_again_ns = 0
        self._retry_ns = 0
        self._loaded = False
        self._raised_utc_ns: dict[Key, int] = {}
        self._lock = threading.Lock()
        self.stored = False
        self.trouble = ""

    def left_standing(self) -> tuple[Condition, ...] | None:
        """Alarms that the table holds as standing, once: at the first look that succeeds; None otherwise."""
        if self._loaded:
            return None
        engine = self._engine()
        if engine is None:
            return None
        try:
            with reading(engine) as connection:
                rows = standing_alarms(connection)
        except LedgerError as error:
            self._refused(str(error))
            return None
        now_ns = self._mono_ns()
        with self._lock:
            for row in rows:
                self._rows[Key(row.code, row.subject)] = _Row(row.id, _condition(row), now_ns)
            self._loaded = True
        return tuple(row.condition for row in self._rows.values())

    def step(self, standing: Iterable[Condition]) -> None:
        """Bring the table up to what stands; a table that cannot be written is tried again later."""
        now = {condition.key: condition for condition in standing}
        utc_ns = self._utc_ns()
        self._raised_utc_ns = {key: self._raised_utc_ns.get(key, utc_ns) for key in now}
        engine = self._engine()
        if engine is None or not self._loaded:
            self.stored = False
            return
        changes = self._changes(now)
        try:
            if changes:
                self._write(engine, changes, utc_ns)
            if changes or self._mono_ns() >= self._read_again_ns:
                self._read(engine)
        except (LedgerError, DBAPIError) as error:
            self._refused(str(error))
            return
        self.stored, self.trouble = True, ""

    def _engine(self) -> sa.Engine | None:
        return None if self._mono_ns() < self._retry_ns else self._ledger()

    def _refused(self, why: str) -> None:
        self.stored, self.trouble = False, why
        self._retry_ns = self._mono_ns() + RETRY_NS

    def _changes(self, now: Mapping[Key, Condition]) -> dict[Key, Condition | None]:
        """What to write: new and changed alarms, None for those that are over."""
        mono_ns = self._mono_ns()
        changes: dict[Key, Condition | None] = {key: None for key in self._rows if key not in now}
        for key, condition in now.items():
            row = self._rows.get(key)
            if row is None or (row.condition != condition and mono_ns - row.written_ns >= REWRITE_NS):
                changes[key] = condition
        return changes

    def _write(self, engine: sa.Engine, changes: Mapping[Key, Condition | None], utc_ns: int) -> None:
        written: dict[Key, _Row] = {}
        with writing(engine) as connection:
            for key, condition in changes.items():
                if condition is None:
                    clear_alarm(connection, self._rows[key].number, utc_ns)
                    continue
                raised_ns = self._raised_utc_ns.get(key, utc_ns)
                number = raise_alarm(
                    connection, key.code, key.subject, condition.level, dict(condition.values), raised_ns
                )
                written[key] = _Row(number, condition, self._mono_ns())
        with self._lock:
            # Only now: what the database has refused is written at the next step.
            over = {key for key, condition in changes.items() if condition is None}
            self._rows = {key: row for key, row in self._rows.items() if key not in over} | written

    def _read(self, engine: sa.Engine) -> None:
        with reading(engine) as connection:
            standing = standing_alarms(connection)
            found = {alarm.id: alarm for alarm in (*standing, *open_alarms(connection, SHOWN_MAX))}
        there = {alarm.id for alarm in standing}
        with self._lock:
            self._open = tuple(found.values())
            # A row that has gone (another ledger in its place) is raised again.
            self._rows = {key: row for key, row in self._rows.items() if row.number in there}
            self._read_again_ns = self._mono_ns() + REREAD_NS

    def shown(self, standing: Iterable[Condition]) -> list[dict[str, Any]]:
        """For the page: what stands, with its newest figures, then what nobody has acknowledged yet."""
        now = {condition.key: condition for condition in standing}
        with self._lock:
            rows, listed = dict(self._rows), self._open
        of_row = {alarm.id: alarm for alarm in listed}
        found = []
        for number, (key, condition) in enumerate(now.items(), 1):
            row = rows.get(key)
            alarm = None if row is None else of_row.get(row.number)
            raised_ns = self._raised_utc_ns.get(key, self._utc_ns())
            found.append(_standing(condition, alarm, -number if row is None else row.number, raised_ns))
        numbers = {alarm["id"] for alarm in found}
        over = [
            alarm_json(alarm) for alarm in listed if alarm.id not in numbers and alarm.acknowledged_by is None
        ]
        found.sort(key=lambda alarm: -alarm["raised_utc_ms"])
        over.sort(key=lambda alarm: -alarm["raised_utc_ms"])
        return (found + over)[:SHOWN_MAX]

    def acknowledge(self, number: int, by: str, note: str) -> AlarmFacts:
        """A person has seen an alarm.

        Raises:
            AlarmRefusedError: there is no such row, or somebody was first.
            LedgerError: the ledger cannot be read or written.
        """
        engine = self._ledger()
        if engine is None or number < 0:
            raise AlarmRefusedError(
                "alarm_not_stored", "the alarm is not in the ledger yet: try again in a moment", {}
            )
        try:
            with writing(engine) as connection:
                done = acknowledge_alarm(connection, number, by, self._utc_ns(), note)
                alarm = read_alarm(connection, number)
        except DBAPIError as error:
            raise LedgerError(
                f"the acknowledgement cannot be written: {error.orig}",
                where=str(engine.url),
                todo="try again; see whether the disk is full",
            ) from error
        if alarm is None:
            raise AlarmRefusedError("alarm_unknown", f"there is no alarm {number}", {"alarm": number})
        if not done:
            who = {"by": alarm.acknowledged_by or ""}
            raise AlarmRefusedError("alarm_acknowledged", f"{who['by']} has acknowledged it already", who)
        with self._lock:
            self._open = tuple(_after(alarm, listed) for listed in self._open)
        return alarm


def _after(alarm: AlarmFacts, listed: AlarmFacts) -> AlarmFacts:
    return alarm if listed.id == alarm.id else listed


def _condition(row: AlarmFacts) -> Condition:
    return Condition(row.code, row.subject, dict(row.values))


def alarm_json(alarm: AlarmFacts) -> dict[str, Any]:
    """One row for the page."""
    return {
        "id": alarm.id,
        "code": alarm.code,
        "subject": alarm.subject,
        "level": alarm.level,
        "values": alarm.values,
        "raised_utc_ms": alarm.raised_utc_ns // 1_000_000,
        "cleared_utc_ms": None if alarm.cleared_utc_ns is None else alarm.cleared_utc_ns // 1_000_000,
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_utc_ms": None
        if alarm.acknowledged_utc_ns is None
        else alarm.acknowledged_utc_ns // 1_000_000,
        "note": alarm.note,
    }


def _standing(condition: Condition, alarm: AlarmFacts | None, number: int, raised_ns: int) -> dict[str, Any]:
    """One standing alarm: the newest figures, and of the row what people did."""
    fresh = {
        "id": number,
        "code": condition.code,
        "subject": condition.subject,
        "level": condition.level,
        "values": dict(condition.values),
        "raised_utc_ms": raised_ns // 1_000_000,
        "cleared_utc_ms": None,
        "acknowledged_by": None,
        "acknowledged_utc_ms": None,
        "note": "",
    }
    if alarm is None:
        return fresh
    return alarm_json(alarm) | {"values": fresh["values"], "level": fresh["level"], "cleared_utc_ms": None}
