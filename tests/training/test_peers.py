"""`ferrogate bench peers` with ultralytics itself: one file in both hands, the stock recipe, the command."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from datasets.training_run import read_manifest, write_manifest
from edge_runtime.cli import main
from tests.training.extra import needs_training
from tests.training.small_line import draw_ball_set
from tests.training.small_runs import make_run
from training.peers import command
from vision.contract import BALL_LABELS
from vision.detector import Detector
from vision.errors import ConfigError, ContractError

SHIPPED = Path(__file__).parents[2] / "models" / "ferrogate_models"
SIDE_PX = 96

pytestmark = [pytest.mark.train, needs_training]


def test_one_file_finds_the_same_in_both_hands(tmp_path: Path) -> None:
    from training.peers.files import resized, shipped
    from training.peers.rival import Rival
    from training.peers.same_file import ball_pictures, difference, for_both, score_limit

    content, contract = for_both(resized(shipped("ball_fp32"), SIDE_PX), "ball")
    assert contract.labels == BALL_LABELS
    assert contract.input.level is None
    file = tmp_path / "both.onnx"
    file.write_bytes(content)
    pictures = ball_pictures(4, SIDE_PX, 1)
    assert [picture.shape for picture in pictures] == [(SIDE_PX, SIDE_PX, 3)] * 4
    detector = Detector(content, "both", threads=2, spinning=True)
    conf = score_limit([detector.detect(picture, 0.0) for picture in pictures])
    rival = Rival(file, SIDE_PX, conf, 1)
    theirs = rival.found(pictures, contract.labels, lambda: None)
    off = difference([detector.detect(picture, conf) for picture in pictures], theirs, conf)
    assert off.boxes >= 4
    assert off.met
    # The comparison would see it: a picture turned round gives other boxes.
    turned = [detector.detect(np.ascontiguousarray(picture[::-1]), conf) for picture in pictures]
    assert not difference(turned, theirs, conf).met
    # An open stream of the one must not hold up the other.
    stream, calls = rival.handed_over(pictures), rival.calls(pictures)
    stream(2)
    calls(2)
    stream(1)


def test_the_comparison_of_one_file() -> None:
    from training.peers.files import resized, shipped
    from training.peers.same_file import SameFilePlan, compare_same_file

    rounds: list[int] = []
    plan = SameFilePlan(resized(shipped("ball_fp32"), 64), "ball", 1, 3, 2, 1)
    one = compare_same_file(plan, lambda: rounds.append(1))
    assert (one.kind, one.frames, len(rounds)) == ("a", 3, 2)
    assert one.difference is not None
    assert one.difference.met
    assert min(one.ours_cpu_ms, one.theirs_cpu_ms, one.frames_ratio, one.cpu_ratio) > 0


def test_a_file_that_ultralytics_cannot_run_alike_is_refused() -> None:
    from training.peers.files import model_file
    from training.peers.same_file import for_both

    with pytest.raises(ContractError, match="FP32"):
        for_both(model_file("ferrogate-models:ball_int8").read_bytes(), "ball_int8")
    with pytest.raises(ConfigError, match="no such model"):
        model_file("nowhere.onnx")
    with pytest.raises(ConfigError, match="cannot be found"):
        model_file("ferrogate-models:moon")


def test_the_budget_is_the_time_that_our_run_took(tmp_path: Path) -> None:
    from training.peers.stock import hours_of

    run = tmp_path / "run"
    make_run(run, tmp_path / "data", "ball")
    manifest = read_manifest(run)
    epochs = [{"epoch": 1, "seconds": 1800.0}, {"epoch": 2, "seconds": 900.0}]
    write_manifest(manifest.model_copy(update={"metrics": {"epochs": epochs}}), run)
    assert hours_of(run) == pytest.approx(0.75)
    write_manifest(manifest.model_copy(update={"metrics": {"epochs": [{"epoch": 1}]}}), run)
    with pytest.raises(ConfigError, match="how long"):
        hours_of(run)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_stock_recipe_and_the_same_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.evaluation.baseline import BaselineSettings
    from training.peers.line_frames import SIDE_PX as FRAME_PX
    from training.peers.stock import read_stock, train_stock

    for split, views in (("train", 6), ("test", 2)):
        (tmp_path / "ball" / split).mkdir(parents=True)
        shown = tuple(
            ("test" if split == "test" else "train" if number < 4 else "val", "backlit")
            for number in range(views)
        )
        draw_ball_set(tmp_path / "ball" / split, shown)  # type: ignore[arg-type]  # splits by name
    out, epochs = tmp_path / "stock", []
    # One epoch is begun, and there is no time for a second one.
    settings = BaselineSettings(1, FRAME_PX, 1, "cpu", 1e-6)

    def trained() -> object:
        return train_stock(
            tmp_path / "ball" / "train",
            out,
            settings,
            step=lambda: None,
            report=lambda *at: epochs.append(at),
        )

    stock = trained()
    assert stock == read_stock(out)
    assert len(epochs) == 1
    made = read_stock(out)
    assert made is not None
    assert (made.epochs, made.frames) == (1, 4)
    assert made.cpu_s > 0.5
    # Once more: nothing is trained, and its time stays.
    assert trained() == stock
    assert len(epochs) == 1
    args = ["--only", "b", "--data", str(tmp_path / "ball"), "--stock", str(out)]
    few = ["--frames", "2", "--rounds", "1", "--threads", "1", "--json"]
    code = main(["bench", "peers", *args, *few])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    # (a) was not asked for, so not every target can have been met.
    assert code == command.EXIT_MISSED
    (one,) = said["compared"]
    assert one["kind"] == "b"
    precision = one["precision"]
    assert (precision["frames"], precision["objects"], precision["without_ball"]) == (2, 3, 0)
    assert 0.0 <= precision["theirs_map50"] <= 1.0
    assert precision["whole_map50"] is not None
    assert one["facts"]["theirs"].startswith("YOLO26n from scratch on 4 line frames")
    made.file.write_bytes(made.file.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="not the file"):
        read_stock(out)


def test_the_command_says_what_it_could_not_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["bench", "peers", "--only", "b", "--stock", str(tmp_path), "--threads", "1", "--json"])
    assert code == command.EXIT_MISSED
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["compared"] == []
    assert "no stock recipe" in said["notes"][0]
    assert said["met"] is False
    assert said["machine"]["threads"] == 1


def test_the_table_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "peers", "--only", "a", "--size", "64", "--rounds", "1", "--threads", "1"])
    said = capsys.readouterr().out
    assert "same file, 64 px" in said
    assert "findings compared, 0 on one side alone" in said
    assert "a target was missed, or could not be measured" in said


@pytest.mark.parametrize(
    "wrong", [["--threads", "0"], ["--hours", "0"], ["--hours", "nan"], ["--epochs", "0"]]
)
def test_options_that_cannot_be(wrong: list[str]) -> None:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    args = parser.parse_args(["peers", *wrong])
    with pytest.raises(ConfigError, match="at least 1"):
        command.run(args)
