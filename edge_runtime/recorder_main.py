"""The recorder: the station's second process. Journal into ledger, crops into picture files.

    python -m edge_runtime.recorder_main STATION.yaml

It follows the journal from the position that the ledger holds, so that it may be ended
or die at any instant and nothing is applied twice or left out. It runs at low priority,
takes nothing from the station but files and shared memory, and outlives its death. When
the disk is full pictures stop first, and the ledger is tried again until it goes on.
Neighbours: `edge_runtime.journal`, `edge_runtime.ledger`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from edge_runtime.child_main import ChildLife, run_child
from edge_runtime.config import StorageConfig, load_station
from edge_runtime.entries import Entry, FaultEntry
from edge_runtime.journal import JournalPosition, JournalReader, Retention
from edge_runtime.ledger.apply import Applier, LedgerWriteError
from edge_runtime.ledger.models import PictureRingRow
from edge_runtime.ledger.picture_feed import FeedBatch, PictureFeed
from edge_runtime.ledger.pictures import PictureStore
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.logs import setup_logging
from edge_runtime.pulse import Pulse
from edge_runtime.shm_ring import picture_ring_name
from vision.errors import LedgerError

_LOG = logging.getLogger("edge_runtime.recorder_main")
POLL_S = 0.25
RETRY_S = 1.0
BATCH_ENTRIES = 500
PARENT_GONE_S = 5.0
#: how long a last drain tries against a database that refuses
LAST_TRIES_S = 5.0
NICENESS = 10


class Recorder:
    """One recorder at work; `step` does one round.

    Args:
        engine: the opened ledger.
        storage: the station's storage folder.
        feed: pictures, or None to leave them alone.
        boot_id: of this machine's start, for the recorder's own faults.
    """

    def __init__(self, engine: sa.Engine, storage: Path, feed: PictureFeed | None, boot_id: str) -> None:
        self._pulse = Pulse.of_this_process()
        self._applier = Applier(engine, self._pulse.beat)
        self._folder = storage / "journal"
        self._reader = JournalReader(self._folder, self._applier.position)
        self._retention = Retention(self._folder)
        self._feed = feed
        self._boot_id = boot_id
        self._entries: list[tuple[JournalPosition, Entry]] = []
        self._pictures = FeedBatch()
        self._bad_bytes_said = 0
        self._disk_full = False
        self.trouble = ""

    @property
    def position(self) -> JournalPosition:
        """Up to where the journal is applied."""
        return self._applier.position

    def step(self) -> int:
        """Read and apply once; returns the journal entries applied.

        While the database refuses, `trouble` says why, and the same is tried again by the next call.

        Raises:
            LedgerError: the journal cannot be understood, or another recorder is at work.
        """
        if not self._entries:
            self._entries = self._reader.read(BATCH_ENTRIES)
        if self._feed is not None:
            self._take_pictures(self._feed)
        bad_bytes = self._reader.bad_bytes - self._bad_bytes_said
        if not self._entries and self._pictures.empty and not bad_bytes:
            return 0
        try:
            self._applier.apply(
                self._entries,
                faults=self._faults(bad_bytes),
                pictures=self._pictures.pictures,
                removed_pictures=self._pictures.removed,
                picture_ring=self._pictures.ring,
            )
        except LedgerWriteError as error:
            self._say(str(error))
            return 0
        self._say("")
        count = len(self._entries)
        self._entries, self._pictures = [], FeedBatch()
        self._bad_bytes_said += bad_bytes
        self._let_go()
        return count

    def _let_go(self) -> None:
        """A segment that cannot be deleted now is no reason to stop: it is tried again after a step."""
        try:
            self._retention.delete_applied(self._applier.position)
        except OSError as error:
            _LOG.warning("journal_not_deleted", extra={"detail": error.strerror or str(error)})

    def _take_pictures(self, feed: PictureFeed) -> None:
        batch = feed.take()
        full = bool(batch.losses["disk_full"])
        if full != self._disk_full and (full or batch.pictures):
            if full:
                _LOG.warning("disk_nearly_full", extra={"effect": "no pictures are kept"})
            else:
                _LOG.info("pictures_kept_again")
            self._disk_full = full
        self._pictures.extend(batch)

    def _faults(self, bad_bytes: int) -> list[FaultEntry]:
        now = time.time_ns()
        faults = [
            FaultEntry("picture_lost", cause, count, now, self._boot_id)
            for cause, count in self._pictures.losses.items()
        ]
        if self._pictures.removed:
            text = "oldest pictures removed to hold the size budget"
            faults.append(FaultEntry("picture_budget", text, len(self._pictures.removed), now, self._boot_id))
        if bad_bytes:
            text = f"{bad_bytes} bytes of the journal hold no whole entry"
            faults.append(FaultEntry("journal_damaged", text, 1, now, self._boot_id))
        return faults

    def _say(self, trouble: str) -> None:
        """Tell a change of the trouble, once."""
        if trouble and not self.trouble:
            _LOG.error("ledger_refuses", extra={"detail": trouble})
        elif self.trouble and not trouble:
            _LOG.info("ledger_written_again")
        self.trouble = trouble

    def run(self, stop: threading.Event, parent_pid: int) -> None:
        """Work until `stop` is set or process `parent_pid` has been gone for a while; then drain."""
        quiet_since_s = time.monotonic()
        while not stop.is_set():
            self._pulse.beat()
            if self.step():
                quiet_since_s = time.monotonic()
                continue
            if os.getppid() != parent_pid and time.monotonic() - quiet_since_s > PARENT_GONE_S:
                break
            stop.wait(RETRY_S if self.trouble else POLL_S)
        self.drain()

    def drain(self) -> None:
        """Take the last pictures and apply the journal up to its end as it is now.

        A database that refuses is tried for `LAST_TRIES_S`; what is left waits in the journal.
        """
        if self._feed is not None:
            self._feed.stop()
        give_up_s = time.monotonic() + LAST_TRIES_S
        while True:
            if self.step():
                continue
            if not self.trouble or time.monotonic() > give_up_s:
                return
            time.sleep(POLL_S)


@contextmanager
def recorder_lock(storage: Path, wait_s: float) -> Iterator[None]:
    """Hold the storage folder's recorder lock: one process at a time writes the ledger.

    Raises:
        LedgerError: another process holds it after `wait_s`, or the folder cannot be written.
    """
    try:
        storage.mkdir(parents=True, exist_ok=True)
        fd = os.open(storage / "recorder.lock", os.O_CREAT | os.O_RDWR, 0o640)
    except OSError as error:
        raise LedgerError(
            f"the storage folder cannot be used: {error.strerror}",
            where=str(storage),
            todo="check the path, the disk and this user's rights",
        ) from error
    try:
        _lock(fd, storage, wait_s)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, storage: Path, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise LedgerError(
                    "another recorder is at work here",
                    where=str(storage),
                    todo="let only one station use this folder; the other recorder must end first",
                ) from error
            time.sleep(0.05)
        else:
            return


def machine_boot_id() -> str:
    """Identity of this start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def apply_rest(engine: sa.Engine, storage: Path) -> int:
    """Apply what is left in the journal, where no recorder runs; returns the entries applied.

    Raises:
        LedgerError: see `Recorder.step`; also when the database refuses.
    """
    recorder = Recorder(engine, storage, None, machine_boot_id())
    applied = 0
    while count := recorder.step():
        applied += count
    if recorder.trouble:
        raise LedgerError(recorder.trouble, where=str(storage), todo="try again when the disk has room")
    return applied


def run_recorder(station: str, storage: StorageConfig, stop: threading.Event, parent_pid: int) -> None:
    """Record for one station until `stop` is set or process `parent_pid`, which started this one, is gone.

    Raises:
        LedgerError: the ledger cannot be opened, or another recorder is at work.
    """
    with recorder_lock(storage.folder, wait_s=10.0):
        engine = open_ledger(ledger_url(storage.folder, storage.database_url))
        try:
            with reading(engine) as connection:
                ring = connection.execute(
                    sa.select(PictureRingRow.inode, PictureRingRow.next_entry)
                ).one_or_none()
            resume = None if ring is None else (ring.inode, ring.next_entry)
            feed = PictureFeed(picture_ring_name(station), _picture_store(storage), resume)
            recorder = Recorder(engine, storage.folder, feed, machine_boot_id())
            try:
                feed.start()
                recorder.run(stop, parent_pid)
            finally:
                feed.stop()
        finally:
            engine.dispose()


def _picture_store(storage: StorageConfig) -> PictureStore:
    try:
        return PictureStore(storage.folder, storage.pictures_max_mb)
    except OSError as error:
        raise LedgerError(
            f"the pictures' folder cannot be used: {error.strerror or error}",
            where=str(storage.folder / "pictures"),
            todo="check the disk's space and this user's rights",
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_child("recorder", "edge_runtime.recorder_main", __doc__, NICENESS, _record, arguments)


def _record(life: ChildLife) -> None:
    config = load_station(life.station)
    setup_logging("recorder", config.name)
    run_recorder(config.name, config.storage, life.stop, life.parent_pid)


if __name__ == "__main__":
    sys.exit(main())
