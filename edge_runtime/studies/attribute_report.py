"""An attribute study as figures for machines, as lines on a terminal, and as a report with plots.

Every rate is judged twice: as it was counted, and by the end of its 95 % interval on the bad side. Only
the second shows that a limit is kept; it takes several hundred bad parts.
Neighbours: `vision.statistics.attribute` computes, `edge_runtime.reports` writes.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from edge_runtime.reports.document import Column, Fact, Figure, Notice, Paragraph, Report, Section, Table
from edge_runtime.reports.plots import BLUE, GREEN, ORANGE, canvas, figure
from edge_runtime.studies.gauge_report import LEVELS, limits_section
from vision.statistics.attribute import Agreement, AppraiserRow, Rate
from vision.statistics.limits import AttributeLimits, Steps, Word, unverified, worst

_ROW_FIELDS = 4
#: What agreement beyond chance is called.
_KAPPA_WORDS = {Word.ACCEPTABLE: "good", Word.MARGINAL: "between good and poor", Word.UNACCEPTABLE: "poor"}


def judged(row: AppraiserRow, limits: AttributeLimits) -> dict[str, tuple[Rate, Steps]]:
    """The three rates that are judged, with their limits."""
    return {
        "effectiveness": (row.effectiveness, limits.effectiveness),
        "miss": (row.miss, limits.miss),
        "false alarm": (row.false_alarm, limits.false_alarm),
    }


def counted_word(row: AppraiserRow, limits: AttributeLimits) -> Word:
    """Worst word of the rates as counted."""
    return worst([steps.word(rate.share) for rate, steps in judged(row, limits).values()])


def at_worst_word(row: AppraiserRow, limits: AttributeLimits) -> Word:
    """Worst word of the ends of the intervals on the bad side."""
    return worst(
        [
            steps.word(rate.low if steps.more_is_better else rate.high)
            for rate, steps in judged(row, limits).values()
        ]
    )


def study_word(found: Agreement, limits: AttributeLimits) -> Word:
    """Worst word of all appraisers, as counted."""
    return worst([counted_word(row, limits) for row in found.rows])


def as_json(found: Agreement, limits: AttributeLimits) -> dict[str, Any]:
    """The figures for machines; shares 0..1."""
    return {
        "parts": found.parts,
        "bad_parts": found.bad_parts,
        "trials": found.trials,
        "appraisers": [
            {
                "appraiser": row.appraiser,
                "effectiveness": _rate_json(row.effectiveness),
                "miss": _rate_json(row.miss),
                "false_alarm": _rate_json(row.false_alarm),
                "consistent": _rate_json(row.consistent),
                "kappa": row.kappa,
                "kappa_verdict": None if row.kappa is None else _KAPPA_WORDS[limits.kappa.word(row.kappa)],
                "verdict": counted_word(row, limits).value,
                "at_worst": at_worst_word(row, limits).value,
            }
            for row in found.rows
        ],
        "pairs": [{**asdict(pair), "agreed": _rate_json(pair.agreed)} for pair in found.pairs],
        "all_agree": _rate_json(found.all_agree),
        "all_right": _rate_json(found.all_right),
        "fleiss_kappa": found.fleiss_kappa,
        "verdict": study_word(found, limits).value,
        "unverified_limits": unverified(limits),
    }


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {**asdict(rate), "share": rate.share}


def as_lines(found: Agreement, limits: AttributeLimits) -> list[str]:
    """The figures for a terminal."""
    lines = [
        f"{found.parts} parts ({found.bad_parts} bad) x {len(found.rows)} appraisers x {found.trials} "
        "trials; 95 % intervals in brackets",
        f"{'appraiser':<14} {'effectiveness':<24} {'miss':<24} {'false alarm':<24} {'kappa':>6}  verdict",
    ]
    for row in found.rows:
        rates = " ".join(f"{rate_text(rate):<24}" for rate, _ in judged(row, limits).values())
        lines.append(
            f"{row.appraiser:<14} {rates} {_kappa_text(row.kappa):>6}  {counted_word(row, limits).value}, "
            f"proven: {at_worst_word(row, limits).value}"
        )
    for pair in found.pairs:
        lines.append(f"{pair.first} and {pair.second}: kappa {_kappa_text(pair.kappa)}")
    lines.append(f"Fleiss' kappa of all decisions: {_kappa_text(found.fleiss_kappa)}")
    lines.append(f"verdict: {study_word(found, limits).value}")
    if unverified(limits):
        lines.append("the limits are not verified: nobody has compared them with their source yet")
    return lines


def rate_text(rate: Rate) -> str:
    """A rate as `6.3 % (1.3 to 17.2)`."""
    return f"{100 * rate.share:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _kappa_text(kappa: float | None) -> str:
    return "none" if kappa is None else f"{kappa:.3f}"


def attribute_report(found: Agreement, limits: AttributeLimits, *, source: str, made: datetime) -> Report:
    """The report."""
    word = study_word(found, limits)
    facts = (
        Fact("Decisions", source),
        Fact("Parts", found.parts),
        Fact("of these bad", found.bad_parts),
        Fact("Appraisers", ", ".join(row.appraiser for row in found.rows)),
        Fact("Trials", found.trials),
        Fact("Verdict", word.value),
    )
    sections = (
        _rates_section(found, limits, word),
        Section("Decisions against the reference", (confusion_plot(found),)),
        _kappa_section(found, limits),
        limits_section(unverified(limits)),
    )
    return Report("Attribute agreement study", source, facts=facts, sections=sections, made=made)


def _rates_section(found: Agreement, limits: AttributeLimits, word: Word) -> Section:
    columns = (
        Column("Appraiser"),
        Column("Effectiveness (95 %)", width=1.5),
        Column("Miss (95 %)", width=1.5),
        Column("False alarm (95 %)", width=1.5),
        Column("As counted"),
        Column("At worst"),
    )
    rows = tuple(
        (
            row.appraiser,
            *(rate_text(rate) for rate, _ in judged(row, limits).values()),
            counted_word(row, limits).value,
            at_worst_word(row, limits).value,
        )
        for row in found.rows
    )
    text = (
        "Effectiveness: parts on which every trial agrees with the reference. Miss: bad parts accepted. "
        "False alarm: good parts rejected. Intervals: exact, 95 %, two-sided (Clopper and Pearson). "
        "'At worst' judges the end of the interval on the bad side: what the study shows without any luck."
    )
    return Section(
        "Rates",
        (
            Notice(f"As counted: {word.value}.", LEVELS[word]),
            Table(columns, rows),
            rates_plot(found, limits),
            Paragraph(text),
        ),
    )


def _kappa_section(found: Agreement, limits: AttributeLimits) -> Section:
    def word(kappa: float | None) -> str:
        return "not defined" if kappa is None else _KAPPA_WORDS[limits.kappa.word(kappa)]

    rows = [(f"{row.appraiser} and reference", row.kappa, word(row.kappa)) for row in found.rows]
    rows += [(f"{pair.first} and {pair.second}", pair.kappa, word(pair.kappa)) for pair in found.pairs]
    rows.append(("all decisions (Fleiss)", found.fleiss_kappa, word(found.fleiss_kappa)))
    own = tuple((row.appraiser, rate_text(row.consistent)) for row in found.rows)
    every = (("all appraisers", rate_text(found.all_agree)), ("all, and right", rate_text(found.all_right)))
    return Section(
        "Agreement beyond chance",
        (
            Table(
                (Column("Between", width=2.0), Column("Kappa", "number", 3), Column("Agreement")),
                tuple(rows),
            ),
            Paragraph(
                f"Kappa from {limits.kappa.acceptable.value:g} on is good agreement, "
                f"below {limits.kappa.marginal.value:g} poor. It is not defined where only one word was said."
            ),
            Table(
                (Column("Parts on which all trials agree"), Column("Share (95 %)")),
                own + every,
            ),
        ),
    )


def rates_plot(found: Agreement, limits: AttributeLimits) -> Figure:
    """The three rates of every appraiser with their intervals and limits."""
    names = [row.appraiser for row in found.rows]
    height = 1.2 + 0.28 * len(names)
    with canvas(height_in=height, columns=3, sharey=True) as (drawing, axes):
        for axis, key in zip(axes, judged(found.rows[0], limits), strict=True):
            for number, row in enumerate(found.rows):
                rate, steps = judged(row, limits)[key]
                axis.plot([100 * rate.low, 100 * rate.high], [number, number], color=BLUE, lw=2.0)
                axis.plot(100 * rate.share, number, "o", ms=5, color=BLUE)
            _, steps = judged(found.rows[0], limits)[key]
            axis.axvline(100 * steps.acceptable.value, color=GREEN, lw=1.2)
            axis.axvline(100 * steps.marginal.value, color=ORANGE, lw=1.2, ls="--")
            axis.set_title(key)
            axis.set_xlabel("%")
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.set_yticks(np.arange(len(names)), names)
            axis.grid(axis="y", visible=False)
        return figure(
            drawing, "Rates with 95 % intervals. Green: limit of acceptable; orange: limit of marginal."
        )


def confusion_plot(found: Agreement) -> Figure:
    """Counts of every appraiser's decisions against the reference."""
    columns = min(len(found.rows), _ROW_FIELDS)
    lines = -(-len(found.rows) // _ROW_FIELDS)
    with canvas(height_in=2.1 * lines, rows=lines, columns=columns) as (drawing, axes):
        for axis, row in zip(axes, found.rows, strict=False):
            counts = np.array(row.table)
            shares = counts / counts.sum(axis=1, keepdims=True)
            axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
            for i in range(2):
                for j in range(2):
                    ink = "white" if shares[i, j] > 0.55 else "black"
                    text = f"{counts[i, j]}\n{100 * shares[i, j]:.1f} %"
                    axis.text(j, i, text, ha="center", va="center", color=ink, fontsize=8)
            axis.set_xticks([0, 1], ["accept", "reject"])
            axis.set_yticks([0, 1], ["good", "bad"])
            axis.set_title(row.appraiser)
            axis.set_xlabel("decided")
            axis.grid(visible=False)
        for axis in axes[len(found.rows) :]:
            axis.set_visible(False)
        axes[0].set_ylabel("reference")
        return figure(drawing, "Decisions (columns) against what the parts are (rows).")
