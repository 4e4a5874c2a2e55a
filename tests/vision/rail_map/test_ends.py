"""The rail's ends on small drawn strips: to a quarter of a millimetre, however soft the picture is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision.rail_map.end_edge import edge_beyond
from vision.rail_map.ends import RailRows, find_rail_rows
from vision.rail_map.track import join, look_along
from vision.types import UInt8Array

SCALE_MM = 0.5
#: A quarter of a millimetre in rows.
NEAR = 0.25 / SCALE_MM
ROWS, WIDTH = 2400, 360
LEFT, WIDE = 110, 144


def strip(
    start: float = 400.0,
    end: float = 2000.0,
    *,
    blur: float = 0.0,
    level: float = 60.0,
    ground: float = 4.0,
    noise: float = 0.8,
    cut: np.ndarray | None = None,
) -> UInt8Array:
    """A head in light on dark ground from row `start` to `end`; parts of rows are parts of the light.

    Args:
        start, end: rows.
        blur: sigma of the lens, pixels.
        level, ground: greys.
        noise: sigma, greys.
        cut: (WIDE,) rows by which each column of the head is shorter at both ends.
    """
    cut = np.zeros(WIDE) if cut is None else cut
    row = np.arange(ROWS)[:, None]
    share = np.clip(row + 1.0 - (start + cut), 0.0, 1.0) * np.clip(end - cut - row, 0.0, 1.0)
    grey = np.full((ROWS, WIDTH), ground, np.float32)
    grey[:, LEFT : LEFT + WIDE] += (share * (level - ground)).astype(np.float32)
    if blur:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), blur), np.float32)
    rng = np.random.default_rng(5)
    grey += rng.normal(0.0, noise, grey.shape).astype(np.float32)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def found(pixels: UInt8Array) -> RailRows:
    seen = np.ones(len(pixels), bool)
    windows = look_along(pixels, [(0, len(pixels))])
    track = join(windows)
    assert track is not None
    rows = find_rail_rows(pixels, seen, track, windows)
    assert rows is not None
    assert rows.first_seen
    assert rows.last_seen
    return rows


@pytest.mark.parametrize("blur", [0.0, 1.0, 3.0, 6.0], ids="blur {}".format)
@pytest.mark.parametrize("level", [14.0, 120.0], ids="grey {}".format)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.8])
def test_the_ends_are_found_however_soft_and_dark_the_picture_is(
    blur: float, level: float, part: float
) -> None:
    rows = found(strip(400.0 + part, 2000.0 - part, blur=blur, level=level, ground=0.08 * level))
    assert rows.start == pytest.approx(400.0 + part, abs=NEAR)
    assert rows.end == pytest.approx(2000.0 - part, abs=NEAR)
    assert rows.first == int(np.floor(rows.start))
    assert rows.last == int(np.ceil(rows.end))


def test_a_rail_is_as_long_as_it_reaches_anywhere_across_the_head() -> None:
    """A cut out of square by 4 mm, and one that is as straight as a saw's: the furthest columns say."""
    slanted = np.linspace(0.0, 8.0, WIDE)
    rows = found(strip(cut=slanted))
    # The inner 70 % of the head are looked at, and a tenth of them may reach further than the end.
    assert rows.start == pytest.approx(400.0 + slanted[round(0.2 * WIDE)], abs=2 * NEAR)
    rng = np.random.default_rng(1)
    uneven = np.abs(np.interp(np.arange(WIDE), np.arange(0, WIDE, 12), rng.normal(0.0, 1.6, 12)))
    rows = found(strip(cut=uneven - uneven[22:122].min(), blur=1.0))
    assert rows.start == pytest.approx(400.0, abs=NEAR)
    assert rows.end == pytest.approx(2000.0, abs=NEAR)


def test_a_corner_that_broke_off_and_dirt_on_the_end_do_not_shorten_the_rail() -> None:
    broken = np.where(np.arange(WIDE) < 60, 30.0, 0.0)
    pixels = strip(cut=broken, blur=1.0)
    pixels[402:420, LEFT + 70 : LEFT + 100] = 6
    rows = found(pixels)
    assert rows.start == pytest.approx(400.0, abs=NEAR)
    assert rows.end == pytest.approx(2000.0, abs=NEAR)


def test_a_splinter_and_a_stone_beyond_the_end_do_not_lengthen_it() -> None:
    pixels = strip(blur=1.0)
    pixels[390:400, LEFT + 60 : LEFT + 64] = 60
    pixels[2010:2030, LEFT + 40 : LEFT + 47] = 90
    rows = found(pixels)
    assert rows.start == pytest.approx(400.0, abs=NEAR)
    assert rows.end == pytest.approx(2000.0, abs=NEAR)


def test_where_steel_and_ground_are_alike_no_edge_is_told() -> None:
    rng = np.random.default_rng(2)
    steel = rng.integers(90, 110, (64, 100)).astype(np.uint8)
    ground = rng.integers(80, 100, (64, 100)).astype(np.uint8)
    assert edge_beyond(steel, ground) is None
    assert edge_beyond(steel[:1], ground) is None
    assert edge_beyond(steel, np.zeros((64, 100), np.uint8)) == pytest.approx(0.0, abs=0.1)
