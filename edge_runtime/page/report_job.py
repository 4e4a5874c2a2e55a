"""One report, made by a process of its own at the lowest priority, so that no plot holds up page or line.

    python -m edge_runtime.page.report_job < job.json

The job stands on standard input as JSON of `ReportJob`; the answer is one JSON object: `{"ok": true}`, or
what went wrong. Nothing but the ledger and the pictures is read. Neighbour: `report_desk` starts it.
"""

from __future__ import annotations

import json
import os
import sys
import time

import sqlalchemy as sa

from edge_runtime.ledger.store import open_to_read, reading
from edge_runtime.lots.lot_paper import lot_paper
from edge_runtime.lots.plant import Plant
from edge_runtime.page.report_order import ReportJob
from edge_runtime.reports.document import Report
from edge_runtime.reports.plots import drawn_for
from edge_runtime.reports.words import load_words
from edge_runtime.reports.write import write_report
from edge_runtime.shifts.data import find_shift, read_shift_data
from edge_runtime.shifts.shift_report import shift_report
from vision.errors import FerrogateError

#: served when nobody else wants the processor
NICENESS = 19


def main() -> int:
    """Make it; the exit code is that of the error, 0 without one."""
    os.nice(NICENESS - os.nice(0))
    job = ReportJob.model_validate_json(sys.stdin.read())
    try:
        make(job)
    except FerrogateError as error:
        answer = {"ok": False, "what": error.what, "where": error.where, "todo": error.todo}
        print(json.dumps(answer), flush=True)
        return error.exit_code
    print(json.dumps({"ok": True}), flush=True)
    return 0


def make(job: ReportJob) -> None:
    """Read the ledger and write the file, whole or not at all.

    Raises:
        LedgerError: there is no ledger, or no such shift or lot.
        ReportError: the file cannot be written.
    """
    engine = open_to_read(job.url)
    try:
        with reading(engine) as connection:
            with drawn_for(job.out.suffix):
                report = _report(connection, job)
            write_report(report, job.out, for_excel=job.excel)
    finally:
        engine.dispose()


def _report(connection: sa.Connection, job: ReportJob) -> Report:
    words = load_words(job.language, job.utc_offset_hours)
    now_utc_ns = time.time_ns()
    if job.kind == "lot":
        return lot_paper(connection, job.name, job.storage, words, now_utc_ns)
    plant = Plant(job.utc_offset_hours, job.challenge, known=True)
    shift = read_shift_data(connection, find_shift(connection, job.name), job.storage, plant, now_utc_ns)
    return shift_report(shift, words, words.clock(now_utc_ns))


if __name__ == "__main__":
    sys.exit(main())
