"""The record of one training run: its settings and manifest. `training` writes it, `export` reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vision.contract import LevelSpec, RailSpec
from vision.errors import ConfigError

MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "weights.pt"
TRAINER = "ferrogate.training, YOLO26 of ultralytics, no weights from elsewhere"

Kind = Literal["rail", "ball", "steel"]
"""What the pictures of a stage are: it decides how they are cut and varied."""

Station = Literal["ball", "rail", "steel"]
"""Whose detector a run makes; "steel": only the stage that both others can start from."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(_Strict):
    """One data set of a stage: its folder below the stage's data, and its share of the samples drawn."""

    folder: str
    share: float = Field(gt=0.0, le=1.0)


class Faintest(_Strict):
    """Renders whose mark is fainter than this are left out of training.

    They are labelled all the same, and counted by every evaluation: nobody can see them, and a detector
    that is told to finds marks where there are none.
    """

    contrast_grey: float = Field(ge=0.0, description="of the mark against what is round it, grey levels")
    contrast_over_noise: float = Field(ge=0.0)
    visible_px: float = Field(ge=0.0, description="pixels of the mark in the crop")


class StageSettings(_Strict):
    """One stage of training: what it sees, for how long.

    `samples_per_epoch`: tiles or crops drawn per epoch, whatever the number of pictures.
    `label_shares`: how often a label is put into the tile on purpose; the rest of the samples is
    drawn evenly. `focus_share`: share of samples that are drawn round a labelled box.
    """

    name: str
    kind: Kind
    sources: tuple[SourceSettings, ...] = Field(min_length=1)
    epochs: Annotated[int, Field(ge=1)]
    input_px: Annotated[int, Field(ge=64, le=1280, multiple_of=32)] | None = Field(
        default=None, description="side of this stage's samples; None: the model's"
    )
    samples_per_epoch: Annotated[int, Field(ge=2)]
    learning_rate: float = Field(default=0.001, gt=0.0, le=1.0)
    warmup_epochs: float = Field(default=1.0, ge=0.0)
    focus_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.6
    mask_gain: float = Field(
        default=0.0, ge=0.0, description="weight of the loss of cells, learnt from masks; 0: boxes only"
    )
    plain_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the samples whose light and dirt stay as they are."""
    faintest: Faintest | None = None
    label_shares: dict[str, float] = {}
    zoom: tuple[float, float] = (0.8, 1.25)
    stretch: tuple[float, float] = (1.0, 1.0)
    """Range of the extra factor along the picture's rows' axis (a line scanner's speed is its own)."""


class TrainSettings(_Strict):
    """Everything that shapes the result beside the data."""

    architecture: Literal["yolo26n.yaml", "yolo26s.yaml"] = "yolo26n.yaml"
    input_px: Annotated[int, Field(ge=64, le=1280, multiple_of=32)] = 160
    """Side of the model's input, and of the samples of the stages that name none of their own."""
    stages: tuple[StageSettings, ...] = Field(min_length=1)
    rail: RailSpec | None = None
    level: LevelSpec | None = None
    batch: Annotated[int, Field(ge=2)] = 16
    weight_decay: float = Field(default=0.0005, ge=0.0)
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = "cpu"
    threads: Annotated[int, Field(ge=0, description="of torch on CPU; 0: its own choice")] = 0


class TrainingManifest(_Strict):
    """What was trained on what, by which command.

    `data_sha256`: of the last stage's sets, in order; `pretraining_sha256`: of the stages before.
    `data_terms`: source and terms of every set seen in any stage. `metrics`: loss per epoch and the
    time; what a model is worth is measured by `ferrogate evaluate`, on the ONNX file itself.
    """

    version: Literal[2] = 2
    station: Station
    labels: tuple[str, ...]
    data_dir: str = Field(description="where the data lay; its hash is what counts")
    data_sha256: str
    pretraining_sha256: str = ""
    data_info: dict[str, object]
    data_terms: tuple[str, ...] = ()
    evaluation_only: bool = False
    samples: dict[str, int]
    settings: TrainSettings
    command: str
    packages: dict[str, str]
    weights_sha256: str
    metrics: dict[str, object]

    def sha256(self) -> str:
        """Hash of what the manifest's file says: the contract's `training_sha256`.

        Of a manifest that was read, or that `write_manifest` returned. A setting that a later version of
        these classes has, and the file has not, does not count: a run's hash never changes.
        """
        text = json.dumps(self.model_dump(mode="json", exclude_unset=True), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def joined_sha256(hashes: Sequence[str]) -> str:
    """One hash of several sets, in order; of a single set its own."""
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def write_manifest(manifest: TrainingManifest, run: Path) -> TrainingManifest:
    """Write `manifest.json` into the run's folder; returns it as it is read back."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
    partial = run / (MANIFEST_FILE + ".part")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(run / MANIFEST_FILE)
    return TrainingManifest.model_validate_json(text)


def read_manifest(run: Path) -> TrainingManifest:
    """Read a run's manifest.

    Raises:
        ConfigError: there is none, or it does not fit.
    """
    path = run / MANIFEST_FILE
    try:
        return TrainingManifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"the training manifest cannot be read: {error}",
            where=str(path),
            todo="give the folder that 'ferrogate train ... --out' wrote, after it has finished",
        ) from error
