"""What `ferrogate bench peers` found: figures, targets, table and JSON.

Neighbours: `same_file`, `line_task`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from vision.statistics.in_turn import InTurn


@dataclass(frozen=True, slots=True)
class Target:
    """What ours must keep beside theirs: frames/s over theirs at least, processor time a frame at most."""

    frames_ratio_min: float
    cpu_ratio_max: float


#: (a) the same file on the same pictures; (b) the same task on whole line frames
TARGETS: dict[str, Target] = {"a": Target(1.15, 0.87), "b": Target(2.5, 0.5)}
SCORE_OFF_MAX, BOX_OFF_MAX_PX = 1e-4, 0.02
#: mAP50 in frame pixels may be lower than theirs by this
MAP50_LOWER_MAX = 0.005


@dataclass(frozen=True, slots=True)
class Difference:
    """Findings of both sides on the same pictures: compared, on one side alone, largest differences."""

    boxes: int
    alone: int
    score: float
    box_px: float

    @property
    def met(self) -> bool:
        """There was something to compare, and it was equal."""
        equal = self.score <= SCORE_OFF_MAX and self.box_px <= BOX_OFF_MAX_PX
        return self.boxes > 0 and not self.alone and equal


@dataclass(frozen=True, slots=True)
class Precision:
    """mAP50 of both on the same frames, in frame pixels.

    Attributes:
        whole_map50: of our own network on whole frames in ultralytics' hands, where it was tried: no target,
            but it tells what of a difference is the training's and what the route's.
        frames, objects: scored, and the labelled marks in them.
        without_ball: frames where ours found no ball.
    """

    ours_map50: float
    theirs_map50: float
    whole_map50: float | None
    frames: int
    objects: int
    without_ball: int

    @property
    def met(self) -> bool:
        """Ours is not lower by more than the allowed."""
        return self.theirs_map50 - self.ours_map50 <= MAP50_LOWER_MAX


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison.

    Attributes:
        kind: 'a' or 'b'.
        ours_ms, theirs_ms, ours_cpu_ms, theirs_cpu_ms: of one frame, medians.
        frames_ratio: our frames/s over theirs, median of the rounds.
        cpu_ratio: our processor time a frame over theirs, median of the rounds.
        facts: what was compared with what.
    """

    kind: Literal["a", "b"]
    name: str
    threads: int
    frames: int
    ours_ms: float
    theirs_ms: float
    ours_cpu_ms: float
    theirs_cpu_ms: float
    frames_ratio: float
    cpu_ratio: float
    difference: Difference | None = None
    precision: Precision | None = None
    facts: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        timed: InTurn,
        *,
        threads: int,
        frames: int,
        difference: Difference | None = None,
        precision: Precision | None = None,
        facts: dict[str, object] | None = None,
    ) -> Compared:
        """From times of 'ours' and 'theirs'; (a) where findings were compared, (b) where precision was."""
        return cls(
            kind="a" if difference is not None else "b",
            name=name,
            threads=threads,
            frames=frames,
            ours_ms=timed.wall_ms("ours"),
            theirs_ms=timed.wall_ms("theirs"),
            ours_cpu_ms=timed.cpu_ms("ours"),
            theirs_cpu_ms=timed.cpu_ms("theirs"),
            frames_ratio=1.0 / timed.wall_ratio("ours", "theirs"),
            cpu_ratio=timed.cpu_ratio("ours", "theirs"),
            difference=difference,
            precision=precision,
            facts=facts or {},
        )

    @property
    def met(self) -> bool:
        """Fast enough, and not worse."""
        target = TARGETS[self.kind]
        fast = self.frames_ratio >= target.frames_ratio_min and self.cpu_ratio <= target.cpu_ratio_max
        equal = self.difference is None or self.difference.met
        return fast and equal and (self.precision is None or self.precision.met)

    def to_json(self) -> dict[str, Any]:
        """All of it, with frames/s, target and outcome."""
        return {
            **asdict(self),
            "ours_frames_per_s": round(1e3 / self.ours_ms, 2),
            "theirs_frames_per_s": round(1e3 / self.theirs_ms, 2),
            "target": asdict(TARGETS[self.kind]),
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class PeersResult:
    """All comparisons, what they were measured on, and what could not be compared."""

    machine: dict[str, object]
    packages: dict[str, str]
    rounds: int
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Both comparisons were made, and every one keeps its targets."""
        both = {one.kind for one in self.compared} == set(TARGETS)
        return both and all(one.met for one in self.compared)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "benchmark": "peers",
            "machine": self.machine,
            "packages": self.packages,
            "rounds": self.rounds,
            "compared": [one.to_json() for one in self.compared],
            "notes": list(self.notes),
            "met": self.met,
        }


def print_result(result: PeersResult, console: Console) -> None:
    """The tables for people."""
    console.print(_table(result.compared))
    for one in result.compared:
        console.print(f"{one.name}, {one.threads} threads: {_words(one)}", markup=False)
    for note in result.notes:
        console.print(f"note: {note}", markup=False)
    facts = {**result.machine, **result.packages}
    console.print("machine: " + ", ".join(f"{key} {value}" for key, value in facts.items()), markup=False)
    console.print("every target met" if result.met else "a target was missed, or could not be measured")


def _words(one: Compared) -> str:
    if one.difference is not None:
        off = one.difference
        return (
            f"{off.boxes} findings compared, {off.alone} on one side alone; scores within {off.score:.1g}, "
            f"boxes within {off.box_px:.1g} px; " + _said(one.facts)
        )
    if one.precision is None:
        return ""
    found, network = one.precision, ""
    if found.whole_map50 is not None:
        network = f", our own network on whole frames {found.whole_map50:.3f}"
    return (
        f"mAP50 in frame pixels {found.ours_map50:.3f}, theirs {found.theirs_map50:.3f}{network} "
        f"({found.objects} objects in {found.frames} frames; no ball found in {found.without_ball}); "
        + _said(one.facts)
    )


def _said(facts: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def _table(rows: Sequence[Compared]) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title="ferrogate beside ultralytics",
        caption="ms of one frame; ratios: medians of the rounds",
    )
    table.add_column("comparison")
    for name in ("threads", "ours", "theirs", "ours, CPU", "theirs, CPU", "frames/s", "CPU a frame"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("met")
    for row in rows:
        target = TARGETS[row.kind]
        table.add_row(
            f"({row.kind}) {row.name}",
            str(row.threads),
            f"{row.ours_ms:.2f}",
            f"{row.theirs_ms:.2f}",
            f"{row.ours_cpu_ms:.2f}",
            f"{row.theirs_cpu_ms:.2f}",
            f"{row.frames_ratio:.2f} (>= {target.frames_ratio_min:g})",
            f"{row.cpu_ratio:.2f} (<= {target.cpu_ratio_max:g})",
            "yes" if row.met else "NO",
        )
    return table
