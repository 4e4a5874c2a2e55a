"""`ferrogate evaluate` adds its result to the MLflow log of the training: a real store, a real report."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.cli import main
from tests.training.small_runs import make_run
from tests.training.tiny_rail import make_rail_data
from training.evaluation.logged import figures_of

_MISSING = [
    name
    for name in ("torch", "ultralytics", "onnx", "onnxslim", "faster_coco_eval", "mlflow")
    if importlib.util.find_spec(name) is None
]
pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(bool(_MISSING), reason=f"no {', '.join(_MISSING)}: pip install '.[train,tracking]'"),
    pytest.mark.timeout(400),
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    kept = dict(os.environ)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def rail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data`; `run`, logged to the store `log/mlflow.db`; and `plain`, the same run that is not."""
    from training.tracking import open_log

    folder = tmp_path_factory.mktemp("rail")
    make_rail_data(folder / "data")
    manifest = make_run(folder / "plain", folder / "other", "rail")
    shutil.copytree(folder / "plain", folder / "run")
    (folder / "log").mkdir()
    open_log(_uri(folder), "rail", folder / "run", manifest.settings, manifest.command)
    return folder


def _uri(rail: Path) -> str:
    return f"sqlite:///{rail}/log/mlflow.db"


def _words(rail: Path, run: str, *more: str) -> list[str]:
    words = ["evaluate", "rail", "--run", str(rail / run), "--data", str(rail / "data")]
    return [*words, "--resamples", "10", "--threads", "1", "--json", *more]


def test_figures_and_report_lie_beside_the_training(
    rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", _uri(rail))
    assert main(_words(rail, "run", "--out", str(tmp_path / "out"))) == 0
    said = capsys.readouterr()
    assert "warning" not in said.err
    found: dict[str, Any] = json.loads(said.out)
    client = MlflowClient(tracking_uri=_uri(rail))
    number = json.loads((rail / "run" / "mlflow.json").read_text(encoding="utf-8"))["run_id"]
    metrics = client.get_run(number).data.metrics
    assert metrics == pytest.approx(figures_of(found))
    detection = found["figures"]["detection"]
    assert metrics["evaluate/map50"] == pytest.approx(detection["map50"]["value"])
    assert metrics["evaluate/threshold/dirt"] == found["figures"]["thresholds"]["dirt"]
    gap = next(one for one in detection["labels"] if one["label"] == "gap")
    recall = gap["at_threshold"]["recall"]
    assert metrics["evaluate/recall/gap"] == pytest.approx(recall["hits"] / recall["n"])
    kept = {path.name for path in (rail / "log" / "mlflow-artifacts").rglob("*") if path.is_file()}
    assert kept == {"report.html", "report.json"}


def test_a_run_that_was_not_logged_is_said_and_evaluated_all_the_same(
    rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_words(rail, "plain", "--out", str(tmp_path / "out"), "--mlflow-uri", _uri(rail))) == 0
    said = capsys.readouterr()
    assert "not logged to MLflow" in said.err
    assert json.loads(said.out)["figures"]["detection"]["pictures"] == 4
    assert not (rail / "plain" / "mlflow.json").exists()


def test_what_cannot_be_logged_is_refused_before_anything_is_scored(
    rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    out = tmp_path / "out"
    (tmp_path / "store").mkdir()
    other = f"sqlite:///{tmp_path}/store/mlflow.db"
    assert main(_words(rail, "run", "--out", str(out), "--mlflow-uri", other)) == 2
    assert "logged to another place" in json.loads(capsys.readouterr().out)["error"]
    gone = f"http://127.0.0.1:{free_port}"
    assert main(_words(rail, "run", "--out", str(out), "--mlflow-uri", gone)) == 1
    assert "MLflow cannot be used" in json.loads(capsys.readouterr().out)["error"]
    assert not out.exists()
