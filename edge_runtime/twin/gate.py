"""The gate: a valve with a delay and a flap that takes its time.

Position 0 is reject (the spring's side), 1 is accept (valve energised). A ball goes to
accept when the flap stands at 0.5 or more as its leading edge reaches the flap's tip.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from edge_runtime.twin.settings import LineSettings

ACCEPT_FROM = 0.5


class Gate:
    """One lane's gate. Times are monotonic ns and never run back."""

    def __init__(self, settings: LineSettings, seed: int) -> None:
        self._settings = settings
        self._rng = np.random.default_rng([seed, 0x6A7E])
        self._pending: deque[tuple[int, float]] = deque()
        self._position = 0.0
        self._target = 0.0
        self._travel_ns = settings.flap_ms * 1e6
        self._at_ns = 0
        self._forced: float | None = None
        self.energised = False

    def command(self, energised: bool, t_ns: int) -> None:
        """The PLC's output changed at `t_ns`; the flap answers after the valve's delay."""
        if energised == self.energised:
            return
        self.energised = energised
        draw = float(self._rng.normal(self._settings.valve_ms, self._settings.valve_sd_ms))
        moves_ns = t_ns + round(max(draw, 0.0) * 1e6)
        earliest = self._pending[-1][0] if self._pending else self._at_ns
        self._pending.append((max(moves_ns, earliest), 1.0 if energised else 0.0))

    def stick(self, position: float, t_ns: int) -> None:
        """From now on the flap goes to `position` and stays, whatever the valve does."""
        self.position(t_ns)
        self._forced = position

    def free(self, t_ns: int) -> None:
        """The flap follows the valve again."""
        self.position(t_ns)
        self._forced = None

    def position(self, t_ns: int) -> float:
        """Flap position 0..1 at a time not before the last one asked for."""
        while self._pending and self._pending[0][0] <= t_ns:
            moves_ns, target = self._pending.popleft()
            self._move(moves_ns)
            self._target = target
            spread = float(self._rng.normal(1.0, self._settings.flap_sd_share))
            self._travel_ns = self._settings.flap_ms * 1e6 * max(spread, 0.1)
        self._move(t_ns)
        return self._position

    def _move(self, t_ns: int) -> None:
        span = max(t_ns - self._at_ns, 0)
        self._at_ns = max(self._at_ns, t_ns)
        target = self._target if self._forced is None else self._forced
        step = span / self._travel_ns
        if target > self._position:
            self._position = min(self._position + step, target)
        else:
            self._position = max(self._position - step, target)
