"""Comparison (a): one ONNX file, one provider, the same threads, pictures already at the model's size.

The file carries both contracts, ours and ultralytics' metadata. Ours levels nothing here, for ultralytics
cannot: both see the same pixels, and must find the same. Neighbours: `rival` runs ultralytics, `result` holds
the targets.
"""

from __future__ import annotations

import gc
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.extra import require_training
from datasets.synthetic.bank import BANK_DIR, BallBank
from training.peers.result import Compared, Difference
from training.peers.rival import Rival, metadata_for
from vision.contract import ModelContract, contract_from_metadata
from vision.detector import Detector, session_options
from vision.errors import ContractError
from vision.preprocess import preprocess
from vision.providers import choose_provider, open_session
from vision.statistics.in_turn import InTurn, Work, in_turn
from vision.types import Detections, UInt8Array

#: boxes that a picture has in the middle at the score limit that is taken
_BOXES = 5
#: findings whose scores lie so near to the limit may fall to either side of it
SCORE_OFF, BOX_OFF_PX = 1e-4, 0.02


@dataclass(frozen=True, slots=True)
class SameFilePlan:
    """One comparison: the ONNX file's content (FP32), its name, threads, pictures, rounds and seed."""

    content: bytes
    name: str
    threads: int
    pictures: int
    rounds: int
    seed: int


def compare_same_file(plan: SameFilePlan, step: Callable[[], object]) -> Compared:
    """Time both, and compare what they find.

    Args:
        plan: what to compare.
        step: called after every round.

    Raises:
        ContractError: the file has no contract that ultralytics could keep, too.
        FerrogateError: the training extra is missing.
    """
    require_training("onnx", "torch", "ultralytics")
    cv2.setNumThreads(1)
    content, contract = for_both(plan.content, plan.name)
    side_px = contract.input.width_px
    pictures = ball_pictures(plan.pictures, side_px, plan.seed)
    # As ultralytics' session: several threads may spin.
    detector = Detector(content, plan.name, threads=plan.threads, spinning=plan.threads > 1)
    conf = score_limit([detector.detect(picture, 0.0) for picture in pictures])
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        file = Path(folder) / "both.onnx"
        file.write_bytes(content)
        rival = Rival(file, side_px, conf, plan.threads)
        ours = [detector.detect(picture, conf) for picture in pictures]
        theirs = rival.found(pictures, contract.labels, lambda: None)
        works = {
            "theirs": rival.calls(pictures),
            "ours": _ours(detector, pictures, conf),
            "handed over": rival.handed_over(pictures),
            "bare": _bare(content, contract, plan.threads, pictures),
        }
        if plan.threads > 1:
            # As the line opens it.
            asleep = Detector(content, plan.name, threads=plan.threads)
            works["ours asleep"] = _ours(asleep, pictures, conf)
        timed = timed_in_turn(works, plan.rounds, step)
    return Compared.of(
        f"same file, {side_px} px",
        timed,
        threads=plan.threads,
        frames=len(pictures),
        difference=difference(ours, theirs, conf),
        facts=_beside(timed),
    )


def for_both(content: bytes, name: str) -> tuple[bytes, ModelContract]:
    """The file with a contract without levelling and with ultralytics' metadata, for one picture.

    Raises:
        ContractError: pictures are prepared in a way that ultralytics has not.
    """
    import onnx

    model = onnx.load_from_string(content)
    contract = contract_from_metadata({item.key: item.value for item in model.metadata_props}, where=name)
    spec = contract.input
    usual = (spec.colour, spec.pad_value, spec.letterbox_anchor, spec.mean) == (
        "rgb",
        114,
        "centre",
        (0.0,) * 3,
    )
    if not usual or abs(spec.scale - 1.0 / 255.0) > 1e-9 or spec.width_px != spec.height_px:
        raise ContractError(
            "its pictures are prepared in a way that ultralytics has not",
            where=name,
            todo="give a file of the ball or the rail station",
        )
    if contract.precision != "fp32":
        raise ContractError("only FP32 files are compared", where=name, todo="give the FP32 file")
    plain = contract.model_dump() | {"station": "other", "rail": None, "golden_sha256": ""}
    plain["input"] |= {"level": None}
    made = ModelContract.model_validate(plain)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, made.to_metadata() | metadata_for(made.labels, spec.width_px))
    return bytes(model.SerializeToString()), made


def ball_pictures(count: int, side_px: int, seed: int) -> list[UInt8Array]:
    """Rendered balls of the package's bank before a bright background, (S, S, 3) bgr8."""
    bank = BallBank(BANK_DIR)
    rng = np.random.default_rng(seed)
    pictures = []
    for number in rng.permutation(len(bank.index.balls))[:count]:
        views = list(bank.views(bank.index.balls[int(number)]))
        view = views[int(rng.integers(len(views)))]
        share = view.alpha.astype(np.float32) / 255.0
        grey = view.grey * share + 200.0 * (1.0 - share)
        small = cv2.resize(np.rint(grey).astype(np.uint8), (side_px, side_px), interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), np.uint8))
    return pictures


def score_limit(found: Sequence[Detections]) -> float:
    """A score that the middle picture has `_BOXES` findings above, and no picture one very near to."""
    wanted = float(np.median([one.score[min(_BOXES, len(one)) - 1] for one in found if len(one)]))
    scores = np.sort(np.concatenate([one.score for one in found]).astype(np.float64))
    gaps = np.diff(scores)
    wide = np.flatnonzero(gaps > 4.0 * SCORE_OFF)
    if not len(wide):
        return wanted
    middles = (scores[wide] + scores[wide + 1]) / 2.0
    return float(middles[np.argmin(np.abs(middles - wanted))])


def difference(ours: Sequence[Detections], theirs: Sequence[Detections], conf: float) -> Difference:
    """How far findings lie apart, each of ours beside the nearest of theirs of its class.

    Those that only one side has count unless their score lies at the limit itself.
    """
    score_off = box_off = 0.0
    boxes = alone = 0
    for mine, other in zip(ours, theirs, strict=True):
        free = set(range(len(other)))
        for at in range(len(mine)):
            same = [k for k in free if other.class_id[k] == mine.class_id[at]]
            off = {k: float(np.abs(mine.xyxy_px[at] - other.xyxy_px[k]).max()) for k in same}
            best = min(off, key=lambda k: (off[k], abs(mine.score[at] - other.score[k])), default=None)
            if best is None:
                alone += int(mine.score[at] - conf > SCORE_OFF)
                continue
            free.discard(best)
            boxes += 1
            box_off = max(box_off, off[best])
            score_off = max(score_off, abs(float(mine.score[at]) - float(other.score[best])))
        alone += sum(int(other.score[k] - conf > SCORE_OFF) for k in free)
    return Difference(boxes, alone, score_off, box_off)


def timed_in_turn(works: dict[str, Work], rounds: int, step: Callable[[], object]) -> InTurn:
    """`in_turn` with this process's clocks, the garbage collector at rest."""
    gc.collect()
    gc.disable()
    try:
        return in_turn(works, rounds, wall=time.perf_counter, cpu=time.process_time, turn_s=0.2, step=step)
    finally:
        gc.enable()


def _bare(content: bytes, contract: ModelContract, threads: int, pictures: Sequence[UInt8Array]) -> Work:
    """The graph alone, its session as ours and theirs, on tensors that are ready."""
    choice = choose_provider("cpu", allow_fallback=False)
    session = open_session(content, session_options(threads, spinning=threads > 1), choice, threads)
    feeds = itertools.cycle(
        [{contract.input.name: preprocess(picture, contract.input)[0]} for picture in pictures]
    )

    def work(calls: int) -> None:
        for _ in range(calls):
            session.run([contract.output.name], next(feeds))

    return work


def _beside(timed: InTurn) -> dict[str, object]:
    """Ratios without a target: beside pictures handed over, the graph alone, and with threads that sleep.

    `cpu_theirs_over_bare` bounds what anybody could win: the graph is the same.
    """
    facts: dict[str, object] = {
        "frames_ratio_handed_over": round(1.0 / timed.wall_ratio("ours", "handed over"), 3),
        "cpu_ratio_handed_over": round(timed.cpu_ratio("ours", "handed over"), 3),
    }
    for name in ("ours", "theirs"):
        facts[f"cpu_{name}_over_bare"] = round(timed.cpu_ratio(name, "bare"), 3)
    if "ours asleep" in timed.wall_s:
        facts["frames_ratio_asleep"] = round(1.0 / timed.wall_ratio("ours asleep", "theirs"), 3)
        facts["cpu_ratio_asleep"] = round(timed.cpu_ratio("ours asleep", "theirs"), 3)
    return facts


def _ours(detector: Detector, pictures: Sequence[UInt8Array], conf: float) -> Work:
    taken = itertools.cycle(pictures)

    def work(calls: int) -> None:
        for _ in range(calls):
            detector.detect(next(taken), conf)

    return work
