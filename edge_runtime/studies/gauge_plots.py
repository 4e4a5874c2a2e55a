"""Plots of a gauge study, in the house style of `edge_runtime.reports.plots`.

Neighbour: `gauge_report` puts them into the report.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_runtime.reports.document import Figure
from edge_runtime.reports.plots import BLUE, GREEN, GREY, ORANGE, RED, SERIES, canvas, figure
from vision.statistics.gauge import GaugeStudy
from vision.statistics.linearity import Linearity, Type1
from vision.statistics.ranges import range_constants
from vision.statistics.studies import Crossed

#: From so many parts on their names under the axis stand upright.
_UPRIGHT_FROM = 13
_UM = 1000.0


def components_bar(result: GaugeStudy) -> Figure:
    """Every component as % of the tolerance (when there is one) and of the total variation."""
    parts = result.components()
    names = [part.name.replace(" (", "\n(") for part in parts]
    bars = [("% of total variation", GREY, [part.study_percent for part in parts])]
    if result.tolerance_mm is not None:
        of_tolerance = [part.tolerance_percent or 0.0 for part in parts]
        bars.insert(0, ("% of the tolerance (6 s)", BLUE, of_tolerance))
    with canvas(height_in=2.7) as (drawing, (axis,)):
        width = 0.8 / len(bars)
        for number, (label, colour, values) in enumerate(bars):
            at = np.arange(len(names)) + (number - (len(bars) - 1) / 2.0) * width
            drawn = axis.bar(at, values, width * 0.94, label=label, color=colour)
            axis.bar_label(drawn, fmt="%.1f", fontsize=7, padding=1)
        axis.set_xticks(np.arange(len(names)), names)
        axis.set_ylabel("%")
        axis.margins(y=0.14)
        axis.grid(axis="x", visible=False)
        _legend(drawing, axis)
        return figure(drawing, "Components of the spread, in standard deviations.")


def readings_by_part(study: Crossed, head: str) -> Figure:
    """Errors (deviations, without references) of every reading: by part, and by appraiser."""
    base = study.reference_mm if study.reference_mm is not None else study.value_mm.mean(axis=(1, 2))
    away = (study.value_mm - base[:, None, None]) * _UM
    of_what = "reference" if study.reference_mm is not None else "the part's mean"
    parts, appraisers, trials = away.shape
    with canvas(height_in=2.9, columns=2, width_ratios=[2.2, 1.0], sharey=True) as (drawing, axes):
        left, right = axes
        for number, name in enumerate(study.appraisers):
            at = np.arange(parts) + (number - (appraisers - 1) / 2.0) * min(0.22, 0.7 / appraisers)
            colour = SERIES[number % len(SERIES)]
            x = np.repeat(at, trials)
            left.plot(x, away[:, number].ravel(), "o", ms=3.2, color=colour, alpha=0.8, label=name)
            spread = np.linspace(-0.25, 0.25, parts * trials)
            values = away[:, number].ravel()
            right.plot(number + spread, values, "o", ms=2.6, color=colour, alpha=0.6)
            right.hlines(values.mean(), number - 0.35, number + 0.35, color=colour, lw=2.0)
        left.plot(np.arange(parts), away.mean(axis=(1, 2)), "_", ms=14, mew=1.6, color=GREY)
        for axis in axes:
            axis.axhline(0.0, color=GREY, lw=0.8)
            axis.grid(axis="x", visible=False)
        _name_ticks(left, study.parts)
        left.set_xlabel("part")
        left.set_ylabel(f"reading − {of_what}, µm")
        _name_ticks(right, study.appraisers)
        right.set_xlabel(head)
        if appraisers <= len(SERIES):
            _legend(drawing, left)
        return figure(drawing, f"Every reading minus {of_what}, by part and by {head}; strokes: means.")


def mean_and_range(study: Crossed, head: str) -> Figure:
    """Chart of means and chart of ranges, one field for each appraiser, with common limits."""
    parts, appraisers, trials = study.value_mm.shape
    means = study.value_mm.mean(axis=2)
    ranges = np.ptp(study.value_mm, axis=2) * _UM
    constants = range_constants(trials)
    r_mean, x_mean = float(ranges.mean()), float(means.mean())
    with canvas(height_in=3.9, rows=2, sharex=True) as (drawing, (top, bottom)):
        for number, name in enumerate(study.appraisers):
            x = number * parts + np.arange(parts)
            top.plot(x, means[:, number], "o-", ms=3, lw=1.0, color=BLUE)
            bottom.plot(x, ranges[:, number], "o-", ms=3, lw=1.0, color=BLUE)
            top.text(
                (number + 0.5) / appraisers, 1.03, name, transform=top.transAxes, ha="center", fontsize=8
            )
            if number:
                for axis in (top, bottom):
                    axis.axvline(number * parts - 0.5, color=GREY, lw=0.8)
        _limits(top, x_mean, constants.a2 * r_mean / _UM, constants.a2 * r_mean / _UM)
        _limits(bottom, r_mean, r_mean * (1.0 - constants.d_low), r_mean * (constants.d_high - 1.0))
        top.set_ylabel("mean, mm")
        bottom.set_ylabel("range, µm")
        bottom.set_ylim(bottom=0.0)
        bottom.set_xlim(-0.5, parts * appraisers - 0.5)
        shown = study.parts if parts * appraisers <= 40 else ()
        bottom.set_xticks(np.arange(parts * appraisers) if shown else [], list(shown) * appraisers)
        bottom.tick_params(axis="x", labelsize=6)
        bottom.set_xlabel(f"part, {head} by {head}")
        for axis in (top, bottom):
            axis.grid(axis="x", visible=False)
        return figure(
            drawing,
            "Means and ranges of each cell. Means outside their limits are good: the gauge tells the parts "
            "apart. Ranges outside theirs are not: that part was read less surely.",
        )


def linearity_plot(found: Linearity) -> Figure:
    """Errors over reference, with the line and its 95 % band."""
    at = np.linspace(found.reference_mm.min(), found.reference_mm.max(), 101)
    line, low, high = found.band_mm(at)
    with canvas(height_in=2.7) as (drawing, (axis,)):
        axis.plot(found.reference_mm, found.bias_mm * _UM, "o", ms=3, color=GREY, alpha=0.7, label="readings")
        axis.plot(at, line * _UM, color=BLUE, label="regression")
        axis.fill_between(at, low * _UM, high * _UM, color=BLUE, alpha=0.18, lw=0, label="95 % band")
        axis.axhline(0.0, color=RED, lw=1.0, label="no bias")
        axis.set_xlabel("reference, mm")
        axis.set_ylabel("error, µm")
        _legend(drawing, axis)
        return figure(drawing, "Linearity: errors over the reference.")


def type1_plot(values_mm: list[float], found: Type1, tolerance_mm: float, share: float) -> Figure:
    """Readings in their order, with the reference and the allowed share of the tolerance."""
    with canvas(height_in=2.7) as (drawing, (axis,)):
        axis.plot(np.arange(1, found.n + 1), values_mm, "o-", ms=3, lw=0.8, color=BLUE, label="readings")
        axis.axhline(found.reference_mm, color=GREEN, lw=1.2, label="reference")
        for sign in (-1.0, 1.0):
            axis.axhline(
                found.reference_mm + sign * share * tolerance_mm / 2.0,
                color=RED,
                lw=1.0,
                ls="--",
                label=f"± {50.0 * share:g} % of the tolerance" if sign > 0 else None,
            )
        axis.set_xlabel("reading")
        axis.set_ylabel("mm")
        _legend(drawing, axis)
        return figure(drawing, "Readings in their order.")


def stated_plot(errors_mm: np.ndarray, stated_u_mm: np.ndarray) -> Figure:
    """Errors beside the uncertainty that was stated for them: in order, and as a histogram."""
    x = np.arange(1, len(errors_mm) + 1)
    with canvas(height_in=2.7, columns=2, width_ratios=[2.0, 1.0]) as (drawing, (left, right)):
        left.fill_between(
            x,
            -2 * _UM * stated_u_mm,
            2 * _UM * stated_u_mm,
            color=BLUE,
            alpha=0.18,
            lw=0,
            label="± 2 u stated",
        )
        left.plot(x, errors_mm * _UM, "o", ms=2.8, color=ORANGE, label="error")
        left.axhline(0.0, color=GREY, lw=0.8)
        left.set_xlabel("passage")
        left.set_ylabel("error, µm")
        _legend(drawing, left)
        # What lies farther out is counted in the outermost bars.
        ratio = np.clip(errors_mm / stated_u_mm, -4.0, 4.0)
        right.hist(ratio, bins=np.arange(-4.25, 4.5, 0.5).tolist(), density=True, color=ORANGE, alpha=0.8)
        z = np.linspace(-4.0, 4.0, 161)
        right.plot(z, np.exp(-z * z / 2.0) / np.sqrt(2.0 * np.pi), color=BLUE)
        right.set_xlabel("error / stated u")
        right.set_yticks([])
        return figure(drawing, "Errors against the truth, and the uncertainty stated for each of them.")


def _legend(drawing: Any, axis: Any) -> None:
    """One line above the plot, where it hides no reading."""
    handles, labels = axis.get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper left", ncols=len(labels))


def _name_ticks(axis: Any, names: tuple[str, ...]) -> None:
    axis.set_xticks(np.arange(len(names)), names, rotation=90 if len(names) >= _UPRIGHT_FROM else 0)
    axis.set_xlim(-0.6, len(names) - 0.4)


def _limits(axis: Any, centre: float, down: float, up: float) -> None:
    axis.axhline(centre, color=GREEN, lw=1.0)
    for value in (centre - down, centre + up):
        axis.axhline(value, color=RED, lw=1.0, ls="--")
