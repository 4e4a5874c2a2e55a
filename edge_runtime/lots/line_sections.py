"""What happened at the line, as sections of a report on a shift or a lot: standing, alarms, faults, acts.

Neighbours: `happenings` reads it, `proof_sections` has challenges, recipes and books.
"""

from __future__ import annotations

from edge_runtime.ledger.alarms import AlarmFacts
from edge_runtime.lots.happenings import ALARMS_MAX, Happenings
from edge_runtime.lots.line_plots import UP, strip_figure
from edge_runtime.lots.line_words import (
    act_text,
    alarm_level,
    alarm_text,
    cause_text,
    fault_text,
    role_text,
)
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    KeyValues,
    LongTable,
    Notice,
    Paragraph,
    Section,
    Table,
)
from edge_runtime.reports.words import Words

#: What a person reads of each list; the rest is said.
_STOPS_MAX, _ALARMS_SHOWN, _FAULTS_MAX, _ACTS_MAX = 15, 60, 40, 60
_NS_PER_S = 1_000_000_000


def downtime_section(happenings: Happenings, words: Words) -> Section:
    """Availability with its definition, the strip of time, standing by cause, the longest stops."""
    found = happenings.downtime
    title = words("downtime.title")
    if not happenings.spans or found.total_s <= 0.0:
        return Section(title, (Paragraph(words("downtime.no_time")),))
    if {span.cause for span in happenings.spans} == {"unknown"}:
        return Section(title, (Paragraph(words("downtime.unknown")),))
    share = words.number(100.0 * found.up_s / found.total_s, 1)
    lengths = f"{share}\u00a0% ({words.duration(found.up_s)} / {words.duration(found.total_s)})"
    blocks: list[Block] = [
        KeyValues((Fact(words("downtime.availability"), lengths),)),
        Paragraph(words("downtime.definition")),
        strip_figure(happenings.spans, words),
    ]
    causes = sorted(
        ((cause, length) for cause, length in found.by_cause_s.items() if cause != UP),
        key=lambda item: -item[1],
    )
    if not causes:
        return Section(title, (*blocks, Paragraph(words("downtime.none"))))
    columns = (
        Column(words("downtime.cause"), width=2.6),
        Column(words("downtime.times"), "number"),
        Column(words("downtime.length"), width=1.4, nowrap=True),
        Column(words("downtime.share"), "number", 1, "%"),
    )
    rows = tuple(
        (
            cause_text(cause, words),
            found.stops.get(cause, 0),
            words.duration(length),
            100.0 * length / found.total_s,
        )
        for cause, length in causes
    )
    blocks.append(Table(columns, rows, words("downtime.by_cause")))
    blocks.append(_longest(happenings, words))
    return Section(title, tuple(blocks))


def _longest(happenings: Happenings, words: Words) -> Table:
    stops = sorted(
        (span for span in happenings.spans if span.cause != UP),
        key=lambda span: span.start_utc_ns - span.end_utc_ns,
    )[:_STOPS_MAX]
    columns = (
        Column(words("downtime.from"), width=1.6, nowrap=True),
        Column(words("downtime.to"), width=1.6, nowrap=True),
        Column(words("downtime.length"), width=1.2, nowrap=True),
        Column(words("downtime.cause"), width=2.6),
    )
    rows = tuple(
        (
            words.moment(span.start_utc_ns),
            words.moment(span.end_utc_ns),
            words.duration((span.end_utc_ns - span.start_utc_ns) / _NS_PER_S),
            cause_text(span.cause, words),
        )
        for span in sorted(stops, key=lambda span: span.start_utc_ns)
    )
    return Table(columns, rows, words("downtime.longest"))


def alarms_section(happenings: Happenings, words: Words) -> Section:
    """Alarms with who acknowledged them."""
    alarms = happenings.alarms
    if not alarms:
        return Section(words("alarms.title"), (Paragraph(words("alarms.none")),))
    blocks: list[Block] = []
    waiting = sum(alarm.acknowledged_by is None for alarm in alarms)
    if waiting:
        blocks.append(Notice(words("alarms.some_open", count=words.number(waiting)), "warning"))
    shown = alarms[-_ALARMS_SHOWN:]
    if len(shown) < len(alarms):
        count = f"{words.number(len(alarms))}{'+' if len(alarms) >= ALARMS_MAX else ''}"
        blocks.append(Paragraph(words("alarms.more", shown=words.number(len(shown)), count=count)))
    columns = (
        Column(words("alarms.raised"), width=1.1, nowrap=True),
        Column(words("alarms.cleared"), width=1.1, nowrap=True),
        Column(words("alarms.level"), width=1.5),
        Column(words("alarms.alarm"), width=2.8),
        Column(words("alarms.acknowledged"), width=1.8),
    )
    rows = tuple(
        (
            words.moment(alarm.raised_utc_ns),
            words.moment(alarm.cleared_utc_ns) or words("alarms.lasts"),
            alarm_level(alarm, words),
            alarm_text(alarm, words),
            _acknowledged(alarm, words),
        )
        for alarm in shown
    )
    return Section(words("alarms.title"), (*blocks, Table(columns, rows)))


def _acknowledged(alarm: AlarmFacts, words: Words) -> str:
    if alarm.acknowledged_by is None:
        return words("alarms.not_acknowledged")
    parts = (alarm.acknowledged_by, words.moment(alarm.acknowledged_utc_ns), alarm.note)
    return " · ".join(part for part in parts if part)


def faults_section(happenings: Happenings, words: Words) -> Section:
    """Faults by code, the most frequent first."""
    faults = happenings.faults
    if not faults:
        return Section(words("faults.title"), (Paragraph(words("faults.none")),))
    columns = (
        Column(words("faults.fault"), width=2.6),
        Column(words("faults.code"), width=1.8),
        Column(words("faults.count"), "number", width=0.8),
        Column(words("faults.first"), width=1.6, nowrap=True),
        Column(words("faults.last"), width=1.6, nowrap=True),
    )
    rows = tuple(
        (
            fault_text(fault.code, words),
            fault.code,
            fault.count,
            words.moment(fault.first_utc_ns),
            words.moment(fault.last_utc_ns),
        )
        for fault in faults[:_FAULTS_MAX]
    )
    blocks: list[Block] = [Table(columns, rows)]
    if len(faults) > _FAULTS_MAX:
        blocks.append(Paragraph(words("faults.more", count=words.number(len(faults) - _FAULTS_MAX))))
    return Section(words("faults.title"), tuple(blocks))


def acts_section(happenings: Happenings, words: Words) -> Section:
    """Who did what and when."""
    if not happenings.acts:
        return Section(words("acts.title"), (Paragraph(words("acts.none")),))
    columns = (
        Column(words("acts.time"), width=1.5, nowrap=True),
        Column(words("acts.who"), width=1.6),
        Column(words("acts.role"), width=1.2),
        Column(words("acts.what"), width=3.6),
    )
    rows = tuple(
        (
            words.moment(act.utc_ns),
            act.by or words("acts.by_itself"),
            role_text(act.role, words),
            act_text(act, words),
        )
        for act in happenings.acts
    )
    if len(rows) <= _ACTS_MAX:
        return Section(words("acts.title"), (Table(columns, rows),))
    text = words("acts.more", shown=words.number(_ACTS_MAX), count=words.number(len(rows)))
    blocks = (
        Paragraph(text),
        Table(columns, rows[-_ACTS_MAX:]),
        LongTable(columns, rows, words("acts.full_list")),
    )
    return Section(words("acts.title"), blocks)
