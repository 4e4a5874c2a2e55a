"""Ultralytics' trainer on this project's samples: stage by stage, resumable, on CPU, GPU or several GPUs.

Only where samples come from is ours (`training.tiles`); loop, losses, optimiser, moving
average, checkpoints and distribution over GPUs are the engine's. Nothing is chosen by a
validation score: a stage runs its epochs and its last moving average is its result, so
the val split stays unseen until `ferrogate evaluate`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch.utils.data import Dataset
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOGGER
from ultralytics.utils.torch_utils import unwrap_model

from datasets.training_run import WEIGHTS_FILE, StageSettings
from training.tiles import SampleMaker
from vision.contract import RailSpec
from vision.errors import ConfigError, FerrogateError

STAGE_FILE = "stage.json"
#: Boxes that the head may give per tile: more marks than this in one tile is no tile of steel.
MAX_BOXES = 50


class StageJob(BaseModel):
    """All that one stage needs, in one file: the engine starts its workers on other GPUs with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path
    stage: StageSettings
    labels: tuple[str, ...]
    input_px: int
    rail: RailSpec | None
    seed: int


class TileDataset(Dataset):  # type: ignore[misc]  # torch is not there to be looked into
    """The stage's samples in the engine's form."""

    rect = False

    def __init__(self, job: StageJob) -> None:
        self._maker = SampleMaker(job.data, job.stage, job.labels, job.input_px, job.rail, job.seed)
        # Shared memory: the loader's workers live on from epoch to epoch.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self.labels: list[dict[str, Any]] = []
        self.pictures = self._maker.pictures

    def set_epoch(self, epoch: int) -> None:
        """The samples from now on are those of this epoch."""
        self._epoch[0] = epoch

    def __len__(self) -> int:
        return len(self._maker)

    def __getitem__(self, number: int) -> dict[str, Any]:
        sample = self._maker.draw(int(self._epoch[0]), number)
        side = sample.tile.shape[0]
        corners = sample.boxes / np.float32(side)
        middle, size = (corners[:, :2] + corners[:, 2:]) / 2.0, corners[:, 2:] - corners[:, :2]
        return {
            "img": torch.from_numpy(np.repeat(sample.tile[None], 3, axis=0)),
            "cls": torch.from_numpy(sample.classes).float()[:, None],
            "bboxes": torch.from_numpy(np.concatenate([middle, size], axis=1).astype(np.float32)),
            "im_file": str(number),
            "ori_shape": (side, side),
            "resized_shape": (side, side),
        }

    @staticmethod
    def collate_fn(samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Samples of one batch, as the engine's losses want them."""
        counts = torch.tensor([len(sample["cls"]) for sample in samples])
        return {
            "img": torch.stack([sample["img"] for sample in samples]),
            "cls": torch.cat([sample["cls"] for sample in samples]),
            "bboxes": torch.cat([sample["bboxes"] for sample in samples]),
            "batch_idx": torch.repeat_interleave(torch.arange(len(samples)), counts).float(),
            "im_file": [sample["im_file"] for sample in samples],
            "ori_shape": [sample["ori_shape"] for sample in samples],
            "resized_shape": [sample["resized_shape"] for sample in samples],
        }


class StageTrainer(DetectionTrainer):  # type: ignore[misc]
    """The engine's detection trainer, fed by a `StageJob` file (its argument `data`)."""

    def get_dataset(self) -> dict[str, Any]:
        """The engine's description of a data set, from the job's file."""
        self.job = read_job(Path(self.args.data))
        names = dict(enumerate(self.job.labels))
        return {"train": "train", "val": "train", "nc": len(names), "names": names, "channels": 3}

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> TileDataset:
        """One data set for both loaders: nothing is validated while training."""
        if mode == "train" or not hasattr(self, "tiles"):
            self.tiles = TileDataset(self.job)
        return self.tiles

    def _build_train_pipeline(self) -> None:
        # The detection trainer's own version counts labels of files on disk.
        super(DetectionTrainer, self)._build_train_pipeline()
        unwrap_model(self.model).set_head_attr(max_det=MAX_BOXES)

    def validate(self) -> tuple[dict[str, float], float]:
        """Nothing: see the module's text."""
        return dict.fromkeys(self.metrics, 0.0), 0.0

    def final_eval(self) -> None:
        """Nothing: see the module's text."""

    def plot_training_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Left out: `ferrogate train ... --show` draws samples."""


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
    start_weights: Path | None,
    batch: int,
    weight_decay: float,
    device: str,
    resume: bool,
    callbacks: dict[str, list[Any]] | None = None,
) -> Path:
    """Train one stage, or go on with it.

    Args:
        job: what is trained.
        folder: of the stage; its checkpoint is `checkpoints/last.pt`, its result `weights.pt`.
        architecture: yaml name of the network.
        start_weights: state of an earlier stage; heads of other labels start anew.
        batch: samples per step, over all GPUs.
        weight_decay: of the optimiser.
        device: the engine's word: "cpu", "0", "0,1".
        resume: go on from the checkpoint, if there is one.
        callbacks: the engine's events -> functions of the trainer.

    Returns:
        The path of the weights: a plain state dict, float32.

    Raises:
        FerrogateError: the checkpoint cannot be used.
    """
    result = folder / WEIGHTS_FILE
    folder.mkdir(parents=True, exist_ok=True)
    job_file = folder / STAGE_FILE
    job_file.write_text(job.model_dump_json(indent=2) + "\n", encoding="utf-8")
    last = folder / "engine" / "weights" / "last.pt"
    going_on = resume and last.exists()
    overrides: dict[str, Any] = {
        "model": str(last) if going_on else architecture,
        "data": str(job_file),
        "epochs": job.stage.epochs,
        "imgsz": job.input_px,
        "batch": batch,
        "nbs": batch,
        "device": device,
        "workers": 8,
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
        "amp": device != "cpu",
        "close_mosaic": 0,
        "pretrained": False,
        "resume": str(last) if going_on else False,
    }
    try:
        trainer = StageTrainer(overrides=overrides)
    except (FileNotFoundError, RuntimeError, KeyError, EOFError) as error:
        raise FerrogateError(
            f"the checkpoint cannot be used: {error}",
            where=str(last),
            todo="remove the stage's folder and train it again",
        ) from error
    for event, functions in (callbacks or {}).items():
        for function in functions:
            trainer.add_callback(event, function)
    trainer.add_callback("on_pretrain_routine_end", lambda trainer: _prepare(trainer, start_weights))
    trainer.add_callback("on_train_epoch_start", lambda trainer: trainer.tiles.set_epoch(trainer.epoch))
    trainer.add_callback("on_train_end", lambda trainer: _save(trainer, result))
    trainer.train()
    return result


def _prepare(trainer: Any, start_weights: Path | None) -> None:
    """Weights of the stage before, and the layout that convolutions run fastest in."""
    model = unwrap_model(trainer.model)
    if start_weights is not None and not trainer.resume:
        load_matching(model, start_weights)
        trainer.ema.ema.load_state_dict(model.state_dict())
    if trainer.device.type == "cpu":
        # The engine does this on CUDA only; measured here on two cores it is the faster layout, too.
        trainer.model.to(memory_format=torch.channels_last)


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


def _save(trainer: Any, path: Path) -> None:
    state = {
        key: value.cpu().float().contiguous() if value.is_floating_point() else value.cpu()
        for key, value in trainer.ema.ema.state_dict().items()
    }
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)
