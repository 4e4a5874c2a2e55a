"""A type-1 study (one part, read again and again) as figures, lines and report.

Neighbours: `vision.statistics.linearity` computes, `gauge_report` for studies of many parts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edge_runtime.reports.document import Fact, Paragraph, Report, Section
from edge_runtime.studies.gauge_plots import type1_plot
from edge_runtime.studies.gauge_report import bias_json, bias_text, limits_section
from vision.statistics.limits import TYPE1_FIELDS, GaugeLimits, Word, unverified
from vision.statistics.linearity import Type1


def type1_report(
    found: Type1,
    values_mm: list[float],
    tolerance_mm: float,
    limits: GaugeLimits,
    *,
    source: str,
    made: datetime,
) -> Report:
    """Report of a type-1 study."""
    word = type1_word(found, limits)
    facts = (
        Fact("Readings", source),
        Fact("Number of readings", found.n),
        Fact("Reference", found.reference_mm, 4, "mm"),
        Fact("Mean", found.mean_mm, 4, "mm"),
        Fact("Standard deviation", found.sd_mm, 5, "mm"),
        Fact("Tolerance, full width", tolerance_mm, 3, "mm"),
        Fact("Cg", found.cg, 2),
        Fact("Cgk", found.cgk, 2),
        Fact("Verdict", word.value),
    )
    share, sigmas = limits.type1_tolerance_share.value, limits.type1_spread_sigmas.value
    text = (
        f"Cg compares {100.0 * share:g} % of the tolerance with {sigmas:g} standard deviations; "
        f"Cgk also counts the bias. At least {limits.cg_min.value:g} and {limits.cgk_min.value:g} are "
        "asked for."
    )
    section = Section(
        "Type-1 study",
        (
            Paragraph(f"{bias_text(found.bias)[:1].upper()}{bias_text(found.bias)[1:]}."),
            type1_plot(values_mm, found, tolerance_mm, share),
            Paragraph(text),
        ),
    )
    sections = (section, limits_section(unverified(limits, TYPE1_FIELDS)))
    return Report("Type-1 gauge study", source, facts=facts, sections=sections, made=made)


def type1_word(found: Type1, limits: GaugeLimits) -> Word:
    """Acceptable when Cg and Cgk both reach their limits."""
    good = found.cg >= limits.cg_min.value and found.cgk >= limits.cgk_min.value
    return Word.ACCEPTABLE if good else Word.UNACCEPTABLE


def type1_json(found: Type1, tolerance_mm: float, limits: GaugeLimits) -> dict[str, Any]:
    """The figures for machines."""
    return {
        "readings": found.n,
        "reference_mm": found.reference_mm,
        "mean_mm": found.mean_mm,
        "sd_mm": found.sd_mm,
        "tolerance_mm": tolerance_mm,
        "cg": found.cg,
        "cgk": found.cgk,
        "bias": bias_json(found.bias),
        "verdict": type1_word(found, limits).value,
        "unverified_limits": unverified(limits, TYPE1_FIELDS),
    }


def type1_lines(found: Type1, limits: GaugeLimits) -> list[str]:
    """The figures for a terminal."""
    return [
        f"{found.n} readings of a part of {found.reference_mm:g} mm: mean {found.mean_mm:.4f} mm, "
        f"sd {found.sd_mm:.5f} mm",
        bias_text(found.bias),
        f"Cg {found.cg:.2f}, Cgk {found.cgk:.2f}: {type1_word(found, limits).value} "
        f"(limits {limits.cg_min.value:g} and {limits.cgk_min.value:g})",
    ]
