"""The detector at work beside the measurement: one thread, one job at a time.

ONNX Runtime leaves the interpreter alone while it computes, so the outlines of the same views are measured
meanwhile. Neighbours: `process` opens one, `look` gives it the detector's jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Beside(Protocol):
    """Starts a job, maybe in another thread."""

    def __call__(self, job: Callable[[], T]) -> Callable[[], T]:
        """Start it; what comes back waits for the result, and raises what the job raised."""


def in_line(job: Callable[[], T]) -> Callable[[], T]:
    """No thread: the job runs when its result is asked for."""
    return job


class BesideThread:
    """Runs jobs in a thread of its own, in their order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="detector")

    def __call__(self, job: Callable[[], T]) -> Callable[[], T]:
        """Start a job; the result waits for it and raises what it raised."""
        return self._pool.submit(job).result

    def close(self) -> None:
        """Wait for the job at work and end the thread."""
        self._pool.shutdown(wait=True)
