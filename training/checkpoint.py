"""The exact state of a stage in training, so that a run that was killed ends as an unbroken one would.

The engine's own checkpoints keep the moving average and the optimiser in half precision and are
written over the old one: a kill in that instant costs the stage. This one keeps all in float32, appears
whole or not at all, and is read without running code from it.
Neighbours: `training.engine` saves it after each epoch and goes on from it.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from ultralytics.utils.torch_utils import unwrap_model

from vision.errors import FerrogateError

CHECKPOINT_FILE = "checkpoint.pt"
_KEYS = frozenset({"epoch", "model", "average", "updates", "optimizer", "scaler"})


def save_whole(content: dict[str, Any], path: Path) -> None:
    """Write a torch file; it appears whole or not at all.

    Raises:
        FerrogateError: the disk is full or cannot be written to. What was there before is still there.
    """
    partial = path.with_suffix(".part")
    try:
        torch.save(content, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        # torch says RuntimeError for a write that failed.
        partial.unlink(missing_ok=True)
        raise FerrogateError(
            f"the training's state cannot be written: {error}",
            where=str(path),
            todo="make room on the disk, then go on with --resume",
        ) from error


def save_checkpoint(trainer: Any, path: Path) -> None:
    """Keep the state after the trainer's current epoch.

    Raises:
        FerrogateError: it cannot be written.
    """
    content = {
        "epoch": trainer.epoch,
        "model": unwrap_model(trainer.model).state_dict(),
        "average": trainer.ema.ema.state_dict(),
        "updates": trainer.ema.updates,
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
    }
    save_whole(content, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        FerrogateError: it is not one, or is damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        missing = _KEYS - set(content)
        if missing:
            raise KeyError(f"no {', '.join(sorted(missing))}")
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        raise _unusable(error, path) from error
    return dict(content)


def restore(trainer: Any, content: dict[str, Any], path: Path) -> None:
    """Put a trainer that is set up, and has not begun, into the state that was kept.

    Args:
        trainer: the engine's.
        content: of `load_checkpoint`.
        path: named in the error.

    Raises:
        FerrogateError: the state is another network's.
    """
    model = unwrap_model(trainer.model)
    try:
        model.load_state_dict(content["model"])
        trainer.ema.ema.load_state_dict(content["average"])
        trainer.optimizer.load_state_dict(content["optimizer"])
        trainer.scaler.load_state_dict(content["scaler"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise _unusable(error, path) from error
    trainer.ema.updates = content["updates"]
    trainer.start_epoch = content["epoch"] + 1
    trainer.scheduler.last_epoch = content["epoch"]
    # The loss shifts its weight from the teaching head to the exported one, epoch by epoch.
    model.criterion = model.init_criterion()
    for _ in range(trainer.start_epoch):
        model.criterion.update()


def _unusable(error: Exception, path: Path) -> FerrogateError:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return FerrogateError(
        f"the checkpoint cannot be used: {text}",
        where=str(path),
        todo=f"remove {path.parent} and resume: this stage begins anew, finished stages stay",
    )
