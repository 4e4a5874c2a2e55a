"""The search for a threshold: where it ends, and whether its uncertainty is honest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_runtime.commission.threshold import ThresholdSearch, Trial

SPEED = 3840.0
SPREAD = SPEED * 0.0018
TARGET = SPEED * 0.0004


def _finder(*, opening: bool = True, **changes: int) -> ThresholdSearch:
    return ThresholdSearch(4000.0, 4960.0, SPREAD, TARGET, accepts_below=opening, **changes)


def _run(
    finder: ThresholdSearch,
    threshold: float,
    spread: float,
    rng: np.random.Generator,
    *,
    opening: bool = True,
    astray: float = 0.0,
) -> None:
    turn = 0
    while not (finder.sure or finder.spent):
        at = round(finder.next_at(turn))
        turn += 1
        for _ in range(3):  # balls that are on their way already get the same setting
            # Valve and scan: a bell and an even spread, as the real thing is, not what the model assumes.
            own = threshold + rng.normal(0.0, 0.6 * spread) + rng.uniform(-1.4, 1.4) * spread
            accept = at < own if opening else at > own
            finder.add(Trial(at, bool(accept != (rng.random() < astray))))


@pytest.mark.long
@pytest.mark.parametrize(
    ("opening", "astray"),
    [(True, 0.0), (False, 0.0), (True, 0.01)],  # opening edge, closing edge, balls that jump
)
def test_the_stated_uncertainty_holds(opening: bool, astray: float) -> None:
    rng = np.random.default_rng(11)
    off = []
    for _ in range(24):
        threshold = float(rng.uniform(4150.0, 4800.0))
        finder = _finder(opening=opening)
        _run(finder, threshold, SPREAD, rng, opening=opening, astray=astray)
        found = finder.final()
        assert finder.sure
        assert found.u_counts <= 1.2 * TARGET
        off.append((found.counts - threshold) / found.u_counts)
    # Standard deviations of 24 scaled errors: 1 within what chance allows, and no bias.
    assert 0.5 < float(np.std(off)) < 1.3
    assert abs(float(np.mean(off))) < 3.0 / math.sqrt(24)
    assert max(map(abs, off)) < 4.0


def test_the_spread_is_found() -> None:
    rng = np.random.default_rng(3)
    found = []
    for spread in (0.6 * SPREAD, 2.0 * SPREAD):
        finder = _finder(trials_max=400)
        _run(finder, 4500.0, spread, rng)
        found.append(finder.result().spread_counts)
    assert 1.8 < found[1] / found[0] < 5.5


def test_without_trials_everything_is_possible() -> None:
    found = _finder().result()
    assert found.counts == pytest.approx(4480.0, abs=2.0)
    assert found.u_counts == pytest.approx(960.0 / math.sqrt(12.0), rel=0.02)


def test_too_few_balls_are_never_sure() -> None:
    finder = _finder()
    for at, accept in [(4490, True), (4510, False)] * 7:
        finder.add(Trial(at, accept))
    assert len(finder.trials) < 16
    assert not finder.sure


def test_balls_that_fit_no_threshold_are_counted() -> None:
    finder = _finder()
    for _ in range(15):
        finder.add(Trial(4300, True))
        finder.add(Trial(4700, False))
        finder.add(Trial(4497, True))
        finder.add(Trial(4503, False))
    assert finder.astray == 0
    finder.add(Trial(4200, False))
    finder.add(Trial(4800, True))
    assert finder.astray == 2
    assert finder.result().counts == pytest.approx(4500.0, abs=3.0)


def test_a_restless_gate_is_given_up() -> None:
    finder = _finder(trials_max=60)
    rng = np.random.default_rng(5)
    _run(finder, 4500.0, 12.0 * SPREAD, rng)
    assert finder.spent
    assert not finder.sure


@pytest.mark.parametrize(
    ("low", "high", "spread", "target"),
    [(10.0, 10.0, 1.0, 1.0), (0.0, 10.0, 0.0, 1.0), (0.0, 10.0, 1.0, 0.0)],
)
def test_a_search_of_nothing_is_refused(low: float, high: float, spread: float, target: float) -> None:
    with pytest.raises(ValueError, match="range"):
        ThresholdSearch(low, high, spread, target, accepts_below=True)
