"""A disk that is full in earnest: pictures stop first, verdicts go on in the reserve, and then the line
says so.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
import yaml

from edge_runtime.config import load_station
from edge_runtime.entries import Entry, FaultEntry, PartEntry
from edge_runtime.journal import JournalWriter, read_journal
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.pictures import Crop, PictureStore
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.recorder_main import Recorder
from edge_runtime.station.process import Station
from tests.edge.ledger_samples import BOOT, part
from tests.edge.test_station_bench import write_bench_station
from tests.strips import draw_strip
from vision.types import PartId

SEGMENT_MB, SPARES, MARGIN_MB = 0.0625, 2, 0.25
WAIT_S = 20.0


class SmallDisk:
    """A file system of 4 MB, and a file that fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "somebody else's"

    def fill(self, leave_mb: float = 0.0) -> None:
        """Use all room up but `leave_mb`."""
        with self._filler.open("ab", buffering=0) as file:
            while shutil.disk_usage(self.folder).free > leave_mb * (1 << 20):
                file.write(bytes(4096))

    def empty(self) -> None:
        """Take that file away."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    yield SmallDisk(folder)
    subprocess.run(["umount", str(folder)], check=True)


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def _writer(folder: Path) -> JournalWriter:
    writer = JournalWriter(
        folder,
        SEGMENT_MB,
        boot_id=BOOT,
        commit_interval_s=0.001,
        reserve_segments=SPARES,
        reserve_margin_mb=MARGIN_MB,
    )
    _until(lambda: writer.reserve.standing == SPARES)
    return writer


def _entries(folder: Path) -> list[Entry]:
    return [entry for _, entry in read_journal(folder)]


def _numbers(folder: Path) -> list[int]:
    return [entry.trigger_seq for entry in _entries(folder) if isinstance(entry, PartEntry)]


def _codes(folder: Path) -> list[str]:
    return [entry.code for entry in _entries(folder) if isinstance(entry, FaultEntry)]


def _write_until(writer: JournalWriter, true: Callable[[], bool], number: int = 0) -> int:
    """Append parts, each once the one before is on the disk or refused; the last number."""
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, writer.reserve
        number += 1
        taken = writer.append(part(number))
        assert taken is not None
        while not (writer.wait_durable(taken, 0.01) or writer.error):
            pass
    return number


def test_verdicts_go_on_in_the_reserve_until_it_is_spent_and_after_it_when_there_is_room(
    disk: SmallDisk,
) -> None:
    writer = _writer(disk.folder / "journal")
    last = _write_until(writer, lambda: writer.durable_count > 0)
    disk.fill()
    in_reserve = _write_until(writer, lambda: writer.reserve.standing == 0, last)
    assert (writer.error, writer.reserve.spent) == ("", False)
    assert in_reserve > last + 20
    spent = _write_until(writer, lambda: writer.reserve.spent, in_reserve)
    assert spent > in_reserve, "the last spare was written full first"
    last = _write_until(writer, lambda: bool(writer.error), spent)
    # Nothing is lost by it: what is not on the disk waits.
    assert writer.pending_count > 0
    assert writer.lost_count == 0
    disk.empty()
    _until(lambda: writer.reserve.standing == SPARES and not writer.error)
    assert not writer.reserve.spent
    assert writer.close()
    assert _numbers(disk.folder / "journal") == list(range(1, last + 1))
    codes = _codes(disk.folder / "journal")
    assert codes.count("journal_reserve_used") == SPARES
    assert {"journal_reserve_spent", "journal_write_error"} <= set(codes)


def test_a_station_that_comes_up_on_a_full_disk_writes_into_the_reserve(disk: SmallDisk) -> None:
    writer = _writer(disk.folder / "journal")
    assert writer.close()
    disk.fill()
    writer = JournalWriter(disk.folder / "journal", SEGMENT_MB, boot_id=BOOT, reserve_segments=SPARES)
    assert writer.wait_durable(writer.append(part(1)) or 0, WAIT_S)
    assert (writer.reserve.standing, writer.reserve.spent) == (SPARES - 1, False)
    assert writer.close()
    assert _numbers(disk.folder / "journal") == [1]


def test_a_spare_is_not_made_of_the_last_room(disk: SmallDisk) -> None:
    writer = _writer(disk.folder / "journal")
    disk.fill()
    _write_until(writer, lambda: writer.reserve.standing == 0)
    # Room for a spare, but not for the ledger beside it.
    disk.empty()
    disk.fill(leave_mb=SEGMENT_MB + MARGIN_MB / 2)
    time.sleep(2.5)
    assert writer.reserve.standing == 0
    disk.empty()
    _until(lambda: writer.reserve.standing == SPARES)
    assert writer.close()


@pytest.mark.parametrize("damage", ["short", "holes", "half made"])
def test_a_spare_that_holds_no_room_is_none(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "journal"
    assert _writer(folder).close()
    spare = sorted(folder.glob("*.spare"))[0]
    if damage == "short":
        spare.write_bytes(b"")
    elif damage == "holes":
        spare.write_bytes(b"")
        with spare.open("r+b") as file:
            file.truncate(int(SEGMENT_MB * (1 << 20)))
    else:
        spare.rename(spare.with_name(spare.name + ".part"))
    writer = JournalWriter(folder, SEGMENT_MB, boot_id=BOOT, reserve_segments=SPARES, reserve_margin_mb=1e9)
    assert writer.reserve.standing == SPARES - 1
    assert not list(folder.glob("*.part"))
    assert writer.close()


def test_pictures_stop_first_and_the_ledger_catches_up(disk: SmallDisk) -> None:
    writer = _writer(disk.folder / "journal")
    engine = open_ledger(ledger_url(disk.folder))
    recorder = Recorder(engine, disk.folder, None, BOOT)
    pictures = PictureStore(disk.folder, 100, reserve_mb=0.5)
    image = np.zeros((8, 8), np.uint8)
    last = _write_until(writer, lambda: writer.durable_count >= 3)
    while recorder.step():
        pass
    disk.fill(leave_mb=0.4)
    assert pictures.store(Crop(PartId(1, 0, 1), "left", 0, "reject", 1, image)) is None
    assert pictures.take_losses() == {"disk_full": 1}
    last = _write_until(writer, lambda: writer.durable_count >= 10, last)
    assert recorder.step(), "the ledger goes on"
    disk.fill()
    last = _write_until(writer, lambda: writer.reserve.standing < SPARES, last)
    while recorder.step():
        pass
    assert "full" in recorder.trouble
    assert not writer.error, "verdicts go on where the ledger cannot"
    disk.empty()
    while recorder.step():
        pass
    assert recorder.trouble == ""
    with reading(engine) as connection:
        assert connection.execute(sa.select(sa.func.count(PartRow.id))).scalar_one() == last
    engine.dispose()
    assert writer.close()


def test_a_station_whose_reserve_is_spent_is_not_ready_until_a_spare_stands_again(
    disk: SmallDisk, tmp_path: Path
) -> None:
    strip = tmp_path / "strip"
    strip.mkdir()
    for number, x in enumerate([100, 300, 500]):
        cv2.imwrite(str(strip / f"f{number:06d}.png"), draw_strip([x], seed=number))
    path = write_bench_station(tmp_path, strip, 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["storage"] |= {"folder": str(disk.folder / "books"), "journal_segment_mb": 1}
    data["storage"]["journal_reserve_segments"] = 1
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    disk.fill(leave_mb=0.1)
    station = Station(load_station(path))
    # No room for a segment, none for a spare: what little there is may be the last.
    _until(lambda: station.journal.reserve.spent)
    station._watch_journal()
    assert "disk" in station.core.holds
    assert not station.core.ready
    disk.empty()
    # A spare stands only where 32 MB stay free beside it, and this disk has 4: the reserve stays spent.
    time.sleep(2.5)
    station._watch_journal()
    assert "disk" in station.core.holds
    station.journal._reserve._margin_bytes = 1 << 19
    _until(lambda: not station.journal.reserve.spent)
    station._watch_journal()
    assert "disk" not in station.core.holds
    assert station.run() == 0
