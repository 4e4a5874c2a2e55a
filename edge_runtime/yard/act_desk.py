"""What `ferrogate act` does: acts and drafts read from the books, told, written to files.

Neighbours: `edge_runtime.commands.act` has the command line's words, `acts` reads, `act_document` draws up,
`act_text` has the short form for a terminal.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from edge_runtime.config import station_kind
from edge_runtime.ledger.place import find_ledger, open_caught_up
from edge_runtime.ledger.queries import utc_text
from edge_runtime.ledger.store import reading
from edge_runtime.reports.words import load_words
from edge_runtime.reports.write import check_suffix, write_report
from edge_runtime.yard.act_content import ActContent
from edge_runtime.yard.act_document import act_report
from edge_runtime.yard.act_pictures import stored_pictures
from edge_runtime.yard.act_text import act_json, act_text
from edge_runtime.yard.acts import ActNumber, list_acts, read_act
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.store_types import WagonView
from edge_runtime.yard.store_wagons import list_wagons
from edge_runtime.yard.tables import YardActRow
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from vision.errors import ConfigError

_DRAFT = re.compile(r"draft:(\d{1,9})")
_NUMBER = re.compile(r"(\d{1,9})(?:/(\d{4}))?")
_PAGE = 100
_HOW = "write 12/2026, or draft:3 for the draft of wagon 3"


@dataclass(frozen=True, slots=True)
class Shown:
    """An act or a draft, as it is told: `sha256` that the books keep, `missing` of a draft."""

    content: ActContent
    sha256: str
    missing: tuple[str, ...]
    superseded_by: ActNumber | None


def list_all(arguments: argparse.Namespace) -> int:
    """`list`: signed acts, or the wagons that have none."""
    with _reading(arguments) as (engine, _), reading(engine) as connection:
        if arguments.drafts:
            return _list_drafts(connection, arguments)
        acts = list_acts(connection, wagon_id=None, limit=arguments.limit, before=None)
    rows = [
        {
            "act": str(line.act),
            "year": line.act.year,
            "number": line.act.number,
            "signed_utc": utc_text(line.signed_utc_ns),
            "signed_by": line.signed_by,
            "supplier": line.supplier,
            "vehicle": line.vehicle,
            "wagon_id": line.wagon_id,
            "supersedes": str(line.supersedes) if line.supersedes else None,
            "superseded_by": str(line.superseded_by) if line.superseded_by else None,
        }
        for line in acts
    ]
    lines = [f"{'act':<10} {'signed':<24}  {'by':<14} {'vehicle':<16} {'supplier':<32} superseded by"]
    lines += [
        f"{row['act']:<10} {row['signed_utc']:<24}  {row['signed_by']:<14} {row['vehicle']:<16} "
        f"{row['supplier']:<32} {row['superseded_by'] or ''}".rstrip()
        for row in rows
    ]
    return _tell(arguments, {"acts": rows}, "\n".join(lines) if rows else "no act is signed yet")


def _list_drafts(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    rows = [
        {
            "draft": f"draft:{view.wagon_id}",
            "wagon_id": view.wagon_id,
            "supplier": view.fields.supplier,
            "vehicle": view.fields.vehicle,
            "rails": view.rails,
            "unfinished": view.unfinished,
        }
        for view in islice(_without_act(connection), arguments.limit)
    ]
    lines = [f"{'draft':<12} {'vehicle':<16} {'supplier':<32} {'rails':>6} {'unfinished':>11}"]
    lines += [
        f"{row['draft']:<12} {row['vehicle']:<16} {row['supplier']:<32} "
        f"{row['rails']:>6} {row['unfinished']:>11}"
        for row in rows
    ]
    return _tell(arguments, {"drafts": rows}, "\n".join(lines) if rows else "every wagon has a signed act")


def _without_act(connection: sa.Connection) -> Iterator[WagonView]:
    """Wagons without a standing act, the newest first."""
    before: int | None = None
    while page := list_wagons(connection, _PAGE, before):
        yield from (view for view in page if view.act is None)
        before = page[-1].wagon_id


def show(arguments: argparse.Namespace) -> int:
    """`show`: one act in short, or all of it as JSON."""
    with _reading(arguments) as (engine, storage):
        shown = _read(engine, storage, arguments)
    newer = None if shown.superseded_by is None else str(shown.superseded_by)
    data = act_json(shown.content, shown.sha256, shown.missing, newer)
    return _tell(arguments, data, act_text(shown.content, shown.missing, newer))


def export(arguments: argparse.Namespace) -> int:
    """`export`: one act as a file."""
    check_suffix(arguments.out)
    words = load_words(arguments.language, _utc_offset(arguments))
    with _reading(arguments) as (engine, storage):
        shown = _read(engine, storage, arguments)
    report = act_report(
        shown.content,
        words,
        superseded_by=shown.superseded_by,
        missing=shown.missing,
        picture=stored_pictures(storage),
        sha256=shown.sha256,
    )
    write_report(report, arguments.out, for_excel=arguments.excel)
    data = {
        "file": str(arguments.out),
        "act": shown.content.shown_number or None,
        "signed": shown.content.signed is not None,
        "missing": list(shown.missing),
        "superseded_by": None if shown.superseded_by is None else str(shown.superseded_by),
    }
    note = "" if shown.content.signed is not None else " (a draft: it is not signed)"
    return _tell(arguments, data, f"written: {arguments.out}{note}")


def _read(engine: sa.Engine, storage: Path, arguments: argparse.Namespace) -> Shown:
    draft = _DRAFT.fullmatch(arguments.which)
    if draft is not None:
        config = _station(arguments)
        recipe = load_yard_recipe(None if config is None else config.recipe)
        drawn = YardStore(engine, storage, RecipeGrading(recipe)).draft_act(int(draft[1]))
        return Shown(drawn.content, drawn.sha256, drawn.missing, None)
    with reading(engine) as connection:
        signed = read_act(connection, _number(connection, arguments.which))
    return Shown(signed.content, signed.sha256, (), signed.superseded_by)


def _number(connection: sa.Connection, text: str) -> ActNumber:
    """Number and year; a number alone where the books have it of one year only."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ConfigError(f"'{text}' names no act", where="ACT", todo=_HOW)
    number = int(match[1])
    if match[2] is not None:
        return ActNumber(int(match[2]), number)
    query = sa.select(YardActRow.year).where(YardActRow.number == number).order_by(YardActRow.year)
    years = [int(year) for year in connection.execute(query).scalars()]
    if len(years) > 1:
        raise ConfigError(
            f"act {number} is there of the years {', '.join(map(str, years))}", where="ACT", todo=_HOW
        )
    if not years:
        raise ConfigError(
            f"there is no act {number}", where="ledger", todo="'ferrogate act PLACE list' lists the acts"
        )
    return ActNumber(years[0], number)


def _station(arguments: argparse.Namespace) -> RailStationConfig | None:
    """The yard's station file, where the place names one or holds one."""
    place = Path(arguments.place)
    if place.is_dir():
        place = place / "station.yaml"
        if not place.is_file():
            return None
    return load_rail_station(place) if station_kind(place) == "rail" else None


def _utc_offset(arguments: argparse.Namespace) -> float | None:
    """Of the option, else of the station file; None: this machine's clock."""
    if arguments.utc_offset is not None:
        return float(arguments.utc_offset)
    config = _station(arguments)
    return None if config is None or config.page is None else config.page.utc_offset_hours


@contextmanager
def _reading(arguments: argparse.Namespace) -> Iterator[tuple[sa.Engine, Path]]:
    """The ledger, and its storage folder."""
    place = find_ledger(Path(arguments.place))
    engine, note = open_caught_up(place)
    try:
        if note:
            print(f"note: {note}", file=sys.stderr)
        yield engine, place.storage
    finally:
        engine.dispose()


def _tell(arguments: argparse.Namespace, data: Mapping[str, object], text: str) -> int:
    print(json.dumps(data, ensure_ascii=False) if arguments.json else text)
    return 0
