"""A child of the supervisor that does as its test says: ends at once with a code, or waits to be stopped.

`<name>.exit` beside the station file holds the code; each start and each orderly end is a line in a file.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path


def note(folder: Path, what: str) -> None:
    """One line more in the family's diary."""
    with (folder / "diary.txt").open("a", encoding="utf-8") as diary:
        diary.write(what + "\n")


def main(name: str) -> int:
    """Live as `name`."""
    folder = Path(sys.argv[1]).parent
    note(folder, f"{name} starts")
    code = folder / f"{name}.exit"
    if code.exists():
        return int(code.read_text(encoding="utf-8"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    stop.wait(60.0)
    note(folder, f"{name} ends")
    return 0
