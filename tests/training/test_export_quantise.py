"""Which parts of a graph are quantised, and when a file of lower precision is refused."""

from __future__ import annotations

import onnx
import pytest

from export.golden import flips, most_flips
from export.quantise import behind_last_convolutions, block_of
from vision.contract import BALL_LABELS, InputSpec, ModelContract, VariantGate

_GRAPH = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[1, 1, 4, 4] x, float[1, 1, 1, 1] w) => (float[1, 1, 4, 4] out) {
  a = Conv (x, w)
  b = Sigmoid (a)
  side = Sigmoid (a)
  c = Conv (b, w)
  d = Sigmoid (c)
  out = Add (d, side)
}
"""


def test_what_lies_behind_the_last_convolutions_stays_float() -> None:
    model = onnx.parser.parse_model(_GRAPH)
    for node, name in zip(model.graph.node, ("first", "act", "side", "last", "decode", "add"), strict=True):
        node.name = name
    assert behind_last_convolutions(model) == {"side", "last", "decode", "add"}


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("/model.7/conv/Conv", "model.7"),
        ("/model.23/one2one_cv2.2/one2one_cv2.2.0/conv/Conv", "model.23"),
        ("model.1/x", "model.1"),
        ("/head/model.7/Conv", ""),
        ("", ""),
    ],
)
def test_block_of(name: str, block: str) -> None:
    assert block_of(name) == block


def test_a_flip_is_another_set_of_labels() -> None:
    none, crack, both = frozenset[str](), frozenset({"crack"}), frozenset({"crack", "lap"})
    assert flips((none, crack, both), (none, crack, both)) == 0
    assert flips((none, crack, both), (crack, both, none)) == 3
    assert [most_flips(count) for count in (1, 49, 50, 200)] == [0, 0, 1, 4]


def test_only_lower_precision_has_a_gate() -> None:
    gate = VariantGate(
        fp32_sha256="0" * 64,
        map50=0.7,
        map50_fp32=0.7,
        verdict_flips=0,
        golden_pictures=100,
        speed_ratio=1.3,
        measured_on="here",
    )
    values = {
        "station": "ball",
        "labels": BALL_LABELS,
        "input": InputSpec(width_px=64, height_px=64),
        "thresholds": dict.fromkeys(BALL_LABELS, 0.5),
        "data_sha256": "0" * 64,
        "training_sha256": "0" * 64,
        "trainer": "t",
        "licence": "l",
        "gate": gate,
    }
    assert ModelContract.model_validate(values | {"precision": "int8"}).gate == gate
    with pytest.raises(ValueError, match="lower precision"):
        ModelContract.model_validate(values)
