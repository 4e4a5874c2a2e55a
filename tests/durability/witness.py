"""What must hold after every kill, and at the end: the PLC's log against journal and ledger.

Neighbours: `kills` asks after each kill, `plant` holds the PLC's log.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from edge_runtime.entries import EpochEntry, OutcomeEntry, PartEntry, SessionEntry
from edge_runtime.journal import JournalReader
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.place import LedgerPlace, open_caught_up
from edge_runtime.ledger.queries import fault_totals
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from tests.durability.plant import PartKey, PlcLog, PlcOutcome
from vision.types import Decision

_RING = 1 << 16
#: faults that no kill excuses
NEVER = (
    "judged_twice",
    "outcome_twice",
    "sequence_back",
    "gap_implausible",
    "journal_damaged",
    "journal_bad_entry",
    "journal_overflow",
    "journal_write_error",
)
_WORDS = {decision.value: decision.name.lower() for decision in Decision} | {0: None}


class Witness:
    """Follows the journal as the recorder does, and compares it with what the PLC says.

    Args:
        storage: the station's books.
        log: of the PLC.

    Attributes:
        problems: what was found wrong, in words.
        acknowledged: outcomes that the station has acknowledged so far.
        sessions: lives of the station that came as far as their first entry.
    """

    def __init__(self, storage: Path, log: PlcLog) -> None:
        self._storage = storage
        self._log = log
        self._reader = JournalReader(storage / "journal")
        self._outcomes: dict[PartKey, set[tuple[str, str]]] = {}
        self._checked = 0
        self._rows = 0
        self.epochs: list[int] = []
        self.problems: list[str] = []
        self.acknowledged = 0
        self.sessions = 0
        self.decided: dict[PartKey, str] = {}

    def after_kill(self, tail: int, *, whole: bool) -> None:
        """The tree is dead: all that was acknowledged is on the disk, and the ledger opens.

        Args:
            tail: up to where the dead station had acknowledged outcomes, modulo 2^16.
            whole: have the database look at all of its pages.
        """
        self._log.read()
        self._follow()
        told = [outcome for outcome in self._log.outcomes if not outcome.ring_full]
        self.acknowledged += (tail - self.acknowledged) % _RING
        if self.acknowledged > len(told):
            self.problems.append(f"{self.acknowledged} outcomes acknowledged, the PLC had {len(told)}")
        for outcome in told[self._checked : self.acknowledged]:
            self._check_held(outcome)
        self._checked = self.acknowledged
        self._check_ledger(whole)

    def _follow(self) -> None:
        while batch := self._reader.read():
            for _, entry in batch:
                match entry:
                    case OutcomeEntry():
                        key = (entry.epoch, entry.lane, entry.trigger_seq)
                        self._outcomes.setdefault(key, set()).add((entry.side, entry.cause))
                    case PartEntry() if entry.decision is not None:
                        key = (entry.epoch, entry.lane, entry.trigger_seq)
                        if self.decided.setdefault(key, entry.decision) != entry.decision:
                            self.problems.append(f"part {entry.part_id} was judged in two ways")
                    case EpochEntry():
                        self._take_epoch(entry.epoch)
                    case SessionEntry():
                        self.sessions += 1
                    case _:
                        pass

    def _take_epoch(self, epoch: int) -> None:
        if self.epochs and epoch <= self.epochs[-1]:
            self.problems.append(f"epoch {epoch} was agreed after epoch {self.epochs[-1]}")
        self.epochs.append(epoch)

    def _check_held(self, outcome: PlcOutcome) -> None:
        held = self._outcomes.get(outcome.part, set())
        if held != {(outcome.side.lower(), outcome.cause.lower())}:
            self.problems.append(f"acknowledged, but not in the journal: {outcome}; there: {held}")

    def _check_ledger(self, whole: bool) -> None:
        if not (self._storage / "ledger.sqlite").is_file():
            return  # killed before it was made
        if not self._rows:
            # Its first migration may have been cut off: then the next start makes it anew.
            self._count_first_rows()
            return
        engine = open_to_read(ledger_url(self._storage))
        try:
            with reading(engine) as connection:
                rows = connection.execute(sa.select(sa.func.count(PartRow.id))).scalar_one()
                if whole:
                    said = connection.exec_driver_sql("PRAGMA quick_check").scalar_one()
                    if said != "ok":
                        self.problems.append(f"the ledger is damaged: {said}")
        finally:
            engine.dispose()
        if rows < self._rows:
            self.problems.append(f"the ledger had {self._rows} rows and has {rows}")
        self._rows = rows

    def _count_first_rows(self) -> None:
        if not self.sessions:
            return
        place = LedgerPlace(self._storage, ledger_url(self._storage))
        engine, _ = open_caught_up(place, insist=True)
        try:
            with reading(engine) as connection:
                self._rows = connection.execute(sa.select(sa.func.count(PartRow.id))).scalar_one()
        finally:
            engine.dispose()

    def at_the_end(self) -> dict[str, int]:
        """All is over and drained: ledger against PLC, part for part. Returns counts of what was compared."""
        self._log.read()
        self._follow()
        place = LedgerPlace(self._storage, ledger_url(self._storage))
        engine, note = open_caught_up(place, insist=True)
        if note:
            self.problems.append(note)
        try:
            with reading(engine) as connection:
                found = self._compare(connection)
                books = balance(connection)
                faults = fault_totals(connection)
        finally:
            engine.dispose()
        if not books.balanced:
            self.problems.append(books.text())
        self.problems += [f"fault {code}: {faults[code]}" for code in NEVER if faults.get(code)]
        known = set(self._log.epochs)
        self.problems += [f"the PLC never had epoch {epoch}" for epoch in self.epochs if epoch not in known]
        if self._reader.bad_bytes:
            self.problems.append(f"{self._reader.bad_bytes} bytes of the journal hold no whole entry")
        return found | {f"fault_{code}": count for code, count in sorted(faults.items())}

    def _compare(self, connection: sa.Connection) -> dict[str, int]:
        rows = connection.execute(
            sa.select(
                PartRow.epoch,
                PartRow.lane,
                PartRow.trigger_seq,
                PartRow.side,
                PartRow.cause,
                PartRow.plc_verdict,
                PartRow.decision,
            )
        ).all()
        by_part = {(row.epoch, row.lane, row.trigger_seq): row for row in rows}
        numbers = Counter((row.lane, row.trigger_seq) for row in rows)
        twice = [number for number, count in numbers.items() if count > 1]
        if twice:
            self.problems.append(f"parts with two rows (lane, number): {twice[:10]}")
        lost = 0
        for outcome in self._log.outcomes:
            row = by_part.get(outcome.part)
            told = (outcome.side.lower(), outcome.cause.lower(), _WORDS[outcome.verdict])
            if row is None or (row.side, row.cause, row.plc_verdict) != told:
                lost += 1
                self.problems.append(f"the PLC says {outcome}, the ledger {row}")
        for part, verdict in self._log.verdicts.items():
            row = by_part.get(part)
            if row is None or row.plc_verdict != _WORDS[verdict]:
                lost += 1
                self.problems.append(f"part {part}: the PLC took verdict {verdict}, the ledger says {row}")
            elif row.decision not in (None, row.plc_verdict):
                self.problems.append(
                    f"part {part}: the PLC holds {row.plc_verdict}, judged was {row.decision}"
                )
        missing = [part for part in self._log.triggers if part not in by_part]
        if missing:
            self.problems.append(f"{len(missing)} triggers without a row, the first {missing[0]}")
        return {
            "triggers": len(self._log.triggers),
            "rows": len(rows),
            "outcomes": len(self._log.outcomes),
            "verdicts": len(self._log.verdicts),
            "verdicts_lost": lost,
            "accepted": sum(row.side == "accept" for row in rows),
            "verdict_only_in_the_plc": sum(
                row.plc_verdict is not None and row.decision is None for row in rows
            ),
        }
