"""The supervisor: who is started again, who is given up, who ends last. Its children are real processes."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.config import PageConfig, StationConfig
from edge_runtime.live.mailbox import MailboxWriter, status_box_name
from edge_runtime.page.machine_watch import given_up
from edge_runtime.shm_ring import memory_path
from edge_runtime.station import RESTART, supervisor
from edge_runtime.station.child import PROCESSES_FILE, RESTARTS_MAX, Child, RestartsSpentError
from edge_runtime.station.liveness import LiveLimits
from edge_runtime.station.supervisor import Family, supervise
from tests.edge.core_rig import station

WAIT_S = 30.0


class Rig:
    """A family of small processes; `look` until something is so."""

    def __init__(self, folder: Path, *, page: PageConfig | None = None) -> None:
        self.folder = folder
        base = station(name=f"family-{os.getpid()}")
        storage = base.storage.model_copy(update={"folder": folder})
        self.config: StationConfig = base.model_copy(update={"storage": storage, "page": page})
        self.family = Family(self.config, folder / "station.yaml")
        for name in ("station", "recorder", "page"):
            setattr(self.family, name, Child(name, f"tests.edge.station.family.{name}"))

    def exits(self, name: str, code: int | None) -> None:
        path = self.folder / f"{name}.exit"
        if code is None:
            path.unlink()
        else:
            path.write_text(str(code), encoding="utf-8")

    def diary(self) -> list[str]:
        path = self.folder / "diary.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < end, self.diary()
            assert self.family.look() is None
            time.sleep(0.02)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, page=PageConfig())
    yield rig
    rig.family.stop()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PAGE_AFTER_S", 0.0)


def test_the_page_waits_for_the_station_and_ends_last(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PAGE_AFTER_S", 1e9)
    rig.family.start()
    rig.until(lambda: {"station starts", "recorder starts"} <= set(rig.diary()))
    for _ in range(5):
        rig.family.look()
    assert rig.family.page.process is None
    box = MailboxWriter(status_box_name(rig.config.name), 1 << 10)
    try:
        rig.until(lambda: "page starts" in rig.diary())
        names = (rig.folder / PROCESSES_FILE).read_text(encoding="utf-8")
        assert all(name in names for name in ("station", "recorder", "page", "supervisor"))
        rig.family.stop()
    finally:
        box.close()
    assert rig.diary()[-3:] == ["station ends", "recorder ends", "page ends"]
    assert not (rig.folder / PROCESSES_FILE).exists()


def test_a_station_file_without_a_page_has_none(tmp_path: Path, at_once: None) -> None:
    rig = Rig(tmp_path)
    try:
        rig.family.start()
        rig.until(lambda: len(rig.diary()) == 2)
        for _ in range(5):
            rig.family.look()
    finally:
        rig.family.stop()
    assert "page starts" not in rig.diary()


def test_a_page_that_dies_is_started_again_and_the_line_never_notices(rig: Rig, at_once: None) -> None:
    rig.exits("page", 1)
    rig.family.start()
    rig.until(lambda: rig.diary().count("page starts") == 2)
    rig.exits("page", None)
    rig.until(lambda: rig.diary().count("page starts") == 3)
    assert rig.diary().count("station starts") == 1


def test_a_page_that_keeps_dying_is_given_up_once_and_the_line_runs_on(
    rig: Rig, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    rig.exits("page", 1)
    rig.family.start()
    with caplog.at_level(logging.INFO):
        rig.until(lambda: "no_page" in [record.message for record in caplog.records])
        for _ in range(5):
            assert rig.family.look() is None
    assert [record.message for record in caplog.records].count("no_page") == 1
    assert rig.diary().count("page starts") == RESTARTS_MAX + 1


def test_a_folder_that_takes_no_more_files_stops_no_line_when_the_page_dies(rig: Rig, at_once: None) -> None:
    (rig.folder / PROCESSES_FILE).with_suffix(".tmp").mkdir()
    rig.exits("page", 1)
    rig.family.start()
    rig.until(lambda: rig.diary().count("page starts") == 2)
    assert rig.diary().count("station starts") == 1


def test_a_page_that_cannot_even_be_started_is_given_up(
    rig: Rig, at_once: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    rig.family.start()
    monkeypatch.setattr("edge_runtime.station.child.subprocess.Popen", no_memory)
    assert rig.family.look() is None
    assert "no_page" in [record.message for record in caplog.records]
    assert rig.family.look() is None


def test_a_page_that_no_restart_can_mend_is_not_tried_again(
    rig: Rig, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    rig.exits("page", 2)
    rig.family.start()
    with caplog.at_level(logging.INFO):
        rig.until(lambda: "no_page" in [record.message for record in caplog.records])
    assert rig.diary().count("page starts") == 1
    assert rig.family.look() is None


def test_a_changeover_spends_no_restarts(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FREE_RESTART_AFTER_S", 0.0)
    rig.exits("station", RESTART)
    rig.family.start()
    rig.until(lambda: rig.diary().count("station starts") > RESTARTS_MAX + 3)


def test_a_station_that_asks_for_it_again_and_again_at_its_start_does(rig: Rig) -> None:
    rig.exits("station", RESTART)
    rig.family.start()
    with pytest.raises(RestartsSpentError, match="the station died"):
        rig.until(lambda: False)
    assert rig.diary().count("station starts") == RESTARTS_MAX + 1


@pytest.mark.parametrize("code", [0, 2, 4, 5])
def test_a_station_that_ends_for_good_ends_it_all(rig: Rig, code: int) -> None:
    rig.exits("station", code)
    rig.family.start()
    end = time.monotonic() + WAIT_S
    while (found := rig.family.look()) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert found == code


def test_what_killed_stations_left_is_taken_away(rig: Rig) -> None:
    name = status_box_name(rig.config.name)
    memory_path(name).write_bytes(b"\0" * 64)
    rig.family.start()
    assert not memory_path(name).exists()
    memory_path(name).write_bytes(b"\0" * 64)
    rig.family.stop()
    assert not memory_path(name).exists()


def _in_a_thread(rig: Rig, stop: threading.Event, raised: list[BaseException]) -> threading.Thread:
    def run() -> None:
        try:
            supervise(rig.config, rig.folder / "station.yaml", stop)
        except RestartsSpentError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("culprit", ["station", "recorder"])
def test_a_line_that_keeps_dying_is_given_up_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: None, culprit: str
) -> None:
    rig = Rig(tmp_path, page=PageConfig())
    monkeypatch.setattr(supervisor, "Family", lambda *_: rig.family)
    # A service manager's signals are the main thread's; here there are none.
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)
    rig.exits(culprit, 1)
    stop, raised = threading.Event(), list[BaseException]()
    thread = _in_a_thread(rig, stop, raised)
    end = time.monotonic() + WAIT_S
    while not given_up(tmp_path):
        assert time.monotonic() < end, rig.diary()
        time.sleep(0.02)
    assert f"the {culprit} died" in given_up(tmp_path)
    assert rig.diary().count(f"{culprit} starts") == RESTARTS_MAX + 1
    other = "recorder" if culprit == "station" else "station"
    assert rig.family.station.returncode() is not None
    assert rig.family.recorder.returncode() is not None, f"{other} was ended, too"
    assert rig.family.page.returncode() is None, "somebody has to say it"
    assert not raised
    stop.set()
    thread.join(WAIT_S)
    assert [type(error) for error in raised] == [RestartsSpentError]
    assert rig.diary()[-1] == "page ends"


def test_without_a_page_a_line_that_keeps_dying_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)
    monkeypatch.setattr(supervisor, "Family", lambda *_: rig.family)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)
    rig.exits("station", 1)
    raised = list[BaseException]()
    thread = _in_a_thread(rig, threading.Event(), raised)
    thread.join(WAIT_S)
    assert [type(error) for error in raised] == [RestartsSpentError]


def test_a_page_that_hangs_is_killed_and_started_again(
    rig: Rig, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    rig.family.page = Child(
        "page", "tests.edge.station.family.beater", LiveLimits(silent_s=0.6, first_s=WAIT_S)
    )
    rig.family.start()
    rig.until(lambda: (rig.folder / "beats").exists())
    page = rig.family.page.process
    assert page is not None
    os.kill(page.pid, signal.SIGSTOP)
    rig.until(lambda: rig.family.page.process not in (None, page))
    assert page.poll() == -signal.SIGKILL
    assert "process_hangs" in [record.message for record in caplog.records]
    assert rig.diary().count("station starts") == 1, "the line never noticed"


def test_the_processes_are_noted_as_they_are(rig: Rig) -> None:
    rig.family.start()
    noted = json.loads((rig.folder / PROCESSES_FILE).read_text(encoding="utf-8"))
    assert rig.family.station.process is not None
    assert noted["station"] == rig.family.station.process.pid
    assert given_up(rig.folder) == ""
    (rig.folder / PROCESSES_FILE).write_text("[half", encoding="utf-8")
    assert given_up(rig.folder) == ""
