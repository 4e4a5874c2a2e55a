"""`ferrogate train rail` on a tiny set: from data to a draft that the edge takes, and through a kill."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.training.extra import needs_training
from tests.training.tiny_rail import STEEL_LABELS, draw_frame, make_rail_data

pytestmark = [pytest.mark.train, needs_training, pytest.mark.timeout(400)]

_COMMAND = "import sys; from edge_runtime.cli import main; sys.exit(main())"
_TINY = ["--batch", "4", "--imgsz", "96", "--threads", "1", "--seed", "3"]


def ferrogate(*words: str) -> list[str]:
    """The command in a process of its own, as a user starts it."""
    return [sys.executable, "-c", _COMMAND, *words]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(ferrogate(*words), capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rail_data(tmp_path_factory.mktemp("data") / "rail")


@pytest.fixture(scope="module")
def steel(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a steel stage of two steps."""
    out = tmp_path_factory.mktemp("runs") / "steel"
    words = ["train", "steel", "--data", str(data), "--out", str(out), "--epochs", "1", "--samples", "8"]
    done = run(*words, *_TINY, "--json")
    assert done.returncode == 0, done.stderr
    return out / "weights.pt"


def test_from_data_to_a_draft_that_finds_its_way_to_the_edge(data: Path, steel: Path, tmp_path: Path) -> None:
    from datasets.records import data_sha256, read_coco
    from datasets.training_run import joined_sha256, read_manifest
    from training.evaluation.subject import open_subject
    from vision.contract import RAIL_LABELS
    from vision.rail import inspect_rail_image

    out = tmp_path / "run"
    words = ["train", "rail", "--data", str(data), "--out", str(out), "--epochs", "2", "--samples", "8"]
    done = run(*words, *_TINY, "--pretrained", str(steel), "--json")
    assert done.returncode == 0, done.stderr
    assert "rail epoch 2/2" in done.stderr
    said = json.loads(done.stdout)
    assert [epoch["epoch"] for epoch in said["epochs"]] == [1, 2]
    assert all(np.isfinite(epoch["box_loss"]) for epoch in said["epochs"])

    manifest = read_manifest(out)
    assert manifest.labels == RAIL_LABELS
    assert manifest.samples == {"frames": 8, "composed": 4}
    assert said["training_sha256"] == manifest.sha256()
    assert manifest.weights_sha256 == hashlib.sha256((out / "weights.pt").read_bytes()).hexdigest()
    hashes = [data_sha256(data / name, read_coco(data / name)) for name in ("frames", "composed")]
    assert manifest.data_sha256 == joined_sha256(hashes)
    # Nothing in the run still looks as if it were being written.
    assert not list(out.rglob("*.part"))

    subject = open_subject("rail", out, None, threads=1)
    assert subject.draft
    contract = subject.detector.contract
    assert contract.labels == RAIL_LABELS
    assert contract.rail is not None
    assert contract.training_sha256 == manifest.sha256()
    frame, _ = draw_frame(np.random.default_rng(9))
    found = inspect_rail_image(frame, subject.detector, min_score=0.0)
    # The drawn head is 80 px wide, from column 24 on.
    assert found.head.left_px == pytest.approx(24.0, abs=3.0)
    assert found.detections.labels == RAIL_LABELS
    corners = found.detections.xyxy_px
    assert np.all((corners[:, 2:] > corners[:, :2]) & np.isfinite(corners).all(axis=1, keepdims=True))


def test_steel_stage_has_labels_of_its_own(steel: Path) -> None:
    from datasets.training_run import read_manifest

    manifest = read_manifest(steel.parent)
    assert manifest.station == "steel"
    assert manifest.labels == STEEL_LABELS
    # The set states no terms for its pictures: what saw it is for evaluation only.
    assert manifest.evaluation_only


@pytest.mark.long
def test_a_killed_run_ends_as_an_unbroken_one(data: Path, tmp_path: Path) -> None:
    """Killed in mid-epoch: the same weights, byte for byte, on one CPU thread."""
    plan = ["--data", str(data), "--epochs", "3", "--pretrain-epochs", "0", "--samples", "24", *_TINY]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = run("train", "rail", "--out", str(whole), *plan)
    assert done.returncode == 0, done.stderr

    process = subprocess.Popen(
        ferrogate("train", "rail", "--out", str(broken), *plan),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    losses = broken / "rail" / "losses.jsonl"
    try:
        end = time.monotonic() + 200
        while not (losses.exists() and losses.read_text(encoding="utf-8").count("\n")):
            assert process.poll() is None, "the training ended before it could be killed"
            assert time.monotonic() < end, "no epoch was finished"
            time.sleep(0.02)
        time.sleep(0.3)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (broken / "manifest.json").exists()
    assert not (broken / "weights.pt").exists()
    assert losses.read_text(encoding="utf-8").count("\n") < 3

    refused = run("train", "rail", "--out", str(broken), *plan)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    done = run("train", "rail", "--out", str(broken), *plan, "--resume")
    assert done.returncode == 0, done.stderr
    assert "rail epoch 1/3" not in done.stderr
    assert (broken / "weights.pt").read_bytes() == (whole / "weights.pt").read_bytes()
    again = run("train", "rail", "--out", str(broken), *plan, "--resume")
    assert again.returncode == 2
    assert "finished" in again.stderr
