"""Corrected labels on their way to the data team: written at the yard, read by the data team's importer."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from datasets.bundle import SECOND_COLUMNS
from datasets.records import DataSet, read_coco
from edge_runtime.cli import main
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.yard_bundle import COLUMNS, write_yard_bundle
from edge_runtime.yard.yard_bundle_cuts import PICTURE_ROWS, cuts_of, pieces
from tests.edge.yard.yard_books import (
    AIGUL,
    BORIS,
    DATA,
    GAP,
    LEFT_PX,
    OPERATOR,
    ROWS,
    WIDTH,
    new_rail,
    open_store,
    photo_set,
    pixels,
    say,
    write_strips,
)
from vision.errors import ConfigError, ImageError

WELD = {"kind": "weld", "camera": "top", "xyxy_px": [12, 3000, 110, 3040]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path / "storage")
    yield books
    books.close()


@pytest.fixture
def rail(store: YardStore) -> int:
    write_strips(store.storage, new_rail())
    return store.add_rail(new_rail())


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir(exist_ok=True)


def _write(store: YardStore, out: Path, **other: Any) -> list[dict[str, Any]]:
    write_yard_bundle(store, out, DATA, **other)
    with (out / "bundle.csv").open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        row |= {key: json.loads(row[key]) for key in ("findings", "corrections")}
    return rows


def _import(bundle: Path, out: Path) -> DataSet:
    options = ("--licence", "own", "--sensor", "line scan", "--source", "yard", "--group-by", "field")
    assert main(["data", "import", "bundle", str(bundle), "--out", str(out), *options]) == 0
    return read_coco(out)


def test_what_the_inspectors_left_is_what_the_data_team_gets(
    store: YardStore, rail: int, tmp_path: Path
) -> None:
    say(store, rail, kind="confirm", finding="f1")
    say(store, rail, BORIS, kind="dismiss", finding="f3", reason="a leaf")
    moved = {"kind": "spall", "camera": "top", "xyxy_px": [44, 1000, 74, 1060]}
    say(store, rail, kind="correct", finding="f2", values=moved)
    say(store, rail, kind="add", values=WELD)
    view = say(store, rail, kind="reviewed")
    assert COLUMNS == SECOND_COLUMNS
    out = tmp_path / "bundle"
    count = write_yard_bundle(store, out, DATA, station_name="yard 7")
    data = _import(out, tmp_path / "set")
    assert (count.pictures, count.rails, count.boxes) == (len(data.samples), 1, 3)
    assert data.labels == ("defect", "dirt", "gap", "weld")
    # every box lies where it lies on the strip, whatever the pictures were cut like
    tops = _tops(out)
    boxes = {
        box.attributes["finding"]: (
            box.label,
            box.fine,
            box.attributes["state"],
            box.attributes["from"],
            [box.xyxy_px[i] + (LEFT_PX, tops[Path(sample.file).name])[i % 2] for i in range(4)],
        )
        for sample in data.samples
        for box in sample.boxes
    }
    expected = {
        finding.id: (
            finding.label,
            finding.kind,
            finding.state,
            "inspector",
            list(finding.boxes[0].xyxy_px),
        )
        for finding in view.findings
        if finding.state != "dismissed"
    }
    assert boxes == expected
    assert set(boxes) == {"f1", "f2", "a1"}
    assert {sample.group for sample in data.samples} == {"yard 7/rail-1"}
    assert {sample.truth["station_labelled"] for sample in data.samples} == {True}
    _check_trail(data)
    _check_pixels(data, out, tops)


def _tops(out: Path) -> dict[str, int]:
    """First strip row of each picture, read from its pixels: the sample pictures say where they are from."""
    found: dict[str, int] = {}
    for path in sorted((out / "pictures").iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image is not None
        rows = image.shape[0]
        strip = pixels(0, ROWS, LEFT_PX)[:, 0]
        fits = [top for top in range(ROWS + 1 - rows) if np.array_equal(image[:, 0], strip[top : top + rows])]
        (found[path.name],) = fits
    return found


def _check_pixels(data: DataSet, out: Path, tops: dict[str, int]) -> None:
    """Pictures are the strip's very pixels, lossless, also where two strip pictures meet (row 4096)."""
    spans = []
    for sample in data.samples:
        image = cv2.imread(str(out / "pictures" / Path(sample.file).name), cv2.IMREAD_UNCHANGED)
        assert image is not None
        top = tops[Path(sample.file).name]
        assert np.array_equal(image, pixels(top, top + sample.height_px, LEFT_PX))
        assert sample.width_px == WIDTH - LEFT_PX
        assert sample.height_px <= PICTURE_ROWS
        spans.append((top, top + sample.height_px))
    assert any(first < 4096 < last for first, last in spans)
    # no row that no camera saw is handed out as clean steel
    assert not any(first < GAP[1] and last > GAP[0] for first, last in spans)


def _check_trail(data: DataSet) -> None:
    said = [
        entry for sample in data.samples for entry in json.loads(str(sample.truth["station_corrections"]))
    ]
    by = {entry["finding"]: entry for entry in said}
    assert {name: (entry["kind"], entry["by"]) for name, entry in by.items()} == {
        "f1": ("confirm", "Әйгүл"),
        "f2": ("correct", "Әйгүл"),
        "f3": ("dismiss", "Boris"),
        "a1": ("add", "Әйгүл"),
    }
    assert by["f3"]["after"] is None
    assert (by["f3"]["before"]["label"], by["f3"]["reason"]) == ("dirt", "a leaf")
    assert by["a1"]["before"] is None
    assert (by["f2"]["before"]["kind"], by["f2"]["after"]["kind"]) == ("surface_damage", "spall")
    assert all(entry["utc"].startswith("2027-01-15T") for entry in said)


def test_only_what_was_gone_through_counts_as_labelled(store: YardStore, rail: int, tmp_path: Path) -> None:
    say(store, rail, kind="dismiss", finding="f1")
    say(store, rail, kind="reviewed", first_row=1800, last_row=2400)
    rows = _write(store, tmp_path / "bundle")
    assert [(row["labelled"], len(row["findings"]), len(row["corrections"])) for row in rows] == [
        ("yes", 1, 0),  # f3, nobody spoke of it, but somebody has gone through
        ("no", 0, 1),  # around f1
    ]
    data = _import(tmp_path / "bundle", tmp_path / "set")
    assert [sample.truth["station_labelled"] for sample in data.samples] == [True, False]
    (box,) = data.samples[0].boxes
    assert (box.attributes["from"], box.attributes["score"]) == ("model", 0.7)


def test_a_second_look_counts_as_gone_through(tmp_path: Path) -> None:
    store = open_store(tmp_path / "storage", share=1.0)
    write_strips(store.storage, new_rail())
    rail = store.add_rail(new_rail())
    look = store.looks()[0]
    store.answer_look(look.look_id, "clear", AIGUL)
    (cut,) = cuts_of(store.rail(rail))
    assert (cut.first_row, cut.last_row, cut.labelled) == (look.first_row, look.last_row, True)
    assert [row["findings"] for row in _write(store, tmp_path / "bundle")] == [[]]
    store.close()


def test_what_was_undone_is_not_exported(store: YardStore, rail: int, tmp_path: Path) -> None:
    say(store, rail, kind="reviewed")
    say(store, rail, kind="undo", correction=1)
    with pytest.raises(YardRefused) as nothing:
        _write(store, tmp_path / "bundle")
    assert nothing.value.code == "nothing_to_export"
    assert not list(tmp_path.glob("*bundle*"))  # no half of one either


def test_photos_go_as_they_came(store: YardStore, tmp_path: Path) -> None:
    new = photo_set()
    for part, width in zip(new.strips, (200, 160), strict=True):
        path = store.storage / new.folder / part.file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((part.rows, width, 3), 90, np.uint8))
    number = store.add_rail(new)
    values = {"kind": "attachment", "camera": "b.png", "xyxy_px": [5, 6, 60, 110]}
    say(store, number, kind="add", values=values)
    say(store, number, kind="reviewed", camera="a.png")
    rows = _write(store, tmp_path / "bundle")
    assert [(row["camera"], row["labelled"]) for row in rows] == [("a.png", "yes"), ("b.png", "no")]
    assert [row["findings"][0]["xyxy_px"] for row in rows] == [[50, 20, 90, 60], [5, 6, 60, 110]]
    sent = tmp_path / "bundle" / rows[0]["file"]
    assert sent.read_bytes() == (store.storage / new.folder / "a.png").read_bytes()
    data = _import(tmp_path / "bundle", tmp_path / "set")
    added = data.samples[1].boxes[0]
    assert (added.label, "score" in added.attributes) == ("attachment", False)


def test_which_rails(store: YardStore, rail: int, tmp_path: Path) -> None:
    write_strips(store.storage, new_rail("rail-2"))
    other = store.add_rail(new_rail("rail-2"))
    say(store, rail, kind="confirm", finding="f1")
    late = say(store, other, kind="confirm", finding="f1").corrections[0].utc_ns
    assert {row["part"] for row in _write(store, tmp_path / "all")} == {"rail-1", "rail-2"}
    assert {row["part"] for row in _write(store, tmp_path / "one", rails=["rail-1"])} == {"rail-1"}
    assert {row["part"] for row in _write(store, tmp_path / "late", since_utc_ns=late)} == {"rail-2"}
    with pytest.raises(YardRefused) as strange:
        _write(store, tmp_path / "x", rails=["rail-7"])
    assert strange.value.code == "no_such_rail"
    with pytest.raises(ConfigError, match="something here already"):
        _write(store, tmp_path / "all")
    with pytest.raises(YardRefused) as refused:
        write_yard_bundle(store, tmp_path / "x", OPERATOR)
    assert refused.value.code == "not_allowed"


def test_the_command(store: YardStore, rail: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(store.storage)
    out = tmp_path / "sent"
    assert main(["rail", "corrections", place, "--out", str(out)]) == 12
    assert "nobody has gone through" in capsys.readouterr().err
    say(store, rail, kind="reviewed")
    assert main(["rail", "corrections", place, "--out", str(out), "--rail", "rail-1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rails"], told["boxes"], told["labelled"]) == (1, 3, told["pictures"])
    assert (out / "bundle.json").is_file()
    assert main(["rail", "corrections", place, "--out", str(out)]) == 2
    assert main(["rail", "corrections", place, "--out", str(tmp_path / "x"), "--rail", "rail-9"]) == 12
    assert main(["rail", "corrections", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x")]) == 2


def test_a_strip_that_is_gone_is_one_error(store: YardStore, rail: int, tmp_path: Path) -> None:
    say(store, rail, kind="confirm", finding="f1")
    (store.storage / "rails/rail-1/strips/0_0000.png").unlink()
    with pytest.raises(ImageError):
        _write(store, tmp_path / "bundle")
    assert not list(tmp_path.glob("*bundle*"))


@pytest.mark.parametrize(
    ("span", "boxes", "expected"),
    [
        ((0, 900), [], [(0, 900)]),
        ((0, 2048), [], [(0, 1024), (1024, 2048)]),
        # the border goes up to where the box begins, and past its neighbour
        ((0, 2000), [(1000, 1044)], [(0, 1000), (1000, 2000)]),
        ((0, 2000), [(1000, 1044), (980, 1010)], [(0, 980), (980, 2000)]),
        # a box longer than half a picture is cut
        ((0, 1500), [(400, 1200)], [(0, 1024), (1024, 1500)]),
    ],
)
def test_pictures_are_cut_between_boxes(
    span: tuple[int, int], boxes: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert pieces(span, boxes) == expected


@pytest.mark.parametrize(
    ("finding", "fault"),
    [
        ({"score": None, "state": "confirmed"}, "no score"),
        ({"score": 0.5, "state": "dismissed"}, "state"),
        ({"score": 0.5, "by": "x"}, "Extra inputs"),
    ],
)
def test_findings_that_do_not_fit_are_refused_by_the_importer(
    store: YardStore, rail: int, tmp_path: Path, finding: dict[str, Any], fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    say(store, rail, kind="confirm", finding="f1")
    bundle = tmp_path / "bundle"
    (row,) = _write(store, bundle)
    row["findings"] = [{"label": "defect", "xyxy_px": [1, 2, 30, 40], **finding}]
    with (bundle / "bundle.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerow({**row, **{key: json.dumps(row[key]) for key in ("findings", "corrections")}})
    options = ("--licence", "own", "--sensor", "line scan", "--source", "yard", "--group-by", "field")
    assert main(["data", "import", "bundle", str(bundle), "--out", str(tmp_path / "set"), *options]) != 0
    assert fault in capsys.readouterr().err
