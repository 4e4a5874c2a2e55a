"""A mill whose rolls wear: the EWMA of the mean diameter alarms long before tolerance is lost.

The true sizes are those of the twin line's plan of balls; the camera's error is added as the uncertainty
budget has it. The line makes two balls a second, one point a minute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.synthetic.bank import BallBank, BankIndex
from edge_runtime.lots.data import Diameters
from edge_runtime.lots.statistics import NS_PER_S, size_capability, wear_chart
from edge_runtime.twin.balls import OVERSIZE, UNDERSIZE, plan_balls
from edge_runtime.twin.settings import LineSettings
from tests.twin.drawn_bank import make_drawn_bank
from vision.contract import BALL_LABELS

BALLS_PER_S = 2.0
BALLS = 14_400
BAND_MM = (38.0, 42.0)
#: standard uncertainty of one ball's mean diameter that differs from ball to ball, and that which does not
U_RANDOM_MM, U_COMMON_MM = 0.04, 0.05


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> BankIndex:
    return BallBank(make_drawn_bank(tmp_path_factory.mktemp("bank"))).index


def _made(bank: BankIndex, wear_um_per_1000: float, seed: int) -> tuple[Diameters, np.ndarray]:
    """Two hours of balls as the ledger would hold them, and which were not planned out of the band."""
    settings: dict[str, Any] = {
        "run_dir": Path("unused"), "field_name": "unused", "ring_prefix": "unused", "n_balls": BALLS,
        "defect_share": 0.05, "seed": seed, "roll_wear_um_per_1000_balls": wear_um_per_1000,
    }  # fmt: skip
    planned = list(plan_balls(LineSettings.model_validate(settings), bank))
    random = np.random.default_rng(seed)
    error = random.normal(0.0, U_COMMON_MM) + random.normal(0.0, U_RANDOM_MM, BALLS)
    mean = np.array([ball.d_mean_mm for ball in planned]) + error
    sound = np.array([ball.label not in BALL_LABELS for ball in planned])
    inside = (mean - 0.1 >= BAND_MM[0]) & (mean + 0.1 <= BAND_MM[1])
    same = np.full(BALLS, float(np.hypot(U_RANDOM_MM, U_COMMON_MM)))
    utc_ns = (np.arange(BALLS) / BALLS_PER_S * NS_PER_S).astype(np.int64)
    ordinary = np.array([ball.label not in (UNDERSIZE, OVERSIZE, *BALL_LABELS) for ball in planned])
    roundness = np.full(BALLS, 0.1)
    balls = Diameters(
        utc_ns, mean - 0.1, mean + 0.1, mean, same, same, roundness, accepted=sound & inside, sound=sound
    )
    return balls, ordinary


def _tolerance_lost_ns(balls: Diameters) -> int:
    """When more than one ball in twenty is too large, over five minutes."""
    period = balls.utc_ns // (300 * NS_PER_S)
    too_large = np.bincount(period, balls.largest_mm > BAND_MM[1]) / np.bincount(period)
    return int(np.flatnonzero(too_large > 0.05)[0]) * 300 * NS_PER_S


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wear_is_found_before_tolerance_is_lost(bank: BankIndex, seed: int) -> None:
    balls, ordinary = _made(bank, 100.0, seed)
    chart = wear_chart(balls.only(balls.sound))
    assert chart is not None
    assert chart.alarm_utc_ns is not None
    assert chart.drift.slope == pytest.approx(0.1 * BALLS_PER_S * 3.6, rel=0.1)  # mm per hour
    assert chart.chart.points[chart.chart.first_alarm or 0].alarm == "above"
    assert chart.alarm_utc_ns < _tolerance_lost_ns(balls.only(ordinary)) / 2
    until = balls.only(ordinary & (balls.utc_ns < chart.alarm_utc_ns + 60 * NS_PER_S))
    assert len(until) > 2000
    assert (until.largest_mm > BAND_MM[1]).mean() < 0.001  # an oval one at most had left the band by then
    moved_mm = 1e-4 * BALLS_PER_S * chart.alarm_utc_ns / NS_PER_S
    assert moved_mm < 0.5


def test_rolls_that_do_not_wear_are_left_alone(bank: BankIndex) -> None:
    """Four runs of two hours, 400 points: chance alone makes about one alarm."""
    alarms = 0
    for seed in range(11, 15):
        balls, _ = _made(bank, 0.0, seed)
        chart = wear_chart(balls.only(balls.sound))
        assert chart is not None
        assert abs(chart.drift.slope) < 0.03
        alarms += chart.alarm_utc_ns is not None
    assert alarms <= 2


def test_wear_shows_in_the_capability(bank: BankIndex) -> None:
    still, worn = (_made(bank, wear, 4)[0] for wear in (0.0, 100.0))
    found = [
        size_capability(balls.only(balls.sound), d_min_mm=BAND_MM[0], d_max_mm=BAND_MM[1])
        for balls in (still, worn)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[1].worst_ppk < found[0].worst_ppk
    cpk = found[1].largest.cpk
    assert cpk is not None
    assert cpk.value > found[1].largest.ppk.value  # within a minute the mill is better than over the lot
