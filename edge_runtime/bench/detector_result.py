"""What `ferrogate bench detector` found: rows, targets, table and JSON. Neighbour: `detector` measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edge_runtime.bench.machine import Machine

#: side of the input -> what FP32, one picture at a time, may take of the bare graph's time, or over it
RATIO_MAX: dict[int, float] = {640: 1.05, 320: 1.10}
OVERHEAD_MAX_MS: dict[int, float] = {160: 0.3}


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One file, provider, number of threads and pictures, and pixel format. Times are of one picture.

    Attributes:
        provider: that ran it.
        levelled: its contract levels a picture first.
        boxes: found in a picture, mean.
        raw_ms, raw_cpu_ms: the bare graph on a ready tensor: time, and processor time of all threads.
        ours_ms, ours_cpu_ms: picture to detections.
        overhead_ratio, cpu_ratio: ours over raw, median of the rounds.
        overhead_ms, cpu_overhead_ms: ours less raw, median of the rounds.
        over_fp32_ratio: ours over the bare FP32 graph, for a file made from it.
    """

    model: str
    model_sha256: str
    provider: str
    precision: str
    side_px: int
    levelled: bool
    pixels: str
    threads: int
    batch: int
    boxes: float
    raw_ms: float
    ours_ms: float
    overhead_ratio: float
    overhead_ms: float
    raw_cpu_ms: float
    ours_cpu_ms: float
    cpu_ratio: float
    cpu_overhead_ms: float
    over_fp32_ratio: float | None = None

    @property
    def target(self) -> str:
        """What it must keep, in words; '' where nothing is demanded."""
        if self.precision != "fp32" or self.batch != 1:
            return ""
        if self.side_px in RATIO_MAX:
            return f"<= {RATIO_MAX[self.side_px]:.2f}"
        return f"<= {OVERHEAD_MAX_MS[self.side_px]:g} ms" if self.side_px in OVERHEAD_MAX_MS else ""

    @property
    def met(self) -> bool | None:
        """Whether it does; None where nothing is demanded."""
        if not self.target:
            return None
        if self.side_px in RATIO_MAX:
            return self.overhead_ratio <= RATIO_MAX[self.side_px]
        return self.overhead_ms <= OVERHEAD_MAX_MS[self.side_px]

    def to_json(self) -> dict[str, Any]:
        """All of it, with target and outcome."""
        figures = {
            key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()
        }
        return figures | {"target": self.target or None, "met": self.met}


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """The whole table; `notes`: what was asked for and could not be measured, and why."""

    machine: Machine
    onnxruntime: str
    rounds: int
    rows: tuple[DetectorRow, ...]
    notes: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Every target was measured at least once, and none was missed."""
        measured = {row.side_px for row in self.rows if row.target}
        return measured == {*RATIO_MAX, *OVERHEAD_MAX_MS} and all(row.met is not False for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "benchmark": "detector",
            "machine": self.machine.to_json(),
            "onnxruntime": self.onnxruntime,
            "rounds": self.rounds,
            "rows": [row.to_json() for row in self.rows],
            "notes": list(self.notes),
            "met": self.met,
        }


def print_result(result: DetectorResult, console: Console) -> None:
    """The table for people."""
    console.print(_table(result.rows))
    for note in result.notes:
        console.print(f"note: {note}", markup=False)
    machine = ", ".join(f"{key} {value}" for key, value in result.machine.to_json().items())
    console.print(f"machine: {machine}, onnxruntime {result.onnxruntime}")
    console.print("every target met" if result.met else "a target was missed, or could not be measured")


def _table(rows: Sequence[DetectorRow]) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title="picture to detections, beside the bare graph",
        caption="ms of one picture; ratio and overhead: medians of the rounds, in brackets of processor "
        "time; lev.: levelled; xN: threads, pictures together",
    )
    for name in ("model", "runs on", "frames"):
        table.add_column(name, no_wrap=True)
    for name in ("bare", "ours", "ratio", "overhead", "target"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("met")
    for row in rows:
        table.add_row(
            f"{row.precision} {row.side_px}{' lev.' if row.levelled else ''}",
            f"{row.provider} x{row.threads}",
            f"{row.pixels} x{row.batch}",
            f"{row.raw_ms:.2f}",
            f"{row.ours_ms:.2f}",
            f"{row.overhead_ratio:.2f} ({row.cpu_ratio:.2f})",
            f"{row.overhead_ms:.2f} ({row.cpu_overhead_ms:.2f})",
            row.target.removeprefix("<= "),
            "" if row.met is None else "yes" if row.met else "NO",
        )
    return table
