"""Crops out of the station's ring, as they come, into the picture store.

A thread of the recorder, so that slow database commits do not let the ring overrun.
It follows the ring through restarts of the station (each makes a new one) and hands
over what it stored and lost in batches. Neighbours: `edge_runtime.shm_ring`, `pictures`.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from edge_runtime.ledger.pictures import PictureStore, crop_from_ring
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.shm_ring import RingEntry, RingError, RingReader, memory_path

_LOOK_S = 0.25


@dataclass(slots=True)
class FeedBatch:
    """What came since the last batch.

    Attributes:
        pictures: stored, in order.
        removed: paths that the budget took away.
        losses: pictures not kept, by cause.
        ring: file number of the ring and next entry, None when nothing was taken yet.
    """

    pictures: list[PictureRecord] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)
    ring: tuple[int, int] | None = None

    @property
    def empty(self) -> bool:
        """True when there is nothing to write down."""
        return not (self.pictures or self.removed or self.losses)

    def extend(self, later: FeedBatch) -> None:
        """Put a later batch behind this one."""
        self.pictures += later.pictures
        self.removed += later.removed
        self.losses += later.losses
        self.ring = later.ring or self.ring


class PictureFeed:
    """Follows one ring.

    Args:
        name: of the ring; it need not be there yet.
        store: takes the pictures.
        resume: file number and next entry where an earlier recorder had stopped.
    """

    def __init__(self, name: str, store: PictureStore, resume: tuple[int, int] | None = None) -> None:
        self._name = name
        self._store = store
        self._resume = resume
        self._reader: RingReader | None = None
        self._inode = 0
        self._lock = threading.Lock()
        self._batch = FeedBatch()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Take what is in the ring now, and end. Nothing happens the second time."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def take(self) -> FeedBatch:
        """What came since the last call."""
        with self._lock:
            batch, self._batch = self._batch, FeedBatch()
            return batch

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._reader is None and not self._open():
                self._stop.wait(_LOOK_S)
                continue
            self._drain(_LOOK_S)
            if self._ring_inode() != self._inode:
                self._drain(0.0)
                self._close()
        if self._reader is not None or self._open():
            self._drain(0.0)
        self._close()

    def _ring_inode(self) -> int:
        try:
            return memory_path(self._name).stat().st_ino
        except FileNotFoundError:
            return 0

    def _open(self) -> bool:
        inode = self._ring_inode()
        try:
            reader = RingReader(self._name, from_start=True)
        except (RingError, ValueError):
            return False  # not there yet, or not finished: looked at again soon
        if not inode or inode != self._ring_inode():
            reader.close()
            return False  # replaced while it was opened
        if self._resume is not None and self._resume[0] == inode:
            reader.next = self._resume[1]
        self._reader, self._inode = reader, inode
        return True

    def _close(self) -> None:
        if self._reader is not None:
            self._resume = (self._inode, self._reader.next)
            self._reader.close()
            self._reader = None

    def _drain(self, timeout_s: float) -> None:
        """Take entries until none comes within `timeout_s`."""
        while self._reader is not None:
            try:
                entry = self._reader.read(timeout_s)
            except ValueError:
                self._store.losses["bad_entry"] += 1
                continue
            if entry is None:
                return
            self._take(entry, self._reader.next)
            if timeout_s and self._stop.is_set():
                return

    def _take(self, entry: RingEntry, next_entry: int) -> None:
        picture = None
        try:
            picture = self._store.store(crop_from_ring(entry.header, entry.payload))
        except ValueError:
            self._store.losses["bad_entry"] += 1
        except OSError as error:  # the folder was taken away, or cannot be looked at
            self._store.losses[f"write_error: {error.strerror or error}"] += 1
        if entry.lost_before:
            self._store.losses["ring_overrun"] += entry.lost_before
        with self._lock:
            if picture is not None:
                self._batch.pictures.append(picture)
            self._batch.removed += self._store.take_removed()
            self._batch.losses += self._store.take_losses()
            self._batch.ring = (self._inode, next_entry)
