"""Trains the ball detector on a folder of crops (`datasets.records`), on CPU or GPU.

Each epoch ends with a checkpoint; a run that was stopped goes on from it. At the end
the run's folder holds `weights.pt` (the moving average of the weights) and `manifest.json`.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from datasets.extra import require_training
from datasets.records import DataSet, data_sha256, read_coco
from datasets.training_run import (
    CHECKPOINT_FILE,
    WEIGHTS_FILE,
    TrainingManifest,
    TrainSettings,
    write_manifest,
)
from training.ball_data import Batch, LoadedSet, batches, load_set
from training.yolo import new_network, parameter_groups
from vision.contract import InputSpec
from vision.errors import ConfigError

EpochReport = Callable[[int, dict[str, float]], None]


@dataclass(slots=True)
class _State:
    """What a checkpoint holds, in memory."""

    network: Any
    average: Any
    optimiser: Any
    criterion: Any
    epoch: int
    step: int
    history: list[dict[str, float]]


def train_ball(
    data_folder: Path,
    out: Path,
    settings: TrainSettings,
    command: str,
    report: EpochReport,
    *,
    resume: bool = False,
) -> TrainingManifest:
    """Train, and write weights and manifest into `out`.

    Raises:
        ConfigError: the data cannot be used, or there is nothing to resume, or resuming was
            asked with other settings than the run began with.
        FerrogateError: the training extra is missing.
    """
    require_training("torch", "ultralytics")
    import torch

    torch.manual_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    data = read_coco(data_folder)
    loaded = load_set(data_folder, data, "train", _input_spec(settings))
    if not len(loaded):
        raise ConfigError("the train split is empty", where=str(data_folder), todo="make a larger set")
    data_hash = data_sha256(data_folder, data)
    out.mkdir(parents=True, exist_ok=True)
    fingerprint = {"data": data_hash, "settings": settings.model_dump(mode="json")}
    state = _start(data.labels, settings)
    if resume:
        _load_checkpoint(state, out / CHECKPOINT_FILE, fingerprint)
    elif (out / CHECKPOINT_FILE).exists():
        raise ConfigError(
            "there is a run already", where=str(out), todo="add --resume, or give another --out"
        )
    steps = max(1, len(loaded) // settings.batch)
    while state.epoch < settings.epochs:
        began = time.monotonic()
        losses = _one_epoch(state, loaded, settings, steps)
        state.epoch += 1
        state.criterion.update()
        losses["seconds"] = round(time.monotonic() - began, 1)
        state.history.append(losses)
        _save_checkpoint(state, out / CHECKPOINT_FILE, fingerprint)
        report(state.epoch, losses)
    return _finish(out, state, data_folder, data, data_hash, settings, command)


def _input_spec(settings: TrainSettings) -> InputSpec:
    return InputSpec(width_px=settings.input_px, height_px=settings.input_px)


def _start(labels: tuple[str, ...], settings: TrainSettings) -> _State:
    import torch
    from ultralytics.utils.torch_utils import ModelEMA

    network = new_network(labels, settings).to(settings.device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        parameter_groups(network, settings.weight_decay), lr=settings.learning_rate, betas=(0.9, 0.99)
    )
    average = ModelEMA(network, decay=settings.ema_decay, tau=100)
    return _State(network, average, optimiser, network.init_criterion(), 0, 0, [])


def _one_epoch(state: _State, loaded: LoadedSet, settings: TrainSettings, steps: int) -> dict[str, float]:
    import torch

    state.network.train()
    # Drawn from seed and epoch, so that a resumed run sees the same pictures as an unbroken one.
    rng = np.random.default_rng([settings.seed, state.epoch])
    total = steps * settings.epochs
    sums: dict[str, float] = {}
    for batch in batches(loaded, settings.batch, rng):
        _set_learning_rate(state.optimiser, settings, state.step, total)
        feed = _to_torch(batch, settings)
        with torch.autocast(
            torch.device(settings.device).type, dtype=torch.bfloat16, enabled=settings.precision == "bf16"
        ):
            predictions = state.network(feed["img"])
        # The loss needs the full precision that the boxes are compared with.
        loss, parts = state.criterion(_to_float(predictions), feed)
        state.optimiser.zero_grad(set_to_none=True)
        (loss.sum() / len(batch.pictures)).backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 10.0)
        state.optimiser.step()
        state.average.update(state.network)
        state.step += 1
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value)
    return {name: round(value / steps, 4) for name, value in sums.items()}


def _set_learning_rate(optimiser: Any, settings: TrainSettings, step: int, total: int) -> None:
    """Linear warm-up, then a cosine down to a fiftieth."""
    warm = min(1.0, (step + 1) / min(settings.warmup_steps, max(1, total // 4)))
    cosine = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / total)))
    for group in optimiser.param_groups:
        group["lr"] = settings.learning_rate * warm * cosine


def _to_torch(batch: Batch, settings: TrainSettings) -> dict[str, Any]:
    """The batch as the loss wants it: boxes as centre, width, height in shares of the input."""
    import torch

    spec = _input_spec(settings)
    grey = torch.from_numpy(batch.pictures).to(settings.device).float().mul_(spec.scale)
    pictures = grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    corners = torch.from_numpy(batch.boxes).to(settings.device) / settings.input_px
    middle, size = (corners[:, :2] + corners[:, 2:]) / 2.0, corners[:, 2:] - corners[:, :2]
    return {
        "img": pictures,
        "batch_idx": torch.from_numpy(batch.owner).to(settings.device).float(),
        "cls": torch.from_numpy(batch.classes).to(settings.device).float()[:, None],
        "bboxes": torch.cat([middle, size], dim=1),
    }


def _to_float(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_float(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_to_float(part) for part in value)
    return value.float()


def _save_checkpoint(state: _State, path: Path, fingerprint: dict[str, Any]) -> None:
    import torch

    content = {
        "fingerprint": fingerprint,
        "network": state.network.state_dict(),
        "average": state.average.ema.state_dict(),
        "average_updates": state.average.updates,
        "optimiser": state.optimiser.state_dict(),
        "epoch": state.epoch,
        "step": state.step,
        "history": state.history,
    }
    partial = path.with_suffix(".part")
    torch.save(content, partial)
    partial.replace(path)


def _load_checkpoint(state: _State, path: Path, fingerprint: dict[str, Any]) -> None:
    import torch

    if not path.exists():
        raise ConfigError("there is no run to resume", where=str(path), todo="leave out --resume")
    content = torch.load(path, map_location="cpu", weights_only=True)
    if content["fingerprint"] != fingerprint:
        raise ConfigError(
            "the run was begun with other data or settings",
            where=str(path),
            todo="resume with the same --data and options, or start a new run in another folder",
        )
    state.network.load_state_dict(content["network"])
    state.average.ema.load_state_dict(content["average"])
    state.average.updates = content["average_updates"]
    state.optimiser.load_state_dict(content["optimiser"])
    state.epoch, state.step, state.history = content["epoch"], content["step"], content["history"]
    for _ in range(state.epoch):
        state.criterion.update()


def _finish(
    out: Path,
    state: _State,
    data_folder: Path,
    data: DataSet,
    data_hash: str,
    settings: TrainSettings,
    command: str,
) -> TrainingManifest:
    import torch

    weights = out / WEIGHTS_FILE
    torch.save(
        {key: value.cpu().contiguous() for key, value in state.average.ema.state_dict().items()}, weights
    )
    seconds = sum(epoch["seconds"] for epoch in state.history)
    manifest = TrainingManifest(
        labels=data.labels,
        data_dir=str(data_folder.resolve()),
        data_sha256=data_hash,
        data_info=data.info,
        samples={"train": len(data.of_split("train")), "val": len(data.of_split("val"))},
        settings=settings,
        command=command,
        packages={name: metadata.version(name) for name in ("torch", "ultralytics", "numpy")},
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        metrics={"seconds": round(seconds, 1), "epochs": state.history},
    )
    write_manifest(manifest, out)
    return manifest
