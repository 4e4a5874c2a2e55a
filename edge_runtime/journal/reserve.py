"""Room that the journal keeps for itself: spare segments, preallocated, for the day the disk is full.

A spare becomes a segment by being renamed, which takes no space and cannot be raced by whoever else fills
the disk: bytes that were freed for the journal would be anybody's. Neighbours:
`edge_runtime.journal.segments` takes spares, `edge_runtime.journal.writer` has them made and says when they
are spent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

#: what says that there is no room on the disk, for anybody or for this user
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
#: a spare is made only where so much stays free beside it: the ledger must go on, or no segment is ever let
#: go
MARGIN_MB = 32.0
#: between two spares, and between two tries
REFILL_S, RETRY_S = 0.2, 2.0
_SPARE = re.compile(r"^reserve-\d{3}\.spare$")


@dataclass(frozen=True, slots=True)
class ReserveState:
    """How the reserve stands.

    Attributes:
        standing, wanted: spare segments there are, and there should be.
        spent: the disk is full and no spare is left: what is written now may be the last.
    """

    standing: int = 0
    wanted: int = 0
    spent: bool = False


class Reserve:
    """Spare segments in the journal's folder; only the journal's thread calls it.

    Args:
        folder: the journal's.
        wanted: spares to keep; 0: none.
        capacity_bytes: of a segment.
        margin_bytes: see `MARGIN_MB`.

    Attributes:
        state: as of the last change; other threads may read it.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(
        self, folder: Path, wanted: int, capacity_bytes: int, margin_bytes: int = int(MARGIN_MB * (1 << 20))
    ) -> None:
        self._folder = folder
        self._capacity_bytes = capacity_bytes
        self._margin_bytes = margin_bytes
        self._due_s = 0.0
        self._wanted = wanted
        self._spares = self._found()
        self._spent = False
        self.state = ReserveState(len(self._spares), wanted)

    def _found(self) -> list[Path]:
        """Spares of earlier runs that hold what they promise; others are removed."""
        good: list[Path] = []
        for path in sorted(self._folder.iterdir()):
            if path.suffix != ".part" and not _SPARE.match(path.name):
                continue
            held = path.stat()
            # After a power cut a name may stand without its blocks.
            whole = held.st_size == self._capacity_bytes and held.st_blocks * 512 >= self._capacity_bytes
            if path.suffix == ".spare" and whole and len(good) < self._wanted:
                good.append(path)
            else:
                path.unlink()
        return good

    def _say(self) -> None:
        self.state = ReserveState(len(self._spares), self._wanted, self._spent)

    def take(self, path: Path) -> bool:
        """Make a spare the segment `path`; False when there is none. A file of that name is replaced.

        Raises:
            OSError: it cannot be renamed.
        """
        if not self._spares:
            return False
        self._spares[-1].replace(path)
        self._spares.pop()
        # Who has just taken one need not look for room at once.
        self._due_s = time.monotonic() + RETRY_S
        self._say()
        return True

    def note_full(self) -> None:
        """The disk had no room for a segment, and no spare was left."""
        self._spent = True
        self._say()

    def due_in_s(self) -> float | None:
        """When to call `refill`, seconds from now; None while all spares stand."""
        if len(self._spares) >= self._wanted:
            return None
        return max(0.0, self._due_s - time.monotonic())

    def refill(self) -> None:
        """After a commit: make one spare if it is time and there is room.

        A reserve that was spent is so until one stands; where none is wanted, until this commit.
        """
        if self._spent and not self._wanted:
            self._spent = False
            self._say()
        if self.due_in_s() != 0.0:
            return
        made = self._make()
        self._due_s = time.monotonic() + (REFILL_S if made else RETRY_S)
        if made:
            self._spent = False
        self._say()

    def _make(self) -> bool:
        names = {path.name for path in self._spares}
        name = next(name for name in (f"reserve-{n:03d}.spare" for n in range(1000)) if name not in names)
        part = self._folder / f"{name}.part"
        try:
            disk = os.statvfs(self._folder)
            if disk.f_bavail * disk.f_frsize < self._capacity_bytes + self._margin_bytes:
                return False
            fd = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o640)
            try:
                os.posix_fallocate(fd, 0, self._capacity_bytes)
            finally:
                os.close(fd)
            part.replace(self._folder / name)
        except OSError:
            # Full, or a file system that promises no blocks: `state` says how few spares stand.
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return False
        self._spares.append(self._folder / name)
        return True
