"""A nearly round ball with an exact form, and its exact outline through a lens.

The ball is given by its support function h(u), the distance from its middle to the tangent plane
with normal u. Everything that a caliper or a camera says follows from it: the width along u is
h(u) + h(-u); a plane through a pinhole touches the ball where L sin(phi) = h(u), so the outline,
drawn in the plane across the line of sight, has the support function tan(phi). Neighbours: `lens`
for the camera's place, `gauge` draws and measures such balls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_runtime.twin.lens import Float64Array, Lens

OUTLINE_POINTS = 2048
_ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """h(u) = R + oval/3 P2(u.a) + lobe/2 P3(u.b), P2 and P3 the Legendre polynomials.

    Attributes:
        diameter_mm: mean width over all directions at 20 degC, 2 R.
        oval_mm: largest minus smallest width.
        oval_axis: unit vector a, ball's frame.
        lobe_mm: peak to valley that the third order adds to a radius; no width shows it.
        lobe_axis: unit vector b, ball's frame.
    """

    diameter_mm: float
    oval_mm: float = 0.0
    oval_axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    lobe_mm: float = 0.0
    lobe_axis: tuple[float, float, float] = (0.0, 1.0, 0.0)

    def support_mm(self, normals: Float64Array) -> Float64Array:
        """(n,) distance of the tangent planes with these (n, 3) unit normals, ball's frame."""
        oval = normals @ np.asarray(self.oval_axis)
        lobe = normals @ np.asarray(self.lobe_axis)
        height: Float64Array = (
            self.diameter_mm / 2.0
            + self.oval_mm / 3.0 * (1.5 * oval**2 - 0.5)
            + self.lobe_mm / 2.0 * (2.5 * lobe**3 - 1.5 * lobe)
        )
        return height


def outline_mm(solid: Solid, axes: Float64Array) -> Float64Array:
    """(OUTLINE_POINTS, 2) outline across parallel rays, mm, right and up from the ball's middle.

    `axes` (3, 3): ball's frame to camera (right, up, towards the camera).
    """
    angle = _angles()
    normals = np.cos(angle)[:, None] * axes[0] + np.sin(angle)[:, None] * axes[1]
    return _envelope(solid.support_mm(normals))


def outline_px(
    solid: Solid, lens: Lens, place: tuple[float, float], axes: Float64Array, gain: float = 1.0
) -> Float64Array:
    """(OUTLINE_POINTS, 2) outline in the picture, px, closed and in turning order.

    Args:
        solid: the ball.
        lens: of the camera.
        place: x and lateral place of its middle on the belt, mm (see `lens`).
        axes: (3, 3) ball's frame to the camera's (right, up, towards the camera).
        gain: size at its temperature over its size at 20 degC.
    """
    radius_mm = solid.diameter_mm * gain / 2.0
    centre = np.array(lens.camera_xyz(*place, radius_mm))
    middle = np.array([lens.width_px / 2.0, lens.height_px / 2.0])
    if lens.distance_mm is None:
        flat = outline_mm(solid, axes) * (gain / lens.mm_per_px)
        upright: Float64Array = flat * np.array([1.0, -1.0]) + centre[:2] / lens.mm_per_px + middle
        return upright
    # Camera frame here: right, down, forwards.
    to_camera = np.diag([1.0, -1.0, -1.0]) @ axes
    far = float(np.linalg.norm(centre))
    sight = centre / far
    first = np.array([1.0, 0.0, 0.0]) - sight[0] * sight
    first /= np.linalg.norm(first)
    second = np.cross(sight, first)
    angle = _angles()
    outward = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second
    sine = np.full(len(angle), radius_mm / far)
    for _ in range(_ROUNDS):
        normals = np.sqrt(1.0 - sine**2)[:, None] * outward - sine[:, None] * sight
        sine = gain * solid.support_mm(normals @ to_camera) / far
    across = _envelope(sine / np.sqrt(1.0 - sine**2))
    rays = across[:, :1] * first + across[:, 1:] * second + sight
    return np.asarray(rays[:, :2] / rays[:, 2:] * lens.focal_px + middle, np.float64)


def _angles() -> Float64Array:
    return np.arange(OUTLINE_POINTS, dtype=np.float64) * (2.0 * math.pi / OUTLINE_POINTS)


def _envelope(support: Float64Array) -> Float64Array:
    """(n, 2) points of the convex curve with this support function at even angles."""
    angle = _angles()
    order = np.fft.rfftfreq(len(support), 1.0 / len(support))
    slope = np.asarray(np.fft.irfft(1j * order * np.fft.rfft(support), len(support)), np.float64)
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    tangent = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    return np.asarray(support[:, None] * normal + slope[:, None] * tangent, np.float64)
