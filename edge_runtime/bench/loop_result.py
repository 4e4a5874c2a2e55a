"""What `ferrogate bench loop` found: trials, the rate that was kept, figures, table and JSON.

Neighbour: `edge_runtime.bench.loop` runs the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from edge_runtime.bench.machine import Machine

#: what one box is to take: views and balls of 15 mm a second
VIEWS_PER_S_MIN, BALLS_PER_S_MIN = 229.0, 57.0
#: at 10 balls of 40 mm a second, last due view to the PLC, ms
P99_MAX_MS, P999_MAX_MS = 9.5, 20.0
#: good balls thrown out, share
FALSE_REJECTS_MAX = 0.01


#: balls that would come too close are planned further apart, which takes some 3 % off the rate; a belt that
#: slips takes more
_RATE_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Trial:
    """One stretch of the line at one rate.

    Attributes:
        asked_per_s: balls a second over all lanes, as the belt was set.
        balls, views: that came, and views that were inspected of them.
        running_s: from the first ball at the eyes to the last one.
        late, unaccounted, lost_frames, refused: what must be nil: verdicts behind their deadline, balls that
            nobody can account for, frames that were lost on the way, verdicts that the PLC refused.
        good, false_rejects: good balls, and those of them thrown out for nothing.
        defective, escapes, escapes_hidden: bad balls, those let through, those of them that showed nothing.
        sound: the invariant was kept and the books balance.
        trigger_to_plc_ms: last due view to the PLC's stamp by percentile; None: infinite.
        cpu_s: processor seconds of each process while the balls ran.
        rss_mb: largest memory of each process.
        page_pictures: pictures that the open page got.
    """

    asked_per_s: float
    balls: int
    views: int
    running_s: float
    late: int
    unaccounted: int
    lost_frames: int
    refused: int
    good: int
    false_rejects: int
    neighbour_rejects: int
    defective: int
    escapes: int
    escapes_hidden: int
    sound: bool
    trigger_to_plc_ms: dict[str, float | None]
    cpu_s: dict[str, float]
    rss_mb: dict[str, float]
    page_pictures: int

    @property
    def balls_per_s(self) -> float:
        """That really came: a belt that slips because the machine is busy brings fewer."""
        return (self.balls - 1) / self.running_s if self.balls > 1 and self.running_s > 0.0 else 0.0

    @property
    def views_per_s(self) -> float:
        """Inspected."""
        return self.balls_per_s * self.views / self.balls if self.balls else 0.0

    @property
    def kept_up(self) -> bool:
        """Nothing late, lost, refused or unaccounted, and the belt came at its rate."""
        nothing = not (self.late or self.unaccounted or self.lost_frames or self.refused)
        return nothing and self.sound and self.balls_per_s >= _RATE_SHARE * self.asked_per_s

    def to_json(self) -> dict[str, Any]:
        """One object."""
        balls = max(self.balls, 1)
        return {
            "asked_balls_per_s": round(self.asked_per_s, 2),
            "balls_per_s": round(self.balls_per_s, 2),
            "views_per_s": round(self.views_per_s, 1),
            "balls": self.balls,
            "views": self.views,
            "running_s": round(self.running_s, 1),
            "late": self.late,
            "unaccounted": self.unaccounted,
            "lost_frames": self.lost_frames,
            "refused_verdicts": self.refused,
            "false_rejects": self.false_rejects,
            "false_reject_share": round(self.false_rejects / max(self.good, 1), 4),
            "neighbour_rejects": self.neighbour_rejects,
            "defective": self.defective,
            "escapes": self.escapes,
            "escapes_hidden": self.escapes_hidden,
            "sound": self.sound,
            "kept_up": self.kept_up,
            "trigger_to_plc_ms": self.trigger_to_plc_ms,
            "cpu_s_per_ball": {name: round(used / balls, 5) for name, used in self.cpu_s.items()},
            "cpu_cores": {
                name: round(used / self.running_s, 3) if self.running_s > 0.0 else None
                for name, used in self.cpu_s.items()
            },
            "rss_mb": {name: round(used, 1) for name, used in self.rss_mb.items()},
            "page_pictures": self.page_pictures,
        }


@dataclass(frozen=True, slots=True)
class LoopResult:
    """All trials, and the best of those that kept up.

    Attributes:
        trials: in their order.
        best: None: none kept up.
        lanes, diameter_mm, hold_s: what was run.
        model_sha256: of the model file.
        first_alone: only one rate was asked for, nothing was searched.
    """

    machine: Machine
    model: str
    model_sha256: str
    seed: int
    lanes: int
    diameter_mm: float
    trials: tuple[Trial, ...]
    best: Trial | None

    @property
    def checks(self) -> tuple[tuple[str, float | None, str, bool], ...]:
        """Name, figure, target in words, met."""
        best = self.best
        if best is None:
            return (("kept up at some rate", 0.0, "at least one", False),)
        share = best.false_rejects / max(best.good, 1)
        rows: list[tuple[str, float | None, str, bool]] = [
            (
                "good balls thrown out, share",
                share,
                f"at most {FALSE_REJECTS_MAX:g}",
                share <= FALSE_REJECTS_MAX,
            )
        ]
        if self.lanes > 1:
            views, balls = best.views_per_s, best.balls_per_s
            rows.append(("views a second", views, f"at least {VIEWS_PER_S_MIN:g}", views >= VIEWS_PER_S_MIN))
            rows.append(("balls a second", balls, f"at least {BALLS_PER_S_MIN:g}", balls >= BALLS_PER_S_MIN))
            return tuple(rows)
        times = best.trigger_to_plc_ms
        for name, limit in (("p99", P99_MAX_MS), ("p99.9", P999_MAX_MS)):
            value = times[name]
            met = value is not None and value <= limit
            rows.append((f"last view to PLC, {name}, ms", value, f"at most {limit:g}", met))
        return tuple(rows)

    @property
    def met(self) -> bool:
        """Every target."""
        return all(met for *_, met in self.checks)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        best = None if self.best is None else self.best.to_json()
        return {
            "views_per_s": None if best is None else best["views_per_s"],
            "balls_per_s": None if best is None else best["balls_per_s"],
            "trigger_to_plc_ms": None if best is None else best["trigger_to_plc_ms"],
            "lanes": self.lanes,
            "diameter_mm": self.diameter_mm,
            "seed": self.seed,
            "model": self.model,
            "model_sha256": self.model_sha256,
            "best": best,
            "trials": [trial.to_json() for trial in self.trials],
            "machine": self.machine.to_json(),
            "met": self.met,
        }


def print_loop(result: LoopResult, console: Console) -> None:
    """For people."""
    table = Table(title=f"{result.lanes} lane(s), balls of {result.diameter_mm:g} mm")
    heads = (
        "asked",
        "balls/s",
        "views/s",
        "late",
        "lost",
        "unacc.",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "kept up",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for trial in result.trials:
        times = trial.trigger_to_plc_ms
        table.add_row(
            f"{trial.asked_per_s:g}",
            f"{trial.balls_per_s:.1f}",
            f"{trial.views_per_s:.0f}",
            str(trial.late),
            str(trial.lost_frames),
            str(trial.unaccounted),
            *("never" if times[name] is None else f"{times[name]:.1f}" for name in ("p50", "p99", "p99.9")),
            "yes" if trial.kept_up else "no",
        )
    console.print(table)
    if result.best is not None:
        for name, used in result.best.to_json()["cpu_cores"].items():
            per_ball = 1e3 * result.best.cpu_s[name] / max(result.best.balls, 1)
            console.print(
                f"  {name}: {used} cores, {per_ball:.2f} ms a ball, {result.best.rss_mb[name]:.0f} MB"
            )
    for name, value, target, met in result.checks:
        text = "none" if value is None else f"{value:.4g}"
        console.print(f"{name}: {text} ({target}) {'met' if met else 'MISSED'}")
    machine = result.machine
    console.print(
        f"model {result.model} {result.model_sha256[:12]}; {machine.processor}, {machine.cores} cores, "
        f"load {machine.load_1_min} at the start"
    )
