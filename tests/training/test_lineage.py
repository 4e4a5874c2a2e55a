"""Terms travel with weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.records import DataSet, SampleRecord, Split
from datasets.training_run import (
    SourceSettings,
    StageSettings,
    TrainingManifest,
    TrainSettings,
    write_manifest,
)
from training.lineage import lineage_of
from vision.errors import ConfigError


def _set(licence: str, source: str = "mill", split: Split = "train") -> dict[str, DataSet]:
    sample = SampleRecord(
        file="a.png",
        width_px=8,
        height_px=8,
        group="g",
        source=source,
        label="",
        split=split,
        licence=licence,
    )
    return {"set": DataSet(labels=("defect",), samples=(sample,))}


def _run(folder: Path, *, evaluation_only: bool) -> Path:
    stage = StageSettings(
        name="s",
        kind="steel",
        sources=(SourceSettings(folder="set", share=1.0),),
        epochs=1,
        samples_per_epoch=2,
    )
    manifest = TrainingManifest(
        station="steel",
        labels=("pit",),
        data_dir="d",
        data_sha256="e" * 64,
        data_info={},
        data_terms=("neu: none stated",),
        evaluation_only=evaluation_only,
        samples={"set": 1},
        settings=TrainSettings(stages=(stage,)),
        command="c",
        packages={},
        weights_sha256="f" * 64,
        metrics={},
    )
    write_manifest(manifest, folder)
    return folder / "weights.pt"


@pytest.mark.parametrize(
    ("licence", "evaluation_only"),
    [
        ("CC BY 4.0", False),
        ("Apache-2.0", False),
        ("", True),
        ("none stated (cite the authors)", True),
        ("LGPL-3.0 file in its repository, no terms for the data", True),
    ],
)
def test_pictures_without_terms_mark_the_model(licence: str, evaluation_only: bool) -> None:
    lineage = lineage_of(_set(licence), None)
    assert lineage.evaluation_only == evaluation_only
    assert lineage.terms == (f"mill: {licence or 'none stated'}",)
    assert lineage.start_sha256 == ""


def test_only_pictures_that_were_trained_on_count() -> None:
    assert lineage_of(_set("", split="val"), None).terms == ()


@pytest.mark.parametrize("before", [True, False])
def test_weights_bring_their_terms_along(tmp_path: Path, before: bool) -> None:
    lineage = lineage_of(_set("CC BY 4.0"), _run(tmp_path, evaluation_only=before))
    assert lineage.evaluation_only == before
    assert lineage.terms == ("mill: CC BY 4.0", "neu: none stated")
    assert lineage.start_sha256 == "e" * 64


def test_weights_of_unknown_origin_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing says what these weights have seen"):
        lineage_of(_set("CC BY 4.0"), tmp_path / "weights.pt")
