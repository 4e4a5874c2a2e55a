"""The record of one training run: its settings and manifest. `training` writes it, `export` reads it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vision.errors import ConfigError

MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "weights.pt"
CHECKPOINT_FILE = "checkpoint.pt"
TRAINER = "ferrogate.training, YOLO26n of ultralytics, from scratch"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainSettings(_Strict):
    """Everything that shapes the result beside the data."""

    architecture: Literal["yolo26n.yaml"] = "yolo26n.yaml"
    input_px: Annotated[int, Field(ge=64, le=1280, multiple_of=32)] = 160
    epochs: Annotated[int, Field(ge=1)] = 30
    batch: Annotated[int, Field(ge=2)] = 16
    learning_rate: float = Field(default=0.0012, gt=0.0)
    weight_decay: float = Field(default=0.0005, ge=0.0)
    warmup_steps: Annotated[int, Field(ge=1)] = 150
    ema_decay: float = Field(default=0.998, gt=0.0, lt=1.0)
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = "cpu"
    threads: Annotated[int, Field(ge=0, description="of torch on CPU; 0: its own choice")] = 0
    box_gain: float = 7.5
    class_gain: float = 0.5
    distance_gain: float = 1.5


class TrainingManifest(_Strict):
    """What was trained on what, by which command, and how it did on the val split.

    `metrics`: loss per epoch and the time; what a model is worth is measured at export,
    on the ONNX file itself.
    """

    version: int = 1
    station: Literal["ball"] = "ball"
    labels: tuple[str, ...]
    data_dir: str = Field(description="where the data lay; its hash is what counts")
    data_sha256: str
    data_info: dict[str, object]
    samples: dict[str, int]
    settings: TrainSettings
    command: str
    packages: dict[str, str]
    weights_sha256: str
    metrics: dict[str, object]

    def sha256(self) -> str:
        """Hash of the whole manifest: the contract's `training_sha256`."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(manifest: TrainingManifest, run: Path) -> None:
    """Write `manifest.json` into the run's folder."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
    (run / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(run: Path) -> TrainingManifest:
    """Read a run's manifest.

    Raises:
        ConfigError: there is none, or it does not fit.
    """
    path = run / MANIFEST_FILE
    try:
        return TrainingManifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise ConfigError(
            f"the training manifest cannot be read: {error}",
            where=str(path),
            todo="give the folder that 'ferrogate train ball --out' wrote, after it has finished",
        ) from error
