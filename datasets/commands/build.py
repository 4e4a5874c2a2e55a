"""`ferrogate data build rail|ball`: the data that a station's model is trained on, in one command."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.build.rail import Built

_EXAMPLES = """examples:
  FERROGATE_DATA=/path/to/pictures ferrogate data build rail
  ferrogate data build rail --out data/rail --seed 1 --composed 400
  ferrogate data build ball --count 4000
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `build` to the subcommands of `ferrogate data`."""
    build = commands.add_parser(
        "build",
        help="everything a station's model is trained on",
        description="Build the data sets of one station below one folder, audit them together and write "
        "their cards. A failed audit fails the build, and what was there before stays.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stations = build.add_subparsers(title="station", metavar="STATION", required=True)
    rail = _station(stations, "rail", "frames, steel and composed frames from FERROGATE_DATA")
    rail.add_argument("--composed", type=int, metavar="N", help="frames with composed marks (default 400)")
    rail.set_defaults(run=_rail)
    ball = _station(stations, "ball", "rendered balls, and real ones from FERROGATE_DATA")
    ball.add_argument("--count", type=int, metavar="N", help="rendered crops to train on (default 9600)")
    ball.add_argument(
        "--test-count", type=int, metavar="N", help="rendered crops to measure on (default 9000)"
    )
    ball.add_argument("--jobs", type=int, default=1, help="rendering processes (default 1)")
    ball.set_defaults(run=_ball)


def _station(
    stations: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = stations.add_parser(
        name,
        help=text,
        description=f"Build {text}. FERROGATE_DATA names the folder of real pictures.",
        epilog=f"example:\n  ferrogate data build {name} --out data/{name} --seed 1\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("data") / name, help=f"default data/{name}")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice (default 1)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return parser


def _rail(args: argparse.Namespace) -> int:
    from datasets.build.rail import COMPOSED_COUNT, build_rail
    from datasets.folders import data_root

    count = COMPOSED_COUNT if args.composed is None else args.composed
    built = build_rail(data_root(), args.out, args.seed, composed=count, show_progress=not args.json)
    return _print(args, built)


def _ball(args: argparse.Namespace) -> int:
    from datasets.build.ball import build_ball
    from datasets.folders import data_root

    built = build_ball(
        data_root(),
        args.out,
        args.seed,
        count=args.count,
        test_count=args.test_count,
        jobs=args.jobs,
        show_progress=not args.json,
    )
    return _print(args, built)


def _print(args: argparse.Namespace, built: Built) -> int:
    """The result, and the audit's warnings; a failed audit never comes here."""
    versions = {Path(one.folder).name: one.version for one in built.report.sets}
    warnings = [finding for finding in built.report.findings if finding.level == "warning"]
    figures = {
        name: {
            "pictures": dict(Counter(sample.split for sample in data.samples)),
            "boxes": dict(Counter(box.label for sample in data.samples for box in sample.boxes)),
            "version": versions.get(name, ""),
        }
        for name, data in built.sets.items()
    }
    if args.json:
        found = [finding.model_dump() for finding in warnings]
        print(json.dumps({"out": str(args.out), "sets": figures, "warnings": found}))
        return 0
    for name, figure in figures.items():
        print(f"{args.out / name}: pictures {figure['pictures']}, boxes {figure['boxes']}")
    print(f"audit passed, {len(warnings)} warnings: {args.out / 'audit.json'}")
    return 0
