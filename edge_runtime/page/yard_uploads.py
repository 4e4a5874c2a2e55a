"""Uploads of photos: a folder each, filled file by file, handed to the worker whole or not at all.

While it is filled the folder's name begins with a dot, so that the worker leaves it alone; one rename hands
it over. What nobody finished within a day is thrown away. Neighbours: `yard_photos_api` has the routes,
`edge_runtime.yard.photo_inbox` takes the folders and answers.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_photo_check import check_photo
from edge_runtime.yard.photo_inbox import INBOX, NOTE, PHOTOS
from vision.image_head import ImageHead

FILES_MAX = 60
_OPEN_MAX = 20
_DAY_NS = 24 * 3600 * 1_000_000_000
_ANSWERS_SHOWN = 30
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_MS = 1_000_000


@dataclass(slots=True)
class Upload:
    """One upload that is being filled."""

    name: str
    by: str
    title: str
    wagon_id: int | None
    files: int
    folder: Path
    begun_ns: int
    done: dict[int, dict[str, Any]] = field(default_factory=dict)


class UploadDesk:
    """Keeps the uploads of one page; may be used by many threads.

    Args:
        storage: of the station.
        min_free_mb: room that must be left on its disk.
    """

    def __init__(self, storage: Path, min_free_mb: int) -> None:
        self._photos = storage / PHOTOS
        self._inbox = self._photos / INBOX
        self._min_free = min_free_mb * 1024 * 1024
        self._open: dict[str, Upload] = {}
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def begin(self, by: str, title: str, wagon_id: int | None, files: int, now_ns: int) -> Upload:
        """Make the folder of a new upload.

        Raises:
            PageError: 507 no room, 503 too many are open.
        """
        self.check_room(0)
        self._inbox.mkdir(parents=True, exist_ok=True)
        self._sweep(now_ns)
        name = f"u{now_ns // 1_000_000_000}-{secrets.token_hex(2)}"
        upload = Upload(name, by, title, wagon_id, files, self._inbox / f".{name}.part", now_ns)
        with self._lock:
            if len(self._open) >= _OPEN_MAX:
                raise PageError(503, "busy", "too many uploads are open: try again later")
            upload.folder.mkdir()
            self._open[name] = upload
        return upload

    def need(self, name: str, by: str) -> Upload:
        """An upload that this person has begun.

        Raises:
            PageError: there is none (404).
        """
        with self._lock:
            found = self._open.get(name)
        if found is None or found.by != by:
            raise PageError(
                404, "yard_no_such_upload", "there is no such upload, or it is finished: begin anew"
            )
        return found

    def check_room(self, more: int) -> None:
        """Refuse when the disk would be too full after `more` bytes.

        Raises:
            PageError: 507.
        """
        self._photos.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._photos).free
        if free - more < self._min_free:
            mb = free // (1024 * 1024)
            raise PageError(
                507, "yard_disk_full", f"only {mb} MB are free on the station's disk", {"free_mb": mb}
            )

    def check(self, upload: Upload, number: int, arrived: Path, shown: str) -> ImageHead:
        """Take a file that has arrived, if it is a picture; thrown away if not.

        Raises:
            PageError: see `check_photo`.
        """
        try:
            with self._one_at_a_time:  # a picture of 100 megapixels takes 300 MB while it is looked at
                head = check_photo(arrived, shown)
            stem = _NAME.sub("_", Path(shown).stem)[:60].strip("._") or "photo"
            file = f"{number:03d}_{stem}{head.suffix}"
            arrived.replace(upload.folder / file)
        finally:
            arrived.unlink(missing_ok=True)
        with self._lock:
            before = upload.done.get(number)
            upload.done[number] = {"file": file, "as": shown, "turn": head.turn}
        if before is not None and before["file"] != file:
            # Sent again under another name: else one number could fill the disk with files nobody counts.
            (upload.folder / before["file"]).unlink(missing_ok=True)
        return head

    def finish(self, upload: Upload, now_ns: int) -> None:
        """Hand it over to the worker.

        Raises:
            PageError: it holds no picture (409).
        """
        with self._lock:
            if not upload.done:
                raise PageError(409, "yard_no_pictures", "the upload holds no picture")
            note = {
                "by": upload.by,
                "name": upload.title,
                "wagon_id": upload.wagon_id,
                "at_utc_ns": now_ns,
                "files": [upload.done[number] for number in sorted(upload.done)],
            }
            text = json.dumps(note, ensure_ascii=False, indent=1) + "\n"
            (upload.folder / NOTE).write_text(text, encoding="utf-8")
            upload.folder.rename(self._inbox / upload.name)
            self._open.pop(upload.name, None)

    def cancel(self, upload: Upload) -> None:
        """Throw it away."""
        with self._lock:
            self._open.pop(upload.name, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    def _sweep(self, now_ns: int) -> None:
        with self._lock:
            old = [upload for upload in self._open.values() if now_ns - upload.begun_ns > _DAY_NS]
            kept = {upload.folder for upload in self._open.values() if upload not in old}
        for upload in old:
            self.cancel(upload)
        for folder in self._inbox.glob(".u*.part"):
            try:
                left = folder not in kept and now_ns - folder.stat().st_mtime_ns > _DAY_NS
            except OSError:
                continue  # another page took it away just now
            if left:
                shutil.rmtree(folder, ignore_errors=True)

    def listed(self) -> list[dict[str, Any]]:
        """Uploads that wait, are being looked at, or have an answer; the newest first."""
        names = {path.name: "waiting" for path in _folders(self._inbox)}
        names |= {path.name: "looking" for path in _folders(self._photos) if path.name != INBOX}
        shown = sorted(names, reverse=True)[:_ANSWERS_SHOWN]
        return [self._listed(name, names[name]) for name in shown]

    def _listed(self, name: str, state: str) -> dict[str, Any]:
        folder = (self._inbox if state == "waiting" else self._photos) / name
        note, answer = _read(folder / NOTE), _read(self._photos / f"{name}.json")
        photos = answer.get("photos", [])
        return {
            "upload": name,
            "state": answer.get("state", state),
            "title": note.get("name", ""),
            "by": note.get("by", ""),
            "utc_ms": note.get("at_utc_ns", 0) // _MS,
            "wagon_id": note.get("wagon_id"),
            "files": len(note.get("files", photos)),
            "rail": answer.get("rail"),
            "what": answer.get("what", ""),
            "unread": [
                {"file": photo["file"], "error": photo["error"]} for photo in photos if photo.get("error")
            ],
            "without_rail": [
                photo["file"] for photo in photos if not photo.get("error") and not photo.get("rail_found")
            ],
            "marks": sum(len(photo.get("marks", ())) for photo in photos),
        }


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return [path for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; {} where there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
