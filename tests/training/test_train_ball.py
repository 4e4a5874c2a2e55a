"""From renderer to a file the edge takes, small: render, train the stages, draft, detect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.records import BoxRecord, data_sha256, read_coco, write_coco
from datasets.synthetic.settings import SETTINGS_DIR, load_settings
from tests.training.extra import needs_renderer
from vision.contract import BALL_LABELS
from vision.errors import ConfigError

pytestmark = [pytest.mark.train, pytest.mark.long, needs_renderer, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 crops of two balls, one ball in each split."""
    from datasets.synthetic.render_balls import render_training_set

    folder = tmp_path_factory.mktemp("data") / "ball"
    settings = load_settings(SETTINGS_DIR / "train.yaml").model_copy(update={"samples_per_pixel": 1})
    data = render_training_set(folder / "train", settings, 16, 3, "test", jobs=1, show_progress=False)
    groups = sorted({sample.group for sample in data.samples})
    assert len(groups) == 2
    samples = [
        sample.model_copy(update={"split": "train" if sample.group == groups[0] else "val"})
        for sample in data.samples
    ]
    # Two balls show two labels at most; the others get a box each, so that none is missing.
    first = next(number for number, sample in enumerate(samples) if sample.split == "train")
    boxes = tuple(
        BoxRecord(label=label, xyxy_px=(40.0, 40.0, 60.0, 60.0), area_px=400) for label in data.labels
    )
    samples[first] = samples[first].model_copy(update={"boxes": boxes})
    write_coco(data.model_copy(update={"samples": tuple(samples)}), folder / "train")
    return folder


def _settings(epochs: int) -> Any:
    from training.plans import default_settings

    plan = default_settings("ball", epochs=epochs, pretrain_epochs=1)
    stages = [stage.model_copy(update={"samples_per_epoch": 8}) for stage in plan.stages]
    return plan.model_copy(update={"stages": tuple(stages), "batch": 4, "threads": 1, "seed": 5})


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.train import train

    folder = tmp_path_factory.mktemp("runs") / "ball"
    said: list[tuple[str, int]] = []
    train("ball", data, folder, _settings(1), "test", lambda stage, epoch, *_: said.append((stage, epoch)))
    assert said == [("ball_160px", 1), ("ball", 1)]
    return folder


def test_rendered_set_is_complete_and_cannot_be_overwritten(data: Path) -> None:
    from datasets.synthetic.render_balls import render_training_set

    content = read_coco(data / "train")
    assert content.labels == BALL_LABELS
    for sample in content.samples:
        assert (data / "train" / sample.file).is_file()
        for box in sample.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            assert 0 <= x1 < x2 <= sample.width_px
            assert 0 <= y1 < y2 <= sample.height_px
    with pytest.raises(ConfigError, match="data set already"):
        render_training_set(
            data / "train", load_settings(SETTINGS_DIR / "train.yaml"), 8, 3, "test", show_progress=False
        )


def test_manifest_names_data_of_all_stages(run: Path, data: Path) -> None:
    from datasets.training_run import read_manifest

    manifest = read_manifest(run)
    assert manifest.labels == BALL_LABELS
    assert manifest.data_sha256 == data_sha256(data / "train", read_coco(data / "train"))
    assert manifest.pretraining_sha256 == manifest.data_sha256  # both stages see the same renders
    assert manifest.settings == _settings(1)
    assert not manifest.evaluation_only, "renders bind nobody"
    assert {"torch", "ultralytics", "albumentations"} <= set(manifest.packages)


def test_a_stage_is_what_a_run_of_its_own_would_be(run: Path, data: Path, tmp_path: Path) -> None:
    from training.train import train

    whole = _settings(1)
    first, last = whole.stages
    assert (first.input_px, last.input_px, whole.input_px) == (160, None, 128)
    alone = whole.model_copy(update={"stages": (last,)})
    start = whole.model_copy(
        update={"stages": (first.model_copy(update={"input_px": None}),), "input_px": 160}
    )
    train("ball", data, tmp_path / "first", start, "test", lambda *_: None)
    weights = tmp_path / "first" / "weights.pt"
    manifest = train("ball", data, tmp_path / "last", alone, "test", lambda *_: None, start_weights=weights)
    from datasets.training_run import read_manifest

    assert manifest.weights_sha256 == read_manifest(run).weights_sha256


def test_a_draft_is_taken_by_the_edge(run: Path) -> None:
    from training.evaluation.subject import open_subject

    detector = open_subject("ball", run, None, threads=1).detector
    assert detector.contract.labels == BALL_LABELS
    assert detector.contract.licence == "AGPL-3.0-only"
    found = detector.detect(np.full((184, 184), 90, np.uint8), min_score=0.0)
    assert 0 < len(found) <= 50
