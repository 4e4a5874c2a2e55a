"""`ferrogate shift`: the shifts in the books, and the report of one.

The words of the command line; `edge_runtime.shifts.desk` does what they say.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_runtime.shifts import desk

NAME = "shift"
HELP = "list shifts, show one, write its report"
EPILOG = """\
examples:
  ferrogate shift station.yaml list
  ferrogate shift station.yaml show 12
  ferrogate shift station.yaml show "night" --json
  ferrogate shift station.yaml report 12 --out shift12.pdf --language ru
  ferrogate shift station.yaml report night --out shift.csv --excel --language kk

SHIFT is the number of a shift in the list, else a name: then the newest shift of that name.
Times in a report are on the plant's clock (page.utc_offset_hours of the station file); of a bare storage
folder nobody knows it, then on this machine's clock, or by --utc-offset. The list and --json tell UTC.

The PDF and the page show the newest rejects of every reason; the CSV holds every one of them.
The report of a shift that is still open says INTERIM. One made with limits that nobody compared with
their source says NOT VERIFIED. Such a paper has no lines to sign on.

exit codes: 0 done, 2 wrong command line or station file, 8 no ledger or no such shift, 13 no file written
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "place", type=Path, metavar="DIR_OR_STATION.yaml", help="storage folder, run folder or station file"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    newest = _action(actions, "list", "shifts in the ledger, the newest first", desk.list_all, shift=False)
    newest.add_argument("--limit", type=_limit, default=50, metavar="N", help="at most so many (default: 50)")
    _action(actions, "show", "counts, reasons, lots, sizes, challenges, standing, acts and books", desk.show)
    report = _action(actions, "report", "the same as a report with plots and pictures", desk.report)
    report.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="ends with .html, .pdf, .csv or .xlsx"
    )
    report.add_argument("--language", default="en", help="ru, kk or en (default)")
    report.add_argument("--excel", action="store_true", help="CSV as Excel opens it in this language")
    report.add_argument(
        "--utc-offset", type=_offset, metavar="HOURS", help="clock of the report (default: the plant's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: an argument or the station file cannot be used.
        LedgerError: there is no ledger or no such shift.
        ReportError: a file cannot be written.
    """
    done: int = arguments.act(arguments)
    return done


def _action(
    actions: Any, name: str, text: str, act: Callable[[argparse.Namespace], int], *, shift: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
    if shift:
        parser.add_argument("shift", metavar="SHIFT", help="its number in the list, else its name")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(act=act, run=run)
    return parser


def _limit(text: str) -> int:
    value = int(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text}: list between 1 and 10000 shifts")
    return value


def _offset(text: str) -> float:
    value = float(text)
    if not -12.0 <= value <= 14.0:
        raise argparse.ArgumentTypeError(f"{text} h: clocks are between -12 and +14 hours from UTC")
    return value
