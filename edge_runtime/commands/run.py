"""`ferrogate run STATION.yaml`: the station itself, until it is stopped; a ball line's or a rail yard's."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from edge_runtime.config import StationConfig, load_recipe, load_station, station_kind
from edge_runtime.day.files import day_file, read_day
from edge_runtime.day.recipe_shelf import RecipeShelf
from edge_runtime.station.start_marks import MARKS
from vision.errors import ConfigError, FerrogateError, LedgerError
from vision.recipe import BallRecipe

if TYPE_CHECKING:
    from edge_runtime.station.gauges import ScaleFacts

NAME = "run"
HELP = "run a station"
EPILOG = """examples:
  ferrogate run station.yaml              start station, recorder and page; stop with Ctrl-C
  ferrogate run station.yaml --check      read station file, recipe and calibrations, say what is
                                          unverified, start nothing
  ferrogate run --schema station          print the JSON schema of a station file
  ferrogate run rail_station.yaml         a rail yard: scans are mapped and graded as they come, with its page
  ferrogate run --schema recipe           print the JSON schema of a recipe
  ferrogate run --schema rail-station     that of a rail station file

exit codes: 0 stopped or recording over, 2 station file, recipe or calibration, 4 model contract, 5 provider,
8 books, the day's file or a full disk, 9 a calibration does not hold today, 10 a process died too often
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("station", type=Path, nargs="?", metavar="STATION.yaml")
    parser.add_argument("--check", action="store_true", help="only check the files")
    parser.add_argument(
        "--schema", choices=("station", "rail-station", "recipe"), help="print a JSON schema and end"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end when the process that started it ends (demos, tests)"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run it; returns the exit code."""
    if args.schema:
        return _print_schema(args.schema)
    if args.station is None:
        raise ConfigError("no station file given", todo="ferrogate run STATION.yaml")
    if station_kind(args.station) == "rail":
        # Imported late: a ball line loads nothing of the yard.
        from edge_runtime.yard.station_run import run_yard_station

        return run_yard_station(
            args.station, check=args.check, as_json=args.json, with_parent=args.with_parent
        )
    MARKS.reached("imports")
    try:
        config, recipe, scales = _files(args.station)
    except FerrogateError:
        _offer_last_good(args.station)
        raise
    unverified = recipe.unverified()
    if args.check:
        if args.json:
            facts = {
                "station": config.name,
                "product": recipe.product,
                "recipe_sha256": recipe.sha256(),
                "unverified_limits": unverified,
                "scales": [asdict(scale) for scale in scales],
            }
            print(json.dumps(facts))
        else:
            print(f"station {config.name}: the file is sound; product: {recipe.product}")
            _say(unverified, scales)
        return 0
    _say(unverified, scales)
    # Imported late: --check works without anything that runs.
    from edge_runtime.logs import setup_logging
    from edge_runtime.station.supervisor import supervise

    MARKS.reached("station file")
    setup_logging("supervisor", config.name)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    began_utc_ns = time.time_ns()
    code = supervise(config, args.station, stop, os.getppid() if args.with_parent else None)
    if args.json:
        print(json.dumps({"station": config.name, "exit_code": code} | _counts(config, began_utc_ns)))
    return code


def _files(station: Path) -> tuple[StationConfig, BallRecipe, tuple[ScaleFacts, ...]]:
    """Station file, recipe in force, and what the scales are worth today.

    Raises:
        ConfigError, CalibrationError, LedgerError: one of them cannot be used.
    """
    # Imported late: --schema works without anything that measures.
    from edge_runtime.station.gauges import Gauges

    config = load_station(station)
    recipe = _recipe_in_force(config)
    return config, recipe, Gauges(config, recipe, datetime.now(UTC).date()).facts()


def _offer_last_good(station: Path) -> None:
    """Say what was Ready last; only a person goes back to it."""
    from edge_runtime.station.last_good import kept_for

    before = kept_for(station)
    if before is not None:
        print(f"NOT STARTED: {before.offer}", file=sys.stderr)


def _print_schema(name: str) -> int:
    """Print the JSON schema of a kind of file; returns the exit code."""
    from edge_runtime.yard.yard_config import RailStationConfig

    models: dict[str, type[BaseModel]] = {
        "station": StationConfig,
        "rail-station": RailStationConfig,
        "recipe": BallRecipe,
    }
    print(json.dumps(models[name].model_json_schema(), indent=2))
    return 0


def _recipe_in_force(config: StationConfig) -> BallRecipe:
    """The recipe that the last changeover chose, or the station file's own.

    Raises:
        ConfigError: the station file's own cannot be used.
        LedgerError: the day's file cannot be read.
    """
    own = load_recipe(config.recipe)
    chosen = read_day(day_file(config.storage.folder)).recipe
    if not chosen:
        return own
    try:
        recipe = RecipeShelf(config).load(chosen)
    except ConfigError as error:
        # Started all the same: people choose another one at the page, and until then all is rejected.
        print(f"NOT READY: the recipe of the last changeover cannot be used: {error}", file=sys.stderr)
        return own
    print(f"recipe {chosen} is in force by a changeover", file=sys.stderr)
    return recipe


def _counts(config: StationConfig, since_utc_ns: int) -> dict[str, int]:
    """Rows of this run by verdict; all 0 when the station never got to write one."""
    import sqlalchemy as sa

    from edge_runtime.ledger.models import PartRow
    from edge_runtime.ledger.store import ledger_url, open_to_read, reading

    storage = config.storage
    counts = dict.fromkeys(("parts", "accept", "review", "reject"), 0)
    try:
        engine = open_to_read(ledger_url(storage.folder, storage.database_url))
    except LedgerError as error:
        print(f"no ledger to count in: {error}", file=sys.stderr)
        return counts
    query = sa.select(PartRow.verdict, sa.func.count()).where(PartRow.utc_ns >= since_utc_ns)
    with reading(engine) as connection:
        for verdict, count in connection.execute(query.group_by(PartRow.verdict)):
            counts[verdict] = counts.get(verdict, 0) + count
            counts["parts"] += count
    engine.dispose()
    return counts


def _say(unverified: tuple[str, ...], scales: tuple[ScaleFacts, ...]) -> None:
    """What a person at the line must know of the limits and the scales in force."""
    for scale in scales:
        print(scale.text(), file=sys.stderr)
    if unverified:
        print(
            f"NOT VERIFIED: {len(unverified)} limits of the recipe were never compared with their source "
            f"({', '.join(unverified)}); type in the bought standard and set 'verified: true'",
            file=sys.stderr,
        )
