"""From renderer to ONNX file, small: render, train, resume, export, detect; and what export refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.records import read_coco, write_coco
from datasets.synthetic.settings import SETTINGS_DIR, load_settings
from tests.training.extra import needs_renderer
from vision.contract import BALL_LABELS
from vision.errors import ConfigError, FerrogateError

pytestmark = [pytest.mark.train, needs_renderer, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 crops of two balls, one ball in each split."""
    from datasets.synthetic.render_balls import render_training_set

    folder = tmp_path_factory.mktemp("balls")
    settings = load_settings(SETTINGS_DIR / "train.yaml").model_copy(update={"samples_per_pixel": 1})
    data = render_training_set(folder, settings, 16, 3, "test", jobs=1, show_progress=False)
    groups = sorted({sample.group for sample in data.samples})
    assert len(groups) == 2
    split = {groups[0]: "train", groups[1]: "val"}
    samples = tuple(sample.model_copy(update={"split": split[sample.group]}) for sample in data.samples)
    write_coco(data.model_copy(update={"samples": samples}), folder)
    return folder


def _settings(epochs: int) -> Any:
    from datasets.training_run import TrainSettings

    return TrainSettings(input_px=160, epochs=epochs, batch=4, threads=1, seed=5)


@pytest.fixture(scope="module")
def run(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch."""
    from training.train_ball import train_ball

    folder = tmp_path_factory.mktemp("run")
    losses: list[dict[str, float]] = []
    train_ball(data_folder, folder, _settings(1), "test", lambda _, found: losses.append(found))
    assert len(losses) == 1
    assert all(np.isfinite(value) for value in losses[0].values())
    return folder


def test_set_is_complete_and_cannot_be_overwritten(data_folder: Path) -> None:
    from datasets.synthetic.render_balls import render_training_set

    data = read_coco(data_folder)
    assert data.labels == BALL_LABELS
    assert all((data_folder / sample.file).is_file() for sample in data.samples)
    for sample in data.samples:
        for box in sample.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            assert 0 <= x1 < x2 <= sample.width_px
            assert 0 <= y1 < y2 <= sample.height_px
    with pytest.raises(ConfigError, match="data set already"):
        render_training_set(
            data_folder, load_settings(SETTINGS_DIR / "train.yaml"), 8, 3, "test", show_progress=False
        )


def test_manifest_names_data_settings_and_command(run: Path, data_folder: Path) -> None:
    from datasets.records import data_sha256
    from datasets.training_run import read_manifest

    manifest = read_manifest(run)
    assert manifest.data_sha256 == data_sha256(data_folder, read_coco(data_folder))
    assert manifest.settings == _settings(1)
    assert manifest.command == "test"
    assert {"torch", "ultralytics"} <= set(manifest.packages)


def test_resume_needs_the_same_settings(run: Path, data_folder: Path) -> None:
    from training.train_ball import train_ball

    with pytest.raises(ConfigError, match="other data or settings"):
        train_ball(data_folder, run, _settings(2), "test", lambda *_: None, resume=True)
    with pytest.raises(ConfigError, match="run already"):
        train_ball(data_folder, run, _settings(1), "test", lambda *_: None)


def test_export_writes_a_file_that_the_edge_takes(run: Path, tmp_path: Path) -> None:
    from export.export_ball import export_ball
    from vision.detector import Detector

    out = tmp_path / "ball.onnx"
    report = export_ball(run, out)
    assert report.parity.boxes > 0
    assert report.size_bytes == out.stat().st_size < 12_000_000
    detector = Detector(out.read_bytes(), out.name, station="ball")
    assert detector.contract.labels == BALL_LABELS
    assert detector.contract.licence == "AGPL-3.0-only"
    found = detector.detect(np.full((184, 184), 90, np.uint8), min_score=0.0)
    assert 0 < len(found) <= 50


def test_export_refuses_a_file_that_differs_from_the_network(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export import export_ball as module
    from export.network import to_onnx

    def written_before_the_network_moved_on(network: Any, contract: Any) -> Any:
        exported = to_onnx(network, contract)
        for box_head in network.model[-1].one2one_cv2:
            box_head[-1].bias.add_(0.5)
        return exported

    monkeypatch.setattr(module, "to_onnx", written_before_the_network_moved_on)
    with pytest.raises(FerrogateError, match="differs from the network"):
        module.export_ball(run, tmp_path / "ball.onnx")
    assert not list(tmp_path.iterdir())


def test_export_refuses_other_data_and_other_weights(run: Path, data_folder: Path, tmp_path: Path) -> None:
    import shutil

    from export.export_ball import export_ball

    other = tmp_path / "data"
    shutil.copytree(data_folder, other)
    coco = json.loads((other / "coco.json").read_text(encoding="utf-8"))
    coco["info"]["seed"] = 99
    (other / "coco.json").write_text(json.dumps(coco), encoding="utf-8")
    with pytest.raises(ConfigError, match="not the data"):
        export_ball(run, tmp_path / "ball.onnx", other)
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    (broken / "weights.pt").write_bytes(b"other")
    with pytest.raises(ConfigError, match="not those of the manifest"):
        export_ball(broken, tmp_path / "ball.onnx")
    assert not (tmp_path / "ball.onnx").exists()
