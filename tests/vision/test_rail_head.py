"""Finding the head: every kind of sensor and light, both directions, and pictures that show no rail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vision.rails import Rail, dark_ground, draw, stones, straight, wandering
from vision.errors import ImageError
from vision.rail_head import RailHead, find_head, find_rail
from vision.types import UInt8Array

Places = Callable[[np.ndarray], np.ndarray]


def drawn(
    size: tuple[int, int], width: float, left: Places, level: float, ground: str = "dark", edge: float = 0.7
) -> UInt8Array:
    rng = np.random.default_rng(5)
    grounds = {"dark": dark_ground, "stones": stones}
    return draw(*size, Rail(width, left, level, edge), grounds[ground](*size, rng))


#: (what, picture's height and width, head's width and left edge, grey, ground)
STANDING_OUT = [
    ("dark frame of a line scanner", (1000, 1000), 180, straight(420), 40, "dark"),
    ("head hardly in light", (1000, 1000), 180, straight(420), 12, "dark"),
    ("small in the picture", (900, 1400), 90, straight(700), 60, "dark"),
    ("far to the right", (900, 900), 200, straight(690), 60, "dark"),
    ("at an angle", (1200, 900), 220, straight(150, 0.3), 70, "dark"),
    ("leaning to the other side", (1200, 900), 220, straight(500, -0.2), 70, "dark"),
    ("wandering", (1600, 800), 200, wandering(280, 60, 1600), 70, "dark"),
    ("bright, in a strip", (1000, 300), 140, straight(90), 180, "dark"),
    ("wider than the frame is long", (256, 2048), 350, straight(800), 60, "dark"),
    ("among bright stones", (900, 900), 240, straight(320), 90, "stones"),
    ("much darker than the stones", (900, 900), 240, straight(320), 45, "stones"),
]  # fmt: skip


@pytest.mark.parametrize("turned", [False, True], ids=["down", "across"])
@pytest.mark.parametrize(
    ("what", "size", "width", "left", "level", "ground"), STANDING_OUT, ids=[row[0] for row in STANDING_OUT]
)
def test_a_head_that_stands_out(
    what: str, size: tuple[int, int], width: float, left: Places, level: float, ground: str, turned: bool
) -> None:
    picture = drawn(size, width, left, level, ground)
    head, was_turned = find_rail(np.ascontiguousarray(picture.T) if turned else picture)
    assert (head.found, was_turned) == (True, turned)
    rows = np.linspace(0.05, 0.95, 40) * size[0]
    middle = head.start_px(rows) + head.width_px / 2.0
    assert np.abs(middle - left(rows) - width / 2.0).max() < 0.06 * width
    assert head.width_px == pytest.approx(width, rel=0.1)
    assert head.grey == pytest.approx(level, rel=0.15)


def test_a_head_cut_by_the_pictures_edge_keeps_what_is_seen_of_it() -> None:
    head, _ = find_rail(drawn((900, 900), 260, straight(720), 60))
    assert (head.left_px, head.left_px + head.width_px) == pytest.approx((720, 900), abs=8)


#: (what, height and width, grey, grey of the rims as a share): the whole width is head.
CUT_TO_THE_HEAD = [
    ("160 px wide, bright", (1000, 160), 200, 0.5),
    ("160 px wide, a bright band between dark rims", (1000, 160), 200, 0.15),
    ("160 px wide, dim", (1000, 160), 14, 0.4),
    ("55 px wide", (1250, 55), 90, 0.4),
    ("55 px wide, nearly white", (1250, 55), 235, 0.3),
    ("square, with streaks along the rail", (500, 500), 150, 0.4),
]


@pytest.mark.parametrize("turned", [False, True], ids=["down", "across"])
@pytest.mark.parametrize(
    ("what", "size", "level", "edge"), CUT_TO_THE_HEAD, ids=[row[0] for row in CUT_TO_THE_HEAD]
)
def test_a_picture_cut_to_the_head_is_its_own_head(
    what: str, size: tuple[int, int], level: float, edge: float, turned: bool
) -> None:
    picture = drawn(size, size[1], straight(0), level, edge=edge)
    head, was_turned = find_rail(np.ascontiguousarray(picture.T) if turned else picture)
    assert (head.found, was_turned) == (True, turned)
    assert (head.left_px, head.slope, head.width_px) == (0.0, 0.0, float(size[1]))


@pytest.mark.parametrize("turned", [False, True], ids=["down", "across"])
def test_a_strip_half_in_the_dark_is_still_one_strip(turned: bool) -> None:
    """The stretch in light is no head that runs the other way."""
    rail = Rail(160, straight(0), 150, edge=0.5)
    picture = draw(1000, 160, rail, light=lambda y: np.where(y < 400, 1.0, 0.05))
    head, was_turned = find_rail(np.ascontiguousarray(picture.T) if turned else picture)
    assert (head.found, was_turned, head.width_px) == (True, turned, 160.0)


NO_RAIL = {
    "noise": np.random.default_rng(1).integers(0, 255, (600, 700)).astype(np.uint8),
    "stones alone": np.clip(stones(500, 600, np.random.default_rng(2)), 0, 255).astype(np.uint8),
    "one grey": np.full((300, 300), 90, np.uint8),
    "black": np.zeros((400, 300), np.uint8),
    "one pixel": np.full((1, 1), 7, np.uint8),
    "one row": np.arange(200, dtype=np.uint8)[None],
    "a few pixels": np.random.default_rng(3).integers(0, 255, (9, 14)).astype(np.uint8),
}


@pytest.mark.parametrize("what", NO_RAIL)
def test_no_head_is_said_and_the_whole_picture_taken(what: str) -> None:
    head, turned = find_rail(NO_RAIL[what])
    height, width = NO_RAIL[what].shape
    assert not head.found
    assert (head.left_px, head.slope, head.width_px) == (0.0, 0.0, float(height if turned else width))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((0, 5), np.uint8), np.zeros((5, 5), np.float32), np.zeros((2, 3, 4), np.uint8)],
    ids=["empty", "no bytes", "four channels"],
)
def test_what_is_no_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ImageError):
        find_rail(wrong)


def test_bends_are_followed_between_and_held_beyond_their_ends() -> None:
    head = RailHead(100.0, 0.1, 50.0, 60.0, found=True, bends=((100.0, 0.0), (200.0, 10.0)))
    assert head.start_px([0.0, 100.0, 150.0, 200.0, 300.0]).tolist() == [100.0, 110.0, 120.0, 130.0, 140.0]


def test_every_real_frame_shows_its_head(real_data: Callable[[str], Path]) -> None:
    """Line scans: the head of a rail of one gauge, near the middle, never turned."""
    names = sorted((real_data("rail400") / "images").glob("*.jpg"))[::24]
    assert names
    for name in names:
        grey = np.asarray(cv2.imread(str(name), cv2.IMREAD_GRAYSCALE), np.uint8)
        head, turned = find_rail(grey)
        assert (head.found, turned) == (True, False), name
        assert head == find_head(grey)
        middle = float(head.start_px(1000.0)) + head.width_px / 2.0
        assert 850 < middle < 1250, name
        assert 120 < head.width_px < 560, name
