"""Give memory that is not in use back to the kernel.

glibc keeps what a burst took (a queue of pictures after a stall, a segment of the journal read at
once), and gives it back only when nothing above it is in use any more. In a process that runs for
years the highest water of every part then adds up. `malloc_trim(3)` and `mallopt(3)` say what is
done about it here; with another C library only Python's own garbage is collected.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import threading
import time

#: `mallopt` parameters and their numbers in glibc's malloc.h
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
#: blocks from here on are the kernel's own, and go back to it when they are freed
BLOCK_BYTES = 256 * 1024
#: more arenas than cores only keep more free memory apart
ARENAS = 2
#: distance of two `give_back` of a process
GIVE_BACK_EVERY_S = 60.0


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None


def keep_low() -> bool:
    """Large blocks out of the heap, and few arenas: for processes whose work is not timed by the millisecond.

    To be called before threads are started. Each such block costs page faults, too many of them for a
    process that makes hundreds of pictures a second: the station does not call it.

    Returns:
        False where there is no glibc, or it refuses.
    """
    library = _glibc()
    if library is None:
        return False
    threshold = library.mallopt(_M_MMAP_THRESHOLD, BLOCK_BYTES)
    arenas = library.mallopt(_M_ARENA_MAX, ARENAS)
    return bool(threshold) and bool(arenas)


class GarbageRounds:
    """For a loop that collects when it has a moment, with the collector switched off."""

    def __init__(self) -> None:
        self._give_back_s = time.monotonic() + GIVE_BACK_EVERY_S

    def collect(self, now_s: float) -> None:
        """Collect garbage, and `give_back` when `GIVE_BACK_EVERY_S` have passed; `now_s` is monotonic."""
        gc.collect()
        if now_s >= self._give_back_s:
            self._give_back_s = now_s + GIVE_BACK_EVERY_S
            give_back()


def tidy_up_now_and_then(ended: threading.Event) -> None:
    """Collect garbage and `give_back` every `GIVE_BACK_EVERY_S` until `ended` is set: a thread's work.

    Python collects its oldest generation only when it has grown by a quarter, which is 10 MB of garbage
    in a process with a database and a web server in it. What is there after the first time stays for good,
    and is left out from then on.
    """
    frozen = False
    while not ended.wait(GIVE_BACK_EVERY_S):
        gc.collect()
        if not frozen:
            gc.freeze()
            frozen = True
        give_back()


def give_back() -> bool:
    """Free pages of all arenas to the kernel; takes a millisecond or so, other threads may run.

    Returns:
        True when there was something to give.
    """
    library = _glibc()
    return library is not None and bool(library.malloc_trim(0))
