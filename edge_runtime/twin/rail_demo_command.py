"""`ferrogate demo --station rail`: its words, its checks, and the summary for people.

Neighbours: `edge_runtime.commands.demo` is the command and hands over, `rail_demo` runs the yard,
`rail_figures` compares it with the truth.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from edge_runtime.twin.rail_demo import RailDemo, play_rails, write_rail_files
from edge_runtime.twin.rail_figures import RailDemoFigures, collect_rails
from edge_runtime.twin.rail_settings import RailFault, RailTwinSettings, parse_rail_faults
from edge_runtime.yard.station_status import YardStatus
from vision.errors import ConfigError

DEFAULT_RAILS, FOREVER_RAILS = 3, 1_000_000
DEFAULT_LENGTH_M = 3.0
#: with --forever a rail every quarter of a minute at 12 an hour
FOREVER_SPEED_UP = 20.0
_MARKS_PER_M = 1.6
#: frames of short rails are short, so that there are some to lose
_SHORT_M, _SHORT_FRAME_ROWS, _FRAME_ROWS = 8.0, 1000, 2000
_FAULTS_PER_RAIL = 2


def rail_settings_of(args: argparse.Namespace, run_dir: Path, seed: int) -> RailTwinSettings:
    """The twin's settings from the command line.

    Raises:
        ConfigError: they cannot be.
    """
    faults = parse_rail_faults(args.faults)
    wanted = DEFAULT_RAILS if args.rails is None else args.rails
    # The first rail has no fault, so that there is something to compare with.
    needed = 1 + math.ceil(len(faults) / _FAULTS_PER_RAIL) if faults else 1
    if args.rails is not None and needed > wanted > 0:
        print(f"{len(faults)} faults need {needed} rails: running {needed}", file=sys.stderr)
    count = max(wanted, needed) if wanted > 0 else wanted
    length_m = DEFAULT_LENGTH_M if args.length_m is None else args.length_m
    speed_up = args.speed_up if args.speed_up is not None else (FOREVER_SPEED_UP if args.forever else None)
    try:
        return RailTwinSettings(
            out=run_dir / "scans",
            truth=run_dir / "truth",
            count=FOREVER_RAILS if args.forever else count,
            seed=seed,
            length_m=length_m,
            marks=round(_MARKS_PER_M * length_m),
            frame_rows=_SHORT_FRAME_ROWS if length_m < _SHORT_M else _FRAME_ROWS,
            rails_per_hour=12.0 if args.rails_per_hour is None else args.rails_per_hour,
            speed_up=speed_up,
            side_camera=args.side_camera,
            faults=_spread(faults, count),
        )
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(
            f"the yard cannot be run like this: {wrong}",
            where="--rails, --length-m, --rails-per-hour, --speed-up, --seed",
            todo="'ferrogate demo --help' tells what each may be",
        ) from error


def run_rail_demo(
    args: argparse.Namespace,
    run_dir: Path,
    seed: int,
    model: str,
    page_port: int | None,
    stop: threading.Event,
) -> int:
    """Run the yard, print what became of it; returns the exit code: 0 sound, 1 not.

    Raises:
        ConfigError, DemoError: it could not be run.
    """
    console = Console(stderr=True, highlight=False)
    settings = rail_settings_of(args, run_dir, seed)
    demo = write_rail_files(run_dir, settings, model=model, page_port=page_port, language=args.language)
    if not args.json:
        count = "rails" if args.forever else f"{settings.count} rails"
        console.print(f"{count} of {settings.length_m:g} m with {settings.marks} marks each, seed {seed}")
    page = "" if page_port is None else f"http://127.0.0.1:{page_port}/"
    if page:
        password = _one_time_password(demo)
        console.print(f"Page:  {page}  name: demo, one-time password: {password}", soft_wrap=True)
    _play(demo, args, console, stop)
    figures = collect_rails(demo)
    facts = {
        **figures.to_json(),
        "seed": seed,
        "faults": [fault.value for fault in parse_rail_faults(args.faults)],
        "wall_s": round(demo.wall_s, 1),
        "stopped_early": demo.stopped_early,
        "page": page,
        "station_file": str(demo.station_file),
        "storage": str(demo.storage),
    }
    (run_dir / "figures.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if args.json:
        print(json.dumps(facts))
    else:
        _tell(figures, demo, Console(highlight=False))
    sys.stdout.flush()
    return 0 if figures.sound else 1


def _spread(faults: tuple[RailFault, ...], count: int) -> tuple[tuple[RailFault, ...], ...]:
    """Faults over rails in turn; the first rail has none where there are several."""
    if not faults:
        return ()
    if count == 1:
        return (faults,)
    return ((), *(faults[index :: count - 1] for index in range(count - 1)))


def _one_time_password(demo: RailDemo) -> str:
    """Make the one account of this run."""
    # Imported late: password hashing is for pages only.
    from edge_runtime.people.accounts import Accounts

    accounts = Accounts.open(demo.storage)
    try:
        return accounts.create_one_time("demo", "admin", by="ferrogate demo")
    finally:
        accounts.close()


def _play(demo: RailDemo, args: argparse.Namespace, console: Console, stop: threading.Event) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = args.json and not console.is_terminal
    with Progress(*columns, console=console, disable=quiet, transient=True) as bar:
        total = None if args.forever else demo.settings.count
        rails = bar.add_task("rails", total=total)
        tiles = bar.add_task("this rail", total=None)

        def told(through: int, status: YardStatus | None) -> None:
            bar.update(rails, completed=through)
            if status is not None and status.total:
                bar.update(tiles, completed=status.done, total=status.total, description=status.rail)

        play_rails(demo, told, stop)


def _tell(figures: RailDemoFigures, demo: RailDemo, console: Console) -> None:
    """The summary that somebody at a yard understands."""
    facts, score = figures.to_json(), figures.score
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Rails past the scanner", str(figures.scanned))
    table.add_row("  in the books", str(figures.booked))
    if figures.aside:
        table.add_row("  put aside", f"{len(figures.aside)}: {', '.join(figures.aside)}")
    table.add_row("Metres of rail", f"{facts['metres']:g}")
    if score is not None:
        marks = f"{score.found} of {score.marks}; {facts['false_alarms']} false alarms"
        table.add_row("Marks found", marks)
        for label in score.labels:
            recall, false = label.recall, label.false
            text = f"{recall.hits} of {recall.total}, {false.count} false ({false.rate:.2f} a metre)"
            table.add_row(f"  {label.label}", text)
        if score.place_mm is not None:
            place = score.place_mm
            near = f"{place.p50:.1f} mm in the middle, {place.p95:.1f} mm at 95 %"
            table.add_row("Their places against the truth", f"{near}, {place.largest:.1f} mm at most")
        true_m = figures.unseen_true_m
        table.add_row("Metres not seen", f"{score.unseen_m:.2f}; true are {true_m:.2f}")
    table.add_row("Grades", ", ".join(f"{word} {count}" for word, count in sorted(figures.grades.items())))
    console.print(table)
    console.print(
        "A rail stays 'human' until a person has typed what no camera sees: steel, welds, closed vessels."
    )
    if figures.overclaimed:
        console.print(f"[red]Called seen, and no picture proves it: {', '.join(figures.overclaimed)}[/red]")
    if figures.cleared:
        console.print(f"[red]Called clear without a person: {', '.join(figures.cleared)}[/red]")
    if figures.scanned != figures.booked + len(figures.aside):
        console.print("[red]Rails are missing from the books.[/red]")
    elif figures.sound:
        console.print("[green]Every rail is in the books; nothing unproven was called clear.[/green]")
    console.print(f"Maps:  {demo.storage / 'rails'}")
    console.print(f"Truth: {demo.settings.truth}; all figures: {demo.run_dir / 'figures.json'}")
    again = os.path.relpath(demo.station_file)
    if demo.page_port is not None:
        console.print(
            f"To go on with these rails: ferrogate run {again}  (page: http://127.0.0.1:{demo.page_port}/)"
        )
