"""Several pictures in one run of a model: each gets what it gets alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.vision.small_models import SIDE, ball_contract, darkest_model
from vision.contract import METADATA_KEY
from vision.detector import PICTURES_MAX, Detector
from vision.errors import ContractError, ImageError
from vision.types import Detections, UInt8Array


def free_model(*, bad: bool = False) -> bytes:
    """One box, whose score is how dark the darkest pixel is, for any number of pictures.

    `bad`: a black pixel gives no number.
    """
    box = np.array([[[16.0, 16.0, 48.0, 48.0, 1.0, 2.0]]], np.float32)
    pick = np.array([[[0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]], np.float32)
    nodes = [
        helper.make_node("ReduceMin", ["images"], ["least"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Squeeze", ["least", "last"], ["darkest"]),
        helper.make_node("Mul", ["pick", "darkest"], ["taken"]),
        helper.make_node("Sub", ["box", "taken"], ["plain"]),
    ]
    if bad:
        # 0 / 0 where a pixel is black, 1 everywhere else.
        nodes += [
            helper.make_node("Div", ["darkest", "darkest"], ["one"]),
            helper.make_node("Mul", ["plain", "one"], ["output0"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["plain"], ["output0"]))
    graph = helper.make_graph(
        nodes,
        "darkest",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["pictures", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["pictures", 1, 6])],
        [
            numpy_helper.from_array(box, "box"),
            numpy_helper.from_array(pick, "pick"),
            numpy_helper.from_array(np.array([3], np.int64), "last"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.helper.set_model_props(model, ball_contract().to_metadata())
    assert METADATA_KEY in ball_contract().to_metadata()
    return bytes(model.SerializeToString())


def pictures(number: int) -> list[UInt8Array]:
    """Of several sizes; each has another darkest pixel."""
    rng = np.random.default_rng(4)
    found = []
    for at in range(number):
        side = 64 + 17 * (at % 3)
        found.append(rng.integers(20 + 9 * at, 255, (side, side), np.uint8))
    return found


def same(one: Detections, other: Detections) -> bool:
    """Boxes, scores and classes are equal."""
    pairs = ((one.xyxy_px, other.xyxy_px), (one.score, other.score), (one.class_id, other.class_id))
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("number", [1, 2, PICTURES_MAX, PICTURES_MAX + 1, 2 * PICTURES_MAX + 3])
def test_every_picture_gets_what_it_gets_alone(number: int) -> None:
    detector = Detector(free_model(), "free", station="ball")
    assert detector.pictures_max == PICTURES_MAX
    seen = pictures(number)
    alone = [detector.detect(picture) for picture in seen]
    together = detector.detect_many(seen)
    assert len(together) == number
    assert all(same(one, other) for one, other in zip(alone, together, strict=True))
    assert len({float(found.score[0]) for found in together}) == number


def test_a_model_for_one_picture_takes_them_one_by_one() -> None:
    detector = Detector(darkest_model(), "one", station="ball")
    assert detector.pictures_max == 1
    seen = pictures(3)
    found = detector.detect_many(seen)
    assert all(same(one, detector.detect(picture)) for one, picture in zip(found, seen, strict=True))


def test_a_run_in_which_one_picture_gives_no_numbers_is_refused_and_the_others_are_not_to_blame() -> None:
    detector = Detector(free_model(bad=True), "free", station="ball")
    seen = pictures(3)
    seen[1][:8, :8] = 0
    with pytest.raises(ContractError, match="not finite"):
        detector.detect_many(seen)
    assert len(detector.detect(seen[0])) == len(detector.detect(seen[2])) == 1


def test_what_is_no_picture_is_refused_among_others_too() -> None:
    detector = Detector(free_model(), "free", station="ball")
    with pytest.raises(ImageError):
        detector.detect_many([*pictures(2), np.zeros((0, 4), np.uint8)])


def test_nothing_to_look_at_is_nothing_found() -> None:
    assert Detector(free_model(), "free", station="ball").detect_many([]) == []
