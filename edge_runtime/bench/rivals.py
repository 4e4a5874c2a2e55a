"""How a ball is commonly measured with OpenCV and with scikit-image, for comparison.

Both take a contour of the whole picture, fit a circle by least squares and take caliper widths
of the contour's points. Their roundness is given twice: of the contour's points as they are,
as is common, and resampled at equal angles and filtered as ours. Neighbour: `edge_runtime.bench.metrology`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vision.errors import FerrogateError
from vision.metrology.circles import Points, least_squares_circle
from vision.metrology.form import analyse_form, unit_vectors
from vision.metrology.types import Float64Array
from vision.types import UInt8Array

_DIRECTIONS = 180
_RESAMPLED = 1024

#: (H, W) uint8, dark ball on bright -> (N, 2) points of its contour; None when there is none.
Contour = Callable[[UInt8Array], Float64Array | None]


class RivalMissingError(FerrogateError):
    """A package that is only compared with is not installed."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one method says of one silhouette, px.

    `roundness_unfiltered` is RONt about the least-squares circle of the outline as it is; the last four
    are RONt after the Gaussian filter 1-50 UPR.
    """

    ls_diameter: float
    feret_max: float
    feret_min: float
    roundness_unfiltered: float
    roundness_lsci: float
    roundness_mzci: float
    roundness_mcci: float
    roundness_mici: float


def opencv_contour(grey: UInt8Array) -> Float64Array | None:
    """Longest outer contour of Otsu's mask; the middles of its boundary pixels."""
    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    longest = max(contours, key=len)
    return np.asarray(longest.reshape(-1, 2), np.float64) + 0.5


def skimage_contour() -> Contour:
    """`find_contours` half-way between ball and background; the longest one.

    Raises:
        RivalMissingError: scikit-image is not installed.
    """
    try:
        from skimage.measure import find_contours
    except ImportError as error:
        raise RivalMissingError(
            f"scikit-image is not installed: {error}",
            where="the comparison with scikit-image",
            todo="pip install 'ferrogate[bench]'",
        ) from error

    def contour(grey: UInt8Array) -> Float64Array | None:
        _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        ball, background = cv2.mean(grey, cv2.bitwise_not(mask))[0], cv2.mean(grey, mask)[0]
        found = find_contours(grey, (ball + background) / 2.0)
        if not found:
            return None
        longest = max(found, key=len)
        # Rows and columns of pixel middles become x and y of the picture's plane.
        return np.asarray(longest[:, ::-1], np.float64) + 0.5

    return contour


def circle_of(points: Float64Array) -> tuple[float, float, float]:
    """Least-squares circle of (N, 2) points: x, y of its centre, diameter."""
    middle = points.mean(axis=0)
    cx, cy, radius = least_squares_circle(Points.of((points - middle).T))
    return float(middle[0]) + cx, float(middle[1]) + cy, 2.0 * radius


def calipers_of(points: Float64Array) -> tuple[float, float]:
    """Largest and smallest extent of (N, 2) points over 180 directions."""
    corners = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    angle = np.arange(_DIRECTIONS) * (np.pi / _DIRECTIONS)
    extent = np.ptp(corners @ np.stack([np.cos(angle), np.sin(angle)]), axis=0)
    return float(extent.max()), float(extent.min())


def figures_of(points: Float64Array) -> Figures:
    """All figures of a contour.

    Raises:
        vision.metrology.circles.NotRoundError: the contour is no closed, nearly round line.
    """
    cx, cy, diameter = circle_of(points)
    largest, smallest = calipers_of(points)
    form = analyse_form(_resampled(points, cx, cy))
    return Figures(
        ls_diameter=diameter,
        feret_max=largest,
        feret_min=smallest,
        roundness_unfiltered=float(np.ptp(np.hypot(points[:, 0] - cx, points[:, 1] - cy))),
        roundness_lsci=form.lsci.ront,
        roundness_mzci=form.mzci.ront,
        roundness_mcci=form.mcci.ront,
        roundness_mici=form.mici.ront,
    )


def _resampled(points: Float64Array, cx: float, cy: float) -> Float64Array:
    """Distances from a centre at equal angles."""
    x, y = points[:, 0] - cx, points[:, 1] - cy
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    order = np.argsort(angle)
    ray_x, ray_y = unit_vectors(_RESAMPLED)
    at = np.arctan2(ray_y, ray_x)
    resampled: Float64Array = np.interp(at, angle[order], radius[order], period=2.0 * np.pi)
    return resampled
