"""Defects by code, who looked for what, and the list of all findings of an act."""

from __future__ import annotations

from edge_runtime.reports.document import Block, Cell, Column, LongTable, Notice, Paragraph, Section, Table
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent
from edge_runtime.yard.act_totals import KindTotal, by_kind, not_inspected
from edge_runtime.yard.act_words import codes, finding_place, kind_name, word
from vision.yard.types import FactWord, YardFinding

#: More findings than this stand in the CSV and the spreadsheet alone.
_FINDINGS_ON_PAPER = 120


def defects_section(content: ActContent, words: Words) -> Section:
    """How many of each class were found, with the codes of both catalogues."""
    title = words("yard_act.defects_section")
    rows: list[tuple[Cell, ...]] = [
        (
            total.ru or None,
            total.uic or None,
            kind_name(content, total.kind, words),
            total.found,
            total.by_person,
            total.rails,
            total.facts["found"],
        )
        for total in by_kind(content)
        if total.found or total.facts["found"]
    ]
    if not rows:
        return Section(title, (Paragraph(words("yard_act.no_defects")),))
    columns = (
        Column(words("yard_act.code_ru"), width=1.2),
        Column(words("yard_act.code_uic"), width=1.2),
        Column(words("yard_act.kind"), width=3.0),
        Column(words("yard_act.found"), "number", width=0.9),
        Column(words("yard_act.by_person"), "number", width=1.2),
        Column(words("yard_act.on_rails"), "number", width=0.9),
        Column(words("yard_act.typed_found"), "number", width=1.2),
    )
    return Section(title, (Table(columns, tuple(rows)), Paragraph(words("yard_act.defects_note"))))


def coverage_section(content: ActContent, words: Words) -> Section:
    """What vision did not inspect, said in words, and for each code by whom it was looked for."""
    blocks: list[Block] = []
    counts = not_inspected(content)
    if counts:
        lines = [
            _on_some(word("yard_not_inspected", code, words) or code, count, len(content.graded), words)
            for code, count in counts.items()
        ]
        text = "\n".join((words("yard_act.not_inspected"), *(f"– {line}" for line in lines)))
        blocks.append(Notice(text, "warning"))
    totals = [total for total in by_kind(content) if total.seen_by]
    if totals:
        columns = (
            Column(words("yard_act.code_ru"), width=1.2),
            Column(words("yard_act.code_uic"), width=1.2),
            Column(words("yard_act.kind"), width=2.8),
            Column(words("yard_act.seen_by"), width=2.3),
            Column(words("yard_act.typed"), width=2.7),
        )
        rows = tuple(
            (
                total.ru or None,
                total.uic or None,
                kind_name(content, total.kind, words),
                _seen_by(total, words),
                _typed(total, words),
            )
            for total in totals
        )
        blocks += [
            Table(columns, rows, words("yard_act.coverage")),
            Paragraph(words("yard_act.coverage_note")),
        ]
    if content.photos:
        blocks.append(Notice(words("yard_act.photos_note"), "warning"))
    if not counts:
        blocks.append(Paragraph(words("yard_act.never_seen")))
    return Section(words("yard_act.not_inspected_section"), tuple(blocks))


def _on_some(text: str, count: int, of: int, words: Words) -> str:
    if count == of:
        return text
    return words("yard_act.on_some_rails", text=text, count=words.number(count), of=words.number(of))


def _seen_by(total: KindTotal, words: Words) -> str:
    """One word where it is the same on all rails, else each with its number of rails."""
    named = [(word("yard_seen", seen, words) or seen, total.seen_by[seen]) for seen in sorted(total.seen_by)]
    if len(named) == 1:
        return named[0][0]
    return ", ".join(f"{text}: {words.number(count)}" for text, count in named)


def _typed(total: KindTotal, words: Words) -> str | None:
    order: tuple[FactWord | None, ...] = ("found", "clear", "not_checked", None)
    named = [
        f"{words('yard_fact.' + (fact or 'nobody'))}: {words.number(total.facts[fact])}"
        for fact in order
        if total.facts[fact]
    ]
    return ", ".join(named) or None


def findings_section(content: ActContent, words: Words) -> Section:
    """Each finding that stands; on paper where there are few, in the CSV and the spreadsheet always."""
    found = [(part.name, finding) for part in content.parts for finding in part.findings]
    if not found:
        return Section("", ())
    totals = {total.kind: total for total in by_kind(content)}
    standing = [(name, finding) for name, finding in found if finding.state != "dismissed"]
    blocks: list[Block] = []
    if len(standing) <= _FINDINGS_ON_PAPER:
        rows = tuple(_short(name, finding, totals, content, words) for name, finding in standing)
        blocks.append(Table(_short_columns(words), rows))
    else:
        text = words("yard_act.in_table_files", title=words("yard_act.findings_section"), count=len(found))
        blocks.append(Notice(text))
    if len(standing) < len(found):
        count = words.number(len(found) - len(standing))
        blocks.append(Paragraph(words("yard_act.dismissed", count=count)))
    rows = tuple(_full(name, finding, totals, content, words) for name, finding in found)
    blocks.append(LongTable(_full_columns(words), rows, words("yard_act.all_findings")))
    return Section(words("yard_act.findings_section"), tuple(blocks))


def _short_columns(words: Words) -> tuple[Column, ...]:
    mm = words("unit.mm")
    return (
        Column(words("yard_act.rail"), width=1.5),
        Column(words("yard_act.finding"), width=0.7, nowrap=True),
        Column(words("yard_act.kind"), width=2.2),
        Column(words("yard_act.codes"), width=1.4),
        Column(words("yard_act.place"), width=1.4),
        Column(words("yard_act.finding_length"), "number", 0, mm, width=0.8),
        Column(words("yard_act.finding_width"), "number", 0, mm, width=0.8),
        Column(words("yard_act.state"), width=1.7),
    )


def _short(
    name: str, finding: YardFinding, totals: dict[str, KindTotal], content: ActContent, words: Words
) -> tuple[Cell, ...]:
    total = totals.get(finding.kind, KindTotal(finding.kind))
    return (
        name,
        finding.id,
        kind_name(content, finding.kind, words),
        codes(total.ru, total.uic) or None,
        finding_place(finding, words),
        finding.length_mm,
        finding.width_mm,
        word("yard_state", finding.state, words),
    )


def _full_columns(words: Words) -> tuple[Column, ...]:
    mm, metres = words("unit.mm"), words("yard_act.m")
    return (
        Column(words("yard_act.rail")),
        Column(words("yard_act.finding")),
        Column(words("yard_act.kind")),
        Column(words("yard_act.kind_code")),
        Column(words("yard_act.code_ru")),
        Column(words("yard_act.code_uic")),
        Column(words("yard_act.element")),
        Column(words("yard_act.from"), "number", 3, metres),
        Column(words("yard_act.to"), "number", 3, metres),
        Column(words("yard_act.finding_length"), "number", 1, mm),
        Column(words("yard_act.finding_width"), "number", 1, mm),
        Column(words("yard_act.across"), "number", 1, mm),
        Column(words("yard_act.first_row"), "number", 1),
        Column(words("yard_act.last_row"), "number", 1),
        Column(words("yard_act.score"), "number", 3),
        Column(words("yard_act.state")),
        Column(words("yard_act.frames")),
        Column(words("yard_act.remark")),
    )


def _full(
    name: str, finding: YardFinding, totals: dict[str, KindTotal], content: ActContent, words: Words
) -> tuple[Cell, ...]:
    total = totals.get(finding.kind, KindTotal(finding.kind))
    files = dict.fromkeys(file for box in finding.boxes for file in box.files)
    return (
        name,
        finding.id,
        kind_name(content, finding.kind, words),
        finding.kind,
        total.ru or None,
        total.uic or None,
        word("yard_element", finding.element, words),
        finding.start_m,
        finding.end_m,
        finding.length_mm,
        finding.width_mm,
        finding.across_mm,
        finding.first_row,
        finding.last_row,
        finding.score,
        word("yard_state", finding.state, words),
        " ".join(files) or None,
        finding.note or None,
    )
