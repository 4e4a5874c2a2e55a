"""`ferrogate run` with a rail station file: starts worker and page, and starts them again when they die.

The conveyor does not wait for either: scans lie in their folder until the worker takes them. A process that
dies is started again a few times a minute; a page that keeps dying is given up and said, and rails are mapped
without it. Neighbours: `edge_runtime.station.supervisor` does the same for the ball line.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path

from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.station.child import PROCESSES_FILE, Child, RestartsSpentError, exit_reason
from edge_runtime.station.supervisor import FINAL_CODES, PAGE_LIVES, storage_lock
from edge_runtime.whole_file import whole_file
from edge_runtime.yard.yard_config import RailStationConfig

_LOG = logging.getLogger(__name__)
_POLL_S = 0.1


def supervise_yard(
    config: RailStationConfig, station_file: Path, stop: threading.Event, parent_pid: int | None = None
) -> int:
    """Run worker and page until `stop` is set or the worker ends for good.

    Args:
        config, station_file: the station.
        stop: set by whoever wants it to end.
        parent_pid: end, too, when this process is no longer our parent.

    Returns:
        The worker's exit code; 0 when it was stopped.

    Raises:
        RestartsSpentError: the worker keeps dying.
        LedgerError: the storage folder or the books cannot be used.
    """
    folder = config.storage.folder
    with storage_lock(folder):
        # Books that cannot be used are said once and now, not by a worker that keeps dying.
        open_ledger(ledger_url(folder, config.storage.database_url)).dispose()
        family = YardFamily(config, station_file)
        try:
            family.start()
            while not stop.wait(_POLL_S):
                if parent_pid is not None and os.getppid() != parent_pid:
                    return 0
                code = family.look()
                if code is not None:
                    return code
            return 0
        finally:
            family.stop()


class YardFamily:
    """The processes of one rail station.

    Args:
        config, station_file: the station.
    """

    def __init__(self, config: RailStationConfig, station_file: Path) -> None:
        self._file = station_file
        self._processes_file = config.storage.folder / PROCESSES_FILE
        self.worker = Child("yard", "edge_runtime.yard.station_main")
        self.page = Child("page", "edge_runtime.page.yard_process", PAGE_LIVES)
        self._page_given_up = config.page is None

    def start(self) -> None:
        """Both of them."""
        self.worker.start(self._file)
        if not self._page_given_up:
            self._start_page()
        self._note()

    def look(self) -> int | None:
        """Start again what has died; the worker's exit code once it has ended for good.

        Raises:
            RestartsSpentError: the worker keeps dying.
        """
        if why := self.page.kill_if_hanging():
            _LOG.error("process_hangs", extra={"child": "page", "why": why, "then": "killing it"})
        code = self.worker.returncode()
        if code == 0 or code in FINAL_CODES:
            return code
        if code is not None:
            self._say_ended(self.worker, code)
            self.worker.start(self._file)
            self._note()
        if not self._page_given_up and (code := self.page.returncode()) is not None:
            if code in FINAL_CODES:
                self._give_up_page(f"it ended with exit code {code}, which a restart cannot mend")
            else:
                self._say_ended(self.page, code)
                self._start_page()
            self._note()
        return None

    def stop(self) -> None:
        """The worker first, so that the page shows what it wrote last."""
        for child in (self.worker, self.page):
            child.stop()
        self._processes_file.unlink(missing_ok=True)

    def _start_page(self) -> None:
        try:
            self.page.start(self._file)
        except RestartsSpentError as error:
            self._give_up_page(error.what)
        except OSError as error:
            self._give_up_page(f"it cannot be started: {error.strerror or error}")

    def _give_up_page(self, why: str) -> None:
        self._page_given_up = True
        todo = "rails are mapped without it; read its messages above, mend it, start the station again"
        _LOG.error("no_page", extra={"why": why, "todo": todo})

    def _say_ended(self, child: Child, code: int) -> None:
        why = {"child": child.name, "why": exit_reason(code), "then": "starting it again"}
        _LOG.warning("process_ended", extra=why)

    def _note(self) -> None:
        """Process ids, for service scripts; a disk that is full must not stop the station."""
        children = (self.worker, self.page)
        pids = {child.name: child.process.pid for child in children if child.process is not None}
        try:
            with whole_file(self._processes_file) as part:
                part.write_text(json.dumps({"supervisor": os.getpid(), **pids}), encoding="utf-8")
        except OSError as error:
            why = {"path": str(self._processes_file), "why": error.strerror or str(error)}
            _LOG.warning("processes_not_noted", extra=why)
