"""Step 3: where the gate is, how long it takes, and whether the PLC's numbers fit. With real balls.

Key on SERVICE. At top speed and at a slow one the opening edge is searched for, and the closing edge with
a gate that stands open long before; two speeds give place and time of each. The confirm eyes' distance
follows from the counts at which they saw the balls. Nothing is written to the PLC but the service block:
where its numbers are wrong the step ends red and says what to set. Neighbours: `gate_trials`, `gate_model`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

from edge_runtime.commission import gate_model
from edge_runtime.commission.context import Context, wait_key, wait_speed
from edge_runtime.commission.gate_model import AtSpeed, Comparison, GateEdge
from edge_runtime.commission.gate_trials import (
    Asker,
    Telling,
    Trials,
    expected_spread_ms,
    find_window,
    search,
)
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed, StepRun
from edge_runtime.commission.threshold import Threshold, ThresholdSearch
from edge_runtime.commission.watch import NEVER, Ball, GateWindow
from edge_runtime.plc.registers import Confirm, KeySwitch

#: shares of top speed at which balls are tried: nearly top, and slow
_TOP, _SLOW = (0.9, 1.1), (0.25, 0.55)
#: a gate needs about twice the time of its turn to come to rest, and a little more
_REST_TURNS = 2.5
#: so many standard deviations of the way to a confirm eye must fit into the PLC's window
_SPREADS = 3.0


@dataclass(slots=True)
class _Lane:
    """What is known of one lane's gate so far."""

    number: int
    travel: float
    pulse: float
    opening: list[AtSpeed] = field(default_factory=list)
    closing: list[AtSpeed] = field(default_factory=list)
    raw: list[dict[str, Any]] = field(default_factory=list)

    def at(self, speed: float) -> AtSpeed:
        """Opening threshold that was found at about this speed."""
        return min(self.opening, key=lambda item: abs(item.speed_counts_per_s - speed))


def gate_step(context: Context) -> StepRun:
    """Lead through both speeds and both edges, then compare.

    Raises:
        StepFailed: the gate does not answer, or not in any regular way.
    """
    top = context.top_speed
    if top is None:
        raise StepFailed("gate.no_speed")
    first = context.watch.position
    lanes = [_lane(context, number) for number in context.lanes]
    yield from wait_key(context, KeySwitch.SERVICE, "gate.key_service")
    context.watch.forget_settings()
    asker = Asker(context)
    yield from _at_speed(asker, "gate.speed_top", top, _TOP, lanes, ("opening",))
    yield from _at_speed(asker, "gate.speed_slow", top, _SLOW, lanes, ("opening", "closing"))
    yield from _at_speed(asker, "gate.speed_top_again", top, _TOP, lanes, ("closing",))
    asker.ask(NEVER)
    yield from wait_key(context, KeySwitch.AUTO, "gate.key_auto")
    context.watch.forget_settings()
    found = Found()
    edges = {
        lane.number: (gate_model.solve_edge(lane.opening), gate_model.solve_edge(lane.closing))
        for lane in lanes
    }
    for lane in lanes:
        _compare(context, lane, *edges[lane.number], first, found)
    _compare_shared(context, edges, {lane.number: lane.pulse for lane in lanes}, found)
    return found


def _lane(context: Context, number: int) -> _Lane:
    travel = (context.value("eye", "travel_counts") or {}).get(str(number))
    pulse = (context.value("eye", "pulse_counts") or {}).get(str(number))
    if travel is None or pulse is None:
        raise StepFailed("gate.no_speed")
    return _Lane(number, float(travel), float(pulse))


def _at_speed(
    asker: Asker,
    text: str,
    top: float,
    shares: tuple[float, float],
    lanes: list[_Lane],
    edges: tuple[str, ...],
) -> Generator[Show, None, None]:
    """Wait for a speed, then do the edges on every lane."""
    speed = yield from wait_speed(asker.context, text, shares[0] * top, shares[1] * top)
    for lane in lanes:
        for edge in edges:
            if edge == "opening":
                yield from _opening(asker, lane, speed)
            else:
                yield from _closing(asker, lane, speed)


def _finder(
    context: Context, speed: float, low: float, high: float, *, accepts_below: bool
) -> ThresholdSearch:
    limits = context.limits.gate
    return ThresholdSearch(
        low,
        high,
        expected_spread_ms(context.geometry["scan_ms"]) / 1e3 * speed,
        limits.threshold_u_ms.value / 1e3 * speed,
        accepts_below=accepts_below,
        trials_max=limits.balls_max.value,
    )


def _opening(asker: Asker, lane: _Lane, speed: float) -> Generator[Show, None, None]:
    """A gate that opens late: until when is it in time?"""
    context = asker.context
    width = context.limits.gate.answer_max_ms.value / 1e3 * speed
    trials = Trials(lane.number, speed, width, first=context.watch.position)
    lead_s = context.geometry["valve_lead_ms"] / 1e3
    guess = context.geometry[f"lane{lane.number}_eye_to_gate_counts"] - lead_s * speed
    if lane.opening:
        # The same gate at another speed: only its time moves it.
        before = lane.opening[-1]
        guess = (
            before.threshold.counts
            + (before.speed_counts_per_s - speed) * context.geometry["valve_lead_ms"] / 1e3
        )
    telling = Telling("gate.looking", {"lane": context.subject(lane.number)})
    window = yield from find_window(asker, trials, guess, width, lane.travel, telling)
    finder = _finder(context, speed, window.opens - 0.1 * width, window.closes, accepts_below=True)
    threshold = yield from search(
        asker,
        trials,
        finder,
        lambda at: GateWindow(max(at, 1), round(max(at, 1) + width)),
        lambda held: held.opens,
        Telling("gate.opening", {"lane": context.subject(lane.number)}),
    )
    lane.opening.append(_kept(context, lane, "opening", trials, threshold))


def _closing(asker: Asker, lane: _Lane, speed: float) -> Generator[Show, None, None]:
    """A gate that closes early: from when on is it late enough?"""
    context = asker.context
    known = lane.at(speed)
    turn_ms = _turn_ms(context, lane)
    turn = turn_ms / 1e3 * speed
    opens = max(1, round(known.threshold.counts - turn - 3.0 * known.threshold.spread_counts))
    trials = Trials(lane.number, speed, _REST_TURNS * turn, first=context.watch.position)
    finder = _finder(
        context, speed, opens + 1.0, known.threshold.counts + _REST_TURNS * turn, accepts_below=False
    )
    threshold = yield from search(
        asker,
        trials,
        finder,
        lambda at: GateWindow(opens, max(at, opens + 1)),
        lambda held: held.closes,
        Telling("gate.closing", {"lane": context.subject(lane.number)}),
    )
    lane.closing.append(_kept(context, lane, "closing", trials, threshold))


def _turn_ms(context: Context, lane: _Lane) -> float:
    """Time of the opening edge as far as it is known; never below a scan."""
    least = 2.0 * context.geometry["scan_ms"]
    edge = gate_model.solve_edge(lane.opening)
    return min(max(edge.time_ms, least), context.limits.gate.answer_max_ms.value)


def _kept(context: Context, lane: _Lane, edge: str, trials: Trials, threshold: Threshold) -> AtSpeed:
    """One threshold with the speed that the belt really had during the series."""
    speeds = context.watch.speeds(1.0, 40, trials.first) or [trials.speed_counts_per_s]
    speed = mean(speeds)
    u_speed = stdev(speeds) / len(speeds) ** 0.5 if len(speeds) > 1 else 0.02 * speed
    lane.raw.append(
        {
            "edge": edge,
            "speed_counts_per_s": round(speed, 2),
            "threshold_counts": round(threshold.counts, 2),
            "u_threshold_counts": round(threshold.u_counts, 3),
            "spread_counts": round(threshold.spread_counts, 2),
            "trials": trials.raw,
        }
    )
    return AtSpeed(speed, u_speed, threshold)


def _compare(
    context: Context, lane: _Lane, opening: GateEdge, closing: GateEdge, first: int, found: Found
) -> None:
    """Place of the gate and of the confirm eyes of one lane."""
    limits, geometry, subject = context.limits.gate, context.geometry, context.subject(lane.number)
    name = f"lane{lane.number}_eye_to_gate_counts"
    place = gate_model.compare_place(
        name, geometry[name], opening.place_counts, opening.u_place_counts, context.ball_counts, limits
    )
    found.facts.append(_fact("gate.place", place, "counts", 0, subject))
    found.facts.append(
        Fact(
            key="gate.time_open",
            value=opening.time_ms,
            u=opening.u_time_ms,
            unit="ms",
            digits=1,
            subject=subject,
        )
    )
    found.facts.append(
        Fact(
            key="gate.time_close",
            value=closing.time_ms,
            u=closing.u_time_ms,
            unit="ms",
            digits=1,
            subject=subject,
        )
    )
    seen = [
        ball
        for ball in context.watch.balls
        if ball.lane == lane.number and ball.rising > first and ball.travel is not None
    ]
    for eye in (Confirm.ACCEPT_EYE, Confirm.REJECT_EYE):
        _confirm(context, lane.number, eye, seen, opening, found)
    found.values[f"lane{lane.number}"] = {
        "eye_to_gate_counts": opening.place_counts,
        "u_eye_to_gate_counts": opening.u_place_counts,
        "open_ms": opening.time_ms,
        "u_open_ms": opening.u_time_ms,
        "spread_ms": opening.spread_ms,
        "close_place_counts": closing.place_counts,
        "u_close_place_counts": closing.u_place_counts,
        "close_ms": closing.time_ms,
        "u_close_ms": closing.u_time_ms,
        "balls": opening.trials + closing.trials,
    }
    found.raw[f"lane{lane.number}"] = lane.raw


def _confirm(
    context: Context, lane: int, eye: Confirm, balls: list[Ball], opening: GateEdge, found: Found
) -> None:
    """Distance from the gate to one confirm eye; the PLC looks within half of the least spacing."""
    travels = [
        ball.travel
        for ball in balls
        if ball.travel is not None and ball.outcome is not None and ball.outcome.confirm == eye
    ]
    key = "gate.confirm_accept" if eye is Confirm.ACCEPT_EYE else "gate.confirm_reject"
    if len(travels) < 3:
        found.facts.append(Fact(key=key, ok=False, subject=context.subject(lane), todo="gate.confirm_todo"))
        return
    measured = mean(travels) - opening.place_counts
    spread = stdev(travels)
    u = (opening.u_place_counts**2 + spread**2 / len(travels)) ** 0.5
    name = f"lane{lane}_gate_to_confirm_counts"
    compared = gate_model.compare_place(
        name, context.geometry[name], measured, u, context.ball_counts, context.limits.gate
    )
    fact = _fact(key, compared, "counts", 0, context.subject(lane))
    if fact.ok and _SPREADS * spread > context.geometry["min_spacing_counts"] / 2.0:
        # The mean is right, but the PLC would take some balls for strangers.
        fact = fact.model_copy(update={"ok": False, "todo": "gate.confirm_spread"})
    found.facts.append(fact)
    found.values[f"{key.rpartition('.')[2]}_{lane}"] = {
        "counts": measured,
        "u_counts": u,
        "spread_counts": spread,
    }


def _compare_shared(
    context: Context, edges: dict[int, tuple[GateEdge, GateEdge]], pulses: dict[int, float], found: Found
) -> None:
    """Lead and window hold for all lanes: the slowest gate decides."""
    limits, geometry = context.limits.gate, context.geometry
    lead = max(
        (
            gate_model.compare_lead(geometry["valve_lead_ms"], opening, closing, geometry["scan_ms"], limits)
            for opening, closing in edges.values()
        ),
        key=lambda item: item.low,
    )
    found.facts.append(_fact("gate.lead", lead, "ms", 1, ""))
    window = max(
        (
            gate_model.compare_window(geometry["gate_window_counts"], opening, closing, pulses[number])
            for number, (opening, closing) in edges.items()
        ),
        key=lambda item: item.low,
    )
    found.facts.append(_fact("gate.window", window, "counts", 0, ""))
    found.values["lead_least_ms"] = lead.low


def _fact(key: str, compared: Comparison, unit: str, digits: int, subject: str) -> Fact:
    """A comparison as a line of the result: red with what to set."""
    return Fact(
        key=key,
        value=compared.measured,
        u=compared.u,
        unit=unit,
        digits=digits,
        plc=compared.plc,
        ok=compared.ok,
        subject=subject,
        todo="" if compared.ok else "gate.set",
        todo_values={} if compared.ok else {"name": compared.name, "value": compared.proposed},
    )
