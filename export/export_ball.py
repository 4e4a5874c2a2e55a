"""Exports a trained ball detector: graph, parity check, thresholds, contract, one file.

The file is written last and at once, so a refusal leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.records import DataSet, data_sha256, read_coco
from datasets.training_run import TRAINER, TrainingManifest, read_manifest
from export.network import load_network, run_network, to_onnx, with_contract
from export.parity import Parity, compare
from export.thresholds import ViewReport, ViewScores, choose_thresholds, report_views
from vision.contract import InputSpec, ModelContract
from vision.detector import Detector
from vision.errors import ConfigError, FerrogateError, ImageError
from vision.preprocess import preprocess
from vision.types import UInt8Array

LICENCE = "AGPL-3.0-only"
LARGEST_BYTES = 12_000_000
PARITY_PICTURES = 100


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written and how it did on the val split."""

    file: Path
    size_bytes: int
    contract: ModelContract
    parity: Parity
    val: ViewReport


def export_ball(run: Path, out: Path, data_folder: Path | None = None) -> ExportReport:
    """Export a run.

    Args:
        run: folder of 'ferrogate train ball'.
        out: the ONNX file to write; its folder must exist.
        data_folder: the data the run was trained on; None: where it lay then.

    Raises:
        ConfigError: the run, its data or the output's folder do not fit.
        FerrogateError: the file disagrees with the network, or is too large.
    """
    manifest = read_manifest(run)
    if not out.parent.is_dir():
        raise ConfigError(
            "the folder of the output does not exist", where=str(out.parent), todo="make it first"
        )
    data_folder = data_folder or Path(manifest.data_dir)
    data = _checked_data(data_folder, manifest)
    pictures = _val_pictures(data_folder, data)
    network = load_network(run, manifest)
    draft = _contract(manifest, data, dict.fromkeys(manifest.labels, 0.5))
    model = to_onnx(network, draft)
    draft_bytes = with_contract(model, draft)
    parity = check_parity(network, draft_bytes, draft.input, pictures[:PARITY_PICTURES], where=str(run))
    scores = score_views(Detector(draft_bytes, out.name, station="ball", threads=2), data, pictures)
    contract = _contract(manifest, data, choose_thresholds(manifest.labels, scores))
    content = with_contract(model, contract)
    if len(content) > LARGEST_BYTES:
        raise FerrogateError(
            f"the file would have {len(content)} bytes, at most {LARGEST_BYTES} are allowed",
            where=str(out),
            todo="nothing was written; train a smaller network",
        )
    partial = out.with_suffix(".part")
    partial.write_bytes(content)
    partial.replace(out)
    return ExportReport(
        out, len(content), contract, parity, report_views(manifest.labels, scores, contract.thresholds)
    )


def check_parity(
    network: Any, onnx_bytes: bytes, spec: InputSpec, pictures: list[UInt8Array], *, where: str
) -> Parity:
    """Run both on the same pictures, with the same preprocessing.

    Raises:
        FerrogateError: they disagree.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    tensors = (preprocess(picture, spec)[0] for picture in pictures)
    parity = compare(
        (run_network(network, tensor), session.run(None, {spec.name: tensor})[0]) for tensor in tensors
    )
    parity.check(where)
    return parity


def score_views(detector: Detector, data: DataSet, pictures: list[UInt8Array]) -> list[ViewScores]:
    """Scores of the val split's views, in order.

    A clean view counts with the highest scores that it reaches in any of its eight turned
    and mirrored forms: a ball comes in any of them, and false alarms are the rarer event.
    """
    views = []
    for sample, picture in zip(data.of_split("val"), pictures, strict=True):
        shows = frozenset(box.label for box in sample.boxes)
        scores = best_scores(detector, picture)
        for form in range(1, 1 if shows else 8):
            for label, score in best_scores(detector, _turned(picture, form)).items():
                scores[label] = max(scores.get(label, 0.0), score)
        views.append(ViewScores(shows, scores))
    return views


def _turned(picture: UInt8Array, form: int) -> UInt8Array:
    """One of a picture's eight turned and mirrored forms."""
    turned = np.rot90(picture[:, ::-1] if form >= 4 else picture, form % 4)
    return np.ascontiguousarray(turned)


def best_scores(detector: Detector, picture: UInt8Array) -> dict[str, float]:
    """Highest score of each label found in one crop."""
    found = detector.detect(picture)
    best: dict[str, float] = {}
    for index, score in zip(found.class_id, found.score, strict=True):
        label = detector.contract.labels[int(index)]
        best[label] = max(best.get(label, 0.0), float(score))
    return best


def _checked_data(folder: Path, manifest: TrainingManifest) -> DataSet:
    data = read_coco(folder)
    if data.labels != manifest.labels or data_sha256(folder, data) != manifest.data_sha256:
        raise ConfigError(
            "this is not the data that the run was trained on",
            where=str(folder),
            todo="give it with --data",
        )
    if not data.of_split("val"):
        raise ConfigError("the val split is empty", where=str(folder), todo="thresholds need one: larger set")
    return data


def _val_pictures(folder: Path, data: DataSet) -> list[UInt8Array]:
    pictures = []
    for sample in data.of_split("val"):
        grey = cv2.imread(str(folder / sample.file), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise ImageError(
                "a picture cannot be read", where=str(folder / sample.file), todo="make the set again"
            )
        pictures.append(np.asarray(grey, np.uint8))
    return pictures


def _contract(manifest: TrainingManifest, data: DataSet, thresholds: dict[str, float]) -> ModelContract:
    side = manifest.settings.input_px
    sources = sorted({sample.source for sample in data.samples})
    terms = {"render": "rendered pictures of this project, no third-party data"}
    return ModelContract(
        station="ball",
        labels=manifest.labels,
        input=InputSpec(width_px=side, height_px=side),
        thresholds=thresholds,
        data_sha256=manifest.data_sha256,
        training_sha256=manifest.sha256(),
        trainer=TRAINER,
        licence=LICENCE,
        data_terms=tuple(terms.get(source, f"{source}: see the data set") for source in sources),
        note="first model, trained on renders alone; not validated on balls of a mill",
    )
