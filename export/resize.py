"""`ferrogate export resize`: a network of this house for pictures of another size, to time it.

The weights of a convolutional network fit any size; what a traced graph has written down for its own is put
right: the grid of points that boxes are measured from, and the shapes around its attention. It finds what it
was not trained to find at that size, so the file is of station 'other' and no station takes it. Neighbours:
`ferrogate bench detector` and `bench peers` measure with such files; `export.batch` frees the number of
pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from export.batch import free_batch
from export.network import with_contract
from export.whole_file import write_whole
from vision.contract import ModelContract, contract_from_metadata
from vision.errors import ConfigError, ContractError
from vision.types import Float32Array

#: pixels between the points of the grids, finest first
STRIDES = (8, 16, 32)
#: half of attention's pixels lie this far apart
_ATTENTION_STRIDE = 32
SIDE_MIN_PX, SIDE_MAX_PX = 64, 1280


def resized_file(content: bytes, side_px: int, *, name: str) -> bytes:
    """The same network for square pictures of another size, with a contract that says so.

    Args:
        content: an FP32 file with square input, exported by this house.
        side_px: new side, a multiple of 32.
        name: of the file, for error texts.

    Raises:
        ConfigError: a size that the network's strides do not divide.
        ContractError: no ONNX file with a contract, not FP32 or not square, or a graph of another kind.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if side_px % _ATTENTION_STRIDE or not SIDE_MIN_PX <= side_px <= SIDE_MAX_PX:
        raise ConfigError(
            f"{side_px} px is no size of this network",
            where="--side",
            todo=f"give a multiple of {_ATTENTION_STRIDE} from {SIDE_MIN_PX} to {SIDE_MAX_PX}",
        )
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        raise ContractError("this is not an ONNX model", where=name, todo="give an exported file") from error
    contract = contract_from_metadata({item.key: item.value for item in model.metadata_props}, where=name)
    spec = contract.input
    if contract.precision != "fp32" or spec.width_px != spec.height_px:
        raise ContractError(
            f"only a square FP32 network can be resized, this is {contract.precision}, "
            f"{spec.width_px}x{spec.height_px} px",
            where=name,
            todo="give the FP32 file of the export",
        )
    return with_contract(_resized(model, spec.width_px, side_px, name), _contract(contract, side_px))


def resize(model: Path, side_px: int, out: Path) -> int:
    """Read, resize, write; the size of the file in bytes.

    Raises:
        ConfigError: a file cannot be read or written, or the size cannot be.
        ContractError: see `resized_file`.
    """
    try:
        content = model.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(model),
            todo="give an exported file",
        ) from error
    made = resized_file(content, side_px, name=str(model))
    write_whole({out: made})
    return len(made)


def grid(side_px: int) -> tuple[Float32Array, Float32Array]:
    """Points that boxes are measured from, and the pixels that one unit is: (1, 2, N) and (1, N) float32."""
    points, strides = [], []
    for stride in STRIDES:
        cells = side_px // stride
        y, x = np.mgrid[:cells, :cells].astype(np.float32) + np.float32(0.5)
        points.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(cells * cells, stride, np.float32))
    return np.concatenate(points, axis=1)[np.newaxis], np.concatenate(strides)[np.newaxis]


def _contract(contract: ModelContract, side_px: int) -> ModelContract:
    """That of the resized file: for timing, without what was measured at the other size."""
    content = contract.model_dump() | {
        "station": "other",
        "rail": None,
        "calibration": {},
        "operating_points": {},
        "golden_sha256": "",
        "note": f"resized to {side_px} px to be timed; not trained for that size, and never evaluated",
    }
    content["input"] |= {"width_px": side_px, "height_px": side_px}
    return ModelContract.model_validate(content)


def _resized(model: Any, old_px: int, new_px: int, name: str) -> Any:
    from onnx import numpy_helper

    model = free_batch(model)
    graph = model.graph
    new = dict(zip(("points", "strides"), grid(new_px), strict=True))
    old = dict(zip(("points", "strides"), grid(old_px), strict=True))
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    put_right = set()
    for at, item in enumerate(graph.initializer):
        value = numpy_helper.to_array(item)
        for what, known in old.items():
            if value.shape == known.shape and np.array_equal(value, known):
                graph.initializer[at].CopyFrom(numpy_helper.from_array(new[what], item.name))
                put_right.add(what)
        if item.name in shapes:
            shape = _shape(value, old_px // _ATTENTION_STRIDE, new_px // _ATTENTION_STRIDE)
            graph.initializer[at].CopyFrom(numpy_helper.from_array(shape, item.name))
    if put_right != set(old):
        raise ContractError(
            f"its graph has no {' and no '.join(sorted(set(old) - put_right))} of its grid written down",
            where=name,
            todo="give a file that 'ferrogate export' wrote",
        )
    for side in graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_value = new_px
    return model


def _shape(value: Any, old_cells: int, new_cells: int) -> Any:
    """A shape to reshape to, with the sides of the coarsest grid replaced."""
    shape = value.copy()
    if len(shape) == 4 and tuple(shape[2:]) == (old_cells, old_cells):
        shape[2:] = new_cells
    elif len(shape) == 4 and shape[3] == old_cells**2:
        shape[3] = new_cells**2
    return shape
