"""Options of `ferrogate bench detector`.

Neighbours: `detector` measures, `edge_runtime.commands.bench` adds it.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.progress import Progress

from vision.errors import ConfigError

EXIT_MISSED = 9
_ROUNDS = 15
_EPILOG = """examples:
  ferrogate bench detector                   the shipped models, and their graphs at 160, 320, 640 px
  ferrogate bench detector --threads 2 --json | tail -1
  ferrogate bench detector --model mine.onnx --size 320 --provider cpu --provider openvino

The bare graph gets a ready tensor; ours begins with the picture and ends with typed detections. Both run the
same file with the same provider, threads and number of pictures, in turns A B B A of one process.
Exit code 0: every target was met; 9: one was missed or could not be measured.
"""


def register(parts: Any) -> None:
    """Add the part to `ferrogate bench`."""
    parser = parts.add_parser(
        "detector",
        help="what goes before and behind the network costs, beside the bare graph",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="FILE",
        help="a model file or a shipped one's name; again for more (default: all shipped files)",
    )
    parser.add_argument(
        "--size",
        action="append",
        type=int,
        metavar="PX",
        help="resize the first model to this, too; again for more (default: 160 of the ball's, 320 and 640 "
        "of the rail's; 0: none)",
    )
    parser.add_argument(
        "--provider",
        action="append",
        metavar="NAME",
        help="again for more (default: cpu, and openvino where it is installed)",
    )
    parser.add_argument(
        "--threads", action="append", type=int, metavar="N", help="again for more (default: 1, and all cores)"
    )
    parser.add_argument(
        "--pictures",
        action="append",
        type=int,
        metavar="N",
        help="looked at together; again for more (default 1)",
    )
    parser.add_argument("--pixels", action="append", choices=("mono8", "bgr8"), help="default: both")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, metavar="N", help=f"default: {_ROUNDS}")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the pictures (default 1)")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print; exit code 0 or 9.

    Raises:
        ConfigError: an argument cannot be used.
        ContractError, ProviderError: a model or a provider cannot be used.
    """
    counts = [*(args.threads or []), *(args.pictures or []), args.rounds]
    if min(counts) < 1 or args.seed < 0:
        raise ConfigError(
            "threads, pictures and rounds must be at least 1, and the seed 0",
            where="command line of 'ferrogate bench detector'",
            todo="correct these options",
        )
    # Here, not above: nothing of it is needed to print a help text.
    from edge_runtime.bench.detector import PIXELS, DetectorPlan, run_detector
    from edge_runtime.bench.detector_files import SIZES_PX, find_files
    from edge_runtime.bench.detector_result import DetectorResult, print_result
    from edge_runtime.bench.machine import this_machine

    machine = this_machine()
    sizes = tuple(SIZES_PX) if args.size is None else tuple(size for size in args.size if size)
    files, notes = find_files(args.model, sizes)
    providers, missing = _providers(args.provider)
    plan = DetectorPlan(
        models=files,
        providers=providers,
        threads=tuple(args.threads or sorted({1, machine.cores})),
        batches=tuple(args.pictures or (1,)),
        pixels=tuple(args.pixels or PIXELS),
        rounds=args.rounds,
        seed=args.seed,
    )
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("models", total=len(list(plan.cases())))
        rows = run_detector(plan, partial(progress.advance, task))
    version = metadata.version("onnxruntime")
    result = DetectorResult(machine, version, args.rounds, rows, (*notes, *missing))
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        # A pipe is as wide as the table needs.
        print_result(result, Console(highlight=False, width=None if sys.stdout.isatty() else 120))
    return 0 if result.met else EXIT_MISSED


def _providers(named: list[str] | None) -> tuple[tuple[str, ...], list[str]]:
    """Providers to measure; without a choice CPU and OpenVINO, with a word where that is not installed."""
    from vision.providers import available_providers

    if named:
        return tuple(named), []
    if "openvino" in available_providers():
        return ("cpu", "openvino"), []
    return ("cpu",), ["provider openvino not measured: pip install 'ferrogate[openvino]'"]
