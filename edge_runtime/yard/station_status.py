"""How the rail station stands, as one small file beside its books: `status.json`.

The worker rewrites it about once a second and at every change; the page and `ferrogate status` read it and
need nothing else of the worker. Rails take minutes, so a file will do where the ball line has shared memory.
Neighbours: `station_main` writes, `read_status` is for everybody else.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_runtime.whole_file import whole_file

_LOG = logging.getLogger(__name__)
STATUS_FILE = "status.json"
#: a status older than this is of a worker that hangs or is gone
STALE_AFTER_S = 15.0
#: why a place cannot be read, as a code: pages have words for it in every language
NOT_THERE, NOT_ALLOWED = "not_there", "not_allowed"
_REASONS = {
    errno.ENOENT: NOT_THERE,
    errno.ENOTDIR: NOT_THERE,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
}
_WORDS = {NOT_THERE: "it is not there", NOT_ALLOWED: "reading it is not allowed"}
State = Literal["starting", "idle", "mapping", "photos", "full_disk", "no_source", "stopped"]


def lost_reason(error: OSError) -> str:
    """Why a place cannot be read: a code, or the system's own words where there is none."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))


def lost_words(reason: str) -> str:
    """The same in English."""
    return _WORDS.get(reason, reason)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AsideNote(_Strict):
    """A scan that could not be used: why, where, and what to do; `folder` is where it lies now."""

    name: str
    what: str
    where: str
    todo: str
    at_utc: str
    folder: str = ""


class YardStatus(_Strict):
    """The worker as it is now.

    `rail` is being mapped, `done` of `total` parts of its way; `queue` waits. `lost`: places that rails come
    from and that cannot be read, with why (`lost_reason`). `message`: one sentence for people, '' when all is
    well. `at_utc_ns`: wall clock of this line.
    """

    schema_version: Literal[1] = 1
    station: str
    pid: int
    state: State
    at_utc_ns: int
    since_utc_ns: int
    rail: str = ""
    done: int = 0
    total: int = 0
    queue: tuple[str, ...] = ()
    rails_done: int = 0
    last_rail: str = ""
    asides: tuple[AsideNote, ...] = ()
    lost: dict[str, str] = {}
    free_mb: float | None = None
    message: str = ""

    def alive(self, now_utc_ns: int) -> bool:
        """The worker has told of itself lately and did not say goodbye."""
        return self.state != "stopped" and abs(now_utc_ns - self.at_utc_ns) / 1e9 <= STALE_AFTER_S


def read_status(storage: Path) -> YardStatus | None:
    """The newest status; None where there is none, or none that this version can read."""
    try:
        return YardStatus.model_validate_json((storage / STATUS_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


class StatusWriter:
    """Writes the status; a disk that refuses is said once and stops nothing.

    Args:
        storage: folder.
        station: name.
        now_utc_ns: of the start.
    """

    def __init__(self, storage: Path, station: str, now_utc_ns: int) -> None:
        self._path = storage / STATUS_FILE
        self._refused = False
        self.status = YardStatus(
            station=station, pid=os.getpid(), state="starting", at_utc_ns=now_utc_ns, since_utc_ns=now_utc_ns
        )

    def write(self, now_utc_ns: int, **changed: object) -> None:
        """Write it with these fields changed."""
        if changed.get("state", self.status.state) != self.status.state:
            changed["since_utc_ns"] = now_utc_ns
        merged = {**self.status.model_dump(), **changed, "at_utc_ns": now_utc_ns}
        self.status = YardStatus.model_validate(merged)
        try:
            with whole_file(self._path) as part:
                part.write_text(self.status.model_dump_json(indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            if not self._refused:
                _LOG.error("status_not_written", extra={"why": error.strerror or str(error)})
            self._refused = True
        else:
            self._refused = False
