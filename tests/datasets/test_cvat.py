"""CVAT: the round trip loses nothing, corrections arrive, and real exports are read."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.records import read_coco
from edge_runtime.cli import main
from tests.datasets.outside_sets import picture
from tests.datasets.rich_set import HEIGHT_PX, WIDTH_PX, rich_set

TERMS = ("--licence", "x", "--sensor", "y", "--source", "z")


def exported(folder: Path, out: Path) -> ElementTree.Element:
    assert main(["data", "export", "cvat", str(folder), "--out", str(out)]) == 0
    return ElementTree.fromstring((out / "annotations.xml").read_bytes())


def back(root: ElementTree.Element, images: Path, folder: Path, group: str = "field") -> int:
    folder.mkdir(exist_ok=True)
    (folder / "annotations.xml").write_bytes(ElementTree.tostring(root))
    words = ("--images", str(images), "--out", str(folder / "set"), "--group-by", group, *TERMS)
    return main(["data", "import", "cvat", str(folder / "annotations.xml"), *words])


def as_cvat_gives_it(root: ElementTree.Element) -> ElementTree.Element:
    """What CVAT changes: two digits behind the point, another source, a date."""
    for shape in root.iter("box"):
        for key in ("xtl", "ytl", "xbr", "ybr"):
            shape.set(key, f"{float(shape.get(key, '')):.2f}")
        shape.set("source", "file")
    for shape in root.iter("polygon"):
        points = [point.split(",") for point in shape.get("points", "").split(";")]
        shape.set("points", ";".join(f"{float(x):.2f},{float(y):.2f}" for x, y in points))
    ElementTree.SubElement(root, "dumped").text = "2026-11-22 10:00:00.000000+00:00"
    return root


def test_the_round_trip_loses_nothing(tmp_path: Path) -> None:
    data = rich_set(tmp_path / "data")
    root = as_cvat_gives_it(exported(tmp_path / "data", tmp_path / "cvat"))
    assert back(root, tmp_path / "data", tmp_path / "back") == 0
    again = read_coco(tmp_path / "back" / "set")
    assert again.samples == data.samples
    assert again.labels == data.labels
    first = (tmp_path / "cvat" / "annotations.xml").read_bytes()
    exported(tmp_path / "back" / "set", tmp_path / "cvat2")
    assert (tmp_path / "cvat2" / "annotations.xml").read_bytes() == first


def test_what_is_written_is_cvats_form(tmp_path: Path) -> None:
    rich_set(tmp_path / "data")
    root = exported(tmp_path / "data", tmp_path / "cvat")
    assert root.findtext("version") == "1.1"
    image = root.find("image")
    assert image is not None
    assert (image.get("name"), image.get("width"), image.get("height")) == (
        "images/run 1/a.png", str(WIDTH_PX), str(HEIGHT_PX),
    )  # fmt: skip
    box = image.find("box")
    assert box is not None
    assert [box.get(key) for key in ("label", "occluded", "xtl", "ybr")] == ["crack", "0", "10.123", "60.001"]
    polygons = image.findall("polygon")
    assert polygons[0].get("points") == "50.0,50.0;80.0,52.5;60.0,90.0"
    assert len({polygon.get("group_id") for polygon in polygons}) == 1
    declared = {
        label.findtext("name"): {a.findtext("name") for a in label.iterfind("attributes/attribute")}
        for label in root.iterfind("meta/task/labels/label")
    }
    for shape in (*root.iter("box"), *root.iter("polygon"), *root.iter("tag")):
        assert {a.get("name") for a in shape} <= declared[shape.get("label")]


def test_corrections_arrive(tmp_path: Path) -> None:
    data = rich_set(tmp_path / "data")
    root = as_cvat_gives_it(exported(tmp_path / "data", tmp_path / "cvat"))
    first, second, _ = root.findall("image")
    moved = first.findall("box")[0]
    moved.set("xbr", "110.50")
    next(a for a in moved if a.get("name") == "who").text = "boris"
    first.remove(first.findall("polygon")[1])
    new_box = {"label": "lap", "xtl": "1.50", "ytl": "2.00", "xbr": "9.00", "ybr": "8.00"}
    ElementTree.SubElement(second, "box", new_box, source="manual", occluded="0")
    assert back(root, tmp_path / "data", tmp_path / "back") == 0
    again = read_coco(tmp_path / "back" / "set").samples
    old, new = data.samples[0].boxes[0], again[0].boxes[0]
    assert new.xyxy_px == pytest.approx((10.123, 20.456, 110.5, 60.001), abs=0.005)
    assert new.attributes == {**old.attributes, "who": "boris"}
    assert (new.fine, new.origin, new.width_mm) == ("quench", "procedural", None)
    piece = next(box for box in again[0].boxes if box.label == "pit")
    assert piece.xyxy_px == (50.0, 50.0, 80.0, 90.0)
    assert len(piece.polygons_px) == 1
    assert [(box.label, box.xyxy_px) for box in again[1].boxes] == [("lap", (1.5, 2.0, 9.0, 8.0))]
    assert again[2] == data.samples[2]


REAL = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id><name>shift</name><size>1</size><mode>annotation</mode><overlap>0</overlap>
      <labels>
        <label><name>pit</name><color>#ff0000</color><type>any</type><attributes></attributes></label>
        <label><name>crack</name><color>#00ff00</color><type>any</type><attributes>
          <attribute><name>sure</name><mutable>False</mutable><input_type>checkbox</input_type>
            <default_value>false</default_value><values>false
true</values></attribute>
          <attribute><name>depth</name><mutable>False</mutable><input_type>number</input_type>
            <default_value>0</default_value><values>0
100
1</values></attribute>
        </attributes></label>
      </labels>
    </task>
    <dumped>2026-11-22 10:00:00.000000+00:00</dumped>
  </meta>
  <image id="0" name="day/a.png" subset="Validation" width="80" height="60">
    <box label="crack" source="manual" occluded="0" xtl="10.20" ytl="5.00" xbr="40.00" ybr="30.50"
      z_order="0">
      <attribute name="sure">true</attribute>
      <attribute name="depth">12</attribute>
    </box>
    <polygon label="pit" source="manual" occluded="0" points="1.00,1.00;9.00,1.00;9.00,9.00" z_order="0">
    </polygon>
  </image>
</annotations>
"""


def test_a_project_that_did_not_come_from_here(tmp_path: Path) -> None:
    picture(tmp_path / "data" / "day" / "a.png")
    assert back(ElementTree.fromstring(REAL.encode()), tmp_path / "data", tmp_path / "back", "folder") == 0
    data = read_coco(tmp_path / "back" / "set")
    assert data.labels == ("pit", "crack")
    (sample,) = data.samples
    assert (sample.split, sample.group, sample.file) == ("val", "day", "images/day/a.png")
    assert sample.boxes[0].xyxy_px == (10.2, 5.0, 40.0, 30.5)
    assert sample.boxes[0].attributes == {"sure": True, "depth": 12.0}
    assert (sample.boxes[1].xyxy_px, sample.boxes[1].area_px) == ((1.0, 1.0, 9.0, 9.0), 32)


def _box(root: ElementTree.Element) -> ElementTree.Element:
    return next(root.iter("box"))


def _image(root: ElementTree.Element) -> ElementTree.Element:
    return next(root.iter("image"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda root: _box(root).set("rotation", "12.5"), "rotated by 12.5 degrees"),
        (lambda root: setattr(_box(root), "tag", "ellipse"), "<ellipse> of label 'crack'"),
        (lambda root: setattr(_box(root), "tag", "mask"), "<mask> of label 'crack'"),
        (lambda root: _box(root).set("label", "dent"), "'dent' is not declared"),
        (lambda root: _box(root).set("xtl", "left"), "cannot be read"),
        (lambda root: _box(root).set("xbr", "100.00"), "outside the picture"),
        (lambda root: _image(root).set("width", "800"), "800 x 60 px"),
        (lambda root: _image(root).set("name", "gone.png"), "cannot be read"),
        (lambda root: _image(root).attrib.pop("height"), "size cannot be read"),
        (lambda root: ElementTree.SubElement(root, "track", id="0"), "tracks of a video"),
        (lambda root: root.remove(_image(root)), "no picture to import"),
        (lambda root: setattr(_box(root)[0], "text", "perhaps"), "neither true nor false"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[ElementTree.Element], None],
    says: str,
) -> None:
    picture(tmp_path / "data" / "day" / "a.png")
    root = ElementTree.fromstring(REAL.encode())
    change(root)
    assert back(root, tmp_path / "data", tmp_path / "back", "folder") == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "back" / "set").exists()


def test_torn_xml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "annotations.xml").write_text(REAL[:500], encoding="utf-8")
    words = ("--out", str(tmp_path / "set"), "--group-by", "file", *TERMS)
    assert main(["data", "import", "cvat", str(tmp_path), *words]) == 2
    assert "annotations.xml" in capsys.readouterr().err
