"""The camera: lens blur, motion blur, vignette, exposure, noise, eight bits.

Everything here happens after rendering, on a linear picture in grey levels, and depends on the
generator alone, so that a seed gives the same bytes again. Neighbours: `compose.py` and
`ball_samples.py` make the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.settings import CameraRanges, LightRanges, draw
from datasets.synthetic.sphere import FloatArray

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera at one station, the same for all views of a ball; units as in `CameraRanges`.

    `ball_grey`: mean grey of the ball; `motion_xy_px`: way in the exposure time, picture axes.
    """

    ball_grey: float
    panel_grey: float
    blur_px: float
    motion_xy_px: tuple[float, float]
    read_noise: float
    shot_noise: float
    gamma: float
    vignette: float


def draw_camera(
    ranges: CameraRanges, light: LightRanges, travel_rad: float, rng: np.random.Generator
) -> CameraState:
    """Draw a camera; `travel_rad` is the direction of travel in the picture, from +x towards +y down."""
    grey, kind = draw(rng, light.mean_grey), rng.random()
    if kind < ranges.dark_chance:
        grey = draw(rng, ranges.dark_grey)
    elif kind < ranges.dark_chance + ranges.bright_chance:
        grey = draw(rng, ranges.bright_grey)
    motion = draw(rng, ranges.motion_px)
    return CameraState(
        ball_grey=grey,
        panel_grey=max(draw(rng, ranges.panel_grey), min(250.0, 1.4 * grey)),
        blur_px=draw(rng, ranges.blur_px),
        motion_xy_px=(motion * float(np.cos(travel_rad)), motion * float(np.sin(travel_rad))),
        read_noise=draw(rng, ranges.read_noise),
        shot_noise=draw(rng, ranges.shot_noise),
        gamma=draw(rng, ranges.gamma),
        vignette=draw(rng, ranges.vignette),
    )


def motion_kernel(way_xy_px: tuple[float, float]) -> FloatArray:
    """Kernel of a straight even motion, sum 1, centred, so that masks stay where they are."""
    reach = int(np.ceil(max(abs(way_xy_px[0]), abs(way_xy_px[1])) / 2.0)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for share in (np.arange(33) / 32.0) - 0.5:
        x, y = reach + share * way_xy_px[0], reach + share * way_xy_px[1]
        column, row = int(np.floor(x)), int(np.floor(y))
        right, down = x - column, y - row
        for dy, dx, weight in (
            (0, 0, (1 - right) * (1 - down)),
            (0, 1, right * (1 - down)),
            (1, 0, (1 - right) * down),
            (1, 1, right * down),
        ):
            kernel[min(row + dy, 2 * reach), min(column + dx, 2 * reach)] += weight
    return np.asarray(kernel / kernel.sum(), np.float32)


def shoot(
    picture: FloatArray, camera: CameraState, rng: np.random.Generator
) -> tuple[FloatArray, UInt8Array]:
    """Take the picture.

    Args:
        picture: (H, W) linear, in grey levels before gamma; may exceed 255.
        camera: its state.
        rng: of the noise.

    Returns:
        The picture without noise, (H, W) float32, and as the camera gives it, (H, W) uint8.
    """
    if camera.blur_px > 0.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), camera.blur_px), np.float32)
    if max(abs(way) for way in camera.motion_xy_px) > 0.3:
        kernel = motion_kernel(camera.motion_xy_px)
        picture = np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    off = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2.0
    value = np.clip(picture * (1.0 - camera.vignette * off) / 255.0, 0.0, 1.3) ** camera.gamma * 255.0
    deviation = np.sqrt(camera.read_noise**2 + camera.shot_noise**2 * np.maximum(value, 0.0))
    noisy = value + rng.standard_normal(value.shape).astype(np.float32) * deviation
    clean = np.asarray(np.clip(value, 0.0, 255.0), np.float32)
    return clean, np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def noise_at(camera: CameraState, grey: float) -> float:
    """Deviation of the noise at a grey level."""
    return float(np.sqrt(camera.read_noise**2 + camera.shot_noise**2 * max(grey, 0.0)))
