"""Puts a data card together and writes it: one HTML file that needs nothing from outside.

Neighbours: `datasets.card.facts` counts, `charts` and `examples` draw, templates/card.html lays out.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from datasets.audit.findings import AuditReport, Finding
from datasets.card import charts, facts
from datasets.card.examples import AROUND, colours_of, label_examples, mean_greys, whole_pictures, without_box
from datasets.errors import DataError
from datasets.records import DataSet, read_coco
from datasets.versions import version_of

#: Findings of one code that are written out on the card.
_PER_CODE = 4


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding on the page, and how many more of its code are left out after it."""

    finding: Finding
    more: int


def write_card(folder: Path, out: Path, report: AuditReport | None = None) -> Path:
    """Write the card of a data set.

    The same data set, in a folder of the same name, and the same report give the same bytes.

    Args:
        folder: the data set.
        out: the HTML file.
        report: an audit that this set was part of; None: the card says that it was not audited.

    Returns:
        `out`.

    Raises:
        ConfigError: the records cannot be read, or the file cannot be written.
    """
    data = read_coco(folder, check_groups=False)
    if not data.samples:
        raise DataError("the data set is empty", where=str(folder), todo="look at the builder or importer")
    text = _environment().get_template("card.html").render(_content(folder, data, report))
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(out)
    except OSError as error:
        raise DataError(
            f"the card cannot be written: {error.strerror or error}",
            where=str(out),
            todo="make room on the disk, check the folder's rights",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return out


def _environment() -> Environment:
    loader = PackageLoader("datasets.card", "templates")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _content(folder: Path, data: DataSet, report: AuditReport | None) -> dict[str, object]:
    terms = facts.terms_of(data)
    return {
        "name": folder.resolve().name,
        "description": str(data.info.get("description", "")),
        "version": _version(folder, data, report),
        "pictures": len(data.samples),
        "boxes": sum(len(sample.boxes) for sample in data.samples),
        "groups": len({(sample.source, sample.group) for sample in data.samples}),
        "splits": facts.splits_of(data),
        "colours": colours_of(data.labels),
        "terms": terms,
        "evaluation_only": not all(one.stated for one in terms),
        "audit": report,
        "finding_rows": _finding_rows(report),
        "box_table": facts.box_table(data),
        "picture_table": facts.picture_table(data),
        "fine_table": facts.fine_table(data),
        "sample_tables": facts.sample_tables(data),
        "charts": [
            *charts.box_charts(data),
            charts.count_chart(data),
            charts.grey_chart(mean_greys(folder, data)),
        ],
        "strip": charts.strip(facts.sequences_of(data)),
        "group_facts": facts.group_facts(data),
        "examples": label_examples(folder, data),
        "whole": whole_pictures(folder, data),
        "around": AROUND,
        "no_box": without_box(folder, data),
        "making": facts.making({k: v for k, v in data.info.items() if k != "description"}),
    }


def _version(folder: Path, data: DataSet, report: AuditReport | None) -> str:
    for one in report.sets if report else ():
        if Path(one.folder).resolve() == folder.resolve():
            return one.version or "none: a picture is missing"
    return version_of(folder, data)


def _finding_rows(report: AuditReport | None) -> list[FindingRow]:
    if report is None:
        return []
    total = Counter((finding.code, finding.level) for finding in report.findings)
    seen: Counter[tuple[str, str]] = Counter()
    rows: list[FindingRow] = []
    for finding in report.findings:
        key = (finding.code, finding.level)
        seen[key] += 1
        if seen[key] <= _PER_CODE:
            last = seen[key] == min(_PER_CODE, total[key])
            rows.append(FindingRow(finding, total[key] - seen[key] if last else 0))
    return rows
