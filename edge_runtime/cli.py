"""The command `ferrogate`: one parser, commands loaded only when they are called.

Commands of the edge box are modules of `edge_runtime.commands`; those of the other
rooms register themselves by the entry point group `ferrogate.commands`. None of them
is imported before it is chosen, so a room that is not installed, or broken, spoils no
other command. This module also decides what a user sees of an error.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import select
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from types import TracebackType
from typing import Any, NoReturn

from vision.errors import ConfigError, FerrogateError

#: Commands of the edge box: name, module, and the module's HELP (a test keeps them equal).
EDGE_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("demo", "edge_runtime.commands.demo", "run the whole ball line on this machine and show what it did"),
    (
        "soak",
        "edge_runtime.commands.soak",
        "run the ball line for hours with faults drawn at random, and audit every ball",
    ),
    ("run", "edge_runtime.commands.run", "run a station"),
    (
        "status",
        "edge_runtime.commands.status",
        "how a running station stands: ready or why not, counts, cameras, PLC, journal, disk",
    ),
    ("people", "edge_runtime.commands.people", "who may sign in at the page, and in what role"),
    (
        "commission",
        "edge_runtime.commands.commission",
        "set a new line up with real balls and write its station file",
    ),
    (
        "inspect",
        "edge_runtime.commands.inspect",
        "look for defects in picture files and write one JSON object per picture",
    ),
    (
        "rail",
        "edge_runtime.commands.rail",
        "map whole rails from scans: findings, grade, cut list, report; photos; corrections; score maps",
    ),
    (
        "act",
        "edge_runtime.commands.act",
        "list acceptance acts of the rail yard, show one, write it as PDF, CSV, XLSX or HTML",
    ),
    (
        "measure",
        "edge_runtime.commands.measure",
        "measure balls in picture files: diameters and roundness in mm, with uncertainty",
    ),
    (
        "calibrate",
        "edge_runtime.commands.calibrate",
        "calibrate a camera with a board and certified spheres, and check it every day",
    ),
    (
        "msa",
        "edge_runtime.commands.msa",
        "study a gauge: repeatability, orientation, bias, linearity, and agreement of decisions",
    ),
    ("recipe", "edge_runtime.commands.recipe", "check, list and print recipes: the limits of a product"),
    ("ledger", "edge_runtime.commands.ledger", "list, export and balance the books"),
    ("shift", "edge_runtime.commands.shift", "list shifts, show one, write its report"),
    ("lot", "edge_runtime.commands.lot", "statistics, laboratory entries and certificates of a lot"),
    (
        "bench",
        "edge_runtime.commands.bench",
        "measure how well and how fast a part of ferrogate does, beside other software",
    ),
    ("doctor", "edge_runtime.commands.doctor", "check this machine, and a station, before it runs"),
    ("plc-map", "edge_runtime.commands.plc_map", "print the register map between station and PLC"),
)
ENTRY_POINT_GROUP = "ferrogate.commands"
#: One line each for the rooms of this distribution, so that `--help` need not load them.
ROOM_HELP = {
    "data": "render balls for training and for the twin line (data team)",
    "train": "train a detector (data team)",
    "evaluate": "measure a detector: average precision, false alarms, calibration, a report (data team)",
    "export": "write a trained detector as one ONNX file with its contract (data team)",
    "parity": "compare a trained network with its exported files on this machine (data team)",
}
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_BUG = 70


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line the way every other user error is reported; takes no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)  # a cut option must not change its meaning later
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving.

        Raises:
            ConfigError: always.
        """
        if "invalid float value" in message:
            message = message.replace("invalid float value", "this is no number")
            if "," in message:
                message += " (decimals stand after a point, as in 0.125)"
        raise ConfigError(
            message, where=f"command line of '{self.prog}'", todo=f"'{self.prog} --help' lists what it takes"
        )


class _LazyParser(_Parser):
    """Parser of one command; its arguments are added when it is first used."""

    load: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(  # type: ignore[override]  # argparse overloads it for its own callers
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does it, after the command was loaded."""
        if self.load is not None:
            load, self.load = self.load, None
            load(self)
        return super().parse_known_args(args, namespace)


def _load_edge(name: str, module_name: str) -> Callable[[argparse.ArgumentParser], None]:
    def load(parser: argparse.ArgumentParser) -> None:
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise FerrogateError(
                f"the command '{name}' cannot be loaded: {error}",
                where=module_name,
                todo="install ferrogate again; 'ferrogate doctor' names what is missing",
            ) from error
        parser.description = f"{module.HELP[:1].upper()}{module.HELP[1:]}."
        parser.epilog = module.EPILOG
        module.register(parser)

    return load


def _load_room(point: metadata.EntryPoint) -> Callable[[argparse.ArgumentParser], None]:
    def load(parser: argparse.ArgumentParser) -> None:
        try:
            register = point.load()
        except (ImportError, AttributeError) as error:
            raise FerrogateError(
                f"the command '{point.name}' cannot be loaded: {error}",
                where=point.value,
                todo="it belongs to the data team's tools: pip install 'ferrogate[train]'",
            ) from error
        register(parser)

    return load


def _rooms(taken: set[str]) -> list[metadata.EntryPoint]:
    """Entry points of the group, one for each name that is not `taken`, sorted by name."""
    points: dict[str, metadata.EntryPoint] = {}
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.name not in taken:
            points.setdefault(point.name, point)
    return [points[name] for name in sorted(points)]


def version() -> str:
    """Version of the installed distribution, or a note that it runs from a bare source tree."""
    try:
        return metadata.version("ferrogate")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command's name and line of help, none of them loaded."""
    parser = _Parser(
        prog="ferrogate",
        description="Inspection of grinding balls and the rails they are made of: every part judged once, "
        "and rejected unless proven good.",
        epilog="'ferrogate COMMAND --help' explains a command. 'ferrogate doctor' checks this machine.",
    )
    parser.add_argument("--version", action="version", version=f"ferrogate {version()}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_LazyParser
    )

    def add(name: str, text: str, load: Callable[[argparse.ArgumentParser], None]) -> None:
        command = commands.add_parser(name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter)
        command.load = load

    for name, module_name, text in EDGE_COMMANDS:
        add(name, text, _load_edge(name, module_name))
    for point in _rooms({name for name, _, _ in EDGE_COMMANDS}):
        origin = point.dist.name if point.dist is not None else point.value
        add(point.name, ROOM_HELP.get(point.name, f"from {origin}"), _load_room(point))
    return parser


def print_error(error: FerrogateError, *, as_json: bool) -> None:
    """Tell a user error: three lines on stderr, or one JSON object on stdout."""
    if as_json:
        print(json.dumps({"error": error.what, "where": error.where, "todo": error.todo}), flush=True)
        return
    print(f"error: {error.what}", file=sys.stderr)
    print(f"where: {error.where or 'this machine'}", file=sys.stderr)
    print(f"what to do: {error.todo or 'run ferrogate doctor, it checks this machine'}", file=sys.stderr)


def _reader_has_gone(stream_fd: int) -> bool:
    """True when `stream_fd` is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(stream_fd, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Hook for what nothing handled: Python's own traceback, then where to send it, exit code 70."""
    sys.__excepthook__(kind, error, trace)
    print("This is a fault of ferrogate: please report it with the lines above.", file=sys.stderr, flush=True)
    # Python ends with 1 after an unhandled exception, which here means "failed as it should".
    raise SystemExit(EXIT_BUG)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and turn what goes wrong into text and an exit code.

    Args:
        argv: the words after `ferrogate`; default `sys.argv[1:]`.

    Returns:
        The command's exit code; that of a `FerrogateError`; 130 after Ctrl-C; 141 when
        the reader of the output has gone.
    """
    if argv is None:
        sys.excepthook = _report_bug
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A file name may hold bytes that are no text: it is printed with escapes.
                stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = build_parser().parse_args(words)
        code: int = args.run(args)
        sys.stdout.flush()
    except FerrogateError as error:
        print_error(error, as_json="--json" in words)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        if not _reader_has_gone(sys.stdout.fileno()):
            raise
        # 'ferrogate ... | head': what is left in the buffer must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    return code
