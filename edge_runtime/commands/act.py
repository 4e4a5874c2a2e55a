"""`ferrogate act`: the acceptance acts in the books, one of them shown, one written to a file.

The words of the command line; `edge_runtime.yard.act_desk` does what they say. Acts are drawn up and signed
at the page, never here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_runtime.reports.words import LANGUAGES
from edge_runtime.yard import act_desk

NAME = "act"
HELP = "list acceptance acts of the rail yard, show one, write it as PDF, CSV, XLSX or HTML"
EPILOG = """\
examples:
  ferrogate act yard.yaml list
  ferrogate act yard.yaml list --drafts
  ferrogate act yard.yaml show 12/2026
  ferrogate act yard.yaml show 12/2026 --json
  ferrogate act yard.yaml export 12/2026 --out act12.pdf --language ru
  ferrogate act yard.yaml export 12/2026 --out act12.xlsx --language kk
  ferrogate act yard.yaml export draft:3 --out draft.pdf

ACT is number and year, as it stands on the act; the number alone where one year only has it; or draft:WAGON
for what the act of that wagon would say now (numbers of wagons: list --drafts). A draft is marked on every
page, and so is an act that another one has taken the place of. Acts are signed at the page, not here.
Times are on the plant's clock (page.utc_offset_hours of the station file); of a bare storage folder nobody
knows it, then on this machine's clock, or by --utc-offset. The list and --json tell UTC.

The CSV and the spreadsheet hold every finding, cut and picture of the act; the PDF shows the gravest.

exit codes: 0 done, 2 wrong command line or station file, 8 no ledger, 12 no such act or a damaged one,
13 no file written
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "place", type=Path, metavar="DIR_OR_STATION.yaml", help="storage folder or station file of a yard"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    newest = _action(actions, "list", "signed acts, the newest first", act_desk.list_all, act=False)
    newest.add_argument("--limit", type=_limit, default=50, metavar="N", help="at most so many (default: 50)")
    newest.add_argument("--drafts", action="store_true", help="wagons that have no signed act instead")
    _action(actions, "show", "what one act says, in short; --json: all of it", act_desk.show)
    export = _action(actions, "export", "one act as a file", act_desk.export)
    export.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="ends with .pdf, .csv, .xlsx or .html"
    )
    export.add_argument("--language", default="ru", choices=LANGUAGES, help="default: ru")
    export.add_argument("--excel", action="store_true", help="CSV as Excel opens it in this language")
    export.add_argument(
        "--utc-offset", type=_offset, metavar="HOURS", help="clock of the act (default: the plant's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: an argument or the station file cannot be used.
        LedgerError: there is no ledger.
        YardRefused: there is no such act or wagon, or the act is not what was signed.
        ReportError: a file cannot be written.
    """
    done: int = arguments.act(arguments)
    return done


def _action(
    actions: Any, name: str, text: str, do: Callable[[argparse.Namespace], int], *, act: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=f"{text[:1].upper()}{text[1:]}."
    )
    if act:
        parser.add_argument("which", metavar="ACT", help="12/2026, or draft:3 for the draft of wagon 3")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(act=do, run=run)
    return parser


def _limit(text: str) -> int:
    value = int(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text}: list between 1 and 10000 acts")
    return value


def _offset(text: str) -> float:
    value = float(text)
    if not -12.0 <= value <= 14.0:
        raise argparse.ArgumentTypeError(f"{text} h: clocks are between -12 and +14 hours from UTC")
    return value
