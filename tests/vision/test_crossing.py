"""Balls in drawn strips, and the rule that counts them across the line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.strips import GREEN_BGR, draw_strip
from vision.crossing import CrossingDetector, StripBall, find_balls, match_in_order
from vision.errors import ImageError
from vision.types import UInt8Array


def ball(x: float) -> StripBall:
    return StripBall((x, 30.0), 30.0, 0.6)


@pytest.mark.parametrize(
    ("centres", "height", "width", "radius"),
    [
        ([], 60, 640, 15.0),  # an empty channel
        ([320.0], 60, 640, 15.0),  # one ball on the line
        ([160.0], 30, 320, 7.5),  # the small strips of the same camera
        ([200.0], 120, 1280, 30.0),  # a larger picture is shrunk first
        ([100.0, 300.0, 500.0], 60, 640, 15.0),  # several
        ([300.0, 345.0], 60, 640, 13.0),  # two, half a ball apart
        ([14.0], 60, 640, 13.0),  # touching the end of the picture
        ([200.0], 60, 640, 11.0),  # a small ball
        ([200.0], 60, 640, 19.0),  # a large ball
    ],
)
def test_balls_are_found_where_they_were_drawn(
    centres: list[float], height: int, width: int, radius: float
) -> None:
    found = find_balls(draw_strip(centres, height=height, width=width, radius=radius))
    assert [b.centre_xy_px[0] for b in found] == pytest.approx(centres, abs=0.3 * radius)
    assert [b.centre_xy_px[1] for b in found] == pytest.approx([height / 2] * len(centres), abs=0.4 * radius)
    assert [b.diameter_px for b in found] == pytest.approx([2 * radius] * len(centres), rel=0.3)


@pytest.mark.parametrize(
    "level",
    [0, 128, 255],  # lamp off, grey floor, overexposed
)
def test_a_picture_without_a_coloured_bed_shows_no_ball(level: int) -> None:
    assert find_balls(np.full((60, 640, 3), level, np.uint8)) == []


def test_a_grey_thing_without_light_and_dark_in_it_is_no_ball() -> None:
    strip = np.full((60, 640, 3), GREEN_BGR, np.uint8)
    cv2.circle(strip, (320, 30), 15, (90, 90, 90), -1)
    assert find_balls(strip) == []


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((60, 640), np.uint8),  # grey
        np.zeros((60, 640, 4), np.uint8),  # with transparency
        np.zeros((60, 640, 3), np.uint16),  # 16 bit
        np.zeros((8, 640, 3), np.uint8),  # too low to hold a ball
    ],
)
def test_a_picture_of_another_form_is_refused(picture: UInt8Array) -> None:
    with pytest.raises(ImageError, match="colour"):
        find_balls(picture)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([], [], []),  # nothing
        ([10.0], [], []),  # gone
        ([], [10.0], []),  # new
        ([10.0], [500.0], [(0, 0)]),  # one and one: the same, however far
        ([10.0, 300.0], [20.0, 310.0], [(0, 0), (1, 1)]),  # all move on
        ([10.0, 300.0], [310.0], [(1, 0)]),  # the left one is missing
        ([10.0, 300.0], [15.0], [(0, 0)]),  # the right one is missing
        ([300.0], [10.0, 310.0], [(0, 1)]),  # one more from the left
        ([10.0, 20.0, 30.0], [21.0, 31.0], [(1, 0), (2, 1)]),  # order is kept
    ],
)
def test_balls_in_a_channel_keep_their_order(
    old: list[float], new: list[float], expected: list[tuple[int, int]]
) -> None:
    assert match_in_order(old, new) == expected


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([[100], [500]], [1]),  # a jump right over the line
        ([[500], [100]], [-1]),  # and back
        ([[100], [319], [321], [330]], [1]),  # slowly
        ([[310], [319], [321], [318], [322], [310]], []),  # trembling on the line, back where it came from
        ([[310], [325], [319], [321], [318], [330]], [1]),  # comes to rest on the line, then goes on
        ([[320], [320], [400]], []),  # first seen on the line: it never was on a side before
        ([[100], [], [], [500]], [1]),  # not found for a while
        ([[100]] + [[]] * 9 + [[500]], []),  # missing for too long: another ball
        ([[100], [200], [400], [300], [200]], [1, -1]),  # to and fro
        ([[200, 300], [250, 350], [340, 440]], [1, 1]),  # two balls, one after the other
        ([[200, 300], [340, 440]], [1, 1]),  # both between two pictures
        ([[290, 630], [335]], [1]),  # one leaves the picture while the other crosses
        ([[630], [], [20]], []),  # left at the right end, another came in at the left one
        ([[100], [110, 620], [120]], []),  # something that is no ball flares up at the end
    ],
)
def test_crossings_follow_the_rule(pictures: list[list[float]], expected: list[int]) -> None:
    detector = CrossingDetector()
    found = [c.direction for xs in pictures for c in detector.update([ball(x) for x in xs], 640)]
    assert found == expected


def test_a_crossing_tells_where_the_ball_is() -> None:
    detector = CrossingDetector(line_x_share=0.25)
    assert detector.update([ball(150.0)], 640) == []
    (crossing,) = detector.update([ball(200.0)], 640)
    assert crossing.ball.centre_xy_px == (200.0, 30.0)
    assert crossing.line_x_px == 160.0
