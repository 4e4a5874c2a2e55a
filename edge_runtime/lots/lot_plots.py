"""The plots of a lot: sizes against the band, mean diameter with its EWMA, share of rejects, reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.lots.data import Diameters
from edge_runtime.lots.statistics import NS_PER_S, RejectChart, WearChart
from edge_runtime.reports import plots
from edge_runtime.reports.document import Figure
from edge_runtime.reports.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How many reasons get a bar of their own.
_BARS_MAX = 12
_BINS = 60


def size_histogram(balls: Diameters, band_mm: tuple[float, float] | None, words: Words) -> Figure:
    """Mean diameters, with the band where it is known; far balls stand in the outermost bars."""
    with plots.canvas(height_in=2.6) as (drawing, (axes,)):
        low, high = (float(value) for value in np.quantile(balls.mean_mm, (0.005, 0.995)))
        limits = (low, high) if band_mm is None else (min(low, band_mm[0]), max(high, band_mm[1]))
        margin = max(0.06 * (limits[1] - limits[0]), 1e-3)
        edges = np.linspace(limits[0] - margin, limits[1] + margin, _BINS + 1).tolist()
        shown = np.clip(balls.mean_mm, edges[0], edges[-1])
        accepted, rejected = shown[balls.accepted], shown[~balls.accepted]
        labels = [words("lot.accepted"), words("lot.not_accepted")]
        axes.hist([accepted, rejected], edges, stacked=True, color=[plots.BLUE, plots.ORANGE], label=labels)
        for limit in band_mm or ():
            axes.axvline(limit, color=plots.RED, linestyle="--")
        axes.set_xlabel(words("lot.mean_diameter_axis"))
        axes.set_ylabel(words("lot.balls"))
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
        plots.reader_ticks(axes, words.language)
        return plots.figure(drawing, words("lot.histogram_caption"))


def wear_figure(wear: WearChart, band_mm: tuple[float, float] | None, words: Words) -> Figure:
    """Mean diameter per period, its EWMA and limits; the band only where it is near enough to be seen."""
    points = wear.chart.points
    every = axis_times(wear.periods.start_utc_ns, words)
    times = axis_times(wear.watched_utc_ns, words)
    with plots.canvas(height_in=2.9) as (drawing, (axes,)):
        axes.plot(every, wear.periods.mean_mm, ".", color=plots.GREY, label=words("lot.period_mean"))
        if wear.learned:
            axes.axvspan(
                every[0],
                every[wear.learned - 1],
                color=plots.GREY,
                alpha=0.15,
                linewidth=0,
                label=words("lot.learned"),
            )
        axes.plot(times, [point.ewma for point in points], color=plots.BLUE, label="EWMA")
        for name in ("lower", "upper"):
            label = words("lot.alarm_limits") if name == "upper" else None
            limits = [getattr(point, name) for point in points]
            axes.plot(times, limits, color=plots.ORANGE, linestyle="--", linewidth=1.0, label=label)
        alarms = [index for index, point in enumerate(points) if point.alarm]
        axes.plot(
            [times[index] for index in alarms],
            [points[index].ewma for index in alarms],
            "o",
            color=plots.RED,
            markersize=4,
            label=words("lot.alarm") if alarms else None,
        )
        low, high = axes.get_ylim()
        for limit in band_mm or ():
            if low - (high - low) <= limit <= high + (high - low):
                axes.axhline(limit, color=plots.RED, linewidth=1.0)
        axes.set_ylabel(words("lot.mean_diameter_axis"))
        axes.legend(loc="best", ncols=3)
        plots.reader_ticks(axes, words.language)
        time_axis(axes, (wear.periods.start_utc_ns[0], wear.periods.start_utc_ns[-1]), words)
        return plots.figure(drawing, words("lot.ewma_caption"))


def reject_figure(rejects: RejectChart, words: Words) -> Figure:
    """p-chart of the rejects, in percent."""
    points = rejects.chart.points
    times = axis_times(rejects.start_utc_ns, words)
    with plots.canvas(height_in=2.4) as (drawing, (axes,)):
        axes.plot(times, [100 * point.share for point in points], ".-", color=plots.BLUE)
        axes.axhline(100 * rejects.chart.centre, color=plots.GREY, linewidth=1.0)
        for name in ("lower", "upper"):
            limits = [100 * getattr(point, name) for point in points]
            axes.plot(times, limits, color=plots.ORANGE, linestyle="--", linewidth=1.0)
        alarms = [index for index, point in enumerate(points) if point.alarm]
        shares = [100 * points[index].share for index in alarms]
        axes.plot([times[index] for index in alarms], shares, "o", color=plots.RED, markersize=5)
        axes.set_ylabel(words("lot.reject_axis"))
        axes.set_ylim(bottom=0)
        plots.reader_ticks(axes, words.language)
        time_axis(axes, (rejects.start_utc_ns[0], rejects.start_utc_ns[-1]), words)
        return plots.figure(drawing, words("lot.p_chart_caption"))


def reason_figure(reasons: Mapping[str, int], words: Words) -> Figure:
    """Pareto plot: bars of the gravest reasons, the most frequent on top, and the share they add up to."""
    from matplotlib.ticker import MaxNLocator

    shown = pareto_rows(reasons, words)
    places = list(range(len(shown)))
    total = sum(shown.values())
    with plots.canvas(height_in=1.0 + 0.26 * len(shown)) as (drawing, (axes,)):
        bars = axes.barh(places, list(shown.values()), color=plots.BLUE, height=0.7)
        axes.bar_label(bars, [words.number(count) for count in shown.values()], padding=3, fontsize=8)
        axes.set_yticks(places, list(shown))
        axes.invert_yaxis()
        axes.set_xlabel(words("lot.balls"))
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        plots.reader_ticks(axes, words.language)
        share = axes.twiny()
        sums = 100.0 * np.cumsum(list(shown.values())) / total
        share.plot(sums, places, "o-", color=plots.ORANGE, markersize=4, linewidth=1.2)
        share.set_xlim(0, 105)
        share.set_xlabel(words("lot.share_of_rejects"), color=plots.ORANGE)
        share.grid(visible=False)
        return plots.figure(drawing, words("lot.reasons_caption"))


def pareto_rows(reasons: Mapping[str, int], words: Words) -> dict[str, int]:
    """Reasons in the reader's words with their counts, the many rare ones together as the last."""
    most = list(reasons.items())
    bars = most if len(most) <= _BARS_MAX else most[: _BARS_MAX - 1]
    rows: dict[str, int] = {}
    for code, count in bars:
        name = reason_text(code, words)
        rows[name] = rows.get(name, 0) + count
    rest = sum(count for _, count in most[len(bars) :])
    return rows | ({words("lot.other_reasons"): rest} if rest else {})


def reason_text(code: str, words: Words) -> str:
    """A reason code in the reader's words; the code itself where the catalogue has none."""
    return words.known(f"reason.{code}", code) if code else words("lot.no_reason")


def axis_times(utc_ns: Sequence[int], words: Words) -> list[float]:
    """Times as matplotlib counts them, days since its epoch."""
    from matplotlib.dates import date2num

    return [float(date2num(words.clock(when))) for when in utc_ns]


def time_axis(axes: Axes, span_utc_ns: tuple[int, int], words: Words) -> None:
    """Times of the reader's clock along the axis, as fine as its span from first to last asks for."""
    from matplotlib.dates import AutoDateLocator, DateFormatter

    span_s = (span_utc_ns[1] - span_utc_ns[0]) / NS_PER_S
    form = "%H:%M:%S" if span_s < 600 else "%H:%M" if span_s < 86_400 else "%d.%m %H:%M"
    zone = words.clock(span_utc_ns[0]).tzinfo
    axes.xaxis.set_major_locator(AutoDateLocator(tz=zone, minticks=3, maxticks=8))
    axes.xaxis.set_major_formatter(DateFormatter(form, tz=zone))
