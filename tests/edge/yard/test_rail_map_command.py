"""`ferrogate rail map` and `ferrogate rail score` from end to end, with a small model built on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.cli import main
from edge_runtime.images import read_image
from edge_runtime.models import SHIPPED_PREFIX, model_path
from edge_runtime.yard.map_folder import read_map
from tests.edge.yard import rail_scans
from tests.vision.small_models import darkest_model, rail_contract


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    path.write_bytes(darkest_model(rail_contract()))
    return path


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    code = main([*(str(word) for word in words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def run_map(
    capsys: pytest.CaptureFixture[str], scan: Path, out: Path, model: Path, *more: object
) -> tuple[int, dict[str, Any]]:
    return call(capsys, "rail", "map", scan, "--out", out, "--model", model, "--threads", "1", *more)


def test_one_rail(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = rail_scans.write_scan(tmp_path / "run")
    code, told = run_map(capsys, scan, tmp_path / "map", model, "--section", "R50", "--language", "ru")
    assert code == 0
    (one,) = told["rails"]
    assert (one["rail"], one["frames"], one["unread"], one["rail_found"]) == ("R-1", 3, 0, True)
    assert one["length_m"] == pytest.approx(0.54, abs=0.004)
    folder = read_map(tmp_path / "map")
    assert folder.map.length_m == one["length_m"]
    assert sorted(path.name for path in (tmp_path / "map").iterdir()) == [
        "cut_list.csv", "findings", "findings.csv", "frames.json", "grade.json", "map.json", "overview",
        "report.html", "strips", "strips.json",
    ]  # fmt: skip
    page = (tmp_path / "map" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="ru">' in page
    assert "R50" in page
    code, told = run_map(capsys, scan, tmp_path / "map", model)
    assert code == 14
    assert "--replace" in told["todo"]
    code, _ = run_map(capsys, scan, tmp_path / "map", model, "--replace")
    assert code == 0


def test_several_rails_and_a_typed_scale(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = rail_scans.rail_picture(800, spots=())
    for name in ("1456470100002", "1456480200003"):
        (rail_scans.write_scan(tmp_path / "run", image, rows=800, sheet="") / "f001.png").rename(
            tmp_path / "run" / f"{name}.png"
        )
    code, told = run_map(
        capsys, tmp_path / "run", tmp_path / "maps", model, "--pattern", "rail400", "--mm-per-px", "0.5"
    )
    assert code == 0
    assert [one["rail"] for one in told["rails"]] == ["14564701", "14564802"]
    assert [path.name for path in sorted((tmp_path / "maps").iterdir())] == ["14564701", "14564802"]
    assert told["rails"][0]["length_is_least"] is True
    assert told["rails"][0]["length_m"] == pytest.approx(0.37, abs=0.01)


def test_a_bad_picture_is_told_and_the_rest_is_mapped(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = rail_scans.write_scan(tmp_path / "run", left_out=[2])
    (scan / "f002.png").write_text("this is a letter")
    code, told = run_map(capsys, scan, tmp_path / "map", model)
    assert code == 3
    (one,) = told["rails"]
    assert (one["unread"], one["unseen"]) == (1, 1)
    assert {"code": "file_no_picture", "values": {"file": "f002.png"}} in one["notes"]


def test_no_rail_in_the_pictures(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = rail_scans.write_scan(tmp_path / "run", np.full((400, 144), 3, np.uint8))
    code, told = run_map(capsys, scan, tmp_path / "map", model)
    assert code == 3
    assert told["rails"][0]["rail_found"] is False
    assert told["rails"][0]["grade"] == "human"


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["--threads", "0"], "--threads"),
        (["--mm-per-px", "0.5"], "--mm-per-px"),  # the sheet has one
        (["--counts-per-mm", "1"], "--counts-per-mm"),
        (["--rail", "R-2"], "run"),
        (["--language", "de"], "--language"),
        (["--pattern", "("], "--pattern"),
    ],
)
def test_words_that_cannot_be_used(
    words: list[str], where: str, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = rail_scans.write_scan(tmp_path / "run")
    code, told = run_map(capsys, scan, tmp_path / "map", model, *words)
    assert code == 2
    assert where in told["where"]
    assert not (tmp_path / "map").exists()


def test_score_needs_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = call(capsys, "rail", "score", tmp_path, "--truth", tmp_path)
    assert code == 2
    assert "no map" in told["error"]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered rail of 3 m with 8 marks."""
    from datasets.synthetic.rails.rail_set import render_rails
    from datasets.synthetic.rails.rail_settings import RailSettings

    out = tmp_path_factory.mktemp("rendered") / "rails"
    render_rails(out, 1, 11, RailSettings(length_m=3.0, marks=8, frame_rows=1500))
    return out


def test_a_rendered_rail_with_the_shipped_model(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the shipped model finds lies within millimetres of its mark; the length is right."""
    shipped = model_path(f"{SHIPPED_PREFIX}rail")
    code, told = run_map(capsys, rendered, tmp_path / "map", shipped, "--section", "R65")
    assert code == 0
    (one,) = told["rails"]
    assert one["length_m"] == pytest.approx(3.0, abs=0.005)
    assert one["unseen"] == 0
    code, score = call(capsys, "rail", "score", tmp_path / "map", "--truth", rendered)
    assert code == 0
    assert score["found"] >= 3
    assert score["place_mm"]["p95"] <= 5.0
    assert score["merge"]["one_behind_another"]["hits"] == 0
    picture = read_image(tmp_path / "map" / "strips" / "0_0000.png").image
    assert picture.shape[0] == one["rows"]
