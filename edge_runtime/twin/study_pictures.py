"""Pictures of balls with an exact form, as a station's cameras would take them: for gauge studies.

What is drawn: the outline by area sampling, flakes of scale that stand out of it, the backlight
with its unevenness, drift and slope, the lens' blur, noise and 8-bit rounding. Neighbours: `solid`
and `lens` give the outline, `gauge` measures the pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.twin.dirt import Flake, flake_hull, hull_cover
from edge_runtime.twin.lens import Float64Array, Lens
from edge_runtime.twin.optics import background
from edge_runtime.twin.solid import Solid, outline_px

UInt8Array = npt.NDArray[np.uint8]

#: Points per pixel side in the pixels that the edge crosses.
_GRID = 8
_RIM_FACING, _RIM_UNEVEN = 0.5, 0.4
#: The picture reaches this far beyond the ball, in diameters.
_MARGIN_D = 0.2


@dataclass(frozen=True, slots=True)
class Light:
    """State of one camera's lamp and lens at one exposure.

    Attributes:
        level: share of the usual light.
        slope: the light rises by this share from the middle to the right border.
        ball_grey: grey level of the ball.
        rim_grey: how much brighter its rim is by the backlight's grazing light; 0 for a matt ball.
        rim_rad: direction in which the rim is brightest (from +x towards +y).
        blur_sigma_px: of the lens.
        noise_sd: grey levels.
        grown_px: the ball's diameter looks larger by this (negative: the light blooms into it).
    """

    level: float = 1.0
    slope: float = 0.0
    ball_grey: float = 45.0
    rim_grey: float = 0.0
    rim_rad: float = 0.0
    blur_sigma_px: float = 0.8
    noise_sd: float = 2.0
    grown_px: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class StudyView:
    """One picture of one ball: a part of a whole frame.

    Attributes:
        image: (h, w) uint8.
        origin_xy_px: where it lies in the whole picture.
        background_level: grey level of the whole picture's empty background.
    """

    image: UInt8Array
    origin_xy_px: tuple[int, int]
    background_level: float


def draw_view(
    solid: Solid,
    lens: Lens,
    camera: str,
    place: tuple[float, float],
    axes: Float64Array,
    gain: float,
    flakes: tuple[Flake, ...],
    light: Light,
    rng: np.random.Generator,
) -> StudyView:
    """Draw one exposure.

    Args:
        solid: the ball.
        lens: of the camera.
        camera: 'left' or 'right', for its backlight.
        place: x and lateral place of the ball's middle on the belt, mm.
        axes: (3, 3) ball's frame to the camera's (right, up, towards the camera).
        gain: size at its temperature over its size at 20 degC.
        flakes: scale on it.
        light: lamp and lens.
        rng: of the noise.
    """
    outline = _grown(outline_px(solid, lens, place, axes, gain), light.grown_px / 2.0)
    reach = _MARGIN_D * solid.diameter_mm / lens.mm_per_px
    low = np.maximum(np.floor(outline.min(axis=0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(outline.max(axis=0) + reach), [lens.width_px, lens.height_px]).astype(int)
    cover, rim = _cover(outline - low, (int(high[1] - low[1]), int(high[0] - low[0])), light.rim_rad)
    _add_flakes(cover, solid, lens, place, axes, gain, flakes, low)
    empty = background(camera, lens.width_px, lens.height_px).astype(np.float64)
    x = (np.arange(lens.width_px) + 0.5) / lens.width_px * 2.0 - 1.0
    empty *= light.level * (1.0 + light.slope * x)
    part = empty[low[1] : high[1], low[0] : high[0]]
    grey = part + (light.ball_grey + light.rim_grey * rim - part) * cover
    blurred = cv2.GaussianBlur(grey, (0, 0), light.blur_sigma_px, borderType=cv2.BORDER_REPLICATE)
    noisy = np.rint(blurred + rng.normal(0.0, light.noise_sd, grey.shape))
    image = np.clip(noisy, 0, 255).astype(np.uint8)
    return StudyView(image, (int(low[0]), int(low[1])), float(np.median(empty)))


def _grown(outline: Float64Array, by_px: float) -> Float64Array:
    """Every point moved outwards, from the middle."""
    arm = outline - outline.mean(axis=0)
    grown: Float64Array = outline + arm * (by_px / np.linalg.norm(arm, axis=1, keepdims=True))
    return grown


def _cover(
    outline: Float64Array, shape: tuple[int, int], rim_rad: float
) -> tuple[Float64Array, Float64Array]:
    """(h, w) share of each pixel inside a star-shaped outline, by point sampling; and the rim's brightness.

    Steel reflects more the flatter the light falls in. On rendered balls the rim brightens where the
    surface faces away by more than 60 degrees (its normal's cosine below 0.5), about as the square, and
    by 40 % more on one side than on the mean.
    """
    centre = (outline.min(axis=0) + outline.max(axis=0)) / 2.0
    arm = outline - centre
    angle, radius = np.arctan2(arm[:, 1], arm[:, 0]), np.hypot(arm[:, 0], arm[:, 1])
    order = np.argsort(angle)
    angle, radius = angle[order], radius[order]

    def inside(x: Float64Array, y: Float64Array, spare: float = 0.0) -> npt.NDArray[np.bool_]:
        limit = np.interp(np.arctan2(y, x), angle, radius, period=2.0 * math.pi)
        found: npt.NDArray[np.bool_] = np.hypot(x, y) < limit + spare
        return found

    xx, yy = np.meshgrid(np.arange(shape[1]) + 0.5 - centre[0], np.arange(shape[0]) + 0.5 - centre[1])
    limit = np.interp(np.arctan2(yy, xx), angle, radius, period=2.0 * math.pi)
    facing = np.sqrt(np.clip(1.0 - (np.hypot(xx, yy) / limit) ** 2, 0.0, 1.0))
    rim = np.clip(1.0 - facing / _RIM_FACING, 0.0, 1.0) ** 2
    rim *= 1.0 + _RIM_UNEVEN * np.cos(np.arctan2(yy, xx) - rim_rad)
    cover = inside(xx, yy, -1.0).astype(np.float64)
    at_y, at_x = np.nonzero(inside(xx, yy, 1.0) & (cover == 0.0))
    step = (np.arange(_GRID) + 0.5) / _GRID - 0.5
    dx, dy = np.meshgrid(step, step)
    px = xx[at_y, at_x][:, None] + dx.ravel()
    py = yy[at_y, at_x][:, None] + dy.ravel()
    cover[at_y, at_x] = inside(px, py).mean(axis=1)
    return cover, rim


def _add_flakes(
    cover: Float64Array,
    solid: Solid,
    lens: Lens,
    place: tuple[float, float],
    axes: Float64Array,
    gain: float,
    flakes: tuple[Flake, ...],
    low: npt.NDArray[np.int_],
) -> None:
    """Let the flakes that show on the contour cover it too, in place."""
    radius_mm = solid.diameter_mm * gain / 2.0
    seen = lens.see(*place, radius_mm)
    for flake in flakes:
        hull = flake_hull(flake, radius_mm, axes)
        if hull is None:
            continue
        corners = (hull / radius_mm * np.array([1.0, -1.0])) @ seen.axes_px.T + seen.centre_xy_px - low
        share = hull_cover(corners, (cover.shape[0], cover.shape[1]))
        np.maximum(cover, share / 255.0, out=cover)
