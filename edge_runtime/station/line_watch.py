"""What the PLC's header says of the line: faults that it counts, stops, the key, whether a stop was heard.

Neighbours: the core hands on every header that was read and holds the station while `key_hold` says so;
the line's state goes into the books whenever it changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from enum import IntEnum

from edge_runtime.entries import LineStateEntry
from edge_runtime.live.status import PlcStatusFacts
from edge_runtime.plc.registers import KeySwitch, PlcStatus, StopCause
from edge_runtime.station.ports import Link
from edge_runtime.station.rows import Stamp

#: counters of the PLC's header whose every step is a fault in the books
PLC_FAULT_COUNTERS = (
    "trigger_overflow",
    "outcome_overflow",
    "refused_verdicts",
    "unproven_accepts",
    "stray_rejects",
)
#: inputs that people are told of
INPUTS = {
    PlcStatus.E_STOP: "e_stop",
    PlcStatus.GUARD_OPEN: "guard_open",
    PlcStatus.AIR_LOW: "air_low",
    PlcStatus.BIN_FULL: "bin_full",
}
_NO_FAULT = PlcStatus.BELT_RUN | PlcStatus.STATION_TRUSTED
#: a stop request stands at least so long, so that the PLC has seen it before it is withdrawn
STOP_STANDS_NS = 250_000_000
#: a belt that was not seen latched for so long was reset while the link was down, or the PLC does not obey
STOP_UNHEARD_NS = 5_000_000_000


def _word(kind: type[IntEnum], number: int) -> str:
    try:
        return kind(number).name.lower()
    except ValueError:
        return f"unknown_{number}"


class LineWatch:
    """Follows one PLC.

    Args:
        link: is asked to stop the belt.
        fault: names a fault in the books (code, detail, count).
    """

    def __init__(self, link: Link, fault: Callable[[str, str, int], None]) -> None:
        self._link = link
        self._fault = fault
        self._steps: dict[str, int] = {}
        self._looked_at: tuple[object, ...] = ()
        self._told: tuple[object, ...] = ()
        self._stop_asked_ns = 0
        self._stop_heard = False
        self.status = PlcStatus(0)
        self.header: dict[str, int] = {}
        self.connected = False
        self.trouble = ""
        self.last_read_ns = 0

    @property
    def latched(self) -> bool:
        """The belt is stopped until a person at the PLC resets it."""
        return bool(self.status & PlcStatus.BELT_LATCHED)

    @property
    def belt_runs(self) -> bool:
        """So says the PLC; without one the belt counts as running."""
        return not self.connected or not self.header or bool(self.status & PlcStatus.BELT_RUN)

    @property
    def key(self) -> str:
        """Word of `KeySwitch`; an unknown position is said, not hidden."""
        return _word(KeySwitch, self.header.get("key_switch", KeySwitch.AUTO))

    @property
    def key_hold(self) -> str:
        """Why the key keeps the station from being Ready, '' while it is on AUTO."""
        if not self.header.get("key_switch", 0):
            return ""
        return f"the key at the PLC is on {self.key.upper()}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those that are on."""
        return tuple(name for bit, name in INPUTS.items() if self.status & bit)

    # -- what was read ------------------------------------------------------------------------

    def begin(self, header: dict[str, int], *, same_plc_life: bool) -> None:
        """A session is in force; `header` is empty where there is no PLC."""
        if not same_plc_life:
            self._steps.clear()
        self.connected, self.trouble = True, ""
        self.header = header
        self.last_read_ns = time.monotonic_ns()
        if self._stop_asked_ns and not self._stop_heard:
            self._stop_asked_ns = self.last_read_ns  # this session tells the PLC of it anew

    def lost(self, reason: str) -> None:
        """No session."""
        self.connected, self.trouble = False, reason

    def read(self, header: dict[str, int]) -> None:
        """One poll of the header."""
        self.header = header
        self.connected, self.trouble = True, ""
        self.last_read_ns = time.monotonic_ns()
        for name in PLC_FAULT_COUNTERS:
            more = (header[name] - self._steps.get(name, header[name])) & 0xFFFF
            self._steps[name] = header[name]
            if more:
                self._fault(f"plc_{name}", f"{more} more", more)
        if header["plc_status"] != self.status.value:
            status = PlcStatus(header["plc_status"])
            for bit in PlcStatus(status & ~self.status & ~_NO_FAULT):
                self._fault(f"plc_{str(bit.name).lower()}", f"stop cause {header['stop_cause']}", 1)
            self.status = status
        if self._stop_asked_ns:
            self._withdraw_stop_when_due()

    def ask_stop(self) -> None:
        """Have the belt latched; the request is withdrawn once the PLC has done it."""
        self._stop_asked_ns, self._stop_heard = time.monotonic_ns(), False
        self._link.request_stop()

    def _withdraw_stop_when_due(self) -> None:
        """Latched: a reset at the PLC must free the belt, and only a request that rises stops it again."""
        self._stop_heard = self._stop_heard or self.latched
        stood_ns = self.last_read_ns - self._stop_asked_ns
        if stood_ns <= (STOP_STANDS_NS if self._stop_heard else STOP_UNHEARD_NS):
            return
        if not self._stop_heard:
            self._fault("stop_not_latched", "the PLC was asked for a stop and never showed one", 1)
        self._stop_asked_ns = 0
        self._link.withdraw_stop()

    # -- what is told -------------------------------------------------------------------------

    def entry_if_new(
        self, holds: Iterable[str], lot: str, shift: str, stamp: Callable[[], Stamp]
    ) -> LineStateEntry | None:
        """How the line stands, when that is another way than at the last call."""
        header = self.header
        seen = (
            self.connected,
            header.get("plc_status"),
            header.get("stop_cause"),
            header.get("key_switch"),
            lot,
            shift,
            *holds,
        )
        if seen == self._looked_at:
            return None  # nothing at all has changed, and this is asked after every event
        self._looked_at = seen
        names = tuple(sorted(holds))
        now = (
            self.connected,
            # A bench without a PLC has no belt that could stand.
            bool(self.status & PlcStatus.BELT_RUN) or (self.connected and not header),
            self.latched,
            _word(StopCause, header.get("stop_cause", 0)),
            not names,
            names,
            self.key,
            self.inputs,
            lot,
            shift,
        )
        if now == self._told:
            return None
        self._told = now
        when = stamp()
        return LineStateEntry(*now, utc_ns=when.utc_ns, boot_id=when.boot_id)

    def facts(self) -> PlcStatusFacts:
        """For the page and the terminal."""
        header = self.header
        key = self.key
        return PlcStatusFacts(
            connected=self.connected,
            detail=self.trouble,
            trusted=bool(self.status & PlcStatus.STATION_TRUSTED),
            belt_running=bool(self.status & PlcStatus.BELT_RUN),
            latched=self.latched,
            stop_cause=_word(StopCause, header.get("stop_cause", 0)),
            key_switch=key if key in ("auto", "bypass", "service") else "service",
            inputs=self.inputs,
            epoch=header.get("epoch", 0),
            last_read_mono_ns=self.last_read_ns,
            totals={name: value for name, value in header.items() if name.endswith("_total")},
        )
