"""`ferrogate ledger`: list, export and balance the books.

Reads while the recorder writes. Where no recorder is at work, what is left in the
journal is applied first, so that the books are complete after a crash too.
Neighbours: `edge_runtime.ledger` for the tables, `edge_runtime.ledger.place` to find and open them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.config import load_station
from edge_runtime.ledger import day_text, queries
from edge_runtime.ledger.alarms import list_alarms, open_alarms
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.day_queries import list_acts, list_challenges
from edge_runtime.ledger.export import write_csv, write_csv_file
from edge_runtime.ledger.place import find_ledger, open_caught_up
from edge_runtime.ledger.queries import PartFilter, Row
from edge_runtime.ledger.store import reading
from edge_runtime.row_number import as_row_number, row_number
from vision.errors import ConfigError, LedgerError
from vision.types import PartId

NAME = "ledger"
HELP = "list, export and balance the books"
EPILOG = """\
examples:
  ferrogate ledger runs/demo-20260301-060000          the newest parts
  ferrogate ledger station.yaml list --verdict reject --since 2h
  ferrogate ledger station.yaml list --reason crack --limit 5 --json
  ferrogate ledger station.yaml show 12-0-4711        one part: views, findings, pictures, outcome
  ferrogate ledger station.yaml csv --out parts.csv   all parts as a table, units in the column names
  ferrogate ledger station.yaml bundle --since 8h --out usb/shift    pictures for the data team
  ferrogate ledger station.yaml balance               do the books balance? exit code 0: yes, 9: no
  ferrogate ledger station.yaml faults --since 2026-03-01
  ferrogate ledger station.yaml acts --since 12h      who opened, closed, changed what
  ferrogate ledger station.yaml challenges            challenge balls: passed, missed, parts in doubt
  ferrogate ledger station.yaml alarms --open         alarms that stand or that nobody has acknowledged

A part's name is epoch-lane-number. Times are UTC.
"""
ACTIONS = ("list", "csv", "bundle", "balance", "show", "faults", "acts", "challenges", "alarms")
EXIT_NOT_BALANCED = 9
_AGE = re.compile(r"^(\d+)([smhd])$")
_AGE_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"^(\d+)-(\d+)-(\d+)$")
_LIST_LIMIT = 20


def register(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "place", type=Path, metavar="DIR_OR_STATION.yaml", help="storage folder, run folder or station file"
    )
    parser.add_argument("action", nargs="?", default="list", choices=ACTIONS, help="default: list")
    parser.add_argument("part", nargs="?", metavar="PART", help="with show: epoch-lane-number")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--epoch", type=row_number, help="only parts of this epoch")
    parser.add_argument(
        "--verdict", choices=("accept", "reject", "review"), help="only parts with this verdict"
    )
    parser.add_argument("--reason", metavar="CODE", help="only parts, or faults, with this code")
    parser.add_argument("--since", metavar="WHEN", help="ISO date or time (UTC), or an age: 90s, 30m, 2h, 7d")
    parser.add_argument("--limit", type=int, metavar="N", help=f"at most N rows ({_LIST_LIMIT}; csv: all)")
    parser.add_argument(
        "--open", action="store_true", help="with alarms: only those that stand or were not acknowledged"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="with csv: the file (default: standard output); bundle: a new folder",
    )
    parser.add_argument(
        "--apply", action="store_true", help="insist on applying the rest of the journal; no recorder may run"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: an argument cannot be used.
        LedgerError: there is no ledger, or it cannot be read.
    """
    _check(arguments)
    engine, note = open_caught_up(find_ledger(arguments.place), insist=arguments.apply)
    if note:
        print(f"note: {note}", file=sys.stderr)
    try:
        with reading(engine) as connection:
            return _ACTION[arguments.action](connection, arguments)
    finally:
        engine.dispose()


def _check(arguments: argparse.Namespace) -> None:
    def refuse(what: str, todo: str) -> ConfigError:
        return ConfigError(what, where="command line of 'ferrogate ledger'", todo=todo)

    if (arguments.action == "show") != (arguments.part is not None):
        raise refuse("show takes the name of one part, the others take none", "for instance: show 12-0-4711")
    if arguments.out is not None and arguments.action not in ("csv", "bundle"):
        raise refuse("--out is for csv and bundle only", "redirect the output, or use csv")
    if arguments.out is None and arguments.action == "bundle":
        raise refuse("bundle writes a folder", "give --out FOLDER")
    if arguments.open and arguments.action != "alarms":
        raise refuse("--open is for alarms only", "leave it out")
    if arguments.limit is not None and arguments.limit < 0:
        raise refuse(f"--limit {arguments.limit} is below 0", "give a number of rows")
    if arguments.action == "csv" and arguments.json and arguments.out is None:
        raise refuse("csv on standard output is not JSON", "give --out FILE, or use list --json")


def _since_utc_ns(text: str | None) -> int | None:
    if text is None:
        return None
    if age := _AGE.match(text):
        return time.time_ns() - int(age.group(1)) * _AGE_S[age.group(2)] * 1_000_000_000
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is no time", where="--since", todo="2026-03-01, 2026-03-01T06:00, or an age like 2h"
        ) from error
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1e9)


def _filter(arguments: argparse.Namespace, limit: int | None) -> PartFilter:
    return PartFilter(
        epoch=arguments.epoch,
        verdict=arguments.verdict,
        reason=arguments.reason,
        since_utc_ns=_since_utc_ns(arguments.since),
        limit=limit if arguments.limit is None else arguments.limit,
    )


def _list(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    wanted = _filter(arguments, _LIST_LIMIT)
    total = queries.count_parts(connection, wanted)
    parts = list(queries.list_parts(connection, wanted))
    if arguments.json:
        print(json.dumps({"total": total, "parts": parts}))
        return 0
    print(f"{'part':<16} {'utc':<24} {'verdict':<8} {'reason':<18} {'diameter_mm':>11}  outcome")
    for part in parts:
        size = "" if part["diameter_mean_mm"] is None else f"{part['diameter_mean_mm']:.2f}"
        head = f"{part['part']:<16} {part['utc']:<24} {part['verdict']:<8} {part['reason']:<18}"
        print(f"{head} {size:>11}  {_outcome_text(part)}")
    print(f"{len(parts)} of {total} parts")
    return 0


def _outcome_text(part: Row) -> str:
    text = "none yet"
    if part["side"] is not None:
        text = f"{part['side']} ({part['cause']}), confirm {part['confirm']}"
    if part["challenge"]:
        text += f", ball of challenge {part['challenge']}"
    if part["contained_by"]:
        text += f", IN DOUBT by challenge {part['contained_by']}"
    return text


def _csv(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    parts = queries.list_parts(connection, _filter(arguments, None), newest_first=False)
    if arguments.out is None:
        write_csv(parts, sys.stdout)
        return 0
    count = write_csv_file(parts, arguments.out)
    print(json.dumps({"rows": count, "file": str(arguments.out)}) if arguments.json else f"{count} parts")
    return 0


def _bundle(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    from edge_runtime.bundles import Station, write_bundle

    file = arguments.place / "station.yaml" if arguments.place.is_dir() else arguments.place
    storage = find_ledger(arguments.place).storage
    station = Station(storage, load_station(file), file) if file.is_file() else None
    count = write_bundle(connection, storage, station, _filter(arguments, None), arguments.out)
    if arguments.json:
        print(json.dumps({"out": str(arguments.out)} | asdict(count)))
        return 0
    print(f"{count.pictures} pictures of {count.parts} parts: {arguments.out}")
    if count.gone:
        print(f"{count.gone} pictures were taken away before, to make room")
    if count.not_placed:
        print(f"{count.not_placed} pictures have findings, but where they lie in them is not known")
    return 0


def _balance(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    books = balance(connection)
    print(json.dumps(books.as_json()) if arguments.json else books.text())
    return 0 if books.balanced else EXIT_NOT_BALANCED


def _show(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    match = _PART.match(arguments.part)
    if match is None:
        raise ConfigError(
            f"'{arguments.part}' is no part's name", where="PART", todo="epoch-lane-number: 12-0-4711"
        )
    numbers = [value for text in match.groups() if (value := as_row_number(text)) is not None]
    row = queries.show_part(connection, PartId(*numbers)) if len(numbers) == 3 else None
    if row is None:
        raise LedgerError(
            f"there is no part {arguments.part}",
            where=str(arguments.place),
            todo="'list' shows which there are",
        )
    print(json.dumps(row) if arguments.json else _show_text(row))
    return 0


def _show_text(row: Row) -> str:
    lists = ("reasons", "views", "pictures_without_view")
    lines = [f"{key + ':':<22} {_plain(value)}" for key, value in row.items() if key not in lists]
    for reason in row["reasons"]:
        figures = " ".join(f"{key}={value}" for key, value in reason.items() if value not in (None, ""))
        lines.append(f"reason  {figures}")
    for view in row["views"]:
        head = f"view    {view['camera']} {view['view_index']}: {view['fault']} {view['detail']}".rstrip()
        lines.append(f"{head}, frame {_plain(view['frame_number'])}, count {view['encoder_count']}")
        if view["diameter_mean_mm"] is not None:
            lines.append(f"        {_measured_text(view)}")
        lines += [
            f"        {item['label']} {item['score']:.2f} at {item['xyxy_px']} px"
            for item in view["findings"]
        ]
        if view["picture"]:
            lines.append(f"        {view['picture']}")
    lines += [f"picture {path}" for path in row["pictures_without_view"]]
    return "\n".join(lines)


def _measured_text(view: Row) -> str:
    """What was measured in one view; rows of an older version have diameters only."""
    text = f"{view['diameter_min_mm']:.3f} to {view['diameter_max_mm']:.3f} mm"
    if view["u_diameter_mm"] is not None:
        text += f" (u {view['u_diameter_mm']:.3f} mm)"
    if view["roundness_mm"] is not None:
        text += f", roundness {view['roundness_mm']:.3f} mm"
    if view["outline_share"] is not None:
        text += f", {view['outline_share']:.0%} of the outline seen"
    return text


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)


def _faults(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    totals = queries.fault_totals(connection)
    since, limit = _span(arguments)
    faults = queries.list_faults(connection, code=arguments.reason, since_utc_ns=since, limit=limit)
    if arguments.json:
        print(json.dumps({"totals": totals, "faults": faults}))
        return 0
    for fault in faults:
        place = " ".join(str(fault[key]) for key in ("camera", "lane") if fault[key] is not None)
        print(f"{fault['utc']}  {fault['code']:<24} x{fault['count']:<5} {place} {fault['detail']}".rstrip())
    print(
        "in all: " + (", ".join(f"{code} {count}" for code, count in totals.items() if count) or "no faults")
    )
    return 0


def _span(arguments: argparse.Namespace) -> tuple[int | None, int]:
    """Since when, and how many at most."""
    return _since_utc_ns(arguments.since), _LIST_LIMIT if arguments.limit is None else arguments.limit


def _acts(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    since, limit = _span(arguments)
    acts = list_acts(connection, since_utc_ns=since, limit=limit)
    return _print(arguments, "acts", day_text.as_json(acts), [day_text.act_line(act) for act in acts])


def _challenges(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    since, limit = _span(arguments)
    found = list_challenges(connection, since_utc_ns=since, limit=limit)
    lines = [day_text.challenge_line(challenge) for challenge in found]
    return _print(arguments, "challenges", day_text.as_json(found), lines)


def _alarms(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    since, limit = _span(arguments)
    if arguments.open:
        alarms = [alarm for alarm in open_alarms(connection) if alarm.raised_utc_ns >= (since or 0)][:limit]
    else:
        alarms = list_alarms(connection, since_utc_ns=since, limit=limit)
    lines = [day_text.alarm_line(alarm) for alarm in alarms]
    return _print(arguments, "alarms", day_text.as_json(alarms), lines)


def _print(arguments: argparse.Namespace, what: str, rows: list[Row], lines: list[str]) -> int:
    print(json.dumps({what: rows}) if arguments.json else "\n".join(lines or [f"no {what}"]))
    return 0


_ACTION = {
    "list": _list,
    "csv": _csv,
    "bundle": _bundle,
    "balance": _balance,
    "show": _show,
    "faults": _faults,
    "acts": _acts,
    "challenges": _challenges,
    "alarms": _alarms,
}
