"""A network that was traced with one picture, made free to take any number of pictures in one run.

What the graph computes for one picture stays what it was, bit by bit: only the first side of input and
output gets a name in the place of the number 1, and shapes that were written down as (1, ...) take it
over from what comes in. Two runs of one picture cost a detector of this size half as much again as one
run of two. Neighbours: `export.network` frees every graph it writes, `vision.detector` uses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from export.network import with_contract
from export.quantise import open_session
from vision.contract import contract_from_metadata
from vision.errors import ContractError
from vision.types import Float32Array

#: name of the free side
PICTURES = "pictures"
#: rows of a picture in company may differ from those of the same picture alone by this much at most
_SAME = 1e-5


def is_free(model: Any) -> bool:
    """The first side of the input is no fixed number."""
    return bool(model.graph.input[0].type.tensor_type.shape.dim[0].dim_param)


def free_batch(model: Any) -> Any:
    """The same network for any number of pictures; one that is free already is handed back.

    Args:
        model: ONNX model with static shapes, one picture.

    Raises:
        ContractError: it writes a shape down of which it cannot be told which side is the pictures'.
    """
    import onnx
    from onnx import numpy_helper

    if is_free(model):
        return model
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    graph = whole.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = PICTURES
    # Shapes in between were noted for one picture.
    del graph.value_info[:]
    written = {node.input[1]: node for node in graph.node if node.op_type == "Reshape"}
    shared = [n.name for n in graph.node for name in n.input if name in written and n.op_type != "Reshape"]
    if shared:
        raise ContractError(
            f"'{shared[0]}' reads a shape that is reshaped to as well",
            where="graph of the network",
            todo="export this network with a fixed number of pictures",
        )
    for at, item in enumerate(graph.initializer):
        node = written.pop(item.name, None)
        if node is None:
            continue
        shape = numpy_helper.to_array(item).copy()
        if not len(shape) or shape[0] not in (0, 1):
            raise ContractError(
                f"'{node.name}' reshapes to {shape.tolist()}: its first side is not the pictures'",
                where="graph of the network",
                todo="export this network with a fixed number of pictures",
            )
        # ONNX: 0 stands for the side that comes in.
        shape[0] = 0
        graph.initializer[at].CopyFrom(numpy_helper.from_array(shape, item.name))
    if written:
        raise ContractError(
            f"the shape of '{next(iter(written.values())).name}' is worked out while it runs",
            where="graph of the network",
            todo="simplify the graph first, or export it with a fixed number of pictures",
        )
    return whole


def freed_file(content: bytes, fp32: bytes | None = None) -> bytes:
    """An exported file, its network freed; metadata as they were.

    Args:
        content: the ONNX file.
        fp32: the freed FP32 file that a file of lower precision belongs to: its gate names it.

    Raises:
        ContractError: no contract in it, or see `free_batch`.
    """
    import onnx

    model = onnx.load_from_string(content)
    metadata = {item.key: item.value for item in model.metadata_props}
    contract = contract_from_metadata(metadata, where="the file")
    if fp32 is not None and contract.gate is not None:
        gate = contract.gate.model_copy(update={"fp32_sha256": hashlib.sha256(fp32).hexdigest()})
        contract = contract.model_copy(update={"gate": gate})
    return with_contract(free_batch(model), contract)


def check_company(content: bytes, tensors: Sequence[Float32Array]) -> None:
    """A picture's rows are the same alone and among others.

    Args:
        content: a freed ONNX file.
        tensors: (1, C, H, W) float32 each; two or more.

    Raises:
        ContractError: they are not: something in the graph mixes the pictures.
    """
    session = open_session(content)
    name = session.get_inputs()[0].name
    together = session.run(None, {name: np.concatenate(tensors)})[0]
    for at, tensor in enumerate(tensors):
        off = float(np.abs(session.run(None, {name: tensor})[0][0] - together[at]).max())
        if not off <= _SAME:
            raise ContractError(
                f"picture {at} among {len(tensors)} gives other rows than alone, off by {off:g}",
                where="graph of the network",
                todo="export this network with a fixed number of pictures",
            )
