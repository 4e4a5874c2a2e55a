"""Runs every check over one or more data sets and gives one report.

Neighbours: `ferrogate data audit`, `data build` (which stops on a failure) and `datasets.card`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.audit import limits
from datasets.audit.backgrounds import check_backgrounds
from datasets.audit.findings import AuditedSet, AuditReport, Finding, Level
from datasets.audit.labels import check_records
from datasets.audit.leaks import check_pictures
from datasets.audit.pictures import Pictures, read_pictures
from datasets.audit.splits import check_splits
from datasets.errors import DataError
from datasets.records import COCO_FILE, DataSet, read_coco
from datasets.versions import files_of, version_from
from vision.errors import ConfigError

_GRAVITY: dict[Level, int] = {"fail": 0, "warning": 1, "note": 2}


def audit_sets(folders: Sequence[Path], *, progress: bool = False) -> AuditReport:
    """Audit data sets together: what lies in train of one must not lie in val of another.

    Args:
        folders: of data sets, or folders whose subfolders are data sets.
        progress: show a bar on stderr.

    Raises:
        DataError: a folder holds no data set.
    """
    places = data_folders(folders)
    findings: list[Finding] = []
    sets: list[tuple[Path, DataSet]] = []
    for folder in places:
        try:
            sets.append((folder, read_coco(folder, check_groups=False)))
        except ConfigError as error:
            findings.append(
                Finding(
                    code="unreadable_records",
                    level="fail",
                    what=error.what,
                    where=error.where,
                    todo="make or import the data set again",
                )
            )
    read: list[tuple[Path, DataSet, Pictures]] = []
    for folder, data in sets:
        findings += check_records(folder, data)
        read.append((folder, data, read_pictures(folder, data, progress=progress)))
        findings += read[-1][2].findings
    findings += check_splits(sets)
    findings += check_pictures(read)
    findings += check_backgrounds(sets, progress=progress)
    return AuditReport(
        sets=tuple(_audited(*one) for one in read),
        findings=tuple(sorted(findings, key=lambda finding: _GRAVITY[finding.level])),
        limits=limits.as_dict(),
    )


def _audited(folder: Path, data: DataSet, pictures: Pictures) -> AuditedSet:
    complete = all(file in pictures.sha256 for sample in data.samples for file in files_of(sample))
    return AuditedSet(
        folder=str(folder),
        version=version_from(data, pictures.sha256) if complete else "",
        pictures=len(data.samples),
        boxes=sum(len(sample.boxes) for sample in data.samples),
    )


def data_folders(folders: Sequence[Path]) -> list[Path]:
    """The data sets meant: each folder that holds one, else those right below it; each once, in order.

    Raises:
        DataError: there is none.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        if (folder / COCO_FILE).is_file():
            found[folder] = None
            continue
        below = sorted(path.parent for path in folder.glob(f"*/{COCO_FILE}") if path.parent.name[0] != ".")
        if not below:
            raise DataError(
                f"there is no data set: no {COCO_FILE} here or one folder below",
                where=str(folder),
                todo="make one with 'ferrogate data build', or give its folder",
            )
        found.update(dict.fromkeys(below))
    return list(found)
