"""A real station that runs in a thread of the test: its desk answers acts, its journal keeps them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import yaml

from edge_runtime.config import StationConfig, load_station
from edge_runtime.day.client import desk_path
from edge_runtime.day.state import DayState
from edge_runtime.entries import ActEntry
from edge_runtime.journal import read_journal
from edge_runtime.station.process import Station
from edge_runtime.station.session import journal_folder
from tests.strips import draw_strip

WAIT_S = 30.0


@contextmanager
def running_station(station_file: Path) -> Iterator[Station]:
    """Run the bench station of a file on an empty channel until the test is through with it."""
    data = yaml.safe_load(station_file.read_text(encoding="utf-8"))
    source = data["cameras"][0]["source"]
    cv2.imwrite(str(Path(source["path"]) / "f000000.png"), draw_strip([], seed=1))
    cv2.imwrite(str(Path(source["path"]) / "f000001.png"), draw_strip([], seed=2))
    source |= {"realtime": True, "frames_per_s": 0.01}  # the recording outlasts any test
    station_file.write_text(yaml.safe_dump(data), encoding="utf-8")
    station = Station(load_station(station_file))
    thread = threading.Thread(target=station.run, name="station")
    thread.start()
    try:
        end = time.monotonic() + WAIT_S
        while not desk_path(station.config.name).exists():
            assert thread.is_alive()
            assert time.monotonic() < end
            time.sleep(0.01)
        yield station
    finally:
        station.stopping.set()
        thread.join()


def day_of(station: Station) -> DayState:
    """The day as the station has it now."""
    return station.core.day.state


def journaled_acts(config: StationConfig) -> list[ActEntry]:
    """The acts on disk."""
    return [entry for _, entry in read_journal(journal_folder(config.storage)) if isinstance(entry, ActEntry)]
