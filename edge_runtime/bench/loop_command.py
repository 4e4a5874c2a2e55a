"""The parts `loop` and `stages` of `ferrogate bench`: their arguments, and what is printed.

Neighbours: `edge_runtime.commands.bench` registers them; `loop` and `stages` do the work.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import Progress

from vision.errors import ConfigError

EXIT_MISSED = 9
_MODEL = "ferrogate-models:ball"
_SEED = 1
_LOOP_EPILOG = """examples:
  ferrogate bench loop                            four lanes, balls of 15 mm: the highest rate that is kept
  ferrogate bench loop --rate 57.3 --hold-s 600   that rate alone, for ten minutes
  ferrogate bench loop --lanes 1 --diameter-mm 40 --rate 10 --hold-s 300
  ferrogate bench loop --json | tail -1

A rate is kept when no verdict is late, no frame lost, no ball unaccounted for, the invariant holds, the books
balance, and the belt really came at that rate. One page is open meanwhile. trigger_to_plc_ms runs from the
arrival of a ball's last due view to the PLC's stamp on its verdict. Processor time is told apart for station,
recorder, page, twin and plc: a plant has neither of the last two on this machine.

Exit code 0: every target was met; 9: at least one was missed; 11: the line could not be run."""
_STAGES_EPILOG = """examples:
  ferrogate bench stages
  ferrogate bench stages --diameter-mm 15 --lanes 4 --json | tail -1

Processor time of the station's own functions, one after the other in one thread, on views drawn before."""


def register(parts: Any) -> None:
    """Add both to the parts of `ferrogate bench`."""
    raw = argparse.RawDescriptionHelpFormatter
    loop = parts.add_parser(
        "loop",
        help="how many balls a second the whole line takes, and how soon the PLC knows",
        epilog=_LOOP_EPILOG,
        formatter_class=raw,
    )
    loop.add_argument("--lanes", type=int, default=4, metavar="N", help="1 to 8 (default 4)")
    loop.add_argument("--diameter-mm", type=float, metavar="D", help="default: 15, or 40 with one lane")
    loop.add_argument("--rate", type=float, metavar="BALLS_PER_S", help="this one alone; default: searched")
    loop.add_argument("--low", type=float, metavar="R", help="search from here (default 4 a lane)")
    loop.add_argument("--high", type=float, metavar="R", help="search up to here (default 24 a lane)")
    loop.add_argument("--trial-s", type=float, default=20.0, metavar="S", help="of one trial (default 20)")
    loop.add_argument(
        "--hold-s", type=float, default=60.0, metavar="S", help="hold the rate found (default 60; 0: do not)"
    )
    loop.add_argument(
        "--repeat", type=int, default=120, metavar="N", help="balls of the plan that repeats (default 120)"
    )
    loop.add_argument("--defect-share", type=float, default=0.03, metavar="P", help="0..1 (default 0.03)")
    loop.add_argument("--seed", type=int, default=_SEED, metavar="S", help=f"default: {_SEED}")
    loop.add_argument("--model", default=_MODEL, metavar="FILE", help="default: the one shipped")
    loop.add_argument("--json", action="store_true", help="print one object as the last line")
    loop.set_defaults(run=run_loop_part)
    stages = parts.add_parser(
        "stages",
        help="what a view costs the station, stage by stage",
        epilog=_STAGES_EPILOG,
        formatter_class=raw,
    )
    stages.add_argument("--balls", type=int, default=40, metavar="N", help="drawn (default 40)")
    stages.add_argument("--rounds", type=int, default=5, metavar="N", help="default 5")
    stages.add_argument("--diameter-mm", type=float, default=40.0, metavar="D", help="default 40")
    stages.add_argument("--lanes", type=int, default=1, metavar="N", help="1 to 8 (default 1)")
    stages.add_argument("--seed", type=int, default=_SEED, metavar="S", help=f"default: {_SEED}")
    stages.add_argument("--model", default=_MODEL, metavar="FILE", help="default: the one shipped")
    stages.add_argument("--json", action="store_true", help="print one object as the last line")
    stages.set_defaults(run=run_stages_part)


def _refuse(part: str, todo: str) -> ConfigError:
    return ConfigError(
        "these arguments cannot be used", where=f"command line of 'ferrogate bench {part}'", todo=todo
    )


def run_loop_part(args: argparse.Namespace) -> int:
    """Run the trials; exit code 0 or 9.

    Raises:
        ConfigError, ContractError: arguments, bank or model cannot be used.
        DemoError: the line could not be run.
    """
    from edge_runtime.bench.loop import LoopPlan, run_loop
    from edge_runtime.bench.loop_result import print_loop
    from edge_runtime.twin.settings import BALLS_PER_S_MAX

    fastest = BALLS_PER_S_MAX * args.lanes
    low = 4.0 * args.lanes if args.low is None else args.low
    high = 24.0 * args.lanes if args.high is None else args.high
    if args.rate is not None:
        low = high = args.rate
    if not 1 <= args.lanes <= 8 or not 0.0 < low <= high <= fastest:
        raise _refuse("loop", f"give 1 to 8 lanes, and rates above 0 up to {fastest:g}, --low below --high")
    good = args.trial_s >= 2.0 and args.hold_s >= 0.0 and args.repeat >= args.lanes and args.seed >= 0
    if args.diameter_mm is None:
        args.diameter_mm = 40.0 if args.lanes == 1 else 15.0
    if not good or not 10.0 <= args.diameter_mm <= 150.0 or not 0.0 <= args.defect_share <= 1.0:
        raise _refuse(
            "loop", "give --trial-s from 2, --hold-s from 0, --repeat from a ball a lane on, 10 to 150 mm"
        )
    plan = LoopPlan(
        lanes=args.lanes,
        diameter_mm=args.diameter_mm,
        low=low,
        high=high,
        trial_s=args.trial_s if args.rate is None or not args.hold_s else args.hold_s,
        hold_s=args.hold_s if args.rate is None else 0.0,
        repeat=args.repeat,
        defect_share=args.defect_share,
        seed=args.seed,
        model=args.model,
    )
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=None)
        result = run_loop(plan, lambda what: progress.update(task, description=what))
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        print_loop(result, Console(highlight=False))
    return 0 if result.met else EXIT_MISSED


def run_stages_part(args: argparse.Namespace) -> int:
    """Measure and print; exit code 0.

    Raises:
        ConfigError, ContractError: arguments, bank or model cannot be used.
    """
    from edge_runtime.bench.stages import print_stages, run_stages

    if (
        args.balls < 2
        or args.rounds < 1
        or args.seed < 0
        or not (10.0 <= args.diameter_mm <= 150.0 and 1 <= args.lanes <= 8)
    ):
        raise _refuse(
            "stages", "give 2 balls and 1 round at least, a seed from 0 on, 10 to 150 mm, 1 to 8 lanes"
        )
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("rounds", total=args.rounds + 1)
        result = run_stages(
            args.balls,
            args.rounds,
            args.seed,
            diameter_mm=args.diameter_mm,
            lanes=args.lanes,
            model=args.model,
            step=partial(progress.advance, task),
        )
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        print_stages(result, Console(highlight=False))
    return 0
