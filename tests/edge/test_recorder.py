"""The recorder as a process: SIGKILL at random instants, a full disk, pictures, the last drain."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import yaml

from edge_runtime.entries import Entry
from edge_runtime.journal import JournalWriter
from edge_runtime.journal.framing import segment_numbers
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.models import FaultRow, PartRow
from edge_runtime.ledger.queries import fault_totals, show_part
from edge_runtime.ledger.store import ledger_url, open_ledger, open_to_read, reading
from edge_runtime.recorder_main import Recorder, apply_rest, recorder_lock
from edge_runtime.shm_ring import RingWriter, picture_ring_name
from tests.edge.ledger_samples import BOOT, UTC_NS, counters, epoch, fault, outcome, part
from vision.errors import LedgerError
from vision.types import PartId

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station file whose storage folder is `tmp_path`/books."""
    data = {
        "name": f"fg-test-{os.getpid()}",
        "recipe": "ball.yaml",
        "cameras": [
            {
                "name": "left",
                "source": {"type": "folder", "path": "pictures"},
                "geometry": {
                    "width_px": 640,
                    "height_px": 240,
                    "fov_start_counts": 800,
                    "px_per_count": 0.5,
                    "lane_y_px": {0: 120.0},
                },
                "exposure": {"every_counts": 256},
            }
        ],
        "plc": {"type": "virtual_eye", "camera": "left"},
        "storage": {"folder": "books"},
    }
    path = tmp_path / "station.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


class Processes:
    """Recorder processes of one test; all are ended."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._all.append(process)
        return process

    def recorder(self, station: Path) -> subprocess.Popen[str]:
        return self.start("-m", "edge_runtime.recorder_main", str(station))

    def end(self) -> None:
        for process in self._all:
            process.kill()
            process.communicate()


@pytest.fixture
def processes() -> Iterator[Processes]:
    them = Processes()
    yield them
    them.end()


def _wait(reached: Any, timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def _count(engine: sa.Engine, column: Any) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count(column))).scalar_one())


def _terminated(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return err


def test_recorder_applies_the_journal_and_the_pictures_and_drains_at_the_end(
    station: Path, processes: Processes
) -> None:
    storage = station.parent / "books"
    ring = RingWriter(picture_ring_name(f"fg-test-{os.getpid()}"), slots=16, payload_bytes=64 * 64)
    process = processes.recorder(station)
    writer = JournalWriter(storage / "journal", 1, boot_id=BOOT)
    try:
        writer.append(epoch())
        for seq in range(1, 31):
            writer.append(part(seq, decision="reject"))
            number = writer.append(outcome(seq, verdict="reject"))
        header = {
            "part": "1-0-7",
            "camera": "left",
            "view_index": 0,
            "height": 64,
            "width": 64,
            "channels": 1,
        }
        ring.write(header | {"utc_ns": UTC_NS, "kind": "reject"}, np.full((64, 64), 90, np.uint8))
        number = writer.append(counters(0, 30))
        assert writer.wait_durable(number or 0, 20.0)
        _wait((storage / "recorder.lock").exists)
        err = _terminated(process)
    finally:
        writer.close()
        ring.close()
    assert err == ""
    engine = open_to_read(ledger_url(storage))
    with reading(engine) as connection:
        books = balance(connection)
        row = show_part(connection, PartId(1, 0, 7))
    engine.dispose()
    assert books.balanced, books.text()
    assert books.lines[0].left == 30
    assert row is not None
    assert row["views"][0]["picture"] == "pictures/2026-09-21/14/1-0-7_left_0.jpg"
    assert (storage / row["views"][0]["picture"]).is_file()


@pytest.mark.long
def test_recorder_killed_at_random_instants_applies_everything_once(
    station: Path, processes: Processes
) -> None:
    storage = station.parent / "books"
    dice = random.Random(7)
    writer = JournalWriter(storage / "journal", 0.05, boot_id=BOOT)
    writer.append(epoch())
    open_ledger(ledger_url(storage)).dispose()
    engine = open_to_read(ledger_url(storage))
    seq = 0
    for _ in range(3):
        process = processes.recorder(station)
        goal = _count(engine, PartRow.id) + dice.randint(1, 80)
        while _count(engine, PartRow.id) < goal:
            assert process.poll() is None, process.communicate()
            for _ in range(20):
                seq += 1
                writer.append(part(seq))
                writer.append(fault())
                writer.append(outcome(seq))
            time.sleep(dice.random() * 0.02)
        process.kill()
        process.communicate()
    writer.append(counters(seq, 0))
    assert writer.close()
    with recorder_lock(storage, wait_s=5.0):
        apply_rest(engine, storage)
    with reading(engine) as connection:
        books = balance(connection)
        assert books.balanced, books.text()
        assert books.lines[0].left == seq
        assert connection.execute(sa.select(sa.func.count(FaultRow.id))).scalar_one() == seq
    engine.dispose()
    assert len(segment_numbers(storage / "journal")) >= 4


def test_only_one_recorder_at_a_time(station: Path, processes: Processes) -> None:
    with recorder_lock(station.parent / "books", wait_s=0.0):
        with (
            pytest.raises(LedgerError, match="another recorder"),
            recorder_lock(station.parent / "books", 0.1),
        ):
            pass
        process = processes.start(
            "-c",
            "import sys; from pathlib import Path; from edge_runtime.recorder_main import recorder_lock\n"
            "with recorder_lock(Path(sys.argv[1]), 0.0): pass",
            str(station.parent / "books"),
        )
        _, err = process.communicate(timeout=30)
        assert "another recorder is at work here" in err


def test_recorder_ends_when_its_parent_is_gone(station: Path, processes: Processes) -> None:
    """The supervisor dies without a word: what is in the journal is applied, then it leaves."""
    storage = station.parent / "books"
    code = """
        import subprocess, sys, os, time
        command = [sys.executable, "-m", "edge_runtime.recorder_main", sys.argv[1]]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(child.pid, flush=True)
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.02)
        os._exit(0)
    """
    parent = processes.start("-c", textwrap.dedent(code), str(station), str(storage / "ledger.sqlite-wal"))
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    _wait(lambda: parent.poll() is not None)
    with_entries = JournalWriter(storage / "journal", 1)
    with_entries.append(part(1))
    assert with_entries.close()
    try:
        _wait(lambda: not _alive(child))
    finally:
        if _alive(child):
            os.kill(child, signal.SIGKILL)
    engine = open_to_read(ledger_url(storage))
    assert _count(engine, PartRow.id) == 1
    engine.dispose()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_wrong_station_file_is_one_event(tmp_path: Path, processes: Processes) -> None:
    process = processes.recorder(tmp_path / "none.yaml")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    (ended,) = [json.loads(line) for line in err.splitlines()]
    assert (ended["event"], ended["exit_code"]) == ("ended", 2)
    assert ended["error"]
    assert ended["where"]
    assert ended["todo"]


_LIMITED = """
    import resource, sys, threading
    from pathlib import Path
    from edge_runtime.ledger.store import open_to_read, ledger_url
    from edge_runtime.logs import setup_logging
    from edge_runtime.recorder_main import Recorder
    setup_logging("recorder")
    storage = Path(sys.argv[1])
    engine = open_to_read(ledger_url(storage))
    recorder = Recorder(engine, storage, None, "boot")
    size = (storage / "ledger.sqlite").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    while not recorder.trouble:
        recorder.step()
    for _ in range(3):
        before = recorder.position
        assert (recorder.step() > 0) == (recorder.position > before) == (not recorder.trouble)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    while recorder.step():
        pass
    print("trouble:", repr(recorder.trouble))
"""


def test_database_that_cannot_grow_loses_nothing(tmp_path: Path, processes: Processes) -> None:
    """The ledger's files hit a size limit: nothing is applied half, and all of it once there is room."""
    open_ledger(ledger_url(tmp_path)).dispose()
    writer = JournalWriter(tmp_path / "journal", 1, boot_id=BOOT)
    entries: list[Entry] = [epoch()]
    for seq in range(1, 1001):
        entries += [part(seq), fault(), outcome(seq)]
    for entry in [*entries, counters(1000, 0)]:
        writer.append(entry)
    assert writer.close()
    process = processes.start("-c", textwrap.dedent(_LIMITED), str(tmp_path))
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert out == "trouble: ''\n"
    said = [json.loads(line) for line in err.splitlines()]
    assert [event["event"] for event in said] == ["ledger_refuses", "ledger_written_again"]
    assert said[0]["detail"].startswith("the ledger cannot be written")
    engine = open_to_read(ledger_url(tmp_path))
    with reading(engine) as connection:
        books = balance(connection)
        assert books.balanced, books.text()
        assert fault_totals(connection) == {"camera_lost": 1000}
        assert books.lines[0].left == 1000
    engine.dispose()


def test_damaged_journal_is_named_in_the_ledger(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal", 1)
    writer.append(part(1))
    writer.close()
    with (tmp_path / "journal" / "00000001.journal").open("ab") as stream:
        stream.write(b"torn record")
    (tmp_path / "journal" / "00000002.journal").write_bytes(b"")
    engine = open_ledger(ledger_url(tmp_path))
    recorder = Recorder(engine, tmp_path, None, BOOT)
    while recorder.step():
        pass
    recorder.step()
    with reading(engine) as connection:
        assert fault_totals(connection) == {"journal_damaged": 1}
    engine.dispose()
