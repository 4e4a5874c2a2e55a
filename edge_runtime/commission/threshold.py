"""Where the gate begins to answer: a threshold in encoder counts, found with real balls.

A trial commands the gate at a chosen count behind the ball's edge; the ball goes to accept or not. The
chance of it follows a normal ogive around the threshold: valve and flap are not always equally quick,
and the PLC looks only once per scan. The search keeps the whole likelihood over threshold and spread on
a grid (a probit model with a share of trials that went astray), so its uncertainty is honest even
while all balls agree, and it chooses the next place by it: halving first, then beside the middle.
Neighbours: `steps_gate` makes the trials, `gate_model` turns thresholds at two speeds into counts and ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, logsumexp

Float64Array = npt.NDArray[np.float64]

#: share of trials whose ball went astray (bounced, was touched): they must not move the threshold
LAPSE_SHARE = 0.02
#: the next trials lie this many spreads beside the middle, where they tell most of both figures
_BESIDE = 0.8
_SPREAD_STEPS, _SPREAD_FROM, _SPREAD_TO = 15, 0.35, 3.5
#: natural logarithm's standard deviation of what is believed of the spread beforehand
_SPREAD_LOG_SD = 0.5
_THETA_STEPS = 401
_ZOOM_SD = 8.0
#: who stops as soon as it looks sure is a little too sure: by about a fifth on simulated lines
_STOPPED_EARLY = 1.2


@dataclass(frozen=True, slots=True)
class Trial:
    """One ball: the gate was commanded `at_counts` behind its leading edge; did it go to accept?"""

    at_counts: float
    accept: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """Result of a search.

    Attributes:
        counts: where half of the balls go to accept; u_counts: its standard uncertainty.
        spread_counts: standard deviation of the gate's answer from ball to ball; u_spread_counts: its own.
        trials: balls that it rests on.
    """

    counts: float
    u_counts: float
    spread_counts: float
    u_spread_counts: float
    trials: int


class ThresholdSearch:
    """Chooses where to try and what it means.

    Args:
        low_counts, high_counts: the threshold lies between these.
        spread_counts: what is expected of the spread (scan time and valve), counts.
        target_u_counts: good enough.
        accepts_below: True where a ball goes to accept for a command before the threshold (opening),
            False where for one behind it (closing).
        trials_min, trials_max: fewer are never enough; more are not spent.

    Raises:
        ValueError: an empty range, or a spread or target that is not above 0.
    """

    def __init__(
        self,
        low_counts: float,
        high_counts: float,
        spread_counts: float,
        target_u_counts: float,
        *,
        accepts_below: bool,
        trials_min: int = 16,
        trials_max: int = 120,
    ) -> None:
        if not low_counts < high_counts or spread_counts <= 0.0 or target_u_counts <= 0.0:
            raise ValueError("a search needs a range, a spread and a target above 0")
        self.low_counts, self.high_counts = low_counts, high_counts
        self.target_u_counts = target_u_counts
        self.trials: list[Trial] = []
        self._expected = spread_counts
        self._sign = 1.0 if accepts_below else -1.0
        self._min, self._max = trials_min, trials_max
        self._known: tuple[int, Threshold] | None = None

    def add(self, trial: Trial) -> None:
        """Take one ball's result."""
        self.trials.append(trial)

    @property
    def sure(self) -> bool:
        """The threshold is known as well as was asked."""
        return len(self.trials) >= self._min and self.result().u_counts <= self.target_u_counts

    @property
    def spent(self) -> bool:
        """No more balls are worth it."""
        return len(self.trials) >= self._max

    def next_at(self, turn: int) -> float:
        """Where to try next, counts; `turn` counts the settings, its parity chooses the side."""
        now = self.result()
        if now.u_counts > self._expected:
            return now.counts
        side = _BESIDE * now.spread_counts
        return now.counts + (side if turn % 2 else -side)

    def chance(self, at_counts: float) -> float:
        """Share of balls that would go to accept at a place, by the result so far."""
        now = self.result()
        z = self._sign * (now.counts - at_counts) / now.spread_counts
        return LAPSE_SHARE / 2.0 + (1.0 - LAPSE_SHARE) * math.exp(float(log_ndtr(z)))

    @property
    def astray(self) -> int:
        """Trials that the result cannot explain: their outcome had less than one chance in fifty."""
        chances = {trial.at_counts: self.chance(trial.at_counts) for trial in self.trials}
        return sum(
            (chances[trial.at_counts] if trial.accept else 1.0 - chances[trial.at_counts]) < LAPSE_SHARE
            for trial in self.trials
        )

    def result(self) -> Threshold:
        """Means and standard deviations of the likelihood so far."""
        if self._known is None or self._known[0] != len(self.trials):
            self._known = len(self.trials), self._worked_out()
        return self._known[1]

    def final(self) -> Threshold:
        """The result of a search that is over, its uncertainty made good for having chosen its own end."""
        found = self.result()
        return replace(found, u_counts=_STOPPED_EARLY * found.u_counts)

    def _worked_out(self) -> Threshold:
        theta = np.linspace(self.low_counts, self.high_counts, _THETA_STEPS)
        found = self._moments(theta)
        # The grid of the whole range may be coarser than what is known by now: look closer.
        step = (self.high_counts - self.low_counts) / (_THETA_STEPS - 1)
        if found.u_counts < 20.0 * step:
            half = _ZOOM_SD * max(found.u_counts, step)
            theta = np.linspace(
                max(self.low_counts, found.counts - half),
                min(self.high_counts, found.counts + half),
                _THETA_STEPS,
            )
            found = self._moments(theta)
        return found

    def _moments(self, theta: Float64Array) -> Threshold:
        spread = np.geomspace(_SPREAD_FROM, _SPREAD_TO, _SPREAD_STEPS) * self._expected
        weight = self._log_likelihood(theta, spread)
        weight = np.exp(weight - logsumexp(weight))
        by_theta, by_spread = weight.sum(axis=1), weight.sum(axis=0)
        mean, sd = _mean_sd(theta, by_theta)
        spread_mean, spread_sd = _mean_sd(spread, by_spread)
        return Threshold(mean, sd, spread_mean, spread_sd, len(self.trials))

    def _log_likelihood(self, theta: Float64Array, spread: Float64Array) -> Float64Array:
        """(T, S): logarithm of likelihood times what is believed of the spread."""
        prior = -0.5 * (np.log(spread / self._expected) / _SPREAD_LOG_SD) ** 2
        total = np.broadcast_to(prior, (len(theta), len(spread))).copy()
        # Trials at one place are told apart by their outcome alone.
        for trial, count in _counted(self.trials).items():
            towards = self._sign if trial.accept else -self._sign
            z = towards * (theta[:, None] - trial.at_counts) / spread[None, :]
            told = np.logaddexp(math.log(LAPSE_SHARE / 2.0), math.log1p(-LAPSE_SHARE) + log_ndtr(z))
            total += count * told
        return total


def _counted(trials: list[Trial]) -> dict[Trial, int]:
    counts: dict[Trial, int] = {}
    for trial in trials:
        counts[trial] = counts.get(trial, 0) + 1
    return counts


def _mean_sd(places: Float64Array, weights: Float64Array) -> tuple[float, float]:
    mean = float((places * weights).sum())
    return mean, math.sqrt(max(float(((places - mean) ** 2 * weights).sum()), 0.0))
