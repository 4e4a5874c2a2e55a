"""Work for a disk, run under strace: journal and ledger as station and recorder write them.

    python -m tests.durability.disk_work FOLDER PARTS

Small segments, so that many begin and are let go. What is known to be on disk is told by words written to
FOLDER/told (`part 17`, `outcome 17`, `epoch 3`): in the trace they stand behind whatever made it so. For
every third segment the disk says that it is full, so that a spare is used. Neighbour: `power_cut` takes the
trace apart.
"""

from __future__ import annotations

import errno
import os
import random
import sys
import threading
from pathlib import Path

from edge_runtime.journal import JournalWriter
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.recorder_main import Recorder
from tests.edge.ledger_samples import BOOT, epoch, outcome, part, session

SEGMENT_MB = 16 / 1024
_EVERY_PARTS = 12


def _fill_the_disk_now_and_then() -> None:
    """posix_fallocate refuses every third segment; spares are had."""
    real = os.posix_fallocate
    segments = 0

    def allocate(fd: int, offset: int, length: int) -> None:
        nonlocal segments
        if Path(f"/proc/self/fd/{fd}").readlink().suffix == ".journal":
            segments += 1
            if segments % 3 == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd, offset, length)

    os.posix_fallocate = allocate


def _record(engine_folder: Path, stop: threading.Event) -> None:
    engine = open_ledger(ledger_url(engine_folder))
    recorder = Recorder(engine, engine_folder, None, BOOT)
    while not stop.is_set():
        recorder.step()
        stop.wait(0.01)
    recorder.drain()
    engine.dispose()


def main() -> int:
    """Write so many parts; the recorder follows in a thread."""
    folder, parts = Path(sys.argv[1]), int(sys.argv[2])
    _fill_the_disk_now_and_then()
    told = os.open(folder / "told", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    dice = random.Random(1)
    books = folder / "books"
    writer = JournalWriter(
        books / "journal",
        SEGMENT_MB,
        commit_interval_s=0.001,
        boot_id=BOOT,
        reserve_segments=2,
        reserve_margin_mb=0.0,
    )
    stop = threading.Event()
    recorder = threading.Thread(target=_record, args=(books, stop))
    recorder.start()
    writer.append(session())
    number = 0
    while number < parts:
        if number % _EVERY_PARTS == 0:
            last = writer.append(epoch(2 + number // _EVERY_PARTS))
            words = [f"epoch {2 + number // _EVERY_PARTS}"]
        for _ in range(dice.randint(1, 5)):
            number += 1
            of = 2 + (number - 1) // _EVERY_PARTS
            writer.append(part(number, epoch=of))
            last = writer.append(outcome(number, epoch=of))
            words += [f"part {number}", f"outcome {number}"]
            if number % _EVERY_PARTS == 0:
                break
        if not writer.wait_durable(last or 0, 60.0):
            return 1
        os.write(told, ("\n".join(words) + "\n").encode("ascii"))
        words = []
    stop.set()
    recorder.join()
    return 0 if writer.close() else 1


if __name__ == "__main__":
    raise SystemExit(main())
