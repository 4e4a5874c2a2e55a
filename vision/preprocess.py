"""From a picture to the model's input and back: one function for training, parity check and edge.

Neighbours: `vision.detector` calls `preprocess` for every view, training and export call
it for theirs, so that a model sees the same pixels everywhere. `square_crop` cuts the
picture of one ball, again for all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vision.contract import InputSpec
from vision.errors import ImageError
from vision.level import level_picture
from vision.types import Float32Array, UInt8Array


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

    def clip_to_image(self, xyxy_px: Float32Array) -> Float32Array:
        """Boxes (N, 4) in picture pixels, cut at the picture's border."""
        limit = np.array(
            [self.image_width_px, self.image_height_px, self.image_width_px, self.image_height_px], np.float32
        )
        return np.clip(xyxy_px, np.float32(0.0), limit)


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
    ratio = min(spec.width_px / width_px, spec.height_px / height_px)
    new_width = min(spec.width_px, max(1, round(width_px * ratio)))
    new_height = min(spec.height_px, max(1, round(height_px * ratio)))
    centred = spec.letterbox_anchor == "centre"
    return Letterbox(
        image_width_px=width_px,
        image_height_px=height_px,
        gain_x=new_width / width_px,
        gain_y=new_height / height_px,
        left_px=(spec.width_px - new_width) // 2 if centred else 0,
        top_px=(spec.height_px - new_height) // 2 if centred else 0,
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
    if spec.level is not None:
        picture = level_picture(picture, spec.level)
    tensor = empty_input(spec) if out is None else out
    expected = (1, input_channels(spec), spec.height_px, spec.width_px)
    if tensor.shape != expected or tensor.dtype != np.float32:
        raise ValueError(f"out must be float32 {expected}, but got {tensor.dtype} {tensor.shape}")
    if picture.ndim == 3 and spec.colour == "gray":
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    order = (2, 1, 0) if spec.colour == "rgb" else (0, 1, 2)
    for channel in range(expected[1]):
        plane = tensor[0, channel]
        if picture.ndim == 2 and channel > 0 and spec.mean[channel] == spec.mean[0]:
            plane[:] = tensor[0, 0]
            continue
        source = picture if picture.ndim == 2 else picture[..., order[channel]]
        np.multiply(source, np.float32(spec.scale), out=plane)
        if spec.mean[channel]:
            plane -= np.float32(spec.mean[channel] * spec.scale)
    return tensor, box


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
