"""Trained weights as an inference network, and that network as ONNX bytes.

The graph is traced with one picture, (1, 3, S, S) in and (1, MAX_BOXES, 6) out (`export.batch` frees the
number of pictures afterwards), and needs no suppression of duplicates.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
from pathlib import Path
from typing import Any

from datasets.extra import require_training
from datasets.training_run import WEIGHTS_FILE, TrainingManifest
from vision.contract import ModelContract
from vision.errors import ConfigError
from vision.types import Float32Array

MAX_BOXES = 50
OPSET = 17


def load_network(run: Path, manifest: TrainingManifest) -> Any:
    """The run's network, ready to infer: one-to-one head, batch norm folded in, float32 on CPU.

    Raises:
        ConfigError: the weights are missing, broken, not the manifest's, or of another network.
        FerrogateError: the training extra is missing.
    """
    require_training("torch", "ultralytics", "onnx", "onnxslim")
    from ultralytics.nn.tasks import DetectionModel

    state = _read_weights(run / WEIGHTS_FILE, manifest)
    network = DetectionModel(manifest.settings.architecture, ch=3, nc=len(manifest.labels), verbose=False)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"the weights are not of {manifest.settings.architecture} with {len(manifest.labels)} labels: "
            f"{str(error).splitlines()[0]}",
            where=str(run / WEIGHTS_FILE),
            todo="train again with 'ferrogate train'",
        ) from error
    head = network.model[-1]
    head.end2end = True
    network.eval()
    network.fuse(verbose=False)
    head.export, head.format, head.max_det = True, "onnx", MAX_BOXES
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def _read_weights(path: Path, manifest: TrainingManifest) -> Any:
    import torch

    todo = f"give the folder that 'ferrogate train {manifest.station} --out' wrote, after it has finished"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError("the run has no weights", where=str(path), todo=todo) from error
    if hashlib.sha256(content).hexdigest() != manifest.weights_sha256:
        raise ConfigError(
            "the weights are not those of the manifest: the file is broken or of another run",
            where=str(path),
            todo=todo,
        )
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise ConfigError(
            f"the weights cannot be read: {str(error).splitlines()[0]}", where=str(path), todo=todo
        ) from error


def run_network(network: Any, tensor: Float32Array) -> Float32Array:
    """(1, 3, S, S) float32 array to (1, MAX_BOXES, 6) float32 array, in torch."""
    import torch

    with torch.inference_mode():
        found: Float32Array = network(torch.from_numpy(tensor)).numpy()
    return found


def to_onnx(network: Any, contract: ModelContract) -> Any:
    """The network as an ONNX model (without metadata yet), simplified."""
    import onnx
    import onnxslim
    import torch

    spec = contract.input
    example = torch.zeros(1, 3, spec.height_px, spec.width_px)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is told to be old; the graph it writes is small and static.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            buffer,
            input_names=[spec.name],
            output_names=[contract.output.name],
            opset_version=OPSET,
            dynamo=False,
        )
    return onnxslim.slim(onnx.load_from_string(buffer.getvalue()))


def with_contract(model: Any, contract: ModelContract) -> bytes:
    """The ONNX file's bytes with the contract in its metadata; `model` itself stays as it is."""
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    del whole.metadata_props[:]
    onnx.helper.set_model_props(whole, contract.to_metadata())
    whole.producer_name, whole.doc_string = "ferrogate", ""
    onnx.checker.check_model(whole)
    return bytes(whole.SerializeToString())
