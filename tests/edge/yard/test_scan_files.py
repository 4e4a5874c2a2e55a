"""Scans on disk: the table, names of pictures, rendered rails, and everything that can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.yard.scan import Scan
from edge_runtime.yard.scan_files import chosen, read_scans
from vision.errors import ConfigError
from vision.rail_map.types import Note, ScanCamera, ScanGeometry

HEAD = "camera,frame_number,first_count,last_count,file\n"
SHEET = """\
rail: R-17
section: R65
geometry:
  counts_per_mm: 2.0
  row_mm: 0.5
  cameras:
    - {name: top, mm_per_px: 0.5}
    - {name: left, element: web, mm_per_px: 0.5, inspected: false}
"""


def picture(path: Path, grey: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((8, 6), grey, np.uint8))
    return path


def scan(folder: Path, table: str, *names: str, sheet: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for grey, name in enumerate(names):
        picture(folder / name, 10 + grey)
    (folder / "scan.csv").write_text(table, encoding="utf-8")
    if sheet:
        (folder / "scan.yaml").write_text(sheet, encoding="utf-8")
    return folder


def only(folder: Path, pattern: str | None = None) -> Scan:
    (found,) = read_scans(folder, pattern=pattern)
    return found


def test_table_and_sheet(tmp_path: Path) -> None:
    table = HEAD + "top,1,0,16,a.png\ntop,2,16,,b.png\nleft,1,,,c.png\n"
    found = only(scan(tmp_path / "run", table, "a.png", "b.png", "c.png", sheet=SHEET))
    assert (found.rail, found.section, found.notes) == ("R-17", "R65", ())
    assert found.geometry.counts_per_mm == 2.0
    frames = list(found.frames())
    assert [(one.camera, one.frame_number, one.first_count, one.last_count) for one in frames] == [
        ("top", 1, 0, 16),
        ("top", 2, 16, None),
        ("left", 1, None, None),
    ]
    assert [int(one.image[0, 0]) for one in frames if one.image is not None] == [10, 11, 12]


def test_without_a_sheet_cameras_have_no_scale_and_the_folder_names_the_rail(tmp_path: Path) -> None:
    found = only(scan(tmp_path / "rail 9", HEAD + "b,1,,,a.png\na,1,,,a.png\n", "a.png"))
    assert found.rail == "rail-9"
    assert found.geometry == ScanGeometry(cameras=(ScanCamera(name="b"), ScanCamera(name="a")))


def test_a_table_from_a_spreadsheet(tmp_path: Path) -> None:
    """Semicolons, byte order mark, CRLF, columns in another order and more of them, an empty line."""
    text = "\ufeffFILE;camera;frame_number;first_count;last_count;seen\r\na.png;top;3;7;9;12:01\r\n;;;;;\r\n"
    entry = only(scan(tmp_path / "run", text, "a.png")).entries[0]
    assert (entry.file, entry.camera, entry.frame_number, entry.first_count) == ("a.png", "top", 3, 7)


def test_missing_and_unreadable_pictures_are_said_and_keep_their_place(tmp_path: Path) -> None:
    table = HEAD + "top,1,,,a.png\ntop,2,,,gone.png\ntop,3,,,\ntop,4,,,text.jpg\n"
    folder = scan(tmp_path / "run", table, "a.png")
    (folder / "text.jpg").write_text("no picture")
    found = only(folder)
    problems: list[Note] = []
    frames = list(found.frames(problems))
    assert [one.frame_number for one in frames if one.image is None] == [2, 3, 4]
    assert len(frames) == 4
    assert problems == [
        Note(code="file_missing", values={"camera": "top", "frame": 2, "file": "gone.png"}),
        Note(code="frame_without_file", values={"camera": "top", "frame": 3}),
        Note(code="file_no_picture", values={"file": "text.jpg"}),
    ]
    assert found.notes == ()


def test_frames_out_of_order_and_doubled(tmp_path: Path) -> None:
    table = HEAD + "top,3,,,a.png\ntop,1,,,b.png\ntop,1,,,b.png\ntop,2,,,a.png\ntop,2,,,b.png\n"
    found = only(scan(tmp_path / "run", table, "a.png", "b.png"))
    assert [entry.frame_number for entry in found.entries] == [1, 2, 2, 3]
    codes = {note.code: note.values for note in found.notes}
    assert (codes["row_twice"]["first_line"], codes["row_twice"]["line"]) == (3, 4)
    twice = codes["row_contradicts"]
    assert [twice[key] for key in ("first_line", "line", "file", "other")] == [5, 6, "a.png", "b.png"]
    assert codes["table_out_of_order"] == {"camera": "top", "frame": 1}


BAD_TABLES = (
    ("", "lacks the columns camera, frame_number"),
    ("camera,frame_number,file\ntop,1,a.png\n", "lacks the columns first_count, last_count"),
    (HEAD, "has no frame"),
    (HEAD + "top,1,0,a.png\n", "line 2 has 4 cells under 5 columns"),
    (HEAD + "top,one,,,a.png\n", "line 2, frame_number: 'one'"),
    (HEAD + "top,-1,,,a.png\n", "line 2, frame_number: '-1'"),
    (HEAD + "top,1,1.5,,a.png\n", "line 2, first_count: '1.5'"),
    (HEAD + "top,99999999999999999999,,,a.png\n", "no whole number"),
    (HEAD + "top,,,,a.png\n", "line 2, frame_number: it is empty"),
    (HEAD + ",1,,,a.png\n", "line 2, camera: it is empty"),
    (HEAD + "top,1,,,../a.png\n", "outside the scan's folder"),
    (HEAD + "top,1,,,/etc/passwd\n", "outside the scan's folder"),
)


@pytest.mark.parametrize(("table", "what"), BAD_TABLES)
def test_tables_that_cannot_be_used(tmp_path: Path, table: str, what: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_scans(scan(tmp_path / "run", table, "a.png"))
    assert what in error.value.what
    assert error.value.where
    assert error.value.todo


def test_folders_that_are_no_scan(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of a scan"):
        read_scans(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"neither a table scan\.csv nor pictures"):
        read_scans(tmp_path)
    picture(tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"no table scan\.csv") as error:
        read_scans(tmp_path)
    assert "--pattern" in error.value.todo


@pytest.mark.parametrize(
    ("sheet", "what"),
    [
        ("rail: ../up\n", "rail"),
        ("rial: R1\n", "rial"),
        ("section: R66\n", "section"),
        ("rail: a\nrail: b\n", "stands twice"),
        ("geometry: {cameras: []}\n", "geometry.cameras"),
        ("geometry: {cameras: [{name: side}]}\n", "camera 'top'"),
    ],
)
def test_sheets_that_cannot_be_used(tmp_path: Path, sheet: str, what: str) -> None:
    folder = scan(tmp_path / "run", HEAD + "top,1,,,a.png\n", "a.png", sheet=sheet)
    with pytest.raises(ConfigError) as error:
        read_scans(folder)
    assert what in str(error.value)


def test_a_camera_of_the_sheet_without_pictures_is_said(tmp_path: Path) -> None:
    found = only(scan(tmp_path / "run", HEAD + "top,1,,,a.png\n", "a.png", sheet=SHEET))
    assert found.notes == (Note(code="camera_without_pictures", values={"camera": "left"}),)
    assert [camera.name for camera in found.geometry.cameras] == ["top", "left"]


def test_rail400_names(tmp_path: Path) -> None:
    for name in ("1456470100012", "1456470100002", "1456480200003", "notes"):
        picture(tmp_path / f"{name}.jpg")
    scans = read_scans(tmp_path, pattern="rail400")
    assert [(one.rail, [entry.frame_number for entry in one.entries]) for one in scans] == [
        ("14564701", [2, 12]),
        ("14564802", [3]),
    ]
    assert [one.rail for one in chosen(scans, ["14564802"], tmp_path)] == ["14564802"]
    with pytest.raises(ConfigError, match="no rail '7'"):
        chosen(scans, ["7"], tmp_path)


def test_own_pattern_with_cameras(tmp_path: Path) -> None:
    for name in ("top_02", "top_01", "web_01"):
        picture(tmp_path / f"{name}.png")
    found = only(tmp_path, pattern=r"(?P<camera>[a-z]+)_(?P<frame>\d+)")
    assert [(entry.camera, entry.frame_number) for entry in found.entries] == [
        ("top", 1),
        ("top", 2),
        ("web", 1),
    ]


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("(", "no regular expression"),
        (r"(\d+)", "does not say where the frame number is"),
        (r"(?P<frame>[a-z]+)", "'abc' is no frame number"),
        (r"x(?P<frame>\d+)", "no picture's name fits"),
    ],
)
def test_patterns_that_cannot_be_used(tmp_path: Path, pattern: str, what: str) -> None:
    picture(tmp_path / "abc.png")
    with pytest.raises(ConfigError) as error:
        read_scans(tmp_path, pattern=pattern)
    assert what in error.value.what


def rendered(folder: Path, **changes: object) -> Path:
    frames = [
        {"number": at, "file": f"images/{at}.png", "first_row": 8 * at, "rows": 8, "begin_mm": 4.0 * at,
         "encoder_count": 65530 + 4 * at}
        for at in range(2)
    ]  # fmt: skip
    rail = {"id": "rail_1_000", "length_mm": 8.0, "head_mm": 70.0, "frames": frames, "marks": [], "ends": []}
    data = {
        "schema_version": 1, "seed": 1, "settings": {"mm_per_px": 0.5, "counts_per_mm": 1.0}, "rails": [rail],
        **changes,
    }  # fmt: skip
    picture(folder / "images/0.png")
    (folder / "rails.json").write_text(json.dumps(data))
    return folder


def test_rendered_rails(tmp_path: Path) -> None:
    found = only(rendered(tmp_path))
    assert found.rail == "rail_1_000"
    assert (found.geometry.row_mm, found.geometry.counts_per_mm, found.geometry.count_bits) == (0.5, 1.0, 16)
    assert [(entry.frame_number, entry.first_count) for entry in found.entries] == [(0, 65530), (1, 65534)]
    problems: list[Note] = []
    assert [frame.image is None for frame in found.frames(problems)] == [False, True]
    gone = {"camera": "top", "frame": 1, "file": "images/1.png"}
    assert problems == [Note(code="file_missing", values=gone)]


def test_rendered_rails_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="version 2"):
        read_scans(rendered(tmp_path, schema_version=2))
    (tmp_path / "rails.json").write_text("{")
    with pytest.raises(ConfigError, match="truth of rendered rails"):
        read_scans(tmp_path)
