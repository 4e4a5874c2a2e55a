"""A finished run with its data: manifest, contract, val pictures, and the pictures that checks are made on.

Checks are made on what the detector sees: crops of balls, tiles of rails. Which pictures those are
follows from a hash of their names, so that every machine with the same data draws the same ones.
Neighbours: `export.export_run`, `export.parity_run`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.pictures import grey, read_picture
from datasets.rail_tiles import fixed_tiles, load_strips
from datasets.records import DataSet, SampleRecord, Split, data_sha256, read_coco
from datasets.scoring.pictures import Look
from datasets.training_run import TRAINER, TrainingManifest, joined_sha256, read_manifest
from vision.contract import InputSpec, ModelContract
from vision.detector import Detector
from vision.errors import ConfigError
from vision.rail import inspect_rail_image
from vision.types import UInt8Array

LICENCE = "AGPL-3.0-only"
#: Threshold of a draft, before an operating point is chosen: nothing that the head says is hidden.
DRAFT_THRESHOLD = 0.05


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """One data set and where it lies."""

    folder: Path
    data: DataSet


@dataclass(frozen=True, slots=True, eq=False)
class InputPicture:
    """What the detector is given: `pixels` (H, W) uint8, and whether a labelled object is in it."""

    name: str
    pixels: UInt8Array
    marked: bool

    @property
    def sha256(self) -> str:
        """Hash of size and pixels."""
        return hashlib.sha256(str(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


def open_run(run: Path, station: str) -> TrainingManifest:
    """The manifest of a finished run of this station.

    Raises:
        ConfigError: there is none, or it is another station's.
    """
    manifest = read_manifest(run)
    if manifest.station != station:
        raise ConfigError(
            f"this is a run of the {manifest.station} station, not of {station}",
            where=str(run),
            todo=f"give the folder that 'ferrogate train {station}' wrote",
        )
    if (manifest.settings.rail is None) != (station == "ball"):
        must = "must" if station == "rail" else "must not"
        raise ConfigError(
            f"the manifest of a {station} run {must} say how rails are cut",
            where=str(run),
            todo=f"train again with 'ferrogate train {station}'",
        )
    return manifest


def open_data(manifest: TrainingManifest, folder: Path | None) -> tuple[LabelledFolder, ...]:
    """The sets of the run's last stage, checked against the manifest's hash.

    Args:
        manifest: of the run.
        folder: where they lie now; None: where they lay while training.

    Raises:
        ConfigError: one is missing, it is other data, or no set has a val split.
    """
    root = Path(manifest.data_dir) if folder is None else folder
    names = [source.folder for source in manifest.settings.stages[-1].sources]
    sets = tuple(LabelledFolder(root / name, read_coco(root / name)) for name in names)
    if joined_sha256([data_sha256(one.folder, one.data) for one in sets]) != manifest.data_sha256:
        raise ConfigError(
            "this is not the data that the run was trained on", where=str(root), todo="give it with --data"
        )
    if not any(one.data.of_split("val") for one in sets):
        raise ConfigError(
            "the val split is empty", where=str(root), todo="thresholds need one: build a larger set"
        )
    return sets


def val_set(sets: Sequence[LabelledFolder]) -> LabelledFolder:
    """The first set that has a val split; composed pictures are for training alone and have none."""
    return next(one for one in sets if one.data.of_split("val"))


def draft_contract(manifest: TrainingManifest) -> ModelContract:
    """The contract as far as training decides it; every threshold is DRAFT_THRESHOLD."""
    side = manifest.settings.input_px
    stages = ", ".join(f"{stage.name} {stage.epochs} epochs" for stage in manifest.settings.stages)
    return ModelContract(
        station=manifest.station,
        labels=manifest.labels,
        input=InputSpec(width_px=side, height_px=side, level=manifest.settings.level),
        rail=manifest.settings.rail,
        thresholds=dict.fromkeys(manifest.labels, DRAFT_THRESHOLD),
        data_sha256=manifest.data_sha256,
        training_sha256=manifest.sha256(),
        trainer=f"{TRAINER}; {manifest.settings.architecture.removesuffix('.yaml')}, {stages}",
        licence=LICENCE,
        evaluation_only=manifest.evaluation_only,
        data_terms=manifest.data_terms,
    )


def looker(detector: Detector) -> Look:
    """How a picture of a data set becomes boxes: a crop as it is, a rail through strip and tiles."""
    if detector.contract.station == "rail":
        return lambda picture: inspect_rail_image(picture, detector).detections
    return lambda picture: detector.detect(picture)


def draw_pictures(
    sets: Sequence[LabelledFolder], split: Split, contract: ModelContract, count: int
) -> list[InputPicture]:
    """`count` pictures of a split as the detector is given them, half of them marked if there are so many.

    Raises:
        ImageError: a picture of the data cannot be read.
    """
    drawn: list[InputPicture] = []
    for one in sets:
        if contract.rail is not None:
            drawn += _rail_tiles(one, split, contract)
        else:
            drawn += _crops(one, split, count)
    return _half_marked(drawn, count)


def real_pictures(sets: Sequence[LabelledFolder], split: Split) -> tuple[LabelledFolder, ...]:
    """The sets cut down to the photographs of a split; the sets as they are where it has none (renders)."""
    cut = [
        LabelledFolder(
            one.folder,
            one.data.model_copy(
                update={"samples": tuple(s for s in one.data.of_split(split) if s.origin == "real")}
            ),
        )
        for one in sets
    ]
    found = tuple(one for one in cut if one.data.samples)
    return found or tuple(sets)


def _half_marked(pictures: list[InputPicture], count: int) -> list[InputPicture]:
    ranked = sorted(pictures, key=lambda picture: _rank(picture.name))
    marked = [picture for picture in ranked if picture.marked]
    clean = [picture for picture in ranked if not picture.marked]
    take_marked = min(len(marked), max(count // 2, count - len(clean)))
    chosen = marked[:take_marked] + clean[: count - take_marked]
    return sorted(chosen, key=lambda picture: _rank(picture.name))


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _rail_tiles(one: LabelledFolder, split: Split, contract: ModelContract) -> list[InputPicture]:
    spec, side = contract.rail, contract.input.height_px
    if spec is None:
        raise ValueError("only a rail model has tiles")
    strips = load_strips(one.folder, one.data, split, spec, side, contract.labels)
    return [
        InputPicture(f"{one.folder.name}/{name}", tile, len(boxes) > 0)
        for name, tile, boxes, _ in fixed_tiles(strips, side, spec.overlap_px)
    ]


def _crops(one: LabelledFolder, split: Split, count: int) -> list[InputPicture]:
    """At most `count` crops of each kind, chosen before any is read: a set has thousands."""
    ranked = sorted(one.data.of_split(split), key=lambda sample: _rank(f"{one.folder.name}/{sample.file}"))
    chosen: list[SampleRecord] = []
    for marked in (True, False):
        chosen += [sample for sample in ranked if bool(sample.boxes) == marked][:count]
    return [
        InputPicture(
            f"{one.folder.name}/{sample.file}",
            grey(read_picture(one.folder / sample.file)),
            bool(sample.boxes),
        )
        for sample in chosen
    ]
