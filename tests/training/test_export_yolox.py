"""A YOLOX file made to keep the contract: against plain numpy decoding and OpenCV's suppression."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.yolox import ROWS, AdoptSettings, adopt_yolox, decode, read_labels
from vision.detector import MIN_SCORE, Detector
from vision.errors import ConfigError, ContractError
from vision.preprocess import preprocess
from vision.types import Float32Array, UInt8Array

SIDE = 64
ANCHORS = 8 * 8 + 4 * 4 + 2 * 2
LABELS = ("bolt", "nut", "washer")


def _tiny_yolox(path: Path, *, classes: int = len(LABELS), opset: int = 11, seed: int = 1) -> Path:
    """A YOLOX-like file: raw head (1, 84, 5 + classes) from the mean colour of each anchor's cell."""
    rng = np.random.default_rng(seed)
    columns = 5 + classes
    values = {
        "weights": rng.normal(0.0, 0.02, (3, columns)).astype(np.float32),
        "offsets": np.concatenate(
            [
                rng.uniform(-0.5, 1.5, (ANCHORS, 4)),
                np.zeros((ANCHORS, 1)),
                rng.normal(-1.0, 1.5, (ANCHORS, classes)),
            ],
            axis=1,
        ).astype(np.float32)[None],
        "flat": np.array([1, 3, -1], np.int64),
    }
    nodes = []
    for stride in (8, 16, 32):
        pool = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["images"], [f"cells{stride}"], **pool))
        nodes.append(helper.make_node("Reshape", [f"cells{stride}", "flat"], [f"flat{stride}"]))
    nodes += [
        helper.make_node("Concat", ["flat8", "flat16", "flat32"], ["colours"], axis=2),
        helper.make_node("Transpose", ["colours"], ["by_anchor"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["by_anchor", "weights"], ["shifted"]),
        helper.make_node("Add", ["shifted", "offsets"], ["plain"]),
        helper.make_node("Sigmoid", ["plain"], ["squashed"]),
        helper.make_node("Mul", ["plain", "keep_boxes"], ["box_part"]),
        helper.make_node("Mul", ["squashed", "keep_scores"], ["score_part"]),
        helper.make_node("Add", ["box_part", "score_part"], ["output"]),
    ]
    is_box = (np.arange(columns) < 4).astype(np.float32)
    values["keep_boxes"], values["keep_scores"] = is_box, 1.0 - is_box
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, ANCHORS, columns])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6), path)
    return path


def _expected(source: Path, adopted: Detector, image: UInt8Array, iou: float) -> tuple[Any, Any, Any]:
    """Corners, scores, classes by numpy and cv2.dnn.NMSBoxes, class by class; scores falling."""
    spec = adopted.contract.input
    tensor, box = preprocess(image, spec)
    session = onnxruntime.InferenceSession(source.read_bytes(), providers=["CPUExecutionProvider"])
    raw: Float32Array = session.run(None, {spec.name: tensor})[0][0]
    scores = raw[:, 4:5] * raw[:, 5:]
    classes, best = scores.argmax(axis=1), scores.max(axis=1)
    corners = decode(raw, spec.width_px, spec.height_px)
    chosen: list[int] = []
    for number in range(scores.shape[1]):
        own = np.flatnonzero((classes == number) & (best >= MIN_SCORE))
        sizes = np.concatenate([corners[own, :2], corners[own, 2:] - corners[own, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(sizes.tolist(), best[own].tolist(), MIN_SCORE, iou)
        chosen += own[np.asarray(kept, np.int64).ravel()].tolist()
    order = np.array(sorted(chosen, key=lambda k: -best[k])[:ROWS], np.int64)
    return box.clip_to_image(box.to_image(corners[order])), best[order], classes[order]


def _agrees(source: Path, out: Path, image: UInt8Array, iou: float) -> int:
    detector = Detector(out.read_bytes(), out.name)
    found = detector.detect(image)
    corners, scores, classes = _expected(source, detector, image, iou)
    assert len(found) == len(scores)
    np.testing.assert_allclose(found.score, scores, atol=1e-5)
    np.testing.assert_allclose(found.xyxy_px, corners, atol=0.05)
    assert found.class_id.tolist() == classes.tolist()
    return len(found)


@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("iou", [0.3, 0.65])
def test_a_drawn_picture_gives_the_boxes_of_numpy_and_opencv(tmp_path: Path, opset: int, iou: float) -> None:
    source, out = _tiny_yolox(tmp_path / "tiny.onnx", opset=opset), tmp_path / "adopted.onnx"
    contract = adopt_yolox(source, out, AdoptSettings(LABELS, iou=iou))
    assert (contract.station, contract.labels, contract.input.colour) == ("other", LABELS, "bgr")
    image = np.random.default_rng(4).integers(0, 255, (50, 90, 3), dtype=np.uint8)
    assert _agrees(source, out, image, iou) > 5


def test_suppression_took_something_away(tmp_path: Path) -> None:
    source = _tiny_yolox(tmp_path / "tiny.onnx")
    counts = []
    for iou in (0.1, 0.99):
        adopt_yolox(source, tmp_path / "a.onnx", AdoptSettings(LABELS, iou=iou))
        detector = Detector((tmp_path / "a.onnx").read_bytes(), "a")
        counts.append(len(detector.detect(np.full((64, 64), 90, np.uint8))))
    assert 0 < counts[0] < counts[1]


def test_real_pictures_with_yolox_nano(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    source, out = real_data("weights") / "yolox_nano_416_coco.onnx", tmp_path / "yolox.onnx"
    contract = adopt_yolox(source, out, AdoptSettings(read_labels("coco")))
    assert contract.evaluation_only
    pictures = sorted((real_data("steelball_k230") / "images").glob("*.jpg"))[::60]
    found = [_agrees(source, out, np.asarray(cv2.imread(str(path)), np.uint8), 0.65) for path in pictures]
    assert sum(found) > 0


def test_a_station_refuses_it(tmp_path: Path) -> None:
    adopt_yolox(_tiny_yolox(tmp_path / "tiny.onnx"), tmp_path / "a.onnx", AdoptSettings(LABELS))
    with pytest.raises(ContractError, match="other station"):
        Detector((tmp_path / "a.onnx").read_bytes(), "a", station="ball")


def test_bad_input_writes_nothing(tmp_path: Path) -> None:
    source, out = _tiny_yolox(tmp_path / "tiny.onnx"), tmp_path / "a.onnx"
    with pytest.raises(ContractError, match="no YOLOX head for 2 labels"):
        adopt_yolox(source, out, AdoptSettings(LABELS[:2]))
    (tmp_path / "broken.onnx").write_bytes(source.read_bytes()[:700])
    with pytest.raises(ContractError, match="no ONNX model"):
        adopt_yolox(tmp_path / "broken.onnx", out, AdoptSettings(LABELS))
    with pytest.raises(ConfigError, match="cannot be read"):
        adopt_yolox(tmp_path / "missing.onnx", out, AdoptSettings(LABELS))
    with pytest.raises(ConfigError, match="folder of the output"):
        adopt_yolox(source, tmp_path / "nowhere" / "a.onnx", AdoptSettings(LABELS))
    adopt_yolox(source, out, AdoptSettings(LABELS))
    again = tmp_path / "b.onnx"
    with pytest.raises(ContractError, match="no YOLOX head"):  # it is decoded already
        adopt_yolox(out, again, AdoptSettings(LABELS))
    assert not again.exists()


def test_labels_file(tmp_path: Path) -> None:
    assert len(read_labels("coco")) == 80
    (tmp_path / "labels.txt").write_text("bolt\n\n nut \n", encoding="utf-8")
    assert read_labels(str(tmp_path / "labels.txt")) == ("bolt", "nut")
    (tmp_path / "labels.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no labels"):
        read_labels(str(tmp_path / "labels.txt"))
