"""How many balls, which way they went, and what must not be overlooked about them; for shift and lot."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.ledger.day_counts import Counts
from edge_runtime.lots import lot_plots
from edge_runtime.lots.lot_plots import reason_text
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    KeyValues,
    Notice,
    Paragraph,
    Section,
    Table,
)
from edge_runtime.reports.words import Words

#: Terms of the sum that every report shows; each names an attribute of `Counts`.
TERMS = ("accepted", "rejected", "bypassed", "open", "challenge")
#: Reasons that get a row of their own.
_REASONS_MAX = 40


def count_notices(counts: Counts, words: Words) -> list[Block]:
    """What must be seen first: bypass, balls in doubt, balls without an outcome."""
    blocks: list[Block] = []
    if counts.bypassed:
        text = words("counts.bypassed_notice", count=words.number(counts.bypassed))
        if counts.bypassed_bad:
            bad = words("counts.bypassed_bad", count=words.number(counts.bypassed_bad))
            text = f"{text} {bad}"
        blocks.append(Notice(text, "alarm"))
    if counts.contained:
        text = words("counts.contained_notice", count=words.number(counts.contained))
        blocks.append(Notice(text, "alarm"))
    if counts.open:
        blocks.append(Notice(words("counts.in_flight", count=words.number(counts.open)), "warning"))
    return blocks


def counts_section(counts: Counts, words: Words) -> Section:
    """The sum, term by term."""
    facts = [Fact(words("counts.parts"), counts.parts)]
    facts += [Fact(words(f"counts.{term}"), _with_share(term, counts, words)) for term in TERMS]
    total = sum(getattr(counts, term) for term in TERMS)
    facts.append(Fact(words("counts.sum"), total))
    if counts.contained:
        facts.append(Fact(words("counts.contained"), counts.contained))
    return Section(words("counts.title"), (KeyValues(tuple(facts)),))


def _with_share(term: str, counts: Counts, words: Words) -> str | int:
    """Accepted and rejected with their share of the inspected production."""
    count = int(getattr(counts, term))
    inspected = counts.accepted + counts.rejected
    if term not in ("accepted", "rejected") or not inspected:
        return count
    share = words.number(100.0 * count / inspected, 2)
    return words("counts.share", count=words.number(count), share=share)


def reasons_section(reasons: Mapping[str, int], balls: int, words: Words) -> Section:
    """Pareto plot and table of the gravest reasons; `balls` is what the shares are of."""
    if not reasons:
        return Section(words("lot.reasons"), (Paragraph(words("lot.no_rejects")),))
    rows = [
        (reason_text(code, words), code or None, count, 100.0 * count / max(1, balls))
        for code, count in list(reasons.items())[:_REASONS_MAX]
    ]
    rest = sum(list(reasons.values())[_REASONS_MAX:])
    if rest:
        rows.append((words("lot.other_reasons"), None, rest, 100.0 * rest / max(1, balls)))
    columns = (
        Column(words("lot.reason"), width=2.2),
        Column(words("lot.code"), width=1.3),
        Column(words("lot.balls"), "number"),
        Column(words("lot.share"), "number", 2, "%"),
    )
    return Section(
        words("lot.reasons"), (lot_plots.reason_figure(reasons, words), Table(columns, tuple(rows)))
    )
