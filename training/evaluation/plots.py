"""Curves of the report, as SVG in the page: precision and recall, false alarms, reliability."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.scoring.calibration import Bin, Fitted
from datasets.scoring.matching import Matched
from datasets.scoring.precision import precision_recall

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Grey that can be read on white and on black paper.
_INK = "#7a828b"
_COLOURS = (
    "#2f7ebc", "#d1495b", "#3d9a5f", "#b8860b", "#8e5bb5",
    "#1f9e9e", "#c2571a", "#6b7a2e", "#a83f80", "#5a6f8f",
)  # fmt: skip
_MOST_PER_ROW = 4
_PX_PER_INCH = 110.0


def precision_recall_svg(matched: Mapping[str, Matched]) -> str:
    """Precision over recall, a line per class."""
    figure, axes = _single("recall", "precision")
    for label, one, colour in _coloured(matched):
        precision, recall = precision_recall(one)
        first = precision[:1].tolist() or [0.0]  # a class of which nothing was found
        axes.step([0.0, *recall], [*first, *precision], where="pre", color=colour, label=label)
    _unit(axes)
    return _svg(figure, legend=axes)


def false_alarm_svg(matched: Mapping[str, Matched], pictures: int) -> str:
    """Recall over false findings per picture, a line per class."""
    figure, axes = _single("false findings per picture", "recall")
    for label, one, colour in _coloured(matched):
        false = np.cumsum(~one.real) / pictures
        recall = np.cumsum(one.real) / len(one.truth_score)
        axes.step([0.0, *false], [0.0, *recall], where="post", color=colour, label=label)
    axes.set_xlim(0.0, 2.0)
    axes.set_ylim(0.0, 1.02)
    return _svg(figure, legend=axes)


def reliability_svg(fitted: Mapping[str, Fitted]) -> str:
    """What the score said and what was real, before and after calibration; empty without any."""
    known = [(label, one) for label, one in fitted.items() if one.calibration is not None]
    if not known:
        return ""
    columns = min(_MOST_PER_ROW, len(known))
    rows = -(-len(known) // columns)
    figure = _figure(2.3 * columns + 0.5, 2.3 * rows + 0.4)
    for number, (label, one) in enumerate(known):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.plot([0.0, 1.0], [0.0, 1.0], color=_INK, linewidth=0.6, linestyle=":")
        for bins, colour, name in ((one.before, _INK, "score"), (one.after, _COLOURS[0], "calibrated")):
            _bins(axes, bins, colour, name)
        axes.set_title(label, fontsize=9, color=_INK)
        _style(axes, "probability said" if number >= (rows - 1) * columns else "", "share real")
        _unit(axes)
        if number == 0:
            axes.legend(fontsize=7, frameon=False, labelcolor=_INK, loc="upper left")
    return _svg(figure)


def _bins(axes: Axes, bins: Sequence[Bin], colour: str, name: str) -> None:
    said, real = [one.said for one in bins], [one.real for one in bins]
    axes.plot(said, real, color=colour, marker="o", markersize=2.5, linewidth=1.0, label=name)


def _coloured(matched: Mapping[str, Matched]) -> list[tuple[str, Matched, str]]:
    shown = [(label, one) for label, one in matched.items() if len(one.truth_score)]
    return [(label, one, _COLOURS[k % len(_COLOURS)]) for k, (label, one) in enumerate(shown)]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _single(x_name: str, y_name: str) -> tuple[Figure, Axes]:
    figure = _figure(5.2, 3.3)
    axes = figure.add_subplot()
    _style(axes, x_name, y_name)
    return figure, axes


def _style(axes: Axes, x_name: str, y_name: str) -> None:
    axes.set_xlabel(x_name, fontsize=8, color=_INK)
    axes.set_ylabel(y_name, fontsize=8, color=_INK)
    axes.tick_params(labelsize=7, colors=_INK)
    axes.patch.set_alpha(0.0)
    axes.grid(color=_INK, alpha=0.2, linewidth=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_INK)


def _unit(axes: Axes) -> None:
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.02)


def _svg(figure: Figure, legend: Axes | None = None) -> str:
    """The drawing as an <svg> element; the same curves give the same text."""
    import matplotlib

    if legend is not None:
        legend.legend(
            fontsize=7, frameon=False, labelcolor=_INK, loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
    figure.patch.set_alpha(0.0)
    settings: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "ferrogate"}
    buffer = io.StringIO()
    with matplotlib.rc_context(settings):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # A size in points would not shrink with the page.
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    widest = round(float(figure.get_figwidth()) * _PX_PER_INCH)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', rf'\1 style="max-width:{widest}px"', text, count=1)
