"""Which ball is what: shares, splits, order."""

from __future__ import annotations

from collections import Counter

import pytest

from datasets.synthetic.ball_plan import plan_balls
from datasets.synthetic.settings import SETTINGS_DIR, load_settings
from vision.contract import BALL_LABELS
from vision.errors import ConfigError


def test_shares_are_met_and_every_label_is_in_both_splits() -> None:
    shares = load_settings(SETTINGS_DIR / "train.yaml").labels
    plan = plan_balls(shares, 375, 1, test=False)
    counts = Counter(ball.label for ball in plan)
    assert len(plan) == 375
    for label, share in shares.items():
        assert abs(counts[label] - 375 * share / sum(shares.values())) < 1.0
    for split in ("train", "val"):
        assert {ball.label for ball in plan if ball.split == split} >= set(BALL_LABELS)
    assert sum(ball.split == "val" for ball in plan) == pytest.approx(0.15 * 375, abs=6)


def test_the_evaluation_set_holds_what_the_figures_need() -> None:
    plan = plan_balls(load_settings(SETTINGS_DIR / "test.yaml").labels, 1125, 1, test=True)
    counts = Counter(ball.label for ball in plan)
    assert {ball.split for ball in plan} == {"test"}
    # 8 views each; about half of a cracked ball's views show the crack
    assert counts["good"] * 8 >= 5000
    assert counts["crack"] * 4 >= 1000
    assert min(counts[label] for label in BALL_LABELS) >= 4


def test_a_seed_gives_one_order() -> None:
    shares = {"good": 3.0, "crack": 1.0}
    assert plan_balls(shares, 12, 4, test=False) == plan_balls(shares, 12, 4, test=False)
    assert plan_balls(shares, 12, 4, test=False) != plan_balls(shares, 12, 5, test=False)


@pytest.mark.parametrize("shares", [{}, {"good": 0.0}, {"good": 2.0, "crack": -1.0}])
def test_shares_that_say_nothing_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="no share"):
        plan_balls(shares, 8, 1, test=False)
