"""One report into one file, its form chosen by the file's ending: .html, .pdf, .csv or .xlsx."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.reports.document import Report
from edge_runtime.reports.files import ReportError, whole_report, write_whole

SUFFIXES = (".html", ".pdf", ".csv", ".xlsx")


def check_suffix(path: Path) -> None:
    """Refuse a file whose ending names no form; call it before long work.

    Raises:
        ReportError: the ending is none of `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ReportError(
            f"'{path.suffix or path.name}' names no form of a report",
            where=str(path),
            todo=f"end the file's name with one of {', '.join(SUFFIXES)}",
        )


def report_bytes(report: Report, suffix: str, *, for_excel: bool = False) -> bytes:
    """The report in the form of `suffix`, one of `SUFFIXES`."""
    if suffix == ".html":
        from edge_runtime.reports.html import html_text

        return html_text(report).encode("utf-8")
    if suffix == ".pdf":
        from edge_runtime.reports.pdf import pdf_bytes

        return pdf_bytes(report)
    if suffix == ".xlsx":
        from edge_runtime.reports.xlsx import xlsx_bytes

        return xlsx_bytes(report)
    from edge_runtime.reports.csv_tables import csv_bytes

    return csv_bytes(report, for_excel=for_excel)


def write_report(report: Report, path: Path, *, for_excel: bool = False) -> None:
    """Write the report, whole or not at all.

    Args:
        report: what to write.
        path: ends with .html, .pdf, .csv or .xlsx.
        for_excel: CSV only: see `csv_tables.csv_bytes`.

    Raises:
        ReportError: another ending, or the file cannot be written.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        from edge_runtime.reports.csv_tables import encoding, write_csv

        with (
            whole_report(path) as part,
            part.open("w", encoding=encoding(for_excel=for_excel), newline="") as stream,
        ):
            write_csv(report, stream, for_excel=for_excel)
        return
    write_whole(path, report_bytes(report, suffix, for_excel=for_excel))
