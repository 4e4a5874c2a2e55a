"""Photos that people sent by the page: each upload becomes a set in the books, and gets an answer.

The page moves a finished upload to `photos/inbox/NAME`, with `upload.json` beside the pictures. Here it moves
on to `photos/NAME`, is looked at, booked, and answered in `photos/NAME.json`; a set that was begun and has no
answer is done again after a crash. Neighbours: `photos` looks, `station_main` calls between two rails.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_runtime.whole_file import whole_file
from edge_runtime.yard.map_run import MapTools
from edge_runtime.yard.photos import PhotoSet, look_at_photos, photo_files, photo_map, photo_parts
from edge_runtime.yard.station_intake import FullDiskError
from edge_runtime.yard.station_work import StoppedError
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_types import NewRail
from vision.errors import ConfigError

_LOG = logging.getLogger(__name__)
PHOTOS, INBOX, NOTE = "photos", "inbox", "upload.json"


class Upload(BaseModel):
    """`upload.json`: who sent them, what they typed, and to which wagon they belong."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    by: str = ""
    name: str = ""
    wagon_id: int | None = None
    at_utc_ns: int | None = None


class PhotoInbox:
    """Looks after uploads.

    Args:
        storage: folder of the station.
        tools: detector and recipe.
        store: the yard's books.
        stop: breaks off between two photos.
        utc_ns: the clock.
    """

    def __init__(
        self,
        storage: Path,
        tools: MapTools,
        store: YardStore,
        stop: threading.Event,
        utc_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._photos = storage / PHOTOS
        self._tools = tools
        self._store = store
        self._stop = stop
        self._utc_ns = utc_ns

    def next(self) -> Path | None:
        """The next upload to look at: its folder below `photos/`; None where there is none.

        Raises:
            FullDiskError: the disk refused.
        """
        for folder in _folders(self._photos):
            if folder.name != INBOX and not self._answer_file(folder.name).exists():
                return folder  # begun before, and not answered
        for folder in _folders(self._photos / INBOX):
            place = self._photos / folder.name
            if place.exists() or folder.name == INBOX:
                continue  # its name was given before; the page never does that
            try:
                return folder.rename(place)
            except OSError as error:
                raise _refused(place, error) from error
        return None

    def work(self, folder: Path) -> PhotoSet:
        """Look at an upload, book it, and answer.

        Raises:
            StoppedError: told to stop. ContractError: the model failed.
            FullDiskError, LedgerError: it cannot be written.
        """
        upload = _upload(folder / NOTE)
        try:
            files = photo_files(folder)
        except ConfigError as error:
            sha256 = self._tools.detector.sha256
            failed = PhotoSet(
                name=folder.name,
                state="failed",
                photos=(),
                model_sha256=sha256,
                what=error.what,
                todo=error.todo,
            )
            return self._answer(folder, failed, None)
        detector = self._tools.detector
        photos = look_at_photos(folder.name, files, detector, detector.sha256, self._break_off)
        rail = self._book(folder, upload, photos) if photos.state == "done" else None
        return self._answer(folder, photos, rail)

    def _book(self, folder: Path, upload: Upload, photos: PhotoSet) -> str:
        """Put the set into the books under its title, or under the upload's name; returns that."""
        found = photo_map(photos, dict(self._tools.detector.contract.thresholds))
        scan = f"photos {folder.name}" + (f", sent by {upload.by}" if upload.by else "")
        title = upload.name.strip()
        place = f"{PHOTOS}/{folder.name}"
        for name in (title, f"{title} ({folder.name})"[:200], folder.name):
            if not name:
                continue
            if (there := self._store.rail_named(name)) is not None:
                if self._store.rail(there).folder == place:
                    return name  # booked before the process died; only the answer is missing
                continue
            try:
                self._store.add_rail(
                    NewRail(
                        name=name,
                        rail_map=found.model_copy(update={"rail": name}),
                        folder=place,
                        strips=photo_parts(photos.photos),
                        scanned_utc_ns=upload.at_utc_ns or self._utc_ns(),
                        kind="photos",
                        wagon_id=upload.wagon_id,
                        scan=scan,
                    )
                )
            except YardRefused as error:
                if name == folder.name:
                    raise
                _LOG.warning("title_not_taken", extra={"title": name, "why": error.what})
                continue
            return name
        raise YardRefused(
            "name_taken",
            f"an upload '{folder.name}' is in the books already, with other photos",
            where=str(folder),
            todo="send the photos anew",
        )

    def _answer(self, folder: Path, photos: PhotoSet, rail: str | None) -> PhotoSet:
        answer: dict[str, Any] = {**photos.model_dump(mode="json"), "upload": folder.name, "rail": rail}
        path = self._answer_file(folder.name)
        try:
            with whole_file(path) as part:
                part.write_text(json.dumps(answer, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise _refused(path, error) from error
        facts = {"upload": folder.name, "state": photos.state, "photos": len(photos.photos)}
        _LOG.info("photos_looked_at", extra=facts)
        return photos

    def _answer_file(self, name: str) -> Path:
        return self._photos / f"{name}.json"

    def _break_off(self, *_seen: object) -> None:
        if self._stop.is_set():
            raise StoppedError


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _upload(path: Path) -> Upload:
    try:
        return Upload.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        _LOG.warning("upload_note_not_read", extra={"file": str(path), "why": str(error)})
        return Upload()


def _refused(path: Path, error: OSError) -> FullDiskError:
    return FullDiskError(
        f"the disk refused: {error.strerror or error}",
        where=str(path),
        todo="make room on the disk or mend its rights; the photos wait",
    )
