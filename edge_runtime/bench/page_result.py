"""What 'ferrogate bench page' found: figures of both kinds of phase, targets, table and JSON.

Neighbour: `edge_runtime.bench.page` runs the line and the browsers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from edge_runtime.bench.machine import Machine

#: p99 of the time from last view to PLC with the page open may be this much of that without
P99_RATIO_MAX = 1.10
FIRST_VIEW_MAX_MS = 1000.0
PICTURE_DELAY_P50_MAX_MS = 50.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run, host's monotonic clock.

    `page`: open in the browsers; else closed, and its process halted.
    """

    page: bool
    begin_ns: int
    end_ns: int


@dataclass(slots=True)
class Seen:
    """What one browser saw over all phases with the page open; times in ms.

    `first_view_ms`: from asking for the page until its first picture was drawn, once per opening;
    `delays_ms`: from a picture's arrival at the station until it was drawn.
    """

    first_view_ms: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest-rank percentile; None where it is infinite or there is nothing."""
    if not values:
        return None
    value = sorted(values)[max(0, math.ceil(share / 100.0 * len(values)) - 1)]
    return round(value, 2) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class PageResult:
    """All of it.

    Attributes:
        without_ms, with_ms: last view to PLC, ms, of the balls judged in the phases of each kind.
        cpu_share: CPU of each process over the whole run, cores.
    """

    seed: int
    machine: Machine
    balls: int
    without_ms: tuple[float, ...]
    with_ms: tuple[float, ...]
    browsers: tuple[Seen, ...]
    cpu_share: dict[str, float]

    @property
    def ratio(self) -> float | None:
        """p99 with the page by p99 without."""
        without, with_page = percentile(self.without_ms, 99.0), percentile(self.with_ms, 99.0)
        return None if not without or with_page is None else round(with_page / without, 3)

    @property
    def first_view_ms(self) -> float | None:
        """The slowest first view."""
        return max((max(seen.first_view_ms) for seen in self.browsers if seen.first_view_ms), default=None)

    @property
    def delay_p50_ms(self) -> float | None:
        """Median of all pictures' delays."""
        return percentile([delay for seen in self.browsers for delay in seen.delays_ms], 50.0)

    @property
    def checks(self) -> tuple[tuple[str, float | None, float, bool], ...]:
        """Name, figure, target, met; a figure that is missing misses its target."""
        errors = float(sum(len(seen.console_errors) for seen in self.browsers))
        rows = (
            ("p99 with the page open / without", self.ratio, P99_RATIO_MAX),
            ("first view, slowest, ms", self.first_view_ms, FIRST_VIEW_MAX_MS),
            ("picture to page, p50, ms", self.delay_p50_ms, PICTURE_DELAY_P50_MAX_MS),
            ("console errors", errors, 0.0),
        )
        return tuple(
            (name, value, limit, value is not None and value <= limit) for name, value, limit in rows
        )

    @property
    def met(self) -> bool:
        """Every target."""
        return all(met for *_, met in self.checks)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        delays = [delay for seen in self.browsers for delay in seen.delays_ms]
        return {
            "seed": self.seed,
            "machine": self.machine.to_json(),
            "balls": self.balls,
            "trigger_to_plc_ms": {
                name: {
                    "balls": len(values),
                    "p50": percentile(values, 50.0),
                    "p90": percentile(values, 90.0),
                    "p99": percentile(values, 99.0),
                    "max": percentile(values, 100.0),
                }
                for name, values in (("without_page", self.without_ms), ("with_page", self.with_ms))
            },
            "p99_ratio": self.ratio,
            "first_view_ms": [seen.first_view_ms for seen in self.browsers],
            "picture_to_page_ms": {
                "pictures": len(delays),
                "p50": percentile(delays, 50.0),
                "p90": percentile(delays, 90.0),
                "p99": percentile(delays, 99.0),
            },
            "console_errors": [error for seen in self.browsers for error in seen.console_errors],
            "cpu_cores": self.cpu_share,
            "met": self.met,
        }


def print_result(result: PageResult, console: Console) -> None:
    """For people."""
    facts = result.to_json()
    table = Table(title="last view to PLC, ms")
    for head in ("", "balls", "p50", "p90", "p99", "max"):
        table.add_column(head, justify="right" if head else "left")
    for name, row in facts["trigger_to_plc_ms"].items():
        table.add_row(name.replace("_", " "), *(_text(value) for value in row.values()))
    console.print(table)
    targets = Table(title="targets")
    for head in ("", "figure", "target", ""):
        targets.add_column(head)
    for name, value, limit, met in result.checks:
        targets.add_row(name, _text(value), f"at most {limit:g}", "met" if met else "MISSED")
    console.print(targets)
    console.print(
        "CPU, cores: " + ", ".join(f"{name} {share:.2f}" for name, share in result.cpu_share.items())
    )
    machine = asdict(result.machine)
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load_1_min']} at the start"
    )


def _text(value: float | int | None) -> str:
    return "none" if value is None else f"{value:g}"
