"""What a set of views has seen of one ball: surface share, and chances to have met a defect.

A silhouette shows a flat or a neck only near the apparent contour, and a camera shows texture
only where the surface faces it. With the direction of every view in the ball's own frame, both
are counted over directions spread evenly on the sphere (a Fibonacci lattice), which stands for
a defect at a place drawn at random. Neighbours: the part tracker knows each view's travel,
`vision.ball` asks here once per ball, `vision.judge` compares with the recipe.

Formulas (orthographic; b is the angle between the defect's normal and the image plane):
a flat of depth h shows R (1 - cos(max(0, acos(1 - h/R) - |b|))), a neck of height t shows
(R + t) cos b - R, a prolate oval with semi-axes R + e, R shows widths that differ by
2 sqrt((R + e)^2 cos^2 b + R^2 sin^2 b) - 2 R. Each grows as |b| falls, so each is "seen at |b|
up to a limit": one band around the contour per view, and sin b is the cosine between the
defect's normal and the view's direction.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Protocol

import numpy as np

from vision.metrology.types import BoolArray, Float64Array
from vision.types import Coverage, Float32Array

#: Directions that stand for every place on the ball; shares are right within 0.01 with these.
DIRECTIONS = 4096
#: Beyond this angle from the view's direction foreshortening (to a half) hides the texture.
VIEW_ANGLE_MAX_DEG = 60.0


class CoverageSizes(Protocol):
    """Which defects a recipe wants to have been seen; None (both of a pair): not asked for.

    `flat_depth_mm` of the flat, of which `flat_visible_mm` must show on the contour; `neck_height_mm`
    and `neck_visible_mm` likewise; `crack_length_mm` along the surface; `view_angle_max_deg`: texture
    counts as seen up to this angle from the view's direction.
    """

    @property
    def view_angle_max_deg(self) -> float: ...  # noqa: D102
    @property
    def flat_depth_mm(self) -> float | None: ...  # noqa: D102
    @property
    def flat_visible_mm(self) -> float | None: ...  # noqa: D102
    @property
    def neck_height_mm(self) -> float | None: ...  # noqa: D102
    @property
    def neck_visible_mm(self) -> float | None: ...  # noqa: D102
    @property
    def crack_length_mm(self) -> float | None: ...  # noqa: D102


def rolled_axes(
    travel_mm: Float64Array,
    diameter_mm: float,
    tilt_rad: Float64Array,
    lead_rad: Float64Array | None = None,
) -> Float64Array:
    """Direction of each view in the frame of a ball that rolls without slip.

    The belt runs along +x, z is up, y to the left of the travel; the ball turns about y. The ball's
    frame is the belt's at travel 0.

    Args:
        travel_mm: (n,) how far the ball has rolled at each view, from any common point.
        diameter_mm: of the ball, > 0.
        tilt_rad: (n,) angle of each camera from straight above, about the travel axis, positive
            when the camera stands to the left.
        lead_rad: (n,) angle by which the camera sees the ball from ahead (+x) of that plane, by
            perspective; None: none.

    Returns:
        (n, 3) unit vectors from the ball to the camera.
    """
    roll = np.asarray(travel_mm, np.float64) / (diameter_mm / 2.0)
    tilt = np.asarray(tilt_rad, np.float64)
    lead = np.zeros_like(roll) if lead_rad is None else np.asarray(lead_rad, np.float64)
    ahead, up = np.sin(lead), np.cos(lead) * np.cos(tilt)
    turned = [
        ahead * np.cos(roll) - up * np.sin(roll),
        np.cos(lead) * np.sin(tilt),
        ahead * np.sin(roll) + up * np.cos(roll),
    ]
    return np.stack(turned, axis=1)


def coverage_of(
    poses: Float64Array,
    diameter_mm: float,
    ask: CoverageSizes,
    outline_share: Float64Array | None = None,
) -> Coverage:
    """What these views have seen of one ball.

    A crack counts as seen when one view alone shows its whole length.

    Args:
        poses: (n, 3) unit vectors from the ball to the camera, in the ball's frame, one per healthy
            view; n may be 0.
        diameter_mm: of the ball.
        ask: sizes to ask for.
        outline_share: (n,) share of the outline that each view saw, 0..1; default: all of it. What dust
            hides counts as unseen, at a place of the contour that has nothing to do with the defect's.

    Returns:
        Shares and probabilities, right within 0.01.

    Raises:
        ValueError: poses are no (n, 3) array, there is not one share for each, the diameter is not
            positive, or only one of a pair of sizes is given.
    """
    if poses.ndim != 2 or poses.shape[1] != 3:
        raise ValueError(f"poses must have shape (n, 3), but got {poses.shape}")
    if not diameter_mm > 0.0:
        raise ValueError(f"diameter_mm must be above 0, but got {diameter_mm}")
    if outline_share is not None and outline_share.shape != (len(poses),):
        raise ValueError(f"outline_share must have shape ({len(poses)},), but got {outline_share.shape}")
    flat = _pair(ask.flat_depth_mm, ask.flat_visible_mm, "flat")
    neck = _pair(ask.neck_height_mm, ask.neck_visible_mm, "neck")
    if len(poses) == 0:
        zero = 0.0
        return Coverage(
            0,
            0.0,
            zero if flat else None,
            zero if neck else None,
            zero if ask.crack_length_mm is not None else None,
        )
    views = poses.astype(np.float32)
    cosine = views @ _directions()
    facing = math.cos(math.radians(ask.view_angle_max_deg))
    p_crack = None
    if ask.crack_length_mm is not None:
        p_crack = _p_crack(cosine, views, ask.crack_length_mm / diameter_mm, facing)
    return Coverage(
        views=len(poses),
        surface_share=_share(cosine.max(axis=0) >= facing),
        p_flat=_p_contour(cosine, flat_band(*flat, diameter_mm), outline_share) if flat else None,
        p_neck=_p_contour(cosine, neck_band(*neck, diameter_mm), outline_share) if neck else None,
        p_crack=p_crack,
    )


def p_in_band(poses: Float64Array, band: float) -> float:
    """Probability that a defect seen at |sin b| <= `band` was seen in at least one view.

    Args:
        poses: (n, 3) unit vectors, n >= 1.
        band: from `flat_band`, `neck_band` or `oval_band`; below 0 nothing is ever seen.
    """
    cosine = poses.astype(np.float32) @ _directions()
    return _share(np.abs(cosine).min(axis=0) <= band)


def flat_band(depth_mm: float, visible_mm: float, diameter_mm: float) -> float:
    """Largest |sin b| at which a flat of this depth still shows `visible_mm`; -1: at none."""
    radius = diameter_mm / 2.0
    if not 0.0 < visible_mm <= depth_mm < radius:
        return -1.0
    return math.sin(math.acos(1.0 - depth_mm / radius) - math.acos(1.0 - visible_mm / radius))


def neck_band(height_mm: float, visible_mm: float, diameter_mm: float) -> float:
    """Largest |sin b| at which a neck of this height still shows `visible_mm`; -1: at none."""
    radius = diameter_mm / 2.0
    if not 0.0 <= visible_mm <= height_mm:
        return -1.0
    return math.sqrt(1.0 - ((radius + visible_mm) / (radius + height_mm)) ** 2)


def oval_band(difference_mm: float, visible_mm: float, diameter_mm: float) -> float:
    """Largest |sin b| at which a prolate oval still shows widths that differ by `visible_mm`; -1: at none.

    `difference_mm` is its largest minus its smallest diameter, `diameter_mm` its smallest.
    """
    short, long = diameter_mm / 2.0, (diameter_mm + difference_mm) / 2.0
    seen = (diameter_mm + visible_mm) / 2.0
    if not 0.0 <= visible_mm <= difference_mm or difference_mm <= 0.0:
        return -1.0
    return math.sqrt((long**2 - seen**2) / (long**2 - short**2))


@lru_cache(maxsize=1)
def _directions() -> Float32Array:
    """(3, DIRECTIONS) float32: evenly spread unit vectors."""
    return _spread()[0]


@lru_cache(maxsize=1)
def _tangents() -> Float32Array:
    """(3, DIRECTIONS) float32: at each direction one tangent, turned evenly over half a turn."""
    return _spread()[1]


def _spread() -> tuple[Float32Array, Float32Array]:
    index = np.arange(DIRECTIONS)
    z = 1.0 - (2.0 * index + 1.0) / DIRECTIONS
    turn = index * (math.pi * (3.0 - math.sqrt(5.0)))
    ring = np.sqrt(1.0 - z**2)
    normal = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    # A lattice whose axis lay along a camera would sample that camera's contour in step.
    normal = normal @ _rotation(np.array([0.36, 0.48, 0.80]), 1.1).T
    helper = np.where(np.abs(normal[:, :1]) < 0.6, np.eye(3)[0], np.eye(3)[1])
    east = np.cross(normal, helper)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    north = np.cross(normal, east)
    # Steps of the square root of 2 have nothing in common with the golden steps of the lattice.
    angle = (index * math.sqrt(2.0) % 1.0) * math.pi
    tangent = east * np.cos(angle)[:, None] + north * np.sin(angle)[:, None]
    return np.ascontiguousarray(normal.T, np.float32), np.ascontiguousarray(tangent.T, np.float32)


def _rotation(axis: Float64Array, angle_rad: float) -> Float64Array:
    """(3, 3) rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: Float64Array = (
        np.eye(3) + math.sin(angle_rad) * cross + (1.0 - math.cos(angle_rad)) * cross @ cross
    )
    return turned


def _p_contour(cosine: Float32Array, band: float, outline_share: Float64Array | None) -> float:
    """Probability that a defect showed on at least one contour, on a part of it that was seen."""
    from_contour = np.abs(cosine)
    if outline_share is None or bool((outline_share == 1.0).all()):
        return _share(from_contour.min(axis=0) <= band)
    missed = np.where(from_contour <= band, 1.0 - outline_share[:, None], 1.0).prod(axis=0)
    return float(1.0 - missed.mean())


def _p_crack(
    cosine: Float32Array,
    views: Float32Array,
    half_arc_rad: float,
    facing: float,
) -> float:
    """Probability that both ends of a crack lie within one view's cap (a cap under 90 degrees is convex)."""
    if half_arc_rad >= math.pi / 2.0:
        return 0.0
    along = np.abs(views @ _tangents())
    far_end = cosine * np.float32(math.cos(half_arc_rad)) - along * np.float32(math.sin(half_arc_rad))
    return _share(far_end.max(axis=0) >= facing)


def _share(seen: BoolArray) -> float:
    return float(np.count_nonzero(seen)) / len(seen)


def _pair(first_mm: float | None, second_mm: float | None, name: str) -> tuple[float, float] | None:
    if first_mm is None and second_mm is None:
        return None
    if first_mm is None or second_mm is None:
        raise ValueError(f"a {name} needs both its size and how much of it must be visible")
    return first_mm, second_mm
