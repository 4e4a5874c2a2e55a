"""How long the last balls took from their last view to their verdict: a ring, read a few times a second."""

from __future__ import annotations

import numpy as np

from edge_runtime.entries import PartEntry

#: balls that are remembered
BALLS = 512


class LatencyRing:
    """Milliseconds of the last `BALLS` judged balls that had a view."""

    def __init__(self) -> None:
        self._ms = np.zeros(BALLS, np.float64)
        self._count = 0

    def add(self, entry: PartEntry) -> None:
        """One more judged part."""
        if entry.decided_ns is not None and entry.last_view_arrived_ns is not None:
            self._ms[self._count % BALLS] = (entry.decided_ns - entry.last_view_arrived_ns) / 1e6
            self._count += 1

    def percentiles_ms(self) -> tuple[float | None, float | None]:
        """50th and 99th percentile; None before the first ball."""
        known = np.sort(self._ms[: min(self._count, BALLS)])
        if not len(known):
            return None, None
        last = len(known) - 1
        return float(known[round(0.5 * last)]), float(known[round(0.99 * last)])
