"""What a test left behind: threads, child processes, shared memory of ours.

`Belongings.now()` before, `left_since` after. Used by the fixtures in `conftest.py`;
kept apart so that it has tests of its own.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
#: Helpers that libraries keep for the life of the process: tqdm's monitor, multiprocessing's servers. A
#: browser's helpers come and go as it likes while it runs, and end with it; the browser itself is looked for.
LIBRARY_THREADS = ("TMonitor",)
LIBRARY_PROCESSES = ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "chromium --type=")


#: Not every kernel keeps the list.
_CHILDREN_ARE_LISTED = any(Path("/proc/self/task").glob("*/children"))


def _threads() -> dict[int, threading.Thread]:
    return {
        id(thread): thread for thread in threading.enumerate() if type(thread).__name__ not in LIBRARY_THREADS
    }


def _has_no_child() -> bool:
    """True where the kernel says so at once; psutil would look at every process there is."""
    try:
        return not any(path.read_bytes() for path in Path("/proc/self/task").glob("*/children"))
    except OSError:
        return False  # a thread ended while we looked


def _children() -> dict[tuple[int, float], psutil.Process]:
    if _CHILDREN_ARE_LISTED and _has_no_child():
        return {}
    found = {}
    for child in psutil.Process().children(recursive=True):
        try:
            words = " ".join(child.cmdline())
            if child.status() != psutil.STATUS_ZOMBIE and not any(
                name in words for name in LIBRARY_PROCESSES
            ):
                found[child.pid, child.create_time()] = child
        except psutil.NoSuchProcess:
            continue  # it ended while we looked, which is what we want of it
    return found


def _users_elsewhere(path: Path) -> bool:
    """True when a process that is not ours (another test run, a running line) maps the file."""
    own = {psutil.Process().pid, *(child.pid for child in psutil.Process().children(recursive=True))}
    for pid in psutil.pids():
        if pid in own:
            continue
        try:
            if str(path) in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8"):
                return True
        except OSError:
            continue  # ended meanwhile, or another user's, whose files are not ours
    return False


def _memory_files() -> set[str]:
    """Names of the files on the memory file system that belong to this user."""
    found, own = set(), os.getuid()
    for path in SHARED_MEMORY.iterdir():
        try:
            if path.stat().st_uid == own:
                found.add(path.name)
        except FileNotFoundError:
            continue  # removed while we looked
    return found


@dataclass(frozen=True, slots=True)
class Belongings:
    """What this process has at one moment."""

    threads: dict[int, threading.Thread]
    children: dict[tuple[int, float], psutil.Process]
    memory: set[str]

    @classmethod
    def now(cls) -> Belongings:
        """Look."""
        return cls(_threads(), _children(), _memory_files())

    def left_since(self, *, patience_s: float = 3.0) -> list[str]:
        """One line for each thing that is there now and was not then.

        What is just ending gets `patience_s` for it. Children left over are killed and
        files removed, so that one bad test spoils no other.
        """
        end = time.monotonic() + patience_s
        while True:
            threads = [thread for key, thread in _threads().items() if key not in self.threads]
            children = [child for key, child in _children().items() if key not in self.children]
            memory = [
                name
                for name in sorted(_memory_files() - self.memory)
                if not _users_elsewhere(SHARED_MEMORY / name)
            ]
            if not (threads or children or memory) or time.monotonic() > end:
                break
            time.sleep(0.02)
        left = [f"thread '{thread.name}' still runs" for thread in threads]
        for child in children:
            with_words = " ".join(child.cmdline()) if child.is_running() else "ended meanwhile"
            left.append(f"process {child.pid} still runs: {with_words}")
            child.kill()
        for name in memory:
            left.append(f"shared memory '{SHARED_MEMORY / name}' was not removed")
            (SHARED_MEMORY / name).unlink(missing_ok=True)
        return left
