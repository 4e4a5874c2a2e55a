"""Scans that a scanner, or anybody, drops into a yard's watched folder: tables, sheets, names, links.

A rail's name becomes a folder's and a row's file becomes a picture: neither may lead out of its place.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.yard.scan import RAIL_NAME, Scan
from edge_runtime.yard.scan_files import SCAN_SHEET, read_scans
from edge_runtime.yard.scan_rendered import RAILS_FILE
from edge_runtime.yard.scan_table import SCAN_TABLE
from edge_runtime.yard.station_intake import Intake
from edge_runtime.yard.yard_config import load_rail_station
from tests.edge.page.yard_samples import write_yard
from tests.fuzz.strategies import DEEP_JSON, LONG_NUMBER, TEXTS, fuzzed, mutants, one_answer, torn
from vision.errors import ConfigError, FerrogateError

SHEET = {
    "rail": "R-1",
    "section": "R65",
    "geometry": {"counts_per_mm": 1.0, "row_mm": 0.5, "cameras": [{"name": "top", "mm_per_px": 0.5}]},
}
TABLE = "camera,frame_number,first_count,last_count,file\ntop,1,0,200,a.png\ntop,2,200,400,b.png\n"
MARK = {
    "id": "m1",
    "label": "defect",
    "fine": "squat",
    "position_mm": 10.0,
    "length_mm": 5.0,
    "across_mm": 20.0,
    "width_mm": 5.0,
}
FRAME = {"number": 1, "file": "a.png", "rows": 100, "begin_mm": 0.0, "encoder_count": 0}
RENDERED = {
    "schema_version": 1,
    "settings": {"mm_per_px": 0.5, "counts_per_mm": 1.0},
    "rails": [
        {"id": "R1", "length_mm": 500.0, "head_mm": 70.0, "frames": [FRAME], "marks": [MARK], "ends": []}
    ],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scans")


def fresh(place: Path) -> Path:
    """A folder with two files that are called pictures, and one beside it that is not the scan's."""
    folder = place / "scan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in (folder / "a.png", folder / "b.png", place / "private.png"):
        file.write_bytes(b"x")
    return folder


def take(folder: Path) -> tuple[Scan, ...] | FerrogateError:
    found = one_answer(lambda: read_scans(folder))
    if isinstance(found, FerrogateError):
        assert isinstance(found, ConfigError)
        return found
    for scan in found:
        assert re.fullmatch(RAIL_NAME, scan.rail)
        for entry in scan.entries:
            assert 0 <= entry.frame_number < 1 << 63
            assert entry.path is None or entry.path.resolve().is_relative_to(folder.resolve())
    return found


@fuzzed(60)
@given(data=torn(TABLE.encode()) | st.binary(max_size=120))
def test_a_torn_table(place: Path, data: bytes) -> None:
    folder = fresh(place)
    (folder / SCAN_TABLE).write_bytes(data)
    take(folder)


FILES = [
    "../private.png",
    "/etc/passwd",
    "link.png",
    "dir/x.png",
    "a.png/../../private.png",
    "\0",
    "x" * 5000,
    "~/a.png",
    "\ud800.png",
    ".",
]
CELLS = (TEXTS | st.sampled_from([LONG_NUMBER, "9" * 19, "-1", "1e3", "٣", "1.0", " ", *FILES])).map(
    lambda text: re.sub(r"[\n\r,;\"]", "", text).encode("utf-8", "replace").decode()
)


@fuzzed(80)
@given(cells=st.lists(CELLS, min_size=5, max_size=5), row=st.integers(0, 4))
def test_any_cells(place: Path, cells: list[str], row: int) -> None:
    folder = fresh(place)
    (folder / "link.png").symlink_to(place / "private.png")
    whole = ["top", "3", "400", "600", "a.png"]
    whole[row] = cells[row]
    (folder / SCAN_TABLE).write_text(TABLE + ",".join(whole) + "\n", encoding="utf-8")
    take(folder)


@fuzzed(60)
@given(tree=mutants(SHEET))
def test_any_sheet(place: Path, tree: Any) -> None:
    folder = fresh(place)
    (folder / SCAN_TABLE).write_text(TABLE, encoding="utf-8")
    (folder / SCAN_SHEET).write_text(yaml.safe_dump(tree), encoding="utf-8")
    take(folder)


@fuzzed(80)
@given(tree=mutants(RENDERED))
def test_any_rendered_rails(place: Path, tree: Any) -> None:
    folder = fresh(place)
    (folder / RAILS_FILE).write_text(json.dumps(tree), encoding="utf-8")
    take(folder)


@pytest.mark.parametrize("file", FILES[:3])
def test_a_file_that_leads_out_is_refused(place: Path, file: str) -> None:
    folder = fresh(place)
    (folder / "link.png").symlink_to(place / "private.png")
    (folder / SCAN_TABLE).write_text(TABLE.replace("a.png", file), encoding="utf-8")
    assert isinstance(take(folder), ConfigError)
    (folder / RAILS_FILE).write_text(json.dumps(RENDERED).replace("a.png", file), encoding="utf-8")
    assert isinstance(take(folder), ConfigError)


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", ".", "..", "", "a\0", "R1\n", "x" * 65])
def test_a_rails_name_is_a_folders_name(place: Path, name: str) -> None:
    folder = fresh(place)
    tree = json.loads(json.dumps(RENDERED))
    tree["rails"][0]["id"] = name
    (folder / RAILS_FILE).write_text(json.dumps(tree), encoding="utf-8")
    assert isinstance(take(folder), ConfigError)
    (folder / RAILS_FILE).unlink()
    (folder / SCAN_TABLE).write_text(TABLE, encoding="utf-8")
    (folder / SCAN_SHEET).write_text(yaml.safe_dump(SHEET | {"rail": name}), encoding="utf-8")
    assert isinstance(take(folder), ConfigError)


@pytest.mark.parametrize("text", [*DEEP_JSON, LONG_NUMBER, "NaN", "\0"])
def test_texts_that_break_a_parser(place: Path, text: str) -> None:
    for name in (RAILS_FILE, SCAN_SHEET, SCAN_TABLE):
        folder = fresh(place)
        (folder / SCAN_TABLE).write_text(TABLE, encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
        assert isinstance(take(folder), ConfigError)


@pytest.mark.parametrize("name", [b"\xea\xf0\xe0\xed", b"-rf", b"a b;c", b"\x1b[31m", b"%2e%2e", b"R 1\n2"])
def test_a_dropped_folder_gets_a_name_that_is_safe(tmp_path: Path, name: bytes) -> None:
    """Names of a scanner that writes another alphabet, or a terminal's escapes."""
    config = load_rail_station(write_yard(tmp_path))
    watched = config.scans[0].path
    folder = os.fsencode(watched) + b"/" + name
    os.makedirs(folder)
    for file, text in ((b"scan.csv", TABLE), (b"scan.done", ""), (b"a.png", "x"), (b"b.png", "x")):
        Path(os.fsdecode(folder + b"/" + file)).write_text(text, encoding="utf-8")
    intake = Intake(config)
    assert len(intake.take_up()) == 1
    (waiting,) = intake.waiting()
    assert re.fullmatch(RAIL_NAME, waiting.name)
    assert waiting.folder.parent == config.storage.folder / "scans"
    scans = one_answer(lambda: waiting.read(config))
    assert isinstance(scans, FerrogateError) or re.fullmatch(RAIL_NAME, scans[0].rail)
