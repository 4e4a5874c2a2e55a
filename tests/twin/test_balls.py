"""The plan of balls: drawn from the seed, true to the asked shares and sizes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.synthetic.bank import BallBank, BankIndex
from edge_runtime.twin.balls import DEFECT_KINDS, nearest_view, plan_balls
from edge_runtime.twin.faults import FaultName, PlannedFault
from edge_runtime.twin.settings import LineSettings
from tests.twin.drawn_bank import make_drawn_bank
from vision.errors import ConfigError


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> BankIndex:
    return BallBank(make_drawn_bank(tmp_path_factory.mktemp("bank"))).index


def _settings(**changes: Any) -> LineSettings:
    base = {"run_dir": Path("unused"), "field_name": "unused", "ring_prefix": "unused"}
    return LineSettings.model_validate(base | changes)


def test_same_seed_same_balls(bank: BankIndex) -> None:
    plans = [list(plan_balls(_settings(n_balls=50, seed=seed), bank)) for seed in (3, 3, 4)]
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_shares_sizes_and_pitch(bank: BankIndex) -> None:
    balls = list(plan_balls(_settings(n_balls=6000, defect_share=0.13, seed=2), bank))
    labels = Counter(ball.label for ball in balls)
    assert sum(labels[kind] for kind in DEFECT_KINDS) / 6000 == pytest.approx(0.13, abs=0.015)
    assert min(labels[kind] for kind in DEFECT_KINDS) > 30  # 60 expected of each kind
    sizes = np.array([ball.size_mm for ball in balls if ball.good])
    assert sizes.mean() == pytest.approx(40.0, abs=0.03)
    assert sizes.std() == pytest.approx(0.4, abs=0.02)
    assert abs(sizes - 40.0).max() <= 1.2 + 1e-9  # no good ball near the limits of 2 mm
    assert all(ball.size_mm < 37.5 for ball in balls if ball.label == "undersize")
    assert all(ball.size_mm > 42.5 for ball in balls if ball.label == "oversize")
    pitch = np.diff([ball.offset_counts for ball in balls])
    assert pitch.mean() == pytest.approx(960.0, rel=0.005)
    assert pitch.std() == pytest.approx(48.0, rel=0.05)


def test_everything_grows_with_the_diameter(bank: BankIndex) -> None:
    small, large = (
        list(plan_balls(_settings(n_balls=40, diameter_mm=d, seed=2), bank)) for d in (40.0, 80.0)
    )
    for a, b in zip(small, large, strict=True):
        assert b.size_mm == pytest.approx(2.0 * a.size_mm)
        assert b.lateral_mm == pytest.approx(2.0 * a.lateral_mm)
        assert b.offset_counts == pytest.approx(a.offset_counts)


def test_extent_is_the_chord_at_the_lateral_offset(bank: BankIndex) -> None:
    settings = _settings(n_balls=1, defect_share=0.0)
    ball = replace(next(plan_balls(settings, bank)), size_mm=40.0, lateral_mm=12.0)
    ahead, behind = ball.extent_counts(0.0, settings)
    assert ahead == behind
    assert ahead + behind == pytest.approx(2.0 * math.sqrt(20.0**2 - 12.0**2) * 8.0)  # 8 counts to the mm


def test_a_double_is_longer_than_a_ball(bank: BankIndex) -> None:
    settings = _settings(n_balls=1, defect_share=0.0)
    double = next(ball for ball in bank.balls if ball.label == "double")
    ball = replace(next(plan_balls(settings, bank)), label="double", bank=double, size_mm=40.0)
    lengths = [sum(replace(ball, roll0_deg=roll).extent_counts(0.0, settings)) for roll in (0.0, 60.0, 120.0)]
    assert max(lengths) == pytest.approx(1.475 * 320, rel=0.01)  # drawn 0.475 diameters apart


def test_rolls_without_slip(bank: BankIndex) -> None:
    settings = _settings(n_balls=1, defect_share=0.0)
    ball = replace(next(plan_balls(settings, bank)), size_mm=40.0, roll0_deg=10.0)
    once_around = math.pi * 320
    assert ball.roll_deg(once_around, settings.um_per_count) == pytest.approx(10.0)
    assert ball.roll_deg(once_around / 4, settings.um_per_count) == pytest.approx(100.0)
    assert ball.roll_deg(-once_around / 4, settings.um_per_count) == pytest.approx(280.0)


@pytest.mark.parametrize(
    ("roll_deg", "expected"),
    [
        (0.0, 0.0),  # a rendered angle
        (29.0, 0.0),  # nearest below
        (31.0, 60.0),  # nearest above
        (331.0, 0.0),  # around the turn
    ],
)
def test_nearest_view(bank: BankIndex, roll_deg: float, expected: float) -> None:
    for camera in ("left", "right"):
        view = bank.balls[0].views[nearest_view(bank.balls[0], camera, roll_deg)]
        assert (view.camera, view.roll_deg) == (camera, expected)


def test_touching_ball_lies_against_the_one_before(bank: BankIndex) -> None:
    fault = PlannedFault(name=FaultName.TOUCHING_BALLS, ball=5)
    balls = list(plan_balls(_settings(n_balls=8, defect_share=0.0, faults=(fault,)), bank))
    gap = balls[5].offset_counts - balls[4].offset_counts
    assert gap == pytest.approx((balls[4].d_mean_mm + balls[5].d_mean_mm) / 2.0 * 8.0)
    assert balls[6].offset_counts - balls[5].offset_counts > 700


def test_a_bank_without_a_needed_label_is_refused(bank: BankIndex) -> None:
    poor = bank.model_copy(update={"balls": tuple(ball for ball in bank.balls if ball.label != "seam")})
    with pytest.raises(ConfigError, match="no ball of: seam"):
        next(plan_balls(_settings(), poor))
    next(plan_balls(_settings(defect_share=0.0), poor))
