"""Trained weights as an inference network, and that network as ONNX bytes.

The exported graph has one static shape, (1, 3, S, S) in and (1, MAX_BOXES, 6) out, and
needs no suppression of duplicates.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

from datasets.extra import require_training
from datasets.training_run import WEIGHTS_FILE, TrainingManifest
from vision.contract import ModelContract
from vision.errors import ConfigError

MAX_BOXES = 50
OPSET = 17


def load_network(run: Path, manifest: TrainingManifest) -> Any:
    """The run's network, ready to infer: one-to-one head, batch norm folded in, float32 on CPU.

    Raises:
        ConfigError: the weights are missing or not the manifest's.
        FerrogateError: the training extra is missing.
    """
    require_training("torch", "ultralytics", "onnx", "onnxslim")
    import torch

    path = run / WEIGHTS_FILE
    todo = "give the folder that 'ferrogate train ball --out' wrote, after it has finished"
    if not path.is_file():
        raise ConfigError("the run has no weights", where=str(path), todo=todo)
    if hashlib.sha256(path.read_bytes()).hexdigest() != manifest.weights_sha256:
        raise ConfigError("the weights are not those of the manifest", where=str(path), todo=todo)
    from ultralytics.nn.tasks import DetectionModel

    network = DetectionModel(manifest.settings.architecture, ch=3, nc=len(manifest.labels), verbose=False)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    head = network.model[-1]
    head.end2end = True
    network.eval()
    network.fuse(verbose=False)
    head.export, head.format, head.max_det = True, "onnx", MAX_BOXES
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def run_network(network: Any, tensor: Any) -> Any:
    """(1, 3, S, S) float32 array to (1, MAX_BOXES, 6) float32 array, in torch."""
    import torch

    with torch.inference_mode():
        return network(torch.from_numpy(tensor)).numpy()


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
    """The ONNX file's bytes with the contract in its metadata."""
    import onnx

    del model.metadata_props[:]
    onnx.helper.set_model_props(model, contract.to_metadata())
    model.producer_name, model.doc_string = "ferrogate", ""
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
