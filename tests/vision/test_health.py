"""Frame health: every fault a frame can show, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.vision.pictures import BACKGROUND, MARK, MARKS, disc, draw, line_frame
from vision.health import FrameExpectation, FrameMemory, background_level, frame_health, read_mark
from vision.types import FrameFault, UInt8Array

EXPECTED = FrameExpectation(width_px=640, height_px=240, fiducials=MARKS, reference_background=BACKGROUND)
OTHER_MARKS = ((120.0, 12.0, 6.0), (420.0, 12.0, 6.0), (40.0, 228.0, 6.0), (330.0, 228.0, 6.0))


def moved(dx: float, dy: float) -> UInt8Array:
    matrix = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    frame = cv2.warpAffine(line_frame(), matrix, (640, 240), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(frame, np.uint8)


def oily() -> UInt8Array:
    """A film: soft, and half the contrast under a veil."""
    soft = cv2.GaussianBlur(line_frame(), (0, 0), 5.0)
    return np.asarray(cv2.convertScaleAbs(soft, alpha=0.55, beta=75.0), np.uint8)


def scaled(share: float) -> UInt8Array:
    return np.asarray(cv2.convertScaleAbs(line_frame(), alpha=share), np.uint8)


CASES: list[tuple[str, Callable[[], UInt8Array], FrameFault]] = [
    ("a good frame", line_frame, FrameFault.OK),
    ("an empty belt", lambda: line_frame([]), FrameFault.OK),
    ("several balls, one leaving", lambda: line_frame([(70, 120, 160), (630, 121, 170)]), FrameFault.OK),
    ("lamp 10 % down: within its limit", lambda: scaled(0.9), FrameFault.OK),
    ("moved by 2 px: within its limit", lambda: moved(2.0, -1.0), FrameFault.OK),
    ("slightly soft: within its limit", lambda: line_frame(blur_px=1.6), FrameFault.OK),
    # A long piece over one mark: the others still hold the place.
    (
        "a mark covered by a ball",
        lambda: line_frame([(480, 160, 160)]),
        FrameFault.OK,
    ),
    ("no light", lambda: draw(640, 240, background=2.0), FrameFault.BLACK),
    ("everything clipped", lambda: np.full((240, 640), 255, np.uint8), FrameFault.SATURATED),
    ("background too bright", lambda: line_frame(background=252.0), FrameFault.SATURATED),
    ("lamp at 30 %", lambda: scaled(0.3), FrameFault.LAMP),
    ("lamp at 70 %: above the absolute limit, below the share", lambda: scaled(0.7), FrameFault.LAMP),
    ("knocked by 20 px: marks gone", lambda: moved(20.0, 6.0), FrameFault.MOVED),
    ("knocked by 8 px: marks cut or shifted", lambda: moved(8.0, 0.0), FrameFault.MOVED),
    ("the other camera's picture", lambda: line_frame(marks=OTHER_MARKS), FrameFault.MOVED),
    ("one mark missing", lambda: line_frame(marks=MARKS[1:]), FrameFault.MOVED),
    ("out of focus", lambda: line_frame(blur_px=4.0), FrameFault.FOCUS),
    ("oil on the glass", oily, FrameFault.FOCUS),
    ("another height", lambda: line_frame()[:200], FrameFault.SHAPE),
    ("colour where mono was promised", lambda: np.dstack([line_frame()] * 3), FrameFault.SHAPE),
    ("16 bit", lambda: line_frame().astype(np.uint16), FrameFault.SHAPE),
]


@pytest.mark.parametrize(("what", "make", "fault"), CASES, ids=[case[0] for case in CASES])
def test_frame(what: str, make: Callable[[], UInt8Array], fault: FrameFault) -> None:
    health, _ = frame_health(make(), "mono8", EXPECTED, FrameMemory())
    assert health.fault is fault, f"{what}: {health.detail} {health.figures}"
    assert bool(health.detail) is (fault is not FrameFault.OK)


def test_frozen_is_the_same_picture_noise_included() -> None:
    first, again, other = line_frame(seed=1), line_frame(seed=1), line_frame(seed=2)
    health, memory = frame_health(first, "mono8", EXPECTED, FrameMemory())
    assert health.fault is FrameFault.OK
    health, memory = frame_health(again, "mono8", EXPECTED, memory)
    assert health.fault is FrameFault.FROZEN
    # It stays frozen until another picture comes.
    health, memory = frame_health(again, "mono8", EXPECTED, memory)
    assert health.fault is FrameFault.FROZEN
    health, _ = frame_health(other, "mono8", EXPECTED, memory)
    assert health.fault is FrameFault.OK


def test_frozen_is_not_asked_of_recordings() -> None:
    recording = replace(EXPECTED, check_frozen=False)
    _, memory = frame_health(line_frame(), "mono8", recording, FrameMemory())
    health, _ = frame_health(line_frame(), "mono8", recording, memory)
    assert health.fault is FrameFault.OK


def test_after_a_wrong_shape_nothing_is_remembered() -> None:
    frame = line_frame()
    _, memory = frame_health(frame, "mono8", EXPECTED, FrameMemory())
    health, memory = frame_health(frame[:100], "mono8", EXPECTED, memory)
    assert health.fault is FrameFault.SHAPE
    health, _ = frame_health(frame, "mono8", EXPECTED, memory)
    assert health.fault is FrameFault.OK


@pytest.mark.parametrize(
    ("bgr", "fault"),
    [
        ((180, 190, 210), FrameFault.OK),  # as at commissioning
        ((162, 171, 189), FrameFault.OK),  # 10 % darker, same order
        ((210, 190, 180), FrameFault.COLOURS),  # blue and red swapped
        ((190, 190, 190), FrameFault.OK),  # grey: the order cannot be told, nothing is claimed
    ],
)
def test_colours(bgr: tuple[int, int, int], fault: FrameFault) -> None:
    expected = FrameExpectation(64, 48, "bgr8", reference_bgr=(180.0, 190.0, 210.0))
    image = np.empty((48, 64, 3), np.uint8)
    image[:] = bgr
    health, _ = frame_health(image, "bgr8", expected, FrameMemory())
    assert health.fault is fault


def test_pixel_format_is_part_of_the_shape() -> None:
    health, _ = frame_health(line_frame(), "bgr8", EXPECTED, FrameMemory())
    assert health.fault is FrameFault.SHAPE


def test_figures() -> None:
    """What the page shows: the background, and the marks' contrast, shift and edge."""
    health, _ = frame_health(moved(3.0, 4.0), "mono8", EXPECTED, FrameMemory())
    assert health.figures["background"] == pytest.approx(BACKGROUND, abs=2.0)
    assert health.figures["mark_shift_px"] == pytest.approx(5.0, abs=0.3)
    assert health.figures["mark_contrast"] == pytest.approx(BACKGROUND - MARK, abs=10.0)
    assert health.figures["mark_edge_px"] == pytest.approx(2.563, abs=0.8)


def test_background_is_not_moved_by_balls() -> None:
    frame = line_frame([(100, 120, 200), (320, 120, 200), (540, 120, 200)])
    assert background_level(frame) == pytest.approx(BACKGROUND, abs=2.0)


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.3, -0.45), (2.5, 1.0)])
def test_mark_is_found_at_sub_pixel(offset: tuple[float, float]) -> None:
    dx, dy = offset
    image = draw(80, 80, [(disc(40 + dx, 40 + dy, 12), MARK)])
    mark = read_mark(image, (40.0, 40.0, 6.0), BACKGROUND, 6.0)
    assert mark.shift_px == pytest.approx(float(np.hypot(dx, dy)), abs=0.12)


def test_mark_beside_the_picture() -> None:
    assert read_mark(draw(80, 80), (200.0, 40.0, 6.0), BACKGROUND, 6.0).shift_px is None
