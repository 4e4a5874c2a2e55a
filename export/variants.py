"""Files of lower precision, each kept only behind a gate: mAP50 on the val pictures and verdicts hardly move.

Neighbours: `export.quantise` makes them, `export.golden` compares verdicts, `export.export_run` writes
what is kept. Thresholds and calibration are the FP32 file's: the gate is the proof that they still hold,
and one product has one operating point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datasets.scoring.coco import coco_figures, mean_ap
from datasets.scoring.pictures import score_pictures
from export.golden import Verdicts, flips, most_flips, verdicts_of
from export.machine import speed_ratio, this_machine
from export.network import with_contract
from export.quantise import BlockLoss, bf16, quantiser
from export.run_data import InputPicture, LabelledFolder, looker
from vision.contract import ModelContract, VariantGate
from vision.detector import Detector
from vision.errors import ContractError
from vision.preprocess import preprocess
from vision.types import Float32Array

LARGEST_DROP = 0.01
#: How many of the worst blocks stay float, from attempt to attempt.
FLOAT_BLOCKS = (0, 1, 2, 4, 8)
#: bf16 is worth a file of its own when it is at least this much faster.
BF16_PAYS = 1.1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The FP32 file and how it does: what a variant is held against.

    Attributes:
        model: its graph, without metadata.
        content: the whole file.
        contract: its contract, with thresholds.
        map50: on the val pictures.
        val: the set they are of.
        golden: pictures that verdicts are compared on.
        verdicts: the FP32 file's on them.
    """

    model: Any
    content: bytes
    contract: ModelContract
    map50: float
    val: LabelledFolder
    golden: Sequence[InputPicture]
    verdicts: Verdicts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One form tried: blocks left in float, what it reached, and whether the gate let it pass."""

    float_blocks: tuple[str, ...]
    map50: float
    verdict_flips: int
    passed: bool


@dataclass(frozen=True, slots=True)
class Variant:
    """A file of lower precision that was tried.

    Attributes:
        precision: its name.
        content: the file; None: refused.
        why: why it was refused; empty when it was kept.
        attempts: in order; the last one is kept when one is.
        losses: per block, the worst first; empty where it was not measured.
        gate: what its contract says of it; None: refused.
    """

    precision: Literal["int8", "bf16"]
    content: bytes | None
    why: str
    attempts: tuple[Attempt, ...]
    losses: tuple[BlockLoss, ...]
    gate: VariantGate | None

    @property
    def float_blocks(self) -> tuple[str, ...]:
        """Blocks that resist: left in float by the last attempt."""
        return self.attempts[-1].float_blocks if self.attempts else ()


def map50_of(detector: Detector, val: LabelledFolder) -> float:
    """Mean AP50 on the val split, through the product's own route; nan without a labelled box."""
    scored = score_pictures(val.data, ["val"], val.folder, looker(detector), detector.contract.labels)
    return mean_ap(coco_figures(scored))[0]


def try_int8(reference: Reference, calibration: Sequence[InputPicture], say: Say) -> Variant:
    """INT8, with more and more of the worst blocks in float until the gate lets it pass.

    Args:
        reference: the FP32 file.
        calibration: pictures of the train split as the detector is given them, real ones where there are any.
        say: told what is being done.
    """
    spec = reference.contract.input
    tensors = [preprocess(picture.pixels, spec)[0] for picture in calibration]
    attempts: list[Attempt] = []
    with quantiser(reference.model, tensors) as maker:
        say(f"INT8: measuring each block on {len(tensors)} pictures")
        losses = maker.losses()
        for count in FLOAT_BLOCKS:
            kept_float = tuple(loss.block for loss in losses[:count])
            say(f"INT8: trying it with {', '.join(kept_float) or 'no block'} in float")
            lowered = maker.int8(kept_float)
            content = with_contract(lowered, _lowered(reference.contract, "int8"))
            attempts.append(_judge(content, reference, kept_float))
            if attempts[-1].passed:
                return _kept("int8", lowered, reference, attempts, losses, tensors)
    return Variant("int8", None, _refusal(attempts, reference), tuple(attempts), losses, None)


def try_bf16(reference: Reference, say: Say) -> Variant:
    """bf16, kept only where it is also faster: it is not smaller in memory at run time."""
    say("bf16: trying it")
    lowered = bf16(reference.model)
    try:
        content = with_contract(lowered, _lowered(reference.contract, "bf16"))
        attempt = _judge(content, reference, ())
    except ContractError as error:
        return Variant("bf16", None, f"this machine cannot run it: {error.what}", (), (), None)
    spec = reference.contract.input
    tensors = [preprocess(picture.pixels, spec)[0] for picture in reference.golden[:8]]
    ratio = speed_ratio(reference.content, content, tensors)
    if not attempt.passed or ratio < BF16_PAYS:
        why = (
            _refusal([attempt], reference) if not attempt.passed else f"it is only {ratio:.2f} times as fast"
        )
        return Variant("bf16", None, why, (attempt,), (), None)
    return _kept("bf16", lowered, reference, [attempt], (), tensors)


def _judge(content: bytes, reference: Reference, float_blocks: tuple[str, ...]) -> Attempt:
    detector = Detector(content, "the variant", threads=1)
    reached = map50_of(detector, reference.val)
    flipped = flips(verdicts_of(detector, reference.golden), reference.verdicts)
    passed = reference.map50 - reached <= LARGEST_DROP and flipped <= most_flips(len(reference.golden))
    return Attempt(float_blocks, reached, flipped, passed)


def _kept(
    precision: Literal["int8", "bf16"],
    model: Any,
    reference: Reference,
    attempts: Sequence[Attempt],
    losses: tuple[BlockLoss, ...],
    tensors: Sequence[Float32Array],
) -> Variant:
    plain = with_contract(model, _lowered(reference.contract, precision))
    gate = VariantGate(
        fp32_sha256=hashlib.sha256(reference.content).hexdigest(),
        map50=round(attempts[-1].map50, 4),
        map50_fp32=round(reference.map50, 4),
        verdict_flips=attempts[-1].verdict_flips,
        golden_pictures=len(reference.golden),
        speed_ratio=round(speed_ratio(reference.content, plain, tensors), 2),
        measured_on=this_machine(),
    )
    contract = _lowered(reference.contract, precision).model_copy(update={"gate": gate})
    return Variant(precision, with_contract(model, contract), "", tuple(attempts), losses, gate)


def _lowered(contract: ModelContract, precision: Literal["int8", "bf16"]) -> ModelContract:
    return contract.model_copy(update={"precision": precision})


def _refusal(attempts: Sequence[Attempt], reference: Reference) -> str:
    best = max(attempts, key=lambda attempt: attempt.map50)
    allowed = most_flips(len(reference.golden))
    return (
        f"mAP50 {best.map50:.3f} against {reference.map50:.3f} (at most {LARGEST_DROP:g} less is allowed), "
        f"{best.verdict_flips} of {len(reference.golden)} verdicts flip (at most {allowed})"
    )
