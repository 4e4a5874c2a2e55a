"""What the laboratory found of a lot, as sections of a report: hardness and samples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from edge_runtime.lots.hardness import ball_hardness
from edge_runtime.lots.tables import AcceptanceTables
from edge_runtime.reports.document import Block, Column, Notice, Paragraph, Section, Table
from edge_runtime.reports.words import Words


@dataclass(frozen=True, slots=True)
class LabData:
    """The lab's entries of a lot that hold, and the formula to work them out."""

    hardness: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    tables: AcceptanceTables


def lab_section(lab: LabData, words: Words) -> Section:
    """Hardness and samples; says so when the lab has typed in none."""
    blocks: list[Block] = [hardness_table(lab, words)] if lab.hardness else []
    if lab.hardness:
        blocks += formula_notes(lab, words)
    else:
        blocks.append(Notice(words("lab.no_hardness"), "warning"))
    if lab.samples:
        blocks.append(sample_table(lab.samples, words))
    return Section(words("lab.title"), tuple(blocks))


def hardness_table(lab: LabData, words: Words) -> Table:
    """Means by depth of each ball, and its volume hardness."""
    depths = list(lab.tables.volume_hardness.weights)
    columns = (
        Column(words("lab.entry"), "number", width=0.8),
        Column(words("lab.ball"), "number", width=0.8),
        Column(words("lab.date"), width=1.2),
        *(Column(words(f"depth.{depth}"), "number", 1, width=1.1) for depth in depths),
        Column(words("lab.volume"), "number", 1, width=1.2),
        Column(words("lab.by"), width=1.4),
    )
    rows = []
    for row in lab.hardness:
        found = ball_hardness(row["readings"], lab.tables.volume_hardness)
        means = [found.mean_hrc.get(depth) for depth in depths]
        rows.append((row["id"], row["ball"], _day(row, words), *means, found.volume_hrc, row["by_name"]))
    return Table(columns, tuple(rows), words("lab.hardness"))


def formula_notes(lab: LabData, words: Words) -> list[Block]:
    """Where the formula of volume hardness comes from, if it was used at all."""
    formula = lab.tables.volume_hardness
    if all(ball_hardness(row["readings"], formula).volume_hrc is None for row in lab.hardness):
        return []
    notes: list[Block] = [Paragraph(words("lab.formula", source=formula.source))]
    if not formula.verified:
        notes.append(Notice(words("lab.formula_unverified"), "warning"))
    return notes


def sample_table(samples: list[dict[str, Any]], words: Words) -> Table:
    """The samples with what was found and what it means for the lot."""
    columns = (
        Column(words("lab.entry"), "number", width=0.8),
        Column(words("lab.plan"), width=2.4),
        Column(words("lab.date"), width=1.2),
        Column(words("lab.sample_size"), "number"),
        Column(words("lab.bad"), "number"),
        Column("Ac/Re", width=0.9),
        Column(words("lab.result"), width=1.4),
        Column(words("lab.by"), width=1.4),
    )
    rows = tuple(
        (
            row["id"],
            _plan(row, words),
            _day(row, words),
            row["sample_size"],
            row["nonconforming"],
            f"{row['accept']}/{row['reject']}",
            words("lab.passed" if row["nonconforming"] < row["reject"] else "lab.failed"),
            row["by_name"],
        )
        for row in samples
    )
    return Table(columns, rows, words("lab.samples"))


def _plan(row: dict[str, Any], words: Words) -> str:
    severity = row["severity"]
    if not severity:
        return str(row["plan"])
    return f"{row['plan'].removesuffix(severity)}{words.known(f'severity.{severity}', severity)}"


def _day(row: dict[str, Any], words: Words) -> str:
    return words.date(date.fromisoformat(row["test_date"]))
