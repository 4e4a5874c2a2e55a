"""`ferrogate lot`: statistics, laboratory entries and certificates of a lot.

The words of the command line; `edge_runtime.lots.desk` does what they say.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_runtime.lots import desk
from edge_runtime.lots.tables import DEPTHS
from edge_runtime.row_number import row_number

NAME = "lot"
HELP = "statistics, laboratory entries and certificates of a lot"
EPILOG = """\
examples:
  ferrogate lot station.yaml list
  ferrogate lot station.yaml show "lot 7"
  ferrogate lot station.yaml chart "lot 7" --out lot7.html --language ru
  ferrogate lot station.yaml hardness "lot 7" --ball 1 --surface 58,59,57,58 --by "A. Person"
  ferrogate lot station.yaml plan "lot 7" --aql 4
  ferrogate lot station.yaml sample-result "lot 7" --aql 4 --nonconforming 2 --by "A. Person"
  ferrogate lot station.yaml sample-result "lot 7" --repeat-plan 1 --nonconforming 1 --by "A. Person"
  ferrogate lot station.yaml certificate "lot 7" --out cert.pdf --details plant.yaml --by "A. Person"

Entries and certificates are never changed: a new one supersedes the wrong one (--supersedes NUMBER).
A certificate made with a limit that nobody compared with its source has no number and no signature lines.
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "place", type=Path, metavar="DIR_OR_STATION.yaml", help="storage folder, run folder or station file"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _action(actions, "list", "lots in the ledger", desk.list_all, lot=False)
    show = _action(actions, "show", "counts, reasons, sizes, charts, laboratory and certificates", desk.show)
    _add_period(show)
    chart = _action(actions, "chart", "the same as a report with plots", desk.chart)
    _add_period(chart)
    _add_report(chart)
    _add_hardness(_action(actions, "hardness", "enter the hardness of one ball", desk.hardness))
    plan = _action(actions, "plan", "the sampling plan that is due, and what it lets through", desk.plan)
    _add_plan(plan)
    _add_sample(_action(actions, "sample-result", "enter what was found in a sample", desk.sample))
    _add_certificate(
        _action(actions, "certificate", "issue a certificate, or print one again", desk.certificate)
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: an argument cannot be used.
        LedgerError: there is no ledger or no such lot, or the ledger refuses.
        ReportError: a file cannot be written.
    """
    done: int = arguments.act(arguments)
    return done


def _action(
    actions: Any, name: str, text: str, act: Callable[[argparse.Namespace], int], *, lot: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
    if lot:
        parser.add_argument("lot", metavar="LOT", help="name of the lot, letter by letter")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--tables", type=Path, metavar="FILE", help="own table of the hardness formula and plan"
    )
    parser.set_defaults(act=act, run=run)
    return parser


def _add_period(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--period", type=_period, default=60.0, metavar="SECONDS", help="one point of the EWMA (default: 60)"
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="ends with .html, .pdf, .csv or .xlsx"
    )
    parser.add_argument("--language", default="en", help="ru, kk or en (default)")
    parser.add_argument("--excel", action="store_true", help="CSV as Excel opens it in this language")


def _add_entry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", required=True, metavar="NAME", help="who found it")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="day of the test (default: today)")
    parser.add_argument(
        "--note", default="", help="anything worth knowing, such as why an entry is corrected"
    )
    parser.add_argument(
        "--supersedes", type=row_number, metavar="ENTRY", help="number of the entry this one corrects"
    )


def _add_hardness(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ball", type=int, required=True, metavar="N", help="number of the ball in the sample"
    )
    for depth in DEPTHS:
        flag = f"--{depth.replace('_', '-')}"
        parser.add_argument(flag, type=_readings, metavar="HRC,HRC,...", help=f"readings: {depth}")
    parser.add_argument("--instrument", default="", help="which hardness tester")
    _add_entry(parser)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aql", default="4.0", help="acceptance quality limit, percent (default: 4.0)")
    parser.add_argument(
        "--severity", choices=("normal", "tightened", "reduced"), help="default: by the rules"
    )
    parser.add_argument("--lot-size", type=int, metavar="N", help="default: accepted balls of the lot")
    parser.add_argument("--scheme", type=Path, metavar="FILE", help="own table of sampling plans")


def _add_sample(parser: argparse.ArgumentParser) -> None:
    _add_plan(parser)
    parser.add_argument(
        "--nonconforming", type=int, required=True, metavar="N", help="bad balls in the sample"
    )
    parser.add_argument(
        "--repeat-plan",
        type=int,
        choices=(1, 2),
        metavar="SAMPLE",
        help="the plan of 10, else 20: sample 1 or 2",
    )
    _add_entry(parser)


def _add_certificate(parser: argparse.ArgumentParser) -> None:
    _add_report(parser)
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="same limits, with sources made good since"
    )
    parser.add_argument("--details", type=Path, metavar="FILE", help="YAML: maker, consumer, contract ...")
    for name in desk.DETAIL_OPTIONS:
        parser.add_argument(f"--{name.replace('_', '-')}", help="on top of --details")
    parser.add_argument("--net-mass-kg", type=float, metavar="KG", help="on top of --details")
    parser.add_argument("--by", default="", metavar="NAME", help="who issues it")
    parser.add_argument(
        "--supersedes", type=row_number, metavar="NUMBER", help="issue it in place of this one"
    )
    parser.add_argument("--draft", action="store_true", help="only look: no number is given")
    parser.add_argument(
        "--reprint", type=row_number, metavar="NUMBER", help="print an issued one again, as it was"
    )


def _period(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 86_400.0:
        raise argparse.ArgumentTypeError(f"{text} s: a period is above 0 and at most a day")
    return value


def _readings(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' are no readings; write them like 58,59,57,58") from error
