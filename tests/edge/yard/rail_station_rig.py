"""A rail station for tests: its file, a worker whose detector finds dark spots, drawn scans."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.ledger.store import ledger_url
from edge_runtime.yard.map_run import MapTools
from edge_runtime.yard.photo_inbox import PhotoInbox
from edge_runtime.yard.second_look import LookRule
from edge_runtime.yard.station_main import Worker
from edge_runtime.yard.station_status import StatusWriter, YardStatus, read_status
from edge_runtime.yard.station_work import YardWork
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from tests.edge.yard import rail_scans

#: As `rail_scans.SHEET` has it, so that drawn scans fit.
STATION: dict[str, Any] = {
    "schema_version": 1,
    "station": "rail",
    "name": "yard",
    "cameras": [{"name": "top", "mm_per_px": 0.5}],
    "encoder": {"counts_per_mm": 1.0, "bits": 16},
    "row_mm": 0.5,
    "scans": [{"type": "watch", "path": "scans", "settle_s": 0.0}],
    "storage": {"folder": "books", "min_free_mb": 10},
}


def write_station(folder: Path, **changed: Any) -> Path:
    """A station file with some keys changed; None takes a key out."""
    station = {key: value for key, value in {**STATION, **changed}.items() if value is not None}
    path = folder / "rail_station.yaml"
    path.write_text(yaml.safe_dump(station), encoding="utf-8")
    (folder / "scans").mkdir(exist_ok=True)
    return path


@dataclass
class Rig:
    """One worker at work in this process."""

    config: RailStationConfig
    store: YardStore
    worker: Worker
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> YardStatus:
        """As the page reads it."""
        status = read_status(self.config.storage.folder)
        assert status is not None
        return status

    def work(self) -> None:
        """Round after round, until there is nothing left to do."""
        while self.worker.round():
            pass

    def names(self) -> list[str]:
        """Rails in the books, the newest first."""
        return [line.name for line in self.store.rails()]


@contextmanager
def rig(station_file: Path, tools: MapTools | None = None) -> Iterator[Rig]:
    """A worker as the station's process makes it, with dark spots for a model."""
    config = load_rail_station(station_file)
    tools = rail_scans.tools() if tools is None else tools
    storage = config.storage.folder
    storage.mkdir(exist_ok=True)
    stop = threading.Event()
    url = ledger_url(storage, config.storage.database_url)
    store = YardStore.open(
        storage, url, RecipeGrading(tools.recipe), LookRule(share=config.second_look.share)
    )
    try:
        status = StatusWriter(storage, config.name, time.time_ns())
        inbox = PhotoInbox(storage, tools, store, stop)
        yield Rig(config, store, Worker(config, YardWork(config, tools, store), inbox, status, stop), stop)
    finally:
        store.close()
