"""Comparison (b): the same task on whole line frames of 640 px, each side in its own way.

Ultralytics looks at the whole frame with its stock export; ours finds the balls first and looks at them at
ball size. Both are scored on the same rendered frames of balls that neither has seen, in frame pixels.
Neighbours: `line_frames` lays the frames out, `stock` trains, `route` is our way.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.pictures import grey, read_picture
from datasets.records import DataSet
from datasets.scoring.coco import coco_figures, mean_ap
from datasets.scoring.pictures import Scored, scored_picture
from training.peers.line_frames import SIDE_PX, build_frames
from training.peers.result import Compared, Precision
from training.peers.rival import Rival
from training.peers.route import look_at_frame
from training.peers.same_file import timed_in_turn
from training.peers.stock import Stock
from vision.detector import Detector
from vision.errors import ConfigError
from vision.statistics.in_turn import Work
from vision.types import Detections, UInt8Array

#: from this score on findings count for the average precision, as in ultralytics' own validation
LEAST_SCORE = 0.001
#: and from this on while the time is taken
TIMED_SCORE = 0.05
_TIMED_FRAMES = 32


@dataclass(frozen=True, slots=True)
class LineTaskPlan:
    """One comparison: model, test set of crops, stock recipe, frames scored, threads, rounds and seed.

    `whole`: our own network at the frames' size in a file that ultralytics can run, for its precision only:
    it tells how much of a difference is the training's and how much the route's. None: left out.
    """

    model: bytes
    model_name: str
    whole: bytes | None
    ball_set: Path
    stock: Stock
    frames: int
    threads: int
    rounds: int
    seed: int


def compare_line_task(plan: LineTaskPlan, step: Callable[[], object]) -> Compared:
    """Lay the frames out, score both on them, time both.

    Args:
        plan: what to compare.
        step: called after every frame that is laid out or scored, and after every round.

    Raises:
        ConfigError: the set has nothing to lay out, or the stock recipe knows other labels.
        ContractError: the model is not of the ball station.
        DataError: a picture cannot be read.
        FerrogateError: the training extra is missing.
    """
    cv2.setNumThreads(1)
    detector = Detector(plan.model, plan.model_name, station="ball", threads=plan.threads)
    labels = detector.contract.labels
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        out = Path(folder) / "frames"
        data = build_frames(plan.ball_set, out, ("test",), plan.seed, step=step, most=plan.frames)
        if data.labels != labels:
            raise ConfigError(
                "the frames have other labels than the model",
                where=str(plan.ball_set),
                todo="give the set that belongs to it",
            )
        pictures = [grey(read_picture(out / one.file)) for one in data.samples]
    diameter_px = float(np.median([float(one.truth["diameter_px"] or 0.0) for one in data.samples]))
    precision = _precision(detector, plan, data, pictures, diameter_px, step)
    timed = pictures[:_TIMED_FRAMES]
    # Colour is what it takes; that a mono camera's frame has to be made colour first is not counted.
    colour = [np.asarray(cv2.cvtColor(one, cv2.COLOR_GRAY2BGR), np.uint8) for one in timed]
    rival = Rival(plan.stock.file, SIDE_PX, TIMED_SCORE, plan.threads)
    works = {"theirs": rival.calls(colour), "ours": _ours(detector, timed, diameter_px)}
    return Compared.of(
        f"same task, line frames of {SIDE_PX} px",
        timed_in_turn(works, plan.rounds, step),
        threads=plan.threads,
        frames=len(timed),
        precision=precision,
        facts={
            "ours": f"{plan.model_name} ({detector.sha256[:12]}), {detector.contract.precision}, "
            f"{detector.contract.input.width_px} px",
            "theirs": f"{plan.stock.recipe} ({plan.stock.sha256[:12]})",
            "trained_cpu_min": round(plan.stock.cpu_s / 60.0, 1),
            "balls_a_frame": round(float(np.mean([_balls(one.truth["balls"]) for one in data.samples])), 2),
        },
    )


def _precision(
    detector: Detector,
    plan: LineTaskPlan,
    data: DataSet,
    pictures: Sequence[UInt8Array],
    diameter_px: float,
    step: Callable[[], object],
) -> Precision:
    ours, without = [], 0
    for picture in pictures:
        found, balls = look_at_frame(picture, detector, diameter_px, LEAST_SCORE)
        ours.append(found)
        without += not balls
        step()
    return Precision(
        ours_map50=_map50(data, ours),
        theirs_map50=_of_whole_frames(plan.stock.file, plan.threads, data, pictures, step),
        whole_map50=_of_network(plan, data, pictures, step),
        frames=len(pictures),
        objects=sum(len(one.boxes) for one in data.samples),
        without_ball=without,
    )


def _of_whole_frames(
    file: Path, threads: int, data: DataSet, pictures: Sequence[UInt8Array], step: Callable[[], object]
) -> float:
    """mAP50 of a file in ultralytics' hands."""
    rival = Rival(file, SIDE_PX, LEAST_SCORE, threads)
    colour = (np.asarray(cv2.cvtColor(one, cv2.COLOR_GRAY2BGR), np.uint8) for one in pictures)
    return _map50(data, rival.found(colour, data.labels, step))


def _of_network(
    plan: LineTaskPlan, data: DataSet, pictures: Sequence[UInt8Array], step: Callable[[], object]
) -> float | None:
    if plan.whole is None:
        return None
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        file = Path(folder) / "whole.onnx"
        file.write_bytes(plan.whole)
        return _of_whole_frames(file, plan.threads, data, pictures, step)


def _map50(data: DataSet, found: Sequence[Detections]) -> float:
    pictures = tuple(scored_picture(one, boxes) for one, boxes in zip(data.samples, found, strict=True))
    return mean_ap(coco_figures(Scored(data.labels, pictures)))[0]


def _ours(detector: Detector, pictures: Sequence[UInt8Array], diameter_px: float) -> Work:
    taken = itertools.cycle(pictures)

    def work(calls: int) -> None:
        for _ in range(calls):
            look_at_frame(next(taken), detector, diameter_px, TIMED_SCORE)

    return work


def _balls(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 1.0
