"""The commands from pictures to weights, as records name them; and a manifest's hash that never changes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from datasets.build.rail import build_command
from datasets.provenance import commands_of, noted, option_of
from datasets.records import DataSet, SampleRecord, data_sha256, write_coco
from datasets.training_run import (
    MANIFEST_FILE,
    SourceSettings,
    StageSettings,
    TrainingManifest,
    TrainSettings,
    read_manifest,
    write_manifest,
)

BUILD_STEEL = "ferrogate data build rail --out data/rail --seed 1"
TRAIN_STEEL = "ferrogate train steel --data data/rail --out runs/steel --seed 1"
BUILD_BALL = "ferrogate data build ball --out data/ball --seed 1"
TRAIN_BALL = (
    "ferrogate train ball --data data/ball --out runs/ball --pretrained runs/steel/weights.pt --seed 1"
)


def _run(
    folder: Path,
    command: str,
    info: dict[str, object],
    *,
    data: str = "d" * 64,
    before: str = "",
    data_dir: Path | None = None,
) -> TrainingManifest:
    stage = StageSettings(
        name="s",
        kind="steel",
        sources=(SourceSettings(folder="set", share=1.0),),
        epochs=1,
        samples_per_epoch=2,
    )
    folder.mkdir(parents=True)
    manifest = TrainingManifest(
        station="steel",
        labels=("pit",),
        data_dir=str(data_dir or folder / "none"),
        data_sha256=data,
        pretraining_sha256=before,
        data_info=info,
        samples={"set": 1},
        settings=TrainSettings(stages=(stage,)),
        command=command,
        packages={},
        weights_sha256="f" * 64,
        metrics={},
    )
    return write_manifest(manifest, folder)


def test_weights_bring_the_commands_of_their_run_along(tmp_path: Path) -> None:
    _run(tmp_path / "runs" / "steel", TRAIN_STEEL, {"set": noted(BUILD_STEEL)}, data="a" * 64)
    ball = _run(
        tmp_path / "runs" / "ball",
        TRAIN_BALL,
        {"set": noted(BUILD_BALL), "more": noted(BUILD_BALL)},
        before="a" * 64,
    )
    assert commands_of(ball, tmp_path) == (BUILD_STEEL, TRAIN_STEEL, BUILD_BALL, TRAIN_BALL)


def test_a_run_that_is_gone_or_another_one_now_is_not_named(tmp_path: Path) -> None:
    ball = _run(tmp_path / "runs" / "ball", TRAIN_BALL, {"set": noted(BUILD_BALL)}, before="a" * 64)
    gone = commands_of(ball, tmp_path)
    assert gone[0].startswith("# began with runs/steel/weights.pt")
    assert gone[1:] == (BUILD_BALL, TRAIN_BALL)
    _run(tmp_path / "runs" / "steel", TRAIN_STEEL, {"set": noted(BUILD_STEEL)}, data="b" * 64)
    assert commands_of(ball, tmp_path) == gone


def test_a_set_made_anew_lends_its_command_only_when_it_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "set"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"pixels")
    sample = SampleRecord(
        file="a.png", width_px=8, height_px=8, group="g", source="mill", label="", split="train"
    )
    made = DataSet(labels=("pit",), info=noted(BUILD_STEEL), samples=(sample,))
    write_coco(made, folder)
    version = data_sha256(folder, made)
    same = _run(tmp_path / "one", "train", {"set": {"seed": 1}}, data=version, data_dir=tmp_path / "data")
    assert commands_of(same, tmp_path) == (BUILD_STEEL, "train")
    other = _run(tmp_path / "two", "train", {"set": {"seed": 1}}, data_dir=tmp_path / "data")
    assert commands_of(other, tmp_path) == (
        "# the command that made this set is not recorded: set",
        "train",
    )


def test_options_are_found_in_a_command() -> None:
    assert option_of("ferrogate train ball --pretrained 'a b/weights.pt' --seed 1", "--pretrained") == (
        "a b/weights.pt"
    )
    assert option_of("ferrogate train ball", "--pretrained") is None
    assert option_of("ferrogate train ball --pretrained", "--pretrained") is None


def test_a_build_names_all_its_numbers() -> None:
    assert build_command("rail", Path("my data"), 2) == "ferrogate data build rail --out 'my data' --seed 2"
    assert build_command("ball", Path("b"), 1, count=9, test_count=50) == (
        "ferrogate data build ball --out b --seed 1 --count 9 --test-count 50"
    )


@pytest.mark.parametrize("missing", ["focus_share", "zoom"])
def test_a_setting_that_came_later_does_not_change_a_runs_hash(tmp_path: Path, missing: str) -> None:
    written = _run(tmp_path / "run", "train", {})
    path = tmp_path / "run" / MANIFEST_FILE
    assert read_manifest(path.parent).sha256() == written.sha256()
    content = json.loads(path.read_text(encoding="utf-8"))
    # As a version before that setting would have left it.
    del content["settings"]["stages"][0][missing]
    path.write_text(json.dumps(content), encoding="utf-8")
    old = read_manifest(path.parent)
    assert old.settings == written.settings
    text = json.dumps(content, sort_keys=True)
    assert old.sha256() == hashlib.sha256(text.encode()).hexdigest() != written.sha256()
