"""The rail station's worker: scans in, maps and grades into the books.

    python -m edge_runtime.yard.station_main STATION.yaml

It takes finished scans into the storage folder, maps and grades one rail after the other, and looks at
uploaded photos between two rails. It may be ended or die at any instant: a rail is in the books whole or not
at all, and one that was begun is begun again at the next start. A scan that ends the process time after time
is put aside. Neighbours: `station_intake` finds scans, `station_work` maps them, `station_status` tells.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence

import cv2

from edge_runtime.child_main import ChildLife, run_child
from edge_runtime.ledger.store import ledger_url
from edge_runtime.logs import setup_logging
from edge_runtime.yard.photo_inbox import PhotoInbox
from edge_runtime.yard.second_look import LookRule
from edge_runtime.yard.station_intake import FullDiskError, Intake, Waiting
from edge_runtime.yard.station_run import open_tools
from edge_runtime.yard.station_status import AsideNote, StatusWriter, lost_words
from edge_runtime.yard.station_work import StoppedError, Tries, YardWork
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from vision.errors import ConfigError, FerrogateError, ImageError

_LOG = logging.getLogger("edge_runtime.yard.station_main")
NICENESS = 5
POLL_S = 0.5
#: the status is written so often while nothing changes
STATUS_S = 2.0
#: frames that are too old are looked for so often
TIDY_S = 600.0


class Worker:
    """One worker; `round` does one rail, or finds that there is none.

    Args:
        config: of the station.
        work: maps and books.
        inbox: of photos.
        status: told of everything.
        stop: ends the work between two tiles.
    """

    def __init__(
        self,
        config: RailStationConfig,
        work: YardWork,
        inbox: PhotoInbox,
        status: StatusWriter,
        stop: threading.Event,
    ) -> None:
        self._config = config
        self._work = work
        self._inbox = inbox
        self._status = status
        self._stop = stop
        self._intake = Intake(config)
        self._tries = Tries(config.storage.folder)
        self._lost_said: dict[str, str] = {}
        self._written_s = self._tidied_s = 0.0
        self._rails_done = 0

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            ContractError: the model failed. LedgerError: the books cannot be written.
        """
        while not self._stop.is_set():
            try:
                busy = self.round()
            except StoppedError:
                break
            except FullDiskError as error:
                self._full(error)
                busy = False
            if not busy:
                self._stop.wait(POLL_S)
        self._tell(force=True, state="stopped", rail="", done=0, total=0, message="")

    def round(self) -> bool:
        """Do one scan or one set of photos; False where there is none.

        Raises:
            FullDiskError: there is no room. StoppedError: told to stop in the middle.
        """
        free_mb = self._intake.check_room()
        for name in self._intake.take_up():
            _LOG.info("scan_taken_up", extra={"scan": name})
        waiting = list(self._intake.waiting())
        self._say_lost()
        if waiting:
            self._tell(queue=tuple(scan.name for scan in waiting), free_mb=free_mb)
            self._one(waiting[0])
            return True
        if (photos := self._inbox.next()) is not None:
            self._tell(force=True, state="photos", rail=photos.name, queue=())
            self._inbox.work(photos)
            return True
        lost = self._intake.lost
        state = "no_source" if all(str(source.path) in lost for source in self._config.scans) else "idle"
        message = "; ".join(f"{place}: {lost_words(why)}" for place, why in self._intake.lost.items())
        self._tell(state=state, rail="", done=0, total=0, queue=(), free_mb=free_mb, message=message)
        self._tidy()
        return False

    def _one(self, scan: Waiting) -> None:
        rails = []
        try:
            self._tries.begin(scan.name)
            for rail in self._work.do(scan, self._mapping):
                rails.append(rail)
                self._rails_done += 1
                self._tell(force=True, rails_done=self._rails_done, last_rail=rail)
        except StoppedError:
            self._tries.end()  # it was us who ended it
            raise
        except (ConfigError, ImageError) as error:
            self._put_aside(scan, error)
        else:
            self._intake.done(scan, tuple(rails))
            _LOG.info("scan_done", extra={"scan": scan.name, "rails": rails})
        self._tries.end()

    def _put_aside(self, scan: Waiting, error: FerrogateError) -> None:
        aside = self._intake.put_aside(scan, error)
        facts = {"scan": scan.name, "error": error.what, "where": error.where, "todo": error.todo}
        _LOG.error("scan_put_aside", extra=facts | {"folder": aside.folder})
        self._tell(force=True, rail="")

    def _mapping(self, rail: str, done: int, total: int) -> None:
        """Told between two tiles; the place at which a rail can be broken off.

        Raises:
            StoppedError: told to stop.
        """
        if self._stop.is_set():
            raise StoppedError
        self._tell(state="mapping", rail=rail, done=done, total=total, message="")

    def _full(self, error: FullDiskError) -> None:
        if self._status.status.state != "full_disk":
            facts = {"error": error.what, "where": error.where, "todo": error.todo}
            _LOG.error("full_disk", extra=facts)
        self._tell(state="full_disk", rail="", message=str(error))

    def _say_lost(self) -> None:
        """Tell a change of the places that cannot be read, once."""
        lost = dict(self._intake.lost)
        for place in lost.keys() - self._lost_said.keys():
            _LOG.error("source_lost", extra={"folder": place, "why": lost_words(lost[place])})
        for place in self._lost_said.keys() - lost.keys():
            _LOG.info("source_back", extra={"folder": place})
        self._lost_said = lost

    def _tell(self, *, force: bool = False, **changed: object) -> None:
        now_s = time.monotonic()
        new_state = changed.get("state", self._status.status.state) != self._status.status.state
        if not force and not new_state and now_s - self._written_s < STATUS_S:
            return
        self._written_s = now_s
        notes = tuple(
            AsideNote(**{name: getattr(aside, name) for name in AsideNote.model_fields})
            for aside in self._intake.asides()
        )
        self._status.write(time.time_ns(), asides=notes, lost=self._lost_said, **changed)

    def _tidy(self) -> None:
        now_s = time.monotonic()
        if self._tidied_s and now_s - self._tidied_s < TIDY_S:
            return
        self._tidied_s = now_s
        for name in self._intake.tidy(time.time()):
            _LOG.info("frames_removed", extra={"scan": name, "why": "older than storage.keep_scans_days"})


def run_worker(config: RailStationConfig, stop: threading.Event) -> None:
    """Work for one station until `stop` is set.

    Raises:
        ConfigError, ContractError, ProviderError: model or recipe cannot be used. LedgerError: the books.
    """
    storage = config.storage.folder
    status = StatusWriter(storage, config.name, time.time_ns())
    storage.mkdir(parents=True, exist_ok=True)
    status.write(time.time_ns())
    tools = open_tools(config)
    store = YardStore.open(
        storage,
        ledger_url(storage, config.storage.database_url),
        RecipeGrading(tools.recipe),
        LookRule(share=config.second_look.share),
    )
    try:
        regraded = store.regrade()
        if regraded:
            _LOG.info("rails_graded_anew", extra={"rails": regraded, "why": "the recipe is another one"})
        work = YardWork(config, tools, store)
        inbox = PhotoInbox(storage, tools, store, stop)
        Worker(config, work, inbox, status, stop).run()
    finally:
        store.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_child("yard", "edge_runtime.yard.station_main", __doc__, NICENESS, _work, arguments)


def _work(life: ChildLife) -> None:
    config = load_rail_station(life.station)
    cv2.setNumThreads(config.detector.threads)
    setup_logging("yard", config.name)
    threading.Thread(target=_with_parent, args=(life,), name="parent", daemon=True).start()
    run_worker(config, life.stop)


def _with_parent(life: ChildLife) -> None:
    """A worker whose supervisor was killed ends as if it had been told to."""
    while not life.stop.wait(POLL_S):
        if life.ended():
            life.stop.set()


if __name__ == "__main__":
    sys.exit(main())
