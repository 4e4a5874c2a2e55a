"""The learning curve as an SVG: figure over labelled frames, a line per start, its budget beneath.

Neighbour: `training.learning_curve`, which makes the points.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from datasets.extra import require_training

if TYPE_CHECKING:
    from training.learning_curve import Bounds, Curve, Point

#: Can be read on white and on black paper.
_INK = "#7a828b"
_LOOK = {"scratch": ("#d1495b", "s", "from scratch"), "pretrained": ("#2f7ebc", "o", "pretrained")}


def curve_svg(curve: Curve) -> str:
    """The figure: mAP50 and AP50 of `defect` over the number of frames, with bounds.

    Raises:
        FerrogateError: matplotlib is missing.
    """
    require_training("matplotlib")
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.9))
    axes = figure.subplots(1, 2, sharey=True)
    _panel(axes[0], curve, "mAP50, all labels", lambda point: point.map50)
    _panel(axes[1], curve, "AP50 of defect", lambda point: point.ap50["defect"])
    axes[0].set_ylabel("average precision at IoU 0.5", color=_INK, fontsize=9)
    axes[0].legend(frameon=False, fontsize=8, labelcolor=_INK, loc="lower right")
    note = (
        f"{curve.budget}\nscored on {curve.val_frames} val frames; "
        f"bars: 95 %, {curve.val_groups} groups of val frames drawn anew"
    )
    figure.text(0.5, 0.02, note, ha="center", fontsize=7, color=_INK)
    figure.subplots_adjust(left=0.09, right=0.98, top=0.9, bottom=0.24, wspace=0.08)
    text = io.StringIO()
    # Ids by hash of the content, no date: the same points give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "ferrogate", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", text.getvalue())


def _panel(axes: Any, curve: Curve, title: str, pick: Callable[[Point], Bounds]) -> None:
    numbers = sorted({point.frames for point in curve.points})
    for start, (colour, marker, name) in _LOOK.items():
        # Several seeds: each its mark, the line through their mean.
        shift = 0.97 if start == "scratch" else 1.03
        means: list[tuple[float, float]] = []
        for frames in numbers:
            here = [pick(point) for point in curve.points if (point.start, point.frames) == (start, frames)]
            known = [one for one in here if one.value is not None]
            for one in known:
                _bar(axes, frames * shift, one, colour, marker)
            if known:
                mean = sum(one.value for one in known if one.value is not None) / len(known)
                means.append((frames * shift, mean))
        if means:
            axes.plot(*zip(*means, strict=True), color=colour, linewidth=1.2, marker=marker, label=name)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()
    axes.set_ylim(0.0, 1.0)
    axes.set_title(title, fontsize=10, color=_INK)
    axes.set_xlabel("labelled frames in training", color=_INK, fontsize=9)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.grid(visible=True, axis="y", color=_INK, alpha=0.25, linewidth=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_INK)


def _bar(axes: Any, x: float, one: Bounds, colour: str, marker: str) -> None:
    axes.plot([x], [one.value], color=colour, marker=marker, markersize=4, linestyle="")
    if one.low is not None and one.high is not None:
        axes.plot([x, x], [one.low, one.high], color=colour, linewidth=1.0, alpha=0.7)
