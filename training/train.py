"""Trains a detector: its stages one after the other, then weights and manifest in the run's folder.

A stage that is finished is not trained again; a stage that was stopped goes on from its last
checkpoint. Neighbours: `training.plans` says what is trained, `training.engine` trains a stage,
`training.tracking` logs the run to MLflow.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from datasets.extra import require_training
from datasets.records import DataSet, data_sha256, read_coco
from datasets.training_run import (
    MANIFEST_FILE,
    WEIGHTS_FILE,
    StageSettings,
    Station,
    TrainingManifest,
    TrainSettings,
    write_manifest,
)
from training.tracking import check_server, tracked
from vision.contract import BALL_LABELS, RAIL_LABELS
from vision.errors import ConfigError

#: One line of a set's terms that says there are none.
NO_TERMS = "none stated"
_PRINT_FILE = "fingerprint.json"

EpochReport = Callable[[str, int, int, dict[str, float]], None]
"""Stage, epoch from 1, epochs, losses."""


def train(
    station: Station,
    data: Path,
    out: Path,
    settings: TrainSettings,
    command: str,
    report: EpochReport,
    *,
    resume: bool = False,
    start_weights: Path | None = None,
    mlflow_uri: str | None = None,
) -> TrainingManifest:
    """Train all stages, and write weights and manifest into `out`.

    Args:
        station: whose detector.
        data: folder of the sets that the stages name.
        out: folder of the run.
        settings: what shapes the result.
        command: as typed, for the manifest.
        report: called after every epoch.
        resume: go on with the run in `out`.
        start_weights: state dict that the first stage starts from; None: random weights.
        mlflow_uri: where the run is logged to, beside its folder; None: nowhere.

    Raises:
        ConfigError: data or folder cannot be used, or resuming was asked with other data or settings.
        FerrogateError: the training extra is missing, a checkpoint is broken, MLflow cannot be used.
    """
    check_server(mlflow_uri)
    sets = {
        source.folder: read_coco(data / source.folder)
        for stage in settings.stages
        for source in stage.sources
    }
    hashes = {folder: data_sha256(data / folder, content) for folder, content in sets.items()}
    fingerprint = {
        "data": hashes,
        "settings": settings.model_dump(mode="json"),
        "start": None if start_weights is None else hashlib.sha256(start_weights.read_bytes()).hexdigest(),
    }
    _claim(out, fingerprint, resume=resume)
    with tracked(mlflow_uri, station, out, settings, command, resume=resume) as log:

        def both(stage: str, epoch: int, epochs: int, losses: dict[str, float]) -> None:
            report(stage, epoch, epochs, losses)
            if log is not None:
                log.epoch(stage, epoch, losses)

        history = _stages(station, data, out, settings, sets, both, resume, start_weights)
        manifest = _finish(station, data, out, settings, command, sets, hashes, history)
        if log is not None:
            log.finish(manifest, out)
    return manifest


def _stages(
    station: Station,
    data: Path,
    out: Path,
    settings: TrainSettings,
    sets: dict[str, DataSet],
    report: EpochReport,
    resume: bool,
    start_weights: Path | None,
) -> list[dict[str, object]]:
    """Train what is not trained yet; returns the losses of all epochs."""
    require_training("torch", "ultralytics")
    import torch

    from training.engine import StageJob, run_stage

    if settings.threads:
        torch.set_num_threads(settings.threads)
    history: list[dict[str, object]] = []
    weights = start_weights
    for stage in settings.stages:
        folder = out / stage.name
        labels = labels_of(station, stage, sets)
        if not (folder / WEIGHTS_FILE).exists():
            job = StageJob(
                data=data.resolve(),
                stage=stage,
                labels=labels,
                input_px=settings.input_px,
                rail=settings.rail,
                seed=settings.seed,
                start_weights=None if weights is None else weights.resolve(),
                resume=resume,
            )
            run_stage(
                job,
                folder,
                architecture=settings.architecture,
                batch=settings.batch,
                weight_decay=settings.weight_decay,
                device=settings.device,
                callbacks={"on_fit_epoch_end": [_Reporter(stage, folder, report)]},
            )
        weights = folder / WEIGHTS_FILE
        history += _history(folder)
    return history


def labels_of(station: Station, stage: StageSettings, sets: dict[str, DataSet]) -> tuple[str, ...]:
    """Class order of a stage: the station's own, or for steel that of its set."""
    if stage.kind == "steel":
        return sets[stage.sources[0].folder].labels
    return RAIL_LABELS if station == "rail" else BALL_LABELS


def terms_of(sets: dict[str, DataSet]) -> tuple[tuple[str, ...], bool]:
    """Source and terms of every picture seen, each once; and whether any has no stated terms."""
    pairs = sorted({(s.source, s.licence) for data in sets.values() for s in data.of_split("train")})
    unstated = any(licence == "" or NO_TERMS in licence.lower() for _, licence in pairs)
    return tuple(f"{source}: {licence or NO_TERMS}" for source, licence in pairs), unstated


class _Reporter:
    """Keeps a stage's losses and times in its folder, and says them."""

    def __init__(self, stage: StageSettings, folder: Path, report: EpochReport) -> None:
        self._stage, self._folder, self._report = stage, folder, report
        self._began = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        losses = {name: round(float(value), 4) for name, value in (trainer.tloss or {}).items()}
        losses["seconds"] = round(time.monotonic() - self._began, 1)
        self._began = time.monotonic()
        line = {"stage": self._stage.name, "epoch": trainer.epoch + 1, **losses}
        with (self._folder / "losses.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._report(self._stage.name, trainer.epoch + 1, self._stage.epochs, losses)


def _history(folder: Path) -> list[dict[str, object]]:
    """Losses of a stage; an epoch that was trained twice, because of a kill, counts as it was last."""
    path = folder / "losses.jsonl"
    lines = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )
    return list({line["epoch"]: line for line in lines}.values())


def _claim(out: Path, fingerprint: dict[str, Any], *, resume: bool) -> None:
    """Make the run's folder this run's own."""
    path = out / _PRINT_FILE
    if (out / MANIFEST_FILE).exists():
        raise ConfigError(
            "the run in this folder is finished",
            where=str(out),
            todo="give another --out, or remove the folder",
        )
    if path.exists():
        if not resume:
            raise ConfigError(
                "there is a run already", where=str(out), todo="add --resume, or give another --out"
            )
        if json.loads(path.read_text(encoding="utf-8")) != fingerprint:
            raise ConfigError(
                "the run was begun with other data or settings",
                where=str(path),
                todo="resume with the same --data and options, or start a new run in another folder",
            )
        return
    if resume:
        raise ConfigError("there is no run to resume", where=str(out), todo="leave out --resume")
    out.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(fingerprint, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)


def _finish(
    station: Station,
    data: Path,
    out: Path,
    settings: TrainSettings,
    command: str,
    sets: dict[str, DataSet],
    hashes: dict[str, str],
    history: list[dict[str, object]],
) -> TrainingManifest:
    last, before = settings.stages[-1], settings.stages[:-1]
    partial = out / (WEIGHTS_FILE + ".part")
    shutil.copyfile(out / last.name / WEIGHTS_FILE, partial)
    partial.replace(out / WEIGHTS_FILE)
    terms, unstated = terms_of(sets)
    own = [source.folder for source in last.sources]
    earlier = [source.folder for stage in before for source in stage.sources]
    manifest = TrainingManifest(
        station=station,
        labels=labels_of(station, last, sets),
        data_dir=str(data.resolve()),
        data_sha256=_joined(hashes, own),
        pretraining_sha256=_joined(hashes, earlier) if earlier else "",
        data_info={folder: dict(content.info) for folder, content in sets.items()},
        data_terms=terms,
        evaluation_only=unstated,
        samples={folder: len(content.of_split("train")) for folder, content in sets.items()},
        settings=settings,
        command=command,
        packages={
            name: metadata.version(name) for name in ("torch", "ultralytics", "albumentations", "numpy")
        },
        weights_sha256=hashlib.sha256((out / WEIGHTS_FILE).read_bytes()).hexdigest(),
        metrics={"epochs": history},
    )
    write_manifest(manifest, out)
    return manifest


def _joined(hashes: dict[str, str], folders: list[str]) -> str:
    """One hash of several sets; of a single set its own."""
    if len(folders) == 1:
        return hashes[folders[0]]
    return hashlib.sha256("".join(hashes[folder] for folder in folders).encode()).hexdigest()
