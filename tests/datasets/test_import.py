"""`ferrogate data import`: each format gives the right boxes; what is wrong with a set is one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.records import COCO_FILE, DataSet, read_coco
from edge_runtime.cli import main
from tests.datasets.outside_sets import (
    HEIGHT_PX,
    WIDTH_PX,
    coco_set,
    labelme_set,
    mask_set,
    picture,
    voc_set,
    voc_text,
    yolo_set,
)

TERMS = ("--licence", "own pictures", "--sensor", "area camera", "--source", "yard")


def run(kind: str, src: Path, out: Path, *more: str) -> int:
    group = () if "--group-by" in more else ("--group-by", "file")
    return main(["data", "import", kind, str(src), "--out", str(out), *TERMS, *group, *more])


def imported(kind: str, src: Path, out: Path, *more: str) -> DataSet:
    assert run(kind, src, out, *more) == 0
    return read_coco(out)


def boxes(data: DataSet) -> list[tuple[str, str, tuple[float, ...]]]:
    return [(Path(s.file).name, box.label, box.xyxy_px) for s in data.samples for box in s.boxes]


def test_voc_counts_pixels_from_one(tmp_path: Path) -> None:
    data = imported("voc", voc_set(tmp_path / "set"), tmp_path / "out", "--split", "train")
    assert data.labels == ("crack", "pit")
    assert boxes(data) == [
        ("cam1_0001.png", "crack", (0.0, 0.0, 80.0, 60.0)),  # the whole picture, to its edges
        ("cam1_0001.png", "pit", (10.0, 20.0, 30.0, 40.0)),
        ("cam1_0002.png", "pit", (4.0, 4.0, 9.0, 9.0)),
    ]
    sample = data.samples[0]
    assert (sample.licence, sample.sensor, sample.source, sample.origin) == (
        "own pictures", "area camera", "yard", "real",
    )  # fmt: skip
    assert (tmp_path / "out" / sample.file).read_bytes() == (
        tmp_path / "set" / "day1" / "cam1_0001.png"
    ).read_bytes()


def test_labelme_shapes(tmp_path: Path) -> None:
    data = imported("labelme", labelme_set(tmp_path / "set"), tmp_path / "out")
    (sample,) = data.samples
    crack, upright, circle = sample.boxes
    assert crack.xyxy_px == (10.5, 10.0, 30.0, 40.0)
    assert crack.polygons_px == ((10.5, 10.0, 30.0, 12.0, 20.0, 40.0),)
    assert crack.area_px == round(abs(10.5 * 12 - 30 * 10 + 30 * 40 - 20 * 12 + 20 * 10 - 10.5 * 40) / 2)
    assert (upright.xyxy_px, upright.polygons_px) == ((40.0, 30.0, 60.0, 50.0), ())
    assert circle.xyxy_px == pytest.approx((15, 15, 25, 25), abs=0.01)
    assert circle.area_px == pytest.approx(3.14159 * 25, rel=0.02)
    assert crack.attributes == {"sure": True}


def test_yolo_takes_names_splits_and_polygons(tmp_path: Path) -> None:
    data = imported("yolo", yolo_set(tmp_path / "set"), tmp_path / "out")
    assert data.labels == ("crack", "pit")
    assert boxes(data) == [
        ("a.png", "pit", (30.0, 15.0, 50.0, 45.0)),
        ("c.png", "crack", (20.0, 15.0, 40.0, 30.0)),
    ]
    assert [sample.split for sample in data.samples] == ["train", "train", "val"]
    assert data.samples[2].boxes[0].area_px == 150  # half of its box: a triangle's corner is missing
    assert data.samples[1].boxes == ()


def test_masks_join_what_is_close(tmp_path: Path) -> None:
    src = mask_set(tmp_path / "set")
    more = ("--unlabelled", "clean", "--labels", "Crack")
    apart = imported("masks", src, tmp_path / "apart", *more)
    assert [box[2] for box in boxes(apart)] == [(10, 10, 20, 20), (26, 10, 30, 20), (70, 50, 80, 55)]
    joined = imported("masks", src, tmp_path / "joined", *more, "--join-px", "7", "--least-px", "60")
    assert [box[2] for box in boxes(joined)] == [(10, 10, 30, 20)]
    assert joined.samples[0].boxes[0].area_px == 100 + 40  # the mask's own pixels, not the joint's
    assert joined.samples[1].label == "none"


def test_class_folders(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "iron" / "a.png")
    picture(tmp_path / "set" / "slag" / "b.png", 1)
    data = imported("class-folders", tmp_path / "set", tmp_path / "out", "--split", "test")
    assert data.labels == ("iron", "slag")
    assert [(sample.label, sample.split, sample.boxes) for sample in data.samples] == [
        ("iron", "test", ()),
        ("slag", "test", ()),
    ]


def test_foreign_coco_and_the_own(tmp_path: Path) -> None:
    src = coco_set(tmp_path / "set")
    data = imported("coco", src / "annotations.json", tmp_path / "out", "--images", str(src))
    assert data.labels == ("crack", "pit")
    box = data.samples[0].boxes[0]
    assert (box.xyxy_px, box.area_px, box.attributes) == ((10.25, 5.0, 30.25, 15.5), 150, {"occluded": False})
    again = imported("coco", tmp_path / "out", tmp_path / "again", "--group-by", "field")
    assert again.samples == data.samples
    assert again.labels == data.labels


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    src = voc_set(tmp_path / "set")
    texts = []
    for name in ("one", "two"):
        imported("voc", src, tmp_path / name)
        texts.append((tmp_path / name / COCO_FILE).read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("file", ["day1/cam1_0001.png", "day2/cam1_0002.png"]),
        ("folder", ["day1", "day2"]),
        ("parts:1", ["cam1", "cam1"]),
        ("parts:2,1", ["0001_cam1", "0002_cam1"]),
        (r"match:cam(\d)", ["1", "1"]),
        ("csv:GROUPS", ["x", "y"]),
    ],
)
def test_groups_by_rule(tmp_path: Path, rule: str, expected: list[str]) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("file,group\ncam1_0001.png,x\nday2/cam1_0002.png,y\n", encoding="utf-8")
    rule = rule.replace("GROUPS", str(table))
    data = imported("voc", voc_set(tmp_path / "set"), tmp_path / "out", "--group-by", rule)
    assert [sample.group for sample in data.samples] == expected


def test_the_drawn_split_parts_no_group_and_holds_every_label_twice(tmp_path: Path) -> None:
    for number in range(40):
        label = "crack" if number < 8 else "pit"
        picture(tmp_path / "set" / f"ball{number // 2:02d}_{number}.png", number)
        path = tmp_path / "set" / f"ball{number // 2:02d}_{number}.xml"
        path.write_text(voc_text(f"{label} 5 5 20 20"), encoding="utf-8")
    data = imported("voc", tmp_path / "set", tmp_path / "out", "--group-by", "parts:1", "--val-share", "0.2")
    train, val = data.of_split("train"), data.of_split("val")
    assert not {s.group for s in train} & {s.group for s in val}
    assert {s.label for s in train} == {s.label for s in val} == {"crack", "pit"}
    assert 6 <= len(val) <= 10


# What is wrong with the set, and what the error must say.
def _no_picture(src: Path) -> None:
    (src / "day1" / "cam1_0001.png").unlink()


def _no_labels(src: Path) -> None:
    (src / "day1" / "cam1_0001.xml").unlink()


def _torn_xml(src: Path) -> None:
    (src / "day1" / "cam1_0001.xml").write_text("<annotation><object>", encoding="utf-8")


def _outside(src: Path) -> None:
    (src / "day1" / "cam1_0001.xml").write_text(voc_text("pit 10 10 90 30"), encoding="utf-8")


def _no_area(src: Path) -> None:
    (src / "day1" / "cam1_0001.xml").write_text(voc_text("pit 10 10 9 30"), encoding="utf-8")


def _other_size(src: Path) -> None:
    (src / "day1" / "cam1_0001.xml").write_text(voc_text("pit 1 1 9 9", width_px=800), encoding="utf-8")


def _torn_picture(src: Path) -> None:
    (src / "day1" / "cam1_0001.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")


def _empty_picture(src: Path) -> None:
    (src / "day1" / "cam1_0001.png").write_bytes(b"")


def _empty_set(src: Path) -> None:
    for path in [path for path in src.rglob("*") if path.is_file()]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_no_picture, "have no picture"),
        (_no_labels, "have no label file"),
        (_torn_xml, "cam1_0001.xml"),
        (_outside, "outside the picture of 80 x 60 px"),
        (_no_area, "has no area"),
        (_other_size, "800 x 60 px, the picture has 80 x 60"),
        (_torn_picture, "no picture, or is cut off"),
        (_empty_picture, "file is empty"),
        (_empty_set, "there is no picture"),
    ],
)
def test_a_spoilt_set_is_one_error_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], says: str
) -> None:
    src = voc_set(tmp_path / "set")
    spoil(src)
    assert run("voc", src, tmp_path / "out") == 2
    assert says in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_pictures_without_labels_and_boxes_outside_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src = voc_set(tmp_path / "set")
    _no_labels(src)
    assert len(imported("voc", src, tmp_path / "skip", "--unlabelled", "skip").samples) == 1
    assert len(imported("voc", src, tmp_path / "clean", "--unlabelled", "clean").samples) == 2
    (src / "day1" / "cam1_0001.xml").write_text(voc_text("pit 11 11 90 30"), encoding="utf-8")
    capsys.readouterr()
    data = imported("voc", src, tmp_path / "clip", "--outside", "clip", "--json")
    assert json.loads(capsys.readouterr().out)["clipped_boxes"] == 1
    assert data.info["clipped_boxes"] == 1
    assert data.samples[0].boxes[0].xyxy_px == (10.0, 10.0, WIDTH_PX, 30.0)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("train/labels/a.txt", "2 0.5 0.5 0.2 0.2\n", "class index 2 is out of range"),
        ("train/labels/a.txt", "-1 0.5 0.5 0.2 0.2\n", "class index -1 is out of range"),
        ("train/labels/a.txt", "0 0.5 0.5 0.2\n", "4 numbers in a line"),
        ("train/labels/a.txt", "0 0.5 0.5 x 0.2\n", "line 1"),
        ("train/labels/a.txt", "0 0.9 0.5 0.4 0.2\n", "outside the picture"),
        ("data.yaml", "names: [", "data.yaml"),
        ("data.yaml", "train: nowhere\nnames: [a]\n", "the folder nowhere is missing"),
        ("data.yaml", "train: train/images\nnames: {0: a, 2: b}\n", "have holes"),
    ],
)
def test_spoilt_yolo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, says: str
) -> None:
    src = yolo_set(tmp_path / "set")
    (src / file).write_text(text, encoding="utf-8")
    assert run("yolo", src, tmp_path / "out") == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["annotations"][0].update(image_id=99), "names no image"),
        (lambda c: c["annotations"][0].update(category_id=99), "no category"),
        (lambda c: c["annotations"][0].update(iscrowd=1), "crowd"),
        (lambda c: c["annotations"][0].update(segmentation={"counts": "x", "size": [1, 1]}), "run-length"),
        (lambda c: c["annotations"][0].update(bbox=[70, 5, 20, 10]), "outside the picture"),
        (lambda c: c["images"][0].update(file_name="gone.png"), "cannot be read"),
        (lambda c: c["images"][0].update(width=8), f"8 x {HEIGHT_PX} px"),
        (lambda c: c.pop("categories"), "categories"),
    ],
)
def test_spoilt_coco(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[dict[str, object]], None], says: str
) -> None:
    src = coco_set(tmp_path / "set")
    content = json.loads((src / "annotations.json").read_text(encoding="utf-8"))
    change(content)
    (src / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    assert run("coco", src, tmp_path / "out") == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--group-by", "colour"), "is no rule"),
        (("--group-by", "parts:9"), "has 2 parts"),
        (("--group-by", "field"), "carries none"),
        (("--group-by", "match:zzz"), "does not fit"),
        (("--group-by", "csv:nowhere.csv"), "nowhere.csv"),
        (("--labels", "crack"), "'pit' is not in the list"),
        (("--labels", "a,,b"), "--labels"),
        (("--val-share", "1"), "--val-share"),
    ],
)
def test_wrong_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], says: str
) -> None:
    assert run("voc", voc_set(tmp_path / "set"), tmp_path / "out", *more) == 2
    assert says in capsys.readouterr().err


def test_a_leaking_split_of_the_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src = yolo_set(tmp_path / "set")
    assert run("yolo", src, tmp_path / "out", "--group-by", "match:png") == 2
    assert "lies in train and in val" in capsys.readouterr().err
    assert run("yolo", src, tmp_path / "out", "--group-by", "match:png", "--split", "share") == 0


def test_a_folder_of_something_else_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert run("voc", voc_set(tmp_path / "set"), out) == 2
    assert "not replaced" in capsys.readouterr().err
    assert (out / "thesis.txt").exists()
