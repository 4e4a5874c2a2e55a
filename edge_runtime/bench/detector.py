"""`ferrogate bench detector`: what the detector adds to the bare network, before and behind it.

The bare graph is run on a tensor that is ready; beside it, turn by turn, our `Detector` goes from pictures to
typed detections with the same file, provider, threads and number of pictures. What the graph does is the same
in both, so the difference is letterbox, levelling, tensor, reading and checking of the boxes. Neighbours:
`detector_files` finds the files, `detector_result` holds targets and table, `vision.statistics.in_turn` the
turns.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import onnxruntime as ort

from edge_runtime.bench.detector_result import DetectorRow
from edge_runtime.models import ModelFile
from vision.detector import Detector, session_options
from vision.preprocess import preprocess
from vision.providers import choose_provider, open_session
from vision.statistics.in_turn import InTurn, Work, in_turn
from vision.types import Float32Array, UInt8Array

#: pictures that are taken in turn
_PICTURES = 4
#: boxes that every picture is made to give: the score limit lies at the last of them
BOXES = 5
PIXELS = ("mono8", "bgr8")


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """What is measured: every model with every provider, number of threads and of pictures, and pixel format.

    `rounds`: of turns, each there and back.
    """

    models: tuple[ModelFile, ...]
    providers: tuple[str, ...]
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    pixels: tuple[str, ...]
    rounds: int
    seed: int

    def cases(self) -> Iterator[tuple[ModelFile, str, int, int, str]]:
        """Every row: model, provider, threads, pictures together, pixel format."""
        for model in self.models:
            for provider in self.providers:
                for threads in self.threads:
                    for batch in self.batches:
                        for pixels in self.pixels:
                            yield model, provider, threads, batch, pixels


def run_detector(plan: DetectorPlan, step: Callable[[], object]) -> tuple[DetectorRow, ...]:
    """Measure every row that can be.

    A file that takes one picture only has no rows with more of them.

    Args:
        plan: what to measure.
        step: called after every case, measured or not.

    Raises:
        ContractError: a model cannot be used.
        ProviderError: a provider is missing.
    """
    cv2.setNumThreads(1)
    rows = []
    for model, provider, threads, batch, pixels in plan.cases():
        detector = Detector(model.data, model.name, provider=provider, threads=threads, spinning=threads > 1)
        if batch <= detector.pictures_max:
            fp32 = _fp32_of(detector, plan.models)
            rows.append(_row(detector, model, fp32, provider, threads, batch, pixels, plan))
        step()
    return tuple(rows)


def _row(
    detector: Detector,
    model: ModelFile,
    fp32: ModelFile | None,
    provider: str,
    threads: int,
    batch: int,
    pixels: str,
    plan: DetectorPlan,
) -> DetectorRow:
    spec = detector.contract.input
    pictures = drawn_pictures(spec.height_px, spec.width_px, pixels, plan.seed)
    ready = [preprocess(picture, spec)[0] for picture in pictures]
    limit = min(_limit(detector, picture) for picture in pictures)
    works = {"raw": bare_run(model.data, provider, threads, ready, batch)}
    if fp32 is not None:
        works["fp32"] = bare_run(fp32.data, provider, threads, ready, batch)
    works["ours"] = our_run(detector, pictures, batch, limit)
    timed = _timed(works, plan.rounds)
    found = [len(detector.detect(picture, limit)) for picture in pictures]
    return DetectorRow(
        model=model.name,
        model_sha256=model.sha256,
        provider=detector.provider,
        precision=detector.contract.precision,
        side_px=spec.width_px,
        levelled=spec.level is not None,
        pixels=pixels,
        threads=threads,
        batch=batch,
        boxes=float(np.mean(found)),
        raw_ms=timed.wall_ms("raw") / batch,
        ours_ms=timed.wall_ms("ours") / batch,
        overhead_ratio=timed.wall_ratio("ours", "raw"),
        overhead_ms=timed.wall_more_ms("ours", "raw") / batch,
        raw_cpu_ms=timed.cpu_ms("raw") / batch,
        ours_cpu_ms=timed.cpu_ms("ours") / batch,
        cpu_ratio=timed.cpu_ratio("ours", "raw"),
        cpu_overhead_ms=timed.cpu_more_ms("ours", "raw") / batch,
        over_fp32_ratio=timed.wall_ratio("ours", "fp32") if fp32 is not None else None,
    )


def _timed(works: dict[str, Work], rounds: int) -> InTurn:
    gc.collect()
    gc.disable()
    try:
        return in_turn(works, rounds, wall=time.perf_counter, cpu=time.process_time)
    finally:
        gc.enable()


def bare_run(
    content: bytes, provider: str, threads: int, tensors: Sequence[Float32Array], batch: int
) -> Work:
    """Runs of the graph alone, session set up as our detector's, on tensors that are ready.

    Several threads may spin, in ours, too: here they have the machine to themselves, as ONNX Runtime's
    defaults take for granted.

    Args:
        content: ONNX file.
        provider: that runs it.
        threads: of it.
        tensors: (1, C, H, W) float32 each.
        batch: of them together in a run.

    Raises:
        ProviderError: it is not there.
    """
    choice = choose_provider(provider, allow_fallback=False)
    session: ort.InferenceSession = open_session(
        content, session_options(threads, spinning=threads > 1), choice, threads
    )
    name, outputs = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    feeds = [
        {name: np.concatenate([tensors[(first + k) % len(tensors)] for k in range(batch)])}
        for first in range(len(tensors))
    ]

    def work(calls: int) -> None:
        for number in range(calls):
            session.run(outputs, feeds[number % len(feeds)])

    return work


def our_run(detector: Detector, pictures: Sequence[UInt8Array], batch: int, min_score: float) -> Work:
    """Runs of our detector: pictures in, typed detections out.

    Args:
        detector: set up as at the line.
        pictures: taken in turn.
        batch: of them together in a call.
        min_score: boxes below it are left out.
    """
    together = [
        [pictures[(first + k) % len(pictures)] for k in range(batch)] for first in range(len(pictures))
    ]

    def work(calls: int) -> None:
        for number in range(calls):
            detector.detect_many(together[number % len(together)], min_score)

    return work


def drawn_pictures(height_px: int, width_px: int, pixels: str, seed: int) -> list[UInt8Array]:
    """Soft blotches with a bright disc and lines, (H, W) or (H, W, 3) uint8: something to look at."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(_PICTURES):
        shape = (height_px, width_px) if pixels == "mono8" else (height_px, width_px, 3)
        picture = cv2.GaussianBlur(rng.normal(110.0, 60.0, shape).astype(np.float32), (0, 0), 4.0)
        picture = (picture - 110.0) * 8.0 + 110.0
        side = min(height_px, width_px)
        cv2.circle(picture, (width_px // 2, height_px // 2), int(0.42 * side), (150.0,) * 3, side // 12)
        for _ in range(6):
            x0, y0, x1, y1 = (int(value) for value in rng.integers(0, side, 4))
            cv2.line(picture, (x0, y0), (x1, y1), (20.0,) * 3, max(1, side // 60))
        pictures.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return pictures


def _limit(detector: Detector, picture: UInt8Array) -> float:
    """The score of the last of the best `BOXES` boxes."""
    score = detector.detect(picture, 0.0).score
    return float(score[: max(1, min(BOXES, len(score)))][-1]) if len(score) else 0.0


def _fp32_of(detector: Detector, models: Sequence[ModelFile]) -> ModelFile | None:
    """The FP32 file that a file of lower precision was made from, where it is measured, too."""
    gate = detector.contract.gate
    return (
        None if gate is None else next((model for model in models if model.sha256 == gate.fp32_sha256), None)
    )
