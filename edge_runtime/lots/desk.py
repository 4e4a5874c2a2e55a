"""The acts of `ferrogate lot`, each from the command line's words to what is printed or written.

Neighbours: `edge_runtime.commands.lot` has the words, `edge_runtime.ledger.place` finds the ledger.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.config import load_recipe
from edge_runtime.ledger.place import find_ledger, open_caught_up, open_to_write
from edge_runtime.ledger.queries import utc_text
from edge_runtime.ledger.store import reading
from edge_runtime.lots import lab, sampling_desk
from edge_runtime.lots.certificate import (
    Certificate,
    CertificateDetails,
    certificates_of,
    choose_recipe,
    draw_up,
    issue,
    load_details,
    read_certificate,
)
from edge_runtime.lots.certificate_report import certificate_report
from edge_runtime.lots.data import has_balls, list_lots, read_lot
from edge_runtime.lots.hardness import check_readings
from edge_runtime.lots.lab_section import LabData
from edge_runtime.lots.lot_paper import PERIOD_S, WholeLot, draw_up_report, read_whole_lot
from edge_runtime.lots.lot_text import hardness_json, lot_json, lot_text
from edge_runtime.lots.plant import find_plant
from edge_runtime.lots.tables import DEPTHS, acceptance_tables, sampling_scheme
from edge_runtime.reports.plots import drawn_for
from edge_runtime.reports.words import Words, load_words
from edge_runtime.reports.write import check_suffix, write_report
from vision.errors import ConfigError

#: Options of `certificate` that are texts of `CertificateDetails`.
DETAIL_OPTIONS = tuple(
    name for name, field in CertificateDetails.model_fields.items() if field.annotation is str
)


def list_all(arguments: argparse.Namespace) -> int:
    """`list`: the lots of the ledger."""
    with _reading(arguments) as (connection, _):
        lots = list_lots(connection)
    rows = [
        {
            "lot": item.lot,
            "balls": item.balls,
            "accepted": item.accepted,
            "first_utc": utc_text(item.first_utc_ns),
            "last_utc": utc_text(item.last_utc_ns),
        }
        for item in lots
    ]
    lines = [f"{'lot':<30} {'balls':>9} {'accepted':>9}  {'first':<24}  last"]
    lines += [
        f"{row['lot']:<30} {row['balls']:>9} {row['accepted']:>9}  {row['first_utc']}  {row['last_utc']}"
        for row in rows
    ]
    return _tell(arguments, {"lots": rows}, "\n".join(lines))


def show(arguments: argparse.Namespace) -> int:
    """`show`: one lot on the terminal or as JSON."""
    with _reading(arguments) as (connection, storage):
        lot = _read(connection, storage, arguments)
    data = lot_json(lot.data, lot.figures, lot.lab, lot.certificates, lot.day)
    data["unverified_limits"] = [] if lot.recipe is None else list(lot.recipe.unverified())
    return _tell(arguments, data, lot_text(data))


def chart(arguments: argparse.Namespace) -> int:
    """`chart`: one lot as a report."""
    words = _words(arguments)
    check_suffix(arguments.out)
    # The ledger stays open until the file is written: the list of rejects is read row by row.
    with _reading(arguments) as (connection, storage):
        lot = _read(connection, storage, arguments)
        with drawn_for(arguments.out.suffix.lower()):
            report = draw_up_report(lot, words, time.time_ns())
        write_report(report, arguments.out, for_excel=arguments.excel)
    return _tell(arguments, {"file": str(arguments.out)}, f"written: {arguments.out}")


def hardness(arguments: argparse.Namespace) -> int:
    """`hardness`: an entry of the lab."""
    tables = acceptance_tables(arguments.tables)
    given = {depth: getattr(arguments, depth) for depth in DEPTHS}
    readings = {depth: values for depth, values in given.items() if values}
    check_readings(readings, tables)
    if arguments.ball < 1:
        raise ConfigError(f"there is no ball {arguments.ball}", where="--ball", todo="number them from 1")
    row = {
        "lot": arguments.lot,
        "ball": arguments.ball,
        "readings": readings,
        "instrument": arguments.instrument,
        **_entry(arguments),
    }
    with _writing(arguments) as engine:
        number = lab.add_hardness(engine, row)
        with engine.connect() as connection:
            known = has_balls(connection, arguments.lot)
    data = hardness_json({"id": number, **row}, LabData([], [], tables))
    volume = "" if data["volume_hrc"] is None else f", volume hardness {data['volume_hrc']:.1f} HRC"
    means = ", ".join(f"{depth} {mean:.1f}" for depth, mean in data["mean_hrc"].items())
    note = (
        ""
        if not volume or data["formula_verified"]
        else "\nthe formula was not verified: " + data["formula_source"]
    )
    data["lot_in_ledger"] = known
    if not known:  # the lab may be ahead of the line; a slip in the name looks the same
        note += f"\nthe ledger has no ball of lot '{arguments.lot}' so far: check the name"
    return _tell(arguments, data, f"entry {number}: {means} HRC{volume}{note}")


def plan(arguments: argparse.Namespace) -> int:
    """`plan`: the sampling plan of a lot."""
    tables, scheme = acceptance_tables(arguments.tables), sampling_scheme(arguments.scheme)
    aql = sampling_desk.aql_name(scheme, arguments.aql)
    with _reading(arguments) as (connection, _):
        size = _lot_size(connection, arguments)
        due = (
            sampling_desk.due_severity(connection, scheme, aql, lot=arguments.lot)
            if not arguments.severity
            else None
        )
    severity = arguments.severity or (due.severity if due is not None else "normal")
    found = sampling_desk.plan_for(scheme, size, aql, severity)
    data = sampling_desk.plan_json(scheme, found, size, aql, severity, tables.repeat_plan)
    data["switch"] = None if due is None else {"why": due.why, "score": due.score, "stopped": due.stopped}
    text = sampling_desk.plan_text(data)
    if due is not None and due.stopped:
        text += f"\nSTOP: {due.why}: no lot is accepted by sampling until the cause is removed"
    return _tell(arguments, data, text)


def sample(arguments: argparse.Namespace) -> int:
    """`sample-result`: an entry of the lab."""
    tables, scheme = acceptance_tables(arguments.tables), sampling_scheme(arguments.scheme)
    with _writing(arguments) as engine:
        with reading(engine) as connection:
            size = _lot_size(connection, arguments)
            if arguments.repeat_plan:
                fields = sampling_desk.repeat_entry(tables.repeat_plan, arguments.repeat_plan, size)
            else:
                aql = sampling_desk.aql_name(scheme, arguments.aql)
                severity = arguments.severity
                if severity is None:
                    severity = sampling_desk.due_severity(connection, scheme, aql, lot=arguments.lot).severity
                found = sampling_desk.plan_for(scheme, size, aql, severity)
                fields = sampling_desk.single_entry(scheme, found, aql, severity, size)
        row = {"lot": arguments.lot, "nonconforming": arguments.nonconforming, **fields, **_entry(arguments)}
        number = lab.add_sample(engine, row)
    passed = row["nonconforming"] < row["reject"]
    text = f"entry {number}: {row['plan']}: {row['nonconforming']} bad of {row['sample_size']}: "
    return _tell(
        arguments, {"id": number, "passed": passed, **row}, text + ("passed" if passed else "not passed")
    )


def certificate(arguments: argparse.Namespace) -> int:
    """`certificate`: issue one, look at a draft, or print one again."""
    words = _words(arguments)
    check_suffix(arguments.out)
    tables = acceptance_tables(arguments.tables)

    def write(paper: Certificate) -> None:
        write_report(certificate_report(paper, tables, words), arguments.out, for_excel=arguments.excel)

    if arguments.reprint is not None:
        with _reading(arguments) as (connection, _):
            paper = read_certificate(connection, arguments.reprint)
            newer = {
                row["number"]: row["superseded_by"] for row in certificates_of(connection, arguments.lot)
            }.get(arguments.reprint)
        if paper.lot != arguments.lot:
            raise ConfigError(
                f"certificate {arguments.reprint} is of lot '{paper.lot}'",
                where="--reprint",
                todo="'show LOT' lists the certificates of a lot",
            )
        write(paper)
        return _tell_certificate(arguments, paper, superseded_by=newer)
    options = {name: getattr(arguments, name) for name in (*DETAIL_OPTIONS, "net_mass_kg")}
    details = load_details(arguments.details, options)
    given = None if arguments.recipe is None else load_recipe(arguments.recipe)
    with _reading(arguments) as (connection, storage):
        lot = _read(connection, storage, arguments)
    found = lot.recipe.model_dump(mode="json") if lot.recipe is not None else None
    recipe = choose_recipe(found, given, lot.data)
    paper = draw_up(
        lot.data,
        lot.figures,
        recipe,
        lot.lab,
        details,
        by_name=arguments.by,
        recipe_is_ledgers=lot.recipe is not None,
    )
    if arguments.draft or not paper.can_be_signed:
        write(paper)
        return _tell_certificate(arguments, paper)
    with _writing(arguments) as engine:
        issued = issue(engine, paper, words.language, supersedes=arguments.supersedes, write=write)
    return _tell_certificate(arguments, issued)


def _tell_certificate(
    arguments: argparse.Namespace, paper: Certificate, *, superseded_by: int | None = None
) -> int:
    data = {
        "file": str(arguments.out),
        "number": paper.number,
        "can_be_signed": paper.can_be_signed,
        "superseded_by": superseded_by,
        "doubts": [doubt.model_dump() for doubt in paper.doubts],
    }
    lines = [f"written: {arguments.out}"]
    if paper.number is not None:
        lines.append(f"certificate {paper.number}")
    if superseded_by is not None:
        lines.append(f"NO LONGER VALID: certificate {superseded_by} has taken its place")
    elif paper.can_be_signed:
        lines.append("a draft: no number was given")
    if paper.doubts:
        lines.append("NOT VERIFIED: it has no number and cannot be signed, because of")
        lines += [f"  {doubt.code} {doubt.detail}".rstrip() for doubt in paper.doubts]
    return _tell(arguments, data, "\n".join(lines))


def _read(connection: sa.Connection, storage: Path, arguments: argparse.Namespace) -> WholeLot:
    tables = acceptance_tables(arguments.tables)
    period_s = getattr(arguments, "period", PERIOD_S)
    return read_whole_lot(connection, arguments.lot, storage, time.time_ns(), tables, period_s)


def _words(arguments: argparse.Namespace) -> Words:
    """The reader's language, and the plant's clock where the place tells it."""
    return load_words(arguments.language, find_plant(Path(arguments.place)).utc_offset_hours)


def _lot_size(connection: sa.Connection, arguments: argparse.Namespace) -> int:
    if arguments.lot_size is not None:
        return int(arguments.lot_size)
    return read_lot(connection, arguments.lot).counts.accepted


def _entry(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "test_date": lab.parse_date(arguments.date),
        "by_name": arguments.by,
        "note": arguments.note,
        "supersedes": arguments.supersedes,
    }


@contextmanager
def _reading(arguments: argparse.Namespace) -> Iterator[tuple[sa.Connection, Path]]:
    """The ledger to read, and its storage folder."""
    place = find_ledger(Path(arguments.place))
    engine, note = open_caught_up(place)
    try:
        if note:
            print(f"note: {note}", file=sys.stderr)
        with reading(engine) as connection:
            yield connection, place.storage
    finally:
        engine.dispose()


@contextmanager
def _writing(arguments: argparse.Namespace) -> Iterator[sa.Engine]:
    engine = open_to_write(find_ledger(Path(arguments.place)))
    try:
        yield engine
    finally:
        engine.dispose()


def _tell(arguments: argparse.Namespace, data: dict[str, Any], text: str) -> int:
    print(json.dumps(data, ensure_ascii=False) if arguments.json else text)
    return 0
