"""Trials of one gate edge at one belt speed: which balls count, and the search for the threshold.

The key stands on SERVICE; the PLC takes a window (open so far, close so far behind a ball's leading
edge) for every ball at its birth. A ball counts when the window that held for it is certain, when the
gate had been at rest before its own, and when no later ball's window could have opened it early.
Neighbours: `watch` knows balls and windows, `threshold` chooses the places, `steps_gate` leads through
speeds and edges.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.commission.context import Context, line_trouble, speed_figure
from edge_runtime.commission.shown import Figure, Show, StepFailed
from edge_runtime.commission.threshold import Threshold, ThresholdSearch, Trial
from edge_runtime.commission.watch import NEVER, Ball, GateWindow
from edge_runtime.plc.registers import Cause, KeySwitch

#: windows overlap by this when the line is searched for the gate's place
_COARSE_STEP_SHARE = 0.6
#: of the last so many balls that many were too near to another: the technician is told
_NEAR_LOOK, _NEAR_MAX = 12, 7
#: what is expected of the spread before anything is known: the valve's own, beside the scan, ms
_VALVE_SPREAD_MS = 1.0
#: a restless gate costs more balls than are worth it: its threshold may be so much less sure at their end
_SPENT_TARGETS = 2.0
#: a service block that the PLC does not show for so long is asked for again
_ASK_AGAIN_NS = 2_000_000_000


@dataclass(slots=True)
class Trials:
    """One series on one lane: belt speed, how long a gate may take, and what came of every ball.

    Balls triggered behind the belt position `first` belong to it.
    """

    lane: int
    speed_counts_per_s: float
    rest_counts: float
    raw: list[dict[str, Any]] = field(default_factory=list)
    near: list[bool] = field(default_factory=list)
    first: int = 0
    _done: set[int] = field(default_factory=set)

    def results(self, context: Context, *, coarse: bool = False) -> Iterator[tuple[GateWindow, bool]]:
        """Balls whose outcome came since the last call and that count: window, accepted.

        `coarse`: a rejected ball says that its window did not take it, however near others were.
        """
        for ball in list(context.watch.balls):
            if ball.lane != self.lane or ball.rising <= self.first or ball.number in self._done:
                continue
            if ball.outcome is None:
                continue
            self._done.add(ball.number)
            why = self._why_not(context, ball)
            if len(ball.windows) == 1 and not ball.windows[0].never:
                self.near.append(why == "near")
            told = not why or (coarse and why == "near" and ball.accept is False)
            if told and ball.accept is not None:
                window = ball.windows[0]
                self.raw.append({"open": window.opens, "close": window.closes, "accept": ball.accept})
                yield window, ball.accept

    def _why_not(self, context: Context, ball: Ball) -> str:
        outcome = ball.outcome
        if outcome is None or outcome.cause != Cause.SERVICE:
            return "cause"
        if len(ball.windows) != 1:
            return "window"
        if ball.accept is None:
            return "unseen"
        return "near" if self._too_near(context, ball) else ""

    def _too_near(self, context: Context, ball: Ball) -> bool:
        """Another ball's window may have moved the gate for this one."""
        window = ball.windows[0]
        opens = ball.rising + (window.opens if not window.never else 0)
        # It was at the gate before the confirm eye, and before its own window was long over.
        reach = min(ball.travel or 0, window.closes + self.rest_counts)
        for other in context.watch.balls:
            if (
                other is ball
                or other.lane != ball.lane
                or abs(other.rising - ball.rising) > 4 * max(reach, 1)
            ):
                continue
            for held in other.windows:
                if held.never:
                    continue
                if other.rising < ball.rising and other.rising + held.closes + self.rest_counts > opens:
                    return True
                if other.rising > ball.rising and other.rising + held.opens < ball.rising + reach:
                    return True
        return False

    @property
    def crowded(self) -> bool:
        """Most of the last balls came too near to each other."""
        return sum(self.near[-_NEAR_LOOK:]) >= _NEAR_MAX


def expected_spread_ms(scan_ms: float) -> float:
    """Standard deviation of a gate's answer before it is measured: even wait for the scan, and valve."""
    return float((scan_ms**2 / 12.0 + _VALVE_SPREAD_MS**2) ** 0.5)


@dataclass(slots=True)
class Asker:
    """Has the PLC take a window, and asks again where it was lost (key turned, PLC started anew)."""

    context: Context
    window: GateWindow = NEVER
    since_ns: int = 0

    def ask(self, window: GateWindow) -> None:
        """Ask for a window."""
        seq = self.context.ports.plc.set_service(window.opens, window.closes)
        self.context.watch.asked(seq, window)
        self.window, self.since_ns = window, self.context.ports.clock.mono_ns()

    def lost(self) -> Show | None:
        """Something to do before trials can go on, None when the PLC holds the window."""
        watch, now_ns = self.context.watch, self.context.ports.clock.mono_ns()
        if watch.key is not KeySwitch.SERVICE:
            watch.forget_settings()
            return Show("gate.key_service", waiting=True)
        held = watch.asked_seq is not None and watch.header["service_echo"] == watch.asked_seq
        if held:
            self.since_ns = now_ns
        elif now_ns - self.since_ns > _ASK_AGAIN_NS:
            self.ask(self.window)
        return None


@dataclass(frozen=True, slots=True)
class Telling:
    """What the technician sees during a series: text, its values, and which of how many series it is."""

    text: str
    values: dict[str, Any]


def _show(asker: Asker, telling: Telling, trials: Trials, figures: tuple[Figure, ...], total: int) -> Show:
    context = asker.context
    trouble = line_trouble(context) or asker.lost()
    if trouble is not None:
        return trouble
    if trials.crowded:
        apart_mm = 2.0 * trials.rest_counts * context.um_per_count / 1000.0
        return Show("gate.too_near", {"apart": round(apart_mm)}, figures, waiting=True)
    progress = (min(len(trials.raw), total), total)
    return Show(telling.text, dict(telling.values), figures, progress, waiting=True)


def find_window(
    asker: Asker, trials: Trials, guess: float, width: float, last: float, telling: Telling
) -> Generator[Show, None, GateWindow]:
    """A window of `width` counts that sends a ball to accept, looked for outwards from a guess.

    Raises:
        StepFailed: no window up to `last` counts does.
    """
    step = _COARSE_STEP_SHARE * width
    steps = int(last / step) + 1
    places = {
        max(1, round(guess - width / 2.0 + sign * number * step)): None
        for number in range(steps)
        for sign in (1, -1)
    }
    places = {place: None for place in places if place < last}
    for place in places:
        window = GateWindow(place, round(place + width))
        asker.ask(window)
        answers: list[bool] = []
        while not answers:
            yield _show(asker, telling, trials, (speed_figure(asker.context),), 1)
            answers = [accept for at, accept in trials.results(asker.context, coarse=True) if at == window]
        if any(answers):
            return window
    raise StepFailed("gate.no_answer", {"trials": trials.raw}, lane=asker.context.subject(trials.lane))


def search(
    asker: Asker,
    trials: Trials,
    finder: ThresholdSearch,
    window_at: Callable[[int], GateWindow],
    place_of: Callable[[GateWindow], int],
    telling: Telling,
) -> Generator[Show, None, Threshold]:
    """Place after place until the threshold is known.

    Args:
        asker, trials: as above.
        finder: chooses the places.
        window_at: the window for a place; place_of: the other way round.
        telling: what the technician sees.

    Raises:
        StepFailed: the gate answers too irregularly.
    """
    context, limits = asker.context, asker.context.limits.gate
    turn = 0
    while not finder.sure:
        if finder.spent:
            if finder.result().u_counts <= _SPENT_TARGETS * finder.target_u_counts:
                break
            raise StepFailed("gate.irregular", {"trials": trials.raw}, balls=len(finder.trials))
        window = window_at(round(finder.next_at(turn)))
        turn += 1
        asker.ask(window)
        got = False
        while not got:
            yield _show(asker, telling, trials, _figures(context, finder), _needed(finder))
            for held, accept in trials.results(context):
                finder.add(Trial(place_of(held), accept))
                got = True
    found = finder.final()
    if found.spread_counts > limits.spread_max_ms.value / 1e3 * trials.speed_counts_per_s:
        raise StepFailed("gate.irregular", {"trials": trials.raw}, balls=len(finder.trials))
    if finder.astray > limits.astray_max_share.value * len(finder.trials):
        raise StepFailed(
            "gate.astray", {"trials": trials.raw}, astray=finder.astray, balls=len(finder.trials)
        )
    return found


def _figures(context: Context, finder: ThresholdSearch) -> tuple[Figure, ...]:
    now = finder.result()
    mm = context.um_per_count / 1000.0
    wanted = finder.target_u_counts
    sure = min(wanted / max(now.u_counts, 1e-9), 1.0)
    return (
        speed_figure(context),
        Figure("figure.threshold", now.counts * mm, 1, "mm"),
        Figure("figure.u_threshold", now.u_counts * mm, 2, "mm", high=wanted * mm, share=sure, settling=True),
    )


def _needed(finder: ThresholdSearch) -> int:
    """About how many balls it will take: the uncertainty falls as the square root of their number."""
    done = len(finder.trials)
    if done < 6:
        return 40
    wanted = done * (finder.result().u_counts / finder.target_u_counts) ** 2
    return max(done, round(min(wanted, 3.0 * done, 200.0)))
