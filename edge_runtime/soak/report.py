"""The report of a soak: its judgement, its figures, its plots.

Neighbours: `plots` draws, `result` has the figures, `edge_runtime.reports` makes one file of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    KeyValues,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
)
from edge_runtime.reports.words import Language, Words
from edge_runtime.soak.growth import COUNT_LIMIT_PER_H, MEMORY_LIMIT_MB_PER_H, WARM_UP_S, WINDOW_S, Growth
from edge_runtime.soak.plots import disk_plot, process_plot, recovery_plot, times_plot
from edge_runtime.soak.result import FALSE_REJECT_LIMIT, SoakResult
from edge_runtime.soak.slope import Slope, Trend
from edge_runtime.soak.words import load_words

#: violations and disturbances that are told one by one
_TOLD_MAX = 40


def soak_report(result: SoakResult, language: Language) -> Report:
    """The report in a language."""
    words = load_words(language)
    plan, origin = result.plan, result.origin
    sections = [
        Section(words("section.result"), tuple(_judgement(result, words))),
        Section(words("section.figures"), (KeyValues(tuple(_figures(result, words))),)),
        *_plotted(result, words),
        Section(words("section.faults"), tuple(_faults(result, words))),
        Section(words("section.findings"), tuple(_findings(result, words))),
    ]
    if result.tally.reasons:
        sections.append(Section(words("section.rejects"), (_reasons(result, words),)))
    sections.append(Section(words("section.method"), tuple(_method(result, words))))
    return Report(
        title=words("title"),
        subtitle=words(
            "subtitle",
            hours=_plain(plan.hours, words),
            rate=_plain(plan.balls_per_s, words),
            diameter=_plain(plan.diameter_mm, words),
            views=plan.views,
            seed=plan.seed,
        ),
        language=language,
        facts=(
            Fact(words("fact.version"), origin.version),
            Fact(words("fact.revision"), origin.revision or None),
            Fact(words("fact.model"), f"{origin.model}, sha256 {origin.model_sha256[:16]}"),
            Fact(words("fact.machine"), f"{origin.machine.processor}, {origin.machine.cores} CPU"),
            Fact(words("fact.folder"), str(plan.run_dir)),
        ),
        sections=tuple(sections),
        made=datetime.now(UTC),
    )


def unclean_words(result: SoakResult, name: str, words: Words) -> str:
    """What speaks against the run, in words; `name` of `SoakResult.unclean`."""
    tally = result.tally
    counts = {
        "violations": tally.violations,
        "unaccounted": tally.totals["unaccounted"],
        "late": tally.late,
        "disturbances": len(result.disturbances),
        "not_recovered": len(result.not_recovered),
    }
    return words(
        f"unclean.{name}",
        count=words.number(counts.get(name, 0)),
        share=f"{words.number(100.0 * tally.false_reject_share, 2)} %",
        limit=f"{words.number(100.0 * FALSE_REJECT_LIMIT, 0)} %",
        faults=", ".join(f"{fault.name} ({fault.ball})" for fault in result.not_recovered[:10]),
        error=result.error,
    )


def unproven(result: SoakResult) -> list[str]:
    """What the run is too short to prove."""
    found = {"memory": result.memory, "handles": result.handles, "latency": result.drift.trend}
    return [name for name, trend in found.items() if trend is Trend.UNPROVEN]


def _judgement(result: SoakResult, words: Words) -> Iterator[Block]:
    unclean = result.unclean
    if not unclean:
        yield Notice(words("clean"))
    for name in unclean:
        yield Notice(unclean_words(result, name, words), "alarm" if name == "violations" else "error")
    if result.stopped_early:
        yield Notice(words("stopped_early"), "warning")
    for name in unproven(result):
        yield Notice(words(f"unproven.{name}"), "warning")
    for told in result.tally.violations_told[:_TOLD_MAX]:
        yield Paragraph(told)
    if result.disturbances:
        rows = tuple(
            (item.what, (item.end_ns - item.begin_ns) / 1e9) for item in result.disturbances[:_TOLD_MAX]
        )
        columns = (Column(words("column.what"), width=4.0), Column(words("column.seconds"), "number", 2))
        yield Table(columns, rows, words("disturbances"))
    if not result.books_balanced:
        yield Paragraph(result.books_text)


def _figures(result: SoakResult, words: Words) -> Iterator[Fact]:
    tally, totals = result.tally, result.tally.totals
    share = tally.false_reject_share
    times = tally.percentiles_ms()
    yield Fact(words("fact.line_time"), result.line_s / 3600.0, 3, words("unit.h"))
    yield Fact(words("fact.wall_time"), result.wall_s / 3600.0, 3, words("unit.h"))
    yield Fact(words("fact.idle_share"), 100.0 * result.plan.idle_share, 1, "%")
    speed = _plain(result.plan.speed, words)
    yield Fact(words("fact.idle", speed=speed), result.idle_cut_s / 3600.0, 3, words("unit.h"))
    yield Fact(words("fact.balls"), totals["balls"])
    yield Fact(words("fact.accepted"), totals["accepted"])
    yield Fact(words("fact.rejected"), totals["rejected"])
    yield Fact(words("fact.faults"), len(result.faults))
    yield Fact(words("fact.wraps"), result.wraps)
    yield Fact(words("fact.violations"), tally.violations)
    yield Fact(words("fact.late"), tally.late)
    yield Fact(words("fact.late_inside"), tally.late_inside)
    yield Fact(words("fact.false_rejects"), tally.false_rejects)
    yield Fact(words("fact.false_share"), None if math.isnan(share) else 100.0 * share, 3, "%")
    yield Fact(words("fact.inside"), tally.inside)
    yield Fact(words("fact.escapes"), tally.visible_escapes)
    yield Fact(words("fact.escapes_of"), totals["defective"])
    yield Fact(words("fact.neighbours"), totals["neighbour_rejects"])
    for name, key in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"), ("longest", "max")):
        yield Fact(words(f"fact.{name}"), times[key], 1, words("unit.ms"))
    yield Fact(words("fact.scans_late"), len(result.scans_late))
    yield Fact(words("fact.memory"), result.memory_growth_mb, 1, words("unit.mib"))
    yield Fact(words("fact.books"), words("fact.books_good" if result.books_balanced else "fact.books_bad"))
    yield Fact(words("fact.ledger"), result.ledger_mb, 1, words("unit.mb"))
    yield Fact(words("fact.disk"), max((mb for _, mb in result.disk_mb), default=None), 0, words("unit.mb"))
    yield Fact(words("fact.pictures"), result.page_pictures)


def _plotted(result: SoakResult, words: Words) -> Iterator[Section]:
    if result.samples:
        memory = [growth for growth in result.growths if growth.figure == "memory_mb"]
        others = [growth for growth in result.growths if growth.figure != "memory_mb"]
        plotted = process_plot(result, "memory_mb", words)
        limit = Paragraph(words("limit.memory", limit=words.number(MEMORY_LIMIT_MB_PER_H, 0)))
        yield Section(words("section.memory"), (plotted, _growths(memory, words, 1), limit))
        plotted = process_plot(result, "handles", words)
        limit = Paragraph(words("limit.handles", limit=words.number(COUNT_LIMIT_PER_H, 0)))
        yield Section(words("section.handles"), (plotted, _growths(others, words, 0), limit))
    if result.tally.latencies:
        drift = result.drift
        text = words(
            "drift",
            p50=words.number(drift.p50_ms, 2),
            p50_limit=words.number(drift.limit_p50_ms, 2),
            p99=words.number(drift.p99_ms, 2),
            p99_limit=words.number(drift.limit_p99_ms, 2),
            trend=words(f"trend.{drift.trend}"),
        )
        yield Section(words("section.times"), (times_plot(result, words), Paragraph(text)))
    if result.disk_mb:
        yield Section(words("section.disk"), (disk_plot(result, words),))


def _growths(growths: list[Growth], words: Words, digits: int) -> Table:
    columns = (
        Column(words("column.process"), width=2.6),
        Column(words("column.lives"), "number", width=0.8),
        *(Column(words(f"column.{name}"), "number", digits) for name in ("first", "last", "most")),
        Column(words("column.within"), width=2.2),
        Column(words("column.over"), width=2.2),
        Column(words("column.trend"), width=1.4),
    )
    rows = tuple(
        (
            words(f"process.{growth.name}")
            + ("" if growth.figure == "memory_mb" else f", {words(f'figure.{growth.figure}')}"),
            growth.lives,
            growth.first,
            growth.last,
            growth.most,
            _bounds(growth.within, words),
            _bounds(growth.over, words),
            words(f"trend.{growth.trend}"),
        )
        for growth in growths
    )
    return Table(columns, rows)


def _bounds(slope: Slope, words: Words) -> str:
    """Slope with its bounds; a dash where nothing was to be had."""
    if slope.points < 2 or not math.isfinite(slope.value):
        return words.number(None)
    low, high = (
        words.number(bound, 2) if math.isfinite(bound) else "∞" if bound > 0 else "−∞"
        for bound in (slope.low, slope.high)
    )
    return f"{words.number(slope.value, 2)} ({low} … {high})"


def _faults(result: SoakResult, words: Words) -> Iterator[Block]:
    if result.faults:
        yield recovery_plot(result, words)
    columns = (
        Column(words("column.fault"), width=3.0, nowrap=True),
        Column(words("column.count"), "number"),
        Column(words("column.middle"), "number", 1, words("unit.s")),
        Column(words("column.longest"), "number", 1, words("unit.s")),
    )
    yield Table(columns, tuple((name, *values) for name, values in result.recoveries().items()))


def _findings(result: SoakResult, words: Words) -> Iterator[Block]:
    columns = (
        Column(words("column.kind"), width=1.6),
        Column(words("column.count"), "number", width=0.7),
        Column(words("column.example"), width=4.0),
    )
    rows = tuple(
        (kind, count, result.tally.examples[kind][0]) for kind, count in result.tally.kinds.most_common()
    )
    yield Table(columns, rows)


def _reasons(result: SoakResult, words: Words) -> Table:
    columns = (Column(words("column.reason"), width=3.0), Column(words("column.count"), "number"))
    return Table(columns, tuple(result.tally.reasons.most_common()))


def _method(result: SoakResult, words: Words) -> Iterator[Block]:
    length_m = result.belt_length_m
    texts = [
        words("method.audit"),
        words("method.drawn"),
        words("method.windows", length=words.number(length_m, 2)),
        words("method.slopes", window=words.number(WINDOW_S, 0), warm_up=words.number(WARM_UP_S, 0)),
        words("method.speed"),
    ]
    if result.plan.idle_share == 0.0:
        texts.append(words("method.no_idle"))
    for text in texts:
        yield Paragraph(text)


def _plain(value: float, words: Words) -> str:
    """A number without needless zeros."""
    text = f"{value:g}"
    return words.number(value, len(text.partition(".")[2])) if "e" not in text else text
