"""Where rails come from: finished scans are found, taken into the storage folder, or put aside.

A scan in a watched folder belongs to its scanner until it is finished; then it is moved, whole, to
`scans/NAME` in the storage folder, so that what is begun there is found again after a crash. A scan that
cannot be read is moved to `aside/NAME` with the reason in `aside/NAME.json`: nothing is deleted.
Neighbours: `yard_config` says where to look, `station_work` maps what is taken, `scan_files` reads it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime.whole_file import whole_file
from edge_runtime.yard.scan import Scan
from edge_runtime.yard.scan_files import SCAN_SHEET, chosen, read_scans, read_sheet
from edge_runtime.yard.scan_moving import PART, NotMovedError, is_still, move_scan
from edge_runtime.yard.station_status import NOT_THERE, lost_reason
from edge_runtime.yard.yard_config import RailStationConfig, Recording, WatchedFolder
from vision.errors import ConfigError, FerrogateError

SCANS, ASIDE, DONE = "scans", "aside", "done"
MARKER = "scan.done"
_MB = 1e6


class FullDiskError(FerrogateError):
    """The storage folder's disk has no room for another rail (exit code 8)."""

    exit_code = 8


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scan that is here and not mapped yet: its folder in the storage, or a recording's."""

    name: str
    folder: Path
    source: Recording | None

    def read(self, config: RailStationConfig) -> tuple[Scan, ...]:
        """The rails in it, under the station's scale.

        Raises:
            ConfigError: it cannot be read, or its sheet tells of another scanner than the station file.
        """
        pattern = None if self.source is None else self.source.pattern
        said = read_sheet(self.folder / SCAN_SHEET).geometry
        if said is not None and said != config.geometry:
            raise ConfigError(
                "the scan's sheet tells of another scanner than the station file: cameras or scale differ",
                where=str(self.folder / SCAN_SHEET),
                todo="take 'geometry' out of the sheet, or give this scanner a station file of its own",
            )
        scans = read_scans(self.folder, pattern=pattern, geometry=config.geometry)
        return chosen(scans, () if self.source is None else self.source.rails, self.folder)


@dataclass(frozen=True, slots=True)
class Aside:
    """A scan that was put aside, and why. `folder` '': it stayed where it was."""

    name: str
    what: str
    where: str
    todo: str
    at_utc: str
    folder: str = ""


class Intake:
    """Looks after the places that rails come from.

    Args:
        config: of the station.
    """

    def __init__(self, config: RailStationConfig) -> None:
        self._config = config
        self._storage = config.storage.folder
        #: folders that cannot be read: path -> why; said once, shown until they are back
        self.lost: dict[str, str] = {}

    def take_up(self) -> list[str]:
        """Move finished scans into the storage; returns their names.

        Raises:
            FullDiskError: the disk is full; what was not moved stays where it is.
        """
        taken = []
        for source in self._config.scans:
            if not isinstance(source, WatchedFolder):
                continue
            for folder in self._finished(source):
                try:
                    taken.append(self._take(folder))
                except NotMovedError as error:
                    # One that cannot be taken must not keep the others waiting.
                    self.lost[str(folder)] = str(error.strerror)
        return taken

    def waiting(self) -> Iterator[Waiting]:
        """Scans that are here and not done, oldest name first; recordings come last.

        What was put aside does not come again until its note in `aside/` is removed.
        """
        for folder in self._folders(self._storage / SCANS):
            if not self._marked(folder.name):
                yield Waiting(folder.name, folder, None)
        for source in self._config.scans:
            if not isinstance(source, Recording):
                continue
            name = f"recording-{_safe(source.path.resolve().name)}-{_hash(source)}"
            if self._marked(name):
                continue
            if not source.path.is_dir():
                self.lost[str(source.path)] = NOT_THERE
                continue
            self.lost.pop(str(source.path), None)
            yield Waiting(name, source.path, source)

    def done(self, scan: Waiting, rails: tuple[str, ...]) -> None:
        """Every rail of this scan is in the books.

        Raises:
            FullDiskError: that cannot be noted.
        """
        note: dict[str, object] = {
            "scan": scan.name,
            "rails": list(rails),
            "at_utc": _now(),
            "folder": str(scan.folder),
        }
        self._note(self._storage / DONE / f"{scan.name}.json", note)

    def put_aside(self, scan: Waiting, error: FerrogateError) -> Aside:
        """Put a scan away that cannot be used, and say why.

        Raises:
            FullDiskError: that cannot be noted.
        """
        folder = ""
        if scan.source is None:
            place = self._free_name(self._storage / ASIDE, scan.name)
            folder = str(place)
        aside = Aside(scan.name, error.what, error.where, error.todo, _now(), folder)
        note = {name: getattr(aside, name) for name in Aside.__slots__}
        name = Path(folder).name if folder else scan.name
        self._note(self._storage / ASIDE / f"{name}.json", note)
        if folder:
            with _disk(self._storage):
                scan.folder.rename(folder)
        return aside

    def asides(self) -> list[Aside]:
        """What lies aside, newest last."""
        found = []
        for path in sorted((self._storage / ASIDE).glob("*.json")):
            try:
                found.append(Aside(**json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, TypeError) as error:
                found.append(Aside(path.stem, f"its note cannot be read: {error}", str(path), "", ""))
        return sorted(found, key=lambda aside: aside.at_utc)

    def tidy(self, now_s: float) -> list[str]:
        """Remove frames of mapped rails that are older than the station keeps them; returns names."""
        keep = self._config.storage.keep_scans_days
        removed: list[str] = []
        if keep is None:
            return removed
        for folder in self._folders(self._storage / SCANS):
            note = self._storage / DONE / f"{folder.name}.json"
            try:
                old = now_s - note.stat().st_mtime >= keep * 86400.0
            except OSError:
                continue  # no note: it is not mapped, and stays whatever its age
            if old:
                # First out of sight: half a folder must never look like a scan.
                doomed = folder.with_name(f".{folder.name}.gone")
                folder.rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
                removed.append(folder.name)
        return removed

    def check_room(self) -> float:
        """Free MB on the storage's disk.

        Raises:
            FullDiskError: less than the station file asks for.
        """
        self._storage.mkdir(parents=True, exist_ok=True)
        free_mb = shutil.disk_usage(self._storage).free / _MB
        if free_mb < self._config.storage.min_free_mb:
            raise FullDiskError(
                f"only {free_mb:.0f} MB are free and {self._config.storage.min_free_mb} MB are asked for: no "
                "rail is begun",
                where=str(self._storage),
                todo="make room on the disk; the scans wait where they are and nothing is lost",
            )
        return free_mb

    def _finished(self, source: WatchedFolder) -> Iterator[Path]:
        where = str(source.path)
        try:
            folders = self._folders(source.path, must_be=True)
        except OSError as error:
            self.lost[where] = lost_reason(error)
            return
        self.lost.pop(where, None)
        here = {str(folder) for folder in folders}
        for gone in [place for place in self.lost if Path(place).parent == source.path and place not in here]:
            del self.lost[gone]
        for folder in folders:
            try:
                finished = (folder / MARKER).is_file() or (
                    not source.marker and is_still(folder, source.settle_s)
                )
            except OSError as error:
                self.lost[str(folder)] = lost_reason(error)
                continue
            self.lost.pop(str(folder), None)
            if finished:
                yield folder

    def _folders(self, place: Path, *, must_be: bool = False) -> list[Path]:
        if not must_be and not place.is_dir():
            return []
        return sorted(
            path
            for path in place.iterdir()
            if path.is_dir() and not path.name.startswith(".") and not path.name.endswith(PART)
        )

    def _take(self, folder: Path) -> str:
        scans = self._storage / SCANS
        with _disk(self._storage):
            scans.mkdir(parents=True, exist_ok=True)
            place = self._free_name(scans, _safe(_called(folder)))
            move_scan(folder, place, int(self._config.storage.min_free_mb * _MB))
        return place.name

    def _free_name(self, parent: Path, name: str) -> Path:
        """A place below `parent` that no scan ever had: a scanner that counts anew replaces nothing."""
        for number in range(1, 100_000):
            tried = name if number == 1 else f"{name}-{number}"
            if not (parent / tried).exists() and not self._marked(tried):
                return parent / tried
        raise ConfigError(f"there are too many scans named '{name}'", where=str(parent), todo="rename them")

    def _marked(self, name: str) -> bool:
        return any((self._storage / place / f"{name}.json").exists() for place in (DONE, ASIDE))

    def _note(self, path: Path, note: dict[str, object]) -> None:
        with _disk(self._storage):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as part:
                part.write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class _disk:  # noqa: N801  # reads as a word at its place: `with _disk(folder):`
    """Turns an error of the disk into a sentence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, NotMovedError):
            raise FullDiskError(
                f"the disk refused: {error.strerror or error}",
                where=str(error.filename or self._folder),
                todo="make room on the disk or mend its rights; the scans wait and nothing is lost",
            ) from error


def _called(folder: Path) -> str:
    """The rail's name on the scan's sheet, where somebody wrote one; else the folder's."""
    try:
        return read_sheet(folder / SCAN_SHEET).rail or folder.name
    except ConfigError:
        return folder.name  # what is wrong with the sheet is said when the scan is read


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:64] or "scan"


def _hash(source: Recording) -> str:
    import hashlib

    return hashlib.sha256(f"{source.path}|{source.pattern}|{source.rails}".encode()).hexdigest()[:8]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
