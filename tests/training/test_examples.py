"""The example of docs/examples that tunes: what it holds out is unseen, and its settings are a plan's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from datasets.records import read_coco
from tests.training.tiny_rail import make_rail_data

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def example(repository: Path) -> ModuleType:
    path = repository / "docs" / "examples" / "tune_rail.py"
    spec = importlib.util.spec_from_file_location("tune_rail", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_trials_are_scored_on_train_frames_that_none_has_seen(example: ModuleType, tmp_path: Path) -> None:
    data = make_rail_data(tmp_path / "rail")
    example.make_inner_split(data, tmp_path / "inner", seed=1)
    whole, inner = read_coco(data / "frames"), read_coco(tmp_path / "inner" / "frames")
    train = {sample.file for sample in whole.of_split("train")}
    assert {sample.file for sample in inner.samples} == train
    kept, held = inner.of_split("train"), inner.of_split("val")
    assert kept
    assert held
    assert not {sample.group for sample in kept} & {sample.group for sample in held}
    composed = read_coco(tmp_path / "inner" / "composed").samples
    assert composed
    assert {sample.truth["background"] for sample in composed} <= {sample.file for sample in kept}


def test_a_trial_is_the_plan_with_what_it_changes(example: ModuleType) -> None:
    from training.plans import RAIL

    config = {"epochs": 3, "samples": 32, "threads": 1, "device": "cpu"}
    config |= {"learning_rate": 0.002, "zoom": 1.25, "composed_share": 0.25}
    (stage,) = example.settings_of(config).stages
    assert stage.zoom == (0.8, 1.25)
    assert [(source.folder, source.share) for source in stage.sources] == [
        ("frames", 0.75),
        ("composed", 0.25),
    ]
    changed = {"epochs", "samples_per_epoch", "learning_rate", "zoom", "sources"}
    assert stage.model_dump(exclude=changed) == RAIL.model_dump(exclude=changed)
