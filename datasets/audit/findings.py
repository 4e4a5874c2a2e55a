"""What an audit says: findings with a code and a level, and the report that holds them.

Neighbours: every check of `datasets.audit` gives findings; `datasets.card` prints the report.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from vision.errors import FerrogateError

Level = Literal["fail", "warning", "note"]
Code = Literal[
    "empty",
    "unreadable_records",
    "missing_picture",
    "broken_picture",
    "wrong_size",
    "plain_picture",
    "path_outside",
    "unlisted_picture",
    "listed_twice",
    "unknown_label",
    "box_empty",
    "box_outside",
    "box_twice",
    "label_without_boxes",
    "class_missing",
    "class_drift",
    "group_in_two_splits",
    "neighbours_in_two_splits",
    "leak_same_picture",
    "leak_alike",
    "leak_background",
    "unknown_background",
    "false_background",
    "repeat_in_split",
    "no_terms",
]


class AuditError(FerrogateError):
    """A data set that fails its audit (exit code 1)."""

    exit_code = 1


class Finding(BaseModel):
    """One thing the audit saw. `fail`: do not train or measure with this; `warning`: look at it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code
    level: Level
    what: str
    where: str
    todo: str


class AuditedSet(BaseModel):
    """One audited data set: its folder, its version ("" where a picture is missing) and its pictures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    version: str
    pictures: int
    boxes: int


class AuditReport(BaseModel):
    """All findings over one or more data sets, the gravest first, and the limits they were judged by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: tuple[AuditedSet, ...]
    findings: tuple[Finding, ...]
    limits: dict[str, float]

    @property
    def failed(self) -> bool:
        """Whether any finding is a failure."""
        return any(finding.level == "fail" for finding in self.findings)

    def count(self, level: Level) -> int:
        """Findings of one level."""
        return sum(finding.level == level for finding in self.findings)

    def moved(self, before: str, after: str) -> AuditReport:
        """The report after the data sets were moved: paths that held `before` hold `after`."""
        sets = [one.model_copy(update={"folder": one.folder.replace(before, after)}) for one in self.sets]
        found = [one.model_copy(update={"where": one.where.replace(before, after)}) for one in self.findings]
        return self.model_copy(update={"sets": tuple(sets), "findings": tuple(found)})

    def raise_if_failed(self, kept: Path) -> None:
        """Stop a build whose audit failed.

        Args:
            kept: where what was built stays, to be looked at.

        Raises:
            AuditError: there is a failure; it names the first one and the folder.
        """
        fails = [finding for finding in self.findings if finding.level == "fail"]
        if not fails:
            return
        codes = ", ".join(f"{code} {count}" for code, count in Counter(f.code for f in fails).items())
        first = fails[0]
        raise AuditError(
            f"the audit failed: {codes}. First: {first.what}",
            where=first.where,
            todo=f"{first.todo}. What was built is kept in {kept}: 'ferrogate data audit {kept}' lists all "
            "findings; remove that folder when you have seen it",
        )
