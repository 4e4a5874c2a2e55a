"""Thresholds raised for the sake of sound balls (no training extra needed)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.records import DataSet, SampleRecord
from datasets.scoring.costs import DEFAULT_FILE, LabelCosts, StationCosts, load_costs
from datasets.scoring.operating_point import choose_operating_points
from datasets.scoring.pictures import Scored, scored_picture
from datasets.scoring.sound_balls import score_sound_balls, sound_balls, sound_groups
from tests.training.scored import Found, Truth, found_boxes, sample
from vision.errors import ConfigError
from vision.types import Detections

LABELS = ("crack", "lap")
BOX = (10.0, 10.0, 50.0, 50.0)
View = tuple[str, str, list[Truth], list[Found]]


def _views(rows: list[View]) -> Scored:
    """Views from (ball, what the ball is, truth, found)."""
    return Scored(
        LABELS,
        tuple(
            scored_picture(
                sample(truth, ball, f"p{number}", label=kind, truth={"ball_label": kind}),
                found_boxes(found, LABELS),
            )
            for number, (ball, kind, truth, found) in enumerate(rows)
        ),
    )


def _balls(first: int, count: int, *, high: int = 0) -> list[View]:
    """Sound balls of two views, scores of crack in 0.05 to 0.2; the last `high` of them 0.6 in both views."""
    rows: list[View] = []
    for number in range(count):
        low = 0.05 + 0.15 * number / count
        score = 0.6 if number >= count - high else low
        rows += [(f"ball{first + number}", "good", [], [("crack", BOX, score)])] * 2
    return rows


def _cracked(count: int) -> list[View]:
    """Balls with a crack in one of two views, scores 0.1 to 0.9."""
    rows: list[View] = []
    for number in range(count):
        score = 0.1 + 0.8 * number / count
        rows.append((f"bad{number}", "crack", [("crack", BOX)], [("crack", BOX, score)]))
        rows.append((f"bad{number}", "crack", [], [("crack", BOX, 0.99)]))
    return rows


def _costs(share: float | None, escape: float = 20.0) -> StationCosts:
    cost = LabelCosts(cost_escape=escape, cost_false_reject=1.0)
    return StationCosts(source="made up", verified=False, default=cost, sound_balls_lost_max=share)


def test_balls_are_counted_and_not_their_views() -> None:
    balls = sound_balls(_views(_balls(0, 20, high=2) + _cracked(3)))
    assert len(balls.groups) == 20  # the clean view of a cracked ball makes it no sound ball
    assert balls.best[:, 1].tolist() == [0.0] * 20
    assert balls.least_threshold(0, 0.1) < 0.2  # two of twenty, though four views
    assert balls.least_threshold(0, 0.09) > 0.6
    assert balls.lost(np.array([0.6, 0.5])) == 2
    assert balls.without(["ball19", "elsewhere"]).lost(np.array([0.6, 0.5])) == 1


def test_a_threshold_is_raised_until_the_share_is_kept() -> None:
    views = _views(_balls(0, 200, high=5) + _cracked(40))
    plain = choose_operating_points(views, "ball", _costs(None))
    held = choose_operating_points(views, "ball", _costs(0.01))
    balls = sound_balls(views)
    assert (balls.best[:, 0] >= plain.thresholds["crack"]).mean() > 0.01

    assert held.thresholds["crack"] == pytest.approx(0.601)
    assert (balls.best[:, 0] >= held.thresholds["crack"]).mean() <= 0.01
    assert held.thresholds["lap"] == plain.thresholds["lap"]
    assert held.calibration == plain.calibration
    raised = f"crack: raised from {plain.thresholds['crack']:.3f}"
    assert any(note.startswith(raised) and "of 200 sound balls" in note for note in held.notes)
    assert not any("sound balls" in note for note in plain.notes)
    # What is expected follows the threshold that ships: fewer false views, more escapes.
    assert held.points["crack"].false_per_1000[0] < plain.points["crack"].false_per_1000[0]
    assert held.points["crack"].escape_share[0] > plain.points["crack"].escape_share[0]


def test_it_is_never_lowered() -> None:
    views = _views(_balls(0, 200) + _cracked(40))
    plain = choose_operating_points(views, "ball", _costs(None, escape=0.5)).thresholds
    assert plain["crack"] > 0.25  # above every sound ball
    assert choose_operating_points(views, "ball", _costs(0.01, escape=0.5)).thresholds == plain


def test_too_few_sound_balls_raise_nothing_and_that_is_said() -> None:
    views = _views(_balls(0, 60, high=5) + _cracked(40))
    held = choose_operating_points(views, "ball", _costs(0.01))
    plain = choose_operating_points(views, "ball", _costs(None))
    assert held.thresholds == plain.thresholds
    assert any(note.startswith("60 sound balls are too few") for note in held.notes)


def test_more_sound_balls_count_for_nothing_else() -> None:
    views = _views(_balls(0, 60) + _cracked(40))
    more = _views(_balls(100, 60, high=5))
    plain = choose_operating_points(views, "ball", _costs(0.01))
    held = choose_operating_points(views, "ball", _costs(0.01), more=more)
    assert held.thresholds["crack"] == pytest.approx(0.601)
    assert held.calibration == plain.calibration
    assert any("of the 120 sound balls" in note for note in held.notes)


def test_only_sound_balls_of_the_train_split_are_looked_at(tmp_path: Path) -> None:
    def record(ball: str, number: int, kind: str, split: str, marks: list[Truth]) -> SampleRecord:
        name = f"{ball}-{number}"
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((400, 400), number, np.uint8))
        return sample(marks, ball, name, file=f"{name}.png", split=split, truth={"ball_label": kind})

    data = DataSet(
        labels=LABELS,
        samples=(
            record("sound", 1, "good", "train", []),
            record("sound", 2, "good", "train", []),
            record("oval", 3, "oval", "train", []),
            record("bad", 4, "crack", "train", []),
            record("bad", 5, "crack", "train", [("crack", BOX)]),
            record("later", 6, "good", "val", []),
        ),
    )
    seen = []

    def look(image: np.ndarray) -> Detections:
        seen.append(int(image.flat[0]))
        return found_boxes([("lap", BOX, 0.3)], LABELS)

    assert sound_groups(data.samples) == {"sound", "oval", "later"}
    found = score_sound_balls(data, tmp_path, look, LABELS)
    assert sorted(seen) == [1, 2, 3]
    assert sound_balls(found).best.tolist() == pytest.approx(np.array([[0.0, 0.3], [0.0, 0.3]]))
    none = data.model_copy(update={"samples": data.samples[3:]})
    assert score_sound_balls(none, tmp_path, look, LABELS).pictures == ()


def test_the_share_stands_in_the_costs_of_balls_alone(tmp_path: Path) -> None:
    assert load_costs(None, "ball").sound_balls_lost_max == 0.01
    assert load_costs(None, "rail").sound_balls_lost_max is None
    own = tmp_path / "costs.yaml"
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    own.write_text(text + "  sound_balls_lost_max: 0.01\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="belongs to the ball station"):
        load_costs(own, "rail")
