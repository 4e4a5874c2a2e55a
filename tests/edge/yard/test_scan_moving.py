"""Scans moved into the storage, from the same disk and from another one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.yard.scan_moving import NotMovedError, is_still, move_scan
from tests.edge.yard import rail_scans
from tests.edge.yard.rail_station_rig import rig, write_station


@pytest.fixture
def far() -> Iterator[Path]:
    """A folder on another file system than `tmp_path`."""
    try:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield Path(folder)
    except OSError as error:
        pytest.skip(f"there is no /dev/shm to write to: {error}")


def _scan(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.png").write_bytes(b"a" * 1000)
    (folder / "away").symlink_to("/dev/zero")
    return folder


def _check_far(tmp_path: Path, far: Path) -> None:
    if tmp_path.stat().st_dev == far.stat().st_dev:
        pytest.skip("temporary folder and /dev/shm lie on one file system")


def test_from_another_disk_it_comes_whole_and_links_stay_links(tmp_path: Path, far: Path) -> None:
    _check_far(tmp_path, far)
    scan = _scan(far / "R-1")
    move_scan(scan, tmp_path / "R-1", 0)
    assert (tmp_path / "R-1" / "a.png").stat().st_size == 1000
    assert (tmp_path / "R-1" / "away").readlink() == Path("/dev/zero")
    assert list(far.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["R-1"]


def test_what_no_copy_ends_of_is_left_where_it_is(tmp_path: Path, far: Path) -> None:
    _check_far(tmp_path, far)
    scan = _scan(far / "R-1")
    os.mkfifo(scan / "pipe")
    with pytest.raises(NotMovedError, match="'pipe'"):
        move_scan(scan, tmp_path / "R-1", 0)
    assert scan.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_the_disk_has_no_room_for_is_not_begun(tmp_path: Path, far: Path) -> None:
    _check_far(tmp_path, far)
    scan = _scan(far / "R-1")
    with pytest.raises(OSError, match="No space") as full:
        move_scan(scan, tmp_path / "R-1", 1 << 60)
    assert full.value.errno == errno.ENOSPC
    assert not isinstance(full.value, NotMovedError)
    assert scan.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_link_onto_itself_is_looked_at_and_not_followed(tmp_path: Path) -> None:
    scan = tmp_path / "R-1"
    scan.mkdir()
    (scan / "round").symlink_to(scan / "round")
    assert not is_still(scan, 60.0)
    assert is_still(scan, 0.0)


def test_one_that_cannot_be_taken_keeps_no_other_waiting(tmp_path: Path, far: Path) -> None:
    _check_far(tmp_path, far)
    station = write_station(tmp_path, scans=[{"type": "watch", "path": str(far), "marker": True}])
    for name in ("a-odd", "b-sound"):
        folder = rail_scans.write_scan(far / name, sheet="")
        (folder / "scan.done").touch()
    os.mkfifo(far / "a-odd" / "pipe")
    with rig(station) as yard:
        yard.work()
        assert yard.names() == ["b-sound"]
        assert "'pipe'" in yard.status.lost[str(far / "a-odd")]
        assert yard.status.state == "idle"


def test_a_pipe_in_the_place_of_the_sheet_is_put_aside(tmp_path: Path) -> None:
    station = write_station(tmp_path)
    folder = rail_scans.write_scan(tmp_path / "scans" / "a-pipe", sheet="")
    (folder / "scan.yaml").unlink(missing_ok=True)
    os.mkfifo(folder / "scan.yaml")
    rail_scans.write_scan(tmp_path / "scans" / "b-sound", sheet="")
    with rig(station) as yard:
        yard.work()
        assert yard.names() == ["b-sound"]
        assert "no plain file" in yard.status.asides[0].what
