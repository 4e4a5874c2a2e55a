"""Ultralytics' trainer on this project's samples: stage by stage, resumable, on CPU, GPU or several GPUs.

Only where samples come from (`training.tiles`) and the checkpoint (`training.checkpoint`) are ours;
loop, losses, optimiser, moving average and distribution over GPUs are the engine's. Nothing is chosen by a
validation score: a stage runs its epochs and its last moving average is its result, so
the val split stays unseen until `ferrogate evaluate`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch.utils.data import Dataset, Sampler
from ultralytics.data.build import InfiniteDataLoader
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOGGER, RANK, SETTINGS
from ultralytics.utils.torch_utils import unwrap_model

from datasets.training_run import WEIGHTS_FILE, StageSettings
from training.checkpoint import CHECKPOINT_FILE, load_checkpoint, restore, save_checkpoint, save_whole
from training.dense import DENSE_PREFIX, DenseDetectionModel, cells
from training.tiles import SampleMaker
from vision.contract import LevelSpec, RailSpec
from vision.errors import ConfigError, FerrogateError

# The engine would log to whatever service's package it finds, MLflow's default store among them;
# `training.tracking` logs, when it is asked to. In memory only: the user's own settings stay.
_SERVICES = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb", "sync")
dict.update(SETTINGS, dict.fromkeys(_SERVICES, False))

STAGE_FILE = "stage.json"
#: Boxes that the head may give per tile: more marks than this in one tile is no tile of steel.
MAX_BOXES = 50
_LOADERS = 8


class StageJob(BaseModel):
    """All that one stage needs, in one file: the engine starts its workers on other GPUs with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path
    stage: StageSettings
    labels: tuple[str, ...]
    input_px: int
    rail: RailSpec | None
    level: LevelSpec | None = None
    seed: int
    start_weights: Path | None = None
    resume: bool = False


class TileDataset(Dataset):  # type: ignore[misc]  # torch is not there to be looked into
    """The stage's samples in the engine's form."""

    rect = False

    def __init__(self, job: StageJob) -> None:
        self._maker = SampleMaker(
            job.data, job.stage, job.labels, job.input_px, job.rail, job.seed, job.level
        )
        self.labels: list[dict[str, Any]] = []
        self.pictures = self._maker.pictures

    def __len__(self) -> int:
        return len(self._maker)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        sample = self._maker.draw(*key)
        side = sample.tile.shape[0]
        corners = sample.boxes / np.float32(side)
        middle, size = (corners[:, :2] + corners[:, 2:]) / 2.0, corners[:, 2:] - corners[:, :2]
        return {
            "cells": torch.from_numpy(cells(sample.marks)),
            "img": torch.from_numpy(np.repeat(sample.tile[None], 3, axis=0)),
            "cls": torch.from_numpy(sample.classes).float()[:, None],
            "bboxes": torch.from_numpy(np.concatenate([middle, size], axis=1).astype(np.float32)),
            "im_file": f"{key[0]}/{key[1]}",
            "ori_shape": (side, side),
            "resized_shape": (side, side),
        }

    @staticmethod
    def collate_fn(samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Samples of one batch, as the engine's losses want them."""
        counts = torch.tensor([len(sample["cls"]) for sample in samples])
        return {
            "img": torch.stack([sample["img"] for sample in samples]),
            "cells": torch.stack([sample["cells"] for sample in samples]),
            "cls": torch.cat([sample["cls"] for sample in samples]),
            "bboxes": torch.cat([sample["bboxes"] for sample in samples]),
            "batch_idx": torch.repeat_interleave(torch.arange(len(samples)), counts).float(),
            "im_file": [sample["im_file"] for sample in samples],
            "ori_shape": [sample["ori_shape"] for sample in samples],
            "resized_shape": [sample["resized_shape"] for sample in samples],
        }


class EpochSampler(Sampler):  # type: ignore[misc]
    """Names the samples of one epoch after the other as (epoch, number).

    The loader's workers fetch the next epoch's first samples before this one is over; so the epoch has to
    travel with the number. The order is that of the numbers: what a sample shows is drawn anyway.

    Args:
        samples: per epoch, over all GPUs.
        first_epoch: the first that is asked for, from 0.
        rank: of this GPU.
        gpus: that share the samples.
    """

    def __init__(self, samples: int, first_epoch: int, rank: int, gpus: int) -> None:
        self._epoch, self._rank, self._gpus = first_epoch, rank, gpus
        self._samples = samples // gpus

    def __len__(self) -> int:
        return self._samples

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self._epoch
        self._epoch += 1
        return iter([(epoch, number * self._gpus + self._rank) for number in range(self._samples)])

    def set_epoch(self, epoch: int) -> None:
        """Asked for by the engine on several GPUs; the epochs are counted here."""


class StageTrainer(DetectionTrainer):  # type: ignore[misc]
    """The engine's detection trainer, fed by a `StageJob` file (its argument `data`)."""

    def get_dataset(self) -> dict[str, Any]:
        """The engine's description of a data set, from the job's file."""
        self.job = read_job(Path(self.args.data))
        self.checkpoint = Path(self.args.data).parent / CHECKPOINT_FILE
        names = dict(enumerate(self.job.labels))
        return {"train": "train", "val": "train", "nc": len(names), "names": names, "channels": 3}

    def get_dataloader(
        self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train"
    ) -> Any:
        """The engine's loader over the stage's samples; the same for training and, unused, validation."""
        if mode != "train":
            return self.train_loader
        gpus = max(self.world_size, 1)
        sampler = EpochSampler(len(self.tiles), self.first_epoch, max(rank, 0), gpus)
        batch = min(batch_size, len(sampler))
        several = len(sampler) > batch
        workers = min((os.cpu_count() or 1) // gpus, _LOADERS, -(-len(sampler) // batch)) if several else 0
        return InfiniteDataLoader(
            dataset=self.tiles,
            batch_size=batch,
            sampler=sampler,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=self.device.type == "cuda",
            collate_fn=TileDataset.collate_fn,
        )

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """The engine's network; with the layer that learns from masks where the stage asks for it."""
        if not self.job.stage.mask_gain:
            return super().get_model(cfg, weights, verbose)
        data = self.data
        model = DenseDetectionModel(cfg, nc=data["nc"], ch=data["channels"], verbose=verbose and RANK == -1)
        model.gain = self.job.stage.mask_gain
        return self.set_model_names_for_load(model)

    def _setup_train(self) -> None:
        """The engine's own, then the weights of the stage before, or of the checkpoint."""
        kept = load_checkpoint(self.checkpoint) if self.job.resume and self.checkpoint.exists() else None
        self.first_epoch = 0 if kept is None else kept["epoch"] + 1
        self.tiles = TileDataset(self.job)
        super()._setup_train()
        model = unwrap_model(self.model)
        if kept is not None:
            restore(self, kept, self.checkpoint)
        elif self.job.start_weights is not None:
            load_matching(model, self.job.start_weights)
            self.ema.ema.load_state_dict(model.state_dict())
        # The engine asks for repeatable sums; torch then fills fresh memory, too: an eighth of a step's time.
        torch.utils.deterministic.fill_uninitialized_memory = False
        if self.device.type == "cpu":
            # The engine does this on CUDA only; measured here on two cores it is the faster layout, too.
            self.model.to(memory_format=torch.channels_last)

    def _build_train_pipeline(self) -> None:
        # The detection trainer's own version counts labels of files on disk.
        super(DetectionTrainer, self)._build_train_pipeline()
        unwrap_model(self.model).set_head_attr(max_det=MAX_BOXES)

    def validate(self) -> tuple[dict[str, float], float]:
        """Nothing: see the module's text."""
        return dict.fromkeys(self.metrics, 0.0), 0.0

    def save_model(self) -> bool:
        """Keep the state of the epoch that has just ended."""
        save_checkpoint(self, self.checkpoint)
        return True

    def _handle_nan_recovery(self, epoch: int) -> bool:
        if self.loss is not None and not self.loss.isfinite():
            raise FerrogateError(
                f"the loss is no longer a number in epoch {epoch + 1}",
                where=str(self.checkpoint.parent),
                todo="lower the learning rate; look for broken labels with 'ferrogate data audit'",
            )
        return False

    def final_eval(self) -> None:
        """Nothing is validated: the last moving average is the result."""
        if RANK in {-1, 0}:
            _save(self.ema.ema.state_dict(), self.checkpoint.parent / WEIGHTS_FILE)

    def plot_training_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Left out: the engine would write pictures of its own into the run."""


def read_job(path: Path) -> StageJob:
    """Read a stage's file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return StageJob.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(
            f"the stage's file cannot be read: {error}",
            where=str(path),
            todo="start the run again in a new folder",
        ) from error


def run_stage(
    job: StageJob,
    folder: Path,
    *,
    architecture: str,
    batch: int,
    weight_decay: float,
    device: str,
    callbacks: dict[str, list[Any]] | None = None,
) -> Path:
    """Train one stage, or go on with it.

    Args:
        job: what is trained, from which weights, and whether a checkpoint is gone on from.
        folder: of the stage; its checkpoint is `checkpoint.pt`, its result `weights.pt`.
        architecture: yaml name of the network.
        batch: samples per step, over all GPUs.
        weight_decay: of the optimiser.
        device: the engine's word: "cpu", "0", "0,1".
        callbacks: the engine's events -> functions of the trainer.

    Returns:
        The path of the weights: a plain state dict, float32.

    Raises:
        FerrogateError: the checkpoint cannot be used, or the disk is full.
    """
    result = folder / WEIGHTS_FILE
    folder.mkdir(parents=True, exist_ok=True)
    job_file = folder / STAGE_FILE
    job_file.write_text(job.model_dump_json(indent=2) + "\n", encoding="utf-8")
    checkpoint = folder / CHECKPOINT_FILE
    if job.resume and checkpoint.exists():
        kept = load_checkpoint(checkpoint)
        if kept["epoch"] + 1 >= job.stage.epochs:
            # Killed between the last epoch and its result.
            _save(kept["average"], result)
            return result
    overrides: dict[str, Any] = {
        "model": architecture,
        "data": str(job_file),
        "epochs": job.stage.epochs,
        "imgsz": job.input_px,
        "batch": batch,
        "nbs": batch,
        "device": device,
        "workers": _LOADERS,
        "project": str(folder.resolve()),
        "name": "engine",
        "exist_ok": True,
        "seed": job.seed,
        "optimizer": "AdamW",
        "lr0": job.stage.learning_rate,
        "lrf": 0.02,
        "cos_lr": True,
        "warmup_epochs": job.stage.warmup_epochs,
        "weight_decay": weight_decay,
        "val": False,
        "plots": False,
        "patience": 0,
        "amp": _half_precision(device),
        "close_mosaic": 0,
        "pretrained": False,
    }
    trainer: Any = None
    try:
        trainer = StageTrainer(overrides=overrides)
        for event, functions in (callbacks or {}).items():
            for function in functions:
                trainer.add_callback(event, function)
        trainer.train()
    except OSError as error:
        raise FerrogateError(
            f"the training cannot go on: {error}",
            where=error.filename or str(folder),
            todo="make room on the disk, then go on with --resume",
        ) from error
    finally:
        # The engine closes its loader at a good end only; its workers would live on.
        if hasattr(trainer, "train_loader"):
            trainer.train_loader.close()
    return result


def _half_precision(device: str) -> str | bool:
    """bf16 on a GPU that has it, else none: to try fp16 out the engine fetches weights from elsewhere."""
    if device == "cpu" or not torch.cuda.is_available():
        return False
    return "bf16" if torch.cuda.is_bf16_supported() else False


def load_matching(model: Any, weights: Path) -> int:
    """Load those weights whose name and shape fit; returns how many did.

    Raises:
        FerrogateError: the file is no weights, or next to nothing fits.
    """
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FerrogateError(
            f"the weights cannot be read: {error}", where=str(weights), todo="train the stage again"
        ) from error
    own = model.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    if len(fitting) < 0.8 * len(own):
        raise FerrogateError(
            f"only {len(fitting)} of {len(own)} arrays fit this network",
            where=str(weights),
            todo="start from weights of the same architecture",
        )
    model.load_state_dict(fitting, strict=False)
    LOGGER.info(f"{len(fitting)} of {len(own)} arrays taken from {weights}")
    return len(fitting)


def _save(state: dict[str, Any], path: Path) -> None:
    """A state dict as plain float32, contiguous."""
    plain = {
        key: value.cpu().float().contiguous() if value.is_floating_point() else value.cpu()
        for key, value in state.items()
        if not key.startswith(DENSE_PREFIX)
    }
    save_whole(plain, path)
