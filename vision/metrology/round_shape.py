"""Is a contour a ball's? A circle found robustly, and the share of it that the contour follows.

Neighbours: `locate` asks it about every region of a picture. A ball may be oval, have a neck or
a flat, touch a neighbour or be cut by the picture's border; a polygon, half a ball or a crumb is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vision.metrology.types import BoolArray, Float64Array

#: Contour points looked at.
_POINTS = 240
#: Angular bins in which support is counted.
_BINS = 120
_BIN_MIDDLES = (np.arange(_BINS) + 0.5) * (2.0 * np.pi / _BINS)
_BIN_COS, _BIN_SIN = np.cos(_BIN_MIDDLES), np.sin(_BIN_MIDDLES)
#: Distance from the circle, share of its radius: to be counted in the search, and after an oval and a
#: three-lobe form have been taken off (a hexagon's corners and sides differ by 15 %).
_SEARCH_SHARE, _FOLLOW_SHARE = 0.05, 0.02
#: The same for a coarse contour, share of its step.
_STEP_SHARE = 0.6
#: Largest amplitude of oval and three-lobe form that is taken off, share of the radius.
_OVAL_SHARE_MAX, _LOBE_SHARE_MAX = 0.08, 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """A circle through most of a contour.

    Attributes:
        centre_xy_px, radius_px: the circle.
        follows_share: share of the circle's part inside the picture that the contour follows.
        inside_share: share of the circle that lies inside the picture.
        outside_xy_px: (M, 2) contour points well outside the circle.
        contour_px: length of contour that one point stands for.
    """

    centre_xy_px: tuple[float, float]
    radius_px: float
    follows_share: float
    inside_share: float
    outside_xy_px: Float64Array
    contour_px: float


@lru_cache(maxsize=4)
def _triples(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index triples along a contour, near and far apart: the same ones every time."""
    starts = np.arange(0, count, max(1, count // 20))
    first, second, third = [], [], []
    for share in (3.0, 5.0, 8.0, 14.0):
        gap = max(2, int(count / share))
        first.append(starts)
        second.append((starts + gap) % count)
        third.append((starts + 2 * gap) % count)
    return np.concatenate(first), np.concatenate(second), np.concatenate(third)


def find_circle(points_xy_px: Float64Array, width_px: float, height_px: float) -> Round | None:
    """The circle that most of the contour points support.

    Args:
        points_xy_px: (M, 2) along the contour, without those on the picture's border.
        width_px, height_px: of the picture, in the same coordinates.

    Returns:
        The circle; None when there are too few points or none makes sense.
    """
    if len(points_xy_px) < 12:
        return None
    # Steps along a contour are 1 or 1.41 of its pixels.
    step = 1.2 * float(np.abs(np.diff(points_xy_px[:50], axis=0)).max(axis=1).min())
    every = max(1, len(points_xy_px) // _POINTS)
    points = points_xy_px[::every]
    circle = _fit(points)
    if circle is None or float(np.abs(_share_off(points, circle)).max()) > _SEARCH_SHARE:
        circle = _search(points, 1.5 * max(width_px, height_px), step * every)
        if circle is None:
            return None
        for _ in range(3):
            near = np.abs(_share_off(points, circle)) < _SEARCH_SHARE
            if near.sum() < 6:
                break
            circle = _fit(points[near]) or circle
    return _judge(points, circle, (width_px, height_px), step, step * every)


def _fit(points: Float64Array) -> tuple[float, float, float] | None:
    """Least-squares circle (algebraic): x, y, radius."""
    number = len(points)
    middle = points.sum(axis=0) / number
    off = np.ascontiguousarray((points - middle).T)
    square = np.einsum("ij,ij->j", off, off)
    # About their mean the sums of x and y are nil: two equations for the centre are left.
    (xx, xy), (_, yy) = (off @ off.T).tolist()
    sx, sy = (off @ square).tolist()
    determinant = xx * yy - xy * xy
    if determinant < 1e-9 * max(1.0, (xx + yy) ** 2):
        return None
    x, y = (yy * sx - xy * sy) / (2.0 * determinant), (xx * sy - xy * sx) / (2.0 * determinant)
    radius = math.sqrt(float(square.sum()) / number + x * x + y * y)
    return float(middle[0]) + x, float(middle[1]) + y, radius


def _share_off(points: Float64Array, circle: tuple[float, float, float]) -> Float64Array:
    x, y, radius = circle
    dx, dy = points[:, 0] - x, points[:, 1] - y
    return np.asarray(np.sqrt(dx * dx + dy * dy) / radius - 1.0, np.float64)


def _search(points: Float64Array, radius_max: float, contour_px: float) -> tuple[float, float, float] | None:
    """The circle through three contour points that most of the others lie on."""
    one, two, three = (points[index] for index in _triples(len(points)))
    b, c = two - one, three - one
    cross = 2.0 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        bb, cc = (b * b).sum(axis=1), (c * c).sum(axis=1)
        x = (c[:, 1] * bb - b[:, 1] * cc) / cross
        y = (b[:, 0] * cc - c[:, 0] * bb) / cross
        radius = np.hypot(x, y)
    good = np.isfinite(radius) & (radius < radius_max) & (radius > 2.0)
    if not good.any():
        return None
    x, y, radius = (x + one[:, 0])[good], (y + one[:, 1])[good], radius[good]
    away = np.hypot(points[None, :, 0] - x[:, None], points[None, :, 1] - y[:, None])
    near = np.abs(away - radius[:, None]) < 0.5 * _SEARCH_SHARE * radius[:, None]
    # The share of the circle that is followed, not the length: a straight border fits huge circles.
    score = np.minimum(near.sum(axis=1) * contour_px / (2.0 * np.pi * radius), 1.0)
    best = int(np.argmax(score * np.sqrt(radius)))
    return float(x[best]), float(y[best]), float(radius[best])


def _judge(
    points: Float64Array,
    circle: tuple[float, float, float],
    size_px: tuple[float, float],
    step_px: float,
    contour_px: float,
) -> Round:
    width_px, height_px = size_px
    off = _share_off(points, circle)
    x, y, radius = circle
    angle = np.arctan2(points[:, 1] - y, points[:, 0] - x)
    # A coarse contour is right to half its step only.
    allowed = max(_FOLLOW_SHARE, _STEP_SHARE * step_px / radius)
    follows = np.abs(off) < allowed
    if not follows.all():
        follows = np.abs(off - _form(angle, off)) < allowed
    bins = np.zeros(_BINS, np.bool_)
    at = ((angle[follows] / (2.0 * np.pi) + 1.0) * _BINS).astype(np.int64) % _BINS
    bins[at] = True
    margin = 0.01 * radius + 1.0
    px, py = x + radius * _BIN_COS, y + radius * _BIN_SIN
    inside: BoolArray = (px > margin) & (px < width_px - margin) & (py > margin) & (py < height_px - margin)
    seen = int(inside.sum())
    return Round(
        centre_xy_px=(x, y),
        radius_px=radius,
        follows_share=float((bins & inside).sum() / seen) if seen else 0.0,
        inside_share=seen / _BINS,
        outside_xy_px=points[off > 2.0 * _SEARCH_SHARE],
        contour_px=contour_px,
    )


def _form(angle: Float64Array, off: Float64Array) -> Float64Array:
    """Oval and three-lobe form of the points near the circle, limited to what a ball may have."""
    near = np.abs(off) < 2.0 * _SEARCH_SHARE
    if near.sum() < 30:
        return np.zeros_like(off)
    table = np.stack(
        [np.ones_like(angle)] + [f(k * angle) for k in (1, 2, 3) for f in (np.cos, np.sin)], axis=1
    )
    factors = np.zeros(7)
    for _ in range(3):
        rows = table[near]
        normal = rows.T @ rows + 1e-3 * len(rows) * np.eye(7)
        factors[:] = np.linalg.solve(normal, rows.T @ off[near])
        for first, largest in ((3, _OVAL_SHARE_MAX), (5, _LOBE_SHARE_MAX)):
            size = float(np.hypot(factors[first], factors[first + 1]))
            factors[first : first + 2] *= min(1.0, largest / max(size, 1e-12))
        near = np.abs(off - table @ factors) < 1.5 * _FOLLOW_SHARE
        if near.sum() < 30:
            break
    return np.asarray(table @ factors, np.float64)
