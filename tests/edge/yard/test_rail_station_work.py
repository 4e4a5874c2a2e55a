"""The rail station's worker: scans are taken whole, mapped, booked once; what is broken is put aside."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from edge_runtime.cli import main
from edge_runtime.yard.map_folder import read_map
from edge_runtime.yard.station_intake import FullDiskError, Intake
from edge_runtime.yard.station_status import lost_reason, lost_words
from edge_runtime.yard.station_work import TRIES_MAX, StoppedError
from edge_runtime.yard.yard_config import load_rail_station
from tests.edge.yard import rail_scans
from tests.edge.yard.rail_station_rig import rig, write_station
from tests.edge.yard.yard_books import say
from vision.yard.types import TypedFacts


def test_a_finished_scan_becomes_a_rail_in_the_books(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "0815")
    with rig(station) as yard:
        yard.work()
        (line,) = yard.store.rails()
        # The name is the sheet's, where somebody has written one.
        assert (line.name, line.kind) == ("R-1", "rail")
        assert line.grade == "rejected"  # half a metre is no charge for the furnace
        view = yard.store.rail(line.rail_id)
        assert len(view.findings) == len(rail_scans.SPOTS)
        assert view.rail_map.length_m == pytest.approx(0.54, abs=0.01)
        folder = tmp_path / "books" / view.folder
        assert read_map(folder).map.findings == view.rail_map.findings
        assert all((folder / part.file).is_file() for part in view.strips)
        assert yard.status.rails_done == 1
        assert yard.status.state == "idle"
        assert not (tmp_path / "scans" / "0815").exists()
        assert (tmp_path / "books" / "scans" / "R-1" / "scan.csv").is_file()


def test_the_same_name_again_is_another_rail(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    with rig(station) as yard:
        for _ in range(2):
            rail_scans.write_scan(tmp_path / "scans" / "same", sheet="")
            yard.work()
        assert yard.names() == ["same-2", "same"]


def test_a_broken_scan_is_put_aside_and_the_next_one_is_mapped(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    broken = rail_scans.write_scan(tmp_path / "scans" / "a-broken", sheet="")
    (broken / "scan.csv").write_text("camera,frame_number,file\ntop,1,f001.png\n", encoding="utf-8")
    empty = rail_scans.write_scan(tmp_path / "scans" / "b-empty", sheet="")
    for picture in empty.glob("*.png"):
        picture.unlink()
    rail_scans.write_scan(tmp_path / "scans" / "c-whole", sheet="")
    with rig(station) as yard:
        yard.work()
        assert yard.names() == ["c-whole"]
        first, second = yard.status.asides
        assert first.name == "a-broken"
        assert "lacks the columns first_count, last_count" in first.what
        assert second.name == "b-empty"
        assert "none of the pictures" in second.what
        # Nothing of it is lost, and it does not come again.
        assert len(list(Path(first.folder).glob("*.png"))) == 3
        assert not yard.worker.round()
        # Mended and dropped in again it is a scan like any other.
        mended = rail_scans.write_scan(tmp_path / "mended" / "a-broken", sheet="")
        mended.rename(tmp_path / "scans" / "a-broken")
        yard.work()
        assert yard.names() == ["a-broken-2", "c-whole"]


def test_a_sheet_of_another_scanner_is_not_believed(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    sheet = rail_scans.SHEET.replace("counts_per_mm: 1.0", "counts_per_mm: 2.0")
    rail_scans.write_scan(tmp_path / "scans" / "other", sheet=sheet)
    with rig(station) as yard:
        yard.work()
        assert yard.names() == []
        assert "another scanner" in yard.status.asides[0].what


def test_the_section_on_a_scans_sheet_reaches_the_books_as_the_sheets_word(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "typed", sheet="rail: R-1\nsection: R65\n")
    rail_scans.write_scan(tmp_path / "scans" / "untyped", sheet="")
    with rig(station) as yard:
        yard.work()
        typed, untyped = (yard.store.rail(yard.store.rail_named(name) or 0) for name in ("R-1", "untyped"))
        assert (untyped.facts.section, untyped.facts_by, untyped.revision) == (None, None, 0)
        assert typed.facts == TypedFacts(section="R65")
        (said,) = typed.corrections
        assert (said.kind, said.by, said.role, said.before) == (
            "facts",
            "scan file",
            "scan_file",
            TypedFacts().model_dump(mode="json"),
        )
        codes = [{reason.code for reason in view.grade.reasons} for view in (typed, untyped)]
        assert ["section_missing" in found for found in codes] == [False, True]
        assert typed.grade.mass_kg is not None
        # The books say what the rail's folder says.
        folder = read_map(yard.config.storage.folder / typed.folder)
        assert folder.grade.mass_kg == typed.grade.mass_kg
        # It decides nothing, is nobody's correction, and an inspector can take it back.
        assert not typed.decided
        assert yard.store.corrected_rails() == []
        undone = say(yard.store, typed.rail_id, kind="undo", correction=1)
        assert undone.facts == TypedFacts()
        assert yard.store.corrected_rails() == [typed.rail_id]


def test_a_missing_picture_is_not_seen_and_no_reason_to_stop(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "hole", left_out=(2,), sheet="")
    with rig(station) as yard:
        yard.work()
        (line,) = yard.store.rails()
        view = yard.store.rail(line.rail_id)
        assert sum((gap.end_m or 0) - (gap.start_m or 0) for gap in view.rail_map.unseen) == pytest.approx(
            0.2, abs=0.01
        )
        assert "unseen" in " ".join(reason.code for reason in view.grade.reasons)


def test_only_whole_scans_are_taken(tmp_path: Path) -> None:
    place = tmp_path / "scans"
    marked = load_rail_station(
        write_station(tmp_path, scans=[{"type": "watch", "path": "scans", "marker": True}])
    )
    rail_scans.write_scan(place / "moving.part", sheet="")
    rail_scans.write_scan(place / ".hidden", sheet="")
    rail_scans.write_scan(place / "unmarked", sheet="")
    (rail_scans.write_scan(place / "marked", sheet="") / "scan.done").touch()
    assert Intake(marked).take_up() == ["marked"]
    # Without the marker a folder is whole when nothing has changed in it for a while.
    settled = load_rail_station(
        write_station(tmp_path, scans=[{"type": "watch", "path": "scans", "settle_s": 60.0}])
    )
    (place / "empty").mkdir()
    assert Intake(settled).take_up() == []
    old_s = time.time() - 120.0
    for path in (place / "unmarked", *(place / "unmarked").iterdir()):
        os.utime(path, (old_s, old_s))
    assert Intake(settled).take_up() == ["unmarked"]


def test_a_recording_is_taken_up_once_and_stays_where_it_is(tmp_path: Path) -> None:
    image = rail_scans.rail_picture()
    folder = rail_scans.write_scan(tmp_path / "recording", image, sheet="")
    (folder / "scan.csv").unlink()
    for path in sorted(folder.glob("*.png")):
        path.rename(folder / f"L_{path.stem[1:]}.png")
    shutil.copy(folder / "L_001.png", folder / "R_001.png")
    source = {
        "type": "recording",
        "path": "recording",
        "pattern": r"(?P<rail>[LR])_(?P<frame>\d+)",
        "rails": ["L"],
    }
    station = write_station(tmp_path, scans=[source], encoder=None, row_mm=None, cameras=[{"name": "top"}])
    with rig(station) as yard:
        yard.work()
        (line,) = yard.store.rails()
        assert (line.name, line.length_m) == ("L", None)  # no scale: no metres
        assert len(list(folder.glob("*.png"))) == 4
    with rig(station) as again:
        assert not again.worker.round()


def test_a_lost_folder_is_said_and_looked_for_again(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    (tmp_path / "scans").rename(tmp_path / "gone")
    with rig(station) as yard:
        assert not yard.worker.round()
        assert yard.status.state == "no_source"
        assert str(tmp_path / "scans") in yard.status.message
        (tmp_path / "gone").rename(tmp_path / "scans")
        rail_scans.write_scan(tmp_path / "scans" / "back", sheet="")
        yard.work()
        assert yard.names() == ["back"]
        assert yard.status.lost == {}


def test_a_full_disk_is_said_and_the_scans_wait(tmp_path: Path) -> None:
    station = write_station(tmp_path, storage={"folder": "books", "min_free_mb": 10**9})
    rail_scans.write_scan(tmp_path / "scans" / "waits", sheet="")
    with rig(station) as yard:
        with pytest.raises(FullDiskError, match="MB are free"):
            yard.worker.round()
        assert (tmp_path / "scans" / "waits" / "scan.csv").is_file()
        yard.stop.set()
        yard.worker.run()
        assert yard.status.state == "stopped"


def test_a_disk_that_refuses_says_so_in_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = write_station(tmp_path, storage={"folder": "books", "min_free_mb": 10**9})
    with rig(station) as yard:
        # One round, then it is told to stop.
        monkeypatch.setattr(yard.stop, "wait", lambda _seconds: yard.stop.set())
        told: list[str] = []
        write = yard.worker._status.write

        def noted(now_utc_ns: int, **changed: object) -> None:
            told.append(str(changed.get("state")))
            write(now_utc_ns, **changed)

        monkeypatch.setattr(yard.worker._status, "write", noted)
        yard.worker.run()
        assert told == ["full_disk", "stopped"]


def test_a_rail_that_was_broken_off_is_mapped_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "half", sheet="")
    with rig(station) as yard:
        tell = yard.worker._mapping

        def stopped_half_way(rail: str, done: int, total: int) -> None:
            yard.stop.set()
            tell(rail, done, total)

        monkeypatch.setattr(yard.worker, "_mapping", stopped_half_way)
        with pytest.raises(StoppedError):
            yard.worker.round()
        assert yard.names() == []
        assert not list((tmp_path / "books" / "rails").glob("*"))
    with rig(station) as again:
        again.work()
        assert again.names() == ["half"]


def test_a_rail_goes_its_way_once_and_never_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "told", sheet="")
    with rig(station) as yard:
        told: list[tuple[int, int]] = []
        monkeypatch.setattr(yard.worker, "_mapping", lambda _, done, total: told.append((done, total)))
        yard.work()
    assert {total for _, total in told} == {100}
    way = [done for done, _ in told]
    assert way == sorted(way)
    assert way[-1] == 100
    assert any(10 < done < 75 for done in way)


def test_a_place_that_cannot_be_read_is_told_by_a_code(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    (tmp_path / "scans").rmdir()
    with rig(station) as yard:
        yard.work()
        assert yard.status.state == "no_source"
        assert yard.status.lost == {str(tmp_path / "scans"): "not_there"}
        assert yard.status.message == f"{tmp_path / 'scans'}: it is not there"
        (tmp_path / "scans").touch()  # a file is no folder either
        yard.work()
        assert set(yard.status.lost.values()) == {"not_there"}
    assert lost_reason(PermissionError(errno.EACCES, "Permission denied")) == "not_allowed"
    assert lost_words(lost_reason(OSError(errno.EIO, "Input/output error"))) == "Input/output error"


def test_a_map_without_a_row_in_the_books_is_made_again(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "cut", sheet="")
    with rig(station) as yard:
        yard.work()
        folder = tmp_path / "books" / "rails" / "cut"
        before = (folder / "map.json").stat().st_ino
    shutil.rmtree(tmp_path / "books" / "done")
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (tmp_path / "books" / name).unlink(missing_ok=True)
    with rig(station) as again:
        again.work()
        assert again.names() == ["cut"]
        assert (folder / "map.json").stat().st_ino != before


def test_a_scan_that_kills_the_process_time_after_time_is_put_aside(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    rail_scans.write_scan(tmp_path / "scans" / "killer", sheet="")
    (tmp_path / "books").mkdir()
    note = {"scan": "killer", "tries": TRIES_MAX}
    (tmp_path / "books" / "begun.json").write_text(json.dumps(note), encoding="utf-8")
    with rig(station) as yard:
        yard.work()
        assert yard.names() == []
        assert "ended the station's process" in yard.status.asides[0].what


@pytest.mark.parametrize(("keep_days", "kept"), [(None, True), (30.0, True), (0.0, False)])
def test_frames_of_mapped_rails_go_when_they_are_old(
    tmp_path: Path, keep_days: float | None, *, kept: bool
) -> None:
    station = write_station(
        tmp_path, storage={"folder": "books", "min_free_mb": 10, "keep_scans_days": keep_days}
    )
    rail_scans.write_scan(tmp_path / "scans" / "old", sheet="")
    with rig(station) as yard:
        yard.work()
        assert (tmp_path / "books" / "scans" / "old").exists() == kept
        assert yard.names() == ["old"]  # the map stays


def test_the_terminal_tells_how_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = write_station(tmp_path)
    assert main(["status", str(station)]) == 1
    assert "does not run" in capsys.readouterr().out
    broken = rail_scans.write_scan(tmp_path / "scans" / "broken", sheet="")
    (broken / "scan.csv").write_text("no table", encoding="utf-8")
    with rig(station) as yard:
        yard.work()
        assert main(["status", str(station)]) == 0
        said = capsys.readouterr().out
        assert "rail station yard: idle; 0 rails" in said
        assert "aside: broken: the table lacks" in said
        assert main(["status", str(station), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["running"], facts["status"]["state"]) == (True, "idle")
