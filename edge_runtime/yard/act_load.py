"""The load as a whole: masses, certificates, pieces by section, yield and its money value."""

from __future__ import annotations

from edge_runtime.reports.document import Block, Cell, Column, Fact, KeyValues, Paragraph, Section, Table
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActCertificate, ActContent, ActRail
from edge_runtime.yard.act_totals import Sum, by_section, sum_of
from edge_runtime.yard.act_words import known_of, word


def masses_section(content: ActContent, words: Words) -> Section:
    """Gross, tare, net, contamination, and what is left of the net mass."""
    kg = words("unit.kg")
    facts = (
        Fact(words("yard_act.gross"), content.gross_kg, _places(content.gross_kg), kg),
        Fact(words("yard_act.tare"), content.tare_kg, _places(content.tare_kg), kg),
        Fact(words("yard_act.net"), content.net_kg, _places(content.net_kg), kg),
        Fact(words("yard_act.contamination"), content.contamination_percent, 2, "%"),
        Fact(words("yard_act.accepted_mass"), content.accepted_kg, 0, kg),
    )
    return Section(words("yard_act.masses_section"), (KeyValues(facts),))


def _places(mass_kg: float | None) -> int:
    """Places behind the decimal sign that a weighed mass has: an act says what was typed, two at most."""
    if mass_kg is None:
        return 0
    return next((places for places in (0, 1) if abs(mass_kg - round(mass_kg, places)) < 1e-6), 2)


def certificates_section(content: ActContent, words: Words) -> Section:
    """Radiation and explosion safety: typed from paper, and said to be."""
    facts = (
        Fact(words("yard_act.radiation"), _certificate(content.radiation, words)),
        Fact(words("yard_act.explosion"), _certificate(content.explosion, words)),
    )
    note = Paragraph(words("yard_act.certificates_note"))
    return Section(words("yard_act.certificates_section"), (KeyValues(facts), note))


def _certificate(paper: ActCertificate | None, words: Words) -> str | None:
    if paper is None:
        return None
    when = "" if paper.issued_on is None else words("yard_act.issued_on", date=words.date(paper.issued_on))
    return ", ".join(filter(None, (f"№\u00a0{paper.number}", when, paper.issued_by)))


def pieces_section(content: ActContent, words: Words) -> Section:
    """Pieces by section with their lengths, and what was counted on them."""
    blocks: list[Block] = []
    totals = by_section(content)
    if totals:
        metres, kg = words("yard_act.m"), words("unit.kg")
        columns = (
            Column(words("yard_act.section"), width=1.4),
            Column(words("yard_act.pieces"), "number"),
            Column(words("yard_act.total_length"), "number", 2, metres, width=1.3),
            Column(words("yard_act.total_mass"), "number", 0, kg, width=1.3),
            Column(words("yard_act.remark"), width=3.0),
        )
        rows: list[tuple[Cell, ...]] = [
            (
                word("yard_section", total.section, words) or words("yard_act.no_section"),
                total.pieces,
                total.length_m.value,
                total.mass_kg.value,
                _remark(total.length_m, words, at_least=total.at_least),
            )
            for total in totals
        ]
        blocks.append(Table(columns, tuple(rows)))
    counts: tuple[tuple[str, Sum], ...] = (
        ("welds", sum_of(content.rails, lambda rail: rail.welds)),
        ("bolt_holes", sum_of(content.rails, lambda rail: rail.bolt_holes)),
        ("attachments", sum_of(content.rails, lambda rail: rail.attachments)),
    )
    facts = [
        Fact(known_of(words(f"yard_act.{name}"), total, words), _whole(total.value)) for name, total in counts
    ]
    facts.append(Fact(words("yard_act.foreign_items"), content.foreign_items or None))
    if content.note:
        facts.append(Fact(words("yard_act.note"), content.note))
    blocks.append(KeyValues(tuple(facts)))
    return Section(words("yard_act.pieces_section"), tuple(blocks))


def _remark(length: Sum, words: Words, *, at_least: bool) -> str | None:
    known = length.known < length.count
    parts = (
        words("yard_act.length_known_of", known=length.known, count=length.count) if known else "",
        words("yard_act.at_least") if at_least else "",
    )
    return "; ".join(filter(None, parts)) or None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def yield_section(content: ActContent, words: Words) -> Section:
    """Usable length and mass, expected yield, and its value in the recipe's currency.

    A rail that is rejected in the end gives nothing; of one that still waits for a person nothing is known.
    """
    rails = content.rails
    if not rails:
        return Section("", ())
    length = sum_of(rails, lambda rail: rail.usable_length_m)
    mass = sum_of(rails, lambda rail: rail.usable_mass_kg)
    balls = sum_of(rails, lambda rail: rail.ball_mass_kg)
    facts = [
        Fact(known_of(words("yard_act.usable_length"), length, words), length.value, 2, words("yard_act.m")),
        Fact(known_of(words("yard_act.usable_mass"), mass, words), mass.value, 0, words("unit.kg")),
        Fact(known_of(words("yard_act.ball_mass"), balls, words), balls.value, 0, words("unit.kg")),
        Fact(words("yard_act.yield"), _yield_percent(rails), 1, "%"),
        _value(rails, words),
    ]
    blocks: list[Block] = [KeyValues(tuple(facts)), Paragraph(words("yard_act.yield_note"))]
    return Section(words("yard_act.yield_section"), tuple(blocks))


def _value(rails: tuple[ActRail, ...], words: Words) -> Fact:
    """In one currency; recipes with several give no sum."""
    currencies = {rail.grade.currency for rail in rails if rail.grade.currency}
    if len(currencies) != 1:
        return Fact(words("yard_act.value"), None)
    total = sum_of(rails, lambda rail: rail.value)
    return Fact(known_of(words("yard_act.value"), total, words), total.value, 0, currencies.pop())


def _yield_percent(rails: tuple[ActRail, ...]) -> float | None:
    """Usable over whole length of the rails of which both are known."""
    pairs = [(rail.usable_length_m, rail.grade.length_m) for rail in rails]
    known = [(usable, length) for usable, length in pairs if usable is not None and length is not None]
    whole = sum(length for _, length in known)
    return 100.0 * sum(usable for usable, _ in known) / whole if whole else None
