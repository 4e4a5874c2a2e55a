"""Strips: what is straightened comes back where it was, levelled light, tiles that cover everything."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vision.rails import Rail, dark_ground, draw, straight, wandering
from vision.contract import RailSpec
from vision.rail_head import RailHead
from vision.rail_strip import cut_tile, make_strip, tile_tops

SPEC = RailSpec()
TILE = 224

HEADS = {
    "upright": RailHead(300.0, 0.0, 320.0, 60.0, found=True),
    "slanted": RailHead(100.0, 0.3, 250.0, 60.0, found=True),
    "narrow, enlarged": RailHead(0.0, 0.0, 55.0, 90.0, found=True),
    "bent": RailHead(300.0, -0.02, 200.0, 60.0, True, ((0.0, 0.0), (300.0, 40.0), (900.0, -30.0))),
}


@pytest.mark.parametrize("what", HEADS)
def test_boxes_come_back_where_they_were(what: str) -> None:
    picture = np.full((1000, 800), 60, np.uint8)
    strip = make_strip(picture, SPEC, TILE, HEADS[what])
    rng = np.random.default_rng(4)
    corners = rng.uniform((0, 0, 1, 1), (700, 900, 90, 90), (200, 4))
    boxes = np.hstack([corners[:, :2], corners[:, :2] + corners[:, 2:]]).astype(np.float32)
    back = strip.to_image(strip.to_strip(boxes))
    assert np.abs(back - boxes).max() < 0.01


@pytest.mark.parametrize(
    ("width", "left"),
    [
        (320.0, straight(300.0)),
        (250.0, straight(100.0, 0.3)),
        (120.0, straight(400.0)),
        (200.0, wandering(280, 60, 1600)),
    ],
    ids=["upright", "slanted", "enlarged", "wandering"],
)
def test_a_mark_lies_in_the_strip_where_its_box_says(width: float, left: object) -> None:
    """The pixels and the boxes go the same way, to half a picture pixel in the mean of the mark."""
    assert callable(left)
    centre = float(left(np.array(700.0))) + width / 2.0
    x, y = round(centre), 700
    box = (x - 12, y - 12, x + 12, y + 12)
    picture = draw(
        1600, 900, Rail(width, left, 100), dark_ground(1600, 900, np.random.default_rng(1)), marks=(box,)
    )
    strip = make_strip(picture, SPEC, TILE)
    x1, y1, x2, y2 = strip.to_strip(np.array([box], np.float32))[0]
    rows, columns = np.nonzero(strip.pixels[int(y1) - 5 : int(y2) + 6, int(x1) - 5 : int(x2) + 6] < 50)
    seen = strip.to_image(
        np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        + np.array([int(x1) - 5, int(y1) - 5] * 2, np.float32)
    )[0]
    middle = (seen[:2] + seen[2:]) / 2.0
    # A strip pixel is up to two picture pixels wide here, and a slanted mark is cut at its corners.
    assert np.abs(middle - [x, y]).max() <= 0.5 + 0.5 / strip.zoom
    assert np.abs((seen[2:] - seen[:2]) - 24.0).max() <= 2.0 / strip.zoom + 24 * 0.3


@pytest.mark.parametrize("level", [12, 60, 220])
def test_the_head_is_brought_to_its_width_and_grey(level: float) -> None:
    ground = dark_ground(900, 900, np.random.default_rng(1), level / 40.0)
    strip = make_strip(draw(900, 900, Rail(320, straight(250), level), ground), SPEC, TILE)
    head = strip.pixels[:, 36:188]
    assert np.median(head) == pytest.approx(SPEC.level_grey, abs=6)
    assert np.ptp(np.median(head, axis=0)[8:-8]) < 35, "rims and running band come near each other"
    assert np.median(strip.pixels[:, :20]) < 30, "the ground beside it stays dark"


def test_a_narrow_head_is_enlarged_no_further_than_the_contract_says() -> None:
    strip = make_strip(draw(1250, 55, Rail(55, straight(0), 90)), SPEC, TILE)
    assert strip.zoom == SPEC.largest_zoom
    assert strip.pixels.shape == (2500, TILE)
    assert (strip.left_px, strip.to_strip(np.array([[0, 0, 55, 10]], np.float32)).tolist()) == (
        57.0,
        [[57.0, 0.0, 167.0, 20.0]],
    )


def test_light_that_drifts_along_the_rail_is_evened() -> None:
    rail = Rail(160, straight(0), 150, edge=0.8)
    even = make_strip(draw(1000, 160, rail), SPEC, TILE)
    drifting = make_strip(
        draw(1000, 160, rail, light=lambda y: np.interp(y, [0, 1000], [0.1, 1.5])), SPEC, TILE
    )
    rows = np.median(drifting.pixels[:, 40:184], axis=1)
    assert np.ptp(np.median(even.pixels[:, 40:184], axis=1)) < 15
    # By tenfold light it would be 0.12 of the level at the top; it is brought to half of it.
    assert rows[:50].mean() > 0.3 * SPEC.level_grey
    assert rows.max() < 2.0 * SPEC.level_grey


@pytest.mark.parametrize(
    "light",
    [lambda y: np.where(y < 120, 0.0, 1.0), lambda y: np.where(y < 60, 5.0, 1.0)],
    ids=["dark end", "flare"],
)
def test_a_dark_end_or_a_flare_leaves_the_rest_alone(light: object) -> None:
    assert callable(light)
    rail = Rail(160, straight(0), 50, edge=0.8)
    plain = make_strip(draw(1000, 160, rail), SPEC, TILE)
    spoilt = make_strip(draw(1000, 160, rail, light=light), SPEC, TILE, plain.head)
    difference = np.abs(plain.pixels[200:].astype(int) - spoilt.pixels[200:])
    assert np.percentile(difference, 99) <= 3


#: (rows of the strip, side, overlap, first rows)
TOPS = [
    (100, 224, 64, (0,)),
    (224, 224, 64, (0,)),
    (225, 224, 64, (0, 1)),
    (384, 224, 64, (0, 160)),
    (385, 224, 64, (0, 160, 161)),
    (448, 224, 0, (0, 224)),
    (1000, 224, 64, (0, 160, 320, 480, 640, 776)),
]


@pytest.mark.parametrize(("height", "side", "overlap", "tops"), TOPS)
def test_tiles_cover_the_strip(height: int, side: int, overlap: int, tops: tuple[int, ...]) -> None:
    assert tile_tops(height, side, overlap) == tops


def test_an_overlap_without_a_step_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot overlap"):
        tile_tops(500, 64, 64)


def test_a_tile_goes_on_mirrored_below_the_end_of_the_strip() -> None:
    """Black there would look like a gap between two rails."""
    strip = np.repeat(np.arange(100, dtype=np.uint8)[:, None], 64, axis=1)
    tile = cut_tile(strip, 80, 64)
    assert tile.shape == (64, 64)
    assert tile[:41, 0].tolist() == [*range(80, 100), *range(99, 79, -1), 80]


@pytest.mark.parametrize("bends", [(), ((0.0, 0.0), (40_000.0, 6.0))], ids=["straight", "wandering"])
def test_a_scan_longer_than_opencv_moves_at_once(bends: tuple[tuple[float, float], ...]) -> None:
    """40,000 rows; the mark lies behind the border between two parts."""
    picture = np.full((40_000, 60), 90, np.uint8)
    picture[33_000:33_010, 30:40] = 5
    head = RailHead(10.0, 0.0, 40.0, 90.0, True, bends)
    strip = make_strip(picture, RailSpec(head_px=40), 56, head)
    x1, y1, x2, y2 = strip.to_strip(np.array([[30, 33_000, 40, 33_010]], np.float32))[0]
    rows, columns = np.nonzero(strip.pixels[:, 8:48] < 50)
    seen = (columns.min() + 8, rows.min(), columns.max() + 9, rows.max() + 1)
    assert seen == pytest.approx((x1, y1, x2, y2), abs=1.0)
