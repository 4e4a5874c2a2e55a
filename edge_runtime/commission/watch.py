"""What the PLC tells, put together: belt position and speed, every ball with its outcome, gate trials.

Counts are endless (unwrapped). Neighbours: the engine feeds it with `ports.PlcEvent`s, the steps read it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_runtime.commission.ports import HeaderRead, OutcomesTaken, PlcEvent, PlcLost, TriggersTaken
from edge_runtime.encoder import COUNT_MODULUS, Unwrapper
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord
from edge_runtime.plc.registers import Confirm, KeySwitch, PlcStatus

Float64Array = npt.NDArray[np.float64]

BALLS_KEPT = 4000
#: a belt at 10 000 counts per second goes half round its counter in 3.2 s
_GAP_NS = 2_000_000_000
#: polls kept for the speed: a minute at 50 a second
_POLLS_KEPT = 3000


@dataclass(frozen=True, slots=True)
class GateWindow:
    """When the gate is commanded open, counts behind a ball's leading edge; `opens` 0: never."""

    opens: int
    closes: int

    @property
    def never(self) -> bool:
        """It stays closed."""
        return self.opens == 0 or self.closes <= self.opens


NEVER = GateWindow(0, 0)


@dataclass(slots=True)
class Ball:
    """One trigger. `windows`: the gate commands that may have held for it, one where it is certain."""

    lane: int
    number: int
    epoch: int
    rising: int
    pulse: int
    windows: tuple[GateWindow, ...]
    outcome: OutcomeRecord | None = None
    confirm_count: int | None = None

    @property
    def centre(self) -> int:
        """Count at which its middle was in the eye."""
        return self.rising + self.pulse // 2

    @property
    def accept(self) -> bool | None:
        """Seen in the accept chute; None: by no confirm eye (yet)."""
        if self.outcome is None or self.outcome.confirm == Confirm.NONE:
            return None
        return self.outcome.confirm == Confirm.ACCEPT_EYE

    @property
    def travel(self) -> int | None:
        """Counts from the eye to the confirm eye that saw it."""
        return None if self.confirm_count is None else self.confirm_count - self.rising


@dataclass(slots=True)
class _Setting:
    """A service block: written at the count `asked`, shown by the PLC from `sure` on."""

    seq: int
    window: GateWindow
    asked: int
    sure: int | None = None


@dataclass(slots=True)
class LineWatch:
    """State of the line as the PLC tells it."""

    header: dict[str, int] = field(default_factory=dict)
    lost: str = ""
    position: int = 0
    balls: deque[Ball] = field(default_factory=lambda: deque(maxlen=BALLS_KEPT))
    _polls: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_POLLS_KEPT))
    _unwrap: Unwrapper = field(default_factory=Unwrapper)
    _open: dict[tuple[int, int, int], Ball] = field(default_factory=dict)
    _settings: list[_Setting] = field(default_factory=list)
    _base: int = 0

    def feed(self, event: PlcEvent) -> None:
        """Take one event."""
        if isinstance(event, HeaderRead):
            self._header(event)
        elif isinstance(event, TriggersTaken):
            for trigger in event.records:
                self._trigger(trigger)
        elif isinstance(event, OutcomesTaken):
            for outcome in event.records:
                self._outcome(outcome)
        elif isinstance(event, PlcLost):
            self.lost = event.detail

    def _header(self, event: HeaderRead) -> None:
        values = dict(event.values)
        restarted = values.get("plc_boot_id") != self.header.get("plc_boot_id", values["plc_boot_id"])
        if restarted or self._gap(event.mono_ns):
            self._begin_anew(restarted)
        before = self.position
        self.lost, self.header = "", values
        self.position = self._base + self._unwrap(values["encoder_count"])
        self._polls.append((event.mono_ns, self.position))
        for setting in self._settings:
            if setting.sure is None and setting.seq == values["service_echo"]:
                setting.sure, setting.asked = self.position, max(setting.asked, before)

    def _gap(self, mono_ns: int) -> bool:
        """So long without a poll that the belt may have gone half round the counter."""
        return bool(self._polls) and mono_ns - self._polls[-1][0] > _GAP_NS

    def _begin_anew(self, restarted: bool) -> None:
        """Where the belt went is not known: positions go on far ahead, what was in flight is lost."""
        self._base += (self.position - self._base) // COUNT_MODULUS * COUNT_MODULUS + 2 * COUNT_MODULUS
        self._unwrap, self._polls = Unwrapper(), deque(maxlen=_POLLS_KEPT)
        self._open.clear()
        if restarted:
            self._settings.clear()

    def endless(self, count: int) -> int:
        """Endless count of a 16-bit one near the belt's position now."""
        return self._base + self._unwrap.peek(count)

    def _trigger(self, record: TriggerRecord) -> None:
        rising = self.endless(record.encoder_count)
        ball = Ball(
            record.lane,
            record.trigger_seq,
            record.epoch,
            rising,
            record.pulse_counts,
            self._windows(rising + record.pulse_counts),
        )
        self.balls.append(ball)
        self._open[record.epoch, record.lane, record.trigger_seq] = ball

    def _outcome(self, record: OutcomeRecord) -> None:
        ball = self._open.pop((record.epoch, record.lane, record.trigger_seq), None)
        if ball is None:
            return  # triggered before we looked
        ball.outcome = record
        if record.confirm != Confirm.NONE:
            ball.confirm_count = self.endless(record.confirm_encoder_count)

    # -- the gate's settings ------------------------------------------------------------------

    def asked(self, seq: int, window: GateWindow) -> None:
        """A service block was written: it will hold for balls born after the PLC shows `seq`."""
        self._settings.append(_Setting(seq, window, self.position))
        del self._settings[:-64]

    def forget_settings(self) -> None:
        """The key was turned: no block is in force."""
        self._settings.clear()

    @property
    def asked_seq(self) -> int | None:
        """Number of the newest service block, None without one."""
        return self._settings[-1].seq if self._settings else None

    def _windows(self, born: int) -> tuple[GateWindow, ...]:
        """Settings that may hold for a ball whose trailing edge left the eye at `born`."""
        possible: list[GateWindow] = [NEVER]
        for setting in self._settings:
            if setting.sure is not None and born > setting.sure:
                possible = [setting.window]
            elif born > setting.asked:
                possible.append(setting.window)
        return tuple(dict.fromkeys(possible))

    # -- speed --------------------------------------------------------------------------------

    def speed(self, seconds: float) -> tuple[float, float] | None:
        """Belt speed over the last `seconds` and its standard uncertainty, counts per second.

        None while there are too few polls, or they do not reach back so far.
        """
        if not self._polls:
            return None
        end_ns = self._polls[-1][0]
        times, places = [], []
        for mono_ns, position in reversed(self._polls):
            times.append((mono_ns - end_ns) / 1e9)
            places.append(float(position))
            if end_ns - mono_ns >= seconds * 1e9:
                break
        if len(times) < 8 or -times[-1] < 0.9 * seconds:
            return None
        return _slope(np.array(times), np.array(places))

    def speeds(self, seconds: float, windows: int, since: int | None = None) -> list[float]:
        """Mean speeds of up to `windows` windows of `seconds` each, newest first, counts per second.

        `since`: only from this belt position on.
        """
        polls = [poll for poll in self._polls if since is None or poll[1] >= since]
        if not polls:
            return []
        end_ns = polls[-1][0]
        times = np.array([(mono_ns - end_ns) / 1e9 for mono_ns, _ in polls])
        places = np.array([float(position) for _, position in polls])
        found = []
        for number in range(windows):
            inside = (times <= -number * seconds) & (times >= -(number + 1) * seconds)
            if np.count_nonzero(inside) < 8 or np.ptp(times[inside]) < 0.8 * seconds:
                break
            found.append(_slope(times[inside], places[inside])[0])
        return found

    # -- words of the header ------------------------------------------------------------------

    @property
    def key(self) -> KeySwitch | None:
        """Where the key stands, None before the first header."""
        return KeySwitch(self.header["key_switch"]) if self.header else None

    @property
    def status(self) -> PlcStatus:
        """Bits of the PLC's status."""
        return PlcStatus(self.header.get("plc_status", 0))


def _slope(times: Float64Array, places: Float64Array) -> tuple[float, float]:
    """Slope of a straight line and its standard uncertainty."""
    middle = times - times.mean()
    spread = float((middle**2).sum())
    slope = float((middle * places).sum()) / spread
    rest = places - places.mean() - slope * middle
    freedom = max(len(times) - 2, 1)
    return slope, float(np.sqrt((rest**2).sum() / freedom / spread))
