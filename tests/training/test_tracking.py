"""Runs logged to MLflow: a real database, a real port that nobody listens on, a run that is resumed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datasets.training_run import (
    SourceSettings,
    StageSettings,
    TrainingManifest,
    TrainSettings,
    write_manifest,
)
from training import tracking
from vision.errors import ConfigError, FerrogateError

pytestmark = pytest.mark.train
needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None,
    reason="MLflow is not installed: pip install 'ferrogate[tracking]'",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    kept = dict(os.environ)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def settings() -> TrainSettings:
    source = SourceSettings(folder="frames", share=1.0)
    stage = StageSettings(name="rail", kind="rail", sources=(source,), epochs=2, samples_per_epoch=8)
    return TrainSettings(stages=(stage,), seed=7)


@pytest.fixture
def finished(tmp_path: Path, settings: TrainSettings) -> tuple[Path, TrainingManifest]:
    run = tmp_path / "run"
    run.mkdir()
    (run / "weights.pt").write_bytes(b"weights")
    manifest = TrainingManifest(
        station="rail",
        labels=("defect",),
        data_dir="data",
        data_sha256="a" * 64,
        data_info={},
        samples={"frames": 3},
        settings=settings,
        command="ferrogate train rail",
        packages={},
        weights_sha256="b" * 64,
        metrics={},
    )
    return run, write_manifest(manifest, run)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making them takes longer than all else here."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    _client(f"sqlite:///{path}").search_experiments(max_results=1)
    return path


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    """A store of the test's own."""
    path = tmp_path / "log" / "mlflow.db"
    path.parent.mkdir()
    shutil.copyfile(empty_store, path)
    return f"sqlite:///{path}"


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


@needs_mlflow
def test_a_run_is_logged_whole(
    tmp_path: Path, uri: str, settings: TrainSettings, finished: tuple[Path, TrainingManifest]
) -> None:
    run, manifest = finished
    with tracking.tracked(uri, "rail", run, settings, "ferrogate train rail") as log:
        assert log is not None
        log.epoch("rail", 1, {"box_loss": 2.0, "cls_loss": 3.0})
        log.epoch("rail", 2, {"box_loss": 1.0, "cls_loss": 1.5})
        log.finish(manifest, run)
    found = _client(uri).get_run(json.loads((run / "mlflow.json").read_text())["run_id"])
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {"rail/box_loss": 1.0, "rail/cls_loss": 1.5}
    history = _client(uri).get_metric_history(found.info.run_id, "rail/box_loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert found.data.params["seed"] == "7"
    assert found.data.params["stages.rail.epochs"] == "2"
    assert found.data.tags["training_sha256"] == manifest.sha256()
    assert found.data.tags["command"] == "ferrogate train rail"
    kept = {path.name for path in (tmp_path / "log" / "mlflow-artifacts").rglob("*") if path.is_file()}
    assert kept == {"manifest.json", "weights.pt"}
    assert _client(uri).get_experiment(found.info.experiment_id).name == "ferrogate-rail"

    report = tmp_path / "report.html"
    report.write_text("<p>report</p>")
    assert tracking.log_evaluation(run, {"map50": 0.75}, [report])
    assert _client(uri).get_run(found.info.run_id).data.metrics["map50"] == 0.75


@needs_mlflow
def test_a_resumed_run_goes_on_in_the_same_log(tmp_path: Path, uri: str, settings: TrainSettings) -> None:
    run = tmp_path / "run"

    def broken() -> None:
        with tracking.tracked(uri, "rail", run, settings, "first") as log:
            assert log is not None
            log.epoch("rail", 1, {"box_loss": 2.0})
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        broken()
    number = json.loads((run / "mlflow.json").read_text())["run_id"]
    assert _client(uri).get_run(number).info.status == "FAILED"
    log = tracking.open_log(uri, "rail", run, settings, "first --resume", resume=True)
    assert log.run_id == number
    log.epoch("rail", 2, {"box_loss": 1.0})
    found = _client(uri).get_run(number)
    # Begun anew in the same folder: another run.
    assert tracking.open_log(uri, "rail", tmp_path / "run2", settings, "x").run_id != number
    assert found.info.status == "RUNNING"
    assert len(_client(uri).get_metric_history(number, "rail/box_loss")) == 2
    with pytest.raises(ConfigError, match="another place"):
        tracking.open_log(f"sqlite:///{tmp_path}/other.db", "rail", run, settings, "x", resume=True)


@needs_mlflow
def test_epochs_kept_by_other_processes_are_logged_afterwards(
    tmp_path: Path, uri: str, settings: TrainSettings
) -> None:
    log = tracking.open_log(uri, "rail", tmp_path / "run", settings, "x")
    log.replay([{"stage": "rail", "epoch": number, "box_loss": 3.0 / number} for number in (1, 2, 3)])
    history = _client(uri).get_metric_history(log.run_id, "rail/box_loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (2, 1.5), (3, 1.0)]


@needs_mlflow
def test_a_log_that_fails_later_is_said_once_and_caught_up(
    tmp_path: Path, uri: str, settings: TrainSettings
) -> None:
    said: list[str] = []
    log = tracking.open_log(uri, "rail", tmp_path / "run", settings, "x", warn=said.append)
    log.epoch("rail", 1, {"box_loss": 4.0})
    database = sqlite3.connect(tmp_path / "log" / "mlflow.db")
    database.execute("ALTER TABLE metrics RENAME TO away")
    database.commit()
    log.epoch("rail", 2, {"box_loss": 3.0})
    log.epoch("rail", 3, {"box_loss": 2.0})
    assert len(said) == 1
    assert "the training goes on" in said[0]
    database.execute("ALTER TABLE away RENAME TO metrics")
    database.commit()
    database.close()
    log.epoch("rail", 4, {"box_loss": 1.0})
    assert len(said) == 2
    history = _client(uri).get_metric_history(log.run_id, "rail/box_loss")
    assert [(point.step, point.value) for point in history] == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]


@needs_mlflow
def test_a_server_that_is_not_there_is_an_error_at_the_start(
    tmp_path: Path, settings: TrainSettings, free_port: int
) -> None:
    run = tmp_path / "run"
    with pytest.raises(FerrogateError, match="MLflow cannot be used") as found:
        tracking.open_log(f"http://127.0.0.1:{free_port}", "rail", run, settings, "x")
    assert str(free_port) in found.value.where
    with pytest.raises(FerrogateError, match="MLflow cannot be used"):
        tracking.check_server(f"http://127.0.0.1:{free_port}")
    assert not run.exists()


def test_a_missing_package_is_an_error_at_the_start(
    tmp_path: Path, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Python does for a package that is not installed.
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(FerrogateError, match="not installed"):
        tracking.check_server("sqlite:///x.db")
    with pytest.raises(FerrogateError, match="not installed") as found:
        tracking.open_log("sqlite:///x.db", "rail", tmp_path / "run", settings, "x")
    assert "ferrogate[tracking]" in found.value.todo
    assert not (tmp_path / "run").exists()


def test_nothing_is_logged_unless_it_is_asked_for(
    tmp_path: Path, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tracking.tracking_uri(None) is None
    with tracking.tracked(tracking.tracking_uri(None), "rail", tmp_path / "run", settings, "x") as log:
        assert log is None
    assert not (tmp_path / "run").exists()
    assert not tracking.log_evaluation(tmp_path, {"map50": 1.0}, [])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://a")
    assert tracking.tracking_uri(None) == "http://a"
    assert tracking.tracking_uri("http://b") == "http://b"
