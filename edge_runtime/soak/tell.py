"""A soak in words, for the terminal: while it runs, and at its end.

Neighbours: `edge_runtime.commands.soak` prints, `result` has the figures.
"""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from edge_runtime.soak.report import unclean_words, unproven
from edge_runtime.soak.result import SoakResult
from edge_runtime.soak.watch import Watch
from edge_runtime.soak.words import load_words


def so_far(watch: Watch) -> str:
    """One line for the progress bar; what was audited may lag by some hundred balls."""
    tally = watch.tally
    text = f"{len(watch.windows.faults)} faults, {tally.totals['balls']} balls audited"
    if tally.violations:
        text += f", [red]{tally.violations} VIOLATIONS[/red]"
    if tally.late:
        text += f", {tally.late} late"
    return text


def tell(result: SoakResult, console: Console) -> None:
    """The summary."""
    tally, totals, words = result.tally, result.tally.totals, load_words("en")
    times = tally.percentiles_ms()
    share = tally.false_reject_share
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Balls", f"{totals['balls']}, {totals['accepted']} accepted, {totals['rejected']} rejected")
    table.add_row("Line time", f"{_time(result.line_s)}, {_time(result.wall_s)} on the clock{_idle(result)}")
    table.add_row("Faults injected", str(len(result.faults)))
    table.add_row("Violations of the invariant", str(tally.violations))
    table.add_row("Verdicts too late", f"{tally.late} outside fault windows, {tally.late_inside} in them")
    table.add_row(
        "False rejects",
        f"{tally.false_rejects} of {tally.good_outside} good balls outside fault windows"
        + ("" if math.isnan(share) else f" ({share:.2%})"),
    )
    table.add_row("Visible escapes", f"{tally.visible_escapes} of {totals['defective']} defective balls")
    table.add_row(
        "Last view to PLC",
        f"{_ms(times['p50'])} in the middle, {_ms(times['p99'])} at the 99th of 100, "
        f"{_ms(times['max'])} at most",
    )
    table.add_row("Memory", f"{result.memory}: {result.memory_growth_mb:.1f} MiB over the run")
    table.add_row("Handles and threads", str(result.handles))
    table.add_row("Times over the run", str(result.drift.trend))
    table.add_row("Books", "balance" if result.books_balanced else "do NOT balance")
    console.print(table)
    for name in unproven(result):
        console.print(f"[yellow]{words(f'unproven.{name}')}[/yellow]")
    for name in result.unclean:
        console.print(f"[red]{unclean_words(result, name, words)}[/red]")
    if not result.unclean:
        console.print(f"[green]{words('clean')}[/green]")


def _idle(result: SoakResult) -> str:
    """What --speed came to."""
    plan = result.plan
    if plan.idle_share == 0.0:
        return "; balls came without a pause, so there was no idle belt for --speed" if plan.speed > 1 else ""
    cut = _time(result.idle_cut_s)
    return f"; {plan.idle_share:.0%} of the line time is idle belt, of which {cut} were left out"


def _time(seconds: float) -> str:
    return f"{seconds / 3600.0:.2f} h" if seconds >= 3600.0 else f"{seconds / 60.0:.1f} min"


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} ms"
