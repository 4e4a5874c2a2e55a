"""Photos of a wagon or a pile: what is seen in each, what is no photo, and the set in the books."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.cli import main
from edge_runtime.yard.photos import (
    LookedAt,
    PhotoLook,
    look_at_photo,
    look_at_photos,
    photo_files,
    photo_map,
)
from tests.edge.yard import rail_scans
from tests.edge.yard.rail_station_rig import rig, write_station
from vision.errors import ConfigError
from vision.rail_map.types import Note

TOOLS = rail_scans.tools()


def _rail(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rail_scans.rail_picture()[100:1000])
    return path


def _no_rail(path: Path) -> Path:
    noise = np.random.default_rng(1).integers(90, 110, (200, 300, 3), np.uint8)
    assert cv2.imwrite(str(path), noise)
    return path


def test_a_photo_of_a_rail_has_marks_in_its_own_pixels(tmp_path: Path) -> None:
    seen = look_at_photo(_rail(tmp_path / "rail.png"), TOOLS.detector)
    assert isinstance(seen, LookedAt)
    assert (seen.look.rail_found, seen.look.width_px, seen.look.height_px) == (True, 144, 900)
    tops = sorted(mark.xyxy_px[1] for mark in seen.look.marks)
    assert tops == pytest.approx([spot[1] - 100 for spot in rail_scans.SPOTS], abs=4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"a text file called .jpg", "picture"),
        (b"<html><script>alert(1)</script></html>", "picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "picture"),
    ],
)
def test_what_is_no_picture_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "not.jpg"
    path.write_bytes(content)
    seen = look_at_photo(path, TOOLS.detector)
    assert isinstance(seen, PhotoLook)
    assert said in seen.error


def test_a_set_is_a_map_without_a_scale(tmp_path: Path) -> None:
    _rail(tmp_path / "a.png")
    _no_rail(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_bytes(b"text")
    photos = look_at_photos("wagon", photo_files(tmp_path), TOOLS.detector, "5" * 64)
    found = photo_map(photos, dict(TOOLS.detector.contract.thresholds))
    assert [camera.name for camera in found.cameras] == ["a.png", "b.png"]
    assert (found.row_mm, found.length_m, found.rows) == (None, None, 900)
    assert [finding.id for finding in found.findings] == ["f1", "f2", "f3"]
    assert all(finding.length_mm is None and finding.start_m is None for finding in found.findings)
    assert Note(code="photo_without_rail", values={"file": "b.png"}) in found.notes
    assert Note(code="file_no_picture", values={"file": "c.jpg"}) in found.notes


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no picture"):
        photo_files(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        photo_files(tmp_path / "none")


def _upload(storage: Path, name: str, /, **note: object) -> Path:
    folder = storage / "photos" / "inbox" / f".{name}.part"
    folder.mkdir(parents=True)
    (folder / "upload.json").write_text(json.dumps(note), encoding="utf-8")
    return folder


def test_an_upload_becomes_a_set_in_the_books_and_gets_an_answer(tmp_path: Path) -> None:
    storage = tmp_path / "books"
    with rig(write_station(tmp_path)) as yard:
        for name, title in (("u1", "Wagon 5512"), ("u2", "Wagon 5512"), ("u3", "bad \x07 title")):
            part = _upload(storage, name, by="anna", name=title)
            _rail(part / "001_rail.png")
            assert not yard.worker.round()  # not finished: its folder still has its first name
            part.rename(part.with_name(name))
            yard.work()
        # A title that was given before, or that cannot be printed, does not lose the photos.
        assert yard.names() == ["u3", "Wagon 5512 (u2)", "Wagon 5512"]
        (line,) = [line for line in yard.store.rails() if line.name == "Wagon 5512"]
        view = yard.store.rail(line.rail_id)
        assert (view.kind, view.grade.grade, view.folder) == ("photos", "human", "photos/u1")
        assert view.grade.cut_list is None
        assert [(storage / view.folder / part.file).is_file() for part in view.strips] == [True]
        answer = json.loads((storage / "photos" / "u1.json").read_text(encoding="utf-8"))
        assert (answer["state"], answer["rail"], answer["upload"]) == ("done", "Wagon 5512", "u1")
        assert answer["photos"][0]["rail_found"]


def test_an_upload_without_a_picture_is_answered_and_kept(tmp_path: Path) -> None:
    storage = tmp_path / "books"
    with rig(write_station(tmp_path)) as yard:
        part = _upload(storage, "u1", name="Pile")
        (part / "001_letter.jpg").write_bytes(b"Dear inspector")
        part.rename(part.with_name("u1"))
        yard.work()
        assert yard.names() == []
        answer = json.loads((storage / "photos" / "u1.json").read_text(encoding="utf-8"))
        assert (answer["state"], answer["rail"]) == ("failed", None)
        assert "001_letter.jpg" in answer["what"]
        assert (storage / "photos" / "u1" / "001_letter.jpg").is_file()


def test_an_upload_that_was_booked_before_a_crash_is_only_answered(tmp_path: Path) -> None:
    storage = tmp_path / "books"
    station = write_station(tmp_path)
    with rig(station) as yard:
        part = _upload(storage, "u1", name="Pile")
        _rail(part / "001.png")
        part.rename(part.with_name("u1"))
        yard.work()
    (storage / "photos" / "u1.json").unlink()
    with rig(station) as again:
        again.work()
        assert again.names() == ["Pile"]
        assert (storage / "photos" / "u1.json").is_file()


def test_the_command_writes_everything_or_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _rail(tmp_path / "in" / "a.png")
    out = tmp_path / "out"
    assert main(["rail", "photos", str(tmp_path / "in"), "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["photos"], facts["grade"], facts["mm"], facts["no_rail"]) == (1, "human", None, [])
    assert json.loads((out / "grade.json").read_text(encoding="utf-8"))["grade"] == "human"
    assert (out / "drawn" / "000_a.jpg").is_file()
    _no_rail(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "c.jpg").write_bytes(b"text")
    assert main(["rail", "photos", str(tmp_path / "in"), "--out", str(out), "--json"]) == 14
    assert "already" in json.loads(capsys.readouterr().out)["error"]
    assert main(["rail", "photos", str(tmp_path / "in"), "--out", str(out), "--replace", "--json"]) == 3
    facts = json.loads(capsys.readouterr().out)
    assert facts["no_rail"] == ["b.png"]
    assert list(facts["unread"]) == ["c.jpg"]


def test_only_junk_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c.jpg").write_bytes(b"text")
    out = tmp_path / "out"
    assert main(["rail", "photos", str(tmp_path / "in"), "--out", str(out), "--json"]) == 3
    assert "none of the 1 files" in json.loads(capsys.readouterr().out)["error"]
    assert not out.exists()
