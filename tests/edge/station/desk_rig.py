"""A desk with a real journal, a real day and a decision loop that does nothing else.

`python -m tests.edge.station.desk_rig FOLDER NAME` serves until it is killed (the crash tests kill it).
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from edge_runtime.config import StationConfig
from edge_runtime.day.client import desk_path
from edge_runtime.day.files import day_file, recover
from edge_runtime.journal import JournalWriter, last_known
from edge_runtime.station.asked import ActAsked
from edge_runtime.station.day_file import DayFile
from edge_runtime.station.day_keeper import DayKeeper, DayPorts, DayStart
from edge_runtime.station.desk import Desk
from edge_runtime.station.holds import Holds
from edge_runtime.station.prepare import Preparer
from edge_runtime.station.rows import InForce
from tests.edge.core_rig import RECIPE, station
from tests.vision.small_models import darkest_model
from vision.detector import Detector

TODAY = date(2026, 3, 1)


class DeskRig:
    """Opens the day of a folder and serves it at the desk of `name`; close it with `close`."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        config: StationConfig | None = None,
        wait_durable: Callable[[int, float], bool] | None = None,
        loop: bool = True,
    ) -> None:
        self.folder = folder
        self.name = name
        self.faults: list[tuple[str, str]] = []
        self.journal = JournalWriter(folder / "journal")
        found = recover(day_file(folder), last_known(folder / "journal").acts)
        self.inbox: queue.SimpleQueue[ActAsked | None] = queue.SimpleQueue()
        self.holds = Holds(lambda state: None, self._fault, {})
        ports = DayPorts(
            self.journal.append,
            lambda: self.journal.durable_count,
            self.holds,
            self._fault,
            lambda: None,
            lambda: None,
            lambda lane: 1,
        )
        in_force = InForce("no lot", "no shift", RECIPE.sha256(), "m" * 64)
        start = DayStart(found.state, found.by, found.act, product=RECIPE.product)
        self.keeper = DayKeeper(start, in_force, ports, "boot")
        contract = Detector(darkest_model(), "drawn", station="ball").contract
        base = station() if config is None else config
        self.desk = Desk(
            desk_path(name),
            self.inbox.put,
            wait_durable or self.journal.wait_durable,
            Preparer(base, contract, lambda: self.keeper.state, lambda: TODAY),
            DayFile(
                day_file(folder), lambda: self.keeper.written, lambda: self.journal.durable_count, self._fault
            ),
            self._fault,
        )
        self._loop = threading.Thread(target=self._run) if loop else None
        if self._loop is not None:
            self._loop.start()
        self.desk.start()

    def _fault(self, code: str, detail: str) -> None:
        self.faults.append((code, detail))

    def _run(self) -> None:
        while (asked := self.inbox.get()) is not None:
            self.keeper.on_act(asked)

    def close(self) -> None:
        self.desk.close()
        if self._loop is not None:
            self.inbox.put(None)
            self._loop.join()
        self.journal.close()


if __name__ == "__main__":
    DeskRig(Path(sys.argv[1]), sys.argv[2])
    print("open", flush=True)
    threading.Event().wait()
