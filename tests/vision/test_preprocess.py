"""Preprocessing: the same numbers for everybody, and boxes that come back where they were."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.contract import InputSpec
from vision.errors import ImageError
from vision.preprocess import empty_input, letterbox_image, plan_letterbox, preprocess, square_crop

SIZES = st.integers(min_value=1, max_value=3000)
SIDES = st.integers(min_value=16, max_value=1024)


@settings(max_examples=200, deadline=None)
@given(
    height=SIZES,
    width=SIZES,
    in_height=SIDES,
    in_width=SIDES,
    anchor=st.sampled_from(["centre", "top_left"]),
    corners=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
)
def test_boxes_come_back(
    height: int,
    width: int,
    in_height: int,
    in_width: int,
    anchor: Literal["centre", "top_left"],
    corners: list[float],
) -> None:
    """picture -> input -> picture is the identity, and the input holds the whole picture."""
    spec = InputSpec(width_px=in_width, height_px=in_height, letterbox_anchor=anchor)
    box = plan_letterbox(height, width, spec)
    x0, x1 = sorted((corners[0] * width, corners[2] * width))
    y0, y1 = sorted((corners[1] * height, corners[3] * height))
    there = box.to_input(np.array([[x0, y0, x1, y1]], np.float32))
    assert (there >= -1e-3).all()
    assert (there[:, [0, 2]] <= in_width + 1e-3).all()
    assert (there[:, [1, 3]] <= in_height + 1e-3).all()
    # float32 carries the coordinates: its step at the largest of them, over the gain, is the error.
    allowed = 1e-5 * max(in_width, in_height) / min(box.gain_x, box.gain_y) + 1e-3
    assert box.to_image(there)[0] == pytest.approx([x0, y0, x1, y1], abs=allowed)


@pytest.mark.parametrize(
    ("shape", "anchor", "left", "top"),
    [
        ((80, 160), "centre", 0, 40),  # wide: bars above and below
        ((160, 80), "centre", 40, 0),  # tall: bars at the sides
        ((80, 160), "top_left", 0, 0),  # bars below only
        ((160, 160), "centre", 0, 0),  # fits
        ((40, 40), "centre", 0, 0),  # enlarged
    ],
)
def test_letterbox_lies_where_it_says(
    shape: tuple[int, int], anchor: Literal["centre", "top_left"], left: int, top: int
) -> None:
    spec = InputSpec(width_px=160, height_px=160, letterbox_anchor=anchor, pad_value=7)
    picture, box = letterbox_image(np.full(shape, 200, np.uint8), spec)
    assert (box.left_px, box.top_px) == (left, top)
    inside = np.zeros((160, 160), bool)
    inside[top : top + round(shape[0] * box.gain_y), left : left + round(shape[1] * box.gain_x)] = True
    assert (picture[inside] == 200).all()
    assert (picture[~inside] == 7).all()


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("rgb", (30.0, 20.0, 10.0)),  # a bgr8 picture is turned round
        ("bgr", (10.0, 20.0, 30.0)),  # and left as it is
        ("gray", (0.114 * 10 + 0.587 * 20 + 0.299 * 30,)),  # one channel, luma weights
    ],
)
def test_channels(colour: Literal["rgb", "bgr", "gray"], expected: tuple[float, ...]) -> None:
    spec = InputSpec(width_px=16, height_px=16, colour=colour, scale=1.0)
    image = np.empty((16, 16, 3), np.uint8)
    image[:] = (10, 20, 30)
    tensor, _ = preprocess(image, spec)
    assert tensor.shape == (1, len(expected), 16, 16)
    assert tensor[0, :, 3, 3] == pytest.approx(expected, abs=0.51 if colour == "gray" else 1e-4)


def test_mean_and_scale_per_channel() -> None:
    spec = InputSpec(width_px=16, height_px=16, scale=0.5, mean=(10.0, 20.0, 30.0))
    tensor, _ = preprocess(np.full((16, 16), 100, np.uint8), spec)
    assert tensor[0, :, 0, 0] == pytest.approx((45.0, 40.0, 35.0), abs=1e-4)


def test_mono_equals_the_same_picture_in_colour() -> None:
    spec = InputSpec(width_px=48, height_px=32)
    mono = np.random.default_rng(1).integers(0, 256, (90, 70), dtype=np.uint8)
    one, _ = preprocess(mono, spec)
    three, _ = preprocess(np.dstack([mono] * 3), spec)
    assert np.array_equal(one, three)


def test_buffer_is_written_and_nothing_of_the_last_picture_stays() -> None:
    spec = InputSpec(width_px=32, height_px=32)
    buffer = empty_input(spec)
    preprocess(np.full((32, 32), 255, np.uint8), spec, buffer)
    tensor, _ = preprocess(np.zeros((8, 32), np.uint8), spec, buffer)
    fresh, _ = preprocess(np.zeros((8, 32), np.uint8), spec)
    assert tensor is buffer
    assert np.array_equal(tensor, fresh)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint16),  # 16 bit
        np.zeros((10, 10, 4), np.uint8),  # alpha
        np.zeros((0, 10), np.uint8),  # empty
        np.zeros((10,), np.uint8),  # a line
        np.zeros((10, 10), np.float32),  # floats
    ],
)
def test_no_picture(image: np.ndarray) -> None:
    with pytest.raises(ImageError):
        preprocess(image, InputSpec(width_px=16, height_px=16))


def test_wrong_buffer() -> None:
    with pytest.raises(ValueError, match="out must be"):
        preprocess(
            np.zeros((8, 8), np.uint8),
            InputSpec(width_px=16, height_px=16),
            np.zeros((1, 3, 8, 8), np.float32),
        )


@pytest.mark.parametrize(
    ("box", "margin"),
    [
        ((20.0, 30.0, 60.0, 60.0), 1.0),  # inside
        ((-10.0, -10.0, 30.0, 30.0), 1.5),  # over the top-left corner
        ((80.0, 60.0, 130.0, 90.0), 1.2),  # over the bottom-right corner
        ((10.0, 10.0, 200.0, 200.0), 1.0),  # larger than the picture
        ((300.0, 300.0, 340.0, 330.0), 1.0),  # beside the picture
    ],
)
def test_square_crop(box: tuple[float, float, float, float], margin: float) -> None:
    """Every pixel is the picture's pixel at that place, or its nearest one."""
    image = np.arange(80, dtype=np.uint8)[:, None] + np.arange(100, dtype=np.uint8)[None, :]
    crop, (left, top) = square_crop(image, box, margin)
    side = crop.shape[0]
    assert crop.shape == (side, side)
    assert side >= max(box[2] - box[0], box[3] - box[1]) * margin
    assert abs(left + side / 2 - (box[0] + box[2]) / 2) <= 1.0
    assert abs(top + side / 2 - (box[1] + box[3]) / 2) <= 1.0
    y = np.clip(np.arange(top, top + side), 0, 79)
    x = np.clip(np.arange(left, left + side), 0, 99)
    assert np.array_equal(crop, image[np.ix_(y, x)])


def test_square_crop_of_nothing() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        square_crop(np.zeros((8, 8), np.uint8), (4.0, 4.0, 4.0, 6.0), 1.1)
