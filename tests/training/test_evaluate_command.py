"""`ferrogate evaluate` from folders to report, on small drawn sets and small real models, and refusals."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from datasets.records import BoxRecord, DataSet, SampleRecord, Split, read_coco, write_coco
from edge_runtime.cli import main
from tests.training.small_runs import make_run
from tests.training.tiny_rail import make_rail_data
from tests.vision.small_models import SIDE, ball_contract, darkest_model
from training.evaluation.subject import draft_bytes

_MISSING = [
    name
    for name in ("torch", "ultralytics", "onnx", "onnxslim", "faster_coco_eval")
    if importlib.util.find_spec(name) is None
]
pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(bool(_MISSING), reason=f"no {', '.join(_MISSING)}: pip install 'ferrogate[train]'"),
    pytest.mark.timeout(400),
]
BALL_LABELS = ("crack", "lap", "spall")


@pytest.fixture(scope="module")
def rail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data` and `run` of a rail model that has learnt nothing, and `ball`, a run of the other station."""
    folder = tmp_path_factory.mktemp("rail")
    make_rail_data(folder / "data")
    make_run(folder / "run", folder / "other", "rail")
    make_run(folder / "ball", folder / "other", "ball")
    (folder / "draft.onnx").write_bytes(draft_bytes("rail", folder / "run"))
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast environment is set already, so that no command replaces the test's process."""
    from training.environment import FAST_ENVIRONMENT

    for name, value in FAST_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def _rail(rail: Path, *words: str) -> list[str]:
    return [
        *("evaluate", "rail", "--run", str(rail / "run"), "--data", str(rail / "data")),
        *("--resamples", "20", "--threads", "1", *words),
    ]


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.long
@pytest.mark.timeout(900)
def test_rail_with_the_stock_recipe(
    rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    out = tmp_path / "report"
    words = _rail(rail, "--out", str(out), "--json", "--baseline")
    words += ["--baseline-epochs", "1", "--baseline-imgsz", "64"]
    assert main(words) == 0
    printed = _json(capsys)
    written = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert {**written, "report": str(out / "report.html")} == printed
    baseline = written["baseline"]
    assert baseline["settings"]["epochs"] == 1
    assert baseline["detection"]["pictures"] == 4
    assert "Beside the stock recipe" in (out / "report.html").read_text(encoding="utf-8")
    # the second time it is found finished, and gives the same figures
    weights = out / "baseline" / "run" / "weights" / "best.pt"
    made = weights.stat().st_mtime_ns
    assert main(words) == 0
    assert _json(capsys)["baseline"] == baseline
    assert weights.stat().st_mtime_ns == made
    # other settings are another baseline
    assert main([*words[:-1], "96"]) == 2
    assert "other data or with other settings" in _json(capsys)["error"]


def test_rail(rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    assert main(_rail(rail, "--out", str(out), "--json")) == 0
    written = _json(capsys)
    detection = written["figures"]["detection"]
    assert (detection["pictures"], detection["groups"]) == (4, 2)
    assert [one["objects"] for one in detection["labels"]] == [4, 4, 4]
    assert {one["kind"] for one in detection["fine"]} == {"fine defect", "fine dirt", "fine gap"}
    assert written["draft"] is True
    assert set(written["figures"]["thresholds"]) == {"defect", "dirt", "gap"}
    assert written["baseline"] is None
    page = (out / "report.html").read_text(encoding="utf-8")
    for title in ("Precision and recall", "Dirt called a defect", "What went worst", "NOT VERIFIED"):
        assert title in page


def _ball_set(folder: Path, split: Split, bad: int, good: int) -> None:
    """Crops of grey; a bad one has black in its middle half, the box of the model that looks for dark."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(len(split))
    samples = []
    for number in range(bad + good):
        crop = rng.integers(120, 200, (SIDE, SIDE), dtype=np.uint8)
        boxes: tuple[BoxRecord, ...] = ()
        label = "good"
        if number < bad:
            crop[16:48, 16:48] = int(rng.integers(0, 30))
            label = BALL_LABELS[number % 3]
            boxes = (BoxRecord(label=label, xyxy_px=(16, 16, 48, 48), area_px=1024),)
        file = f"images/{number}.png"
        cv2.imwrite(str(folder / file), crop)
        samples.append(
            SampleRecord(
                file=file,
                width_px=SIDE,
                height_px=SIDE,
                group=f"{split}{number // 3}",
                source="drawn",
                label=label,
                split=split,
                boxes=boxes,
                truth={"crack_width_px": 4.0, "surface": "bright"}
                if label == "crack"
                else {"surface": "oxide"},
            )
        )
    write_coco(DataSet(labels=BALL_LABELS, samples=tuple(samples)), folder)


def _put_together(folder: Path, more: Path) -> None:
    """Add another set's samples to a set."""
    data, samples = read_coco(folder), []
    for sample in read_coco(more).samples:
        file = f"{Path(sample.file).parent}/more-{Path(sample.file).name}"
        shutil.copy(more / sample.file, folder / file)
        samples.append(sample.model_copy(update={"file": file}))
    write_coco(data.model_copy(update={"samples": (*data.samples, *samples)}), folder)


def test_ball_at_the_thresholds_of_its_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The model finds dark middles and calls them cracks: all views rejected, a third by their own name."""
    _ball_set(tmp_path / "data" / "test", "test", bad=12, good=9)
    _ball_set(tmp_path / "data" / "train", "val", bad=12, good=9)
    _ball_set(tmp_path / "more", "train", bad=12, good=6)
    _put_together(tmp_path / "data" / "train", tmp_path / "more")
    model = tmp_path / "ball.onnx"
    contract = ball_contract(labels=BALL_LABELS, thresholds={"crack": 0.8, "lap": 0.8, "spall": 0.8})
    model.write_bytes(darkest_model(contract))
    words = ["evaluate", "ball", "--model", str(model), "--data", str(tmp_path / "data")]
    words += ["--out", str(tmp_path / "out"), "--resamples", "20", "--threads", "1"]
    assert main([*words, "--json"]) == 0
    figures = _json(capsys)["figures"]
    # three sound balls of the val split and two of the train split, three views each
    assert any(note.startswith("5 sound balls are too few") for note in figures["chosen"]["notes"])
    ap50 = {one["label"]: one["ap50"]["value"] for one in figures["detection"]["labels"]}
    assert ap50["lap"] == ap50["spall"] == 0.0
    assert 0.2 < ap50["crack"] < 1.0
    assert figures["gross_ap50"]["value"] == pytest.approx(ap50["crack"] / 3)
    labels = {one["label"]: one for one in figures["labels"]}
    assert all(one["views"]["hits"] == one["views"]["n"] == 4 for one in labels.values())
    assert labels["crack"]["views_named"]["hits"] == 4
    assert labels["lap"]["views_named"]["hits"] == 0
    assert (figures["good_views"]["hits"], figures["good_views"]["n"]) == (0, 9)
    any_label = figures["cracks"][0]
    assert (any_label["recall"]["hits"], any_label["recall"]["n"], any_label["false"]["hits"]) == (4, 4, 0)
    assert {one["kind"] for one in figures["kinds"] if one["key"] == "surface"} == {"bright", "oxide"}
    assert main(words) == 0
    assert "AP50 over crack, lap, spall" in capsys.readouterr().out.replace("\n", " ")


def test_bank_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    model = repository / "models" / "ferrogate_models" / "ball.onnx"
    small = _small_bank(tmp_path / "bank", repository)
    words = ["evaluate", "ball", "--model", str(model), "--threads", "1", "--bank", str(small), "--json"]
    assert main(words) == 0
    report = _json(capsys)
    assert report["sound_balls"] + sum(one["balls"] for one in report["labels"].values()) == 14
    assert 0 <= report["false_alarms"] <= report["sound_views"]


def _small_bank(folder: Path, repository: Path) -> Path:
    """One ball of each label and two sound ones, out of the bank of the package."""
    source = repository / "datasets" / "synthetic" / "data" / "ball_bank"
    shutil.copytree(source, folder)
    index = json.loads((folder / "bank.json").read_text(encoding="utf-8"))
    kept: dict[str, list[Any]] = {}
    for ball in index["balls"]:
        kept.setdefault(ball["label"], []).append(ball)
    index["balls"] = [ball for label, balls in kept.items() for ball in balls[: 3 if label == "good" else 1]]
    (folder / "bank.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def _changed(rail: Path, folder: Path, **changes: Any) -> Path:
    shutil.copytree(rail / "data", folder)
    data = read_coco(folder / "frames")
    write_coco(data.model_copy(update=changes), folder / "frames")
    return folder


def test_bad_data_sets_give_one_error(rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = read_coco(rail / "data" / "frames")
    no_gap = tuple(
        one.model_copy(update={"boxes": tuple(box for box in one.boxes if box.label != "gap")})
        for one in data.samples
    )
    cases = {
        "shows no gap": _changed(rail, tmp_path / "a", samples=no_gap),
        "val split is empty": _changed(rail, tmp_path / "b", samples=data.of_split("train")),
        "the data set is empty": _changed(rail, tmp_path / "c", samples=()),
        "there is no data set here": tmp_path / "nowhere",
    }
    broken = _changed(rail, tmp_path / "d")
    (broken / "frames" / data.of_split("val")[0].file).write_bytes(b"no picture")
    cases["no picture, or is cut off"] = broken
    for message, folder in cases.items():
        words = ["evaluate", "rail", "--model", str(rail / "draft.onnx"), "--data", str(folder)]
        assert main([*words, "--out", str(tmp_path / "out"), "--json"]) == 2, message
        assert message in _json(capsys)["error"]
    assert not (tmp_path / "out").exists()


def test_bad_models_give_one_error(rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "ball.onnx"
    other.write_bytes(darkest_model())
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"rubbish")
    cut = tmp_path / "cut"
    shutil.copytree(rail / "run", cut)
    weights = (cut / "weights.pt").read_bytes()
    (cut / "weights.pt").write_bytes(weights[: len(weights) // 2])
    cases = [
        (["--model", str(other)], 4, "for the ball station"),
        (["--model", str(rubbish)], 4, "not an ONNX model"),
        (["--model", str(tmp_path / "missing.onnx")], 4, "cannot be read"),
        (["--run", str(rail / "ball")], 2, "trained a ball model"),
        (["--run", str(tmp_path / "none")], 2, "manifest cannot be read"),
        (["--run", str(cut)], 2, "weights"),
        (["--resamples", "1"], 2, "less than 10"),
        (["--costs", str(rubbish)], 2, "costs"),
    ]
    for words, code, message in cases:
        assert main([*_rail(rail, "--out", str(tmp_path / "out"), "--json"), *words]) == code, message
        assert message in _json(capsys)["error"]
    assert not (tmp_path / "out").exists()


def test_a_baseline_that_was_damaged_is_refused(
    rail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    out = tmp_path / "out"
    (out / "baseline").mkdir(parents=True)
    (out / "baseline" / "plan.json").write_text("{", encoding="utf-8")
    assert main(_rail(rail, "--out", str(out), "--json", "--baseline")) == 2
    assert "plan.json cannot be read" in _json(capsys)["error"]
