"""Fault windows: where a ball may be rejected because of a fault, and how long the line took to recover.

A window begins with the fault and ends one belt length behind the place where the line was sound again: the
fault over, the station trusted by the PLC, the belt running. Places are counts of the belt at the photo-eye;
balls in flight when the fault began lie in its window, too. A line that becomes unsound again before the
window is closed keeps it open. What makes a line unsound with no fault's window open is a disturbance of its
own, and named. Neighbours: `watch` hands over rows of truth and PLC log in order of time, `tally` asks.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from edge_runtime.twin.settings import LineSettings

#: what a fault does to session or belt shows within this time
SHOWS_NS = 2_000_000_000
#: windows behind the newest ball by this many belt lengths are asked for no more
_KEPT_LENGTHS = 8.0


@dataclass(slots=True)
class FaultWindow:
    """One fault that began; `end_ns` None while it lasts, `recovered_ns` and `last` None while it is open.

    Attributes:
        first, last: counts at the photo-eye between which a ball is in it.
    """

    name: str
    ball: int
    begin_ns: int
    first: float
    end_ns: int | None = None
    recovered_ns: int | None = None
    last: float | None = None

    @property
    def recovery_s(self) -> float | None:
        """From its begin until the line was sound again."""
        return None if self.recovered_ns is None else (self.recovered_ns - self.begin_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Disturbance:
    """The line was not sound, and no fault explains it."""

    begin_ns: int
    end_ns: int
    what: str


@dataclass(slots=True)
class FaultWindows:
    """Gathers windows row by row.

    Attributes:
        settings: of the line.
        faults: all that began, in order.
        disturbances: without a fault, in order.
    """

    settings: LineSettings
    faults: list[FaultWindow] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    _open: list[FaultWindow] = field(default_factory=list)
    _closed: list[tuple[float, float]] = field(default_factory=list)
    _trusted: bool = False
    _running: bool = False
    _sound_ns: int | None = None
    _sound_at: float = 0.0
    _unsound: tuple[int, str] | None = None
    _now_ns: int = 0

    @property
    def belt_length(self) -> float:
        """From the photo-eye to the confirm eyes, counts."""
        return float(self.settings.eye_to_gate_counts + self.settings.gate_to_confirm_counts)

    @property
    def sound(self) -> bool:
        """Whether the PLC trusts the station and the belt runs."""
        return self._sound_ns is not None

    def take(self, row: Mapping[str, Any], count: float) -> None:
        """One row of truth or PLC log.

        Args:
            row: in order of time; any row tells how far the belt has come.
            count: endless count of the belt then.
        """
        self._now_ns = int(row["t_ns"])
        # Up to this row the line was as the rows before it said.
        self._close(count)
        match row["event"]:
            case "fault":
                self._fault(row, count)
            case "belt":
                self._running = bool(row["run"])
                self._look(count, "the belt stood")
            case "trust":
                self._trusted = bool(row["trusted"])
                self._look(count, "the PLC did not trust the station")
            case "plc_start":
                self._trusted = False
                self._look(count, "the PLC started")
        self._close(count)

    def _fault(self, row: Mapping[str, Any], count: float) -> None:
        if row["phase"] == "begin":
            fault = FaultWindow(str(row["name"]), int(row["ball"]), self._now_ns, count - self.belt_length)
            self.faults.append(fault)
            self._open.append(fault)
            return
        for fault in self._open:
            if fault.end_ns is None and fault.name == row["name"] and fault.ball == row["ball"]:
                fault.end_ns = self._now_ns

    def _look(self, count: float, why: str) -> None:
        sound = self._trusted and self._running
        if sound and self._sound_ns is None:
            self._sound_ns, self._sound_at = self._now_ns, count
            if self._unsound is not None:
                self.disturbances.append(Disturbance(self._unsound[0], self._now_ns, self._unsound[1]))
                self._unsound = None
        elif not sound and self._sound_ns is not None:
            self._sound_ns = None
            for fault in self._open:
                fault.recovered_ns = fault.last = None
            if not self._open:
                self._unsound = (self._now_ns, why)

    def _close(self, count: float) -> None:
        """Close windows behind which the line has been sound for long enough."""
        for fault in list(self._open):
            if fault.end_ns is None or self._sound_ns is None:
                continue
            recovered_ns = max(fault.end_ns, self._sound_ns)
            fault.recovered_ns = recovered_ns
            recovered_at = self._sound_at if self._sound_ns >= fault.end_ns else None
            if fault.last is None or recovered_at is not None:
                fault.last = (recovered_at if recovered_at is not None else count) + self.belt_length
            if count >= fault.last and self._now_ns - recovered_ns >= SHOWS_NS:
                self._open.remove(fault)
                insort(self._closed, (fault.first, fault.last))

    def end(self, *, ran_empty: bool) -> None:
        """No more rows come; a belt that stands because it has `ran_empty` is no disturbance."""
        if self._unsound is not None and not ran_empty:
            self.disturbances.append(Disturbance(self._unsound[0], self._now_ns, self._unsound[1]))
        self._unsound = None

    def forget(self, before: float) -> None:
        """Windows that end this far behind are asked for no more; counts at the eye."""
        limit = before - _KEPT_LENGTHS * self.belt_length
        self._closed = [window for window in self._closed if window[1] >= limit]

    def holds(self, count: float) -> bool:
        """Whether a ball whose centre was at the eye at this count is in a fault's window."""
        if any(fault.first <= count for fault in self._open):
            return True
        upto = bisect_right(self._closed, count, key=lambda window: window[0])
        return any(count <= last for _, last in self._closed[:upto])

    @property
    def not_recovered(self) -> list[FaultWindow]:
        """Faults behind which the line never was sound again."""
        return sorted((fault for fault in self._open if fault.recovered_ns is None), key=attrgetter("ball"))
