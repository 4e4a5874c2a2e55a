"""Step 2: photo-eye, encoder and belt, by a few balls at top speed.

Nothing of the PLC's numbers is believed here: a pulse in counts beside the nominal diameter says whether
the encoder counts as it should, polls against the clock give the belt's speed and its noise.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from statistics import mean, stdev

from edge_runtime.commission.context import Context, line_trouble, speed_figure, steady_speed, until
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed, StepRun
from edge_runtime.commission.watch import Ball

_WINDOW_S, _WINDOWS = 0.5, 12
#: balls that no confirm eye saw, of those that passed
_UNSEEN_MAX_SHARE = 0.2


def eye_step(context: Context) -> StepRun:
    """Top speed by the technician's word, then balls until enough have passed eye and confirm eye.

    Raises:
        StepFailed: a lane's balls do not reach a confirm eye.
    """
    yield from _top_speed(context)
    watch, wanted = context.watch, context.limits.eye.balls.value
    first = watch.position

    def fewest() -> int:
        return min((len(_passed(context, lane, first)) for lane in context.lanes), default=0)

    def show() -> Show:
        figures = (speed_figure(context),)
        return Show("eye.balls", {"balls": wanted}, figures, (fewest(), wanted), waiting=True)

    def enough() -> bool:
        return fewest() >= wanted and len(watch.speeds(_WINDOW_S, _WINDOWS, first)) >= _WINDOWS

    yield from until(context, enough, show)
    found = Found(values={"travel_counts": {}, "pulse_counts": {}})
    _belt(context, first, found)
    for lane in context.lanes:
        _lane(context, lane, _passed(context, lane, first), found)
    return found


def _top_speed(context: Context) -> Generator[Show, None, None]:
    """Until the technician says that the belt now runs as fast as it ever will."""
    while True:
        steady = steady_speed(context) is not None
        yield line_trouble(context) or Show(
            "eye.top_speed",
            figures=(speed_figure(context),),
            asks=("done",) if steady else (),
            waiting=True,
        )
        if context.answer("done") is not None and steady_speed(context) is not None:
            return


def _passed(context: Context, lane: int, first: int) -> list[Ball]:
    """Balls that were triggered behind `first` and whose outcome is known."""
    return [
        ball
        for ball in context.watch.balls
        if ball.lane == lane and ball.rising > first and ball.outcome is not None
    ]


def _belt(context: Context, first: int, found: Found) -> None:
    limits = context.limits.eye
    speeds = context.watch.speeds(_WINDOW_S, _WINDOWS, first)
    top, noise = mean(speeds), stdev(speeds) / mean(speeds)
    found.raw["speeds_counts_per_s"] = [round(speed, 2) for speed in speeds]
    found.values["top_speed_counts_per_s"] = top
    found.values["max_speed_counts_per_s"] = round(max(speeds) * (1.0 + limits.speed_reserve_share.value), 1)
    metres = top * context.um_per_count / 1e6
    found.facts.append(Fact(key="eye.speed", value=metres, digits=3, unit="m_per_s"))
    quiet = noise <= limits.speed_noise_max_share.value
    found.facts.append(
        Fact(
            key="eye.noise",
            value=100.0 * noise,
            digits=2,
            unit="percent",
            ok=quiet,
            todo="" if quiet else "eye.noise_todo",
        )
    )


def _lane(context: Context, lane: int, balls: list[Ball], found: Found) -> None:
    """Pulse, spacing and travel of one lane's balls."""
    subject, key = context.subject(lane), str(lane)
    seen = [ball for ball in balls if ball.travel is not None]
    if len(seen) < (1.0 - _UNSEEN_MAX_SHARE) * len(balls):
        raise StepFailed("eye.not_confirmed", seen=len(seen), balls=len(balls), lane=subject)
    pulses = [ball.pulse for ball in balls]
    travels = [ball.travel for ball in seen if ball.travel is not None]
    spacing = [later.centre - earlier.centre for earlier, later in pairwise(balls)]
    found.raw[f"lane{lane}"] = {"pulse_counts": pulses, "travel_counts": travels, "spacing_counts": spacing}
    found.values["travel_counts"][key] = mean(travels)
    found.values["pulse_counts"][key] = mean(pulses)
    found.facts.append(_scale(context, subject, pulses))
    found.facts.append(_pulse_limits(context, subject, pulses))
    found.facts.append(_spacing(context, subject, spacing))


def _scale(context: Context, subject: str, pulses: list[int]) -> Fact:
    """Pulse times um per count beside the nominal diameter."""
    nominal_mm = context.draft.d_nominal_mm
    mm = context.um_per_count / 1000.0
    length_mm = mean(pulses) * mm
    u_mm = stdev(pulses) / len(pulses) ** 0.5 * mm
    off = length_mm / nominal_mm - 1.0
    ok = abs(off) <= context.limits.eye.scale_tolerance_share.value
    proposed = context.um_per_count / (1.0 + off)
    return Fact(
        key="eye.length",
        value=length_mm,
        u=u_mm,
        unit="mm",
        digits=2,
        plc=nominal_mm,
        ok=ok,
        subject=subject,
        todo="" if ok else "eye.length_todo",
        todo_values={} if ok else {"off": round(100.0 * off, 1), "proposed": round(proposed, 1)},
    )


def _pulse_limits(context: Context, subject: str, pulses: list[int]) -> Fact:
    """All pulses must lie within the limits that the PLC rejects by."""
    low, high = context.geometry["pulse_min_counts"], context.geometry["pulse_max_counts"]
    ok = low <= min(pulses) and max(pulses) <= high
    return Fact(
        key="eye.pulses",
        value=f"{min(pulses)}–{max(pulses)}",
        unit="counts",
        plc=f"{low}–{high}",
        ok=ok,
        subject=subject,
        todo="" if ok else "eye.pulses_todo",
        todo_values={} if ok else {"low": round(0.75 * mean(pulses)), "high": round(1.2 * mean(pulses))},
    )


def _spacing(context: Context, subject: str, spacing: list[int]) -> Fact:
    """Smallest distance of two balls' middles beside the smallest that the PLC accepts."""
    least = context.geometry["min_spacing_counts"]
    return Fact(
        key="eye.spacing",
        value=min(spacing) * context.um_per_count / 1000.0,
        unit="mm",
        digits=0,
        plc=round(least * context.um_per_count / 1000.0),
        subject=subject,
    )
