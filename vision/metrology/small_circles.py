"""Smallest circle around three or four points: the step of the exchange in `circles`.

Neighbours: `circles` keeps the few points that decide its minimum circumscribed circle and asks
here for the circle once a new one lies outside. Plain floats: for so few points numpy is slower.
"""

from __future__ import annotations

from itertools import combinations
from math import hypot

Point = tuple[float, float]
Triple = tuple[float, float, float]
#: Relative to a length or its square: below this two of them are the same.
SAME_SHARE = 1e-12


def smallest_around(basis: list[Point], point: Point) -> tuple[list[Point], Triple] | None:
    """Smallest circle around at most three points and a new one that lies outside theirs.

    Returns:
        The two or three points that it goes through, and the circle; None when a point is not finite.
    """
    for one in basis:
        x, y = (one[0] + point[0]) / 2.0, (one[1] + point[1]) / 2.0
        circle = (x, y, hypot(one[0] - point[0], one[1] - point[1]) / 2.0)
        # None around both of these points is smaller.
        if _holds(circle, basis):
            return [one, point], circle
    best: tuple[list[Point], Triple] | None = None
    for chosen in combinations(basis, 2):
        circle = _through(point, *chosen)
        if (best is None or circle[2] < best[1][2]) and _holds(circle, basis):
            best = [*chosen, point], circle
    return best


def _holds(circle: Triple, points: list[Point]) -> bool:
    """Whether a circle goes around all points."""
    reach = circle[2] * (1.0 + SAME_SHARE)
    return all(hypot(x - circle[0], y - circle[1]) <= reach for x, y in points)


def _through(one: Point, two: Point, three: Point) -> Triple:
    """Circle through three points; radius infinite when they lie on one line."""
    bx, by = two[0] - one[0], two[1] - one[1]
    dx, dy = three[0] - one[0], three[1] - one[1]
    twice = 2.0 * (bx * dy - by * dx)
    if twice == 0.0:
        return one[0], one[1], float("inf")
    b, d = bx * bx + by * by, dx * dx + dy * dy
    x, y = (dy * b - by * d) / twice, (bx * d - dx * b) / twice
    return one[0] + x, one[1] + y, hypot(x, y)
