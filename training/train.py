"""Trains a detector: its stages one after the other, then weights and manifest in the run's folder.

A stage that is finished is not trained again; a stage that was stopped goes on from its last
checkpoint. Neighbours: `training.plans` says what is trained, `training.engine` trains a stage,
`training.tracking` logs the run to MLflow.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from datasets.extra import require_training
from datasets.records import DataSet, data_sha256
from datasets.training_run import (
    MANIFEST_FILE,
    WEIGHTS_FILE,
    StageSettings,
    Station,
    TrainingManifest,
    TrainSettings,
    joined_sha256,
    write_manifest,
)
from training.check_data import check_pictures, check_weights, labels_of, read_sets
from training.lineage import Lineage, lineage_of
from training.tracking import check_server, tracked
from vision.errors import ConfigError, FerrogateError

_PRINT_FILE = "fingerprint.json"
_LOSSES_FILE = "losses.jsonl"

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
    sets = read_sets(station, data, settings)
    require_training("torch", "ultralytics", "albumentations")
    first = check_weights(start_weights)
    lineage = lineage_of(sets, start_weights)
    hashes = {folder: data_sha256(data / folder, content) for folder, content in sets.items()}
    fingerprint = {
        "data": hashes,
        "settings": settings.model_dump(mode="json"),
        "start": first,
    }
    _check_free(out, fingerprint, [stage.name for stage in settings.stages], resume=resume)
    check_pictures(data, sets, show=True)
    _claim(out, fingerprint)
    with tracked(mlflow_uri, station, out, settings, command, resume=resume) as log:

        def both(stage: str, epoch: int, epochs: int, losses: dict[str, float]) -> None:
            report(stage, epoch, epochs, losses)
            if log is not None:
                log.epoch(stage, epoch, losses)

        # Processes on other GPUs get a copy of the report; a connection to a server cannot be copied.
        several = "," in settings.device
        say = report if several else both
        history = _stages(station, data, out, settings, sets, say, resume, start_weights)
        if several and log is not None:
            log.replay(history)
        try:
            manifest = _finish(station, data, out, settings, command, sets, hashes, history, lineage)
        except OSError as error:
            raise FerrogateError(
                f"the run's result cannot be written: {error}",
                where=str(out),
                todo="make room on the disk, then finish it with --resume",
            ) from error
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
                input_px=stage.input_px or settings.input_px,
                rail=settings.rail,
                level=settings.level if stage.kind == "ball" else None,
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


class _Reporter:
    """Keeps a stage's losses and times in its folder, and says them."""

    def __init__(self, stage: StageSettings, folder: Path, report: EpochReport) -> None:
        self._stage, self._folder, self._report = stage, folder, report
        self._began = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        if os.environ.get("RANK", "0") != "0":
            # On several GPUs every process gets here.
            return
        losses = {name: round(float(value), 4) for name, value in (trainer.tloss or {}).items()}
        losses["seconds"] = round(time.monotonic() - self._began, 1)
        self._began = time.monotonic()
        line = {"stage": self._stage.name, "epoch": trainer.epoch + 1, **losses}
        # Written whole: a kill leaves the lines before, and no half of this one.
        lines = [*_history(self._folder), line]
        partial = self._folder / f"{_LOSSES_FILE}.part"
        partial.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
        partial.replace(self._folder / _LOSSES_FILE)
        self._report(self._stage.name, trainer.epoch + 1, self._stage.epochs, losses)


def _history(folder: Path) -> list[dict[str, object]]:
    """Losses of a stage; an epoch that was trained twice, because of a kill, counts as it was last."""
    path = folder / _LOSSES_FILE
    lines = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )
    return list({line["epoch"]: line for line in lines}.values())


def _check_free(out: Path, fingerprint: dict[str, Any], stages: list[str], *, resume: bool) -> None:
    """Refuse a folder that is another run's, or none to be gone on with."""
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
        if not _same_begin(read_fingerprint(out), fingerprint):
            raise ConfigError(
                "the run was begun with other data or settings",
                where=str(path),
                todo="resume with the same --data and options, or start a new run in another folder",
            )
        return
    if resume:
        raise ConfigError("there is no run to resume", where=str(out), todo="leave out --resume")
    for stage in stages:
        # Its weights would be taken for this run's own finished stage.
        if (out / stage).exists():
            raise ConfigError(
                f"the folder holds '{stage}' already, and no run that it belongs to",
                where=str(out / stage),
                todo="give another --out, or remove it",
            )


def _same_begin(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a run was begun with the same; a setting that came later counts by its default."""
    try:
        settings = TrainSettings.model_validate(before["settings"]).model_dump(mode="json")
    except ValidationError:
        return False
    return before | {"settings": settings} == now


def read_fingerprint(run: Path) -> dict[str, Any]:
    """What a run was begun with: hashes of its sets, settings, hash of its first weights (`start`).

    Raises:
        ConfigError: it cannot be read.
    """
    path = run / _PRINT_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: content[key] for key in ("data", "settings", "start")}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the run's fingerprint cannot be read: {error}",
            where=str(path),
            todo="start a new run in another folder",
        ) from error


def _claim(out: Path, fingerprint: dict[str, Any]) -> None:
    """Make the run's folder this run's own.

    Raises:
        FerrogateError: it cannot be written to.
    """
    path = out / _PRINT_FILE
    partial = path.with_suffix(".part")
    try:
        out.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(fingerprint, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise FerrogateError(
            f"the run's folder cannot be written to: {error}",
            where=str(out),
            todo="make room on the disk, check the folder's rights, or give another --out",
        ) from error


def _finish(
    station: Station,
    data: Path,
    out: Path,
    settings: TrainSettings,
    command: str,
    sets: dict[str, DataSet],
    hashes: dict[str, str],
    history: list[dict[str, object]],
    lineage: Lineage,
) -> TrainingManifest:
    last, before = settings.stages[-1], settings.stages[:-1]
    partial = out / (WEIGHTS_FILE + ".part")
    shutil.copyfile(out / last.name / WEIGHTS_FILE, partial)
    partial.replace(out / WEIGHTS_FILE)
    own = [source.folder for source in last.sources]
    earlier = [hashes[source.folder] for stage in before for source in stage.sources]
    earlier += [lineage.start_sha256] if lineage.start_sha256 else []
    manifest = TrainingManifest(
        station=station,
        labels=labels_of(station, last, sets),
        data_dir=str(data.resolve()),
        data_sha256=joined_sha256([hashes[folder] for folder in own]),
        pretraining_sha256=joined_sha256(earlier) if earlier else "",
        data_info={folder: dict(content.info) for folder, content in sets.items()},
        data_terms=lineage.terms,
        evaluation_only=lineage.evaluation_only,
        samples={folder: len(content.of_split("train")) for folder, content in sets.items()},
        settings=settings,
        command=command,
        packages={
            name: metadata.version(name) for name in ("torch", "ultralytics", "albumentations", "numpy")
        },
        weights_sha256=hashlib.sha256((out / WEIGHTS_FILE).read_bytes()).hexdigest(),
        metrics={"epochs": history},
    )
    return write_manifest(manifest, out)
