"""What `ferrogate bench startup` found: target, table, JSON. Neighbour: `startup` measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edge_runtime.bench.machine import Machine

#: from the start of the process to the Ready bit read in the PLC, every start
READY_MAX_S = 3.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start, ms.

    Attributes:
        ready_ms: to the Ready bit.
        phases_ms: in their order; they add up to it.
        beside_ms: what the supervisor did meanwhile.
    """

    ready_ms: float
    phases_ms: dict[str, float]
    beside_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class StartupResult:
    """All starts; the first one made the books."""

    machine: Machine
    model_sha256: str
    page: bool
    starts: tuple[Start, ...]

    @property
    def ready_s(self) -> tuple[float, ...]:
        """Times to the Ready bit, seconds."""
        return tuple(round(start.ready_ms / 1e3, 3) for start in self.starts)

    @property
    def met(self) -> bool:
        """Every start was soon enough."""
        return max(self.ready_s) <= READY_MAX_S

    def to_json(self) -> dict[str, Any]:
        """One object; times in seconds where a name ends so, else ms."""
        return {
            "benchmark": "startup",
            "machine": self.machine.to_json(),
            "model_sha256": self.model_sha256,
            "page": self.page,
            "ready_s": list(self.ready_s),
            "median_s": round(median(self.ready_s), 3),
            "worst_s": max(self.ready_s),
            "phases_ms": _medians([start.phases_ms for start in self.starts]),
            "beside_ms": _medians([start.beside_ms for start in self.starts]),
            "target_s": READY_MAX_S,
            "met": self.met,
        }


def _medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(row[name] for row in rows), 1) for name in rows[0]}


def print_result(result: StartupResult, console: Console) -> None:
    """The table for people."""
    table = Table(
        box=SIMPLE_HEAD,
        title="from the start of 'ferrogate run' to the Ready bit in the PLC",
        caption=f"{len(result.starts)} starts, the first with empty books; ms",
    )
    table.add_column("phase")
    for name in ("median", "first", "longest"):
        table.add_column(name, justify="right")
    for name in result.starts[0].phases_ms:
        _add(table, name, [start.phases_ms[name] for start in result.starts])
    _add(table, "all", [start.ready_ms for start in result.starts], style="bold")
    for name in result.starts[0].beside_ms:
        _add(table, f"beside: {name}", [start.beside_ms[name] for start in result.starts], style="dim")
    console.print(table)
    machine = ", ".join(f"{key} {value}" for key, value in result.machine.to_json().items())
    console.print(f"machine: {machine}")
    told = "met" if result.met else "MISSED"
    console.print(f"target: every start within {READY_MAX_S:g} s: {told}")


def _add(table: Table, name: str, values: Sequence[float], style: str = "") -> None:
    row = (f"{median(values):.0f}", f"{values[0]:.0f}", f"{max(values):.0f}")
    table.add_row(name, *row, style=style)
