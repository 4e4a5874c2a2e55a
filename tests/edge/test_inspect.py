"""`ferrogate inspect` from end to end, with a small model built on the spot."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_runtime.calibrations import save_calibration
from edge_runtime.commands import inspect as command
from edge_runtime.images import read_image
from edge_runtime.recipes import default_recipe_path
from tests.edge.core_rig import calibration
from tests.vision.pictures import BALL, disc, draw
from tests.vision.small_models import ball_contract, darkest_model
from vision.contract import RAIL_LABELS, RailSpec
from vision.errors import ConfigError, ContractError, FerrogateError, ProviderError, TemperatureError
from vision.types import UInt8Array

#: a ball of 41.5 mm (nominal of size 40) at 0.25 mm/px is 166 px wide
MM_PER_PX = 0.25


def ball(spot: bool = False) -> UInt8Array:
    image = draw(260, 250, [(disc(131, 126, 166), BALL)], noise=1.0)
    if spot:
        image[120:126, 128:134] = 0
    return image


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    path.write_bytes(darkest_model())
    return path


def call(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser)
    args = parser.parse_args([str(argument) for argument in arguments])
    code: int = args.run(args)
    return code


def save(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def inspect(model: Path, out: Path, *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    code = call("--station", "ball", "--model", model, "--jsonl", out, *arguments)
    return code, records(out)


def test_one_object_per_picture(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = save(tmp_path / "good.png", ball()), save(tmp_path / "bad.png", ball(spot=True))
    code, (first, second) = inspect(model, tmp_path / "out.jsonl", good, bad, "--mm-per-px", MM_PER_PX)
    assert code == 0
    assert first["image"] == str(good)
    assert (first["width"], first["height"]) == (260, 250)
    assert (first["verdict"], first["reasons"], first["detections"]) == ("accept", [], [])
    assert first["diameter_min_mm"] == pytest.approx(41.5, abs=0.03)
    assert first["diameter_max_mm"] == pytest.approx(41.5, abs=0.03)
    assert first["diameter_mean_mm"] == pytest.approx(41.5, abs=0.01)
    assert first["roundness_mm"] == pytest.approx(0.0, abs=0.03)
    # 0.5 % of the scale, what a typed scale is taken for.
    assert first["u_diameter_mm"] == pytest.approx(0.005 * 41.5, rel=0.02)
    assert (first["outline_share"], first["speck_mm"]) == (1.0, 0.0)
    assert (second["verdict"], second["reasons"]) == ("reject", ["crack"])
    (found,) = second["detections"]
    assert set(found) == {"label", "score", "xyxy_px"}
    x0, y0, x1, y1 = found["xyxy_px"]
    assert x0 < 131 < x1
    assert y0 < 123 < y1
    assert len(first["model_sha256"]) == len(first["recipe_sha256"]) == 64
    assert "1 accept" in capsys.readouterr().out


def test_without_a_scale_never_accept(tmp_path: Path, model: Path) -> None:
    good, bad = save(tmp_path / "good.png", ball()), save(tmp_path / "bad.png", ball(spot=True))
    _, (first, second) = inspect(model, tmp_path / "out.jsonl", good, bad)
    assert (first["verdict"], first["reasons"]) == ("review", ["no_scale"])
    assert first["diameter_min_mm"] is None
    assert (second["verdict"], second["reasons"]) == ("reject", ["crack", "no_scale"])


def test_by_a_calibration_and_a_temperature(tmp_path: Path, model: Path) -> None:
    """The same path as the line's: bloom of 0.4 px by the file, and 100 K less of heat."""
    good = save(tmp_path / "good.png", ball())
    small = save(tmp_path / "small.png", ball()[:200])
    path = tmp_path / "left.calibration.yaml"
    today = datetime.now(UTC).date().isoformat()
    save_calibration(calibration(width_px=260, height_px=250, date=today), path)
    arguments = ("--calibration", path, "--temperature", 120, "--u-temperature", 10)
    code, (first, other) = inspect(model, tmp_path / "out.jsonl", good, small, *arguments)
    assert first["verdict"] == "accept"
    assert first["diameter_mean_mm"] == pytest.approx(166.4 * 0.25 * (1 - 12e-6 * 100), abs=0.01)
    assert 0.005 < first["u_diameter_mm"] < 0.03
    # A picture of another size is no picture of that camera: an error, never a number.
    assert code == 3
    assert "260x250" in other["error"]
    assert "diameter_mean_mm" not in other


def test_wrong_size_is_rejected(tmp_path: Path, model: Path) -> None:
    good = save(tmp_path / "good.png", ball())
    _, (record,) = inspect(model, tmp_path / "out.jsonl", good, "--mm-per-px", 0.2)
    assert (record["verdict"], record["reasons"]) == ("reject", ["diameter_low"])
    (detail,) = record["reason_details"]
    assert detail["limit"] == pytest.approx(39.5)
    assert detail["value"] == pytest.approx(33.2, abs=0.1)


def test_nothing_to_see_is_review(tmp_path: Path, model: Path) -> None:
    empty = save(tmp_path / "empty.png", draw(200, 200))
    _, (record,) = inspect(model, tmp_path / "out.jsonl", empty)
    assert record["verdict"] == "review"
    assert "no_scale" in record["reasons"]
    assert record["view_fault"] == "no_ball"


@pytest.mark.parametrize("min_score", [0.0, 0.5, 1.0])
def test_min_score_changes_the_list_and_never_the_verdict(
    min_score: float, tmp_path: Path, model: Path
) -> None:
    bad = save(tmp_path / "bad.png", ball(spot=True))
    _, (plain,) = inspect(model, tmp_path / "plain.jsonl", bad)
    _, (scored,) = inspect(model, tmp_path / "scored.jsonl", bad, "--min-score", min_score)
    assert (
        (scored["verdict"], scored["reasons"])
        == (plain["verdict"], plain["reasons"])
        == (
            "reject",
            ["crack", "no_scale"],
        )
    )
    assert all(found["score"] >= min_score for found in scored["detections"])
    assert len(scored["detections"]) == (2 if min_score == 0.0 else 1)


def test_broken_pictures_do_not_stop_the_run(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "1.png", ball())
    (folder / "2.png").write_bytes(b"")
    (folder / "3.png").write_bytes((folder / "1.png").read_bytes()[:500])
    save(folder / "4.png", ball().astype(np.uint16) * 257)
    save(folder / "5.png", np.dstack([ball()] * 3))
    code, found = inspect(model, tmp_path / "out.jsonl", folder, tmp_path / "none.png", "--json")
    assert code == 3
    assert [Path(record["image"]).name for record in found] == [
        "1.png", "2.png", "3.png", "4.png", "5.png", "none.png",
    ]  # fmt: skip
    assert ["error" in record for record in found] == [False, True, True, False, False, True]
    assert all(record["todo"] for record in found if "error" in record)
    # 16 bit, colour and mono show the same ball.
    assert {record["verdict"] for record in found if "verdict" in record} == {"review"}
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["images"], summary["review"], summary["error"]) == (6, 3, 3)


def test_a_drawing_holds_the_measured_circle_and_the_figures(tmp_path: Path, model: Path) -> None:
    good = save(tmp_path / "good.png", ball())
    inspect(model, tmp_path / "a.jsonl", good, "--overlays", tmp_path / "bare")
    inspect(model, tmp_path / "b.jsonl", good, "--overlays", tmp_path / "sized", "--mm-per-px", MM_PER_PX)
    (bare,), (sized,) = (list((tmp_path / name).iterdir()) for name in ("bare", "sized"))
    without, drawn = read_image(bare).image, read_image(sized).image
    assert drawn.shape[0] > without.shape[0], "one line more, with the figures"
    # The circle is blue where it lies, 83 px from the centre, and nowhere inside.
    angle = np.linspace(0.3, 6.0, 50)
    x, y = (131 + 83 * np.cos(angle)).astype(int), (126 + 83 * np.sin(angle)).astype(int)
    blue = drawn[..., 0].astype(int) - drawn[..., 2]
    near = np.max([blue[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)], axis=0)
    assert (near > 60).mean() > 0.95
    assert blue[100:150, 100:160].max() < 20


def test_overlays(tmp_path: Path, model: Path) -> None:
    """One drawing per readable picture, also for two pictures of one name."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "ball.png", ball(spot=True))
    (tmp_path / "b" / "empty.png").write_bytes(b"")
    drawn = tmp_path / "drawn" / "deep"
    inspect(model, tmp_path / "out.jsonl", tmp_path / "a", tmp_path / "b", "--overlays", drawn)
    pictures = sorted(drawn.iterdir())
    assert len(pictures) == 2
    image = read_image(pictures[0]).image
    assert image.shape[1] == 260
    assert image.shape[0] > 250  # the words stand below
    assert not np.array_equal(image[:250], np.dstack([ball(spot=True)] * 3))


def test_own_recipe(tmp_path: Path, model: Path) -> None:
    text = (
        default_recipe_path()
        .read_text(encoding="utf-8")
        .replace("crack: {action: reject}", "crack: {action: ignore}")
    )
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    bad = save(tmp_path / "bad.png", ball(spot=True))
    _, (own,) = inspect(model, tmp_path / "own.jsonl", bad, "--recipe", tmp_path / "own.yaml")
    _, (usual,) = inspect(model, tmp_path / "usual.jsonl", bad)
    assert own["verdict"] == "review"
    assert own["recipe_sha256"] != usual["recipe_sha256"]


def test_same_pictures_same_file(tmp_path: Path, model: Path) -> None:
    bad = save(tmp_path / "bad.png", ball(spot=True))
    for name in ("one", "two"):
        inspect(model, tmp_path / name, bad)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


REFUSED: list[tuple[str, list[str], type[FerrogateError]]] = [
    ("score above 1", ["--min-score", "1.5"], ConfigError),
    ("score that is no number", ["--min-score", "nan"], ConfigError),
    ("negative scale", ["--mm-per-px", "-0.2"], ConfigError),
    ("scale that is no number", ["--mm-per-px", "nan"], ConfigError),
    ("a calibration that is not there", ["--calibration", "no.yaml"], ConfigError),
    ("a calibration that is a picture", ["--calibration", "good.png"], ConfigError),
    ("colder than cold", ["--mm-per-px", "0.2", "--temperature", "-300"], TemperatureError),
    ("no temperature", ["--mm-per-px", "0.2", "--temperature", "nan"], TemperatureError),
    ("an uncertainty of nothing", ["--mm-per-px", "0.2", "--u-temperature", "3"], ConfigError),
    ("recipe that is not there", ["--recipe", "no.yaml"], ConfigError),
    ("model that is not there", ["--model", "no.onnx"], ConfigError),
    ("model without a contract", ["--model", "bare.onnx"], ContractError),
    ("model of another station", ["--model", "rail.onnx"], ContractError),
    ("provider that is not here", ["--provider", "coreml"], ProviderError),
    ("a ball's model for rails", ["--station", "rail"], ContractError),
    ("output is a folder", ["--jsonl", "nothing"], ConfigError),
    ("output in a folder that is not there", ["--jsonl", "no/out.jsonl"], FerrogateError),
    ("overlays where a file is", ["--overlays", "good.png"], ConfigError),
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
    save(tmp_path / "good.png", ball())
    (tmp_path / "nothing").mkdir()
    (tmp_path / "bare.onnx").write_bytes(darkest_model(metadata={}))
    rail = ball_contract(station="rail", labels=RAIL_LABELS, rail=RailSpec())
    (tmp_path / "rail.onnx").write_bytes(darkest_model(rail))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(error) as caught:
        call("good.png", "--station", "ball", "--model", model, "--jsonl", "out.jsonl", *arguments)
    assert caught.value.what, what
    assert caught.value.todo, what
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_empty_folder(tmp_path: Path, model: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ConfigError, match="holds no picture"):
        inspect(model, tmp_path / "out.jsonl", tmp_path / "nothing")
    assert not (tmp_path / "out.jsonl").exists()


def test_an_older_result_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A model that fails at the second picture: the old file is untouched, no part of a new one is left."""
    out = tmp_path / "out.jsonl"
    out.write_text("old\n", encoding="utf-8")
    first, second = save(tmp_path / "a.png", ball()), save(tmp_path / "b.png", ball(spot=True))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(darkest_model(fails_on_black=True))
    arguments = ("--station", "ball", "--model", broken, "--jsonl", out)
    with pytest.raises(ContractError, match="not finite"):
        call(first, second, *arguments)
    assert out.read_text(encoding="utf-8") == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "broken.onnx", "out.jsonl"]
    assert call(first, *arguments) == 0
    assert out.read_text(encoding="utf-8") != "old\n"


def test_the_output_never_replaces_a_picture(tmp_path: Path, model: Path) -> None:
    picture = save(tmp_path / "ball.png", ball())
    before = picture.read_bytes()
    with pytest.raises(ConfigError, match="would replace a picture"):
        inspect(model, picture, picture)
    assert picture.read_bytes() == before
