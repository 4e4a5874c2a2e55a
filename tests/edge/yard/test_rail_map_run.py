"""A scan becomes a map's folder: places of findings, what was not seen, pictures, tables, report."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.images import read_image
from edge_runtime.reports.words import LANGUAGES, load_words
from edge_runtime.yard.map_folder import (
    MapFolder,
    MapFolderError,
    map_folders,
    read_map,
    read_maps,
    whole_map,
)
from edge_runtime.yard.map_report import MapStory, map_report
from edge_runtime.yard.map_run import MappedScan, fill_map, map_scan, write_map
from edge_runtime.yard.map_tables import CUT_COLUMNS, FINDING_COLUMNS, cut_list_csv, findings_csv
from edge_runtime.yard.scan_files import read_scans
from edge_runtime.yard.strip_pictures import shown
from tests.edge.yard import rail_scans
from vision.errors import ConfigError
from vision.rail_map.types import Note
from vision.yard.types import Cut, CutList, Piece, TypedFacts

MADE = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
WORDS = load_words("en")


def mapped_of(folder: Path) -> MappedScan:
    (scan,) = read_scans(folder)
    return map_scan(scan, rail_scans.tools())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MappedScan:
    """A scan in which nothing is amiss."""
    return mapped_of(rail_scans.write_scan(tmp_path_factory.mktemp("whole") / "run"))


@pytest.fixture(scope="module")
def folder(whole: MappedScan, tmp_path_factory: pytest.TempPathFactory) -> MapFolder:
    """The folder of it."""
    out = tmp_path_factory.mktemp("maps") / "map"
    write_map(out, whole, rail_scans.tools().recipe, WORDS, MADE)
    return read_map(out)


def test_findings_lie_where_they_were_drawn(whole: MappedScan) -> None:
    found = [one for one in whole.rail_map.findings if one.label == "defect"]
    assert len(found) == len(rail_scans.SPOTS)  # the one that a frame's border cuts is one finding
    for one, (x1, y1, x2, y2) in zip(found, rail_scans.SPOTS, strict=True):
        assert one.start_m is not None
        assert one.start_m * 1000.0 == pytest.approx((y1 - rail_scans.FIRST) * rail_scans.MM, abs=2.5)
        assert one.length_mm == pytest.approx((y2 - y1) * rail_scans.MM, abs=3.0)
        assert one.width_mm == pytest.approx((x2 - x1) * rail_scans.MM, abs=3.0)
        assert one.across_mm == pytest.approx((x1 - rail_scans.LEFT) * rail_scans.MM, abs=3.0)


def test_a_whole_scan(whole: MappedScan) -> None:
    length = (rail_scans.LAST - rail_scans.FIRST) * rail_scans.MM / 1000.0
    assert whole.rail_map.rail == "R-1"
    assert whole.rail_map.length_m == pytest.approx(length, abs=0.004)
    assert (whole.rail_map.unseen, whole.unread, whole.rail_map.notes) == ((), (), ())
    assert whole.rail_map.model_sha256 == rail_scans.NamedSpots.sha256
    assert whole.facts == TypedFacts(section="R65")
    assert whole.grade.grade in ("human", "rejected")  # nobody has filled in the safety rows


def test_a_missing_frame_is_not_seen_and_said(tmp_path: Path) -> None:
    mapped = mapped_of(rail_scans.write_scan(tmp_path / "run", left_out=[2]))
    assert [(one.first_row, one.last_row) for one in mapped.rail_map.unseen] == [(400.0, 800.0)]
    assert mapped.grade.unseen_m == pytest.approx(0.2, abs=1e-3)
    assert len(mapped.unread) == 1
    gone = Note(code="file_missing", values={"camera": "top", "frame": 2, "file": "f002.png"})
    assert gone in mapped.rail_map.notes
    (strip,) = mapped.strips.values()
    inside, seen = strip.part(500, 700), strip.part(100, 300)
    assert len(np.unique(inside)) == 2  # the hatch, not black
    assert len(np.unique(seen)) > 20


def test_a_scan_without_a_rail_is_all_unseen(tmp_path: Path) -> None:
    dark = np.full((800, 144), 2, np.uint8)
    mapped = mapped_of(rail_scans.write_scan(tmp_path / "run", dark))
    assert mapped.rail_map.findings == ()
    assert mapped.rail_map.unseen
    assert mapped.grade.grade == "human"
    write_map(tmp_path / "map", mapped, rail_scans.tools().recipe, WORDS, MADE)
    assert (tmp_path / "map" / "report.html").is_file()


def test_without_a_scale_there_are_rows_and_no_millimetres(tmp_path: Path) -> None:
    mapped = mapped_of(rail_scans.write_scan(tmp_path / "run", counts=False, sheet=""))
    assert len(mapped.rail_map.findings) == 3
    assert all(one.start_m is None and one.length_mm is None for one in mapped.rail_map.findings)
    assert mapped.grade.cut_list is None
    write_map(tmp_path / "map", mapped, rail_scans.tools().recipe, WORDS, MADE)
    page = (tmp_path / "map" / "report.html").read_text(encoding="utf-8")
    assert "row 0" in page
    assert WORDS("rail_map.no_scale") in page


def test_strip_pictures_show_the_rows_they_say(folder: MapFolder, whole: MappedScan) -> None:
    (camera,) = folder.strips.cameras
    assert [(one.first_row, one.rows) for one in camera.pictures] == [(0, folder.map.rows)]
    picture = read_image(folder.path / camera.pictures[0].file).image
    assert picture.shape == (folder.map.rows, camera.width_px)
    x1, y1, x2, y2 = folder.map.findings[0].boxes[0].xyxy_px
    middle = picture[int(y1 + y2) // 2, int(x1 + x2) // 2 - camera.left_px]
    beside = picture[int(y2) + 20, int(x1 + x2) // 2 - camera.left_px]
    assert middle < beside / 3
    frame_x = (x1 + x2) / 2 + camera.frame_left_px
    assert rail_scans.SPOTS[0][0] < frame_x < rail_scans.SPOTS[0][2]


def test_long_strips_come_in_pieces(
    whole: MappedScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_runtime.yard.map_folder.PICTURE_ROWS", 500)
    tmp_path.joinpath("map").mkdir()
    index = fill_map(tmp_path / "map", whole, rail_scans.tools().recipe, WORDS, MADE)
    assert [(one.first_row, one.rows) for one in index.cameras[0].pictures] == [
        (0, 500),
        (500, 500),
        (1000, 200),
    ]
    (strip,) = whole.strips.values()
    joined = [read_image(tmp_path / "map" / one.file).image for one in index.cameras[0].pictures]
    assert np.array_equal(np.concatenate(joined), strip.part(0, strip.rows))


def test_dark_strips_are_brightened_by_one_factor(whole: MappedScan) -> None:
    (strip,) = whole.strips.values()
    dark = shown(replace(strip.strip, pixels=strip.strip.pixels // 8))
    assert dark.gain == pytest.approx(8.0 * strip.gain, rel=0.2)
    assert shown(replace(strip.strip, pixels=np.zeros_like(strip.strip.pixels))).gain == 12.0


def test_the_lying_rail_is_turned_not_mirrored(whole: MappedScan) -> None:
    (strip,) = whole.strips.values()
    lying = strip.lying(0, strip.rows, strip.rows, strip.width_px)
    assert np.array_equal(lying, np.rot90(strip.part(0, strip.rows)))
    assert strip.lying(0, strip.rows, 100, 20).shape == (20, 100)


def test_every_finding_has_its_picture(folder: MapFolder) -> None:
    assert [one.finding for one in folder.strips.findings] == [one.id for one in folder.map.findings]
    for one in folder.strips.findings:
        assert read_image(folder.path / one.file).pixel_format == "bgr8"


def test_frames_find_their_rows(folder: MapFolder) -> None:
    second = folder.frames[1].placed()
    assert second.to_map(0.0) == pytest.approx(400.0, abs=1.0)
    assert second.to_frame(600.0) == pytest.approx(200.0, abs=1.0)


def test_tables(folder: MapFolder, whole: MappedScan) -> None:
    rows = list(csv.reader(io.StringIO((folder.path / "findings.csv").read_text(encoding="utf-8-sig"))))
    assert tuple(rows[0]) == FINDING_COLUMNS
    assert [row[0] for row in rows[1:]] == [one.id for one in whole.findings]
    assert float(rows[1][FINDING_COLUMNS.index("start_m")]) == pytest.approx(
        whole.findings[0].start_m, abs=1e-4
    )
    odd = whole.findings[0].model_copy(update={"kind": "=1+1", "start_m": None})
    text = findings_csv(whole.rail_map, [odd]).decode("utf-8-sig")
    assert ",'=1+1," in text
    assert f",{whole.findings[0].element},," in text


def test_cut_list_table() -> None:
    cut_list = CutList(
        cuts=(
            Cut(start_m=0.0, end_m=0.1, reason="rail_end"),
            Cut(start_m=1.1, end_m=1.3, reason="finding", findings=("f2", "f3")),
        ),
        pieces=(Piece(start_m=0.1, end_m=1.1), Piece(start_m=1.3, end_m=2.0, downgraded=True)),
        kerf_mm=0.0, length_m=2.0, usable_m=1.7, lost_m=0.3,
    )  # fmt: skip
    rows = list(csv.reader(io.StringIO(cut_list_csv(cut_list).decode("utf-8-sig"))))
    assert tuple(rows[0]) == CUT_COLUMNS
    assert [row[0] for row in rows[1:]] == ["cut", "piece", "cut", "piece"]
    assert rows[3] == ["cut", "1.1", "1.3", "0.2", "finding", "f2 f3"]
    assert cut_list_csv(None).decode("utf-8-sig").splitlines() == [",".join(CUT_COLUMNS)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_in_every_language(whole: MappedScan, language: str) -> None:
    words = load_words(language)
    recipe = rail_scans.tools().recipe
    story = MapStory(
        whole.rail_map,
        whole.findings,
        whole.grade,
        recipe,
        whole.facts.section,
        whole.strips,
        {},
        whole.seconds,
    )
    report = map_report(story, words, MADE)
    titles = [section.title for section in report.sections]
    assert words("rail_map.cut_list") in titles
    tables = dict(report.tables())
    assert len(tables[words("rail_map.all_findings")].rows) == len(whole.findings)
    texts = [str(cell) for table in tables.values() for row in table.rows for cell in row]
    assert not [text for text in texts if "{" in text or "yard_" in text]
    assert recipe.kinds["surface_damage"].name.of(words.language) in " ".join(texts)


def test_the_report_stands_alone_and_escapes_names(folder: MapFolder) -> None:
    page = (folder.path / "report.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("<image ") >= 1
    assert 'id="f1-hatch"' in page


def test_a_map_is_whole_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_map(tmp_path / "map") as part:
        (part / "map.json").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_replaced(tmp_path: Path, folder: MapFolder) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(MapFolderError, match="something else"), whole_map(tmp_path / "mine", replace=True):
        pass
    with pytest.raises(MapFolderError, match="a map is there already"), whole_map(folder.path):
        pass
    assert (folder.path / "map.json").is_file()


def test_reading_maps(tmp_path: Path, folder: MapFolder) -> None:
    assert map_folders(folder.path) == [folder.path]
    assert map_folders(folder.path.parent) == [folder.path]
    with pytest.raises(ConfigError, match="no map here"):
        read_maps([tmp_path])
    (tmp_path / "map.json").write_text("{}")
    with pytest.raises(MapFolderError, match="cannot be read"):
        read_maps([tmp_path])
