"""The report of one lot: counts, reasons, sizes, charts, capability, what the lab found.

For the foreman and the technologist; the paper for the buyer is `certificate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from edge_runtime.lots import lot_plots
from edge_runtime.lots.data import LotData
from edge_runtime.lots.hardness import ball_hardness
from edge_runtime.lots.lot_plots import local_time, reason_text
from edge_runtime.lots.statistics import (
    RejectChart,
    SizeCapability,
    SizeStatistics,
    WearChart,
    default_group_size,
    reject_chart,
    size_capability,
    size_statistics,
    wear_chart,
)
from edge_runtime.lots.tables import AcceptanceTables
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
from edge_runtime.reports.words import Words
from vision.recipe import BallRecipe


@dataclass(frozen=True, slots=True)
class LotFigures:
    """The worked-out figures of a lot; None where there is not enough to work with."""

    all_balls: SizeStatistics | None
    accepted: SizeStatistics | None
    wear: WearChart | None
    rejects: RejectChart | None
    capability: SizeCapability | None


@dataclass(frozen=True, slots=True)
class LabData:
    """The lab's entries of a lot that hold, and the formula to work them out."""

    hardness: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    tables: AcceptanceTables


def lot_figures(lot: LotData, recipe: BallRecipe | None, *, period_s: float = 60.0) -> LotFigures:
    """All figures of a lot; without a recipe there is no band, and so no capability."""
    balls = lot.diameters
    sound = balls.only(balls.sound)
    capable = None
    if recipe is not None:
        size = recipe.size
        capable = size_capability(sound, d_min_mm=size.d_min_mm, d_max_mm=size.d_max_mm, period_s=period_s)
    return LotFigures(
        size_statistics(balls),
        size_statistics(balls.only(balls.accepted)),
        wear_chart(sound, period_s=period_s),
        reject_chart(lot, default_group_size(lot)),
        capable,
    )


def lot_report(
    lot: LotData, figures: LotFigures, recipe: BallRecipe | None, lab: LabData, words: Words, made: datetime
) -> Report:
    """The report; `made` with its zone. An unverified limit is said, as this paper is not for signing."""
    sections = (
        _warnings(lot, recipe, words),
        _reasons(lot, words),
        _sizes(lot, figures, recipe, words),
        _charts(figures, recipe, words),
        _capability(figures, words),
        lab_section(lab, words),
    )
    return Report(
        words("lot.title", lot=lot.lot),
        recipe.product if recipe is not None else "",
        words.language,
        _facts(lot, words),
        tuple(section for section in sections if section.blocks),
        made=made,
    )


def _facts(lot: LotData, words: Words) -> tuple[Fact, ...]:
    counts = lot.counts
    return (
        Fact(words("lot.first_ball"), words.time(local_time(lot.first_utc_ns))),
        Fact(words("lot.last_ball"), words.time(local_time(lot.last_utc_ns))),
        Fact(words("lot.shifts"), ", ".join(lot.shifts) or None),
        Fact(words("lot.balls"), counts.balls),
        Fact(words("lot.accepted"), counts.accepted),
        Fact(words("lot.rejected"), counts.rejected),
        Fact(words("lot.open"), counts.open),
    )


def _warnings(lot: LotData, recipe: BallRecipe | None, words: Words) -> Section:
    blocks: list[Block] = []
    if lot.counts.unproven:
        blocks.append(Notice(words("lot.unproven", count=words.number(lot.counts.unproven)), "error"))
    if lot.counts.wrong_chute:
        blocks.append(Notice(words("lot.wrong_chute", count=words.number(lot.counts.wrong_chute)), "error"))
    if lot.counts.open:
        blocks.append(Notice(words("lot.still_open", count=words.number(lot.counts.open)), "warning"))
    if len(lot.recipes) > 1:
        blocks.append(Notice(words("lot.many_recipes", count=len(lot.recipes)), "warning"))
    if recipe is None:
        blocks.append(Notice(words("lot.no_recipe"), "warning"))
    elif recipe.unverified():
        blocks.append(
            Notice(words("lot.unverified", limits=limit_names(recipe.unverified(), words)), "warning")
        )
    return Section("", tuple(blocks))


def _reasons(lot: LotData, words: Words) -> Section:
    if not lot.reasons:
        return Section(words("lot.reasons"), (Paragraph(words("lot.no_rejects")),))
    balls = lot.counts.balls
    rows = tuple(
        (reason_text(code, words), code or None, count, 100.0 * count / balls)
        for code, count in lot.reasons.items()
    )
    columns = (
        Column(words("lot.reason"), width=2.2),
        Column(words("lot.code"), width=1.3),
        Column(words("lot.balls"), "number"),
        Column(words("lot.share"), "number", 2, "%"),
    )
    return Section(words("lot.reasons"), (lot_plots.reason_figure(lot.reasons, words), Table(columns, rows)))


def _sizes(lot: LotData, figures: LotFigures, recipe: BallRecipe | None, words: Words) -> Section:
    if figures.all_balls is None:
        return Section(words("lot.sizes"), (Paragraph(words("lot.no_sizes")),))
    band = (recipe.size.d_min_mm, recipe.size.d_max_mm) if recipe is not None else None
    blocks: list[Block] = [lot_plots.size_histogram(lot.diameters, band, words)]
    if band is not None:
        text = f"{words.number(band[0], 2)} … {words.number(band[1], 2)}"
        blocks.append(KeyValues((Fact(words("lot.band"), text, unit=words("unit.mm")),)))
    columns = (
        Column("", width=2.0),
        Column(words("lot.measured_balls"), "number"),
        Column(words("size.mean"), "number", 3, words("unit.mm")),
        Column(words("size.s"), "number", 3, words("unit.mm")),
        Column(words("size.smallest"), "number", 2, words("unit.mm")),
        Column(words("size.largest"), "number", 2, words("unit.mm")),
        Column("U (k = 2)", "number", 3, words("unit.mm")),
    )
    rows = [
        (name, s.count, s.mean_mm, s.s_mm, s.smallest_mm, s.largest_mm, s.expanded_mm)
        for name, s in (
            (words("lot.all_measured"), figures.all_balls),
            (words("lot.accepted"), figures.accepted),
        )
        if s is not None
    ]
    blocks.append(Table(columns, tuple(rows)))
    return Section(words("lot.sizes"), tuple(blocks))


def _charts(figures: LotFigures, recipe: BallRecipe | None, words: Words) -> Section:
    blocks: list[Block] = []
    band = (recipe.size.d_min_mm, recipe.size.d_max_mm) if recipe is not None else None
    if figures.wear is None:
        blocks.append(Paragraph(words("lot.too_short")))
    else:
        blocks += [_wear_notice(figures.wear, words), lot_plots.wear_figure(figures.wear, band, words)]
    if figures.rejects is not None and len(figures.rejects.chart.points) > 1:
        chart = figures.rejects.chart
        alarms = [point for point in chart.points if point.alarm]
        level = "warning" if alarms else "info"
        text = words(
            "lot.p_chart_text",
            balls=words.number(chart.points[0].inspected),
            share=words.number(100.0 * chart.centre, 2),
            alarms=len(alarms),
        )
        blocks += [Notice(text, level), lot_plots.reject_figure(figures.rejects, words)]  # type: ignore[arg-type]
    return Section(words("lot.charts"), tuple(blocks))


def _wear_notice(wear: WearChart, words: Words) -> Notice:
    if wear.alarm_utc_ns is None:
        return Notice(words("lot.no_drift"))
    slope = words.number(wear.drift.slope, 3)
    time = words.time(local_time(wear.alarm_utc_ns))
    return Notice(words("lot.drift", time=time, slope=slope), "warning")


def _capability(figures: LotFigures, words: Words) -> Section:
    found = figures.capability
    if found is None:
        return Section(words("lot.capability"), ())
    columns = (
        Column("", width=2.2),
        *(Column(name, "number", 2) for name in ("Cp", "Cpk", "Pp", "Ppk", "Ppk −", "Ppk +")),
        Column(words("lot.out_share"), "number", 3, "%"),
    )
    rows = []
    for key, item in (("mean", found.mean), ("smallest", found.smallest), ("largest", found.largest)):
        values = [None if index is None else index.value for index in (item.cp, item.cpk, item.pp)]
        bounds = (item.ppk.value, item.ppk.lower, item.ppk.upper)
        rows.append((words(f"capability.{key}"), *values, *bounds, 100.0 * item.out_share))
    blocks: list[Block] = [Table(columns, tuple(rows)), Paragraph(words("capability.note"))]
    if not found.mean.normality.looks_normal:
        figures_text = {
            "skewness": words.number(found.mean.normality.skewness, 2),
            "kurtosis": words.number(found.mean.normality.excess_kurtosis, 2),
        }
        blocks.append(Notice(words("capability.not_normal", **figures_text), "warning"))
    return Section(words("lot.capability"), tuple(blocks))


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


def limit_names(keys: Sequence[str], words: Words) -> str:
    """Limits of a recipe in the reader's words, each once; the key itself where the catalogue has none."""
    names = []
    for key in keys:
        label, _, last = key.rpartition(".")
        name = words.known(f"limit.{last}", key)
        if label.startswith("findings."):
            name = f"{name} ({reason_text(label.removeprefix('findings.'), words)})"
        names.append(name)
    return "; ".join(dict.fromkeys(names))


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
