"""The key in the twin's truth, beside what the PLC claims of it: who may pass without a proof, and who not.

A ball that passes a gate held open by key is bypassed, not accepted. The PLC's word for it is not
enough: the truth must have the key there at that moment. Nobody is let off a stop or a proof but by a
key that the truth has. Neighbours: `auditor_truth` reads the turns, `auditor` and `auditor_events` ask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin.settings import LineSettings

#: the PLC sees a turn with its next scan; this many are granted, before and after
SCANS = 3
#: a key that has stood for this long is known to a PLC however busy its machine is
SETTLED_MS = 250.0
#: longest ball, as a share of the longest pulse, that may still be under the gate when the key is turned
_PASSING = 2.0


@dataclass(frozen=True, slots=True)
class KeyTurn:
    """From `t_ns` and the endless `count` on the key stands on `key`."""

    t_ns: int
    count: float
    key: KeySwitch


@dataclass(frozen=True, slots=True)
class KeySpan:
    """The key stood off AUTO from the first to the last, monotonic ns and endless counts."""

    key: KeySwitch
    first_ns: int
    last_ns: int
    first_count: float
    last_count: float


@dataclass(slots=True)
class KeyTruth:
    """All turns of the key in a run, in order of time."""

    turns: list[KeyTurn] = field(default_factory=list)

    def spans(self, *kinds: KeySwitch) -> list[KeySpan]:
        """Times in which it stood on one of these; open ends reach beyond every time and count."""
        far = KeyTurn(1 << 62, float("inf"), KeySwitch.AUTO)
        return [
            KeySpan(turn.key, turn.t_ns, after.t_ns, turn.count, after.count)
            for turn, after in pairwise([*self.turns, far])
            if turn.key in kinds
        ]

    def held_at(self, t_ns: int | None, settings: LineSettings) -> bool:
        """The gate may have stood open by key then: the key was there, or the flap was still falling."""
        if t_ns is None:
            return False
        lead_ms = settings.valve_lead_ms + SCANS * settings.plc_scan_ms + settings.gate_watchdog_ms
        return any(span.first_ns <= t_ns <= span.last_ns + lead_ms * 1e6 for span in self._off())

    def settled_at(self, t_ns: int | None) -> bool:
        """The key had stood off AUTO for so long that the PLC must have known."""
        if t_ns is None:
            return False
        return any(span.first_ns + SETTLED_MS * 1e6 <= t_ns <= span.last_ns for span in self._off())

    def turned_under(self, gate_count: float, settings: LineSettings) -> bool:
        """The key was turned off AUTO while a ball passed whose leading edge met the gate at this count."""
        slack = settings.pulse_max_counts * _PASSING + self._scan_counts(settings)
        return any(0.0 <= span.first_count - gate_count <= slack for span in self._off())

    def excuses_stray(self, t_ns: int, count: float, settings: LineSettings) -> bool:
        """A ball that only the accept eye saw, at this count: it need not stop the belt.

        It was at a gate held open by key, or the key stands on SERVICE.
        """
        if self.in_service(t_ns, count, settings):
            return True
        at_gate = count - settings.gate_to_confirm_counts
        slack = self._scan_counts(settings)
        fall = settings.max_speed_counts_per_s * settings.valve_lead_ms / 1000.0
        reach = slack + fall + settings.min_spacing_counts / 2.0
        return any(span.first_count - slack <= at_gate <= span.last_count + reach for span in self._off())

    def in_service(self, t_ns: int, count: float, settings: LineSettings) -> bool:
        """The key stood on SERVICE, or what passed the gate then was still on its way to the eyes."""
        slack_ns = SCANS * settings.plc_scan_ms * 1e6
        travel = settings.gate_to_confirm_counts + settings.min_spacing_counts + settings.pulse_max_counts
        return any(
            span.first_ns - slack_ns <= t_ns
            and (t_ns <= span.last_ns + slack_ns or count <= span.last_count + travel)
            for span in self.spans(KeySwitch.SERVICE)
        )

    def _off(self) -> list[KeySpan]:
        return self.spans(KeySwitch.BYPASS, KeySwitch.SERVICE)

    @staticmethod
    def _scan_counts(settings: LineSettings) -> float:
        return SCANS * settings.max_speed_counts_per_s * settings.plc_scan_ms / 1000.0
