"""The rails of an act: one row each, what people decided and why, reasons of the grades, where to saw."""

from __future__ import annotations

from edge_runtime.reports.document import Block, Cell, Column, Paragraph, Section, Table
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent, ActRail
from edge_runtime.yard.act_rail_list import rail_list
from edge_runtime.yard.act_words import listing, person_text, reason_text, word


def rails_section(content: ActContent, words: Words) -> Section:
    """One row a rail, on paper however many there are."""
    if not content.rails:
        return Section("", ())
    metres, kg = words("yard_act.m"), words("unit.kg")
    columns = (
        Column(words("yard_act.rail"), width=1.4),
        Column(words("yard_act.section"), width=0.7, nowrap=True),
        Column(words("yard_act.length"), "number", 2, metres, width=0.9),
        Column(words("yard_act.length_how"), width=1.1),
        Column(words("yard_act.grade"), width=2.2),
        Column(words("yard_act.usable_m"), "number", 2, metres, width=0.9),
        Column(words("yard_act.usable_kg"), "number", 0, kg, width=0.9),
        Column(words("yard_act.unseen_m"), "number", 2, metres, width=0.9),
        Column(words("yard_act.decided"), width=2.55),
    )
    rows = tuple(
        (
            rail.name,
            word("yard_section", rail.facts.section, words),
            rail.grade.length_m,
            _length_how(rail, words),
            word("yard_grade", rail.final_grade, words),
            rail.usable_length_m,
            rail.usable_mass_kg,
            rail.grade.unseen_m,
            _decided(rail, words),
        )
        for rail in content.rails
    )
    return Section(words("yard_act.rails_section"), (Table(columns, rows), rail_list(content, words)))


def _length_how(rail: ActRail, words: Words) -> str | None:
    if rail.grade.length_m is None:
        return None
    how = word("yard_length", rail.length_by, words) or ""
    return ", ".join(filter(None, (how, words("yard_act.at_least_short") if rail.length_is_least else "")))


def _decided(rail: ActRail, words: Words) -> str:
    if rail.decision is None:
        return words("yard_act.nobody")
    return f"{word('yard_decision', rail.decision.kind, words)}: {person_text(rail.decision.by, words)}"


def decisions_section(content: ActContent, words: Words) -> Section:
    """Overrides and every decision or rail that somebody wrote something about."""
    rows: list[tuple[Cell, ...]] = []
    for rail in content.rails:
        decision = rail.decision
        if decision is not None and (decision.kind == "overridden" or decision.reason):
            rows.append(
                (
                    rail.name,
                    word("yard_grade", rail.grade.grade, words),
                    word("yard_grade", decision.grade, words),
                    person_text(decision.by, words),
                    decision.reason or None,
                )
            )
        if rail.facts.note:
            by = None if rail.facts_by is None else person_text(rail.facts_by, words)
            rows.append((rail.name, None, None, by, rail.facts.note))
    if not rows:
        return Section("", ())
    columns = (
        Column(words("yard_act.rail"), width=1.5),
        Column(words("yard_act.grade_computed"), width=1.6),
        Column(words("yard_act.grade_final"), width=1.6),
        Column(words("yard_act.who_when"), width=1.9),
        Column(words("yard_act.why"), width=2.9),
    )
    return Section(words("yard_act.decisions_section"), (Table(columns, tuple(rows)),))


def reasons_section(content: ActContent, words: Words) -> Section:
    """Why each rail was graded so."""
    title = words("yard_act.reasons_section")
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            reason_text(reason, content, words),
            word("yard_action", reason.action, words),
            reason.finding or None,
        )
        for name, grade in content.graded
        for reason in grade.reasons
    ]
    if not rows:
        return Section("", ())
    columns = (
        Column(words("yard_act.rail"), width=1.5),
        Column(words("yard_act.reason"), width=5.0),
        Column(words("yard_act.action"), width=1.6),
        Column(words("yard_act.finding"), width=0.8, nowrap=True),
    )
    return Section(title, listing(columns, rows, title, words, headed=False))


def cuts_section(content: ActContent, words: Words) -> Section:
    """What is sawn out of each rail, and the charges that are left."""
    if not any(rail.grade.cut_list for rail in content.rails):
        return Section("", ())
    metres = words("yard_act.m")
    place = (
        Column(words("yard_act.rail"), width=1.5),
        Column(words("yard_act.from"), "number", 3, metres),
        Column(words("yard_act.to"), "number", 3, metres),
        Column(words("yard_act.length"), "number", 3, metres),
    )
    cut_columns = (
        *place,
        Column(words("yard_act.reason"), width=2.0),
        Column(words("yard_act.findings"), width=2.0),
    )
    piece_columns = (*place, Column(words("yard_act.piece_grade"), width=2.0))
    blocks: list[Block] = [
        Paragraph(words("yard_act.cuts_note")),
        *listing(cut_columns, _cuts(content, words), words("yard_act.cuts"), words),
        *listing(piece_columns, _pieces(content, words), words("yard_act.charges"), words),
    ]
    without = [rail.name for rail in content.rails if rail.grade.cut_list is None]
    if without:
        blocks.append(Paragraph(words("yard_act.no_cut_list", count=words.number(len(without)))))
    return Section(words("yard_act.cuts_section"), tuple(blocks))


def _cuts(content: ActContent, words: Words) -> list[tuple[Cell, ...]]:
    return [
        (
            rail.name,
            cut.start_m,
            cut.end_m,
            cut.end_m - cut.start_m,
            word("yard_cut", cut.reason, words),
            ", ".join(cut.findings) or None,
        )
        for rail in content.rails
        if rail.grade.cut_list is not None
        for cut in rail.grade.cut_list.cuts
    ]


def _pieces(content: ActContent, words: Words) -> list[tuple[Cell, ...]]:
    return [
        (
            rail.name,
            piece.start_m,
            piece.end_m,
            piece.end_m - piece.start_m,
            words("yard_act.downgraded" if piece.downgraded else "yard_act.full_grade"),
        )
        for rail in content.rails
        if rail.grade.cut_list is not None
        for piece in rail.grade.cut_list.pieces
    ]
