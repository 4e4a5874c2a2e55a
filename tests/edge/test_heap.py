"""Memory that a burst took goes back: looked at in processes of their own, as the kernel counts it."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time

import pytest

from edge_runtime import heap

_GLIBC = hasattr(ctypes.CDLL(None), "malloc_trim")
needs_glibc = pytest.mark.skipif(not _GLIBC, reason="this C library is not glibc")

#: 40 MB in blocks of `size` bytes; every tenth of them stays, the last one too, so that the C library
#: finds nothing at the end of its heap that it would give back by itself
_BURST = """
import ctypes
from edge_runtime.heap import give_back, keep_low

def anonymous_mb():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) / 1024.0 for line in file if line.startswith("Anonymous:"))

{before}
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
begun_mb = anonymous_mb()
blocks = []
for _ in range(40_000_000 // {size}):
    blocks.append(library.malloc({size}))
    ctypes.memset(blocks[-1], 1, {size})
full_mb = anonymous_mb()
for number, block in enumerate(blocks, 1):
    if number % 10:
        library.free(block)
freed_mb = anonymous_mb()
given = give_back()
print(full_mb - begun_mb, freed_mb - begun_mb, anonymous_mb() - begun_mb, given)
"""


def _burst(size: int, before: str = "") -> tuple[float, float, float, bool]:
    """MB over the beginning: with all blocks, with them freed, after `give_back`; and what that said."""
    command = [sys.executable, "-c", _BURST.format(size=size, before=before)]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    words = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.split()
    return float(words[0]), float(words[1]), float(words[2]), words[3] == "True"


@needs_glibc
def test_a_burst_under_blocks_in_use_is_given_back() -> None:
    full_mb, freed_mb, left_mb, given = _burst(100_000)
    assert full_mb > 35.0
    assert freed_mb > 30.0, "the C library gave it back by itself: there is nothing to test"
    assert given
    assert left_mb < 5.0


@needs_glibc
def test_large_blocks_go_back_as_they_are_freed() -> None:
    in_the_heap = "ctypes.CDLL(None).mallopt(-3, 4_000_000)"  # as glibc does after a large block was freed
    _, kept_mb, _, _ = _burst(1_000_000, in_the_heap)
    _, freed_mb, _, _ = _burst(1_000_000, f"{in_the_heap}; assert keep_low()")
    assert kept_mb > 30.0
    assert freed_mb < 5.0


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_glibc", lambda: None)
    assert not heap.keep_low()
    assert not heap.give_back()


def test_a_loop_gives_back_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr(heap, "give_back", lambda: given.append(True))
    rounds = heap.GarbageRounds()
    begun_s = time.monotonic()
    for second in range(0, 150, 2):
        rounds.collect(begun_s + second)
    assert len(given) == 2


def test_garbage_is_collected_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = threading.Semaphore(0)
    monkeypatch.setattr(heap, "GIVE_BACK_EVERY_S", 0.01)
    monkeypatch.setattr(gc, "freeze", lambda: None)  # for this process has tests to come
    monkeypatch.setattr(heap, "give_back", rounds.release)
    ended = threading.Event()
    thread = threading.Thread(target=heap.tidy_up_now_and_then, args=(ended,))
    thread.start()
    try:
        assert rounds.acquire(timeout=10.0)
        assert rounds.acquire(timeout=10.0)
    finally:
        ended.set()
        thread.join(10.0)
    assert not thread.is_alive()
