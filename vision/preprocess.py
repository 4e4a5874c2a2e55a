"""From a picture to the model's input and back: one function for training, parity check and edge.

Neighbours: `vision.detector` calls `preprocess` for every view, training and export call
it for theirs, so that a model sees the same pixels everywhere. `square_crop` cuts the
picture of one ball, again for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vision.contract import InputSpec
from vision.errors import ImageError
from vision.level import level_picture, level_table, planes_of
from vision.types import Float32Array, UInt8Array

_GREYS = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in the model's input, with the way there and back.

    Coordinates are continuous, origin at the top-left pixel's corner, so that
    `x_input = x_image * gain_x + left_px`, without half-pixel offsets.

    Attributes:
        image_width_px, image_height_px: the picture's own size.
        gain_x, gain_y: input pixels per picture pixel (differ by rounding only).
        left_px, top_px: first column and row of the picture in the input.
    """

    image_width_px: int
    image_height_px: int
    gain_x: float
    gain_y: float
    left_px: int
    top_px: int

    def to_input(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) from picture pixels to input pixels."""
        gain = np.array([self.gain_x, self.gain_y, self.gain_x, self.gain_y], np.float32)
        offset = np.array([self.left_px, self.top_px, self.left_px, self.top_px], np.float32)
        return (xyxy_px * gain + offset).astype(np.float32)

    def to_image(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) from input pixels to picture pixels, not clipped."""
        gain = np.array([self.gain_x, self.gain_y, self.gain_x, self.gain_y], np.float32)
        offset = np.array([self.left_px, self.top_px, self.left_px, self.top_px], np.float32)
        return ((xyxy_px - offset) / gain).astype(np.float32)

    def into_image(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) from input pixels to picture pixels, cut at the picture's border."""
        offset, gain, limit = _arrays(self)
        boxes = xyxy_px - offset
        boxes /= gain
        np.maximum(boxes, np.float32(0.0), out=boxes)
        np.minimum(boxes, limit, out=boxes)
        return boxes

    def clip_to_image(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) in picture pixels, cut at the picture's border."""
        limit = np.array(
            [self.image_width_px, self.image_height_px, self.image_width_px, self.image_height_px], np.float32
        )
        return np.clip(xyxy_px, np.float32(0.0), limit)


@lru_cache(maxsize=64)
def _arrays(box: Letterbox) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Offset, gain and the picture's size, each for x, y, x, y, float32."""
    rows = (
        (box.left_px, box.top_px),
        (box.gain_x, box.gain_y),
        (box.image_width_px, box.image_height_px),
    )
    offset, gain, limit = (np.array(row * 2, np.float32) for row in rows)
    return offset, gain, limit


def input_channels(spec: InputSpec) -> int:
    """Channels of the input tensor: 1 for 'gray', 3 for 'rgb' and 'bgr'."""
    return 1 if spec.colour == "gray" else 3


def empty_input(spec: InputSpec) -> Float32Array:
    """A buffer for `preprocess`, (1, C, H, W) float32."""
    return np.zeros((1, input_channels(spec), spec.height_px, spec.width_px), np.float32)


def check_image(image: UInt8Array) -> None:
    """Refuse what is no picture of this house.

    Raises:
        ImageError: not uint8, not (H, W) or (H, W, 3), or empty.
    """
    good_shape = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not good_shape or image.size == 0:
        raise ImageError(
            f"a picture must be uint8 of shape (H, W) or (H, W, 3), but got {image.dtype} {image.shape}",
            where="preprocess",
            todo="convert it to mono8 or bgr8 first",
        )


def plan_letterbox(height_px: int, width_px: int, spec: InputSpec) -> Letterbox:
    """Place a picture of the given size in the input: the longer side fills, the rest is padding."""
    centred = spec.letterbox_anchor == "centre"
    return _planned(height_px, width_px, spec.height_px, spec.width_px, centred)


@lru_cache(maxsize=64)
def _planned(
    height_px: int, width_px: int, input_height_px: int, input_width_px: int, centred: bool
) -> Letterbox:
    ratio = min(input_width_px / width_px, input_height_px / height_px)
    new_width = min(input_width_px, max(1, round(width_px * ratio)))
    new_height = min(input_height_px, max(1, round(height_px * ratio)))
    return Letterbox(
        image_width_px=width_px,
        image_height_px=height_px,
        gain_x=new_width / width_px,
        gain_y=new_height / height_px,
        left_px=(input_width_px - new_width) // 2 if centred else 0,
        top_px=(input_height_px - new_height) // 2 if centred else 0,
    )


def letterbox_image(image: UInt8Array, spec: InputSpec) -> tuple[UInt8Array, Letterbox]:
    """Resize and pad a picture to the input's size, pixels still uint8 and in their own channel order.

    Shrinking to half or less averages over areas (bilinear sampling would skip pixels and
    with them thin cracks); everything else is bilinear.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        spec: the contract's input.

    Returns:
        The picture, (spec.height_px, spec.width_px[, 3]) uint8, and where it lies.

    Raises:
        ImageError: `image` is no picture (see `check_image`).
    """
    check_image(image)
    height, width = image.shape[:2]
    box = plan_letterbox(height, width, spec)
    new_width, new_height = round(width * box.gain_x), round(height * box.gain_y)
    resized = image
    if (new_width, new_height) != (width, height):
        how = cv2.INTER_AREA if max(box.gain_x, box.gain_y) <= 0.5 else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(image, (new_width, new_height), interpolation=how), np.uint8)
    if (new_width, new_height) == (spec.width_px, spec.height_px):
        return resized, box
    shape = (spec.height_px, spec.width_px, *image.shape[2:])
    canvas = np.full(shape, spec.pad_value, np.uint8)
    canvas[box.top_px : box.top_px + new_height, box.left_px : box.left_px + new_width] = resized
    return canvas, box


def preprocess(
    image: UInt8Array, spec: InputSpec, out: Float32Array | None = None
) -> tuple[Float32Array, Letterbox]:
    """Turn one picture into the model's input.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8, uint8. Mono is copied into all channels.
        spec: the contract's input: `(value - mean) * scale` per channel on 0..255, in `colour` order.
        out: buffer of `empty_input(spec)`'s shape, written and returned; None makes a new one.

    Returns:
        The tensor (1, C, H, W) float32, C-contiguous, and the transform back.

    Raises:
        ImageError: `image` is no picture.
        ValueError: `out` has another shape or type.
    """
    picture, box = letterbox_image(image, spec)
    tensor = empty_input(spec) if out is None else out
    expected = (1, input_channels(spec), spec.height_px, spec.width_px)
    if tensor.shape != expected or tensor.dtype != np.float32:
        raise ValueError(f"out must be float32 {expected}, but got {tensor.dtype} {tensor.shape}")
    if picture.ndim == 3 and spec.colour == "gray":
        if spec.level is not None:
            picture = level_picture(picture, spec.level)
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        _fill(tensor[0], [picture], _GREYS, spec)
        return tensor, box
    # Planes in one piece each: every third byte of a picture takes twice as long to read.
    planes = planes_of(picture)
    greys = _GREYS if spec.level is None else level_table(planes, spec.level)
    _fill(tensor[0], planes[::-1] if spec.colour == "rgb" else planes, greys, spec)
    return tensor, box


def _fill(channels: Float32Array, planes: Sequence[UInt8Array], greys: UInt8Array, spec: InputSpec) -> None:
    """Write planes into channels, by a table: what is to be done to a value is done once for each grey level.

    Args:
        channels: (C, H, W) float32, written.
        planes: as many, or one for all.
        greys: (256,) what levelling makes of each grey level.
        spec: scale and means.
    """
    scaled = np.multiply(greys, np.float32(spec.scale))
    for number, channel in enumerate(channels):
        if len(planes) == 1 and number > 0 and spec.mean[number] == spec.mean[0]:
            channel[:] = channels[0]
            continue
        table = scaled - np.float32(spec.mean[number] * spec.scale) if spec.mean[number] else scaled
        cv2.LUT(planes[number if len(planes) > 1 else 0], table, channel)


def square_crop(
    image: UInt8Array, box_xyxy_px: tuple[float, float, float, float], margin: float
) -> tuple[UInt8Array, tuple[int, int]]:
    """Cut a square around a box; what lies outside the picture repeats its border pixels.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        box_xyxy_px: box of the ball in the picture.
        margin: side of the square over the larger side of the box (contract: `crop_margin`).

    Returns:
        The square (s, s[, 3]) uint8 and the picture coordinates (x, y) of its top-left corner.

    Raises:
        ImageError: `image` is no picture.
        ValueError: the box is empty or margin is below 1.
    """
    check_image(image)
    x0, y0, x1, y1 = box_xyxy_px
    if not (x1 > x0 and y1 > y0 and margin >= 1.0):
        raise ValueError(f"the box must not be empty and the margin at least 1, got {box_xyxy_px}, {margin}")
    side = max(2, math.ceil(max(x1 - x0, y1 - y0) * margin))
    left = round((x0 + x1) / 2.0 - side / 2.0)
    top = round((y0 + y1) / 2.0 - side / 2.0)
    height, width = image.shape[:2]
    inner = image[
        max(0, min(top, height - 1)) : max(1, min(top + side, height)),
        max(0, min(left, width - 1)) : max(1, min(left + side, width)),
    ]
    if inner.shape[:2] == (side, side):
        return inner, (left, top)
    pad_top, pad_left = max(0, -top), max(0, -left)
    # A square that misses the picture altogether is filled from the nearest border pixel.
    pad_top, pad_left = min(pad_top, side - inner.shape[0]), min(pad_left, side - inner.shape[1])
    pad_bottom, pad_right = side - inner.shape[0] - pad_top, side - inner.shape[1] - pad_left
    padded = cv2.copyMakeBorder(inner, pad_top, pad_bottom, pad_left, pad_right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8), (left, top)
