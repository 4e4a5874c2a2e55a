"""`ferrogate demo`: a whole ball line, or a rail yard, on this machine; no camera, PLC or GPU needed."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge_runtime.config import load_recipe
from edge_runtime.reports.words import LANGUAGES
from edge_runtime.twin.demo import DemoRun, Line, free_port, play, write_files
from edge_runtime.twin.demo_summary import tell
from edge_runtime.twin.faults import FaultName, balls_needed, parse_faults, schedule
from edge_runtime.twin.figures import collect, write_figures
from edge_runtime.twin.run_parts import empty_run_dir, ended_by_ctrl_c, known_model, seed_or_drawn
from edge_runtime.twin.settings import LineSettings, check_gate, with_fast_lanes, with_physics
from vision.errors import ConfigError

NAME = "demo"
DEFAULT_BALLS = 300
BALLS_PER_S, DIAMETER_MM, DEFECT_SHARE = 10.0, 40.0, 0.03
#: more than any run gets to: one ball every tenth of a second for eleven days
FOREVER_BALLS = 10_000_000
PAGE_PORT, PANEL_PORT = 8080, 8081
#: who may sign in at a demo's page, with a one-time password
DEMO_PERSON = "demo"
#: options of one station, which the other one refuses
_OF_BALLS = ("balls", "rate", "diameter_mm", "defect_share", "lanes", "panel_port", "operator")
_OF_RAILS = ("rails", "length_m", "rails_per_hour", "speed_up")
HELP = "run the whole ball line on this machine and show what it did"
EPILOG = f"""examples:
  ferrogate demo                                    300 balls of 40 mm at 10 a second, 3 % defective
  ferrogate demo --balls 2000 --rate 10 --seed 7 --json
  ferrogate demo --faults gate_stick,station_kill   with two faults
  ferrogate demo --faults all                       with every fault there is
  ferrogate demo --lanes 4 --diameter-mm 15 --rate 24
  ferrogate demo --ideal                            cold clean balls, telecentric cameras, steady lamps
  ferrogate demo --forever                          until Ctrl-C, with the line's page and a panel that
                                                    stands for the plant: key, stops, feed, challenge balls
  ferrogate demo --station rail                     a rail yard: 3 rendered rails of 3 m past a scanner,
                                                    mapped, graded, compared with the truth
  ferrogate demo --station rail --rails 1 --length-m 25
  ferrogate demo --station rail --faults all --side-camera

faults: {", ".join(FaultName)}

The line is as hard to measure on as a plant: pinhole cameras, balls of 60 to 160 degC that the
pyrometer knows to 10, flakes of scale, lamps that drift; --ideal leaves all that out.

Several lanes (--rate counts the balls of all of them) have two exposures per camera, views of 320 px, air
jets for gates and one pyrometer for all; faults and the panel's knobs touch the first lane.

The station's page is up while the line runs; its address and a one-time password are printed. Ctrl-C lets
the belt run empty, stops everything in order and prints the figures; a second one stops at once.

The last line of --json is one object. trigger_to_plc_ms runs from the arrival of a ball's last due
view to the PLC's stamp on its verdict, over all balls; a ball without a verdict counts as infinite,
and an infinite figure is null.

A rail yard takes --rails, --length-m, --rails-per-hour, --speed-up, --side-camera, and of the above --seed,
--faults, --out, --page-port, --no-page, --language, --model, --forever, --json. Its faults are
conveyor_stop, conveyor_reverse, encoder_stop, frames_lost, frames_doubled, frames_out_of_order, black_frame.

exit codes: 0 invariant kept and books balanced, 1 not, 11 the line could not be run, 130 stopped at once
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "--station", choices=("ball", "rail"), default="ball", help="which station (default ball)"
    )
    parser.add_argument("--balls", type=int, metavar="N", help="default 300, or what the faults need")
    parser.add_argument("--forever", action="store_true", help="until Ctrl-C, with the plant panel")
    parser.add_argument("--rate", type=float, metavar="BALLS_PER_S", help=f"default {BALLS_PER_S:g}")
    parser.add_argument("--diameter-mm", type=float, metavar="D", help=f"nominal (default {DIAMETER_MM:g})")
    parser.add_argument("--defect-share", type=float, metavar="P", help=f"0..1 (default {DEFECT_SHARE:g})")
    parser.add_argument(
        "--lanes",
        type=int,
        metavar="N",
        help="1 to 8 (default 1); several: for small balls at speed, see below",
    )
    parser.add_argument("--seed", type=int, default=None, metavar="S", help="default: drawn, and printed")
    parser.add_argument("--model", metavar="FILE", help="default: the one shipped for the station")
    parser.add_argument("--faults", default="", metavar="A,B|all", help="faults to inject, see below")
    parser.add_argument("--ideal", action="store_true", help="nothing that makes measuring hard, see below")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="default: runs/demo-<time>")
    parser.add_argument(
        "--page-port", type=int, default=PAGE_PORT, metavar="N", help=f"of the page (default {PAGE_PORT})"
    )
    parser.add_argument("--no-page", action="store_true", help="run the line without its page")
    parser.add_argument(
        "--panel-port", type=int, metavar="N", help=f"of the panel, with --forever (default {PANEL_PORT})"
    )
    parser.add_argument(
        "--operator",
        choices=("auto", "none"),
        help="who resets a stopped belt: an operator by himself (auto, the default), or only the panel's "
        "key (none, the default with --forever)",
    )
    parser.add_argument("--language", choices=LANGUAGES, default="ru", help="of page and panel (default ru)")
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    rail = parser.add_argument_group("of a rail yard")
    rail.add_argument("--rails", type=int, metavar="N", help="default 3, or what the faults need")
    rail.add_argument("--length-m", type=float, metavar="M", help="of each rail, 0.5 to 30 (default 3)")
    rail.add_argument("--rails-per-hour", type=float, metavar="N", help="1 to 60 (default 12)")
    rail.add_argument(
        "--speed-up", type=float, metavar="X", help="times faster than a yard (default: as fast as it goes)"
    )
    rail.add_argument("--side-camera", action="store_true", help="a second camera, at the rail's side")
    parser.set_defaults(run=run)


def _settings(args: argparse.Namespace) -> LineSettings:
    names = parse_faults(args.faults)
    _check_together(args)
    if args.balls is not None and args.balls < 1:
        raise ConfigError(f"{args.balls} balls cannot be run", where="--balls", todo="give 1 or more")
    wanted = DEFAULT_BALLS if args.balls is None else args.balls
    rate = BALLS_PER_S if args.rate is None else args.rate
    n_balls = max(wanted, balls_needed(names, rate))
    if args.balls is not None and n_balls > wanted:
        # Faults that overlap could not be told apart afterwards.
        print(f"{len(names)} faults need {n_balls} balls to stand apart: running {n_balls}", file=sys.stderr)
    seed, run_dir = seed_or_drawn(args.seed), empty_run_dir(args.out, "demo")
    unique = f"ferrogate-{os.getpid()}"
    try:
        settings = LineSettings(
            n_balls=FOREVER_BALLS if args.forever else n_balls,
            lanes=args.lanes or 1,
            operator_comes=(args.operator or ("none" if args.forever else "auto")) == "auto",
            balls_per_s=rate,
            diameter_mm=DIAMETER_MM if args.diameter_mm is None else args.diameter_mm,
            defect_share=DEFECT_SHARE if args.defect_share is None else args.defect_share,
            seed=seed,
            faults=schedule(names, n_balls, seed, rate),
            run_dir=run_dir,
            field_name=f"{unique}-field",
            ring_prefix=unique,
            plc_port=free_port(),
        )
        real = settings if args.ideal else with_physics(settings)
        return check_gate(real if real.lanes == 1 else with_fast_lanes(real, real.lanes))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(
            f"the line cannot be run like this: {wrong}",
            where="--balls, --rate, --lanes, --diameter-mm, --defect-share, --seed",
            todo="'ferrogate demo --help' tells what each may be",
        ) from error


def _check_together(args: argparse.Namespace) -> None:
    """Options that do not go together, or cannot be."""
    todo = "'ferrogate demo --help' tells what goes together"
    strange = _OF_RAILS if args.station == "ball" else _OF_BALLS
    given = [f"--{name.replace('_', '-')}" for name in strange if getattr(args, name) is not None]
    given += ["--side-camera"] if args.station == "ball" and args.side_camera else []
    given += ["--ideal"] if args.station == "rail" and args.ideal else []
    if given:
        raise ConfigError(f"this is not of the {args.station} station", where=", ".join(given), todo=todo)
    if args.forever and (args.balls is not None or args.rails is not None):
        raise ConfigError("--forever has no number", where="--forever, --balls, --rails", todo=todo)
    if args.panel_port is not None and not args.forever:
        raise ConfigError("the panel comes with --forever only", where="--panel-port", todo=todo)
    for name, port in (("--page-port", args.page_port), ("--panel-port", args.panel_port)):
        if port is not None and not 1 <= port <= 65535:
            raise ConfigError(f"{port} is no port", where=name, todo="give 1..65535")


def _page_port(wanted: int, console: Console) -> int:
    """The port, or a free one when somebody listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            free = free_port()
            console.print(f"Port {wanted} is in use: the page listens at {free} instead.")
            return free
    return wanted


def _one_time_password(demo: DemoRun) -> str:
    """Make the one account of this run."""
    # Imported late: password hashing is for pages only.
    from edge_runtime.people.accounts import Accounts

    accounts = Accounts.open(demo.storage)
    try:
        return accounts.create_one_time(DEMO_PERSON, "admin", by="ferrogate demo")
    finally:
        accounts.close()


def run(args: argparse.Namespace) -> int:
    """Run the line or the yard; returns the exit code."""
    console = Console(stderr=True, highlight=False)
    if args.station == "rail":
        return _run_rail(args, console)
    settings = _settings(args)
    model = known_model(args.model or "ferrogate-models:ball")
    page_port = None if args.no_page else _page_port(args.page_port, console)
    demo = write_files(settings, model=model, page_port=page_port, language=args.language)
    if not args.json:
        count = "balls" if args.forever else f"{settings.n_balls} balls"
        console.print(
            f"{count} of {settings.diameter_mm:g} mm at {settings.balls_per_s:g} a second, "
            f"{settings.defect_share:.1%} defective, seed {settings.seed}"
        )
        unverified = load_recipe(demo.recipe_file).unverified()
        if unverified:
            console.print(f"NOT VERIFIED: {len(unverified)} limits of the recipe ({', '.join(unverified)})")
    page = ""
    if page_port is not None:
        page = f"http://127.0.0.1:{page_port}/"
        password = _one_time_password(demo)
        console.print(f"Page:  {page}  name: {DEMO_PERSON}, one-time password: {password}", soft_wrap=True)
    _play(demo, args, page, console)
    if page and not demo.page_answered:
        log = settings.run_dir / "processes.log"
        console.print(f"[red]The page was not there when the balls came: read {log}.[/red]")
    figures = collect(demo)
    write_figures(figures)
    if args.json:
        print(json.dumps(figures.to_json()))
    else:
        tell(figures, Console())
    sys.stdout.flush()
    return 0 if figures.sound else 1


def _run_rail(args: argparse.Namespace, console: Console) -> int:
    """Run the yard; returns the exit code."""
    # Imported late: a ball line draws no rails.
    from edge_runtime.twin.rail_demo_command import rail_settings_of, run_rail_demo

    _check_together(args)
    model = known_model(args.model or "ferrogate-models:rail")
    seed = seed_or_drawn(args.seed)
    rail_settings_of(args, Path(), seed)  # refuses before a folder is made
    page_port = None if args.no_page else _page_port(args.page_port, console)
    words = "No more rails come; the last one is mapped, then the yard ends."
    with ended_by_ctrl_c(words) as stop:
        return run_rail_demo(args, empty_run_dir(args.out, "demo"), seed, model, page_port, stop)


def _play(demo: DemoRun, args: argparse.Namespace, page: str, console: Console) -> None:
    columns = (TextColumn("balls"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = args.json and not console.is_terminal
    total = None if args.forever else demo.settings.n_balls
    beside = _panel(args, page, console) if args.forever else None
    with (
        ended_by_ctrl_c() as stop,
        Progress(*columns, console=console, disable=quiet, transient=True) as bar,
    ):
        task = bar.add_task("balls", total=total)
        play(demo, lambda placed: bar.update(task, completed=placed), stop=stop, beside=beside)


def _panel(
    args: argparse.Namespace, page: str, console: Console
) -> Callable[[Line], AbstractContextManager[None]]:
    """What serves the plant panel beside a running line; its address is printed now.

    Raises:
        PanelError: no port is free.
    """
    # Imported late: a web server is for those who want the panel.
    from edge_runtime.twin.panel import build_panel, listen, serving

    wanted = PANEL_PORT if args.panel_port is None else args.panel_port
    listener, taken = listen(wanted)
    port = listener.getsockname()[1]
    if taken:
        console.print(f"Port {wanted} is in use: the panel listens at {port} instead.")
    console.print(f"Panel: http://127.0.0.1:{port}/  the plant's key, stops, feed and challenge balls")

    def beside(line: Line) -> AbstractContextManager[None]:
        app = build_panel(line.field, line.run.settings.lane, language=args.language, page=page)
        return serving(app, listener)

    return beside
