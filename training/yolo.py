"""Builds the YOLO26n network and its loss, without downloads.

The network has two heads: one-to-many, which teaches, and one-to-one, which needs no
suppression of duplicates and is the one that is exported.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from datasets.extra import require_training
from datasets.training_run import TrainSettings


def new_network(labels: tuple[str, ...], settings: TrainSettings) -> Any:
    """A fresh network for `labels`, weights random by torch's seed."""
    require_training("torch", "ultralytics")
    from ultralytics.nn.tasks import DetectionModel

    network = DetectionModel(settings.architecture, ch=3, nc=len(labels), verbose=False)
    network.names = dict(enumerate(labels))
    network.args = SimpleNamespace(
        box=settings.box_gain,
        cls=settings.class_gain,
        dfl=settings.distance_gain,
        epochs=settings.epochs,
    )
    return network


def parameter_groups(network: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Optimiser groups: decay for weight matrices and kernels only."""
    decayed: list[Any] = []
    plain: list[Any] = []
    for parameter in network.parameters():
        (decayed if parameter.ndim > 1 else plain).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
