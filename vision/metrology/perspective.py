"""How a pinhole camera sees a sphere: exact geometry of the tangent cone.

A sphere of radius R with its centre at distance D from the entrance pupil is seen as a circular cone
of half angle theta, sin(theta) = R / D. On the optical axis the picture plane cuts it in a circle of
radius f tan(theta), which is R / sqrt(1 - (R/D)^2) at the centre's distance. Beside the axis, at the
angle phi, it is an ellipse that is longer along the line to the principal point by about 1 / cos(phi):

    half axis along   f sin(theta) cos(theta) / (cos(phi)^2 - sin(theta)^2)
    half axis across  f sin(theta) / sqrt(cos(phi)^2 - sin(theta)^2)
    its centre lies   f sin(phi) cos(phi) / (cos(phi)^2 - sin(theta)^2) from the principal point

So angles from the cone's axis are used instead of distances in the picture: they are the same all
around a sphere wherever it lies. Neighbours: `calibration.Pinhole` for the frame of coordinates,
`rectify` for outlines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.metrology.calibration import Pinhole
from vision.metrology.types import Float64Array

Vector = tuple[float, float, float]

#: The axis is known well enough when it moves by less than this, rad: 0.1 um at 1 m. A shifted axis
#: adds a first harmonic to the profile, which no form or diameter sees.
_AXIS_STEP_RAD = 1e-7
_AXIS_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class SphereEllipse:
    """A sphere's silhouette in the picture; `direction_rad` is that of the long axis, from +x to +y."""

    centre_xy_px: tuple[float, float]
    semi_major_px: float
    semi_minor_px: float
    direction_rad: float


@dataclass(frozen=True, slots=True)
class ConeSize:
    """What the distance does to one ball.

    Attributes:
        distance_mm: entrance pupil to the ball's centre.
        size_gain: by how many shares the ball's radius grows per share that its picture grows; below 1,
            as a ball on a belt that looks larger is nearer too.
        focal_gain: the same per share that the focal length grows; near -1.
    """

    distance_mm: float
    size_gain: float
    focal_gain: float


@dataclass(frozen=True, slots=True, eq=False)
class ConeProfile:
    """An outline as seen from the entrance pupil, turned into mm at the ball.

    Attributes:
        azimuth_rad: (N,) around the cone's axis, from +x towards +y, nearly as in the picture.
        radius_mm: (N,) distance of the ray from the ball's centre; constant for a sphere.
        size: what the distance did.
    """

    azimuth_rad: Float64Array
    radius_mm: Float64Array
    size: ConeSize


def sphere_centre_mm(
    model: Pinhole, x_mm: float, y_mm: float, radius_mm: float
) -> tuple[float, float, float]:
    """Where a ball's centre lies (camera coordinates) when it rests at (x, y) of its plane of centres."""
    z_mm = model.level_mm - model.rise * radius_mm
    return x_mm, y_mm, z_mm + math.tan(model.tilt_x_rad) * x_mm + math.tan(model.tilt_y_rad) * y_mm


def sphere_ellipse(
    model: Pinhole, centre_mm: tuple[float, float, float], radius_mm: float
) -> SphereEllipse | None:
    """The silhouette of a sphere; None when it is no ellipse (the camera is in it or beside it)."""
    x_mm, y_mm, z_mm = centre_mm
    across_mm = float(np.hypot(x_mm, y_mm))
    squared = across_mm**2 + z_mm**2
    sine2, cosine2 = radius_mm**2 / squared, z_mm**2 / squared
    if z_mm <= 0.0 or cosine2 <= sine2:
        return None
    focal_px, rest = model.focal_px, cosine2 - sine2
    along_px = focal_px * across_mm * z_mm / squared / rest
    unit = (x_mm / across_mm, y_mm / across_mm) if across_mm > 0.0 else (1.0, 0.0)
    px, py = model.principal_point_xy_px
    return SphereEllipse(
        centre_xy_px=(px + along_px * unit[0], py + along_px * unit[1]),
        semi_major_px=focal_px * float(np.sqrt(sine2 * (1.0 - sine2))) / rest,
        semi_minor_px=focal_px * float(np.sqrt(sine2 / rest)),
        direction_rad=float(np.arctan2(unit[1], unit[0])),
    )


def cone_profile(model: Pinhole, points_xy_px: Float64Array) -> ConeProfile:
    """Turn a closed outline, (N, 2) px free of distortion, into mm at the ball.

    The cone's axis is put where the first harmonic of sin(theta) vanishes, the least-squares centre.
    The ball's distance follows from its own size (see `Pinhole`), in closed form.
    """
    focal_px = model.focal_px
    rays = np.empty((3, len(points_xy_px)))
    rays[:2] = points_xy_px.T
    rays[0] -= model.principal_point_xy_px[0]
    rays[1] -= model.principal_point_xy_px[1]
    rays[2] = focal_px
    rays /= np.sqrt(np.einsum("ij,ij->j", rays, rays))
    # Sums along rows as a product with ones: half the time of `sum`.
    axis = _unit(*(rays @ np.ones(rays.shape[1])).tolist())
    mean = 0.0
    for _ in range(_AXIS_ROUNDS):
        first, second = _frame(axis)
        across = np.array([first, second]) @ rays
        sine = np.sqrt(np.einsum("ij,ij->j", across, across))
        # Least squares of sine = mean + a cos + b sin; the azimuths are nearly even, so few rounds do.
        mean = float(sine.sum()) / len(sine)
        a, b = (across @ (1.0 - mean / sine) * (2.0 / len(sine))).tolist()
        axis = _unit(*(n + a * u + b * v for n, u, v in zip(axis, first, second, strict=True)))
        if abs(a) + abs(b) < _AXIS_STEP_RAD:
            break
    size = _cone_size(model, axis, mean)
    return ConeProfile(np.arctan2(across[1], across[0]), size.distance_mm * sine, size)


def _cone_size(model: Pinhole, axis: Vector, sine: float) -> ConeSize:
    """For a ball that is seen along `axis` under `sine` = R / distance.

    With n = (-tan tilt_x, -tan tilt_y, 1), its plane of centres and `slope` = n axis:
    distance slope = level - rise R, so R = level sine / (slope + rise sine). A longer focal length
    narrows the cone, sine ~ r (cos phi + cos phi^2) / 2 f, and turns its axis towards the optical one.
    """
    slope = axis[2] - math.tan(model.tilt_x_rad) * axis[0] - math.tan(model.tilt_y_rad) * axis[1]
    reach = slope + model.rise * sine
    cosine2 = axis[2] * axis[2]
    narrower = 1.5 * (1.0 - cosine2) - (1.0 - sine * sine)
    turned = axis[2] * (1.0 - axis[2] * slope)
    return ConeSize(
        distance_mm=model.level_mm / reach,
        size_gain=(1.0 - sine * sine) * slope / reach,
        focal_gain=narrower * slope / reach - turned / reach,
    )


def _unit(x: float, y: float, z: float) -> Vector:
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def _frame(axis: Vector) -> tuple[Vector, Vector]:
    """Two directions across the axis and each other; the first lies as the picture's x does."""
    x, y, z = axis
    first = _unit(1.0 - x * x, -x * y, -x * z)
    return first, (y * first[2] - z * first[1], z * first[0] - x * first[2], x * first[1] - y * first[0])
