"""Adopts a foreign detector: a YOLOX file becomes one that keeps the contract (`ferrogate export adopt`).

YOLOX's ONNX files end in a raw head: per anchor the box relative to its grid cell, objectness
and class scores (after the sigmoid). Decoding and the suppression of duplicates are added to
the graph itself, so that `vision.detector` needs to know nothing of YOLOX. The formulas are
those of the YOLOX demo (`yolox/utils/demo_utils.py`, Apache-2.0): x, y = (t + cell) * stride;
w, h = exp(t) * stride; score = objectness * best class; suppression within each class.
Neighbours: `export.cli`, `export.whole_file`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.extra import require_training
from export.whole_file import write_whole
from vision.contract import InputSpec, ModelContract, OutputSpec
from vision.detector import MIN_SCORE, Detector
from vision.errors import ConfigError, ContractError
from vision.types import Float32Array

STRIDES = (8, 16, 32)
ROWS = 100
OUTPUT = "ferrogate_rows"
_PREFIX = "ferrogate_"

#: The added graph. Of each anchor only the best class is left, so that no box comes out under two
#: names. NonMaxSuppression chooses K of them; zero rows are put behind, and the ROWS best are kept.
_TAIL = """
<ir_version: %(ir)d, opset_import: ["" : %(opset)d]>
decode_and_choose (float[1, %(anchors)d, %(columns)d] raw) => (float[1, %(rows)d, 6] rows) {
  first_two = Constant <value = int64[2] {0, 1}> ()
  next_two = Constant <value = int64[2] {2, 3}> ()
  column_1 = Constant <value = int64[1] {1}> ()
  column_2 = Constant <value = int64[1] {2}> ()
  column_4 = Constant <value = int64[1] {4}> ()
  one = Constant <value = int64[1] {1}> ()
  keep = Constant <value = int64[1] {%(rows)d}> ()
  flat = Constant <value = int64[1] {-1}> ()
  flat_corners = Constant <value = int64[2] {-1, 4}> ()
  upright = Constant <value = int64[2] {-1, 1}> ()
  final = Constant <value = int64[3] {1, %(rows)d, 6}> ()
  half = Constant <value = float {0.5}> ()
  zero = Constant <value = float {0.0}> ()

  xy = Gather <axis = 2> (raw, first_two)
  wh = Gather <axis = 2> (raw, next_two)
  objectness = Gather <axis = 2> (raw, column_4)
  class_scores = Gather <axis = 2> (raw, class_columns)
  in_cells = Add (xy, cells)
  middle = Mul (in_cells, stride)
  growth = Exp (wh)
  size = Mul (growth, stride)
  reach = Mul (size, half)
  top_left = Sub (middle, reach)
  bottom_right = Add (middle, reach)
  corners = Concat <axis = 2> (top_left, bottom_right)

  all_scores = Mul (class_scores, objectness)
  best, best_class = TopK <axis = 2> (all_scores, one)
  is_best = Equal (all_scores, best)
  scores = Where (is_best, all_scores, zero)
  by_class = Transpose <perm = [0, 2, 1]> (scores)
  chosen = NonMaxSuppression (corners, by_class, keep, iou, min_score)

  class_index = Gather <axis = 1> (chosen, column_1)
  anchor = Gather <axis = 1> (chosen, column_2)
  all_corners = Reshape (corners, flat_corners)
  chosen_corners = GatherND (all_corners, anchor)
  score_table = Reshape (scores, flat_classes)
  place = Concat <axis = 1> (anchor, class_index)
  chosen_score = GatherND (score_table, place)
  score = Reshape (chosen_score, upright)
  class_number = Cast <to = 1> (class_index)
  chosen_rows = Concat <axis = 1> (chosen_corners, score, class_number)
  padded = Concat <axis = 0> (chosen_rows, padding)
  score_column = Gather <axis = 1> (padded, column_4)
  all_rows_score = Reshape (score_column, flat)
  ranked, order = TopK <axis = 0> (all_rows_score, keep)
  best_rows = Gather <axis = 0> (padded, order)
  rows = Reshape (best_rows, final)
}
"""
COCO_FILE = Path(__file__).parent / "data" / "coco_labels.txt"
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class AdoptSettings:
    """What the file itself does not say: labels in class order, thresholds, and its licence."""

    labels: tuple[str, ...]
    threshold: float = 0.25
    iou: float = 0.65
    licence: str = NOT_STATED
    strides: tuple[int, ...] = STRIDES


def read_labels(spec: str) -> tuple[str, ...]:
    """Labels in class order: 'coco' for the 80 of COCO, or a text file with one a line.

    Raises:
        ConfigError: the file cannot be read or has no lines.
    """
    path = COCO_FILE if spec == "coco" else Path(spec)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the labels cannot be read: {error}", where=spec, todo="give 'coco' or a text file, one a line"
        ) from error
    labels = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not labels:
        raise ConfigError("the file has no labels", where=spec, todo="write one label a line")
    return labels


def adopt_yolox(source: Path, out: Path, settings: AdoptSettings) -> ModelContract:
    """Write a YOLOX file as one that keeps the contract of station "other".

    Raises:
        ConfigError: the source cannot be read, or the output's folder is missing or full.
        ContractError: it is no ONNX file, or no YOLOX head with these labels.
        FerrogateError: the package onnx is missing.
    """
    require_training("onnx")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        content = source.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the model cannot be read: {error.strerror or error}", where=str(source), todo="check the path"
        ) from error
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ContractError(
            f"this is no ONNX model: {str(error).splitlines()[0]}",
            where=str(source),
            todo="give a file that YOLOX's tools/export_onnx.py wrote",
        ) from error
    contract = _contract(model, content, settings, str(source))
    model = _add_decoding(model, contract, settings, str(source))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model)
    adopted = bytes(model.SerializeToString())
    # Opening and running it once is the proof that the graph keeps what the contract says.
    Detector(adopted, str(out), threads=1)
    write_whole({out: adopted})
    return contract


def decode(
    raw: Float32Array, width_px: int, height_px: int, strides: Sequence[int] = STRIDES
) -> Float32Array:
    """The formulas in numpy: raw head (A, 5 + C) to corners (A, 4) in input pixels."""
    cells, stride = grid(width_px, height_px, strides)
    middle = (raw[:, :2] + cells) * stride
    half = np.exp(raw[:, 2:4]) * stride / 2.0
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)


def grid(width_px: int, height_px: int, strides: Sequence[int]) -> tuple[Float32Array, Float32Array]:
    """Cell (A, 2) as column, row, and stride (A, 1) of each anchor, in the order of YOLOX's head."""
    cells, sizes = [], []
    for stride in strides:
        columns, rows = np.meshgrid(np.arange(width_px // stride), np.arange(height_px // stride))
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        sizes.append(np.full((columns.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def _sizes(value: Any) -> list[int]:
    return [int(axis.dim_value) for axis in value.type.tensor_type.shape.dim]


def _contract(model: Any, content: bytes, settings: AdoptSettings, where: str) -> ModelContract:
    stored = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in stored]
    shape = _sizes(inputs[0]) if len(inputs) == 1 else []
    if len(shape) != 4 or shape[:2] != [1, 3] or min(shape[2:]) < 1:
        raise ContractError(
            f"one input of fixed shape (1, 3, H, W) is needed, this model has {[_sizes(i) for i in inputs]}",
            where=where,
            todo="export it with a fixed size and a batch of one",
        )
    return ModelContract(
        station="other",
        labels=settings.labels,
        input=InputSpec(
            name=inputs[0].name,
            width_px=shape[3],
            height_px=shape[2],
            colour="bgr",
            scale=1.0,
            pad_value=114,
            letterbox_anchor="top_left",
        ),
        output=OutputSpec(name=OUTPUT),
        thresholds=dict.fromkeys(settings.labels, settings.threshold),
        data_sha256="unknown: trained elsewhere",
        training_sha256=hashlib.sha256(content).hexdigest(),
        trainer="YOLOX, adopted by 'ferrogate export adopt' (training_sha256 is the source file's)",
        licence=settings.licence,
        evaluation_only=settings.licence == NOT_STATED,
        data_terms=("trained elsewhere: ask its maker",),
        note=f"boxes that overlap another of their label by more than {settings.iou:g} are suppressed",
    )


def _add_decoding(model: Any, contract: ModelContract, settings: AdoptSettings, where: str) -> Any:
    """The model with decoding and suppression behind its one output: (1, ROWS, 6)."""
    import onnx

    opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
    spec = contract.input
    cells, stride = grid(spec.width_px, spec.height_px, settings.strides)
    anchors, classes = len(cells), len(settings.labels)
    outputs = list(model.graph.output)
    found = _sizes(outputs[0]) if len(outputs) == 1 else []
    if found != [1, anchors, 5 + classes] or opset < 11:
        raise ContractError(
            f"this is no YOLOX head for {classes} labels at {spec.width_px} x {spec.height_px}: one output "
            f"(1, {anchors}, {5 + classes}) of opset 11 or newer is needed, it has {found}, opset {opset}",
            where=where,
            todo="give the labels it was trained on, and a file exported without --decode_in_inference",
        )
    tail = onnx.parser.parse_model(
        _TAIL
        % {"ir": model.ir_version, "opset": opset, "anchors": anchors, "columns": 5 + classes, "rows": ROWS}
    )
    values = {
        "cells": cells[None],
        "stride": stride[None],
        "class_columns": np.arange(5, 5 + classes),
        "flat_classes": np.array([-1, classes]),
        "padding": np.zeros((ROWS, 6), np.float32),
        "iou": np.array([settings.iou], np.float32),
        "min_score": np.array([MIN_SCORE], np.float32),
    }
    tail.graph.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in values.items())
    return onnx.compose.merge_models(
        model, tail, io_map=[(outputs[0].name, "raw")], prefix2=_PREFIX, name="adopted"
    )
