"""The station's side of the journal: entries in, group commits out, never blocking the caller.

A thread of its own encodes, writes and syncs. Outcomes are acknowledged to the PLC
only when `durable_count` has passed their number. When the disk refuses, entries stay
in memory and are written again every half second; `error` says so meanwhile.
Neighbours: `edge_runtime.journal.segments` below, the station above.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections import deque
from itertools import islice
from pathlib import Path

from edge_runtime.entries import Entry, FaultEntry, to_json
from edge_runtime.journal.framing import frame, segment_numbers
from edge_runtime.journal.reserve import MARGIN_MB, NO_ROOM, Reserve, ReserveState
from edge_runtime.journal.segments import Segment, cut_torn_tail, make_folder
from vision.errors import LedgerError

RETRY_S = 0.5
"""Between two tries against a disk that refuses."""
SLOW_S = 5.0
"""A disk that is silent for so long has failed: a PLC keeps 128 outcomes, and then they are lost."""
#: records encoded and written in one commit at most: bounds the time until the next sync
_COMMIT_MAX = 2000
#: after these a fresh segment is tried: the old file is at its limit, or its place on the disk is bad
_FRESH_SEGMENT_ERRORS = (errno.EFBIG, errno.EIO)


class JournalWriter:
    """Opens the journal in `folder` for one station process and writes into it.

    Args:
        folder: made when missing; holds nothing but the journal.
        segment_mb: size at which the next segment begins, megabytes of 2^20 bytes.
        pending_max: entries held in memory while the disk refuses; more are dropped and counted.
        commit_interval_s: least time between two commits, seconds; well below the 50 ms promised.
        boot_id: stands in the fault entries that the journal writes about itself.
        reserve_segments: preallocated for the day the disk is full; see `edge_runtime.journal.reserve`.
        reserve_margin_mb: what must stay free beside a new spare, megabytes of 2^20 bytes.

    Attributes:
        recovered_bytes: torn bytes that a crash had left and that were cut off at opening.

    Raises:
        LedgerError: the folder cannot be made or read, or another process writes in it.
    """

    def __init__(
        self,
        folder: Path,
        segment_mb: float = 16,
        *,
        pending_max: int = 100_000,
        commit_interval_s: float = 0.02,
        boot_id: str = "",
        reserve_segments: int = 0,
        reserve_margin_mb: float = MARGIN_MB,
    ) -> None:
        self.folder = folder
        self._capacity_bytes = int(segment_mb * (1 << 20))
        self._pending_max = pending_max
        self._interval_s = commit_interval_s
        self._boot_id = boot_id
        self._lock_fd = _take_folder(folder)
        try:
            self.recovered_bytes = cut_torn_tail(folder)
            self._next_number = max(segment_numbers(folder), default=0) + 1
            margin_bytes = int(reserve_margin_mb * (1 << 20))
            self._reserve = Reserve(folder, reserve_segments, self._capacity_bytes, margin_bytes)
        except OSError as error:
            os.close(self._lock_fd)
            raise _folder_error(folder, error) from error
        self._state = threading.Condition()
        self._queue: deque[Entry] = deque()
        self._appended = 0
        self._durable = 0
        self._lost = 0
        self._error = ""
        self._stopping = False
        self._give_up_at_s: float | None = None
        self._at_disk_since_s: float | None = None
        # Only the thread touches these.
        self._segment: Segment | None = None
        self._records: deque[bytes] = deque()  # encoded and not yet known to be on disk
        self._written = 0  # how many of them are whole in the segment
        self._want_fresh = False
        self._failures = 0
        self._first_failure = ""
        self._lost_said = 0
        if self.recovered_bytes:
            self._say("journal_torn_tail", f"{self.recovered_bytes} bytes of a torn record were cut off", 1)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def durable_count(self) -> int:
        """Entries on disk, of all appended to this writer."""
        return self._durable

    @property
    def pending_count(self) -> int:
        """Entries appended and not yet on disk."""
        return self._appended - self._durable

    @property
    def lost_count(self) -> int:
        """Entries dropped because `pending_max` was reached."""
        return self._lost

    @property
    def reserve(self) -> ReserveState:
        """How the room stands that is kept for a full disk."""
        return self._reserve.state

    @property
    def error(self) -> str:
        """Why entries do not reach the disk now; empty while all is well."""
        if not self._stopping and not self._thread.is_alive():
            return "the journal's thread has ended"
        since_s = self._at_disk_since_s
        if not self._error and since_s is not None and time.monotonic() - since_s > SLOW_S:
            # The same words as long as it lasts: it is one fault.
            return f"the disk has not answered for more than {SLOW_S:.0f} s ({self.folder})"
        return self._error

    def append(self, entry: Entry) -> int | None:
        """Take one entry; never waits for the disk.

        Returns:
            Its number from 1, which `durable_count` and `wait_durable` speak of, or None
            when it was dropped (and counted) because too many wait already.
        """
        with self._state:
            if self._appended - self._durable >= self._pending_max:
                self._lost += 1
                return None
            return self._enqueue(entry)

    def _enqueue(self, entry: Entry) -> int:
        self._queue.append(entry)
        self._appended += 1
        self._state.notify_all()
        return self._appended

    def _say(self, code: str, detail: str, count: int) -> None:
        """Put a fault of the journal itself into it."""
        entry = FaultEntry(code, detail, count, time.time_ns(), self._boot_id)
        with self._state:
            self._enqueue(entry)

    def wait_durable(self, number: int, timeout_s: float) -> bool:
        """Wait until entry `number` is on disk, at most `timeout_s`; True when it is."""
        with self._state:
            return self._state.wait_for(lambda: self._durable >= number, timeout_s)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Bring everything to disk and stop; True when nothing was left behind.

        While the disk refuses it tries for `timeout_s` and then gives up.
        """
        with self._state:
            self._stopping = True
            self._give_up_at_s = time.monotonic() + timeout_s
            self._state.notify_all()
        self._thread.join()
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1
        return self.pending_count == 0 and not self._lost

    def _run(self) -> None:
        while self._take():
            self._at_disk_since_s = time.monotonic()
            try:
                self._commit()
            except OSError as error:
                self._failed(error)
            else:
                self._succeeded()
                self._at_disk_since_s = time.monotonic()
                self._reserve.refill()
            finally:
                self._at_disk_since_s = None

    def _take(self) -> bool:
        """Wait for work or the reserve and encode what has come; False when all is done, or given up."""
        with self._state:
            if self._error:
                self._state.wait_for(self._given_up, RETRY_S)
            else:
                care_s = self._reserve.due_in_s()
                self._state.wait_for(lambda: bool(self._queue or self._records) or self._stopping, care_s)
            if self._given_up() or (self._stopping and not self._queue and not self._records):
                return False
            if not self._stopping and not self._error:
                self._state.wait_for(lambda: self._stopping, self._interval_s)
            count = min(len(self._queue), max(0, _COMMIT_MAX - len(self._records)))
            batch = [self._queue.popleft() for _ in range(count)]
        self._records.extend(self._encoded(entry) for entry in batch)
        return True

    def _encoded(self, entry: Entry) -> bytes:
        """The entry's record; an entry that cannot be written leaves a fault with its name in its place."""
        try:
            return frame(to_json(entry))
        except (TypeError, ValueError) as error:
            detail = f"a {entry.KIND} entry cannot be written: {error}; {str(entry)[:200]}"
            return frame(to_json(FaultEntry("journal_bad_entry", detail, 1, time.time_ns(), self._boot_id)))

    def _given_up(self) -> bool:
        return bool(self._error) and self._give_up_at_s is not None and time.monotonic() > self._give_up_at_s

    def _commit(self) -> None:
        """Write and sync all encoded records.

        Raises:
            OSError: the disk refused; records and offsets stay such that trying again is right.
        """
        if self._want_fresh and self._segment is not None:
            self._finish_segment()
        self._want_fresh = False
        while self._written < len(self._records):
            segment = self._segment or self._open_segment()
            fitting = _fitting(segment, list(islice(self._records, self._written, None)))
            if not fitting:
                self._finish_segment()
                continue
            count, error = segment.write(fitting)
            self._written += count
            if error is not None:
                self._want_fresh = self._is_for_a_fresh_one(error, segment)
                raise error
        self._sync()

    def _is_for_a_fresh_one(self, error: OSError, segment: Segment) -> bool:
        if error.errno in NO_ROOM:
            # This one was opened without its blocks: a spare has them.
            return self._reserve.state.standing > 0
        return error.errno in _FRESH_SEGMENT_ERRORS and segment.has_records

    def _open_segment(self) -> Segment:
        before = self._reserve.state
        try:
            self._segment = Segment(self.folder, self._next_number, self._capacity_bytes, self._reserve)
        finally:
            # Also after an error: a reader may have seen the file, so its number is never used again.
            self._next_number += 1
            self._say_reserve(before)
        return self._segment

    def _say_reserve(self, before: ReserveState) -> None:
        now = self._reserve.state
        if now.spent and not before.spent:
            self._say("journal_reserve_spent", "no room on the disk, and no spare segment is left", 1)
        elif now.standing < before.standing:
            left = f"no room on the disk: {now.standing} of {now.wanted} spare segments left"
            self._say("journal_reserve_used", left, 1)

    def _finish_segment(self) -> None:
        self._sync()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _sync(self) -> None:
        if self._segment is None or not self._written:
            return
        try:
            self._segment.sync()
        except OSError:
            # The kernel may have dropped the pages: write the same bytes at the same place again.
            self._segment.rewind()
            self._written = 0
            raise
        for _ in range(self._written):
            self._records.popleft()
        with self._state:
            self._durable += self._written
            self._written = 0
            self._state.notify_all()

    def _failed(self, error: OSError) -> None:
        self._failures += 1
        text = f"the journal cannot be written: {error.strerror or error} ({self.folder})"
        self._first_failure = self._first_failure or text
        with self._state:
            self._error = text

    def _succeeded(self) -> None:
        if self._failures:
            self._say("journal_write_error", f"{self._first_failure}; written after all", self._failures)
            self._failures, self._first_failure = 0, ""
        with self._state:
            lost, self._error = self._lost, ""
        if lost > self._lost_said:
            self._say("journal_overflow", "entries dropped while the disk refused", lost - self._lost_said)
            self._lost_said = lost


def _fitting(segment: Segment, records: list[bytes]) -> list[bytes]:
    """The first records that belong into this segment; empty when the next one has to begin.

    A record longer than a whole segment gets one for itself.
    """
    size = 0
    for index, record in enumerate(records):
        size += len(record)
        if not segment.room_for(size) and (index or segment.has_records):
            return records[:index]
    return records


def _take_folder(folder: Path) -> int:
    """Make the folder and hold its lock; the lock goes when the process does."""
    try:
        make_folder(folder)
        fd = os.open(folder / "writer.lock", os.O_CREAT | os.O_RDWR, 0o640)
    except OSError as error:
        raise _folder_error(folder, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise LedgerError(
            "another process writes this journal",
            where=str(folder),
            todo="stop the other station, or give this one a storage folder of its own",
        ) from error
    return fd


def _folder_error(folder: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"the journal cannot be opened: {error.strerror or error}",
        where=str(folder),
        todo="check that the disk is there, not full, and that this user may write in the folder",
    )
