"""What the PLC did with the parts: into the journal, counted, and acknowledged once it is on disk.

Neighbours: the core hands batches of the outcome ring on; `known.OutcomeAcks` knows what may be confirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from edge_runtime.entries import Entry, OutcomeEntry
from edge_runtime.plc.events import OutcomesRead
from edge_runtime.plc.records import OutcomeRecord
from edge_runtime.plc.registers import Confirm, Side
from edge_runtime.station.known import OutcomeAcks
from edge_runtime.station.rows import Stamp, outcome_entry

#: side -> its counter, and the eye that must see a part which went there
_SIDES: dict[int, tuple[str, int]] = {
    Side.ACCEPT: ("outcome_accept", Confirm.ACCEPT_EYE),
    Side.REJECT: ("outcome_reject", Confirm.REJECT_EYE),
    Side.BYPASS: ("outcome_bypass", Confirm.ACCEPT_EYE),
}


class Outcomes:
    """Takes outcomes in.

    Args:
        journal: appends an entry and returns its number.
        counts: the station's totals.
    """

    def __init__(self, journal: Callable[[Entry], int | None], counts: Counter[str]) -> None:
        self._journal = journal
        self._counts = counts
        self._acks = OutcomeAcks()

    @property
    def broken(self) -> bool:
        """The journal has dropped one: the PLC keeps it, and those after it, for the next start."""
        return self._acks.broken

    def take(self, event: OutcomesRead, stamp: Stamp) -> Iterator[OutcomeEntry]:
        """Book one batch; gives each entry once it is handed to the journal."""
        numbers = []
        for record in event.records:
            entry = outcome_entry(record, stamp)
            numbers.append(self._journal(entry))
            self._count(record)
            yield entry
        self._acks.add(numbers, event.tail)

    def _count(self, record: OutcomeRecord) -> None:
        self._counts["outcomes"] += 1
        name, eye = _SIDES.get(record.side, ("outcome_unknown", -1))
        self._counts[name] += 1
        self._counts["confirmed"] += record.confirm == eye

    def due(self, durable: int) -> int | None:
        """Ring tail up to which everything is on disk now, or None when nothing new is."""
        return self._acks.due(durable)

    def clear(self) -> None:
        """Another PLC life: its ring begins anew."""
        self._acks.clear()
