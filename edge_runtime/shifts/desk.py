"""The acts of `ferrogate shift`, each from the command line's words to what is printed or written.

Neighbours: `edge_runtime.commands.shift` has the words, `edge_runtime.ledger.place` finds the ledger.
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

from edge_runtime.ledger.day_queries import list_shifts
from edge_runtime.ledger.place import find_ledger, open_caught_up
from edge_runtime.ledger.store import reading
from edge_runtime.lots.plant import Plant, find_plant
from edge_runtime.reports.plots import drawn_for
from edge_runtime.reports.words import load_words
from edge_runtime.reports.write import check_suffix, write_report
from edge_runtime.shifts.data import ShiftData, find_shift, read_shift_data
from edge_runtime.shifts.shift_report import shift_report
from edge_runtime.shifts.shift_text import shift_json, shift_lines, summary_json


def list_all(arguments: argparse.Namespace) -> int:
    """`list`: the newest shifts."""
    with _reading(arguments) as (connection, _):
        rows = [summary_json(item) for item in list_shifts(connection, limit=arguments.limit)]
    lines = [f"{'no.':>5} {'shift':<20} {'opened':<24} {'closed':<24} {'parts':>8} {'accepted':>9}  by"]
    lines += [
        f"{row['id']:>5} {row['name']:<20} {row['opened_utc']:<24} {row['closed_utc'] or 'still open':<24} "
        f"{row['counts']['parts']:>8} {row['counts']['accepted']:>9}  {row['opened_by']}"
        for row in rows
    ]
    return _tell(arguments, {"shifts": rows}, "\n".join(lines))


def show(arguments: argparse.Namespace) -> int:
    """`show`: one shift on the terminal or as JSON."""
    with _reading(arguments) as (connection, storage):
        data = shift_json(_read(connection, storage, arguments, find_plant(arguments.place)))
    return _tell(arguments, data, "\n".join(shift_lines(data)))


def report(arguments: argparse.Namespace) -> int:
    """`report`: one shift as HTML, PDF or CSV."""
    plant = find_plant(arguments.place)
    offset = plant.utc_offset_hours if arguments.utc_offset is None else arguments.utc_offset
    words = load_words(arguments.language, offset)
    check_suffix(arguments.out)
    # The ledger stays open until the file is written: the list of rejects is read row by row.
    with _reading(arguments) as (connection, storage):
        shift = _read(connection, storage, arguments, plant)
        with drawn_for(arguments.out.suffix.lower()):
            paper = shift_report(shift, words, words.clock(time.time_ns()))
        write_report(paper, arguments.out, for_excel=arguments.excel)
    data = {
        "file": str(arguments.out),
        "shift": shift.summary.id,
        "watermark": paper.watermark,
        "rejects": shift.rejects.count,
    }
    note = "" if paper.watermark is None else f"\nnot to be signed: {paper.watermark}"
    return _tell(arguments, data, f"written: {arguments.out}{note}")


def _read(connection: sa.Connection, storage: Path, arguments: argparse.Namespace, plant: Plant) -> ShiftData:
    summary = find_shift(connection, arguments.shift)
    return read_shift_data(connection, summary, storage, plant, time.time_ns())


@contextmanager
def _reading(arguments: argparse.Namespace) -> Iterator[tuple[sa.Connection, Path]]:
    """The ledger to read, and its storage folder."""
    place = find_ledger(arguments.place)
    engine, note = open_caught_up(place)
    try:
        if note:
            print(f"note: {note}", file=sys.stderr)
        with reading(engine) as connection:
            yield connection, place.storage
    finally:
        engine.dispose()


def _tell(arguments: argparse.Namespace, data: dict[str, Any], text: str) -> int:
    print(json.dumps(data, ensure_ascii=False) if arguments.json else text)
    return 0
