"""What a step works with, and the waits that all steps share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.commission.draft import Draft
from edge_runtime.commission.limits import CommissionLimits
from edge_runtime.commission.ports import Ports
from edge_runtime.commission.shown import Answer, Figure, Show, StepResult
from edge_runtime.commission.watch import LineWatch
from edge_runtime.plc.registers import KeySwitch, PlcStatus, StopCause
from vision.types import Frame

#: a belt is steady when its last few seconds differ by no more than this share
STEADY_SHARE = 0.05
_STEADY_WINDOWS, _WINDOW_S = 3, 0.7
_MOVING_COUNTS_PER_S = 20.0


@dataclass(slots=True)
class Context:
    """One commissioning as the steps see it. `frames` came since the last tick."""

    draft: Draft
    limits: CommissionLimits
    ports: Ports
    watch: LineWatch = field(default_factory=LineWatch)
    results: dict[str, StepResult] = field(default_factory=dict)
    frames: dict[str, list[Frame]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    def answer(self, name: str) -> Answer | None:
        """The oldest answer of that name, once."""
        for index, answer in enumerate(self.answers):
            if answer.get("name") == name:
                return self.answers.pop(index)
        return None

    def value(self, step: str, name: str, otherwise: Any = None) -> Any:
        """What an earlier step has left for later ones."""
        result = self.results.get(step)
        return otherwise if result is None else result.values.get(name, otherwise)

    @property
    def geometry(self) -> Mapping[str, int]:
        """The PLC's geometry block as it is now; empty before it was read."""
        return self.ports.plc.geometry() or {}

    @property
    def lanes(self) -> tuple[int, ...]:
        """Lanes that the PLC uses."""
        return tuple(
            number for number in range(8) if self.geometry.get(f"lane{number}_eye_to_gate_counts", 0) > 0
        )

    def subject(self, lane: int) -> str:
        """How a lane is named beside a fact; a line with one lane needs no name."""
        return str(lane) if len(self.lanes) > 1 else ""

    @property
    def um_per_count(self) -> float:
        """Belt travel per count by the PLC, micrometres."""
        return self.geometry["um_per_count_x10"] / 10.0

    @property
    def ball_counts(self) -> float:
        """Nominal diameter, counts."""
        return self.draft.d_nominal_mm * 1000.0 / self.um_per_count

    @property
    def top_speed(self) -> float | None:
        """Top speed by the step that measured it, counts per second."""
        speed = self.value("eye", "top_speed_counts_per_s")
        return None if speed is None else float(speed)


def line_trouble(context: Context) -> Show | None:
    """What keeps the line from running, to be shown in place of a step's own text; None: nothing."""
    watch = context.watch
    if watch.lost or not watch.header:
        return Show("trouble.plc", {"detail": watch.lost}, waiting=True)
    status = watch.status
    for bit, key in (
        (PlcStatus.E_STOP, "trouble.e_stop"),
        (PlcStatus.GUARD_OPEN, "trouble.guard"),
    ):
        if status & bit:
            return Show(key, waiting=True)
    if status & PlcStatus.BELT_LATCHED:
        cause = StopCause(watch.header["stop_cause"]).name.lower()
        return Show("trouble.latched", {"cause": cause}, waiting=True)
    if status & PlcStatus.AIR_LOW:
        return Show("trouble.air", waiting=True)
    return None


def until(
    context: Context, done: Callable[[], bool], show: Callable[[], Show]
) -> Generator[Show, None, None]:
    """Show something until a condition holds; what keeps the line from running is shown in its place."""
    while line_trouble(context) is not None or not done():
        yield line_trouble(context) or show()


def wait_key(context: Context, key: KeySwitch, text: str) -> Generator[Show, None, None]:
    """Until the key at the PLC stands so."""
    yield from until(context, lambda: context.watch.key is key, lambda: Show(text, waiting=True))


def steady_speed(context: Context) -> float | None:
    """Belt speed while it is steady, counts per second; None while it stands or changes."""
    found = context.watch.speeds(_WINDOW_S, _STEADY_WINDOWS)
    if len(found) < _STEADY_WINDOWS:
        return None
    mean = sum(found) / len(found)
    if mean < _MOVING_COUNTS_PER_S or max(found) - min(found) > STEADY_SHARE * mean:
        return None
    return mean


def speed_figure(context: Context, low: float | None = None, high: float | None = None) -> Figure:
    """The belt's speed now, in mm per second; limits in counts per second."""
    speed = context.watch.speed(_WINDOW_S)
    mm = context.um_per_count / 1000.0 if context.geometry else 1.0
    return Figure(
        "figure.speed",
        None if speed is None else speed[0] * mm,
        0,
        "mm_per_s",
        None if low is None else low * mm,
        None if high is None else high * mm,
    )


def wait_speed(
    context: Context, text: str, low: float, high: float, mark: str = ""
) -> Generator[Show, None, float]:
    """Until the belt runs steadily between two speeds (counts per second); returns the speed."""

    def right() -> bool:
        speed = steady_speed(context)
        return speed is not None and low <= speed <= high

    def show() -> Show:
        mm = context.um_per_count / 1000.0
        values = {"low": round(low * mm), "high": round(high * mm)}
        return Show(text, dict(values), (speed_figure(context, low, high),), waiting=True)

    yield from until(context, right, show)
    speed = steady_speed(context)
    assert speed is not None  # `right` has just said so, and no tick lies between
    return speed
