"""The summary of a ball line's demo, for people.

Neighbours: `edge_runtime.commands.demo` prints it, `figures` has the figures.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from edge_runtime.twin.figures import DemoFigures


def tell(figures: DemoFigures, console: Console) -> None:
    """The summary a foreman understands."""
    facts = figures.to_json()
    totals = figures.report.totals
    times = facts["trigger_to_plc_ms"]
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Balls through the line", str(totals.balls))
    table.add_row("  accepted", str(totals.accepted))
    if totals.bypassed:
        table.add_row("  bypassed by key, uninspected", str(totals.bypassed))
    table.add_row("  rejected", str(totals.rejected))
    if totals.on_belt:
        table.add_row("  left on the belt", str(totals.on_belt))
    table.add_row("Balls nobody can account for", str(facts["unaccounted"]))
    table.add_row("Accepted without proof", str(totals.unproven_accepts))
    table.add_row("In the wrong chute", str(totals.wrong_chute))
    sizes = facts["sizes"]
    if sizes["measured"]:
        off = sizes["d_mean_mm_error"]
        text = f"{off['median']:+.3f} mm median, {off['p95_abs']:.3f} mm at 95 % of {sizes['measured']} balls"
        table.add_row("Mean diameter against the truth", text)
    table.add_row("Verdicts too late", str(totals.late))
    table.add_row(
        "Bad balls that got through",
        f"{totals.escapes} of {totals.defective} ({totals.escapes_hidden} showed nothing to any camera)",
    )
    good = totals.balls - totals.defective
    rejected_good = totals.false_rejects + totals.neighbour_rejects
    table.add_row(
        "Good balls thrown out",
        f"{totals.false_rejects} and {totals.neighbour_rejects} neighbours of {good} "
        f"({rejected_good / max(good, 1):.1%}); {totals.fault_rejects} more through injected faults",
    )
    table.add_row(
        "Last picture to PLC",
        f"{_ms(times['p50'])} in the middle, {_ms(times['p99'])} at the 99th of 100, "
        f"{_ms(times['max'])} at most",
    )
    console.print(table)
    if figures.named_faults:
        named = ", ".join(f"{name} {count}" for name, count in figures.named_faults.items())
        console.print(f"Named in the books: {named}")
    console.print(
        "[green]The books balance.[/green]"
        if figures.books.balanced
        else "[red]The books do not balance:[/red]"
    )
    if not figures.books.balanced:
        console.print(figures.books.text(), markup=False)
    if not figures.report.invariant_kept:
        console.print(f"[red]{figures.report.text()}[/red]")
    folder = figures.run.settings.run_dir
    console.print(f"Ledger:   ferrogate ledger {figures.run.storage}")
    console.print(f"Pictures: {figures.run.storage / 'pictures'}")
    console.print(f"Audit:    {folder / 'audit.txt'}; all figures: {folder / 'figures.json'}")


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} ms"
