"""A tile looked at mirrored: boxes come back to their place, and views vote."""

from __future__ import annotations

import numpy as np
import pytest

from vision.rail_views import detect_views
from vision.types import Detections, UInt8Array

SIDE = 64


class Darkest:
    """Finds the box round all dark pixels, with the score that its view is given."""

    def __init__(self, scores: list[float], extra: bool = False) -> None:
        self.scores = scores
        self.extra = extra
        self.asked: list[float] = []

    def detect(self, image: UInt8Array, min_score: float = 0.05) -> Detections:
        score = self.scores[len(self.asked)]
        self.asked.append(min_score)
        ys, xs = np.nonzero(image < 50)
        boxes = [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]] if score >= min_score else []
        scores, classes = [score] * len(boxes), [0] * len(boxes)
        if self.extra and boxes:
            boxes, scores, classes = [boxes[0], boxes[0]], [score, score * 0.9], [0, 0]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(classes, np.int64),
            ("defect", "dirt"),
        )


@pytest.fixture
def tile() -> UInt8Array:
    picture = np.full((SIDE, SIDE), 110, np.uint8)
    picture[10:18, 40:60] = 20
    return picture


@pytest.mark.parametrize("views", [1, 2, 4])
def test_boxes_come_back_to_their_place(tile: UInt8Array, views: int) -> None:
    detector = Darkest([0.8] * 4)
    found = detect_views(detector, tile, views, 0.1)
    assert len(detector.asked) == views
    assert found.xyxy_px == pytest.approx(np.array([[40, 10, 60, 18]]))
    assert found.score == pytest.approx([0.8])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        # all agree
        ([0.8, 0.8, 0.8, 0.8], [0.8]),
        # two of four see it
        ([0.8, 0.0, 0.6, 0.0], [0.35]),
        # weak everywhere, but above half the limit: kept when the mean reaches it
        ([0.09, 0.12, 0.11, 0.12], [0.11]),
        # one weak view alone is left out
        ([0.3, 0.0, 0.0, 0.0], []),
    ],
)
def test_views_vote(tile: UInt8Array, scores: list[float], expected: list[float]) -> None:
    found = detect_views(Darkest(scores), tile, 4, 0.1)
    assert found.score == pytest.approx(expected)


def test_two_boxes_on_one_mark_come_out_as_one_and_lift_no_score(tile: UInt8Array) -> None:
    found = detect_views(Darkest([0.8] * 4, extra=True), tile, 4, 0.1)
    assert found.score == pytest.approx([0.8])
    assert found.xyxy_px == pytest.approx(np.array([[40, 10, 60, 18]]))


def test_nothing_seen_is_nothing(tile: UInt8Array) -> None:
    assert len(detect_views(Darkest([0.0] * 4), tile, 4, 0.1)) == 0
