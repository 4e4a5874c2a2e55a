"""`ferrogate bench PART`: how well and how fast a part of this software does, on this machine.

Neighbour: `edge_runtime.bench`, one module per part.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from edge_runtime.bench import detector_command, loop_command, startup_command
from edge_runtime.bench.other_rooms import register_parts
from vision.errors import ConfigError

if TYPE_CHECKING:
    from edge_runtime.bench.metrology_table import MetrologyResult

NAME = "bench"
HELP = "measure how well and how fast a part of ferrogate does, beside other software"
EPILOG = """examples:
  ferrogate bench metrology                  the measurement beside OpenCV and scikit-image, as a table
  ferrogate bench metrology --json | tail -1  the same for programs
  ferrogate bench metrology --shapes 20      quicker, coarser
  ferrogate bench page                       the page open in two browsers beside the line (needs Chromium)
  ferrogate bench loop                       balls a second that the whole line takes, four lanes
  ferrogate bench detector                   what goes before and behind the network costs
  ferrogate bench startup                    from the start of 'ferrogate run' to the Ready bit in the PLC
  ferrogate bench stages                     what one view costs the station, stage by stage

Exit code 0: every target was met; 9: at least one was missed (the table says which). Times hold for
this machine and its load: leave it alone meanwhile."""
EXIT_MISSED = 9
_SHAPES, _SHAPES_MIN, _SEED = 100, 2, 1
_TIMED_ROUNDS = 40


def register(parser: argparse.ArgumentParser) -> None:
    """Add the parts."""
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True, dest="part")
    metrology = parts.add_parser(
        "metrology", help="size and form of drawn silhouettes, beside OpenCV and scikit-image"
    )
    metrology.add_argument(
        "--shapes", type=int, default=_SHAPES, metavar="N", help=f"in each set (default: {_SHAPES})"
    )
    metrology.add_argument("--seed", type=int, default=_SEED, metavar="S", help=f"default: {_SEED}")
    metrology.add_argument("--json", action="store_true", help="print one object as the last line")
    metrology.set_defaults(run=run_metrology)
    _register_page(parts)
    loop_command.register(parts)
    detector_command.register(parts)
    startup_command.register(parts)
    register_parts(parts)


def _register_page(parts: Any) -> None:
    page = parts.add_parser("page", help="what an open page costs the gate, and how fresh its picture is")
    page.add_argument("--browsers", type=int, default=2, metavar="N", help="default: 2")
    page.add_argument("--pairs", type=int, default=4, metavar="N", help="phases of each kind (default: 4)")
    page.add_argument("--phase-s", type=float, default=25.0, metavar="S", help="length of one (default: 25)")
    page.add_argument("--rate", type=float, default=10.0, metavar="BALLS_PER_S", help="default: 10")
    page.add_argument("--seed", type=int, default=_SEED, metavar="S", help=f"default: {_SEED}")
    page.add_argument("--json", action="store_true", help="print one object as the last line")
    page.set_defaults(run=run_page)


def run_page(args: argparse.Namespace) -> int:
    """Run the line with and without an open page; exit code 0 or 9.

    Raises:
        ConfigError: an argument cannot be used, or there is no browser.
        DemoError: the line could not be run.
    """
    if args.browsers < 1 or args.pairs < 1 or args.phase_s < 1.0 or args.rate <= 0.0:
        raise ConfigError(
            "these arguments cannot be used",
            where="command line of 'ferrogate bench page'",
            todo="give at least one browser, one pair and a phase of one second, and a rate above 0",
        )
    from edge_runtime.bench.page import run_page as run_phases
    from edge_runtime.bench.page_result import print_result as print_page

    with (
        tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder,
        Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("phases", total=2 * args.pairs)
        result = run_phases(
            browsers=args.browsers,
            pairs=args.pairs,
            phase_s=args.phase_s,
            rate=args.rate,
            seed=args.seed,
            folder=Path(folder) / "run",
            step=partial(progress.advance, task),
        )
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        print_page(result, Console(highlight=False))
    return 0 if result.met else EXIT_MISSED


def run_metrology(args: argparse.Namespace) -> int:
    """Draw, measure, time, print; exit code 0 or 9.

    Raises:
        ConfigError: an argument cannot be used.
    """
    if args.shapes < _SHAPES_MIN or args.seed < 0:
        raise ConfigError(
            f"--shapes {args.shapes} --seed {args.seed} cannot be used",
            where="command line of 'ferrogate bench metrology'",
            todo=f"give at least {_SHAPES_MIN} shapes and a seed from 0 on",
        )
    # Here, not above: the twin and scipy are not needed to print a help text.
    from edge_runtime.bench.metrology_print import print_result

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        result = _metrology(args.shapes, args.seed, progress)
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        print_result(result, Console(highlight=False))
    return 0 if result.met else EXIT_MISSED


def _metrology(shapes: int, seed: int, progress: Progress) -> MetrologyResult:
    from edge_runtime.bench.machine import this_machine
    from edge_runtime.bench.metrology import methods, run_set, run_times
    from edge_runtime.bench.metrology_table import MetrologyResult
    from edge_runtime.bench.metrology_twin import (
        PASSAGES,
        check_uncertainty,
        gauge_of,
        run_study,
        twin_calibrations,
    )
    from edge_runtime.twin.study_parts import StudySettings

    def counted(what: str, total: int) -> Callable[[], None]:
        return partial(progress.advance, progress.add_task(what, total=total))

    machine = this_machine()
    by_name, missing = methods()
    for line in missing:
        print(f"note: {line}", file=sys.stderr)
    # Times first: the machine is still as it was found.
    times = run_times(by_name, _TIMED_ROUNDS, seed)
    sets = tuple(
        run_set(name, shapes, seed, by_name, counted(f"{name} silhouettes", shapes))
        for name in ("clean", "hard")
    )
    settings = StudySettings()
    calibrations = twin_calibrations(settings, seed)
    rows = run_study(settings, calibrations, seed, counted("passages through the twin", PASSAGES))
    return MetrologyResult(
        seed=seed,
        machine=machine,
        missing=missing,
        sets=sets,
        times=times,
        twin_gauge=gauge_of(rows),
        uncertainty=check_uncertainty(settings, calibrations, seed),
    )
