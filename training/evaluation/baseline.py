"""The stock recipe, to compare with: what `yolo train` makes of the same train split with its defaults.

YOLO26n from scratch, whole pictures shrunk to the input, all of ultralytics' own settings. The folder holds
the pictures as YOLO files, the run, and `baseline.json`, which is written last: a run that was stopped goes
on, a finished one is used again. Neighbour: `detection` scores it like our own model.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.extra import require_training
from datasets.folders import place_file
from datasets.records import DataSet, SampleRecord, data_sha256
from datasets.scoring.pictures import Look
from training.evaluation.detection import DetectionFigures
from vision.errors import ConfigError
from vision.types import Detections, UInt8Array

ARCHITECTURE = "yolo26n.yaml"
#: Ultralytics' own validation looks at findings from this score on.
LEAST_SCORE = 0.001
DONE_FILE, PLAN_FILE = "baseline.json", "plan.json"
_SPLITS = ("train", "val")
_SERVICES = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb", "sync")
#: Called with epochs done and epochs in all.
EpochReport = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """All that is not ultralytics' default; with `hours`, as many epochs as fit into so much of the clock."""

    epochs: int = 40
    input_px: int = 640
    seed: int = 0
    device: str = "cpu"
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class BaselineFigures:
    """How the stock recipe did; `dirt_share`: labelled dirt overlapped by its defect findings."""

    recipe: str
    caution: str
    settings: BaselineSettings
    thresholds: dict[str, float]
    detection: DetectionFigures
    dirt_share: float | None


def train_baseline(
    data: DataSet,
    folder: Path,
    labels: tuple[str, ...],
    out: Path,
    settings: BaselineSettings,
    report: EpochReport,
) -> Path:
    """Train it, or go on with it, or find it finished.

    Args:
        data: with a train split, and a val split on which ultralytics chooses its best epoch.
        folder: of the data set.
        labels: classes, in order.
        out: folder of the baseline.
        settings: of the recipe.
        report: called after each epoch.

    Returns:
        The weights to use.

    Raises:
        ConfigError: a split is empty, another baseline lies in `out`, or its weights are broken.
        FerrogateError: the training extra is missing.
    """
    plan = _plan(data, folder, labels, settings)
    done = _read(out / DONE_FILE)
    weights = out / "run" / "weights" / "best.pt"
    if done is not None and done.get("plan") == plan:
        if not weights.is_file() or _sha256(weights) != done.get("weights_sha256"):
            raise _other(out, "its weights are missing or were changed")
        return weights
    begun = _read(out / PLAN_FILE)
    if begun is not None and begun != plan:
        raise _other(out, "it was made of other data or with other settings")
    require_training("torch", "ultralytics")
    _write(out / PLAN_FILE, plan)
    listing = _yolo_files(data, folder, labels, out / "pictures")
    # Its progress bars go to stdout, which is ours.
    with contextlib.redirect_stdout(sys.stderr):
        _train(listing, out, settings, report)
    _write(out / DONE_FILE, {"plan": plan, "weights_sha256": _sha256(weights)})
    return weights


def baseline_look(weights: Path, labels: tuple[str, ...], settings: BaselineSettings) -> Look:
    """The trained recipe as ultralytics runs it: whole picture in, boxes in its pixels out.

    Raises:
        ConfigError: the weights cannot be read.
        FerrogateError: the training extra is missing.
    """
    require_training("torch", "ultralytics")
    from ultralytics import YOLO

    try:
        network = YOLO(str(weights))
    except (OSError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise _other(weights.parent, f"its weights cannot be read: {error}") from error

    def look(image: UInt8Array) -> Detections:
        picture = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image
        result = network.predict(
            picture, imgsz=settings.input_px, conf=LEAST_SCORE, device=settings.device, verbose=False
        )[0]
        rows = result.boxes.data.cpu().numpy().astype(np.float32).reshape(-1, 6)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        return Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), labels)

    return look


def recipe_words(settings: BaselineSettings) -> str:
    """What was trained, in a sentence."""
    stock = "the stock size" if settings.input_px == 640 else "not the stock 640 px"
    return (
        f"Ultralytics' stock recipe: YOLO26n from scratch, {settings.input_px} px ({stock}), "
        f"{settings.epochs} epochs, all else its defaults (version {metadata.version('ultralytics')}), whole "
        f"pictures, the same train split, seed {settings.seed}."
    )


CAUTION = (
    "Ultralytics chooses its best epoch on the val split, which flatters the stock recipe where that split "
    f"is the one scored; its findings are taken from score {LEAST_SCORE:g} on, ours from 0.05."
)


def _plan(data: DataSet, folder: Path, labels: tuple[str, ...], settings: BaselineSettings) -> dict[str, Any]:
    for split in ("train", "val"):
        if not any(sample.split == split for sample in data.samples):
            raise ConfigError(
                f"the {split} split is empty: the stock recipe cannot be trained",
                where=str(folder),
                todo="build the set again",
            )
    said = {key: value for key, value in asdict(settings).items() if value is not None}
    return {
        "data_sha256": data_sha256(folder, data),
        "labels": list(labels),
        "settings": said,
        "ultralytics": metadata.version("ultralytics"),
    }


def _yolo_files(data: DataSet, folder: Path, labels: tuple[str, ...], out: Path) -> Path:
    """Pictures and label files as ultralytics reads them; returns the YAML file that names them."""
    if out.exists():
        shutil.rmtree(out)
    ids = {label: index for index, label in enumerate(labels)}
    for number, sample in enumerate(data.samples):
        if sample.split not in _SPLITS:
            continue
        name = f"{number:06d}"
        place_file(
            folder / sample.file,
            out / "images" / sample.split / f"{name}{Path(sample.file).suffix}",
        )
        note = out / "labels" / sample.split / f"{name}.txt"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("".join(_line(sample, k, ids) for k in range(len(sample.boxes))), encoding="utf-8")
    listing = out / "pictures.yaml"
    # JSON is YAML; ultralytics reads it with a YAML reader.
    content = {"path": str(out.resolve()), "names": dict(enumerate(labels))}
    content |= {split: f"images/{split}" for split in _SPLITS}
    listing.write_text(json.dumps(content), encoding="utf-8")
    return listing


def _line(sample: SampleRecord, index: int, ids: dict[str, int]) -> str:
    box = sample.boxes[index]
    if box.label not in ids:
        return ""
    x1, y1, x2, y2 = box.xyxy_px
    width, height = sample.width_px, sample.height_px
    numbers = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    return " ".join([str(ids[box.label]), *(f"{min(1.0, max(0.0, value)):.6f}" for value in numbers)]) + "\n"


def _train(listing: Path, out: Path, settings: BaselineSettings, report: EpochReport) -> None:
    import torch
    from ultralytics import YOLO
    from ultralytics.utils import SETTINGS

    # Ultralytics would log to whatever is installed. Its own update() would write the user's settings file.
    dict.update(SETTINGS, dict.fromkeys(_SERVICES, False))

    def said(trainer: Any) -> None:
        report(int(trainer.epoch) + 1, settings.epochs)

    last = out / "run" / "weights" / "last.pt"
    if last.is_file():
        try:
            # Ultralytics strips the last checkpoint when the last epoch is done, and says so with -1.
            if torch.load(last, map_location="cpu", weights_only=False)["epoch"] < 0:
                return
            network = YOLO(str(last))
            network.add_callback("on_train_epoch_end", said)
            network.train(resume=True)
        except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise _other(out, f"its checkpoint cannot be used: {error}") from error
        return
    network = YOLO(ARCHITECTURE)
    network.add_callback("on_train_epoch_end", said)
    network.train(
        data=str(listing),
        epochs=settings.epochs,
        imgsz=settings.input_px,
        seed=settings.seed,
        device=settings.device,
        project=str(out.resolve()),
        name="run",
        exist_ok=True,
        # Processes that read pictures and drawings of the run change nothing in the result.
        workers=0,
        plots=False,
        time=settings.hours,
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _other(path.parent, f"its record {path.name} cannot be read") from error
    if not isinstance(content, dict):
        raise _other(path.parent, f"its record {path.name} is not one")
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ConfigError(
            f"the baseline cannot be written: {error.strerror or error}",
            where=str(path),
            todo="make room on the disk",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _other(out: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the baseline that lies here cannot be used: {why}",
        where=str(out),
        todo="remove the folder to train it anew, or give another --out",
    )
