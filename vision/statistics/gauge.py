"""Crossed gauge R&R by analysis of variance: how much of the spread is the gauge's own.

Method: AIAG, Measurement Systems Analysis, 4th edition, chapter III (ANOVA method); upper bound
of the gauge's spread: Burdick, Borror, Montgomery, Journal of Quality Technology 35 (2003).
Neighbours: `studies` makes the table, `linearity` looks at its mean errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.statistics.studies import Crossed, StudyError

#: The interaction is pooled with repeatability when its p-value is above this (AIAG MSA).
POOL_ALPHA = 0.25
#: Standard deviations that a tolerance is compared with (AIAG MSA, 4th edition).
SPREAD_SIGMAS = 6.0
#: Of the upper bound of the gauge's spread, one-sided.
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class AnovaRow:
    """One line: sum of squares (mm2), degrees of freedom, mean square (mm2), F and its p-value."""

    source: str
    ss_mm2: float
    df: int
    ms_mm2: float
    f: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One cause of spread: standard deviation (mm), percent of total variation and of the tolerance."""

    name: str
    sd_mm: float
    study_percent: float
    tolerance_percent: float | None


@dataclass(frozen=True, slots=True)
class GaugeStudy:
    """The study's figures. All sd are standard deviations in mm.

    Attributes:
        anova: part, appraiser, interaction, repeatability, total; with `pooled` the repeatability row
            that the components are told from follows as "pooled repeatability".
        pooled: the interaction was not significant at 0.25 and was pooled with repeatability.
        ev_sd_mm: equipment variation: repeatability.
        av_sd_mm: appraiser variation: reproducibility without interaction.
        interaction_sd_mm: part by appraiser; 0 when pooled.
        grr_sd_mm: the gauge: root of the sum of the three squares.
        grr_upper_sd_mm: one-sided upper 95 % bound of it. With two or three appraisers it lies far above.
        pv_sd_mm, tv_sd_mm: part variation; total variation.
        ndc: number of distinct categories, 1.41 PV / GRR truncated, at least 1; None when the gauge has no
            spread at all.
        tolerance_mm: full width of the tolerance; None when none was given.
    """

    anova: tuple[AnovaRow, ...]
    pooled: bool
    ev_sd_mm: float
    av_sd_mm: float
    interaction_sd_mm: float
    grr_sd_mm: float
    grr_upper_sd_mm: float
    pv_sd_mm: float
    tv_sd_mm: float
    ndc: int | None
    tolerance_mm: float | None

    def study_percent(self, sd_mm: float) -> float:
        """Share of the total variation, % of standard deviations (shares do not add up to 100)."""
        return 100.0 * sd_mm / self.tv_sd_mm

    def tolerance_percent(self, sd_mm: float) -> float | None:
        """Six standard deviations as % of the tolerance; None without a tolerance."""
        return None if self.tolerance_mm is None else 100.0 * SPREAD_SIGMAS * sd_mm / self.tolerance_mm

    def components(self) -> tuple[Component, ...]:
        """All causes, in the order of the AIAG form."""
        rows = (
            ("repeatability (EV)", self.ev_sd_mm),
            ("reproducibility (AV)", self.av_sd_mm),
            ("part by appraiser", self.interaction_sd_mm),
            ("gauge (GRR)", self.grr_sd_mm),
            ("parts (PV)", self.pv_sd_mm),
            ("total (TV)", self.tv_sd_mm),
        )
        return tuple(
            Component(name, sd, self.study_percent(sd), self.tolerance_percent(sd)) for name, sd in rows
        )


def gauge_rr(study: Crossed, tolerance_mm: float | None = None) -> GaugeStudy:
    """Split the spread of a crossed study into gauge and parts.

    Negative estimates of a variance are taken for 0, as AIAG MSA does.

    Args:
        study: complete table of readings.
        tolerance_mm: full width of the tolerance band, mm (2 for +/-1 mm).

    Raises:
        StudyError: the tolerance is not above 0, or all readings are the same.
    """
    if tolerance_mm is not None and not (tolerance_mm > 0.0 and math.isfinite(tolerance_mm)):
        raise StudyError(
            f"the tolerance is empty: {tolerance_mm} mm",
            where="tolerance",
            todo="give the full width of the band in mm, 2 for +/-1 mm",
        )
    if np.ptp(study.value_mm) == 0.0:
        raise StudyError(
            "all readings are the same: neither gauge nor parts have a spread",
            where="gauge study",
            todo="write the readings down with more digits, and take parts of different size",
        )
    table = _anova(study)
    part, appraiser, cross, repeat = table[:4]
    parts, appraisers, trials = study.value_mm.shape
    pooled = cross.p is not None and cross.p > POOL_ALPHA
    if pooled:
        ss, df = cross.ss_mm2 + repeat.ss_mm2, cross.df + repeat.df
        error = inner = AnovaRow("pooled repeatability", ss, df, ss / df)
        table = (*table, error)
    else:
        error, inner = repeat, cross
    ev = error.ms_mm2
    interaction = 0.0 if pooled else max(0.0, (cross.ms_mm2 - repeat.ms_mm2) / trials)
    av = max(0.0, (appraiser.ms_mm2 - inner.ms_mm2) / (parts * trials))
    pv = max(0.0, (part.ms_mm2 - inner.ms_mm2) / (appraisers * trials))
    grr = ev + av + interaction
    # 1.41 is AIAG's own root of two.
    ndc = None if grr == 0.0 else max(1, int(1.41 * math.sqrt(pv / grr)))
    return GaugeStudy(
        anova=table,
        pooled=pooled,
        ev_sd_mm=math.sqrt(ev),
        av_sd_mm=math.sqrt(av),
        interaction_sd_mm=math.sqrt(interaction),
        grr_sd_mm=math.sqrt(grr),
        grr_upper_sd_mm=math.sqrt(_upper(grr, study, appraiser, None if pooled else cross, error)),
        pv_sd_mm=math.sqrt(pv),
        tv_sd_mm=math.sqrt(grr + pv),
        ndc=ndc,
        tolerance_mm=tolerance_mm,
    )


def _anova(study: Crossed) -> tuple[AnovaRow, ...]:
    """The two-way table with interaction; parts and appraisers are both random, so both are tested on it."""
    value = study.value_mm
    parts, appraisers, trials = value.shape
    mean = value.mean()
    by_cell = value.mean(axis=2)
    by_part, by_appraiser = by_cell.mean(axis=1), by_cell.mean(axis=0)
    ss_part = appraisers * trials * float(np.sum((by_part - mean) ** 2))
    ss_appraiser = parts * trials * float(np.sum((by_appraiser - mean) ** 2))
    rest = by_cell - by_part[:, None] - by_appraiser[None, :] + mean
    ss_cross = trials * float(np.sum(rest**2))
    ss_repeat = float(np.sum((value - by_cell[:, :, None]) ** 2))
    df_part, df_appraiser = parts - 1, appraisers - 1
    df_cross, df_repeat = df_part * df_appraiser, parts * appraisers * (trials - 1)
    ms_cross, ms_repeat = ss_cross / df_cross, ss_repeat / df_repeat

    def row(source: str, ss: float, df: int, below: float, df_below: int) -> AnovaRow:
        f, p = _f_test(ss / df, df, below, df_below)
        return AnovaRow(source, ss, df, ss / df, f, p)

    total = float(np.sum((value - mean) ** 2))
    return (
        row("part", ss_part, df_part, ms_cross, df_cross),
        row("appraiser", ss_appraiser, df_appraiser, ms_cross, df_cross),
        row("part by appraiser", ss_cross, df_cross, ms_repeat, df_repeat),
        AnovaRow("repeatability", ss_repeat, df_repeat, ms_repeat),
        AnovaRow("total", total, value.size - 1, total / (value.size - 1)),
    )


def _f_test(ms: float, df: int, ms_below: float, df_below: int) -> tuple[float | None, float | None]:
    """F and its p-value; none where there is nothing to compare with."""
    from scipy import stats

    if ms_below <= 0.0:
        return None, None
    f = ms / ms_below
    return f, float(stats.f.sf(f, df, df_below))


def _upper(grr: float, study: Crossed, appraiser: AnovaRow, cross: AnovaRow | None, error: AnovaRow) -> float:
    """Upper bound of the gauge's variance, mm2, by modified large samples.

    The variance is a sum of mean squares with positive weights c: MSA / (p r) + (p - 1) MSAP / (p r)
    + (r - 1) MSE / r, or, pooled, MSA / (p r) + (1 - 1 / (p r)) MSE; the bound adds the root of
    sum (c H MS)^2 with H = df / chi2(alpha, df) - 1.
    """
    from scipy import stats

    parts, _, trials = study.value_mm.shape
    cells = parts * trials
    weighted = [(1.0 / cells, appraiser)]
    if cross is None:
        weighted.append((1.0 - 1.0 / cells, error))
    else:
        weighted += [((parts - 1) / cells, cross), ((trials - 1) / trials, error)]
    spread = 0.0
    for weight, row in weighted:
        lack = row.df / float(stats.chi2.ppf(1.0 - CONFIDENCE, row.df)) - 1.0
        spread += (weight * lack * row.ms_mm2) ** 2
    return grr + math.sqrt(spread)
