"""What sticks to a ball and rolls with it: specks of dust, and scale flakes that stand out of its outline.

Drawn into a ball's patch (its picture at the bank's scale) before `optics` pastes it into a frame.
A flake is a small plate that lies on the surface: in the picture it is the hull of its two
rounded ends, so it shows on the outline only while it is near the contour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float64Array = npt.NDArray[np.float64]
Speck = tuple[float, float, float, float, float]

_FLAKE_GREY = 30.0
_FLAKE_DARKER = 0.08
_SUB_BITS = 4
_GRID = 8


@dataclass(frozen=True, slots=True)
class Flake:
    """A plate of scale on a ball.

    Attributes:
        normal: unit vector of its place, ball's frame (x travel, y left, z up at roll 0).
        thickness_mm: how far it stands out of the surface.
        length_mm, width_mm: of the plate, `length_mm` along `turn_rad` from the first tangent.
        turn_rad: its direction on the surface.
    """

    normal: tuple[float, float, float]
    thickness_mm: float
    length_mm: float
    width_mm: float
    turn_rad: float

    def corners(self, radius_mm: float) -> Float64Array:
        """(16, 3): its rims on the surface and `thickness_mm` above it, ball's frame, mm."""
        normal = np.array(self.normal)
        helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
        first = np.cross(normal, helper)
        first /= np.linalg.norm(first)
        second = np.cross(normal, first)
        angle = np.arange(8) * (math.pi / 4.0)
        along = math.cos(self.turn_rad) * first + math.sin(self.turn_rad) * second
        across = np.cross(normal, along)
        rim = (
            normal * radius_mm
            + np.cos(angle)[:, None] * along * (self.length_mm / 2.0)
            + np.sin(angle)[:, None] * across * (self.width_mm / 2.0)
        )
        unit = rim / np.linalg.norm(rim, axis=1, keepdims=True)
        return np.concatenate([unit * (radius_mm - 0.05), unit * (radius_mm + self.thickness_mm)])


def view_axes(tilt_rad: float, roll_rad: float) -> Float64Array:
    """(3, 3) ball's frame to camera: right, up in the picture, towards the camera."""
    camera = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.0, math.cos(tilt_rad), -math.sin(tilt_rad)],
            [0.0, math.sin(tilt_rad), math.cos(tilt_rad)],
        ]
    )
    roll = np.array(
        [
            [math.cos(roll_rad), 0.0, math.sin(roll_rad)],
            [0.0, 1.0, 0.0],
            [-math.sin(roll_rad), 0.0, math.cos(roll_rad)],
        ]
    )
    turned: Float64Array = camera @ roll
    return turned


def flake_hull(flake: Flake, radius_mm: float, axes: Float64Array) -> Float64Array | None:
    """(n, 2) picture of a flake, mm, right and up from the ball's middle; None when it faces away."""
    seen = flake.corners(radius_mm) @ axes.T
    if seen[:, 2].max() < -0.3 * radius_mm:
        return None
    hull = cv2.convexHull(seen[:, :2].astype(np.float32))
    return np.asarray(hull, np.float64).reshape(-1, 2)


def hull_cover(corners_px: Float64Array, shape: tuple[int, int]) -> UInt8Array:
    """(h, w) 0..255: share of each pixel inside a convex hull (px from the corner of the first pixel)."""
    fine = np.zeros((shape[0] * _GRID, shape[1] * _GRID), np.uint8)
    # OpenCV's pixels have their middles at whole numbers, and it draws their rim too.
    middle = corners_px.mean(axis=0)
    arm = corners_px - middle
    shrunk = corners_px - 0.5 / _GRID * arm / np.maximum(np.linalg.norm(arm, axis=1, keepdims=True), 1e-9)
    points = np.rint((shrunk * _GRID - 0.5) * (1 << _SUB_BITS)).astype(np.int32)
    cv2.fillConvexPoly(fine, points, 255, cv2.LINE_8, _SUB_BITS)
    return np.asarray(cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def with_specks(patch: UInt8Array, specks: tuple[Speck, ...], radius_px: float, axes: Float64Array) -> None:
    """Draw the specks of dust that face the camera into a (T, T, 2) patch of grey times cover, and cover."""
    middle = patch.shape[0] / 2.0 - 0.5
    grey = np.ascontiguousarray(patch[..., 0])
    for sx, sy, sz, size_px, step in specks:
        x, y_up, towards = axes @ np.array([sx, sy, sz])
        if towards < 0.3:
            continue
        at = (round((middle + x * radius_px) * 16), round((middle - y_up * radius_px) * 16))
        level = int(grey[at[1] >> 4, at[0] >> 4]) + step
        cv2.circle(grey, at, round(size_px * 16), max(level, 0.0), -1, cv2.LINE_AA, 4)
    patch[..., 0] = np.minimum(grey, patch[..., 1])


def with_flakes(
    patch: UInt8Array, flakes: tuple[Flake, ...], radius_mm: float, radius_px: float, axes: Float64Array
) -> None:
    """Draw the flakes that can be seen into a (T, T, 2) patch of grey times cover, and cover."""
    for flake in flakes:
        hull = flake_hull(flake, radius_mm, axes)
        if hull is not None:
            _draw_flake(patch, hull * (radius_px / radius_mm) * np.array([1.0, -1.0]))


def _draw_flake(patch: UInt8Array, hull_px: Float64Array) -> None:
    """`hull_px`: (n, 2) from the patch's middle, y down."""
    tile = patch.shape[0]
    corners = hull_px + tile / 2.0
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, tile)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, 0, tile)
    if (high <= low).any():
        return
    part = patch[low[1] : high[1], low[0] : high[0]]
    mask = hull_cover(corners - low, (int(high[1] - low[1]), int(high[0] - low[0])))
    share = mask.astype(np.float32) / 255.0
    beyond = np.maximum(mask.astype(np.float32) - part[..., 1], 0.0)
    # Scale on scale is only a little darker; against the backlight it is black.
    grey = part[..., 0] * (1.0 - _FLAKE_DARKER * share) + beyond * (_FLAKE_GREY / 255.0)
    part[..., 1] = np.maximum(part[..., 1], mask)
    part[..., 0] = np.minimum(np.rint(grey), part[..., 1])
