"""INT8 and bf16 forms of an FP32 network, and how much each part of it suffers.

INT8 is ONNX Runtime's static quantisation (QDQ): activations of 8 bits unsigned, weights of
7 bits signed per channel. 7, because processors without VNNI add pairs of products in 16 bits
and saturate with 8-bit weights: a verdict must not hang on the box's processor. What comes
behind the last convolutions (decoding, choice of the best) and those convolutions stay float.
Neighbours: `export.variants` decides whether a file is kept.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from vision.errors import ConfigError
from vision.types import Float32Array

#: Kinds of nodes that are quantised; with SiLU (Sigmoid, Mul) left in float INT8 is slower than FP32.
QUANTISED = ("Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize", "Slice")
_BLOCK = re.compile(r"^/?model\.(\d+)/")
_RANGES = "ranges.json"
_SOURCE = "fp32.onnx"
_BF16_OPSET = 22


@dataclass(frozen=True, slots=True)
class BlockLoss:
    """What the scores lose when one block alone is quantised.

    `score_error`: root mean square difference to FP32 of the best class scores, over the anchors
    that FP32 scores highest.
    """

    block: str
    score_error: float


class Quantiser:
    """Quantises one network as often as needed; activations are measured once.

    Args:
        model: FP32 ONNX model without metadata.
        tensors: inputs (1, C, H, W) float32 of real pictures.
        folder: for intermediate files; must live as long as this.
    """

    def __init__(self, model: Any, tensors: Sequence[Float32Array], folder: Path) -> None:
        import onnx

        self._model, self._tensors, self._folder = model, tensors, folder
        # By path: a model in memory would come back with its weights moved out into a file.
        onnx.save(model, folder / _SOURCE)
        self._input = model.graph.input[0].name
        self._always_float = behind_last_convolutions(model)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The network's blocks that have something to quantise, from input to output."""
        found = dict.fromkeys(block_of(node.name) for node in self._quantisable())
        return tuple(block for block in found if block)

    def int8(self, float_blocks: Collection[str] = ()) -> Any:
        """The network quantised but for these blocks, as an ONNX model."""
        return self._quantised([n.name for n in self._quantisable() if block_of(n.name) not in float_blocks])

    def losses(self, pictures: int = 8) -> tuple[BlockLoss, ...]:
        """Quantise each block alone and compare; the worst first."""
        tensors = self._tensors[:pictures]
        before = _dense_scores(self._model, tensors)
        top = np.argsort(-before, axis=1)[:, :50]
        found = []
        for block in self.blocks:
            alone = self._quantised([n.name for n in self._quantisable() if block_of(n.name) == block])
            after = _dense_scores(alone, tensors)
            error = np.take_along_axis(after - before, top, axis=1)
            found.append(BlockLoss(block, float(np.sqrt((error**2).mean()))))
        return tuple(sorted(found, key=lambda loss: -loss.score_error))

    def _quantisable(self) -> Iterator[Any]:
        for node in self._model.graph.node:
            if node.op_type in QUANTISED and node.name not in self._always_float:
                yield node

    def _quantised(self, names: list[str]) -> Any:
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

        tensors, name = self._tensors, self._input

        class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
            def __init__(self) -> None:
                self._feeds = iter(tensors)

            def get_next(self) -> dict[str, Float32Array] | None:
                tensor = next(self._feeds, None)
                return None if tensor is None else {name: tensor}

        out = self._folder / "quantised.onnx"
        with _quiet():
            quantize_static(
                self._folder / _SOURCE,
                out,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTISED),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=names,
                calibration_cache_path=self._folder / _RANGES,
            )
        return onnx.load(out)


def bf16(model: Any) -> Any:
    """The network with its convolutions in bfloat16 and everything else in float.

    Whether a provider has such a convolution shows only when the file is opened.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    # Convolutions in bfloat16 are part of the standard from opset 22 on.
    whole = onnx.version_converter.convert_version(model, _BF16_OPSET)
    stored = {item.name: item for item in whole.graph.initializer}
    nodes: list[Any] = []
    made: set[str] = set()
    for node in whole.graph.node:
        if node.op_type != "Conv":
            nodes.append(node)
            continue
        for index, name in enumerate(node.input):
            lower = f"{name}_bf16"
            if lower not in made:
                made.add(lower)
                if name in stored:
                    value = numpy_helper.to_array(stored[name]).astype(np.float32)
                    whole.graph.initializer.append(
                        helper.make_tensor(lower, TensorProto.BFLOAT16, value.shape, value.ravel())
                    )
                else:
                    nodes.append(helper.make_node("Cast", [name], [lower], to=TensorProto.BFLOAT16))
            node.input[index] = lower
        result = node.output[0]
        node.output[0] = f"{result}_bf16_out"
        nodes += [node, helper.make_node("Cast", [node.output[0]], [result], to=TensorProto.FLOAT)]
    del whole.graph.node[:]
    whole.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [item for item in whole.graph.initializer if item.name in used]
    del whole.graph.initializer[:]
    whole.graph.initializer.extend(kept)
    # Types of the values in between are no longer those that were noted.
    del whole.graph.value_info[:]
    return whole


def block_of(name: str) -> str:
    """'model.7' for '/model.7/conv/Conv'; '' for a node outside of every block."""
    found = _BLOCK.match(name)
    return f"model.{found.group(1)}" if found else ""


def behind_last_convolutions(model: Any) -> set[str]:
    """Names of the nodes from which no convolution comes any more, the last convolutions included."""
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    leads_to_convolution: set[str] = set()
    # Nodes are stored in an order in which they can run, so the way back sees readers first.
    for node in reversed(model.graph.node):
        following = [reader for name in node.output for reader in readers.get(name, [])]
        if any(r.op_type == "Conv" or r.name in leads_to_convolution for r in following):
            leads_to_convolution.add(node.name)
    return {node.name for node in model.graph.node} - leads_to_convolution


def _dense_scores(model: Any, tensors: Sequence[Float32Array]) -> Float32Array:
    """Best class score of every anchor, (pictures, anchors): what the head chooses its boxes by."""
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    chosen_by = next(node.output[0] for node in whole.graph.node if node.op_type == "ReduceMax")
    whole.graph.output.append(onnx.helper.make_tensor_value_info(chosen_by, onnx.TensorProto.FLOAT, None))
    session = open_session(whole.SerializeToString())
    feed = whole.graph.input[0].name
    rows = [session.run([chosen_by], {feed: tensor})[0].ravel() for tensor in tensors]
    return np.stack(rows).astype(np.float32)


def open_session(content: bytes, providers: Sequence[str] = ("CPUExecutionProvider",)) -> Any:
    """ONNX Runtime on one thread without spinning; `providers` by its own names."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=list(providers))


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises on its own preparation step, which `onnxslim` has done already."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def quantiser(model: Any, tensors: Sequence[Float32Array]) -> Iterator[Quantiser]:
    """A quantiser with a folder of its own, removed at the end.

    Raises:
        ConfigError: the temporary folder cannot be written, or its disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="ferrogate-int8-") as folder:
            yield Quantiser(model, tensors, Path(folder))
    except OSError as error:
        raise ConfigError(
            f"INT8 needs room for files in between: {error.strerror or error}",
            where=str(error.filename or tempfile.gettempdir()),
            todo="free 200 MB there, or set TMPDIR to another folder",
        ) from error
