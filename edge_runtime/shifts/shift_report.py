"""The report of one shift: what was made, what was wrong, what was done about it, and lines to sign on.

An open shift is INTERIM, a limit that nobody compared with its source makes it NOT VERIFIED: both stand
across every page, and such a paper has no lines to sign on.
"""

from __future__ import annotations

from datetime import datetime

from edge_runtime.lots.count_sections import count_notices, counts_section, reasons_section
from edge_runtime.lots.line_sections import acts_section, alarms_section, downtime_section, faults_section
from edge_runtime.lots.proof_sections import (
    books_notice,
    books_section,
    challenge_notices,
    challenge_section,
    changes_section,
    recipe_name,
)
from edge_runtime.lots.reject_sections import rejects_section
from edge_runtime.lots.size_sections import limit_names, reject_blocks, sizes_section, wear_blocks
from edge_runtime.lots.statistics import LotFigures, lot_figures
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    Notice,
    Paragraph,
    Report,
    Section,
    Signature,
    Table,
)
from edge_runtime.reports.words import Words
from edge_runtime.shifts.data import RecipeInShift, ShiftData

#: Lots named in the head, and rows of their table.
_LOTS_NAMED, _LOTS_MAX = 6, 60
_NS_PER_S = 1_000_000_000
#: One point of the EWMA: a minute, and five in a shift of more than two hours.
_PERIOD_S, _LONG_PERIOD_S, _LONG_S = 60.0, 300.0, 7200.0


def shift_report(shift: ShiftData, words: Words, made: datetime) -> Report:
    """The report; `made` with its zone."""
    marks = [words("interim.watermark")] if shift.is_open else []
    if shift.unverified:
        marks.append(words("certificate.watermark"))
    time = words.time(made)
    sections = (
        _warnings(shift, words, time),
        counts_section(shift.summary.counts, words),
        _lots(shift, words),
        *_production(shift, words),
        challenge_section(shift.happenings, shift.owed, words),
        downtime_section(shift.happenings, words),
        alarms_section(shift.happenings, words),
        faults_section(shift.happenings, words),
        acts_section(shift.happenings, words),
        changes_section(shift.happenings, shift.products, words),
        books_section(shift.happenings.books, words, time),
        rejects_section(shift.rejects, words),
    )
    return Report(
        words("shift.title", shift=shift.summary.name),
        words("shift.subtitle", number=words.number(shift.summary.id)),
        words.language,
        _facts(shift, words),
        tuple(section for section in sections if section.blocks),
        watermark=" · ".join(marks) or None,
        signatures=() if marks else _signatures(shift, words),
        made=made,
    )


def _signatures(shift: ShiftData, words: Words) -> tuple[Signature, ...]:
    return (
        Signature(words("shift.sign_foreman"), shift.summary.closed_by or ""),
        Signature(words("shift.sign_next")),
        Signature(words("shift.sign_control")),
    )


def _facts(shift: ShiftData, words: Words) -> tuple[Fact, ...]:
    summary = shift.summary
    closed = words("shift.still_open")
    if summary.closed_utc_ns is not None:
        closed = words.time(words.clock(summary.closed_utc_ns))
    hashes = [recipe_name(used.sha256, shift.products) for used in shift.recipes]
    products = dict.fromkeys(filter(None, (lot.product for lot in shift.lots)))
    return (
        Fact(words("shift.opened"), words.time(words.clock(summary.opened_utc_ns))),
        Fact(words("shift.opened_by"), summary.opened_by),
        Fact(words("shift.closed"), closed),
        Fact(words("shift.closed_by"), summary.closed_by or None),
        Fact(words("shift.length"), words.duration((shift.end_utc_ns - summary.opened_utc_ns) / _NS_PER_S)),
        Fact(words("shift.lots"), _named([lot.lot for lot in shift.lots if lot.lot], words)),
        Fact(words("shift.products"), _named(list(products), words)),
        Fact(words("shift.recipes"), "\n".join(hashes) or None),
    )


def _named(names: list[str], words: Words) -> str | None:
    shown = ", ".join(names[:_LOTS_NAMED])
    if len(names) <= _LOTS_NAMED:
        return shown or None
    return words("shift.more_lots", lots=shown, count=words.number(len(names) - _LOTS_NAMED))


def _warnings(shift: ShiftData, words: Words, time: str) -> Section:
    """All that must be seen before anything else."""
    blocks: list[Block] = []
    if shift.is_open:
        blocks.append(Notice(words("interim.shift", time=time), "warning"))
    blocks += count_notices(shift.summary.counts, words)
    blocks += challenge_notices(shift.happenings, shift.owed, words)
    blocks += filter(None, (books_notice(shift.happenings.books, words, time),))
    if shift.balls is None:
        blocks.append(Notice(words("shift.no_balls")))
    else:
        counts = shift.balls.counts
        if counts.unproven:
            blocks.append(Notice(words("lot.unproven", count=words.number(counts.unproven)), "alarm"))
        if counts.wrong_chute:
            blocks.append(Notice(words("lot.wrong_chute", count=words.number(counts.wrong_chute)), "error"))
    if shift.unverified:
        limits = limit_names(shift.unverified, words)
        blocks.append(Notice(words("lot.unverified", limits=limits), "warning"))
    return Section("", tuple(blocks))


def _lots(shift: ShiftData, words: Words) -> Section:
    columns = (
        Column(words("counts.lot"), width=2.0),
        Column(words("counts.product"), width=2.0),
        Column(words("counts.recipe"), width=2.0),
        Column(words("lot.balls"), "number"),
        Column(words("lot.accepted"), "number"),
        Column(words("lot.rejected"), "number"),
        Column(words("counts.in_bypass"), "number"),
        Column(words("counts.no_outcome"), "number"),
        Column(words("counts.in_doubt"), "number"),
    )
    rows = tuple(
        (
            lot.lot or words("counts.no_lot"),
            lot.product,
            (lot.recipe_sha256 or "")[:12] or None,
            lot.parts,
            lot.accepted,
            lot.rejected,
            lot.bypassed,
            lot.open,
            lot.contained,
        )
        for lot in shift.lots[:_LOTS_MAX]
    )
    blocks: list[Block] = [Table(columns, rows)] if rows else []
    if len(shift.lots) > _LOTS_MAX:
        rest = words.number(len(shift.lots) - _LOTS_MAX)
        blocks.append(Paragraph(words("shift.more_lots", lots="…", count=rest)))
    return Section(words("counts.lots_title"), tuple(blocks))


def _production(shift: ShiftData, words: Words) -> tuple[Section, ...]:
    """Reasons and share of rejects of all balls; sizes and their trend recipe by recipe."""
    if shift.balls is None:
        return ()
    counts = shift.summary.counts
    figures = [(used, _figures(used)) for used in shift.recipes]
    everything = figures[0][1] if len(figures) == 1 else lot_figures(shift.balls, None)
    reasons = reasons_section(counts.reasons, counts.accepted + counts.rejected, words)
    rejects = Section(words("shift.reject_chart"), tuple(reject_blocks(everything.rejects, words)))
    sizes = [_sizes(used, found, words, several=len(figures) > 1) for used, found in figures]
    notes: list[Block] = []
    if len(figures) > 1:
        total = len(figures) + shift.more_recipes
        notes.append(Notice(words("shift.many_recipes", count=words.number(total))))
    if shift.more_recipes:
        notes.append(Notice(words("shift.more_recipes", count=words.number(shift.more_recipes))))
    if notes:
        sizes[0] = Section(sizes[0].title, (*notes, *sizes[0].blocks))
    return (reasons, rejects, *sizes)


def _figures(used: RecipeInShift) -> LotFigures:
    span_s = (used.balls.last_utc_ns - used.balls.first_utc_ns) / _NS_PER_S
    # Without a recipe: a shift's paper has no capability indices, they are the lot's.
    return lot_figures(used.balls, None, period_s=_LONG_PERIOD_S if span_s > _LONG_S else _PERIOD_S)


def _sizes(used: RecipeInShift, figures: LotFigures, words: Words, *, several: bool) -> Section:
    found = sizes_section(used.balls.diameters, figures, used.recipe, words)
    title = found.title
    if several:
        product = used.recipe.product if used.recipe is not None else used.sha256[:12]
        title = words("shift.sizes_of", product=product)
    notes: list[Block] = [] if used.recipe is not None else [Notice(words("lot.no_recipe"), "warning")]
    return Section(title, (*notes, *found.blocks, *wear_blocks(figures.wear, used.recipe, words)))
