"""The model file's own contract, carried in its ONNX metadata.

Training, export, parity check and edge read input size, colour, scale, letterbox,
classes and thresholds from here and from nowhere else, so that they cannot drift
apart. The contract names no training framework: whoever can write one ONNX file
with one metadata key can supply a detector (see docs/model_contract.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vision.errors import ContractError

METADATA_KEY = "ferrogate_contract"
CONTRACT_VERSION = 1
BALL_LABELS = (
    "crack",
    "lap",
    "seam",
    "flat",
    "neck",
    "mismatch",
    "scale_pit",
    "spall",
    "half",
    "double",
)
RAIL_LABELS = ("defect", "dirt", "gap")

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    # A scale or mean that is no number makes numbers of no picture that are none either.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LevelSpec(_Strict):
    """Brightness and contrast that a ball's picture is brought to before the model sees it.

    Mean and standard deviation of the grey levels inside a disc of `disc_share` of the picture's shorter
    side become `mean_grey` and `spread_grey`; a spread below `least_spread_grey` counts as that, so that
    the noise of a picture that shows nothing is not blown up.
    """

    mean_grey: Annotated[float, Field(ge=0.0, le=255.0)] = 114.0
    spread_grey: Annotated[float, Field(gt=0.0, le=127.0)] = 45.0
    least_spread_grey: Annotated[float, Field(gt=0.0, le=64.0)] = 3.0
    disc_share: Annotated[float, Field(gt=0.1, le=1.0)] = 0.8


class InputSpec(_Strict):
    """How one picture becomes the input tensor, NCHW float32.

    A picture is letterboxed to `width_px` x `height_px` (longer side fills, the
    rest is `pad_value`), levelled where `level` says so, its channels put in `colour`
    order, then `(value - mean) * scale` per channel on the 0..255 range.
    """

    name: str = "images"
    width_px: Annotated[int, Field(ge=16, le=4096)]
    height_px: Annotated[int, Field(ge=16, le=4096)]
    colour: Literal["rgb", "bgr", "gray"] = "rgb"
    scale: float = Field(default=1.0 / 255.0, gt=0.0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pad_value: Annotated[int, Field(ge=0, le=255)] = 114
    letterbox_anchor: Literal["centre", "top_left"] = "centre"
    level: LevelSpec | None = None


class OutputSpec(_Strict):
    """What comes out.

    `xyxy_score_class`: shape (1, N, 6): x1, y1, x2, y2 in input pixels, score 0..1,
    class index; free of duplicates (no NMS needed).
    """

    name: str = "output0"
    head: Literal["xyxy_score_class"] = "xyxy_score_class"


class RailSpec(_Strict):
    """How a picture of a rail becomes tiles (`vision.rail_strip`): straightened, levelled, cut."""

    head_px: Annotated[int, Field(ge=32, le=1024)] = 160
    """Width of the rail head in a tile, pixels."""
    largest_zoom: Annotated[float, Field(ge=1.0, le=8.0)] = 2.0
    """A narrower head is enlarged by at most this."""
    overlap_px: Annotated[int, Field(ge=0, le=1024)] = 64
    """Rows that two tiles share."""
    level_grey: Annotated[float, Field(gt=0.0, lt=255.0)] = 110.0
    """Grey to which the head's median is brought."""
    views: Literal[1, 2, 4] = 4
    """How often a tile is looked at: as it is, mirrored, upside down, both (`vision.rail_views`)."""
    flatten: Share = 0.8
    """How far each column is brought to that grey of its own: 0 keeps the head's profile, 1 flattens it."""


class Calibration(_Strict):
    """Score -> probability that the finding is real: `1 / (1 + exp(-(a * logit(score) + b)))`.

    Platt's fit on logits, on the val split; `ece` is the expected calibration error there after
    the fit (10 bins of equal count).
    """

    a: float = Field(gt=0.0)
    b: float
    ece: Share
    boxes: Annotated[int, Field(ge=0)]


class OperatingPoint(_Strict):
    """Where a label's threshold comes from, and what is to be expected there, with 95 % bounds.

    `escape_share`: objects of this label that no finding covers. `false_per_1000`: findings of
    this label on 1,000 pictures that show none. `unit`: what the thousand counts.
    """

    cost_escape: float = Field(gt=0.0)
    cost_false_reject: float = Field(gt=0.0)
    probability_limit: Share
    escape_share: tuple[float, float, float]
    """Estimate, lower, upper."""
    false_per_1000: tuple[float, float, float]
    """Estimate, lower, upper."""
    unit: Literal["view", "picture"] = "view"


class VariantGate(_Strict):
    """What a file of lower precision lost against the FP32 file it was made from, when it was exported.

    `map50`, `map50_fp32`: of both on the same val pictures. `verdict_flips`: pictures of the golden set
    whose set of labels at or above their thresholds differs. `speed_ratio`: FP32's time over this
    file's, on the machine `measured_on`.
    """

    fp32_sha256: str = Field(min_length=64)
    map50: Share
    map50_fp32: Share
    verdict_flips: Annotated[int, Field(ge=0)]
    golden_pictures: Annotated[int, Field(ge=1)]
    speed_ratio: float = Field(gt=0.0)
    measured_on: str


class ModelContract(_Strict):
    """Everything an edge box must know of a detector.

    `station` "other": a detector made for another job, with labels of its own; no station takes it, but
    it can be run, compared and measured.
    """

    version: Literal[1] = 1
    station: Literal["ball", "rail", "other"]
    labels: tuple[str, ...] = Field(min_length=1)
    input: InputSpec
    output: OutputSpec = OutputSpec()
    rail: RailSpec | None = Field(default=None, description="rail station: how pictures become tiles")
    precision: Literal["fp32", "bf16", "int8"] = "fp32"
    calibration: dict[str, Calibration] = Field(default={}, description="per label, where it was fitted")
    operating_points: dict[str, OperatingPoint] = Field(default={}, description="per label, where chosen")
    evaluation_only: bool = Field(
        default=False, description="saw pictures of no stated terms: retrain before relying on or selling it"
    )
    golden_sha256: str = Field(default="", description="hash of the pictures that verdicts are compared on")
    gate: VariantGate | None = Field(default=None, description="file of lower precision: what it lost")
    crop_margin: float = Field(
        default=1.15,
        ge=1.0,
        le=4.0,
        description="ball station: side of the square crop over the larger side of the ball's box",
    )
    thresholds: dict[str, Share] = Field(description="score at which a label becomes a finding")
    data_sha256: str = Field(min_length=8)
    training_sha256: str = Field(min_length=8)
    trainer: str
    licence: str
    data_terms: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _thresholds_fit_labels(self) -> ModelContract:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels repeat: {self.labels}")
        if set(self.thresholds) != set(self.labels):
            raise ValueError(
                f"thresholds are for {sorted(self.thresholds)}, labels are {sorted(self.labels)}"
            )
        strangers = (set(self.calibration) | set(self.operating_points)) - set(self.labels)
        if strangers:
            raise ValueError(f"calibration or operating point for no label: {sorted(strangers)}")
        if (self.rail is not None) != (self.station == "rail"):
            raise ValueError("'rail' belongs to models of the rail station, and they need it")
        if self.gate is not None and self.precision == "fp32":
            raise ValueError("'gate' belongs to files of lower precision than fp32")
        return self

    def to_metadata(self) -> dict[str, str]:
        """The metadata to write into the ONNX file (`onnx.helper.set_model_props`)."""
        return {METADATA_KEY: self.model_dump_json()}


def contract_from_metadata(metadata: Mapping[str, str], *, where: str) -> ModelContract:
    """Read the contract out of an ONNX file's metadata.

    Args:
        metadata: the file's custom metadata map.
        where: the file's name, for the error text.

    Raises:
        ContractError: there is none, or it is broken or of another version.
    """
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise ContractError(
            f"the model has no '{METADATA_KEY}' in its metadata",
            where=where,
            todo="export it with 'ferrogate export', or write the key as docs/model_contract.md says",
        )
    try:
        return ModelContract.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "contract"
        raise ContractError(
            f"the model's contract does not fit: {key}: {first['msg']}",
            where=where,
            todo="export the model again with this version of ferrogate",
        ) from error
    except (ValueError, RecursionError) as error:  # not JSON, a number of 5,000 digits, lists in lists
        raise ContractError(
            f"the model's contract is not JSON: {error}", where=where, todo="export the model again"
        ) from error
