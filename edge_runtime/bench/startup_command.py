"""Options of `ferrogate bench startup`.

Neighbours: `startup` measures, `edge_runtime.commands.bench` adds it.
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
_RUNS = 5
_MODEL = "ferrogate-models:ball"
_EPILOG = """examples:
  ferrogate bench startup
  ferrogate bench startup --runs 20 --json | tail -1

The twin's line and PLC stand ready; 'ferrogate run' is started on the demo's station file, and the PLC is
asked over Modbus until the station's Ready is in its registers.

Exit code 0: every start took at most 3 s; 9: one took longer; 11: the line could not be run."""


def register(parts: Any) -> None:
    """Add the part to `ferrogate bench`."""
    parser = parts.add_parser(
        "startup",
        help="from the start of 'ferrogate run' to the Ready bit in the PLC",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=_RUNS, metavar="N", help=f"starts (default {_RUNS})")
    parser.add_argument("--model", default=_MODEL, metavar="FILE", help=f"default: {_MODEL}")
    parser.add_argument("--no-page", action="store_true", help="a station without its page")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start, stop, print; exit code 0 or 9.

    Raises:
        ConfigError: an argument cannot be used.
        DemoError: the line could not be run.
    """
    if args.runs < 1:
        raise ConfigError("at least one start is needed", where="--runs", todo="give a number of 1 or more")
    # Here, not above: the twin is not needed to print a help text.
    from edge_runtime.bench.startup import run_startup
    from edge_runtime.bench.startup_result import print_result

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starts", total=args.runs)
        result = run_startup(
            args.runs, model=args.model, page=not args.no_page, step=partial(progress.advance, task)
        )
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        print_result(result, Console(highlight=False))
    return 0 if result.met else EXIT_MISSED
