"""Finished runs in miniature: a data set of drawn pictures and a folder as 'ferrogate train' leaves it.

The network is real and untrained: what export, parity and their refusals do does not hang on what
it has learnt. Batch norm is given statistics of its own, as training would, so that no two layers
share one bias.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from datasets.records import BoxRecord, DataSet, SampleRecord, data_sha256, write_coco
from datasets.training_run import (
    WEIGHTS_FILE,
    SourceSettings,
    StageSettings,
    TrainingManifest,
    TrainSettings,
    write_manifest,
)
from vision.contract import BALL_LABELS, RAIL_LABELS, RailSpec
from vision.types import UInt8Array

Station = Literal["rail", "ball"]
SIDE = 96
FOLDER = {"rail": "frames", "ball": "train"}


def draw_set(folder: Path, station: Station, pictures: int = 8) -> DataSet:
    """Write a set of drawn pictures, every second one marked; the last quarter is the val split."""
    folder.mkdir(parents=True)
    labels = RAIL_LABELS if station == "rail" else BALL_LABELS
    rng = np.random.default_rng(7)
    samples = []
    for number in range(pictures):
        picture = _rail(rng) if station == "rail" else _ball(rng)
        boxes: tuple[BoxRecord, ...] = ()
        if number % 2:
            x, y = (60, 90) if station == "rail" else (40, 40)
            picture[y : y + 18, x : x + 24] //= 3
            label = labels[number // 2 % len(labels)]
            boxes = (BoxRecord(label=label, xyxy_px=(x, y, x + 24, y + 18), area_px=24 * 18),)
        name = f"{number:03}.png"
        cv2.imwrite(str(folder / name), picture)
        samples.append(
            SampleRecord(
                file=name,
                width_px=picture.shape[1],
                height_px=picture.shape[0],
                group=f"g{number}",
                source="drawn",
                label=boxes[0].label if boxes else "good",
                split="val" if number >= pictures * 3 // 4 else "train",
                boxes=boxes,
                licence="none stated" if station == "rail" else "Apache-2.0",
            )
        )
    data = DataSet(labels=labels, samples=tuple(samples))
    write_coco(data, folder)
    return data


def _rail(rng: np.random.Generator) -> UInt8Array:
    picture = np.full((300, 160), 3, np.uint8)
    picture[:, 40:120] = rng.integers(40, 90, (300, 80), dtype=np.uint8)
    return picture


def _ball(rng: np.random.Generator) -> UInt8Array:
    return rng.integers(60, 140, (SIDE, SIDE), dtype=np.uint8)


def settings(station: Station, **changes: Any) -> TrainSettings:
    """One short stage on the drawn set."""
    stage = StageSettings(
        name=station,
        kind=station,
        sources=(SourceSettings(folder=FOLDER[station], share=1.0),),
        epochs=1,
        samples_per_epoch=2,
    )
    rail = RailSpec(head_px=64, overlap_px=32) if station == "rail" else None
    values: dict[str, Any] = {"input_px": SIDE, "stages": (stage,), "rail": rail, "batch": 2}
    return TrainSettings(**(values | changes))


def make_run(run: Path, data: Path, station: Station) -> TrainingManifest:
    """A finished run in `run` on a set drawn into `data`."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    folder = data / FOLDER[station]
    records = draw_set(folder, station)
    torch.manual_seed(3)
    chosen = settings(station)
    network = DetectionModel(chosen.architecture, ch=3, nc=len(records.labels), verbose=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    for branch in network.model[-1].one2one_cv3:
        branch[-1].bias.data.fill_(-1.5)
    run.mkdir(parents=True)
    torch.save(network.state_dict(), run / WEIGHTS_FILE)
    manifest = TrainingManifest(
        station=station,
        labels=records.labels,
        data_dir=str(data.resolve()),
        data_sha256=data_sha256(folder, records),
        data_info={FOLDER[station]: dict(records.info)},
        data_terms=tuple(sorted({f"{s.source}: {s.licence}" for s in records.samples})),
        evaluation_only=station == "rail",
        samples={FOLDER[station]: len(records.of_split("train"))},
        settings=chosen,
        command=f"ferrogate train {station} --data {data} --out {run}",
        packages={"torch": torch.__version__},
        weights_sha256=hashlib.sha256((run / WEIGHTS_FILE).read_bytes()).hexdigest(),
        metrics={},
    )
    return write_manifest(manifest, run)
