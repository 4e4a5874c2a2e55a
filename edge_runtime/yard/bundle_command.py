"""`ferrogate rail corrections`: what inspectors said, with its pictures, as a bundle for the data team.

Neighbours: `yard_bundle` writes it, `edge_runtime.commands.rail` is the command.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from edge_runtime.config import station_kind
from edge_runtime.ledger.place import find_ledger
from edge_runtime.ledger.store import open_to_read
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.yard_bundle import write_yard_bundle
from edge_runtime.yard.yard_config import load_rail_station

_DAY_NS = 24 * 3600 * 1_000_000_000
_EPILOG = """examples:
  ferrogate rail corrections rail_station.yaml --out usb/corrections
  ferrogate rail corrections rail_station.yaml --out usb/week --days 7 --json
  ferrogate rail corrections storage/ --out one --rail 14564701

DIR gets bundle.json, bundle.csv and pictures: every stretch that a person has gone through, with the boxes as
they were left, and what is around single corrections elsewhere (not 'labelled'). 'ferrogate data import
bundle' reads it; docs/datasets.md describes it. It appears whole or not at all.

exit codes: 0 written; 2 arguments or station file; 3 a strip's picture is missing or broken; 8 the ledger or
the disk; 12 there is no such rail, or nobody has said anything yet."""


def register(actions: Any) -> None:
    """Add the action `corrections`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "corrections",
        help="what inspectors said, with its pictures, as a bundle for the data team",
        description="Write the labels that inspectors corrected as a capture bundle.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("place", type=Path, metavar="STATION.yaml|DIR", help="station file or storage folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--rail", action="append", metavar="NAME", help="only this rail or set of photos; may be repeated"
    )
    parser.add_argument(
        "--days", type=_days, metavar="N", help="only what somebody spoke of in the last N days"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle; returns 0.

    Raises:
        FerrogateError: nothing was written.
    """
    place = find_ledger(arguments.place)
    station = _station_file(arguments.place)
    config = None if station is None else load_rail_station(station)
    engine = open_to_read(place.url)
    try:
        grading = RecipeGrading(load_yard_recipe(None if config is None else config.recipe))
        columns = (TextColumn("rails"), BarColumn(), MofNCompleteColumn())
        bar = Progress(*columns, console=Console(stderr=True), disable=arguments.json, transient=True)
        with bar:
            task = bar.add_task("rails", total=None)
            count = write_yard_bundle(
                YardStore(engine, place.storage, grading),
                arguments.out,
                None,
                rails=arguments.rail,
                since_utc_ns=None if arguments.days is None else time.time_ns() - arguments.days * _DAY_NS,
                station_name="yard" if config is None else config.name,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    finally:
        engine.dispose()
    if arguments.json:
        print(json.dumps({"out": str(arguments.out), **asdict(count)}))
    else:
        print(
            f"written: {arguments.out}: {count.pictures} pictures of {count.rails} rails, {count.labelled} "
            f"of them gone through by a person; {count.boxes} boxes, {count.corrections} corrections"
        )
    return 0


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 36_600:
        raise ValueError(text)
    return days


def _station_file(place: Path) -> Path | None:
    """The yard's station file, where the place is one or holds one."""
    if place.is_dir():
        place = place / "station.yaml"
        if not place.is_file():
            return None
    return place if station_kind(place) == "rail" else None
