"""The detector at work beside the measurement: one thread, one job at a time.

ONNX Runtime leaves the interpreter alone while it computes, so the outline of a view is measured
meanwhile. Neighbours: `process` opens one, `core` hands it to `vision.ball.inspect_view`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from vision.types import Detections


class BesideThread:
    """Runs the detector's jobs in a thread of its own, in their order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="detector")

    def __call__(self, job: Callable[[], Detections]) -> Callable[[], Detections]:
        """Start a job; the result waits for it and raises what it raised."""
        return self._pool.submit(job).result

    def close(self) -> None:
        """Wait for the job at work and end the thread."""
        self._pool.shutdown(wait=True)
