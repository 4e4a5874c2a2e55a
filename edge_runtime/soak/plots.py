"""The plots of a soak's report.

Neighbours: `report` puts them beside the figures, `edge_runtime.reports.plots` has the house style.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from edge_runtime.reports import plots
from edge_runtime.reports.document import Figure
from edge_runtime.reports.words import Words
from edge_runtime.soak.probe import Sample
from edge_runtime.soak.result import SoakResult
from edge_runtime.soak.rolling import STRETCH_BALLS
from edge_runtime.soak.slope import windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: points of one curve: more than a page can show
POINTS = 800
#: height of the mark of one fault, as a share of the plot: hundreds of whole lines would be a red field
FAULT_MARK = 0.05
#: the axis of a shorter run is in minutes
_SHORT_S = 5400.0


def process_plot(result: SoakResult, figure: Literal["memory_mb", "handles"], words: Words) -> Figure:
    """One figure of every process over the run."""
    name = "memory" if figure == "memory_mb" else figure
    unit, unit_s = _unit(result)
    with plots.canvas(height_in=2.9) as (drawing, (axes,)):
        for colour, process in zip(plots.SERIES, _names(result.samples), strict=False):
            mine = [sample for sample in result.samples if sample.name == process]
            hours = np.array([sample.at_s / unit_s for sample in mine], np.float64)
            values = np.array([getattr(sample, figure) for sample in mine], np.float64)
            if hours.size > POINTS:
                hours, values = windows(hours, values, float(hours[-1] - hours[0]) / POINTS)
            axes.plot(hours, values, color=colour, label=words(f"process.{process}"))
        if figure == "memory_mb":
            _fault_marks(result, axes, unit_s)
        axes.set_ylim(0.0, 1.08 * axes.dataLim.y1)
        axes.set_xlabel(words(unit))
        axes.set_ylabel(words(f"plot.{name}"))
        plots.reader_ticks(axes, words.language)
        drawing.legend(loc="outside upper center", ncols=6, columnspacing=1.1, handlelength=1.2)
        return plots.figure(drawing, words(f"plot.{name}_caption"))


def _names(samples: Sequence[Sample]) -> list[str]:
    return list(dict.fromkeys(sample.name for sample in samples))


def _unit(result: SoakResult) -> tuple[str, float]:
    """The unit of the time axis: its word, and its seconds."""
    return ("plot.minutes", 60.0) if result.wall_s < _SHORT_S else ("plot.hours", 3600.0)


def _fault_marks(result: SoakResult, axes: Axes, unit_s: float) -> None:
    """Every fault of the run at the plot's foot."""
    axes.vlines(
        [(fault.begin_ns - result.began_ns) / 1e9 / unit_s for fault in result.faults],
        0.0,
        FAULT_MARK,
        transform=axes.get_xaxis_transform(),
        colors=plots.RED,
        linewidths=0.4,
        alpha=0.6,
        zorder=0,
    )


def times_plot(result: SoakResult, words: Words) -> Figure:
    """Middle, 99th of 100 and longest time of each stretch."""
    stretches = result.tally.latencies
    unit, unit_s = _unit(result)
    hours = [item.at_s / unit_s for item in stretches]
    with plots.canvas(height_in=2.7) as (drawing, (axes,)):
        axes.plot(hours, [item.max_ms for item in stretches], color=plots.GREY, label=words("plot.most"))
        axes.plot(hours, [item.p99_ms for item in stretches], color=plots.ORANGE, label=words("plot.p99"))
        axes.plot(hours, [item.p50_ms for item in stretches], color=plots.BLUE, label=words("plot.p50"))
        for line in axes.lines:
            line.set_marker("." if len(stretches) < 40 else "")
        axes.set_ylim(0.0, 1.08 * axes.dataLim.y1)
        axes.set_xlabel(words(unit))
        axes.set_ylabel(words("plot.times"))
        plots.reader_ticks(axes, words.language)
        drawing.legend(loc="outside upper center", ncols=3)
        return plots.figure(drawing, words("plot.times_caption", balls=STRETCH_BALLS))


def recovery_plot(result: SoakResult, words: Words) -> Figure:
    """How long the line took to recover, one point a fault, one row a kind."""
    kinds = list(result.recoveries())
    with plots.canvas(height_in=0.9 + 0.2 * len(kinds)) as (drawing, (axes,)):
        for row, kind in enumerate(reversed(kinds)):
            times = [
                fault.recovery_s
                for fault in result.faults
                if fault.name == kind and fault.recovery_s is not None
            ]
            axes.plot(times, [row] * len(times), "o", color=plots.BLUE, markersize=3.5, alpha=0.6)
        axes.set_yticks(range(len(kinds)), reversed(kinds))
        axes.set_xlim(left=0.0)
        axes.set_xlabel(words("plot.recovery"))
        plots.reader_ticks(axes, words.language)
        return plots.figure(drawing, words("plot.recovery_caption"))


def disk_plot(result: SoakResult, words: Words) -> Figure:
    """Size of the run's folder."""
    unit, unit_s = _unit(result)
    with plots.canvas(height_in=1.9) as (drawing, (axes,)):
        axes.plot(
            [at_s / unit_s for at_s, _ in result.disk_mb],
            [mb for _, mb in result.disk_mb],
            color=plots.GREEN,
            marker="." if len(result.disk_mb) < 40 else "",
        )
        axes.set_ylim(0.0, 1.08 * axes.dataLim.y1)
        axes.set_xlabel(words(unit))
        axes.set_ylabel(words("plot.disk"))
        plots.reader_ticks(axes, words.language)
        return plots.figure(drawing, words("plot.disk_caption"))
