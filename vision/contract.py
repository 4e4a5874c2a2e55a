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
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Strict):
    """How one picture becomes the input tensor, NCHW float32.

    A picture is letterboxed to `width_px` x `height_px` (longer side fills, the
    rest is `pad_value`), its channels put in `colour` order, then
    `(value - mean) * scale` per channel on the 0..255 range.
    """

    name: str = "images"
    width_px: Annotated[int, Field(ge=16, le=4096)]
    height_px: Annotated[int, Field(ge=16, le=4096)]
    colour: Literal["rgb", "bgr", "gray"] = "rgb"
    scale: float = Field(default=1.0 / 255.0, gt=0.0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pad_value: Annotated[int, Field(ge=0, le=255)] = 114
    letterbox_anchor: Literal["centre", "top_left"] = "centre"


class OutputSpec(_Strict):
    """What comes out.

    `xyxy_score_class`: shape (1, N, 6): x1, y1, x2, y2 in input pixels, score 0..1,
    class index; free of duplicates (no NMS needed).
    """

    name: str = "output0"
    head: Literal["xyxy_score_class"] = "xyxy_score_class"


class ModelContract(_Strict):
    """Everything an edge box must know of a detector."""

    version: Literal[1] = 1
    station: Literal["ball", "rail"]
    labels: tuple[str, ...] = Field(min_length=1)
    input: InputSpec
    output: OutputSpec = OutputSpec()
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
    except json.JSONDecodeError as error:
        raise ContractError(
            f"the model's contract is not JSON: {error}", where=where, todo="export the model again"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "contract"
        raise ContractError(
            f"the model's contract does not fit: {key}: {first['msg']}",
            where=where,
            todo="export the model again with this version of ferrogate",
        ) from error
