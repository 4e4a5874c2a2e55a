"""`ferrogate doctor`: is this machine, and this station, fit to run?"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.doctor import machine
from edge_runtime.doctor.report import Check, fail, failed_by
from vision.errors import FerrogateError

NAME = "doctor"
HELP = "check this machine, and a station, before it runs"
EPILOG = """examples:
  ferrogate doctor                   what is installed on this machine
  ferrogate doctor station.yaml      the same, then recipe, model, cameras, PLC, disk of that station
  ferrogate doctor rail_station.yaml the same, then recipe, model, scans, page, disk of that rail yard
  ferrogate doctor --json | tail -1  for programs

Exit code 0: nothing failed (warnings may be there); 1: something did.
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("station", nargs="?", type=Path, metavar="STATION.yaml", help="station file to check")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _print(check: Check) -> None:
    head = f"{check.level:<5} {check.name:<24} "
    width = 110 - len(head)
    lines = textwrap.wrap(check.text, width) or [""]
    if check.todo:
        lines += textwrap.wrap(f"-> {check.todo}", width)
    print(head + lines[0])
    for line in lines[1:]:
        print(" " * len(head) + line)


def _station_checks(path: Path) -> Iterator[Check]:
    try:
        # Here, not above: where a package is missing, the lines about this machine must still come.
        from edge_runtime.config import station_kind
        from edge_runtime.doctor import station, yard
    except ImportError as error:
        yield fail("station", f"cannot be looked at: {error}", "mend the packages named above first")
        return
    try:
        kind = station_kind(path)
    except FerrogateError as error:
        yield failed_by("station file", error)
        return
    yield from (yard if kind == "rail" else station).all_checks(path)


def run(args: argparse.Namespace) -> int:
    """Run the checks, print them as they come; exit code 0 or 1."""
    checks: list[Check] = []

    def note(check: Check) -> None:
        checks.append(check)
        if not args.json:
            _print(check)

    for check in machine.all_checks():
        note(check)
    if args.station is not None:
        for check in _station_checks(args.station):
            note(check)
    failed = sum(check.level == "FAIL" for check in checks)
    warned = sum(check.level == "WARN" for check in checks)
    if args.json:
        print(
            json.dumps(
                {
                    "ok": failed == 0,
                    "failed": failed,
                    "warned": warned,
                    "checks": [check.as_dict() for check in checks],
                }
            )
        )
    else:
        print(f"\n{len(checks)} checks, {failed} failed, {warned} warnings")
    return 1 if failed else 0
