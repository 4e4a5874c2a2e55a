"""Frames' places along the rail: a case table of what encoders and cameras do."""

from __future__ import annotations

import numpy as np
import pytest

from vision.errors import ConfigError
from vision.rail_map.counts import nearest, unwrap
from vision.rail_map.frames import FrameFacts
from vision.rail_map.layout import Layout, lay_out, number_ranges
from vision.rail_map.types import Note, ScanCamera, ScanGeometry

ROWS = 100
#: A count is a row: 2 counts per millimetre at 0.5 mm a row.
GEOMETRY = ScanGeometry(counts_per_mm=2.0, cameras=(ScanCamera(name="top", mm_per_px=0.5),))
NO_SCALE = ScanGeometry(cameras=(ScanCamera(name="top"),))

#: number, first count, last count, rows
Row = tuple[int, int | None, int | None, int]


def facts(rows: list[Row], camera: str = "top", fault: Note | None = None) -> list[FrameFacts]:
    return [
        FrameFacts(camera, number, first, last, f"{number}.png", height, fault)
        for number, first, last, height in rows
    ]


def places(layout: Layout, camera: str = "top") -> list[tuple[float, float]]:
    """Where each frame's picture begins and ends."""
    return [(f.parts[0].first_row, f.parts[-1].last_row) for f in layout.frames[camera]]


def test_counts_unwrap_the_shortest_way() -> None:
    assert nearest(10, 65530, 16) == 65546
    assert unwrap([65500, 100, 236], [0, 1, 2], 16) == [65500, 65636, 65772]
    assert unwrap([100, 65500, 65400], [0, 1, 2], 16) == [100, -36, -136]


def test_missing_frames_may_hide_a_whole_turn() -> None:
    # 10,000 counts a frame: over 7 frames the encoder turned once and stands a little further.
    assert unwrap([0, 10_000, 20_000, 24_464], [0, 1, 2, 9], 16) == [0, 10_000, 20_000, 90_000]


CASES: list[tuple[str, ScanGeometry, list[Row], list[tuple[float, float]]]] = [
    (
        "one after the other, the last one shorter",
        GEOMETRY,
        [(0, 0, None, 100), (1, 100, None, 100), (2, 200, None, 40)],
        [(0, 100), (100, 200), (200, 240)],
    ),
    (
        "the encoder wraps",
        GEOMETRY,
        [(5, 65_400, None, 100), (6, 65_500, None, 100), (7, 64, None, 100)],
        [(0, 100), (100, 200), (200, 300)],
    ),
    (
        "a missing frame leaves its place",
        GEOMETRY,
        [(0, 0, None, 100), (1, 100, None, 100), (3, 300, None, 100), (4, 400, None, 100)],
        [(0, 100), (100, 200), (300, 400), (400, 500)],
    ),
    (
        "a frame whose number nobody misses, but the encoder does",
        GEOMETRY,
        [(0, 0, None, 100), (1, 100, None, 100), (2, 300, None, 100), (3, 400, None, 100)],
        [(0, 100), (100, 200), (300, 400), (400, 500)],
    ),
    (
        "the conveyor goes back and on again",
        GEOMETRY,
        [(0, 0, 100, 100), (1, 100, 200, 100), (2, 200, 100, 100), (3, 100, 200, 100), (4, 200, 300, 100)],
        [(0, 100), (100, 200), (200, 100), (100, 200), (200, 300)],
    ),
    (
        "an encoder that counts down",
        GEOMETRY,
        [(0, 50, None, 100), (1, 65_486, None, 100), (2, 65_386, None, 100)],
        [(0, 100), (100, 200), (200, 300)],
    ),
    (
        "back behind the start: row 0 is the first that is shown",
        GEOMETRY,
        [(0, 500, 400, 100), (1, 400, 500, 100), (2, 500, 600, 100), (3, 600, 700, 100)],
        [(100, 0), (0, 100), (100, 200), (200, 300)],
    ),
    (
        "the conveyor stands: nothing new",
        GEOMETRY,
        [
            (0, 0, None, 100),
            (1, 100, None, 100),
            (2, 100, None, 100),
            (3, 100, None, 100),
            (4, 200, 300, 100),
        ],
        [(0, 100), (100, 100), (100, 100), (100, 200), (200, 300)],
    ),
    (
        "no encoder: by number",
        NO_SCALE,
        [(3, None, None, 100), (4, None, None, 100), (7, None, None, 100)],
        [(0, 100), (100, 200), (400, 500)],
    ),
    (
        "counts of a wheel that nobody measured: rows as they are",
        NO_SCALE,
        [(0, 0, None, 100), (1, 37, None, 100), (2, 74, None, 100), (4, 148, None, 100)],
        [(0, 100), (100, 200), (200, 300), (400, 500)],
    ),
    (
        "the camera's rows are twice as high as the map's",
        ScanGeometry(counts_per_mm=2.0, row_mm=0.5, cameras=(ScanCamera(name="top", mm_per_px=1.0),)),
        [(0, 0, None, 100), (1, 200, None, 100), (2, 400, None, 50)],
        [(0, 200), (200, 400), (400, 500)],
    ),
    (
        "a frame without a count goes on as usual",
        GEOMETRY,
        [
            (0, 0, None, 100),
            (1, 100, 200, 100),
            (2, None, None, 100),
            (3, 300, None, 100),
            (4, 400, None, 100),
        ],
        [(0, 100), (100, 200), (200, 300), (300, 400), (400, 500)],
    ),
]


@pytest.mark.parametrize(("name", "geometry", "rows", "expected"), CASES, ids=[case[0] for case in CASES])
def test_places(
    name: str, geometry: ScanGeometry, rows: list[Row], expected: list[tuple[float, float]]
) -> None:
    layout = lay_out({"top": facts(rows)}, geometry)
    np.testing.assert_allclose(places(layout), expected, err_msg=name)
    assert layout.rows == max(max(pair) for pair in expected)


def test_a_frame_on_its_way_back_is_flipped() -> None:
    rows: list[Row] = [(0, 0, 100, 100), (1, 100, 200, 100), (2, 200, 100, 100), (3, 100, 250, 150)]
    layout = lay_out({"top": facts(rows)}, GEOMETRY)
    back = layout.frames["top"][2]
    assert back.flipped
    assert (back.first_row, back.last_row) == (100.0, 200.0)
    assert back.to_map(10.0) == pytest.approx(190.0)
    assert back.to_frame(190.0) == pytest.approx(10.0)
    assert Note(code="went_back", values={"camera": "top", "frames": "2"}) in layout.notes


def test_cameras_see_the_same_place_at_their_offset() -> None:
    cameras = (
        ScanCamera(name="top", mm_per_px=0.5),
        ScanCamera(name="left", mm_per_px=0.5, offset_mm=30.0),
    )
    geometry = ScanGeometry(counts_per_mm=2.0, cameras=cameras)
    layout = lay_out(
        {
            "top": facts([(0, 65_500, None, 100), (1, 64, None, 100)]),
            # Its first frame is missing, so it begins behind the wrap.
            "left": facts([(1, 64, None, 100), (2, 164, None, 100)], "left"),
        },
        geometry,
    )
    assert places(layout) == [(0.0, 100.0), (100.0, 200.0)]
    assert places(layout, "left") == [(160.0, 260.0), (260.0, 360.0)]


def test_offsets_without_a_scale_are_left_out_and_that_is_said() -> None:
    cameras = (ScanCamera(name="top"), ScanCamera(name="left", offset_mm=30.0))
    rows: list[Row] = [(0, None, None, 100)]
    layout = lay_out(
        {"top": facts(rows), "left": facts(rows, "left")},
        ScanGeometry(cameras=cameras),
    )
    assert places(layout, "left") == [(0.0, 100.0)]
    assert Note(code="offsets_left_out") in layout.notes


@pytest.mark.parametrize(
    ("geometry", "rows", "words"),
    [
        (GEOMETRY, [], "no frame"),
        # 200,000 counts in a frame: a 16-bit encoder would have turned three times meanwhile.
        (ScanGeometry(counts_per_mm=4000.0, cameras=GEOMETRY.cameras), [(0, 0, None, 100)], "16 bits"),
        (NO_SCALE, [(0, None, None, 100), (4_000_000_000, None, None, 100)], "rows"),
    ],
)
def test_what_no_map_can_be_made_of_is_one_clear_error(
    geometry: ScanGeometry, rows: list[Row], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        lay_out({"top": facts(rows)}, geometry)
    assert caught.value.todo


def test_number_ranges() -> None:
    assert number_ranges([3, 4, 5, 9, 11, 12]) == "3-5, 9, 11-12"
