"""`ferrogate inspect --station rail` from end to end, with a small model built on the spot."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_runtime.commands import inspect as command
from edge_runtime.images import read_image
from edge_runtime.recipes import RAIL_RECIPE_PATH, default_recipe_path
from tests.vision.rails import Rail, dark_ground, draw, straight
from tests.vision.small_models import darkest_model, rail_contract
from vision.contract import RAIL_LABELS, RailSpec
from vision.errors import ConfigError, ContractError, FerrogateError
from vision.types import UInt8Array

KEYS = {
    "image", "width", "height", "detections", "verdict", "reasons", "reason_details", "head_found",
    "head_xyxy_px", "rail_runs", "zoom", "tiles", "mm_per_px", "stored_bits", "model_sha256", "recipe_sha256",
}  # fmt: skip


def strip(spot: bool = False) -> UInt8Array:
    """A strip cut to the head: the model's tiles show nothing but head, so that only a spot is dark."""
    # Rows 160 to 192 lie in one tile only.
    marks = ((30, 172, 36, 178),) if spot else ()
    return draw(400, 64, Rail(64, straight(0), 150, edge=0.9), marks=marks, mark_grey=0.0)


def write_model(path: Path, label: str = "defect") -> Path:
    path.write_bytes(darkest_model(rail_contract(), class_index=RAIL_LABELS.index(label)))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "small.onnx")


def call(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser)
    args = parser.parse_args([str(argument) for argument in arguments])
    code: int = args.run(args)
    return code


def save(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def inspect(model: Path, out: Path, *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    code = call("--station", "rail", "--model", model, "--jsonl", out, *arguments)
    return code, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_one_object_per_picture(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = save(tmp_path / "good.png", strip()), save(tmp_path / "bad.png", strip(spot=True))
    code, (first, second) = inspect(model, tmp_path / "out.jsonl", good, bad)
    assert code == 0
    assert set(first) == KEYS
    assert (first["image"], first["width"], first["height"]) == (str(good), 64, 400)
    assert (first["verdict"], first["reasons"], first["detections"]) == ("review", ["single_picture"], [])
    assert (first["head_found"], first["head_xyxy_px"], first["rail_runs"]) == (True, [0, 0, 64, 400], "down")
    assert (first["zoom"], first["tiles"], first["mm_per_px"]) == (1.0, 8, None)
    assert (second["verdict"], second["reasons"]) == ("reject", ["defect"])
    (detail,) = second["reason_details"]
    assert (detail["text"], detail["limit"]) == ("1 x defect", 0.8)
    (found,) = second["detections"]
    assert set(found) == {"label", "score", "xyxy_px"}
    x0, y0, x1, y1 = found["xyxy_px"]
    assert x0 < 33 < x1
    assert y0 < 175 < y1
    assert len(first["model_sha256"]) == len(first["recipe_sha256"]) == 64
    out = capsys.readouterr().out
    assert "0 accept, 1 review, 1 reject" in out
    assert "cannot clear a rail" in out


@pytest.mark.parametrize(("label", "verdict"), [("defect", "reject"), ("dirt", "review"), ("gap", "review")])
def test_the_verdict_is_the_findings_action(label: str, verdict: str, tmp_path: Path) -> None:
    bad = save(tmp_path / "bad.png", strip(spot=True))
    _, (record,) = inspect(write_model(tmp_path / "m.onnx", label), tmp_path / "out.jsonl", bad)
    assert (record["verdict"], record["reasons"]) == (verdict, [label])


def test_lengths_in_mm_along_and_across_the_rail(tmp_path: Path, model: Path) -> None:
    down = save(tmp_path / "down.png", strip(spot=True))
    across = save(tmp_path / "across.png", np.ascontiguousarray(strip(spot=True).T))
    _, records = inspect(model, tmp_path / "out.jsonl", down, across, "--mm-per-px", 0.5)
    assert [record["rail_runs"] for record in records] == ["down", "across"]
    assert [record["mm_per_px"] for record in records] == [0.5, 0.5]
    for record, turned in zip(records, (False, True), strict=True):
        (found,) = record["detections"]
        x0, y0, x1, y1 = found["xyxy_px"]
        wide, high = (x1 - x0) / 2, (y1 - y0) / 2
        along, over = (wide, high) if turned else (high, wide)
        assert (found["length_mm"], found["width_mm"]) == (
            pytest.approx(along, abs=0.02),
            pytest.approx(over, abs=0.02),
        )
    assert records[0]["detections"][0]["length_mm"] == records[1]["detections"][0]["length_mm"]


def test_no_rail_in_the_picture_is_said(tmp_path: Path, model: Path) -> None:
    rough = np.random.default_rng(1).integers(120, 140, (320, 320)).astype(np.uint8)
    flat = np.full((200, 200), 120, np.uint8)
    files = [save(tmp_path / "rough.png", rough), save(tmp_path / "flat.png", flat)]
    _, records = inspect(model, tmp_path / "out.jsonl", *files)
    for record in records:
        assert (record["head_found"], record["verdict"]) == (False, "review")
        assert record["reasons"] == ["rail_not_found", "single_picture"]
        assert record["head_xyxy_px"] == [0, 0, record["width"], record["height"]]


def test_the_head_is_found_among_dark_ground(tmp_path: Path, model: Path) -> None:
    ground = dark_ground(500, 600, np.random.default_rng(1), 1.0)
    frame = save(tmp_path / "frame.png", draw(500, 600, Rail(150, straight(300), 15), ground))
    _, (record,) = inspect(model, tmp_path / "out.jsonl", frame)
    x0, y0, x1, y1 = record["head_xyxy_px"]
    assert (x0, x1) == (pytest.approx(300, abs=8), pytest.approx(450, abs=8))
    assert (y0, y1) == (0, 500)
    assert record["head_found"]


@pytest.mark.parametrize("min_score", [0.0, 0.5, 1.0])
def test_min_score_changes_the_list_and_never_the_verdict(
    min_score: float, tmp_path: Path, model: Path
) -> None:
    bad = save(tmp_path / "bad.png", strip(spot=True))
    _, (scored,) = inspect(model, tmp_path / "out.jsonl", bad, "--min-score", min_score)
    assert (scored["verdict"], scored["reasons"]) == ("reject", ["defect"])
    assert all(found["score"] >= min_score for found in scored["detections"])
    assert bool(len(scored["detections"]) > 1) == (min_score < 1.0)


def test_broken_pictures_do_not_stop_the_run(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "1.png", strip(spot=True))
    (folder / "2.png").write_bytes(b"")
    save(folder / "3.png", strip(spot=True).astype(np.uint16) * 257)
    save(folder / "4.png", np.dstack([strip(spot=True)] * 3))
    (folder / "5.jpg").write_text("no picture", encoding="utf-8")
    save(folder / "6.png", np.zeros((1, 1), np.uint8))
    code, records = inspect(model, tmp_path / "out.jsonl", folder)
    assert code == 3
    assert ["error" in record for record in records] == [False, True, False, False, True, False]
    # 8 bit, 16 bit and colour show the same rail.
    same = [{key: records[n][key] for key in ("verdict", "detections", "head_xyxy_px")} for n in (0, 2, 3)]
    assert same[0] == same[1] == same[2]
    assert [records[n]["stored_bits"] for n in (0, 2, 3)] == [8, 16, 8]


def test_own_recipe(tmp_path: Path, model: Path) -> None:
    text = RAIL_RECIPE_PATH.read_text(encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("action: reject", "action: leave"), encoding="utf-8")
    bad = save(tmp_path / "bad.png", strip(spot=True))
    _, (left,) = inspect(model, tmp_path / "own.jsonl", bad, "--recipe", own)
    _, (usual,) = inspect(model, tmp_path / "usual.jsonl", bad)
    assert (left["verdict"], left["reasons"]) == ("review", ["single_picture"])
    assert len(left["detections"]) == 1, "it is listed all the same"
    assert left["recipe_sha256"] != usual["recipe_sha256"]


def test_overlays_show_head_boxes_and_verdict(tmp_path: Path) -> None:
    """A dark picture is drawn brighter; the head's edges are blue, a box is red, words stand below."""
    contract = rail_contract(rail=RailSpec(head_px=32, overlap_px=16))
    (tmp_path / "m.onnx").write_bytes(darkest_model(contract))
    ground = dark_ground(300, 400, np.random.default_rng(1), 1.0)
    frame = save(tmp_path / "frame.png", draw(300, 400, Rail(120, straight(140), 15), ground))
    inspect(tmp_path / "m.onnx", tmp_path / "out.jsonl", frame, "--overlays", tmp_path / "drawn")
    (path,) = (tmp_path / "drawn").iterdir()
    drawn = read_image(path).image.astype(int)
    assert drawn.shape[1] == 400
    assert drawn.shape[0] > 300
    assert np.median(drawn[20:280, 240:250]) > 60, "the head was 15"
    blue = drawn[250:290, :, 0] - drawn[250:290, :, 2]  # below the boxes
    columns = np.flatnonzero((blue > 60).mean(axis=0) > 0.5)
    assert columns.min() == pytest.approx(140, abs=6)
    assert columns.max() == pytest.approx(260, abs=6)
    assert (drawn[:300, :, 2] - drawn[:300, :, 0] > 100).any()


def test_turned_overlay_has_the_edges_across(tmp_path: Path, model: Path) -> None:
    ground = dark_ground(300, 300, np.random.default_rng(1), 1.0)
    picture = draw(300, 300, Rail(100, straight(100), 90), ground)
    frame = save(tmp_path / "frame.png", np.ascontiguousarray(picture.T))
    inspect(model, tmp_path / "out.jsonl", frame, "--overlays", tmp_path / "drawn")
    drawn = read_image(next((tmp_path / "drawn").iterdir())).image.astype(int)
    blue = (drawn[:290, 20:280, 0] - drawn[:290, 20:280, 2] > 60).mean(axis=1)
    rows = np.flatnonzero(blue > 0.5)
    assert (rows.min(), rows.max()) == (pytest.approx(100, abs=6), pytest.approx(200, abs=6))


REFUSED: list[tuple[str, list[str], type[FerrogateError]]] = [
    ("score above 1", ["--min-score", "1.5"], ConfigError),
    ("negative scale", ["--mm-per-px", "-0.2"], ConfigError),
    ("scale that is no number", ["--mm-per-px", "nan"], ConfigError),
    ("a calibration of a ball's camera", ["--calibration", "some.yaml"], ConfigError),
    ("a temperature", ["--temperature", "20"], ConfigError),
    ("an uncertainty of one", ["--u-temperature", "2"], ConfigError),
    ("recipe that is not there", ["--recipe", "no.yaml"], ConfigError),
    ("a ball's recipe", ["--recipe", str(default_recipe_path())], ConfigError),
    ("model that is not there", ["--model", "no.onnx"], ConfigError),
    ("a ball's model", ["--model", "ball.onnx"], ContractError),
    ("a model that knows no dirt", ["--model", "blind.onnx"], ContractError),
    ("a model whose tiles are not square", ["--model", "oblong.onnx"], ContractError),
    ("output is a folder", ["--jsonl", "nothing"], ConfigError),
    ("output would replace a picture", ["--jsonl", "good.png"], ConfigError),
]


@pytest.mark.parametrize(("what", "arguments", "error"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused_and_nothing_written(
    what: str,
    arguments: list[str],
    error: type[FerrogateError],
    tmp_path: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "good.png", strip())
    (tmp_path / "nothing").mkdir()
    (tmp_path / "ball.onnx").write_bytes(darkest_model())
    (tmp_path / "blind.onnx").write_bytes(darkest_model(rail_contract(labels=("defect", "gap"))))
    square = rail_contract(rail=RailSpec(overlap_px=64))
    (tmp_path / "oblong.onnx").write_bytes(darkest_model(square))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(error) as caught:
        call("good.png", "--station", "rail", "--model", model, "--jsonl", "out.jsonl", *arguments)
    assert caught.value.what, what
    assert caught.value.todo, what
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_model_that_fails_leaves_no_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(darkest_model(rail_contract(), fails_on_black=True))
    bad = save(tmp_path / "bad.png", strip(spot=True))
    with pytest.raises(ContractError, match="not finite"):
        call("--station", "rail", "--model", broken, "--jsonl", tmp_path / "out.jsonl", bad)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.png", "broken.onnx"]
