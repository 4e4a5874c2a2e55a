"""`ferrogate bench loop`: how many balls a second the whole line takes with nothing late and nothing lost.

The twin line, its PLC and the station with recorder, ledger, pictures and one open page, all on this machine.
A plan of some balls comes again and again, so that their pictures are drawn once, before the belt starts.
The highest rate is found by halving: a trial keeps up or it does not. Neighbours: `loop_result` holds the
figures, `viewer` is the open page, `edge_runtime.twin` the line.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.bench.loop_result import LoopResult, Trial
from edge_runtime.bench.machine import this_machine
from edge_runtime.bench.viewer import Looked, open_page
from edge_runtime.models import read_model
from edge_runtime.twin.demo import DemoError, DemoRun, Line, free_port, running_line, write_files
from edge_runtime.twin.field import LineState, Word
from edge_runtime.twin.figures import DemoFigures, collect, percentile_ms
from edge_runtime.twin.settings import BALLS_PER_S_MAX, LineSettings, with_fast_lanes, with_physics

#: trials of a search end when the rates that were kept and not kept lie this near
NEAR = 0.06
_POLL_S = 0.1
#: how much longer than planned a stretch may take before it is given up
_PATIENCE = 3.0
_PATIENCE_S = 60.0
_PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """What to run.

    Attributes:
        lanes: 1: a line for 40 mm and the like; more: lanes for small balls at speed.
        diameter_mm: nominal.
        low, high: balls a second between which the rate is looked for; equal: only that one.
        trial_s, hold_s: length of a trial, and of the last one, at the rate that was found.
        repeat: balls of the plan that comes again and again.
        defect_share, seed, model: of the balls; of the detector.
    """

    lanes: int
    diameter_mm: float
    low: float
    high: float
    trial_s: float
    hold_s: float
    repeat: int
    defect_share: float
    seed: int
    model: str


def run_loop(plan: LoopPlan, step: Callable[[str], None]) -> LoopResult:
    """Search the rate and hold it.

    Args:
        plan: what to run.
        step: told what comes next.

    Raises:
        ConfigError, ContractError: plan or model cannot be used.
        DemoError: the line could not be run.
    """
    machine, model = this_machine(), read_model(plan.model)
    trials: list[Trial] = []

    def tried(rate: float, seconds: float) -> Trial:
        step(f"{rate:.1f} balls a second for {seconds:.0f} s")
        with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
            trials.append(_trial(plan, rate, seconds, Path(folder) / "run"))
        return trials[-1]

    kept = _searched(plan, tried)
    best = kept
    if kept is not None and plan.hold_s > 0.0:
        held = tried(kept.asked_per_s, plan.hold_s)
        best = held if held.kept_up else None
    return LoopResult(
        machine=machine,
        model=plan.model,
        model_sha256=model.sha256,
        seed=plan.seed,
        lanes=plan.lanes,
        diameter_mm=plan.diameter_mm,
        trials=tuple(trials),
        best=best,
    )


def _searched(plan: LoopPlan, tried: Callable[[float, float], Trial]) -> Trial | None:
    """The trial of the highest rate that was kept, None when not even the lowest was."""
    if plan.low >= plan.high:
        only = tried(plan.high, plan.trial_s)
        return only if only.kept_up else None
    best = tried(plan.low, plan.trial_s)
    if not best.kept_up:
        return None
    low, high = plan.low, plan.high
    while high - low > NEAR * high:
        trial = tried((low + high) / 2.0, plan.trial_s)
        if trial.kept_up:
            best, low = trial, trial.asked_per_s
        else:
            high = trial.asked_per_s
    return best


def line_of(plan: LoopPlan, rate: float, seconds: float, folder: Path) -> LineSettings:
    """Settings of one trial.

    Raises:
        ValueError: a rate or size that no line has.
    """
    unique = f"ferrogate-{os.getpid()}"
    settings = LineSettings(
        n_balls=max(2, round(rate * seconds)),
        balls_per_s=min(rate, BALLS_PER_S_MAX),
        diameter_mm=plan.diameter_mm,
        defect_share=plan.defect_share,
        seed=plan.seed,
        repeat_balls=plan.repeat,
        run_dir=folder,
        field_name=f"{unique}-field",
        ring_prefix=unique,
        plc_port=free_port(),
    )
    real = with_physics(settings)
    if plan.lanes > 1:
        real = with_fast_lanes(real, plan.lanes)
    return LineSettings.model_validate(real.model_dump() | {"balls_per_s": rate})


def _trial(plan: LoopPlan, rate: float, seconds: float, folder: Path) -> Trial:
    settings = line_of(plan, rate, seconds, folder)
    port = free_port()
    run = write_files(settings, model=plan.model, page_port=port)
    with running_line(run) as line:
        line.wait_trusted()
        line.wait_page()
        with open_page(port, settings.camera_places[0].name) as looked:
            line.measure()
            before = {name: used.cpu_s for name, used in run.usage.items()}
            line.field.set(Word.START_REQUEST, 1)
            _until_ended(line, seconds)
            line.measure()
            line.drain()
            line.measure()
    cpu_s = {name: used.cpu_s - before.get(name, 0.0) for name, used in run.usage.items()}
    return _figures(run, rate, looked, cpu_s)


def _until_ended(line: Line, seconds: float) -> None:
    give_up_s = time.monotonic() + _PATIENCE * seconds + _PATIENCE_S
    while line.field.get(Word.LINE_STATE) != LineState.ENDED and line.line.poll() is None:
        line.check_alive()
        line.measure()
        if time.monotonic() > give_up_s:
            raise DemoError(
                f"the belt did not run empty within {_PATIENCE * seconds + _PATIENCE_S:.0f} s",
                where=str(line.run.settings.run_dir),
                todo="give a lower rate, or leave the machine alone meanwhile",
            )
        time.sleep(_POLL_S)


def _figures(run: DemoRun, rate: float, looked: Looked, cpu_s: dict[str, float]) -> Trial:
    figures = collect(run)
    totals = figures.report.totals
    return Trial(
        asked_per_s=rate,
        balls=totals.balls,
        views=figures.views_got,
        running_s=_running_s(figures),
        late=totals.late,
        unaccounted=figures.unaccounted,
        lost_frames=figures.lost_frames,
        refused=figures.named_faults.get("plc_refused_verdicts", 0),
        good=totals.balls - totals.defective,
        false_rejects=totals.false_rejects,
        neighbour_rejects=totals.neighbour_rejects,
        defective=totals.defective,
        escapes=totals.escapes,
        escapes_hidden=totals.escapes_hidden,
        sound=figures.sound,
        trigger_to_plc_ms={
            name: percentile_ms(figures.latencies_ms, share) for name, share in _PERCENTILES.items()
        },
        cpu_s=cpu_s,
        rss_mb={name: used.rss_max_mb for name, used in run.usage.items()},
        page_pictures=looked.pictures,
    )


def _running_s(figures: DemoFigures) -> float:
    """From the first ball's last view to the last ball's."""
    seen = [at for at in figures.last_view_ns if at is not None]
    return (max(seen) - min(seen)) / 1e9 if len(seen) > 1 else 0.0
