"""Scans whose counts are late, missing at first, or turn twice: every row lies where it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.vision.rail_map.scans import GEOMETRY, STEP, frames, picture, rendered
from vision.rail_map.map import MappedRail, build_map
from vision.rail_map.types import ScanFrame
from vision.types import UInt8Array

#: Rows: 300 of ground, 3000 of rail, 300 of ground.
RAIL = (300, 3300)


@pytest.fixture(scope="module")
def whole() -> UInt8Array:
    return picture(rendered())


def mapped(scan: list[ScanFrame]) -> MappedRail:
    return build_map("rail", GEOMETRY, scan, None)


def true_rows(made: MappedRail, whole: UInt8Array) -> np.ndarray:
    """Rows of the strip that are the rail's own, pixel by pixel."""
    strip = made.strips["top"]
    true = whole[: len(strip.pixels), strip.left_px : strip.left_px + strip.pixels.shape[1]]
    return np.asarray((strip.pixels == true).all(axis=1))


def test_an_encoder_that_hangs_and_then_catches_up_moves_nothing_behind_it(whole: UInt8Array) -> None:
    """Counts stand over two frames, and then are right again: what follows is not pushed back by the two."""
    counts = [0, 400, 800, 800, 800, 2000, 2400, 2800, 3200]
    scan = [replace(one, first_count=count) for one, count in zip(frames(whole), counts, strict=True)]
    made = mapped(scan)
    assert made.map.rows == len(whole)
    assert true_rows(made, whole).all()
    assert made.map.end.row == pytest.approx(RAIL[1], abs=2)
    assert [one.cause for one in made.map.unseen] == ["no_encoder"]


def test_an_encoder_that_hangs_for_good_leaves_the_frames_behind_each_other(whole: UInt8Array) -> None:
    """Two frames are not counted at all, and the encoder goes on from where it stood."""
    counts = [0, 400, 800, 800, 800, 1200, 1600, 2000, 2400]
    scan = [replace(one, first_count=count) for one, count in zip(frames(whole), counts, strict=True)]
    made = mapped(scan)
    assert made.map.rows == len(whole)
    assert true_rows(made, whole).all()


@pytest.mark.parametrize("uncounted", [1, 2])
def test_frames_before_the_first_count_lie_before_it(whole: UInt8Array, uncounted: int) -> None:
    scan = [replace(one, first_count=None) if one.frame_number < uncounted else one for one in frames(whole)]
    made = mapped(scan)
    assert made.map.rows == len(whole)
    assert true_rows(made, whole).all()
    assert made.map.start.seen
    # Nothing but their rows says where they lie.
    first = made.map.unseen[0]
    assert (first.cause, first.last_row) == ("no_encoder", uncounted * STEP)


def test_a_frame_missing_before_the_first_count_keeps_its_place(whole: UInt8Array) -> None:
    scan = [
        replace(one, first_count=None) if one.frame_number < 2 else one
        for one in frames(whole)
        if one.frame_number != 2
    ]
    made = mapped(scan)
    assert made.map.rows == len(whole)
    assert [(one.cause, one.last_row) for one in made.map.unseen] == [
        ("no_encoder", 2 * STEP),
        ("missing_frame", 3 * STEP),
    ]


def test_two_turns_in_frames_that_follow_each_other(whole: UInt8Array) -> None:
    """On to 1100, back to 900 over the frames' border, on again: the second turn begins on the way back."""
    scan = frames(whole, [(0, 400), (400, 800)], with_last=True)
    there = np.concatenate([whole[800:1100], whole[1000:1100][::-1]])
    back = np.concatenate([whole[900:1000][::-1], whole[900:1200]])
    scan.append(ScanFrame("top", 2, 800, 1000, "turns.png", there))
    scan.append(ScanFrame("top", 3, 1000, 1200, "turns_again.png", back))
    later = frames(whole, [(row, row + 400) for row in range(1200, 3600, 400)], with_last=True)
    scan += [replace(one, frame_number=one.frame_number + 4) for one in later]
    made = mapped(scan)
    assert made.map.rows == len(whole)
    assert true_rows(made, whole).mean() > 0.99
    assert len(made.frames[3].parts) == 2
