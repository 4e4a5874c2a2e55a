"""The report of one lot: counts, reasons, sizes, charts, capability, the laboratory, what happened meanwhile.

For the foreman and the technologist; the paper for the buyer is `certificate`. The sections are those of the
shift report (`edge_runtime.shifts`) as far as both say the same.
"""

from __future__ import annotations

from datetime import datetime

from edge_runtime.ledger.day_queries import LotSummary
from edge_runtime.lots.count_sections import count_notices, counts_section, reasons_section
from edge_runtime.lots.data import LotData
from edge_runtime.lots.lab_section import LabData, lab_section
from edge_runtime.lots.line_sections import acts_section, alarms_section, downtime_section, faults_section
from edge_runtime.lots.lot_day import LotDay
from edge_runtime.lots.proof_sections import (
    books_notice,
    books_section,
    challenge_notices,
    challenge_section,
    changes_section,
)
from edge_runtime.lots.reject_sections import rejects_section
from edge_runtime.lots.size_sections import capability_section, charts_section, limit_names, sizes_section
from edge_runtime.lots.statistics import LotFigures
from edge_runtime.reports.document import Block, Fact, Notice, Report, Section
from edge_runtime.reports.words import Words
from vision.recipe import BallRecipe


def lot_report(
    lot: LotData,
    figures: LotFigures,
    recipe: BallRecipe | None,
    lab: LabData,
    day: LotDay,
    words: Words,
    made: datetime,
) -> Report:
    """The report; `made` with its zone. An unverified limit is said, as this paper is not for signing."""
    counts = day.summary.counts
    time = words.time(made)
    sections = (
        _warnings(lot, recipe, day, words, time),
        counts_section(counts, words),
        reasons_section(lot.reasons, lot.counts.balls, words),
        sizes_section(lot.diameters, figures, recipe, words),
        charts_section(figures, recipe, words),
        capability_section(figures, words),
        lab_section(lab, words),
        challenge_section(day.happenings, None, words),
        downtime_section(day.happenings, words),
        alarms_section(day.happenings, words),
        faults_section(day.happenings, words),
        acts_section(day.happenings, words),
        changes_section(day.happenings, day.products, words),
        books_section(day.happenings.books, words, time),
        rejects_section(day.rejects, words),
    )
    return Report(
        words("lot.title", lot=lot.lot),
        recipe.product if recipe is not None else "",
        words.language,
        _facts(lot, day.summary, words),
        tuple(section for section in sections if section.blocks),
        made=made,
    )


def _facts(lot: LotData, summary: LotSummary, words: Words) -> tuple[Fact, ...]:
    facts = [Fact(words("lot.product"), summary.product)]
    if summary.opened_by is not None:
        facts.append(
            Fact(words("lot.opened"), _when_and_who(summary.opened_utc_ns, summary.opened_by, words))
        )
        closed = words("shift.still_open")
        if summary.closed_utc_ns is not None:
            closed = _when_and_who(summary.closed_utc_ns, summary.closed_by, words)
        facts.append(Fact(words("lot.closed"), closed))
    return (
        *facts,
        Fact(words("lot.first_ball"), words.time(words.clock(lot.first_utc_ns))),
        Fact(words("lot.last_ball"), words.time(words.clock(lot.last_utc_ns))),
        Fact(words("lot.shifts"), ", ".join(lot.shifts) or None),
    )


def _when_and_who(utc_ns: int, who: str | None, words: Words) -> str:
    return " · ".join(filter(None, (words.time(words.clock(utc_ns)), who)))


def _warnings(lot: LotData, recipe: BallRecipe | None, day: LotDay, words: Words, time: str) -> Section:
    counts = lot.counts
    blocks: list[Block] = []
    if day.summary.opened_by is None:
        blocks.append(Notice(words("lot.not_opened")))
    elif day.summary.closed_utc_ns is None:
        blocks.append(Notice(words("interim.lot", time=time), "warning"))
    blocks += count_notices(day.summary.counts, words)
    blocks += challenge_notices(day.happenings, (), words)
    blocks += filter(None, (books_notice(day.happenings.books, words, time),))
    if counts.unproven:
        blocks.append(Notice(words("lot.unproven", count=words.number(counts.unproven)), "error"))
    if counts.wrong_chute:
        blocks.append(Notice(words("lot.wrong_chute", count=words.number(counts.wrong_chute)), "error"))
    if len(lot.recipes) > 1:
        blocks.append(Notice(words("lot.many_recipes", count=len(lot.recipes)), "warning"))
    if recipe is None:
        blocks.append(Notice(words("lot.no_recipe"), "warning"))
    elif recipe.unverified():
        blocks.append(
            Notice(words("lot.unverified", limits=limit_names(recipe.unverified(), words)), "warning")
        )
    return Section("", tuple(blocks))
