"""`ferrogate soak`: the ball line for hours, with faults drawn at random, and nothing left unaudited."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge_runtime.reports.words import LANGUAGES
from edge_runtime.soak.plan import GATES, VIEWS, SoakPlan, check_plan, line_of
from edge_runtime.twin.faults import FaultName, parse_faults
from edge_runtime.twin.run_parts import empty_run_dir, ended_by_ctrl_c, known_model, seed_or_drawn
from edge_runtime.whole_file import whole_file

NAME = "soak"
HELP = "run the ball line for hours with faults drawn at random, and audit every ball"
EPILOG = f"""examples:
  ferrogate soak --hours 8 --seed 1                   86,400 balls of 40 mm at 3 a second, about 720 faults
  ferrogate soak --hours 8 --speed 20 --peak 10       the same balls in trains at 10 a second; the free belt
                                                      between the trains is over 20 times sooner
  ferrogate soak --hours 8 --speed 1000 --peak 15 --train 1000 --gate jet --fault-every 160
                                                      the same in less than two hours; air jets in
                                                      the place of flaps, which serve some 10 a second
  ferrogate soak --hours 0.05 --fault-every 30        three minutes, to see what comes out
  ferrogate soak --hours 1 --faults station_kill,plc_restart --json | tail -1

faults: {", ".join(FaultName)}
They are drawn without putting back from a bag in which the frequent ones lie more than once, and stand so far
apart that the line can recover.

--speed leaves out free belt, and only while nothing lies on the line and the PLC has closed its books: the
next ball is brought nearer. The belt runs no faster; heartbeats, time-outs and the PLC's scan stay real.
Balls that come one behind another (no --peak) leave no belt free: then --speed changes nothing, and the
summary says so. line_hours counts what was left out, wall_hours does not.

A ball is in a fault's window from one belt length before the fault began to one belt length behind the place
where the line was sound again: fault over, station trusted by the PLC, belt running. late and false_rejects
count outside these windows; violations count everywhere. Memory, handles and times are judged by slopes with
bounds; a short run proves nothing about them and says so.

The last line of --json is one object: balls, line_hours, wall_hours, faults_injected, violations, late,
false_rejects, memory_growth_mb, and more. report.html, soak.json and samples.csv lie in the run's folder.
Logs that are audited are removed, those with a violation in them stay as evidence-*. Ctrl-C lets the belt
run empty and reports what ran; a second one stops at once.

exit codes: 0 clean, 10 the invariant was broken, 1 anything else that is not clean (books, late verdicts,
false rejects above 1 %, growth, a disturbance without a fault, a line that did not recover or broke down),
2 command line, 130 stopped at once
"""
_HOURS, _RATE, _TRAIN, _EVERY, _DIAMETER_MM, _DEFECTS = 8.0, 3.0, 60, 120.0, 40.0, 0.03


def register(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("--hours", type=float, default=_HOURS, metavar="H", help=f"of line time (default {_HOURS:g})")
    add("--rate", type=float, default=_RATE, metavar="R", help=f"balls a second (default {_RATE:g})")
    add("--peak", type=float, metavar="R", help="balls a second within a train (default: --rate, no trains)")
    add("--train", type=int, default=_TRAIN, metavar="N", help=f"balls of a train (default {_TRAIN})")
    add(
        "--gate",
        choices=GATES,
        default=GATES[0],
        help="jet: quick enough for more than 10 a second (default flap)",
    )
    add("--speed", type=float, default=1.0, metavar="X", help="free belt is over X times sooner (default 1)")
    add("--faults", default="random", metavar="random|none|A,B", help="all, none, or drawn from these")
    add(
        "--fault-every",
        type=float,
        default=_EVERY,
        metavar="BALLS",
        help=f"mean distance of two faults (default {_EVERY:g})",
    )
    add("--seed", type=int, default=None, metavar="S", help="default: drawn, and printed")
    add("--diameter-mm", type=float, default=_DIAMETER_MM, metavar="D", help=f"default {_DIAMETER_MM:g}")
    add("--defect-share", type=float, default=_DEFECTS, metavar="P", help=f"0..1 (default {_DEFECTS:g})")
    add("--views", type=int, choices=VIEWS, default=VIEWS[0], help="of a ball, about (default 4)")
    add("--model", default="ferrogate-models:ball", metavar="FILE", help="default: the one shipped")
    add("--out", type=Path, default=None, metavar="DIR", help="default: runs/soak-<time>")
    add("--no-page", action="store_true", help="run the line without its page, which else is looked at")
    add("--language", choices=LANGUAGES, default="en", help="of the report (default en)")
    add("--json", action="store_true", help="one object as the last line")
    parser.set_defaults(run=run)


def _names(text: str) -> tuple[FaultName, ...]:
    """Kinds to draw from."""
    if text == "random":
        return tuple(FaultName)
    return () if text == "none" else parse_faults(text)


def _plan(args: argparse.Namespace) -> SoakPlan:
    """The plan, looked at before a folder is made.

    Raises:
        ConfigError: it cannot be run.
    """
    plan = SoakPlan(
        hours=args.hours,
        balls_per_s=args.rate,
        peak_per_s=args.rate if args.peak is None else args.peak,
        train_balls=args.train,
        speed=args.speed,
        names=_names(args.faults),
        every_balls=args.fault_every,
        seed=seed_or_drawn(args.seed),
        diameter_mm=args.diameter_mm,
        defect_share=args.defect_share,
        views=args.views,
        model=known_model(args.model),
        run_dir=Path(),
        gate=args.gate,
    )
    check_plan(plan)
    line_of(plan)
    return plan


def run(args: argparse.Namespace) -> int:
    """Soak; returns the exit code."""
    console = Console(stderr=True, highlight=False)
    planned = _plan(args)
    plan = dataclasses.replace(planned, run_dir=empty_run_dir(args.out, "soak"))
    settings = line_of(plan)
    if not args.json:
        console.print(
            f"{settings.n_balls} balls of {plan.diameter_mm:g} mm, {len(settings.faults)} faults, "
            f"seed {plan.seed}, in {plan.run_dir}"
        )
    # Imported late: plots, web client and database are for those who soak.
    from edge_runtime.reports.plots import drawn_for
    from edge_runtime.reports.write import write_report
    from edge_runtime.soak.report import soak_report
    from edge_runtime.soak.run import run_soak
    from edge_runtime.soak.tell import so_far, tell
    from edge_runtime.soak.watch import Watch

    words = TextColumn("{task.description}")
    columns = (TextColumn("balls"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), words)
    quiet = args.json and not console.is_terminal
    with (
        ended_by_ctrl_c() as stop,
        Progress(*columns, console=console, disable=quiet, transient=True) as bar,
    ):
        task = bar.add_task("", total=settings.n_balls)

        def progress(placed: int, watch: Watch) -> None:
            bar.update(task, completed=placed, description=so_far(watch))

        result = run_soak(plan, progress, stop, page=not args.no_page)
    facts = result.to_json()
    _keep(plan.run_dir / "soak.json", facts)
    report = plan.run_dir / "report.html"
    with drawn_for(report.suffix):
        write_report(soak_report(result, args.language), report)
    if args.json:
        print(json.dumps(facts))
    else:
        out = Console()
        tell(result, out)
        out.print(f"Report: {report}", soft_wrap=True)
    sys.stdout.flush()
    return result.exit_code


def _keep(path: Path, facts: dict[str, Any]) -> None:
    """Keep the object beside the report."""
    with whole_file(path) as part:
        part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
