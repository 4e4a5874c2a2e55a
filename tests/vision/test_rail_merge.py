"""Boxes of tiles put together: a case table of what two or three tiles see of one mark, or of two."""

from __future__ import annotations

import numpy as np
import pytest

from vision.contract import RAIL_LABELS
from vision.rail_merge import merge_tiles
from vision.types import Detections

#: Tiles of 100 rows, sharing 30 with the next: rows 0..100, 70..170, 140..240.
SIDE, TOPS, HEIGHT = 100, (0, 70, 140), 240
D, X, G = 0, 1, 2  # defect, dirt, gap

#: label, score, x1, y1, x2, y2; in pixels of the strip as given here, cut to the tile below
Row = tuple[int, float, float, float, float, float]


def tiles(rows: list[list[Row]], tops: tuple[int, ...] = TOPS) -> list[Detections]:
    """Per tile its boxes, given in strip pixels."""
    made = []
    for top, boxes in zip(tops, rows, strict=True):
        table = np.array([row[2:] for row in boxes], np.float32).reshape(-1, 4)
        made.append(
            Detections(
                table - np.array([0, top, 0, top], np.float32),
                np.array([row[1] for row in boxes], np.float32),
                np.array([row[0] for row in boxes], np.int64),
                RAIL_LABELS,
            )
        )
    return made


CASES: list[tuple[str, list[list[Row]], list[Row]]] = [
    ("nothing", [[], [], []], []),
    ("one mark in one tile", [[(D, 0.9, 10, 20, 30, 40)], [], []], [(D, 0.9, 10, 20, 30, 40)]),
    (
        "seen whole by both tiles: one box, the better one",
        [[(D, 0.6, 10, 75, 30, 90)], [(D, 0.8, 11, 76, 31, 91)], []],
        [(D, 0.8, 11, 76, 31, 91)],
    ),
    (
        "cut by both borders: the union, with the better score",
        [[(D, 0.6, 10, 50, 30, 100)], [(D, 0.8, 11, 70, 31, 130)], []],
        [(D, 0.8, 10, 50, 31, 130)],
    ),
    (
        "cut in the upper tile, whole in the lower one: the whole one's extent",
        [[(D, 0.9, 10, 80, 30, 100)], [(D, 0.7, 12, 80, 30, 112)], []],
        [(D, 0.9, 12, 80, 30, 112)],
    ),
    (
        "whole in the upper tile, cut in the lower one",
        [[(D, 0.7, 12, 60, 30, 92)], [(D, 0.9, 10, 70, 30, 92)], []],
        [(D, 0.9, 12, 60, 30, 92)],
    ),
    (
        "through three tiles",
        [[(D, 0.5, 10, 30, 30, 100)], [(D, 0.6, 10, 70, 31, 170)], [(D, 0.7, 9, 140, 30, 200)]],
        [(D, 0.7, 9, 30, 31, 200)],
    ),
    (
        "the upper tile's box stops short of its border: still one mark with its whole extent",
        [[(D, 0.8, 10, 50, 30, 93)], [(D, 0.6, 10, 70, 30, 140)], []],
        [(D, 0.8, 10, 50, 30, 140)],
    ),
    (
        "two marks at a border, side by side: two",
        [
            [(D, 0.8, 10, 60, 30, 100), (D, 0.7, 60, 60, 80, 100)],
            [(D, 0.8, 10, 70, 30, 120), (D, 0.7, 60, 70, 80, 120)],
            [],
        ],
        [(D, 0.8, 10, 60, 30, 120), (D, 0.7, 60, 60, 80, 120)],
    ),
    (
        "two marks one above the other in the shared rows: two",
        [
            [(D, 0.8, 10, 72, 30, 82), (D, 0.7, 10, 86, 30, 96)],
            [(D, 0.75, 10, 72, 30, 82), (D, 0.65, 10, 86, 30, 96)],
            [],
        ],
        [(D, 0.8, 10, 72, 30, 82), (D, 0.7, 10, 86, 30, 96)],
    ),
    (
        "cut pieces that do not agree sideways: two marks",
        [[(D, 0.8, 10, 60, 30, 100)], [(D, 0.7, 25, 70, 60, 120)], []],
        [(D, 0.8, 10, 60, 30, 100), (D, 0.7, 25, 70, 60, 120)],
    ),
    (
        "a sliver at the lower tile's border, of a mark that the upper one saw whole: gone",
        [[(D, 0.8, 10, 40, 30, 75)], [(D, 0.3, 14, 70, 26, 73)], []],
        [(D, 0.8, 10, 40, 30, 75)],
    ),
    (
        "labels are never joined",
        [[(D, 0.8, 10, 50, 30, 100)], [(X, 0.7, 10, 70, 30, 130)], []],
        [(D, 0.8, 10, 50, 30, 100), (X, 0.7, 10, 70, 30, 130)],
    ),
    (
        "damage and dirt on the very same spot: the surer name",
        [[(D, 0.5, 10, 20, 30, 40), (X, 0.7, 10, 20, 30, 41)], [], []],
        [(X, 0.7, 10, 20, 30, 41)],
    ),
    (
        "damage and dirt that overlap: both",
        [[(D, 0.5, 10, 20, 30, 40), (X, 0.7, 10, 28, 30, 60)], [], []],
        [(X, 0.7, 10, 28, 30, 60), (D, 0.5, 10, 20, 30, 40)],
    ),
    (
        "a small mark inside a large one of its label: both",
        [[(D, 0.5, 10, 20, 90, 60), (D, 0.7, 20, 30, 30, 40)], [], []],
        [(D, 0.7, 20, 30, 30, 40), (D, 0.5, 10, 20, 90, 60)],
    ),
    (
        "the same box twice in one tile: once",
        [[(G, 0.5, 10, 20, 90, 30), (G, 0.7, 10, 20, 88, 30)], [], []],
        [(G, 0.7, 10, 20, 88, 30)],
    ),
    (
        "at the strip's own ends nothing is cut",
        [[(D, 0.7, 10, 0, 30, 20)], [], [(D, 0.6, 10, 220, 30, 240)]],
        [(D, 0.7, 10, 0, 30, 20), (D, 0.6, 10, 220, 30, 240)],
    ),
    (
        "a long slanted mark: its pieces are not alike where they meet, and still one",
        [[(D, 0.3, 40, 20, 60, 94)], [(D, 0.25, 30, 80, 52, 160)], []],
        [(D, 0.3, 30, 20, 60, 160)],
    ),
    (
        "a long mark whose short end the lower tile did not see",
        [[(D, 0.3, 10, 20, 30, 98)], [(D, 0.25, 10, 86, 30, 160)], []],
        [(D, 0.3, 10, 20, 30, 160)],
    ),
    (
        "one ends before the other begins: two marks",
        [[(D, 0.3, 10, 20, 30, 80)], [(D, 0.25, 10, 84, 30, 160)], []],
        [(D, 0.3, 10, 20, 30, 80), (D, 0.25, 10, 84, 30, 160)],
    ),
    (
        "hardly a column in common: two marks that pass each other",
        [[(D, 0.3, 10, 20, 30, 94)], [(D, 0.25, 24, 80, 50, 160)], []],
        [(D, 0.3, 10, 20, 30, 94), (D, 0.25, 24, 80, 50, 160)],
    ),
    (
        "a wide mark behind a narrow one: two marks",
        [[(D, 0.3, 20, 20, 30, 94)], [(D, 0.25, 0, 80, 60, 160)], []],
        [(D, 0.3, 20, 20, 30, 94), (D, 0.25, 0, 80, 60, 160)],
    ),
    (
        "a guess of another tile does not draw out what one is sure of",
        [[(D, 0.9, 10, 40, 30, 98)], [(D, 0.2, 10, 72, 30, 160)], []],
        [(D, 0.9, 10, 40, 30, 98), (D, 0.2, 10, 72, 30, 160)],
    ),
]


@pytest.mark.parametrize(("what", "seen", "expected"), CASES, ids=[row[0] for row in CASES])
def test_merged(what: str, seen: list[list[Row]], expected: list[Row]) -> None:
    merged = merge_tiles(tiles(seen), TOPS, SIDE, HEIGHT)
    got = [
        (int(merged.class_id[index]), float(merged.score[index]), *merged.xyxy_px[index].tolist())
        for index in range(len(merged))
    ]
    assert merged.labels == RAIL_LABELS
    assert len(got) == len(expected)
    for own, wanted in zip(got, expected, strict=True):
        assert own == pytest.approx(wanted, abs=1e-4)


def test_tiles_that_share_no_row_join_where_a_mark_crosses_their_border() -> None:
    seen: list[list[Row]] = [
        [(D, 0.8, 10, 60, 30, 100), (X, 0.9, 50, 70, 60, 90)],
        [(D, 0.7, 11, 100, 31, 130), (D, 0.5, 70, 120, 80, 130)],
    ]
    merged = merge_tiles(tiles(seen, (0, 100)), (0, 100), 100, 200)
    assert merged.xyxy_px.tolist() == [[50, 70, 60, 90], [10, 60, 31, 130], [70, 120, 80, 130]]
    assert [merged.label(index) for index in range(3)] == ["dirt", "defect", "defect"]


def test_a_last_tile_that_overlaps_nearly_whole_finds_nothing_twice() -> None:
    """A strip of 385 rows: the last two tiles lie one row apart."""
    row: Row = (D, 0.7, 10, 200, 30, 300)
    seen: list[list[Row]] = [[(D, 0.7, 10, 200, 30, 224)], [row], [row]]
    merged = merge_tiles(tiles(seen, (0, 160, 161)), (0, 160, 161), 224, 385)
    assert merged.xyxy_px.tolist() == [[10, 200, 30, 300]]


def test_boxes_below_a_short_strip_end_with_it_or_go() -> None:
    """The first lies on the border, the second below it, the third is a mirrored mark's rim."""
    rows: list[Row] = [(D, 0.7, 10, 40, 30, 80), (D, 0.6, 10, 65, 30, 90), (D, 0.6, 40, 57, 60, 90)]
    merged = merge_tiles(tiles([rows], (0,)), (0,), 100, 60)
    assert merged.xyxy_px.tolist() == [[10, 40, 30, 60]]


def test_marks_of_any_extent_come_out_once_and_whole() -> None:
    """Drawn at random, across none to five borders."""
    rng = np.random.default_rng(8)
    tops = (0, 160, 320, 480, 576)
    for _ in range(50):
        x, y = rng.uniform(0, 150), rng.uniform(0, 700)
        mark = (x, y, x + rng.uniform(8, 70), min(800.0, y + rng.uniform(12, 400)))
        rows: list[list[Row]] = []
        for top in tops:
            low, high = max(mark[1], top), min(mark[3], top + 224)
            # A detector makes nothing of the last few rows of a mark.
            rows.append([(D, 0.8, mark[0], low, mark[2], high)] if high - low >= 8 else [])
        merged = merge_tiles(tiles(rows, tops), tops, 224, 800)
        assert len(merged) == 1, mark
        assert merged.xyxy_px[0].tolist() == pytest.approx(mark, abs=8.01)


@pytest.mark.parametrize(("found", "tops"), [([], ()), ([Detections.empty(RAIL_LABELS)], (0, 70))])
def test_tiles_and_tops_must_fit(found: list[Detections], tops: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="tops"):
        merge_tiles(found, tops, 100, 200)
