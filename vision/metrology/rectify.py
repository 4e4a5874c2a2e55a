"""From an outline in the picture to a profile in mm: lens distortion, edge offset, perspective.

Outlines are corrected, never pictures: a few hundred points cost little, and resampling a
picture would move its edges. Neighbours: `outline` before, `form`, `widths` and `size` after;
`perspective` for the pinhole's geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.metrology.calibration import Lens, Pinhole, Telecentric
from vision.metrology.circles import Points, least_squares_circle
from vision.metrology.form import bridged, least_squares_diameter, unit_vectors
from vision.metrology.perspective import ConeSize, cone_profile
from vision.metrology.types import BoolArray, Float64Array, Outline

#: Fixed-point rounds of the inverse lens model; 20 leave less than 1e-6 px for distortions up to 10 %.
_ROUNDS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 1e-9)

TELECENTRIC_SIZE = ConeSize(distance_mm=float("inf"), size_gain=1.0, focal_gain=-1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Rectified:
    """One outline in mm at the ball's temperature.

    Attributes:
        radius_mm: (N,) at the angles 2 pi i / N about the least-squares centre.
        seen: (N,) bool, as in `Outline`.
        diameter_ls_mm: of the least-squares circle through the seen points.
        mm_per_px: radius in mm by radius in px (edge offset included) at the ball's place.
        size: what the distance did (`TELECENTRIC_SIZE` without perspective).
        shape_change_px: what the correction changed on the outline's form, largest, px.
    """

    radius_mm: Float64Array
    seen: BoolArray
    diameter_ls_mm: float
    mm_per_px: float
    size: ConeSize
    shape_change_px: float


def undistort(points_xy_px: Float64Array, lens: Lens | None) -> Float64Array:
    """Where a lens without distortion would have drawn these points, (N, 2) px, square pixels."""
    if lens is None:
        return points_xy_px
    matrix = np.array([[lens.fx_px, 0.0, lens.cx_px], [0.0, lens.fy_px, lens.cy_px], [0.0, 0.0, 1.0]])
    square_px = float(np.sqrt(lens.fx_px * lens.fy_px))
    target = np.array([[square_px, 0.0, lens.cx_px], [0.0, square_px, lens.cy_px], [0.0, 0.0, 1.0]])
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    moved = cv2.undistortPointsIter(
        points_xy_px.reshape(-1, 1, 2), matrix, coefficients, np.eye(3), target, _ROUNDS
    )
    return np.asarray(moved, np.float64).reshape(-1, 2)


def rectify(
    outline: Outline,
    model: Telecentric | Pinhole,
    lens: Lens | None,
    edge_offset_px: float,
    origin_xy_px: tuple[float, float] = (0.0, 0.0),
) -> Rectified:
    """Correct one outline and turn it into mm.

    Args:
        outline: as traced.
        model: how far is what.
        lens: distortion, or none.
        edge_offset_px: added to the diameter of a dark body, taken from that of a bright one.
        origin_xy_px: where the outline's picture lies in the camera's whole picture.
    """
    grow_px = edge_offset_px / 2.0 if outline.dark_on_bright else -edge_offset_px / 2.0
    traced_px = outline.radius_px + grow_px
    centre, arm = _straightened(outline, traced_px, lens, grow_px, origin_xy_px)
    if isinstance(model, Telecentric):
        angle, radius_mm = np.arctan2(arm[1], arm[0]), np.hypot(arm[0], arm[1]) * model.mm_per_px
        size = TELECENTRIC_SIZE
    else:
        cone = cone_profile(model, (centre + arm).T)
        angle, radius_mm, size = cone.azimuth_rad, cone.radius_mm, cone.size
    mm_per_px = float(radius_mm.sum() / traced_px.sum())
    change_px = radius_mm * (1.0 / mm_per_px) - traced_px
    even_mm, seen = _at_even_angles(angle, radius_mm, outline.seen)
    return Rectified(
        radius_mm=even_mm,
        seen=seen,
        diameter_ls_mm=least_squares_diameter(even_mm),
        mm_per_px=mm_per_px,
        size=size,
        shape_change_px=float(np.abs(change_px).max()),
    )


def _straightened(
    outline: Outline,
    traced_px: Float64Array,
    lens: Lens | None,
    grow_px: float,
    origin_xy_px: tuple[float, float],
) -> tuple[Float64Array, Float64Array]:
    """(2, 1) least-squares centre and (2, N) arms from it, without distortion, edge offset put on."""
    centre = np.array(
        [[outline.centre_xy_px[0] + origin_xy_px[0]], [outline.centre_xy_px[1] + origin_xy_px[1]]]
    )
    if lens is None:
        return centre, traced_px * unit_vectors(len(traced_px))
    traced = outline.radius_px * unit_vectors(len(traced_px))
    traced += centre
    points = undistort(np.ascontiguousarray(traced.T), lens).T
    centre = points.sum(axis=1, keepdims=True) / points.shape[1]
    # The mean of all points is the centre but for the outline's form; the circle finds the rest.
    x, y, _ = least_squares_circle(Points.of((points - centre)[:, bridged(outline.seen)]))
    centre += [[x], [y]]
    arm = points - centre
    return centre, arm * (1.0 + grow_px / np.hypot(arm[0], arm[1]))


def _at_even_angles(
    angle_rad: Float64Array, radius: Float64Array, seen: BoolArray
) -> tuple[Float64Array, BoolArray]:
    """The profile at 2 pi i / N, by straight lines between neighbours; the angles lie near these."""
    count, turn = len(angle_rad), 2.0 * np.pi
    grid = np.arange(count) * (turn / count)
    # A few points from the other end on both sides close the circle.
    wrap = max(2, count // 16)
    near = angle_rad - grid
    near += np.pi
    np.remainder(near, turn, out=near)
    near -= np.pi
    near += grid
    at = np.concatenate([near[-wrap:] - turn, near, near[:wrap] + turn])
    even = np.interp(grid, at, np.concatenate([radius[-wrap:], radius, radius[:wrap]]))
    if seen.all():
        return even, seen
    flags = np.concatenate([seen[-wrap:], seen, seen[:wrap]]).astype(np.float64)
    return even, np.interp(grid, at, flags) > 0.5
