"""The committed bank: complete, consistent with its sheets, and light (no renderer needed)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from datasets.synthetic.bank import BANK_DIR, BallBank, BallTruth
from vision.contract import BALL_LABELS
from vision.errors import ConfigError


@pytest.fixture(scope="module")
def bank() -> BallBank:
    return BallBank()


def _one_of_each(bank: BallBank) -> list[BallTruth]:
    return list({ball.label: ball for ball in bank.index.balls}.values())


def test_bank_is_complete_and_small(bank: BallBank) -> None:
    counts = Counter(ball.label for ball in bank.index.balls)
    assert sum(counts.values()) >= 220
    assert all(counts[label] >= 11 for label in BALL_LABELS)
    assert counts["oval"] >= 6
    assert counts["good"] >= 100
    assert sum(path.stat().st_size for path in BANK_DIR.iterdir()) <= 16_000_000


def test_bank_was_rendered_with_settings_kept_from_training(bank: BallBank) -> None:
    assert bank.index.settings["training_allowed"] is False


def test_every_ball_has_the_twelve_views(bank: BallBank) -> None:
    expected = {
        (camera, roll) for camera in ("left", "right") for roll in (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
    }
    for ball in bank.index.balls:
        assert {(view.camera, view.roll_deg) for view in ball.views} == expected
        assert len(ball.views) == 12


def test_truth_agrees_with_the_sheets(bank: BallBank) -> None:
    for ball in _one_of_each(bank):
        for view in bank.views(ball):
            assert view.grey.shape == view.alpha.shape == (ball.tile_px, ball.tile_px)
            ys, xs = np.nonzero(view.alpha >= 128)
            found = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert found == pytest.approx(view.truth.silhouette_xyxy_px, abs=1.0), ball.ball
            if view.truth.xyxy_px is not None:
                x1, y1, x2, y2 = view.truth.xyxy_px
                assert 0 <= x1 < x2 <= ball.tile_px
                assert 0 <= y1 < y2 <= ball.tile_px
                assert 0 < view.truth.defect_px <= (x2 - x1) * (y2 - y1)
            else:
                assert view.truth.defect_px == 0


def test_sound_balls_are_round_and_ovals_are_not(bank: BallBank) -> None:
    for ball in bank.index.balls:
        if ball.label == "good":
            assert 0.975 <= ball.d_min_share <= ball.d_max_share <= 1.025, ball.ball
            assert all(view.defect_px == 0 for view in ball.views)
        if ball.label == "oval":
            assert ball.d_max_share - ball.d_min_share > 0.09, ball.ball


def test_silhouettes_have_the_stated_diameters(bank: BallBank) -> None:
    for ball in bank.index.balls:
        if ball.label not in ("good", "oval"):
            continue
        for view in ball.views:
            x1, y1, x2, y2 = view.silhouette_xyxy_px
            for side in (x2 - x1, y2 - y1):
                share = side / ball.nominal_px
                # A box is whole pixels: up to one more or less than the caliper.
                assert ball.d_min_share - 0.0125 <= share <= ball.d_max_share + 0.0125, ball.ball


@pytest.mark.parametrize(
    "text",
    [
        None,  # no bank.json at all
        "{",  # not JSON
        json.dumps({"seed": 1, "command": "x", "balls": []}),  # no ball
        json.dumps({"seed": 1, "command": "x", "balls": [], "colour": 1}),  # unknown key
    ],
)
def test_broken_bank_is_one_clear_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "bank.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bank\.json"):
        BallBank(tmp_path)
