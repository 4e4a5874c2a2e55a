"""Trigger numbers and acknowledgements: what the station knows, expects, and may confirm to the PLC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownTriggers:
    """What earlier runs wrote down: per PLC boot and lane, the trigger number expected next."""

    next_seq: dict[int, dict[int, int]]

    def expected(self, plc_boot_id: int) -> dict[int, int] | None:
        """Numbers expected of this PLC life; None when there are no books at all yet."""
        return dict(self.next_seq.get(plc_boot_id, {})) if self.next_seq else None


class TriggerNumbers:
    """Follows the PLC's numbers, lane by lane: what is missing, what comes twice.

    Args:
        known: from the books of earlier runs.
    """

    def __init__(self, known: KnownTriggers) -> None:
        self._known = known
        self._next: dict[int, int] = {}
        #: lanes that have given nothing new yet: a station that was killed may not have told the PLC how far
        #: it had read, so what the books have already may come once more
        self._may_repeat: set[int] = set()
        self._joined_midway = not known.next_seq
        self._boot_id: int | None = None

    def begin(self, plc_boot_id: int) -> None:
        """A session with this PLC life begins."""
        if plc_boot_id == self._boot_id:
            return
        # A PLC numbers from 1 at its start; before the very first books nobody counted.
        self._joined_midway = not self._known.next_seq and self._boot_id is None
        self._next = self._known.expected(plc_boot_id) or {}
        self._may_repeat = set(self._next)
        self._boot_id = plc_boot_id

    def take(self, lane: int, trigger_seq: int) -> tuple[int, int] | None:
        """Note a number; the first and last number that should have come before it, or None.

        Raises:
            ValueError: it, or a later one, was there already in this run.
        """
        expected = self._next.get(lane, trigger_seq if self._joined_midway else 1)
        self._next[lane] = max(expected, trigger_seq + 1)
        if trigger_seq < expected and lane in self._may_repeat:
            return None
        self._may_repeat.discard(lane)
        if trigger_seq < expected:
            raise ValueError(f"lane {lane}: trigger {trigger_seq} after {expected - 1}")
        return (expected, trigger_seq - 1) if trigger_seq > expected else None


class OutcomeAcks:
    """Which outcomes may be acknowledged: those on disk, in order, of the PLC life that they came from."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int]] = []
        self.broken = False

    def add(self, numbers: Sequence[int | None], tail: int) -> None:
        """A batch was handed to the journal under these entry numbers; None is one that it dropped.

        After a dropped one nothing more is acknowledged: the PLC keeps it for the next start.
        """
        kept = [number for number in numbers if number is not None]
        self.broken = self.broken or len(kept) < len(numbers)
        if kept and not self.broken:
            self._waiting.append((kept[-1], tail))

    def due(self, durable: int) -> int | None:
        """Ring tail up to which everything is on disk now, or None when nothing new is."""
        done = [tail for number, tail in self._waiting if number <= durable]
        self._waiting = self._waiting[len(done) :]
        return done[-1] if done else None

    def clear(self) -> None:
        """Another PLC life: its ring begins anew."""
        self._waiting.clear()
