"""Small ONNX files with a contract, built on the spot: real graphs for a real ONNX Runtime.

The graph finds one thing: how dark the darkest pixel of the input is. Its one box is the
middle half of the input, its score 1 - darkest, its class is fixed. A second row has score 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vision.contract import BALL_LABELS, METADATA_KEY, RAIL_LABELS, InputSpec, ModelContract, RailSpec

SIDE = 64


def ball_contract(**changes: Any) -> ModelContract:
    """A contract of the ball station: 64 x 64, all labels, thresholds 0.8."""
    values: dict[str, Any] = {
        "station": "ball",
        "labels": BALL_LABELS,
        "input": InputSpec(width_px=SIDE, height_px=SIDE),
        "thresholds": dict.fromkeys(changes.get("labels", BALL_LABELS), 0.8),
        "data_sha256": "0" * 64,
        "training_sha256": "0" * 64,
        "trainer": "drawn by hand",
        "licence": "Apache-2.0",
    }
    return ModelContract(**{**values, **changes})


def rail_contract(**changes: Any) -> ModelContract:
    """A contract of the rail station: tiles of 64 x 64 filled by the head, all labels, thresholds 0.8."""
    values: dict[str, Any] = {"labels": RAIL_LABELS, "rail": RailSpec(head_px=SIDE, overlap_px=16)}
    return ball_contract(station="rail", **{**values, **changes})


def darkest_model(
    contract: ModelContract | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    side_px: int = SIDE,
    input_name: str = "images",
    output_name: str = "output0",
    class_index: int = 0,
    columns: int = 6,
    bad_score: float | None = None,
    fails_on_black: bool = False,
) -> bytes:
    """The ONNX file.

    Args:
        contract: written into the metadata; None: `ball_contract()`.
        metadata: in place of the contract's; {} leaves none.
        side_px: side of the graph's input, whatever the contract says.
        input_name, output_name: names in the graph.
        class_index: class of the first row.
        columns: columns of the output (6 is right).
        bad_score: added to all scores; NaN makes a model that gives no numbers.
        fails_on_black: gives NaN for a picture with a black pixel, numbers for all others.
    """
    quarter = side_px / 4.0
    box = np.zeros((1, 2, columns), np.float32)
    box[0, 0, :4] = (quarter, quarter, 3 * quarter, 3 * quarter)
    box[0, 0, 4] = 1.0
    if columns > 5:
        box[0, 0, 5] = class_index
    if bad_score is not None:
        box[0, :, 4] += bad_score
    pick = np.zeros((1, 2, columns), np.float32)
    pick[0, 0, 4] = 1.0
    nodes = [
        helper.make_node(
            "ReduceMin", [input_name], ["darkest" if not fails_on_black else "level"], keepdims=0
        )
    ]
    if fails_on_black:
        # level / level * level: itself, but 0 / 0 for black.
        nodes.append(helper.make_node("Div", ["level", "level"], ["one"]))
        nodes.append(helper.make_node("Mul", ["one", "level"], ["darkest"]))
    nodes += [
        helper.make_node("Mul", ["pick", "darkest"], ["shade"]),
        helper.make_node("Sub", ["box", "shade"], [output_name]),
    ]
    graph = helper.make_graph(
        nodes,
        "darkest",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [1, 3, side_px, side_px])],
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [1, 2, columns])],
        [numpy_helper.from_array(box, "box"), numpy_helper.from_array(pick, "pick")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    props = (contract or ball_contract()).to_metadata() if metadata is None else dict(metadata)
    helper.set_model_props(model, props)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def foreign_metadata(**changes: Any) -> dict[str, str]:
    """Contract metadata with fields changed after validation (as another program might write them)."""
    values = ball_contract().model_dump(mode="json")
    values.update(changes)
    return {METADATA_KEY: json.dumps(values)}
