"""Building the rail station's data: splits, groups, boxes, the same bytes twice, and what stops a build."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from datasets.build.cuts import Window, along, cut
from datasets.build.rail import assemble_sets
from datasets.build.rail_frames import build_frames
from datasets.build.steel import STEEL_LABELS, build_steel
from datasets.errors import DataError
from datasets.pictures import read_picture
from datasets.records import COCO_FILE, BoxRecord, DataSet, read_coco
from edge_runtime.cli import main
from tests.datasets.tiny_real import frame_name, tiny_real
from vision.errors import FerrogateError


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_real(tmp_path_factory.mktemp("real"))


def test_frames_take_the_given_split_and_group_what_is_near(source: Path, tmp_path: Path) -> None:
    build_frames(source, tmp_path / "frames")
    data = read_coco(tmp_path / "frames")  # refuses a group in two splits
    assert data.labels == ("defect", "dirt", "gap")
    assert Counter(sample.split for sample in data.samples) == {"train": 7, "val": 3, "guard": 1}
    group = {sample.file.removeprefix("images/"): sample.group for sample in data.samples}
    near = [
        group[frame_name(*frame)]
        for frame in (("145647", "01", 10), ("145647", "01", 12), ("145648", "02", 13))
    ]
    assert len(set(near)) == 1  # numbers two apart, the other camera too
    assert group[frame_name("145647", "01", 20)] not in near
    assert group[frame_name("145647", "01", 53)] == group[frame_name("145648", "02", 54)]
    assert group[frame_name("145647", "01", 52)] != group[frame_name("145647", "01", 53)]  # guard and val
    assert (
        group[frame_name("142157", "02", 17)] == group[frame_name("142426", "02", 19)]
    )  # passes of one stretch
    first = data.samples[0]
    assert (first.sequence, first.frame, first.origin) == ("14215702", 17, "real")
    assert [(box.label, box.fine, box.xyxy_px) for box in first.boxes] == [
        ("defect", "d_crush", (20.0, 30.0, 60.0, 80.0)),
        ("dirt", None, (150.0, 150.0, 180.0, 180.0)),
    ]


def test_steel_has_every_mark_and_parts_no_group(source: Path, tmp_path: Path) -> None:
    data = build_steel(source, tmp_path / "steel", 1)
    assert read_coco(tmp_path / "steel") == data
    by_source = Counter(sample.source for sample in data.samples)
    assert by_source == {"neu_det": 6, "mt": 16, "bsdata": 12, "rail_gap": 3}
    assert {box.label for sample in data.samples for box in sample.boxes} < set(STEEL_LABELS)
    for sample in data.samples:
        pixels = read_picture(tmp_path / "steel" / sample.file)
        assert pixels.shape == (sample.height_px, sample.width_px)
        assert max(pixels.shape) <= 448
        for box in sample.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            assert 0 <= x1 < x2 <= sample.width_px
            assert 0 <= y1 < y2 <= sample.height_px
    neu = next(sample for sample in data.samples if sample.source == "neu_det")
    assert [box.xyxy_px for box in neu.boxes] == [(0.0, 0.0, 30.0, 20.0), (30.0, 20.0, 60.0, 50.0)]
    tile = next(sample for sample in data.samples if sample.label == "tile_crack")
    assert [box.xyxy_px for box in tile.boxes] == [
        (10.0, 40.0, 40.0, 80.0)
    ]  # two pieces joined, dust left out
    assert any(box.label == "pitting" for sample in data.samples for box in sample.boxes)
    assert all(sample.group == "mt/0" for sample in data.samples if "mt_crack" in sample.file)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(source: Path, tmp_path: Path) -> None:
    texts = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_steel(source, tmp_path / name, seed)
        files = sorted((tmp_path / name / "images").iterdir())
        texts[name] = [(tmp_path / name / COCO_FILE).read_bytes(), *(path.read_bytes() for path in files)]
    assert texts["a"] == texts["b"]
    assert texts["a"] != texts["c"]


def _no_split_row(folder: Path) -> None:
    path = folder / "splits" / "rail400_v1.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")


def _other_part(folder: Path) -> None:
    path = folder / "splits" / "rail400_v1.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",guard", ",perhaps"), encoding="utf-8")


def _row_too_many(folder: Path) -> None:
    path = folder / "splits" / "rail400_v1.csv"
    last = path.read_text(encoding="utf-8").splitlines()[-1]
    name = last.split(",")[0]
    with path.open("a", encoding="utf-8") as file:
        file.write(last.replace(name, "9" + name[1:]) + "\n")


def _torn_labels(folder: Path) -> None:
    (folder / "rail400" / "annotations" / "nc3.json").write_text('{"images": [', encoding="utf-8")


def _no_frame(folder: Path) -> None:
    (folder / "rail400" / "images" / frame_name("142157", "02", 17)).unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_no_split_row, "the split does not name"),
        (_row_too_many, "of which the labels know nothing"),
        (_other_part, "the split cannot be read"),
        (_torn_labels, "nc3.json"),
        (_no_frame, frame_name("142157", "02", 17)),
        (lambda folder: shutil.rmtree(folder / "rail400" / "images"), "no file fits"),
    ],
)
def test_spoilt_frames(source: Path, tmp_path: Path, spoil: Callable[[Path], object], says: str) -> None:
    folder = tmp_path / "real"
    for name in ("rail400", "splits"):
        shutil.copytree(source / name, folder / name)
    spoil(folder)
    with pytest.raises(DataError, match=says):
        build_frames(folder, tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


@pytest.mark.parametrize("name", ["neu_det", "mt", "bsdata", "rail_gap"])
def test_a_missing_steel_set_is_named(source: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "real"
    shutil.copytree(source, folder)
    shutil.rmtree(folder / name)
    with pytest.raises(DataError, match=name):
        build_steel(folder, tmp_path / "steel", 1)
    assert not (tmp_path / "steel").exists()


@pytest.mark.parametrize("value", ["", "nowhere"])
def test_no_real_pictures_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("FERROGATE_DATA", value)
    assert main(["data", "build", "rail", "--out", str(tmp_path / "rail")]) == 2
    assert "FERROGATE_DATA" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_audit_leaves_what_was_there(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "rail"
    build_frames(source, out / "frames")
    before = (out / "frames" / COCO_FILE).read_bytes()

    def leaking(folder: Path) -> DataSet:
        data = build_frames(source, folder)
        val, train = data.of_split("val")[0], data.of_split("train")[0]
        (folder / train.file).unlink()
        shutil.copyfile(folder / val.file, folder / train.file)
        return data

    with pytest.raises(FerrogateError, match="audit failed") as found:
        assemble_sets(out, {"frames": leaking})
    assert (out / "frames" / COCO_FILE).read_bytes() == before
    part = tmp_path / ".rail.part"
    assert (part / "frames" / COCO_FILE).is_file()  # to be looked at, and the error says so
    assert f"kept in {part}" in found.value.todo
    assert "remove that folder" in found.value.todo


def test_sets_are_put_in_place_with_cards_and_the_audit(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "rail"
    (out / "own").mkdir(parents=True)  # a set of the user's beside them stays
    for _ in range(2):  # the second build replaces the first
        built = assemble_sets(out, {"frames": lambda folder: build_frames(source, folder, command="built")})
    assert read_coco(out / "frames").info["command"] == "built"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rail"]
    assert sorted(path.name for path in out.iterdir()) == ["audit.json", "frames", "own"]
    assert "defect" in (out / "frames" / "card.html").read_text(encoding="utf-8")
    assert [one.folder for one in built.report.sets] == [str(out / "frames")]
    assert ".rail.part" not in (out / "audit.json").read_text(encoding="utf-8")


def test_a_build_that_fails_leaves_nothing(source: Path, tmp_path: Path) -> None:
    def failing(folder: Path) -> DataSet:
        raise DataError("no room", where=str(folder))

    with pytest.raises(DataError, match="no room"):
        assemble_sets(
            tmp_path / "rail", {"frames": lambda folder: build_frames(source, folder), "x": failing}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_window_moves_and_clips_its_boxes() -> None:
    pixels = np.zeros((600, 800), np.uint8)
    boxes = (
        BoxRecord(label="whole", xyxy_px=(110.0, 120.0, 150.0, 160.0), area_px=1600),
        BoxRecord(label="reaches out", xyxy_px=(50.0, 50.0, 130.0, 130.0), area_px=6400),
        BoxRecord(label="sliver", xyxy_px=(50.0, 50.0, 103.0, 130.0), area_px=4000),
        BoxRecord(label="elsewhere", xyxy_px=(500.0, 500.0, 510.0, 510.0), area_px=100),
    )
    part, kept = cut(pixels, boxes, Window(100, 100, 400, 200), 200)
    assert part.shape[:2] == (100, 200)  # half size
    assert [(box.label, box.xyxy_px) for box in kept] == [
        ("whole", (5.0, 10.0, 25.0, 30.0)),
        ("reaches out", (0.0, 0.0, 15.0, 15.0)),
    ]
    windows = along(100, 1000, 448)
    assert windows[0].top_px == 0
    assert windows[-1].top_px + windows[-1].height_px == 1000
    assert all(a.top_px + a.height_px >= b.top_px for a, b in pairwise(windows))


def test_the_real_frames(ferrogate_data: Path, tmp_path: Path) -> None:
    data = build_frames(ferrogate_data, tmp_path / "frames")
    assert Counter(sample.split for sample in data.samples) == {"train": 182, "val": 49, "guard": 6}
    count = Counter(box.label for sample in data.samples for box in sample.boxes)
    assert count == {"defect": 324, "dirt": 198, "gap": 25}
