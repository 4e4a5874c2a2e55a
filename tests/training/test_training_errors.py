"""What can be wrong with a training's data, folder, weights and disk: one clear error, nothing half done."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.training_run import SourceSettings, TrainingManifest, TrainSettings, write_manifest
from tests.training.extra import needs_training
from tests.training.tiny_rail import make_rail_data
from vision.contract import RailSpec
from vision.errors import ConfigError, FerrogateError

pytestmark = [pytest.mark.train, needs_training, pytest.mark.timeout(300)]

_COMMAND = "import sys; from edge_runtime.cli import main; sys.exit(main())"


def _settings(**changed: Any) -> TrainSettings:
    source = SourceSettings(folder="frames", share=1.0)
    stage = {"name": "rail", "kind": "rail", "sources": (source,), "epochs": 2, "samples_per_epoch": 8}
    stage |= {key: changed.pop(key) for key in ("epochs",) if key in changed}
    whole = {"input_px": 96, "batch": 4, "threads": 1, "rail": RailSpec(), "stages": (stage,), **changed}
    return TrainSettings.model_validate(whole)


def _train(data: Path, out: Path, **options: Any) -> Any:
    from training.train import train

    settings = options.pop("settings", None) or _settings()
    return train("rail", data, out, settings, "test", lambda *_: None, **options)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_rail_data(tmp_path / "rail")


def _edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(data: Path) -> None:
        path = data / "frames" / "coco.json"
        coco = json.loads(path.read_text(encoding="utf-8"))
        change(coco)
        path.write_text(json.dumps(coco), encoding="utf-8")

    return edit


def _drop_everything(coco: dict[str, Any]) -> None:
    coco["images"], coco["annotations"] = [], []


def _drop_gaps(coco: dict[str, Any]) -> None:
    gap = next(one["id"] for one in coco["categories"] if one["name"] == "gap")
    train = {image["id"] for image in coco["images"] if image["split"] == "train"}
    coco["annotations"] = [
        note
        for note in coco["annotations"]
        if (note["category_id"], note["image_id"] in train) != (gap, True)
    ]


def _only_val(coco: dict[str, Any]) -> None:
    for image in coco["images"]:
        image["split"] = "val"


def _rename_a_label(coco: dict[str, Any]) -> None:
    coco["categories"][0]["name"] = "rust"


def _wider_than_it_is(coco: dict[str, Any]) -> None:
    coco["images"][0]["width"] = 999


def _lose_a_picture(data: Path) -> None:
    (data / "frames" / "images" / "0003.png").unlink()


def _cut_a_picture(data: Path) -> None:
    path = data / "frames" / "images" / "0003.png"
    path.write_bytes(path.read_bytes()[:40])


def _lose_the_labels(data: Path) -> None:
    (data / "frames" / "coco.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "match", "where"),
    [
        (_edit(_drop_everything), "train split is empty", "frames"),  # an empty set
        (_edit(_only_val), "train split is empty", "frames"),  # pictures, but none to train on
        (_edit(_drop_gaps), "no train picture shows gap", "frames"),  # a class that only val has
        (_edit(_rename_a_label), "labels that are not trained: rust", "frames"),  # another station's set
        (_edit(_wider_than_it_is), "its record says 999", "0000.png"),  # a picture of another size
        (_lose_a_picture, "picture", "0003.png"),  # labels for a missing picture
        (_cut_a_picture, "cut off", "0003.png"),  # a copy that was broken off
        (_lose_the_labels, "no data set here", "frames"),  # a folder without labels
    ],
)
def test_data_that_cannot_be_trained_on(
    data: Path, tmp_path: Path, spoil: Callable[[Path], None], match: str, where: str
) -> None:
    spoil(data)
    with pytest.raises(ConfigError, match=match) as found:
        _train(data, tmp_path / "run")
    assert where in found.value.where
    assert found.value.todo
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"not a torch file", b"PK\x03\x04 half a file"])
def test_weights_that_cannot_be_started_from(data: Path, tmp_path: Path, content: bytes) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(content)
    with pytest.raises(FerrogateError, match="weights to start from cannot be read") as found:
        _train(data, tmp_path / "run", start_weights=weights)
    assert found.value.where == str(weights)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_to(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FerrogateError, match="cannot be written to"):
        _train(data, tmp_path / "file" / "run")


def test_a_stage_of_another_run_is_not_taken_for_finished(data: Path, tmp_path: Path) -> None:
    """`--out runs` with runs/rail of before in it: its weights must not become this run's result."""
    other = tmp_path / "runs" / "rail"
    other.mkdir(parents=True)
    (other / "weights.pt").write_bytes(b"weights of another run")
    with pytest.raises(ConfigError, match="holds 'rail' already") as found:
        _train(data, tmp_path / "runs")
    assert found.value.where == str(other)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["rail"]


@pytest.mark.long
def test_resuming(data: Path, tmp_path: Path) -> None:
    """One run, stopped after an epoch; then everything that can be wrong with going on."""

    class StoppedError(Exception):
        pass

    from training.train import train

    out = tmp_path / "run"

    def stop(*_: object) -> None:
        raise StoppedError

    with pytest.raises(ConfigError, match="no run to resume"):
        _train(data, out, resume=True)
    with pytest.raises(StoppedError):
        train("rail", data, out, _settings(), "test", stop)
    checkpoint = out / "rail" / "checkpoint.pt"
    kept = checkpoint.read_bytes()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    with pytest.raises(ConfigError, match="run already"):
        _train(data, out)
    with pytest.raises(ConfigError, match="other data or settings"):
        _train(data, out, resume=True, settings=_settings(epochs=3))
    picture = data / "frames" / "images" / "0000.png"
    whole = picture.read_bytes()
    picture.write_bytes((data / "frames" / "images" / "0001.png").read_bytes())
    with pytest.raises(ConfigError, match="other data or settings"):
        _train(data, out, resume=True)
    picture.write_bytes(whole)
    # What refused has touched nothing.
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before

    for content in (kept[: len(kept) // 2], b"", b"garbage"):
        checkpoint.write_bytes(content)
        with pytest.raises(FerrogateError, match="checkpoint cannot be used") as found:
            _train(data, out, resume=True)
        assert found.value.where == str(checkpoint)
        assert str(checkpoint.parent) in found.value.todo
        assert checkpoint.read_bytes() == content
        assert not (out / "weights.pt").exists()
    checkpoint.write_bytes(kept)
    manifest = _train(data, out, resume=True)
    assert [epoch["epoch"] for epoch in manifest.metrics["epochs"]] == [1, 2]


def test_a_loss_that_is_no_number_is_said(data: Path, tmp_path: Path) -> None:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    # Finite numbers, but sums of them are not.
    state = DetectionModel("yolo26n.yaml", nc=3, verbose=False).state_dict()
    weights = tmp_path / "weights.pt"
    huge = {name: torch.full_like(one, 1e30) if one.ndim > 1 else one for name, one in state.items()}
    torch.save(huge, weights)
    with pytest.raises(ConfigError, match="nothing says what these weights have seen"):
        _train(data, tmp_path / "run", start_weights=weights)
    assert not (tmp_path / "run").exists()
    about = TrainingManifest(
        station="rail", labels=("defect", "dirt", "gap"), data_dir="", data_sha256="a" * 64, data_info={},
        samples={}, settings=_settings(), command="test", packages={}, weights_sha256="b" * 64, metrics={},
    )  # fmt: skip
    write_manifest(about, tmp_path)
    with pytest.raises(FerrogateError, match="no longer a number") as found:
        _train(data, tmp_path / "run", start_weights=weights)
    assert "learning rate" in found.value.todo
    assert not (tmp_path / "run" / "weights.pt").exists()


def _limit_files() -> None:
    """The kernel refuses to let a file grow beyond 4 MB: what a full disk does to a writer, without root."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))


@pytest.mark.long
def test_a_disk_that_is_full_while_training(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "rail", "--data", str(data), "--out", str(out), "--pretrain-epochs", "0"]
    words += ["--epochs", "1", "--samples", "4", "--batch", "4", "--imgsz", "96", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *words],
        capture_output=True, text=True, check=False, timeout=200, preexec_fn=_limit_files,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "the training's state cannot be written" in done.stderr
    assert "--resume" in done.stderr
    assert not list(out.rglob("*.part"))
    assert not list(out.rglob("weights.pt"))
    assert not (out / "manifest.json").exists()
    # With room again it goes on.
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *words, "--resume"],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "manifest.json").exists()


def test_a_write_that_fails_leaves_the_file_of_before(tmp_path: Path) -> None:
    code = (
        "import torch, pathlib, sys\n"
        "from training.checkpoint import save_whole\n"
        "from vision.errors import FerrogateError\n"
        "try:\n"
        "    save_whole({'a': torch.zeros(3_000_000)}, pathlib.Path(sys.argv[1]))\n"
        "except FerrogateError as error:\n"
        "    sys.exit(error.exit_code + 40)\n"
    )
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"the epoch before")
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=False, timeout=100, preexec_fn=_limit_files
    )
    assert done.returncode == 41
    assert path.read_bytes() == b"the epoch before"
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
