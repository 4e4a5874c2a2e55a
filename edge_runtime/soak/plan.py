"""What a soak is to run: from the hours and rates that a person gives to the settings of the twin line.

Neighbours: `edge_runtime.commands.soak` reads the command line, `draw` draws the faults, `run` runs it.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_runtime.soak.draw import draw_faults
from edge_runtime.twin.demo import free_port
from edge_runtime.twin.faults import FaultName
from edge_runtime.twin.settings import AIR_JETS, LineSettings, check_gate, with_physics
from vision.errors import ConfigError

#: two exposures of each of the two cameras: what the middle of the picture has room for
_FOUR_VIEWS = {"exposure_every_counts": 512, "fov_length_d": 4.25}
#: size of one file of the twin's logs
LOG_SEGMENT_MB = 8.0
VIEWS = (4, 8)
#: flap: 12 ms of valve and 35 ms of travel; jet: 4 and 8 ms
GATES = ("flap", "jet")
#: scans that an output module waits for before it takes the PLC for dead
WATCHDOG_SCANS = 3
_BALLS_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """What to run.

    Attributes:
        hours: of line time.
        balls_per_s: over all of the line time.
        peak_per_s: while a train of balls comes; equal to `balls_per_s`: one train without end.
        train_balls: balls of one train.
        speed: belt without balls is over that many times sooner.
        names: kinds of faults to draw from.
        every_balls: mean distance of two faults.
        seed, diameter_mm, defect_share, views: of the balls; about so many pictures of each.
        model: ONNX file or name of a shipped one.
        run_dir: empty folder.
        gate: what sends a ball to its side, one of `GATES`.
    """

    hours: float
    balls_per_s: float
    peak_per_s: float
    train_balls: int
    speed: float
    names: tuple[FaultName, ...]
    every_balls: float
    seed: int
    diameter_mm: float
    defect_share: float
    views: int
    model: str
    run_dir: Path
    gate: str = GATES[0]

    @property
    def n_balls(self) -> int:
        """Balls of the whole run."""
        return max(round(self.hours * 3600.0 * self.balls_per_s), 1)

    @property
    def idle_share(self) -> float:
        """Share of the line time in which no ball comes, 0..1: what `speed` can shorten, nearly."""
        return max(0.0, 1.0 - self.balls_per_s / self.peak_per_s)


def check_plan(plan: SoakPlan) -> None:
    """Refuse what cannot be run.

    Raises:
        ConfigError: which figure, and what it may be.
    """
    rules = (
        (0.0 < plan.hours <= 1000.0, "--hours", f"{plan.hours:g} hours", "give more than 0, at most 1000"),
        (0.0 < plan.balls_per_s <= 30.0, "--rate", f"{plan.balls_per_s:g} balls/s", "give up to 30"),
        (
            plan.balls_per_s <= plan.peak_per_s <= 30.0,
            "--peak",
            f"{plan.peak_per_s:g} balls/s in a train",
            "give --rate or more, at most 30",
        ),
        (1 <= plan.train_balls <= 100_000, "--train", f"a train of {plan.train_balls}", "give 1 to 100000"),
        (1.0 <= plan.speed <= 1000.0, "--speed", f"speed {plan.speed:g}", "give 1 to 1000"),
        (plan.views in VIEWS, "--views", f"{plan.views} views", "give 4 or 8"),
        (
            not plan.hours * plan.balls_per_s * 3600.0 > _BALLS_MAX,
            "--hours, --rate",
            "more balls than any line has seen",
            f"at most {_BALLS_MAX} balls",
        ),
    )
    for good, where, what, todo in rules:
        if not good:
            raise ConfigError(f"this cannot be soaked: {what}", where=where, todo=todo)


def line_of(plan: SoakPlan) -> LineSettings:
    """Settings of the twin line.

    Raises:
        ConfigError: figures that no line has, or no room for a fault.
    """
    check_plan(plan)
    trains = plan.peak_per_s > plan.balls_per_s
    unique = f"ferrogate-soak-{os.getpid()}"
    settings: dict[str, object] = {
        "n_balls": plan.n_balls,
        "balls_per_s": plan.peak_per_s,
        "diameter_mm": plan.diameter_mm,
        "defect_share": plan.defect_share,
        "seed": plan.seed,
        "idle_speed": plan.speed,
        "log_segment_mb": LOG_SEGMENT_MB,
        "run_dir": plan.run_dir,
        "field_name": f"{unique}-field",
        "ring_prefix": unique,
        "plc_port": free_port(),
    }
    if plan.views == VIEWS[0]:
        settings |= _FOUR_VIEWS
    if plan.gate == "jet":
        settings |= AIR_JETS
    if trains:
        settings |= {"train_balls": plan.train_balls, "train_gap_d": _gap_d(plan)}
    settings["faults"] = draw_faults(
        plan.names,
        plan.n_balls,
        plan.seed,
        balls_per_s=plan.peak_per_s,
        every_balls=plan.every_balls,
        train_balls=plan.train_balls if trains else 0,
    )
    try:
        line = _with_quick_watchdog(with_physics(LineSettings.model_validate(settings)))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(
            f"the line cannot be run like this: {wrong}",
            where="--rate, --peak, --diameter-mm, --defect-share, --seed",
            todo="'ferrogate soak --help' tells what each may be",
        ) from error
    try:
        return check_gate(line)
    except ConfigError as error:
        raise ConfigError(
            error.what, where="--peak, --gate", todo="give at most 10 with flaps, or --gate jet"
        ) from error


def _with_quick_watchdog(settings: LineSettings) -> LineSettings:
    """The same line with a gate that drops out in time for the next ball when the PLC stands still.

    The output module must have dropped the gate, and the gate be shut, when a ball `min_spacing_counts`
    behind arrives. It waits for three scans at least, as field buses do: where spacing leaves less (flaps at
    their highest rate), a PLC that stands for as long is the plant's risk.
    """
    spare_counts = settings.min_spacing_counts - settings.shut_after_counts
    spare_ms = spare_counts / settings.max_speed_counts_per_s * 1000.0 + settings.plc_scan_ms
    watchdog_ms = max(WATCHDOG_SCANS * settings.plc_scan_ms, math.floor(spare_ms))
    return settings.model_copy(update={"gate_watchdog_ms": min(settings.gate_watchdog_ms, watchdog_ms)})


def _gap_d(plan: SoakPlan) -> float:
    """Free belt between two trains, diameters, so that the mean rate comes out."""
    seconds = plan.train_balls / plan.balls_per_s - plan.train_balls / plan.peak_per_s
    pitch_d: float = LineSettings.model_fields["pitch_d"].default
    return seconds * plan.peak_per_s * pitch_d
