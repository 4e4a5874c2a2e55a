"""Boxes of one mark become one finding: case tables of what two boxes show."""

from __future__ import annotations

import pytest

from vision.rail_map.join import StripBox, join_boxes, make_findings

#: Head from column 20 on, 144 px wide, at 0.5 mm/px.
HEAD = (20.0, 144.0)


def box(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    *,
    label: str = "dirt",
    score: float = 0.5,
    camera: str = "top",
) -> StripBox:
    return StripBox(camera, "head", label, score, (x1, y1, x2, y2), HEAD, 0.5, (f"{camera}.png",))


SMEAR = box(30, 1000, 70, 1100)
PAIRS: list[tuple[str, StripBox, bool]] = [
    ("touches it, begins and ends with it: the other half", box(71, 1004, 110, 1096), True),
    ("overlaps it a little, and begins and ends with it", box(66, 990, 110, 1105), True),
    ("touches it, but is less than two thirds as long", box(71, 1000, 110, 1060), False),
    ("touches it, but lies further along", box(71, 1040, 110, 1140), False),
    ("begins and ends with it, 3 mm beside it", box(76, 1000, 110, 1100), False),
    ("touches it, but is of another label", box(71, 1000, 110, 1100, label="defect"), False),
    ("one behind the other", box(30, 1101, 70, 1200), False),
    ("the same seen twice", box(32, 1010, 70, 1090), True),
    ("a long narrow one across a short wide one", box(45, 800, 55, 1400), False),
    ("a short one within it", box(40, 1020, 60, 1040), True),
]


@pytest.mark.parametrize(("other", "joined"), [row[1:] for row in PAIRS], ids=[row[0] for row in PAIRS])
def test_which_two_boxes_are_one_mark(other: StripBox, joined: bool) -> None:
    for pair in ([SMEAR, other], [other, SMEAR]):
        assert len(join_boxes(pair)) == (1 if joined else 2)


def test_a_smear_of_two_halves_has_the_extent_of_both_and_the_surer_score() -> None:
    marks = join_boxes([SMEAR, box(71, 1004, 110, 1110, score=0.7)])
    (found,) = make_findings(marks, 100.0, 0.5)
    assert (found.first_row, found.last_row, found.score) == (1000, 1110, 0.7)
    assert (found.across_mm, found.width_mm) == (5.0, 40.0)
    assert (found.start_m, found.length_mm) == (0.45, 55.0)
    assert len(found.boxes) == 1
