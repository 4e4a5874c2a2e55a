"""The table of `ferrogate bench metrology` for people. Neighbours: `metrology_table`, `commands.bench`."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edge_runtime.bench.metrology_table import (
    BALL_PX,
    GRR_BAND_MM,
    GRR_MAX_PERCENT,
    METHODS,
    RATIO_MAX_OFF,
    TARGET_MS,
    Limit,
    MetrologyResult,
    SetResult,
    Spread,
    Times,
    TwinGaugeResult,
    UncertaintyResult,
)

_TITLES = {"opencv": "OpenCV", "skimage": "scikit-image", "ours": "ferrogate"}


def print_result(result: MetrologyResult, console: Console) -> None:
    """Print all of it."""
    for one in result.sets:
        console.print(_set_table(one))
        for method in METHODS:
            for reason, count in one.refused[method].items():
                console.print(f"{_TITLES[method]}: {count} of {one.shapes} not measured: {reason}")
    console.print(_time_table(result.times))
    console.print(_gauge_text(result.twin_gauge))
    console.print(_uncertainty_text(result.uncertainty))
    machine = ", ".join(f"{key} {value}" for key, value in result.machine.to_json().items())
    console.print(f"machine: {machine}", highlight=False)
    console.print("every target met" if result.met else "at least one target missed")


def _set_table(result: SetResult) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title=f"{result.name} silhouettes, {result.shapes} shapes",
        caption="error in px, bias / standard deviation; roundness: RONt, Gaussian 1-50 UPR",
    )
    table.add_column("figure")
    for method in METHODS:
        table.add_column(_TITLES[method], justify="right")
    table.add_column("target", justify="right")
    table.add_column("met")
    for row in result.rows:
        table.add_row(
            row.figure.replace("_", " "),
            *(_spread_text(row.spread[method]) for method in METHODS),
            _limit_text(row.limit),
            _met_text(row.met),
        )
    return table


def _time_table(times: Times) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title=f"time for a ball of {BALL_PX:.0f} px, median, one thread",
        caption="ours in all must take less than scikit-image's contour and circle alone",
    )
    table.add_column("")
    for method in METHODS:
        table.add_column(_TITLES[method], justify="right")
    table.add_column("target", justify="right")
    table.add_column("met")
    target = f"<= {TARGET_MS:g} ms"
    table.add_row(
        "all figures", *(_ms_text(times.all_ms[method]) for method in METHODS), target, _met_text(times.met)
    )
    table.add_row(
        "contour, circle", _ms_text(times.circle_ms["opencv"]), _ms_text(times.circle_ms["skimage"])
    )
    return table


def _gauge_text(study: TwinGaugeResult) -> str:
    return (
        f"gauge study on the twin, {study.passages} passages, {study.views} views ({study.refused_views} "
        f"refused): %GRR {study.grr_percent:.1f} (upper bound {study.grr_upper_percent:.1f}) on "
        f"+/- {GRR_BAND_MM / 2:g} mm, ndc {study.ndc}; "
        f"target below {GRR_MAX_PERCENT:g}: {_met_text(study.met)}\n"
        f"  mean diameter off by {1000 * study.bias_mm:+.1f} um, sd {1000 * study.sd_mm:.1f} um, stated u "
        f"{1000 * study.stated_u_mm:.1f} um; roundness off by {1000 * study.roundness_bias_mm:+.1f} um, "
        f"sd {1000 * study.roundness_sd_mm:.1f} um"
    )


def _uncertainty_text(check: UncertaintyResult) -> str:
    return (
        f"uncertainty of one view: stated {1000 * check.gum_u_mm:.1f} um, by {check.draws} draws "
        f"{1000 * check.monte_carlo_u_mm:.1f} um, ratio {check.ratio:.3f}; "
        f"target within {RATIO_MAX_OFF:.0%}: {_met_text(check.met)}"
    )


def _spread_text(spread: Spread | None) -> str:
    return "none" if spread is None else f"{spread.bias_px:+.3f} / {spread.sd_px:.3f}"


def _limit_text(limit: Limit | None) -> str:
    if limit is None:
        return ""
    return f"{limit.bias_px:g}" + ("" if limit.sd_px is None else f" / {limit.sd_px:g}")


def _met_text(met: bool | None) -> str:
    if met is None:
        return ""
    return "[green]yes[/green]" if met else "[red]no[/red]"


def _ms_text(value_ms: float | None) -> str:
    return "none" if value_ms is None else f"{value_ms:.2f} ms"
