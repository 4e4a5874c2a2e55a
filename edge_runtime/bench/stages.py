"""`ferrogate bench stages`: what one view, and one ball, costs the station, stage by stage.

Stored views go through the station's own functions, one stage after the other over all views, in one thread;
processor time is counted, so that other work on the machine does not count (though it slows caches and
shared cores). Neighbours: `recorded` draws the views; `loop` measures the running line.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import cv2
from rich.console import Console
from rich.table import Table

from edge_runtime.bench.machine import Machine, this_machine
from edge_runtime.entries import PartEntry, to_json
from edge_runtime.journal.framing import frame as framed
from edge_runtime.plc import registers as reg
from edge_runtime.plc.records import pack_slot
from edge_runtime.shm_ring import RingReader, RingWriter
from edge_runtime.station.eyes import FrameEyes
from edge_runtime.station.rows import InForce, Stamp, judged_entry, verdict_record
from edge_runtime.station.session import open_detector
from edge_runtime.twin.recorded import Recorded, StoredView, draw, line_settings
from vision.ball import PlacedView, measure_view, place_view, size_view, with_boxes
from vision.ball_outline import Found
from vision.detector import Detector
from vision.judge import judge
from vision.preprocess import empty_input, letterbox_image, preprocess
from vision.types import Detections, Inspection, Verdict, ViewFindings

T = TypeVar("T")
_WARM_ROUNDS = 1


@dataclass(slots=True)
class Stages:
    """Processor seconds by stage, and how often each ran.

    `per`: 'frame', 'view' or 'ball'.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    per: dict[str, str] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)

    def timed(self, name: str, per: str, work: Callable[[], T], *, inside: bool = False) -> T:
        """Run and count; `inside`: part of the stage before, not added to the sum."""
        began = time.process_time()
        result = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began
        self.per[name] = per
        if inside:
            self.inside.add(name)
        return result


@dataclass(frozen=True, slots=True)
class StagesResult:
    """The profile: ms of processor time by stage, counts, and on what it was measured."""

    machine: Machine
    model_sha256: str
    pictures_together: int
    frames: int
    views: int
    balls: int
    rounds: int
    stages: Stages

    def ms_per_view(self, name: str) -> float:
        """A stage's share of one view, ms."""
        return self.stages.seconds[name] * 1e3 / (self.rounds * self.views)

    @property
    def total_ms(self) -> float:
        """One view, all in all, ms."""
        return sum(self.ms_per_view(name) for name in self.stages.seconds if name not in self.stages.inside)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "cpu_ms_per_view": round(self.total_ms, 3),
            "stages_ms_per_view": {name: round(self.ms_per_view(name), 4) for name in self.stages.seconds},
            "inside": sorted(self.stages.inside),
            "frames": self.frames,
            "views": self.views,
            "balls": self.balls,
            "rounds": self.rounds,
            "pictures_together": self.pictures_together,
            "model_sha256": self.model_sha256,
            "machine": self.machine.to_json(),
        }


def run_stages(
    balls: int,
    rounds: int,
    seed: int,
    *,
    diameter_mm: float,
    lanes: int = 1,
    model: str,
    step: Callable[[], None],
) -> StagesResult:
    """Draw the views and measure.

    Args:
        balls: drawn.
        rounds: how often all views go through.
        seed: of the balls.
        diameter_mm: nominal.
        lanes: more than one: lanes for small balls at speed.
        model: ONNX file, or the name of a shipped one.
        step: called after every round.

    Raises:
        ConfigError, ContractError: bank or model cannot be used.
    """
    cv2.setNumThreads(1)
    machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        drawn = draw(
            line_settings(Path(folder), balls, seed, diameter_mm=diameter_mm, lanes=lanes), model=model
        )
        opened = open_detector(drawn.config.detector)
        stages = Stages()
        gc.collect()
        gc.disable()
        try:
            for number in range(_WARM_ROUNDS + rounds):
                one = Stages() if number < _WARM_ROUNDS else stages
                _round(drawn, opened.detector, opened.sha256, one)
                step()
        finally:
            gc.enable()
    return StagesResult(
        machine=machine,
        model_sha256=opened.sha256,
        pictures_together=opened.detector.pictures_max,
        frames=len(drawn.frames),
        views=len(drawn.views),
        balls=len(drawn.parts),
        rounds=rounds,
        stages=stages,
    )


def _round(drawn: Recorded, detector: Detector, sha256: str, stages: Stages) -> None:
    _frames_in(drawn, stages)
    timed, recipe, contract = stages.timed, drawn.recipe, detector.contract
    views = drawn.views
    placed = timed("find ball, crop", "view", lambda: [place_view(v.view, recipe, contract) for v in views])
    boxes = _detect(placed, detector, stages)
    measured = timed("measure outline", "view", lambda: [measure_view(item, recipe) for item in placed])
    found = timed(
        "size in mm",
        "view",
        lambda: [
            _findings(drawn, *row, detector) for row in zip(views, placed, measured, boxes, strict=True)
        ],
    )
    for one, findings in zip(views, found, strict=True):
        one.due.findings = findings
    seen = [part for part in drawn.parts if part.complete]
    inspections = timed("fuse, coverage", "ball", lambda: [drawn.gauges.fused(part) for part in seen])
    verdicts = timed(
        "judge", "ball", lambda: [_judged(drawn, item, detector, sha256) for item in inspections]
    )
    _books(drawn, seen, inspections, verdicts, sha256, stages)


def _frames_in(drawn: Recorded, stages: Stages) -> None:
    """What every frame costs before anything is looked for in it."""
    largest = max(frame.image.nbytes for frame in drawn.frames)
    writer = RingWriter("ferrogate-bench-stages", 4, largest)
    try:
        reader = RingReader(writer.name)
        try:
            for frame in drawn.frames:
                height, width = frame.image.shape[:2]
                writer.write({"height": height, "width": width, "pixel_format": "mono8"}, frame.image)
                stages.timed("take from ring", "frame", lambda: reader.read(0.0))
        finally:
            reader.close()
    finally:
        writer.close()
    eyes = {
        camera.name: FrameEyes(camera, drawn.views[0].view.diameter_px) for camera in drawn.config.cameras
    }
    health = stages.timed(
        "frame health", "frame", lambda: [eyes[frame.camera].health(frame) for frame in drawn.frames]
    )
    levels = [item.figures["background"] for item in health]
    stages.timed(
        "strays",
        "frame",
        lambda: [eyes[f.camera].regions(f, level) for f, level in zip(drawn.frames, levels, strict=True)],
    )


def _detect(placed: Sequence[PlacedView], detector: Detector, stages: Stages) -> list[Detections | None]:
    crops = [item.crop for item in placed if item.crop is not None]
    spec, together = detector.contract.input, detector.pictures_max

    def in_runs() -> list[Detections]:
        return [
            boxes
            for first in range(0, len(crops), together)
            for boxes in detector.detect_many(crops[first : first + together])
        ]

    found = iter(stages.timed("detector", "view", in_runs))
    buffer = empty_input(spec)
    stages.timed(
        "detector: letterbox", "view", lambda: [letterbox_image(crop, spec) for crop in crops], inside=True
    )
    stages.timed(
        "detector: letterbox, level, tensor",
        "view",
        lambda: [preprocess(crop, spec, buffer) for crop in crops],
        inside=True,
    )
    return [None if item.crop is None else next(found) for item in placed]


def _findings(
    drawn: Recorded,
    one: StoredView,
    placed: PlacedView,
    measured: Found,
    boxes: Detections | None,
    detector: Detector,
) -> ViewFindings:
    gauge = drawn.gauges.of(one.part, one.view.camera)
    sized = size_view(placed, measured, detector.contract.labels, gauge)
    return sized if boxes is None else with_boxes(placed, sized, boxes)


def _judged(drawn: Recorded, inspection: Inspection, detector: Detector, sha256: str) -> Verdict:
    hashes = {"model_sha256": sha256, "recipe_sha256": ""}
    return judge(inspection, drawn.recipe, detector.contract, **hashes)


def _books(
    drawn: Recorded,
    seen: Sequence[Any],
    inspections: Sequence[Inspection],
    verdicts: Sequence[Verdict],
    sha256: str,
    stages: Stages,
) -> None:
    in_force = InForce("bench", "bench", drawn.recipe.sha256(), sha256, drawn.gauges.content_sha256())
    stamp = Stamp(time.time_ns(), "bench")
    rows = list(zip(seen, inspections, verdicts, strict=True))

    def entries() -> list[PartEntry]:
        return [judged_entry(part, found, verdict, in_force, 0, stamp) for part, found, verdict in rows]

    def slots() -> list[list[int]]:
        records = [verdict_record(part, verdict.decision, verdict.first_reason) for part, _, verdict in rows]
        return [pack_slot(reg.VERDICT_RING, at, record) for at, record in enumerate(records)]

    stages.timed("verdict to registers", "ball", slots)
    written = stages.timed("journal entry", "ball", entries)
    stages.timed(
        "journal encode",
        "ball",
        lambda: [framed(to_json(entry)) for entry in written],
    )


def print_stages(result: StagesResult, console: Console) -> None:
    """For people."""
    table = Table(title="processor time of the station, ms per view")
    for head in ("stage", "per", "ms per view", "share"):
        table.add_column(head, justify="right" if head.startswith(("ms", "share")) else "left")
    for name in result.stages.seconds:
        ms = result.ms_per_view(name)
        inside = name in result.stages.inside
        share = "" if inside else f"{ms / result.total_ms:.0%}"
        table.add_row(f"  {name}" if inside else name, result.stages.per[name], f"{ms:.3f}", share)
    table.add_row("all", "", f"{result.total_ms:.3f}", "100%")
    console.print(table)
    console.print(
        f"{result.balls} balls, {result.views} views, {result.frames} frames, {result.rounds} rounds; "
        f"{result.pictures_together} pictures in a run of the detector; model {result.model_sha256[:12]}"
    )
    machine = result.machine
    console.print(f"{machine.processor}, {machine.cores} cores, load {machine.load_1_min} at the start")
