"""A graph traced with one picture, freed for any number of them."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest

from export.batch import check_company, free_batch, freed_file, is_free
from tests.vision.small_models import ball_contract
from vision.contract import VariantGate
from vision.detector import Detector
from vision.errors import ContractError

_GRAPH = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[1, 3, 64, 64] images, int64[3] shape, float[64, 2] into, int64[3] six) => (float[1, 64, 6] output0) {
  pooled = AveragePool <kernel_shape = [1, 2], strides = [1, 2]> (images)
  flat = Reshape (pooled, shape)
  cut = MatMul (flat, into)
  output0 = Reshape (cut, six)
}
"""


def network(*, mixes: bool = False, silent: bool = False) -> onnx.ModelProto:
    """(1, 3, 64, 64) to (1, 64, 6) through two written shapes.

    `mixes`: something takes the largest of all pictures; `silent`: every row is nil.
    """
    model = onnx.parser.parse_model(_GRAPH)
    rng = np.random.default_rng(1)
    values = {
        "shape": np.array([1, 96, 64], np.int64),
        "into": rng.random((64, 4), np.float32) * np.float32(not silent),
        "six": np.array([1, 64, 6], np.int64),
    }
    for name, value in values.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    del model.graph.input[1:]
    if mixes:
        whole = onnx.helper.make_node("ReduceMax", ["output"], ["largest"], keepdims=0)
        model.graph.node[-1].output[0] = "output"
        model.graph.node.extend([whole, onnx.helper.make_node("Mul", ["output", "largest"], ["output0"])])
    return model


def tensors(number: int) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.random((1, 3, 64, 64), np.float32) for _ in range(number)]


def with_metadata(model: onnx.ModelProto, **changes: object) -> bytes:
    onnx.helper.set_model_props(model, ball_contract(**changes).to_metadata())
    return bytes(model.SerializeToString())


def test_a_freed_network_gives_every_picture_its_own_rows() -> None:
    before = network()
    after = free_batch(before)
    assert is_free(after)
    assert not is_free(before)
    check_company(after.SerializeToString(), tensors(3))


def test_a_free_network_is_left_as_it_is() -> None:
    free = free_batch(network())
    assert free_batch(free) is free


def test_a_network_that_mixes_pictures_is_found_out() -> None:
    with pytest.raises(ContractError, match="among 3"):
        check_company(free_batch(network(mixes=True)).SerializeToString(), tensors(3))


def test_a_shape_whose_first_side_is_not_the_pictures_is_refused() -> None:
    model = network()
    shape = next(item for item in model.graph.initializer if item.name == "shape")
    shape.CopyFrom(onnx.numpy_helper.from_array(np.array([96, 64], np.int64), "shape"))
    with pytest.raises(ContractError, match="reshapes to"):
        free_batch(model)


def test_a_shape_that_is_worked_out_is_refused() -> None:
    model = network()
    model.graph.initializer.remove(next(i for i in model.graph.initializer if i.name == "shape"))
    model.graph.node.insert(0, onnx.helper.make_node("Identity", ["elsewhere"], ["shape"]))
    with pytest.raises(ContractError, match="worked out"):
        free_batch(model)


def test_a_freed_file_keeps_its_contract_and_names_the_freed_fp32_file() -> None:
    fp32 = with_metadata(network(silent=True))
    gate = VariantGate(
        fp32_sha256=hashlib.sha256(fp32).hexdigest(),
        map50=0.7,
        map50_fp32=0.7,
        verdict_flips=0,
        golden_pictures=100,
        speed_ratio=1.3,
        measured_on="a test",
    )
    int8 = with_metadata(network(silent=True), precision="int8", gate=gate)
    freed = freed_file(fp32)
    lower = Detector(freed_file(int8, freed), "int8")
    assert Detector(freed, "fp32").contract == ball_contract()
    assert lower.pictures_max > 1
    assert lower.contract.gate is not None
    assert lower.contract.gate.fp32_sha256 == hashlib.sha256(freed).hexdigest()
    assert lower.contract.gate.speed_ratio == gate.speed_ratio
