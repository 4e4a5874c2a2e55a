"""The belt: speed, ramps, jog, and its position as an endless encoder count.

`Belt.advance` moves it to a point in time and hands back straight pieces of motion
(`Segment`), in which eyes, cameras and gate find the exact time of each position. So
an edge keeps its true time even when the process wakes late. Position is a float in
encoder counts; the encoder shows its whole part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_runtime.twin.settings import LineSettings

MAX_STEP_NS = 2_000_000
NOISE_TIME_S = 0.2
JOG_SPEED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Segment:
    """Straight motion from (`t0_ns`, `p0`) to (`t1_ns`, `p1`), positions in counts."""

    t0_ns: int
    t1_ns: int
    p0: float
    p1: float

    def crosses(self, position: float) -> bool:
        """Whether a fixed position is reached forwards, or left behind backwards."""
        return self.p0 < position <= self.p1 or self.p1 < position <= self.p0

    def time_at(self, position: float) -> int:
        """Monotonic ns at which the belt is at a position of this segment."""
        if self.p1 == self.p0:
            return self.t1_ns
        share = (position - self.p0) / (self.p1 - self.p0)
        return self.t0_ns + round(share * (self.t1_ns - self.t0_ns))


class Belt:
    """The belt drive. Stands until `run` is set.

    Attributes:
        position: counts, endless, from `settings.encoder_start`.
        run: the drive is enabled.
        e_stop: safe torque off: stops on the short ramp whatever else is asked.
        factor: share of the nominal speed (slow-downs).
    """

    def __init__(self, settings: LineSettings, start_ns: int, encoder_start: int, seed: int) -> None:
        self._nominal = settings.speed_counts_per_s
        self._noise_sd = settings.speed_noise_share
        self._up = self._nominal / settings.ramp_up_s
        self._down = self._nominal / settings.ramp_down_s
        self._hard = self._nominal / settings.e_stop_ramp_s
        self._rng = np.random.default_rng([seed, 0xBE17])
        self._noise = 0.0
        self._speed = 0.0
        self._jog_counts = 0.0
        self._jog_to: float | None = None
        self.now_ns = start_ns
        self.position = float(encoder_start)
        self.run = False
        self.e_stop = False
        self.factor = 1.0

    @property
    def encoder_count(self) -> int:
        """Endless count now."""
        return math.floor(self.position)

    @property
    def standing(self) -> bool:
        """Whether the belt stands still."""
        return self._speed == 0.0

    def jog_back(self, counts: float) -> None:
        """Stop, run back slowly by `counts`, then go on as before."""
        self._jog_counts = counts

    def stand_until(self, until_ns: int) -> None:
        """Stand still up to a point in time, without losing speed: the simulator was held up.

        A real belt would not jump over the ground it lost; this one slips instead.
        """
        self.now_ns = max(self.now_ns, until_ns)

    def advance(self, now_ns: int) -> list[Segment]:
        """Move on to a point in time; returns the motion since the last call, in order."""
        span = now_ns - self.now_ns
        if span <= 0:
            return []
        steps = -(-span // MAX_STEP_NS)
        segments = []
        for index in range(1, steps + 1):
            until = now_ns if index == steps else self.now_ns + span // steps
            segments.append(self._step(until))
        return segments

    def _step(self, until_ns: int) -> Segment:
        dt = (until_ns - self.now_ns) / 1e9
        target = self._target()
        ramp = self._hard if self.e_stop else self._up if abs(target) > abs(self._speed) else self._down
        change = target - self._speed
        limit = ramp * dt
        self._speed = target if abs(change) <= limit else self._speed + math.copysign(limit, change)
        keep = math.exp(-dt / NOISE_TIME_S)
        kick = self._noise_sd * math.sqrt(1.0 - keep * keep)
        self._noise = self._noise * keep + kick * float(self._rng.standard_normal())
        start_ns, start = self.now_ns, self.position
        self.position = start + self._speed * (1.0 + self._noise) * dt
        self.now_ns = until_ns
        return Segment(start_ns, until_ns, start, self.position)

    def _target(self) -> float:
        if self.e_stop or not self.run:
            return 0.0
        if self._jog_counts > 0.0:
            if self._speed == 0.0:
                self._jog_to = self.position - self._jog_counts
                self._jog_counts = 0.0
            return 0.0
        if self._jog_to is not None:
            brake = self._speed**2 / (2.0 * self._up)
            if self.position > self._jog_to + brake:
                return -JOG_SPEED_SHARE * self._nominal
            self._jog_to = None
        return self._nominal * self.factor
