"""`ferrogate data export coco|yolo`: what other tools read, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from datasets.records import DataSet, read_coco, write_coco
from edge_runtime.cli import main
from tests.datasets.rich_set import HEIGHT_PX, WIDTH_PX, rich_set

TERMS = ("--licence", "x", "--sensor", "y", "--source", "z", "--group-by", "file")


def test_yolo_there_and_back(tmp_path: Path) -> None:
    data = rich_set(tmp_path / "data")
    assert main(["data", "export", "yolo", str(tmp_path / "data"), "--out", str(tmp_path / "yolo")]) == 0
    content = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text(encoding="utf-8"))
    assert content == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "pit", 1: "crack", 2: "lap"},
    }
    lines = (
        (tmp_path / "yolo" / "labels" / "train" / "run 1" / "a.txt").read_text(encoding="utf-8").split("\n")
    )
    words = lines[0].split()
    assert words[0] == "1"
    assert float(words[1]) == pytest.approx((10.123 + 101.789) / 2 / WIDTH_PX, abs=1e-8)
    assert float(words[4]) == pytest.approx((60.001 - 20.456) / HEIGHT_PX, abs=1e-8)
    assert (tmp_path / "yolo" / "labels" / "val" / "b.txt").read_text(encoding="utf-8") == ""
    assert not list((tmp_path / "yolo").rglob("c.*"))  # a guard frame belongs to no split
    words_in = ["data", "import", "yolo", str(tmp_path / "yolo"), "--out", str(tmp_path / "again"), *TERMS]
    assert main(words_in) == 0
    again = read_coco(tmp_path / "again")
    assert again.labels == data.labels
    for one, other in zip(data.samples[:2], again.samples, strict=True):
        assert other.split == one.split
        assert [box.label for box in other.boxes] == [box.label for box in one.boxes]
        for old, new in zip(one.boxes, other.boxes, strict=True):
            assert new.xyxy_px == pytest.approx(old.xyxy_px, abs=1e-3)


def test_coco_there_and_back(tmp_path: Path) -> None:
    data = rich_set(tmp_path / "data")
    out = tmp_path / "coco"
    assert main(["data", "export", "coco", str(tmp_path / "data"), "--out", str(out)]) == 0
    file = out / "annotations" / "instances_train.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    assert set(content["images"][0]) == {"id", "file_name", "width", "height"}  # nothing but COCO's own keys
    words = [
        "data",
        "import",
        "coco",
        str(file),
        "--images",
        str(out / "train"),
        "--out",
        str(tmp_path / "again"),
    ]
    assert main([*words, *TERMS]) == 0
    (sample,) = read_coco(tmp_path / "again").samples
    for old, new in zip(data.samples[0].boxes, sample.boxes, strict=True):
        assert (new.label, new.xyxy_px, new.area_px, new.polygons_px) == (
            old.label, old.xyxy_px, old.area_px, old.polygons_px,
        )  # fmt: skip


@pytest.mark.parametrize("kind", ["yolo", "coco", "label-studio", "cvat"])
def test_an_export_is_whole_or_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    data = rich_set(tmp_path / "data")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    words = ["data", "export", kind, str(tmp_path / "data"), "--out"]
    assert main([*words, str(tmp_path / "mine")]) == 2
    assert "not replaced" in capsys.readouterr().err
    for _ in range(2):  # the second one replaces the first
        assert main([*words, str(tmp_path / "out")]) == 0
    write_coco(DataSet(labels=data.labels, samples=()), tmp_path / "data")
    assert main([*words, str(tmp_path / "none")]) == 2
    assert "no picture" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mine", "out"]


def test_a_missing_picture_stops_the_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rich_set(tmp_path / "data")
    (tmp_path / "data" / "images" / "b.png").unlink()
    assert main(["data", "export", "yolo", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 2
    assert "b.png" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
