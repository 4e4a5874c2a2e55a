"""Live figures of a camera: marks found, edges measured, light judged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.commission.picture_figures import (
    background_bgr,
    empty_picture,
    find_marks,
    light_figures,
    mark_figures,
)
from edge_runtime.twin.optics import background, marks
from vision.types import UInt8Array


def _picture(camera: str = "left", blur_px: float = 0.0, gain: float = 1.0, seed: int = 0) -> UInt8Array:
    image = background(camera, 640, 240).astype(np.float32) * gain
    if blur_px:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur_px), np.float32)
    noisy = image + np.random.default_rng(seed).normal(0.0, 2.0, image.shape)
    return np.clip(noisy, 0.0, 255.0).astype(np.uint8)


@pytest.mark.parametrize("camera", ["left", "right"])
@pytest.mark.parametrize("blur_px", [0.0, 2.0])
def test_marks_are_found_where_they_are(camera: str, blur_px: float) -> None:
    found = find_marks(_picture(camera, blur_px))
    expected = sorted(marks(camera, 240))
    assert len(found) == len(expected)
    for (x, y, r), (x0, y0, r0) in zip(found, expected, strict=True):
        assert np.hypot(x - x0, y - y0) < 0.3
        assert r == pytest.approx(r0, abs=0.4)


def test_balls_and_their_shadows_are_no_marks() -> None:
    image = np.full((240, 640), 200, np.uint8)
    cv2.circle(image, (300, 120), 80, 60, -1)  # a ball
    cv2.circle(image, (2, 12), 6, 30, -1)  # cut by the border
    cv2.rectangle(image, (400, 10), (440, 14), 30, -1)  # a scratch
    assert find_marks(image) == ()


def test_the_edge_width_grows_with_blur() -> None:
    sharp = _picture()
    known = find_marks(sharp)
    widths = [mark_figures(_picture(blur_px=blur), known).edge_px or 0.0 for blur in (0.0, 1.0, 2.0, 3.0)]
    assert min(widths) > 0.0
    assert widths == sorted(widths)
    # A Gaussian edge: 10-90 % width is 2.56 sigma, beside the mark's own soft rim.
    assert widths[2] == pytest.approx(np.hypot(2.56 * 2.0, widths[0]), rel=0.15)


def test_a_covered_mark_is_left_out() -> None:
    image = _picture()
    known = find_marks(image)
    cv2.circle(image, (60, 11), 40, 40, -1)
    seen = mark_figures(image, known)
    assert seen.found == len(known) - 1


def test_light_is_judged_without_marks() -> None:
    sharp = _picture()
    known = find_marks(sharp)
    light = light_figures(sharp, known)
    assert light.background == pytest.approx(193.0, abs=4.0)
    assert 0.05 < light.evenness_share < 0.25
    assert light.clipped_share == 0.0
    shaded = sharp.astype(np.float32)
    shaded[:, :200] *= 0.6
    assert light_figures(shaded.astype(np.uint8), known).evenness_share > light.evenness_share + 0.25
    bright = light_figures(_picture(gain=1.3), known)
    assert bright.clipped_share > 0.2


def test_a_median_holds_no_ball() -> None:
    pictures = []
    for number in range(25):
        image = _picture(seed=number)
        cv2.circle(image, (number * 60 % 700, 120), 80, 60, -1)
        pictures.append(image)
    empty = empty_picture(pictures)
    assert float(np.abs(empty.astype(float) - background("left", 640, 240)).mean()) < 1.5
    with pytest.raises(ValueError, match="three"):
        empty_picture(pictures[:2])


def test_colour_levels() -> None:
    grey = _picture()
    assert background_bgr(grey) is None
    colour = np.dstack([np.full_like(grey, 90), np.full_like(grey, 120), np.full_like(grey, 150)])
    assert background_bgr(colour) == (90.0, 120.0, 150.0)
