"""One scan at the station: each of its rails mapped, graded, written as a folder, and put into the books.

The order is folder, then books: a folder without a row in the books is of a rail that was broken off, and is
mapped again. Neighbours: `map_run` maps and grades, `store` keeps the books, `station_main` calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from edge_runtime.reports.words import load_words
from edge_runtime.whole_file import whole_file
from edge_runtime.yard.map_folder import MapFolderError, StripIndex
from edge_runtime.yard.map_run import MapTools, map_scan, write_map
from edge_runtime.yard.scan import Scan
from edge_runtime.yard.station_intake import FullDiskError, Waiting
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_types import NewRail, StripPart
from edge_runtime.yard.yard_config import RailStationConfig
from vision.errors import ConfigError

RAILS = "rails"
#: a scan that has ended the process so often is put aside
TRIES_MAX = 3
#: Told (rail, per cent of its way, 100) between two tiles; may raise to break off.
Mapping = Callable[[str, int, int], None]
#: a rail's way in per cent: frames are read, tiles searched, pictures written
_WAY = {"frames": (0, 10), "search": (10, 75), "pictures": (75, 100)}


class StoppedError(Exception):
    """The station was told to stop in the middle of a rail; it is begun again at the next start."""


class YardWork:
    """Maps scans and books their rails.

    Args:
        config: of the station.
        tools: detector and recipe.
        store: the yard's books.
    """

    def __init__(self, config: RailStationConfig, tools: MapTools, store: YardStore) -> None:
        self._config = config
        self._tools = tools
        self._store = store
        page = config.page
        self._words = load_words("ru" if page is None else page.language)
        self._zone = timezone(timedelta(hours=5.0 if page is None else page.utc_offset_hours))

    def do(self, waiting: Waiting, told: Mapping) -> Iterator[str]:
        """Map and book every rail of a scan that is not in the books yet.

        Yields:
            The names of all its rails, each when it is in the books.

        Raises:
            ConfigError: the scan cannot be used. StoppedError: by `told`.
            ContractError: the model failed. FullDiskError, LedgerError: it cannot be written.
        """
        scans = waiting.read(self._config)
        if not any(entry.path is not None for scan in scans for entry in scan.entries):
            raise ConfigError(
                "none of the pictures that the table names is there",
                where=str(waiting.folder),
                todo="copy the scan anew, pictures and table together",
            )
        for scan in scans:
            name = self.name_of(waiting, scan, alone=len(scans) == 1)
            if not self._store.has_rail(name):
                self._rail(name, waiting, scan, told)
            yield name

    @staticmethod
    def name_of(waiting: Waiting, scan: Scan, *, alone: bool) -> str:
        """The rail's name in the books: the scan's, which is given once; of a recording the rail's own."""
        if waiting.source is not None:
            return scan.rail
        return waiting.name if alone else f"{waiting.name}.{scan.rail}"[:64]

    def _rail(self, name: str, waiting: Waiting, scan: Scan, told: Mapping) -> None:
        def tell(what: str, done: int, total: int) -> None:
            begin, end = _WAY[what]
            told(name, begin + (end - begin) * done // max(1, total), 100)

        mapped = map_scan(scan, self._tools, progress=tell)
        folder = self._config.storage.folder / RAILS / name
        now = datetime.now(UTC)
        try:
            index = write_map(
                folder,
                mapped,
                self._tools.recipe,
                self._words,
                now.astimezone(self._zone),
                replace=True,
                progress=tell,
            )
        except MapFolderError as error:
            raise FullDiskError(error.what, where=error.where, todo=error.todo) from error
        self._store.add_rail(
            NewRail(
                name=name,
                rail_map=mapped.rail_map.model_copy(update={"rail": name}),
                folder=f"{RAILS}/{name}",
                strips=strip_parts(index),
                scanned_utc_ns=_scanned_utc_ns(waiting.folder),
                scan=str(waiting.folder),
                facts=mapped.facts,
            )
        )


def strip_parts(index: StripIndex) -> tuple[StripPart, ...]:
    """The pictures of a map's folder as the books name them."""
    return tuple(
        StripPart(
            camera=camera.camera,
            first_row=picture.first_row,
            rows=picture.rows,
            file=picture.file,
            left_px=camera.left_px,
            gain=camera.gain,
        )
        for camera in index.cameras
        for picture in camera.pictures
    )


def _scanned_utc_ns(folder: Path) -> int:
    """When the scan was finished, as the file system has it."""
    return folder.stat().st_mtime_ns


class Tries:
    """Counts how often a scan was begun and never ended: one that kills the process must not do so for ever.

    Args:
        storage: folder; the count is kept in `begun.json`.
    """

    def __init__(self, storage: Path) -> None:
        self._path = storage / "begun.json"

    def begin(self, scan: str) -> None:
        """A scan is begun.

        Raises:
            ConfigError: it has ended the process too often.
            FullDiskError: that cannot be noted.
        """
        tries = self._tries(scan) + 1
        if tries > TRIES_MAX:
            raise ConfigError(
                f"mapping it has ended the station's process {TRIES_MAX} times",
                where=scan,
                todo="look into the station's log; 'ferrogate rail map' on the scan shows the fault",
            )
        try:
            with whole_file(self._path) as part:
                part.write_text(json.dumps({"scan": scan, "tries": tries}), encoding="utf-8")
        except OSError as error:
            raise FullDiskError(
                f"the disk refused: {error.strerror or error}",
                where=str(self._path),
                todo="make room on the disk or mend its rights; the scan waits",
            ) from error

    def end(self) -> None:
        """It has ended, this way or that."""
        self._path.unlink(missing_ok=True)

    def _tries(self, scan: str) -> int:
        try:
            note = json.loads(self._path.read_text(encoding="utf-8"))
            return int(note["tries"]) if note["scan"] == scan else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
