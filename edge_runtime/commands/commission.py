"""`ferrogate commission`: set a new line up with real balls, and write its station file."""

from __future__ import annotations

import argparse
import getpass
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.reports.words import LANGUAGES, Language
from vision.errors import ConfigError

if TYPE_CHECKING:
    from edge_runtime.commission.attendant import Answers, Hands
    from edge_runtime.commission.draft import Draft
    from edge_runtime.commission.engine import Engine

NAME = "commission"
HELP = "set a new line up with real balls and write its station file"
EPILOG = """examples:
  ferrogate commission draft.yaml --out station.yaml      the wizard in this terminal
  ferrogate commission draft.yaml --out station.yaml --page   in the browser
  ferrogate commission draft.yaml --out station.yaml --yes --answers answers.yaml --json
                                                          nobody is asked; a person at the line does
                                                          what the events say
  ferrogate commission --twin --yes                       on a simulated line, with a simulated technician

The draft is a station file that lacks what only the line can tell: distances, belt speed, where the
cameras look, their marks and light. The station must not run meanwhile. Every step can be repeated, or
skipped with a reason that the report shows in red; a commissioning that was broken off goes on where it was.

answers.yaml may hold: by: NAME, calibration: {camera: file}, skip: {step: reason}.

exit codes: 0 file and report are written, 1 a step is not in order or was left open, 2 draft or answers
cannot be used, 8 the station runs
"""
_POLL_S = 0.2


def register(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("draft", type=Path, nargs="?", metavar="DRAFT.yaml")
    parser.add_argument("--out", type=Path, metavar="FILE", help="station file to write")
    parser.add_argument("--replace", action="store_true", help="a file that is there is kept beside it")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="what is decided beforehand")
    parser.add_argument("--yes", action="store_true", help="ask nobody")
    parser.add_argument("--page", action="store_true", help="the wizard in the browser")
    parser.add_argument("--by", default="", metavar="NAME", help="who commissions (default: this user)")
    parser.add_argument("--language", choices=LANGUAGES, help="default: that of the page in the draft")
    parser.add_argument("--page-port", type=int, metavar="PORT", help="default: that of the draft, or 8080")
    parser.add_argument("--twin", action="store_true", help="commission a simulated line")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the simulated line")
    parser.add_argument("--json", action="store_true", help="one JSON object per event")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Commission; returns the exit code."""
    _check(args)
    # Imported late: the command line is checked without anything that measures.
    from edge_runtime.commission.attendant import Answers, load_answers
    from edge_runtime.commission.draft import load_draft
    from edge_runtime.commission.driver import commissioning
    from edge_runtime.commission.files import DiskFiles

    answers = load_answers(args.answers) if args.answers is not None else Answers()
    by = args.by or answers.by or getpass.getuser()
    answers = answers.model_copy(update={"by": by})
    with ExitStack() as stack:
        draft_file, hands = stack.enter_context(_line(args))
        draft = load_draft(draft_file)
        language: Language = args.language or (draft.page.language if draft.page is not None else "ru")
        languages = (language, *(name for name in LANGUAGES if name != language))
        out = args.out if args.out is not None and not args.twin else draft.folder / "station.yaml"
        files = DiskFiles(draft, out, languages=languages, replace=args.replace)
        files.require_free()
        attended = not args.yes
        engine = stack.enter_context(commissioning(draft, files, by, attended=attended))
        if args.page:
            return _page(args, engine, draft, language, hands, answers)
        if args.yes:
            return _alone(args, engine, language, hands, answers)
        return _with_a_person(engine, language, by)


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant.

    Raises:
        ConfigError: wrong together, or something is missing.
    """
    if args.twin and args.draft is not None:
        raise ConfigError("--twin brings its own draft", where="command line", todo="leave DRAFT.yaml out")
    if not args.twin and (args.draft is None or args.out is None):
        raise ConfigError(
            "a draft and a file to write are needed",
            where="command line",
            todo="ferrogate commission DRAFT.yaml --out station.yaml",
        )
    if not (args.yes or args.page or sys.stdin.isatty()):
        raise ConfigError(
            "nobody can answer here: standard input is no terminal",
            where="command line",
            todo="use --page, or --yes with --answers",
        )


@contextmanager
def _line(args: argparse.Namespace) -> Iterator[tuple[Path, Hands]]:
    """The draft and the hands at the line: a plant's, or a twin's."""
    from edge_runtime.commission.attendant import NoHands

    if not args.twin:
        yield args.draft, NoHands()
        return
    from edge_runtime.commission.twin_bench import bench_settings, twin_bench
    from edge_runtime.commission.twin_hands import TwinHands

    folder = args.out or Path("runs") / time.strftime("commission-%Y%m%d-%H%M%S", time.gmtime())
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            "--twin wants a folder that is empty or not there yet", where=str(folder), todo="another --out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with twin_bench(bench_settings(folder, args.seed)) as bench:
        yield bench.draft, TwinHands(bench.field)


def _alone(args: argparse.Namespace, engine: Engine, language: str, hands: Hands, answers: Answers) -> int:
    """Nobody is asked."""
    from edge_runtime.commission.attendant import Attendant
    from edge_runtime.commission.driver import Driver
    from edge_runtime.commission.terminal import Teller
    from edge_runtime.commission.words import load_words

    attendant = Attendant(engine, hands, answers)
    teller = Teller(engine, load_words(language), as_json=args.json)
    driver = Driver(engine, attendant.step)
    driver.start()
    try:
        while not attendant.finished:
            time.sleep(_POLL_S)
            driver.check()
            teller.tell()
    finally:
        driver.stop()
    teller.tell()
    teller.end()
    return 0 if engine.written else 1


def _with_a_person(engine: Engine, language: str, by: str) -> int:
    """A technician at this terminal."""
    from rich.console import Console

    from edge_runtime.commission.driver import Driver
    from edge_runtime.commission.terminal import Person, Teller
    from edge_runtime.commission.words import load_words

    words = load_words(language)
    driver = Driver(engine)
    driver.start()
    try:
        Person(engine, words, by, Console(), driver.check).lead()
    finally:
        driver.stop()
    Teller(engine, words, as_json=False).end()
    return 0 if engine.written else 1


def _page(
    args: argparse.Namespace,
    engine: Engine,
    draft: Draft,
    language: Language,
    hands: Hands,
    answers: Answers,
) -> int:
    """The wizard in the browser, until Ctrl-C; on the twin its technician turns what the page says."""
    from edge_runtime.commission.driver import Driver
    from edge_runtime.commission.page_server import HandsAtTheLine, serve_wizard

    turning = HandsAtTheLine(engine, hands, answers, alone=args.yes) if args.twin else None
    driver = Driver(engine, None if turning is None else turning.step)
    driver.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve_wizard(engine, draft, language, args.page_port, stop)
    finally:
        driver.stop()
    return 0 if engine.written else 1
