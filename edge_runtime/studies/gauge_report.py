"""A gauge study as figures for machines, as lines on a terminal, and as a report with plots.

Neighbours: `vision.statistics` computes, `gauge_plots` draws, `edge_runtime.reports` writes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from edge_runtime.reports.document import (
    Column,
    Fact,
    KeyValues,
    Level,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
)
from edge_runtime.studies.gauge_plots import (
    components_bar,
    linearity_plot,
    mean_and_range,
    readings_by_part,
)
from vision.statistics.gauge import GaugeStudy, gauge_rr
from vision.statistics.limits import CROSSED_FIELDS, GaugeLimits, Word, unverified
from vision.statistics.linearity import Bias, Linearity, biases, linearity, overall_bias
from vision.statistics.studies import Crossed

#: How loud a verdict is.
LEVELS: dict[Word, Level] = {
    Word.ACCEPTABLE: "info",
    Word.MARGINAL: "warning",
    Word.UNACCEPTABLE: "error",
}


@dataclass(frozen=True, slots=True, eq=False)
class GaugeResult:
    """All figures of one study.

    Attributes:
        study: the readings.
        gauge: their analysis of variance.
        biases, overall: against the references; empty and None without them.
        linear: None without references of two sizes or more.
        limits: what it is judged by.
        head: what the appraisers are: appraiser, orientation, lane or shift.
    """

    study: Crossed
    gauge: GaugeStudy
    biases: tuple[Bias, ...]
    overall: Bias | None
    linear: Linearity | None
    limits: GaugeLimits
    head: str

    @property
    def grr_percent(self) -> float:
        """%GRR: of the tolerance where there is one, else of the total variation."""
        of_tolerance = self.gauge.tolerance_percent(self.gauge.grr_sd_mm)
        return self.gauge.study_percent(self.gauge.grr_sd_mm) if of_tolerance is None else of_tolerance

    @property
    def word(self) -> Word:
        """By %GRR alone; categories are told beside it, as they hang on which parts were chosen."""
        return self.limits.grr_percent.word(self.grr_percent)

    @property
    def ndc_ok(self) -> bool:
        """True when the gauge tells enough categories apart."""
        return self.gauge.ndc is None or self.gauge.ndc >= self.limits.ndc_min.value


def analyse(study: Crossed, tolerance_mm: float | None, limits: GaugeLimits, head: str) -> GaugeResult:
    """All figures of a study.

    Raises:
        StudyError: the tolerance is empty, or all readings are the same.
    """
    gauge = gauge_rr(study, tolerance_mm)
    if study.reference_mm is None:
        return GaugeResult(study, gauge, (), None, None, limits, head)
    line = linearity(study) if float(np.ptp(study.reference_mm)) > 0.0 else None
    return GaugeResult(study, gauge, biases(study), overall_bias(study), line, limits, head)


def as_json(result: GaugeResult) -> dict[str, Any]:
    """The figures for machines."""
    gauge, study, linear = result.gauge, result.study, result.linear
    return {
        "parts": len(study.parts),
        "appraisers": list(study.appraisers),
        "appraiser_is": result.head,
        "trials": study.value_mm.shape[2],
        "tolerance_mm": gauge.tolerance_mm,
        "ev_sd_mm": gauge.ev_sd_mm,
        "av_sd_mm": gauge.av_sd_mm,
        "interaction_sd_mm": gauge.interaction_sd_mm,
        "interaction_pooled": gauge.pooled,
        "grr_sd_mm": gauge.grr_sd_mm,
        "grr_upper_sd_mm": gauge.grr_upper_sd_mm,
        "pv_sd_mm": gauge.pv_sd_mm,
        "tv_sd_mm": gauge.tv_sd_mm,
        "grr_percent_of_tolerance": gauge.tolerance_percent(gauge.grr_sd_mm),
        "grr_upper_percent_of_tolerance": gauge.tolerance_percent(gauge.grr_upper_sd_mm),
        "grr_percent_of_total": gauge.study_percent(gauge.grr_sd_mm),
        "ndc": gauge.ndc,
        "ndc_ok": result.ndc_ok,
        "verdict": result.word.value,
        "unverified_limits": unverified(result.limits, CROSSED_FIELDS),
        "anova": [asdict(row) for row in gauge.anova],
        "bias": None if result.overall is None else bias_json(result.overall),
        "bias_by_part": [bias_json(row) for row in result.biases],
        "linearity": None if linear is None else _linear_json(linear),
    }


def bias_json(bias: Bias) -> dict[str, Any]:
    """One bias for machines."""
    return {**asdict(bias), "significant": bias.significant}


def _linear_json(found: Linearity) -> dict[str, Any]:
    return {
        "slope_mm_per_mm": asdict(found.slope),
        "intercept_mm": asdict(found.intercept_mm),
        "residual_sd_mm": found.residual_sd_mm,
        "r_squared": found.r_squared,
        "zero_inside_band": found.zero_inside,
    }


def as_lines(result: GaugeResult) -> list[str]:
    """The figures for a terminal."""
    gauge, study = result.gauge, result.study
    parts, appraisers, trials = study.value_mm.shape
    lines = [
        f"{parts} parts x {appraisers} ({result.head}) x {trials} trials"
        + ("" if gauge.tolerance_mm is None else f", tolerance {gauge.tolerance_mm:g} mm wide"),
        f"{'':<22} {'sd, mm':>9} {'% of tol.':>10} {'% of total':>11}",
    ]
    for row in gauge.components():
        of_tolerance = "" if row.tolerance_percent is None else f"{row.tolerance_percent:.1f}"
        lines.append(f"{row.name:<22} {row.sd_mm:>9.4f} {of_tolerance:>10} {row.study_percent:>11.1f}")
    lines.append(_verdict_text(result))
    if result.overall is not None:
        lines.append(bias_text(result.overall))
    if result.linear is not None:
        lines.append(_linear_text(result.linear))
    if unverified(result.limits, CROSSED_FIELDS):
        lines.append("the limits are not verified: nobody has compared them with their source yet")
    return lines


def _verdict_text(result: GaugeResult) -> str:
    gauge = result.gauge
    of_what = "total variation" if gauge.tolerance_mm is None else "tolerance"
    upper = gauge.tolerance_percent(gauge.grr_upper_sd_mm)
    bound = "" if upper is None else f" (95 % upper bound {upper:.1f})"
    if gauge.ndc is None:
        categories = "the gauge has no spread at all"
    else:
        few = "" if result.ndc_ok else f", below {result.limits.ndc_min.value:g}"
        categories = f"{gauge.ndc} distinct categories{few}"
    return f"%GRR {result.grr_percent:.1f} % of the {of_what}{bound}: {result.word.value}; {categories}"


def bias_text(bias: Bias) -> str:
    """One bias in words."""
    told = "not told apart from 0" if not bias.significant else "different from 0"
    return f"bias {bias.bias_mm:+.4f} mm, 95 % interval {bias.low_mm:+.4f} to {bias.high_mm:+.4f} mm: {told}"


def _linear_text(found: Linearity) -> str:
    told = "lies inside" if found.zero_inside else "leaves"
    return (
        f"linearity: error = {found.slope.value:+.6f} x reference {found.intercept_mm.value:+.4f} mm "
        f"(slope: p {found.slope.p:.3f}); 'no bias' {told} the 95 % band"
    )


def gauge_report(
    result: GaugeResult, *, title: str, source: str, made: datetime, more: tuple[Section, ...] = ()
) -> Report:
    """The report.

    Args:
        result: the figures.
        title: head of the first page.
        source: which readings it is made from.
        made: when, with its zone.
        more: further sections, after the summary.
    """
    study, gauge = result.study, result.gauge
    parts, _, trials = study.value_mm.shape
    facts = (
        Fact("Readings", source),
        Fact("Parts", parts),
        Fact(f"Appraisers ({result.head})", ", ".join(study.appraisers)),
        Fact("Trials", trials),
        Fact("Tolerance, full width", gauge.tolerance_mm, 3, "mm"),
        Fact("%GRR", result.grr_percent, 1, "%"),
        Fact("Distinct categories (ndc)", gauge.ndc),
        Fact("Verdict", result.word.value),
    )
    sections = [_summary(result), *more, _anova_section(result), _charts(result)]
    if result.overall is not None:
        sections.append(_bias_section(result, result.overall))
    sections.append(limits_section(unverified(result.limits, CROSSED_FIELDS)))
    return Report(title, source, facts=facts, sections=tuple(sections), made=made)


def _summary(result: GaugeResult) -> Section:
    gauge, limit = result.gauge, result.limits.grr_percent
    text = _verdict_text(result)
    rows = tuple(
        (row.name, row.sd_mm, row.tolerance_percent, row.study_percent) for row in gauge.components()
    )
    method = (
        "Analysis of variance of a crossed study (AIAG MSA, ANOVA method). Percentages compare standard "
        "deviations, so they do not add up to 100. "
        f"Up to {limit.acceptable.value:g} % the gauge is acceptable, "
        f"up to {limit.marginal.value:g} % marginal."
    )
    if not result.ndc_ok:
        method += " Few categories may also mean that the chosen parts hardly differ in size."
    return Section(
        "Gauge",
        (
            Notice(text[:1].upper() + text[1:] + ".", LEVELS[result.word]),
            Table(
                (
                    Column("Cause", width=2.0),
                    Column("Standard deviation", "number", 4, "mm"),
                    Column("Of tolerance (6 s)", "number", 1, "%"),
                    Column("Of total variation", "number", 1, "%"),
                ),
                rows,
            ),
            components_bar(gauge),
            Paragraph(method),
        ),
    )


def _anova_section(result: GaugeResult) -> Section:
    rows = tuple((row.source, row.ss_mm2, row.df, row.ms_mm2, row.f, row.p) for row in result.gauge.anova)
    said = (
        "The interaction is not significant at 0.25 and was pooled with repeatability."
        if result.gauge.pooled
        else "The interaction is significant at 0.25: some parts read differently from one "
        f"{result.head} to the next."
    )
    if result.gauge.anova[2].p is None:
        said = "The readings within each cell do not differ: the interaction cannot be tested."
    columns = (
        Column("Source", width=2.0),
        Column("Sum of squares", "number", 6, "mm²"),
        Column("df", "number", width=0.6),
        Column("Mean square", "number", 7, "mm²"),
        Column("F", "number", 2),
        Column("p", "number", 4),
    )
    return Section("Analysis of variance", (Table(columns, rows), Paragraph(said)))


def _charts(result: GaugeResult) -> Section:
    return Section(
        "Readings",
        (readings_by_part(result.study, result.head), mean_and_range(result.study, result.head)),
    )


def _bias_section(result: GaugeResult, overall: Bias) -> Section:
    columns = (
        Column("Part"),
        Column("Reference", "number", 4, "mm"),
        Column("Readings", "number"),
        Column("Bias", "number", 4, "mm"),
        Column("95 % from", "number", 4, "mm"),
        Column("to", "number", 4, "mm"),
        Column("t", "number", 2),
        Column("p", "number", 4),
    )
    rows = tuple(
        (row.part, row.reference_mm, row.n, row.bias_mm, row.low_mm, row.high_mm, row.t, row.p)
        for row in (*result.biases, overall)
    )
    blocks: list[Any] = [Paragraph(f"Overall: {bias_text(overall)}."), Table(columns, rows)]
    if result.linear is not None:
        line = result.linear
        blocks += [
            linearity_plot(line),
            Paragraph(_linear_text(line)[:1].upper() + _linear_text(line)[1:] + "."),
            KeyValues(
                (
                    Fact("Slope", line.slope.value * 1000.0, 4, "µm per mm"),
                    Fact("Intercept", line.intercept_mm.value, 4, "mm"),
                    Fact("Spread about the line", line.residual_sd_mm, 4, "mm"),
                    Fact("R squared", line.r_squared, 3),
                )
            ),
        ]
    return Section("Bias and linearity", tuple(blocks))


def limits_section(open_sources: list[str]) -> Section:
    """Where limits come from that nobody has checked."""
    if not open_sources:
        return Section("Limits", (Paragraph("All limits were compared with their sources."),))
    return Section(
        "Limits",
        (
            Notice(
                "The limits are not verified: nobody has compared them with their source yet. "
                + "; ".join(open_sources)
                + ".",
                "warning",
            ),
        ),
    )
