"""Ends of marks looked at again: what a second look may change, and what it may not."""

from __future__ import annotations

import numpy as np
import pytest

from vision.contract import RAIL_LABELS
from vision.rail_map.look_again import look_again
from vision.types import Detections

TILE = 100
#: label, score, x1, y1, x2, y2
Row = tuple[int, float, float, float, float, float]
D, X = 0, 1


def boxes(*rows: Row) -> Detections:
    table = np.array([row[2:] for row in rows], np.float32).reshape(-1, 4)
    score = np.array([row[1] for row in rows], np.float32)
    return Detections(table, score, np.array([row[0] for row in rows], np.int64), RAIL_LABELS)


class Strip:
    """A strip on which each tile shows what lies in it, cut at its borders."""

    def __init__(self, *marks: Row) -> None:
        self.marks = marks
        self.rows: list[float] = []

    def look(self, row: float) -> tuple[Detections, float, float]:
        self.rows.append(row)
        first, last = row - TILE / 2, row + TILE / 2
        seen = [
            (label, score, x1, max(first, y1), x2, min(last, y2))
            for label, score, x1, y1, x2, y2 in self.marks
            if y1 < last and y2 > first
        ]
        return boxes(*seen), first, last


#: what is found; what is there; rows after the looks; looks
CASES: list[tuple[str, Row, Row | None, tuple[float, float], int]] = [
    ("half of it was seen", (D, 0.5, 10, 300, 20, 340), (D, 0.4, 10, 300, 20, 360), (300, 360), 1),
    ("more was seen than there is", (D, 0.5, 10, 300, 20, 380), (D, 0.4, 10, 310, 20, 360), (310, 360), 1),
    ("longer than a tile", (D, 0.5, 10, 300, 20, 450), (D, 0.4, 10, 280, 20, 470), (280, 470), 2),
    ("it goes on over tiles", (D, 0.5, 10, 300, 20, 400), (D, 0.4, 10, 300, 20, 480), (300, 480), 3),
    ("followed over three tiles", (D, 0.5, 10, 300, 20, 400), (D, 0.4, 10, 300, 20, 900), (300, 550), 4),
    ("nothing there", (D, 0.5, 10, 300, 20, 340), None, (300, 340), 3),
    ("another label", (D, 0.5, 10, 300, 20, 340), (X, 0.9, 10, 300, 20, 360), (300, 340), 3),
    ("a guess", (D, 0.6, 10, 300, 20, 340), (D, 0.19, 10, 300, 20, 360), (300, 340), 3),
    ("beside it", (D, 0.5, 10, 300, 20, 340), (D, 0.5, 18, 300, 30, 360), (300, 340), 3),
    ("short: not looked at", (D, 0.5, 10, 300, 20, 320), (D, 0.5, 10, 300, 20, 340), (300, 320), 0),
]


@pytest.mark.parametrize(
    ("found", "there", "rows", "looks"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_ends_after_a_second_look(
    found: Row, there: Row | None, rows: tuple[float, float], looks: int
) -> None:
    strip = Strip(*([] if there is None else [there]))
    made = look_again(boxes(found), np.ones(1, bool), strip.look, TILE)[0]
    assert made.tolist() == [10, rows[0], 20, rows[1]]
    assert len(strip.rows) == looks


def test_of_marks_side_by_side_each_keeps_its_own_ends() -> None:
    found = boxes((D, 0.5, 10, 300, 20, 340), (D, 0.4, 40, 310, 50, 350), (D, 0.1, 70, 300, 80, 340))
    strip = Strip((D, 0.5, 10, 296, 20, 344), (D, 0.4, 40, 320, 50, 360), (D, 0.1, 70, 200, 80, 500))
    made = look_again(found, np.array([True, True, False]), strip.look, TILE)
    np.testing.assert_allclose(made[:, 1::2], [[296, 344], [320, 360], [300, 340]])


def test_no_end_is_drawn_out_over_another_mark() -> None:
    """The second look shows all of it as one, from 296 to 380: the thresholds saw two."""
    found = boxes((D, 0.5, 10, 296, 20, 310), (D, 0.4, 10, 330, 20, 370), (X, 0.4, 10, 372, 20, 376))
    strip = Strip((D, 0.5, 10, 296, 20, 380))
    made = look_again(found, np.ones(3, bool), strip.look, TILE)
    np.testing.assert_allclose(made[:, 1::2], [[296, 310], [310, 380], [372, 376]])


def test_nothing_found_needs_no_look() -> None:
    strip = Strip()
    assert look_again(boxes(), np.ones(0, bool), strip.look, TILE).shape == (0, 4)
    assert strip.rows == []
