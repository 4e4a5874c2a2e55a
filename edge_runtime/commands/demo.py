"""`ferrogate demo`: the whole ball line on this machine, no camera, PLC or GPU needed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edge_runtime.config import load_recipe
from edge_runtime.models import read_model
from edge_runtime.twin.demo import DemoRun, free_port, play, write_files
from edge_runtime.twin.faults import FaultName, balls_needed, parse_faults, schedule
from edge_runtime.twin.figures import DemoFigures, collect, write_figures
from edge_runtime.twin.settings import LineSettings, with_physics
from vision.errors import ConfigError

NAME = "demo"
DEFAULT_BALLS = 300
HELP = "run the whole ball line on this machine and show what it did"
EPILOG = f"""examples:
  ferrogate demo                                    300 balls of 40 mm at 10 a second, 3 % defective
  ferrogate demo --balls 2000 --rate 10 --seed 7 --json
  ferrogate demo --faults gate_stick,station_kill   with two faults
  ferrogate demo --faults all                       with every fault there is
  ferrogate demo --ideal                            cold clean balls, telecentric cameras, steady lamps

faults: {", ".join(FaultName)}

The line is as hard to measure on as a plant: pinhole cameras, balls of 60 to 160 degC that the
pyrometer knows to 10, flakes of scale, lamps that drift; --ideal leaves all that out.

The last line of --json is one object. trigger_to_plc_ms runs from the arrival of a ball's last due
view to the PLC's stamp on its verdict, over all balls; a ball without a verdict counts as infinite,
and an infinite figure is null.

exit codes: 0 invariant kept and books balanced, 1 not, 11 the line could not be run
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--balls", type=int, metavar="N", help="default 300, or what the faults need")
    parser.add_argument("--rate", type=float, default=10.0, metavar="BALLS_PER_S", help="default 10")
    parser.add_argument("--diameter-mm", type=float, default=40.0, metavar="D", help="nominal (default 40)")
    parser.add_argument("--defect-share", type=float, default=0.03, metavar="P", help="0..1 (default 0.03)")
    parser.add_argument("--seed", type=int, default=None, metavar="S", help="default: drawn, and printed")
    parser.add_argument(
        "--model", default="ferrogate-models:ball", metavar="FILE", help="default: the one shipped"
    )
    parser.add_argument("--faults", default="", metavar="A,B|all", help="faults to inject, see below")
    parser.add_argument("--ideal", action="store_true", help="nothing that makes measuring hard, see below")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="default: runs/demo-<time>")
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.set_defaults(run=run)


def _settings(args: argparse.Namespace) -> LineSettings:
    names = parse_faults(args.faults)
    if args.balls is not None and args.balls < 1:
        raise ConfigError(f"{args.balls} balls cannot be run", where="--balls", todo="give 1 or more")
    wanted = DEFAULT_BALLS if args.balls is None else args.balls
    n_balls = max(wanted, balls_needed(names, args.rate))
    if args.balls is not None and n_balls > wanted:
        # Faults that overlap could not be told apart afterwards.
        print(f"{len(names)} faults need {n_balls} balls to stand apart: running {n_balls}", file=sys.stderr)
    seed = args.seed if args.seed is not None else int.from_bytes(os.urandom(3), "big")
    run_dir = (args.out or Path("runs") / time.strftime("demo-%Y%m%d-%H%M%S", time.gmtime())).resolve()
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        used = any(run_dir.iterdir())
    except OSError as error:
        what = f"the run's folder cannot be made: {error.strerror or error}"
        raise ConfigError(what, where=str(run_dir), todo="give another --out") from error
    if used:
        raise ConfigError("the folder is not empty", where=str(run_dir), todo="give another --out")
    unique = f"ferrogate-{os.getpid()}"
    try:
        settings = LineSettings(
            n_balls=n_balls,
            balls_per_s=args.rate,
            diameter_mm=args.diameter_mm,
            defect_share=args.defect_share,
            seed=seed,
            faults=schedule(names, n_balls, seed, args.rate),
            run_dir=run_dir,
            field_name=f"{unique}-field",
            ring_prefix=unique,
            plc_port=free_port(),
        )
        return settings if args.ideal else with_physics(settings)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(
            f"the line cannot be run like this: {wrong}",
            where="--balls, --rate, --diameter-mm, --defect-share, --seed",
            todo="'ferrogate demo --help' tells what each may be",
        ) from error


def _model(spec: str) -> str:
    """The model to use, looked at before anything starts; a path is made absolute.

    Raises:
        ConfigError: there is no such model.
    """
    path = read_model(spec).path
    return spec if spec.startswith("ferrogate-models:") else str(path.resolve())


def run(args: argparse.Namespace) -> int:
    """Run the line; returns the exit code."""
    settings = _settings(args)
    demo = write_files(settings, model=_model(args.model))
    console = Console(stderr=True)
    if not args.json:
        console.print(
            f"{settings.n_balls} balls of {settings.diameter_mm:g} mm at {settings.balls_per_s:g} a second, "
            f"{settings.defect_share:.1%} defective, seed {settings.seed}"
        )
        unverified = load_recipe(demo.recipe_file).unverified()
        if unverified:
            console.print(f"NOT VERIFIED: {len(unverified)} limits of the recipe ({', '.join(unverified)})")
    _play(demo, console, quiet=args.json and not console.is_terminal)
    figures = collect(demo)
    write_figures(figures)
    if args.json:
        print(json.dumps(figures.to_json()))
    else:
        _tell(figures, Console())
    sys.stdout.flush()
    return 0 if figures.sound else 1


def _play(demo: DemoRun, console: Console, *, quiet: bool) -> None:
    columns = (TextColumn("balls"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet, transient=True) as bar:
        task = bar.add_task("balls", total=demo.settings.n_balls)
        play(demo, lambda placed: bar.update(task, completed=placed))


def _tell(figures: DemoFigures, console: Console) -> None:
    """The summary a foreman understands."""
    facts = figures.to_json()
    totals = figures.report.totals
    times = facts["trigger_to_plc_ms"]
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Balls through the line", str(totals.balls))
    table.add_row("  accepted", str(totals.accepted))
    table.add_row("  rejected", str(totals.rejected))
    table.add_row("Balls nobody can account for", str(facts["unaccounted"]))
    table.add_row("Accepted without proof", str(totals.unproven_accepts))
    table.add_row("In the wrong chute", str(totals.wrong_chute))
    sizes = facts["sizes"]
    if sizes["measured"]:
        off = sizes["d_mean_mm_error"]
        text = f"{off['median']:+.3f} mm median, {off['p95_abs']:.3f} mm at 95 % of {sizes['measured']} balls"
        table.add_row("Mean diameter against the truth", text)
    table.add_row("Verdicts too late", str(totals.late))
    table.add_row(
        "Bad balls that got through",
        f"{totals.escapes} of {totals.defective} ({totals.escapes_hidden} showed nothing to any camera)",
    )
    good = totals.balls - totals.defective
    rejected_good = totals.false_rejects + totals.neighbour_rejects
    table.add_row(
        "Good balls thrown out",
        f"{totals.false_rejects} and {totals.neighbour_rejects} neighbours of {good} "
        f"({rejected_good / max(good, 1):.1%}); {totals.fault_rejects} more through injected faults",
    )
    table.add_row(
        "Last picture to PLC",
        f"{_ms(times['p50'])} in the middle, {_ms(times['p99'])} at the 99th of 100, "
        f"{_ms(times['max'])} at most",
    )
    console.print(table)
    if figures.named_faults:
        named = ", ".join(f"{name} {count}" for name, count in figures.named_faults.items())
        console.print(f"Named in the books: {named}")
    console.print(
        "[green]The books balance.[/green]"
        if figures.books.balanced
        else "[red]The books do not balance:[/red]"
    )
    if not figures.books.balanced:
        console.print(figures.books.text(), markup=False)
    if not figures.report.invariant_kept:
        console.print(f"[red]{figures.report.text()}[/red]")
    folder = figures.run.settings.run_dir
    console.print(f"Ledger:   ferrogate ledger {figures.run.storage}")
    console.print(f"Pictures: {figures.run.storage / 'pictures'}")
    console.print(f"Audit:    {folder / 'audit.txt'}; all figures: {folder / 'figures.json'}")


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} ms"
