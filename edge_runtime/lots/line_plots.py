"""How the line stood by time, as one strip a cause on a common axis of time."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.ledger.downtime import LineSpan
from edge_runtime.lots.line_words import cause_text
from edge_runtime.lots.lot_plots import axis_times, time_axis
from edge_runtime.reports import plots
from edge_runtime.reports.document import Figure
from edge_runtime.reports.words import Words

#: Strips; the rarer causes share the last one.
STRIPS_MAX = 10
UP = "up"
_COLOURS = {
    UP: plots.GREEN,
    "bypass": plots.RED,
    "service": plots.PURPLE,
    "unknown": plots.GREY,
    "no_station": plots.GREY,
}


def strip_figure(spans: Sequence[LineSpan], words: Words) -> Figure:
    """The timeline of at least one span; every cause has a strip of its own, running stands on top."""
    strips = _strips(spans, words)
    with plots.canvas(height_in=0.75 + 0.27 * len(strips)) as (drawing, (axes,)):
        for place, (_, colour, parts) in enumerate(strips):
            starts = axis_times([span.start_utc_ns for span in parts], words)
            ends = axis_times([span.end_utc_ns for span in parts], words)
            bars = [(start, end - start) for start, end in zip(starts, ends, strict=True)]
            # The edge keeps a stop of seconds visible on a strip of hours.
            axes.broken_barh(bars, (place - 0.36, 0.72), facecolors=colour, edgecolor=colour, linewidth=0.8)
        axes.set_yticks(range(len(strips)), [name for name, _, _ in strips])
        axes.set_ylim(len(strips) - 0.5, -0.5)
        span_utc_ns = (spans[0].start_utc_ns, spans[-1].end_utc_ns)
        axes.set_xlim(*axis_times(span_utc_ns, words))
        time_axis(axes, span_utc_ns, words)
        return plots.figure(drawing, words("downtime.figure"))


def _strips(spans: Sequence[LineSpan], words: Words) -> list[tuple[str, str, list[LineSpan]]]:
    """Name, colour and spans of each strip, running first, then by their length."""
    lengths: dict[str, int] = {}
    for span in spans:
        lengths[span.cause] = lengths.get(span.cause, 0) + span.end_utc_ns - span.start_utc_ns
    causes = sorted(lengths, key=lambda cause: (cause != UP, -lengths[cause], cause))
    named = causes if len(causes) <= STRIPS_MAX else causes[: STRIPS_MAX - 1]
    strips = [
        (
            cause_text(cause, words),
            _COLOURS.get(cause, plots.ORANGE),
            [span for span in spans if span.cause == cause],
        )
        for cause in named
    ]
    rest = [span for span in spans if span.cause not in named]
    return [*strips, (words("downtime.other"), plots.ORANGE, rest)] if rest else strips
