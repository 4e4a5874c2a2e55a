"""Sizes, control charts and capability of some balls, as sections of a report on a lot or a shift."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.lots import lot_plots
from edge_runtime.lots.data import Diameters
from edge_runtime.lots.lot_plots import reason_text
from edge_runtime.lots.statistics import LotFigures, RejectChart, WearChart
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    KeyValues,
    Level,
    Notice,
    Paragraph,
    Section,
    Table,
)
from edge_runtime.reports.words import Words
from vision.recipe import BallRecipe


def sizes_section(
    diameters: Diameters, figures: LotFigures, recipe: BallRecipe | None, words: Words
) -> Section:
    """Histogram against the recipe's band, and the sizes of all balls and of the accepted ones."""
    if figures.all_balls is None:
        return Section(words("lot.sizes"), (Paragraph(words("lot.no_sizes")),))
    band = (recipe.size.d_min_mm, recipe.size.d_max_mm) if recipe is not None else None
    blocks: list[Block] = [lot_plots.size_histogram(diameters, band, words)]
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


def charts_section(figures: LotFigures, recipe: BallRecipe | None, words: Words) -> Section:
    """Moving average of the mean diameter, and the share of rejects, with what they say in words."""
    blocks = [*wear_blocks(figures.wear, recipe, words), *reject_blocks(figures.rejects, words)]
    return Section(words("lot.charts"), tuple(blocks))


def wear_blocks(wear: WearChart | None, recipe: BallRecipe | None, words: Words) -> list[Block]:
    """The EWMA chart; a sentence where there is too little for one."""
    if wear is None:
        return [Paragraph(words("lot.too_short"))]
    band = (recipe.size.d_min_mm, recipe.size.d_max_mm) if recipe is not None else None
    return [_wear_notice(wear, words), lot_plots.wear_figure(wear, band, words)]


def reject_blocks(rejects: RejectChart | None, words: Words) -> list[Block]:
    """The p-chart; nothing where there is but one group."""
    if rejects is None or len(rejects.chart.points) < 2:
        return []
    chart = rejects.chart
    alarms = sum(bool(point.alarm) for point in chart.points)
    level: Level = "warning" if alarms else "info"
    text = words(
        "lot.p_chart_text",
        balls=words.number(chart.points[0].inspected),
        share=words.number(100.0 * chart.centre, 2),
        alarms=alarms,
    )
    return [Notice(text, level), lot_plots.reject_figure(rejects, words)]


def _wear_notice(wear: WearChart, words: Words) -> Notice:
    if wear.alarm_utc_ns is None:
        return Notice(words("lot.no_drift"))
    slope = words.number(wear.drift.slope, 3)
    time = words.time(words.clock(wear.alarm_utc_ns))
    return Notice(words("lot.drift", time=time, slope=slope), "warning")


def capability_section(figures: LotFigures, words: Words) -> Section:
    """Capability indices with their bounds; no block where there are too few balls."""
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
