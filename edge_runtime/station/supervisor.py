"""`ferrogate run`: starts station, recorder and page, and starts them again when they die.

The line is safe without them: the PLC rejects everything while no heartbeat comes.
So a process that dies or hangs is simply started again, a few times per minute. A
station or recorder that keeps dying is given up: the line stays in reject, the page
stays and says so, and a person starts it anew. Without a page the line goes on.
Neighbours: `child` is one process of them, `storage_lock` keeps a second station out.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.config import StationConfig
from edge_runtime.day.client import desk_path
from edge_runtime.live.mailbox import picture_box_name, status_box_name
from edge_runtime.service import ServiceManager
from edge_runtime.shm_ring import memory_path, picture_ring_name, remove_ring
from edge_runtime.station import RESTART
from edge_runtime.station.child import PROCESSES_FILE, Child, RestartsSpentError, exit_reason
from edge_runtime.station.liveness import LiveLimits
from edge_runtime.station.ready_watch import ReadyWatch
from edge_runtime.station.start_marks import MARKS, STATION_BEGUN
from vision.errors import LedgerError

log = logging.getLogger(__name__)

#: exit codes that a restart cannot mend: configuration, model, provider
FINAL_CODES = frozenset({2, 4, 5})
#: a station that asks to be started anew sooner than this after its start spends its budget
FREE_RESTART_AFTER_S = 3.0
#: the page comes once the station shows its status, and no later than this
PAGE_AFTER_S = 15.0
_POLL_S = 0.1
#: the station's loop turns 50 times a second; a batch of the recorder may wait for the disk, a page for a
#: query
STATION_LIVES = LiveLimits(silent_s=15.0)
RECORDER_LIVES = LiveLimits(silent_s=90.0)
PAGE_LIVES = LiveLimits(silent_s=30.0)


def supervise(
    config: StationConfig, station_file: Path, stop: threading.Event, parent_pid: int | None = None
) -> int:
    """Run station, recorder and page until `stop` is set or the station ends by itself.

    Args:
        config, station_file: the station.
        stop: set by whoever wants it to end.
        parent_pid: end, too, when this process is no longer our parent.

    Returns:
        The station's exit code; 0 when it was stopped or its recordings are over.

    Raises:
        RestartsSpentError: station or recorder keeps dying; while there is a page to say so, only at the end.
        LedgerError: the storage folder or the ledger cannot be used.
    """
    folder = config.storage.folder
    with storage_lock(folder):
        return _supervise(config, station_file, stop, parent_pid)


@contextmanager
def storage_lock(folder: Path) -> Iterator[None]:
    """Hold a storage folder: one station at a time keeps its books there.

    Raises:
        LedgerError: the folder cannot be made, or another station holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "run.lock").open("w")
    except OSError as error:
        raise LedgerError(
            f"the storage folder cannot be used: {error.strerror or error}",
            where=str(folder),
            todo="correct storage.folder in the station file, or this user's rights there",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerError(
                "another 'ferrogate run' keeps its books here",
                where=str(folder),
                todo="stop the other one, or give this station a storage folder of its own",
            ) from error
        yield


def _check_ledger(config: StationConfig) -> None:
    """A ledger that cannot be used is said once and now, not by a recorder that keeps dying."""
    # Imported here: what a database needs takes as long to load as all the rest.
    from edge_runtime.ledger.store import ledger_url, open_ledger

    MARKS.reached(STATION_BEGUN)
    open_ledger(ledger_url(config.storage.folder, config.storage.database_url)).dispose()
    MARKS.reached("ledger")


class Family:
    """The processes of one station.

    Args:
        config, station_file: the station.
    """

    def __init__(self, config: StationConfig, station_file: Path) -> None:
        self._config = config
        self._file = station_file
        self.station = Child("station", "edge_runtime.station.process", STATION_LIVES)
        self.recorder = Child("recorder", "edge_runtime.recorder_main", RECORDER_LIVES)
        self.page = Child("page", "edge_runtime.page.process", PAGE_LIVES)
        self._page_due_s: float | None = None
        self._page_given_up = config.page is None
        self._given_up = ""

    def start(self, books: Callable[[], object] = lambda: None) -> None:
        """Station and recorder; the page follows.

        Args:
            books: looks at the ledger, and raises when it cannot be used. Meanwhile the station loads what it
                needs, and goes no further before that.
        """
        # Of a supervisor that was killed: a status that nobody writes any more must not be shown.
        self._remove_mailboxes()
        self.station.start(self._file, held=True)
        books()
        self.station.release()
        self.recorder.start(self._file)
        self._page_due_s = time.monotonic() + PAGE_AFTER_S
        self._note()

    def look(self) -> int | None:
        """Start again what has died; the station's exit code once it has ended for good.

        Raises:
            RestartsSpentError: station or recorder keeps dying.
        """
        self._kill_what_hangs()
        code = self.station.returncode()
        if code == 0 or code in FINAL_CODES:
            return code
        if code is not None:
            asked = code == RESTART
            log.log(
                logging.INFO if asked else logging.WARNING,
                "process_ended",
                extra={"child": "station", "why": exit_reason(code), "then": "starting it again"},
            )
            free = asked and time.monotonic() - self.station.started_s > FREE_RESTART_AFTER_S
            self.station.start(self._file, free=free)
            self._note()
        if (code := self.recorder.returncode()) is not None:
            self._say_ended(self.recorder, code, "starting it again")
            self.recorder.start(self._file)
            self._note()
        if not self._page_given_up:
            self._look_after_page()
        return None

    def _kill_what_hangs(self) -> None:
        """What lives and gets nowhere is killed; then it is started again like what has died."""
        for child in (self.station, self.recorder, self.page):
            if why := child.kill_if_hanging():
                log.error("process_hangs", extra={"child": child.name, "why": why, "then": "killing it"})

    def give_up(self, error: RestartsSpentError) -> bool:
        """Station and recorder are ended: nothing is accepted any more. True while the page can say so."""
        self._given_up = error.what
        log.error("line_given_up", extra={"why": error.what, "todo": error.todo})
        for child in (self.station, self.recorder):
            child.stop()
        self._note()
        return self.page_lives

    @property
    def page_lives(self) -> bool:
        """There is a page, or will be one again."""
        return not self._page_given_up

    def look_after_page(self) -> None:
        """Only the page: the line was given up."""
        if (why := self.page.kill_if_hanging()) != "":
            log.error("process_hangs", extra={"child": "page", "why": why, "then": "killing it"})
        if not self._page_given_up:
            self._look_after_page()

    def _look_after_page(self) -> None:
        """The page is started, or started again; whatever becomes of it, the line runs on."""
        if self.page.process is None:
            status = memory_path(status_box_name(self._config.name))
            if not status.exists() and time.monotonic() < (self._page_due_s or 0.0):
                return
        else:
            code = self.page.returncode()
            if code is None:
                return
            if code in FINAL_CODES:
                self._give_up_page(f"it ended with exit code {code}, which a restart cannot mend")
                return
            self._say_ended(self.page, code, "starting it again")
        try:
            self.page.start(self._file)
        except RestartsSpentError as error:
            self._give_up_page(error.what)
        except OSError as error:
            self._give_up_page(f"it cannot be started: {error.strerror or error}")
        self._note()

    def _give_up_page(self, why: str) -> None:
        self._page_given_up = True
        todo = "the line runs on without it; read its messages above, mend it, start the station again"
        log.error("no_page", extra={"why": why, "todo": todo})

    def _say_ended(self, child: Child, code: int, then: str) -> None:
        log.warning("process_ended", extra={"child": child.name, "why": exit_reason(code), "then": then})

    def stop(self) -> None:
        """The station first, so that the recorder books its last entries and the page shows them."""
        for child in (self.station, self.recorder, self.page):
            child.stop()
        # Stations that were killed could not take these away.
        remove_ring(picture_ring_name(self._config.name))
        self._remove_mailboxes()
        (self._config.storage.folder / PROCESSES_FILE).unlink(missing_ok=True)

    def _remove_mailboxes(self) -> None:
        name = self._config.name
        boxes = [status_box_name(name), *(picture_box_name(name, each.name) for each in self._config.cameras)]
        for box in boxes:
            memory_path(box).unlink(missing_ok=True)
        desk_path(name).unlink(missing_ok=True)

    def _note(self) -> None:
        """Process ids, for service scripts; a disk that is full must not stop the line."""
        children = (self.station, self.recorder, self.page)
        facts: dict[str, int | str] = {"supervisor": os.getpid()}
        facts |= {child.name: child.process.pid for child in children if child.process is not None}
        if self._given_up:
            facts["given_up"] = self._given_up
        path = self._config.storage.folder / PROCESSES_FILE
        temporary = path.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(facts), encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            log.warning("processes_not_noted", extra={"path": str(path), "why": error.strerror or str(error)})


def _supervise(
    config: StationConfig, station_file: Path, stop: threading.Event, parent_pid: int | None
) -> int:
    family = Family(config, station_file)
    watch = ReadyWatch(config, station_file, time.monotonic())
    manager = ServiceManager()

    def goes_on() -> bool:
        manager.alive()
        return not stop.wait(_POLL_S) and (parent_pid is None or os.getppid() == parent_pid)

    try:
        family.start(lambda: _check_ledger(config))
        MARKS.said("children started")
        manager.ready(f"station {config.name}")
        while goes_on():
            watch.look(time.monotonic())
            try:
                code = family.look()
            except RestartsSpentError as error:
                watch.offer("last_good")
                manager.status(f"given up, everything is rejected: {error.what}")
                lives = family.give_up(error)
                while lives and goes_on():
                    family.look_after_page()
                    lives = family.page_lives
                raise
            if code is not None:
                if code in FINAL_CODES:
                    watch.offer("last_good")
                return code
        return 0
    finally:
        manager.stopping()
        family.stop()
