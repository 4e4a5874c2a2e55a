"""Caliper (Feret) widths of an outline: what parallel jaws would read, direction by direction.

The width along a direction is the sum of the support function (the farthest reach of the
outline) that way and the opposite way. Only corners of the convex hull can be farthest, and
going round the hull they come in the order of the normals of its edges (rotating calipers),
so one sorted search finds the corner for every direction. The outline is a smooth curve that is
known at N angles: a parabola through the corner and its two neighbours gives the curve's reach
between them. Where it bends far more than the circle does, it is a true corner and stays as it is.

Between the even directions the largest width is looked for along the line between two opposite
corners, and the smallest across the edges of the hull: a flat is narrowest exactly across
itself, which even directions only come near to. By Cauchy's formula the mean width is the
hull's perimeter / pi.

Neighbours: `outline` gives the profile, `measure` puts it all together. Unit: that of the profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vision.metrology.circles import NotRoundError
from vision.metrology.form import unit_vectors
from vision.metrology.types import BoolArray, Float64Array, Widths

#: Least number of directions over half a turn.
DIRECTIONS_MIN = 180
#: A curve that bends up to this much more than the circle is smooth.
_BEND_MAX = 3.0
#: Hull edges across which the smallest width is looked for: the longest ones, and those near the minimum.
_LONG_EDGES = 48
_NEAR_EDGES = 16
#: Lines between opposite points along which the largest width is looked for: the longest ones.
_LONG_LINES = 40

_IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Hull:
    """Corners in order, and the outward normals of the edges that start at them.

    Attributes:
        xy: (2, N) all points of the profile.
        corner: (M,) their indices, ordered so that `normal_rad` rises.
        normal_rad: (M,) angle of the edge's normal, rising, within one turn from -pi.
        normal_xy: (2, M) the same as unit vectors.
        length: (M,) of the edges.
    """

    xy: Float64Array
    corner: _IndexArray
    normal_rad: Float64Array
    normal_xy: Float64Array
    length: Float64Array


def caliper_widths(radius: Float64Array, seen: BoolArray | None = None, directions: int = 180) -> Widths:
    """Widths over half a turn, their smallest, largest and mean.

    Args:
        radius: (N,) distances of the unfiltered outline from a point inside, at equal angles over one
            turn; filled in where it was not seen.
        seen: (N,) where the outline was seen; default: everywhere.
        directions: number of directions K over half a turn, at least 180.

    Returns:
        Widths; NaN where an end lies on a part that was not seen. `minimum` and `maximum` are
        refined between the seen directions; for the mean those not seen are interpolated. All NaN
        when no direction was seen.

    Raises:
        ValueError: fewer than 180 directions.
        NotRoundError: the outline does not go round its origin.
    """
    if directions < DIRECTIONS_MIN:
        raise ValueError(f"{directions} directions are too few: at least {DIRECTIONS_MIN}")
    hull = _hull(radius)
    everywhere = seen is None or bool(seen.all())
    if seen is not None and not everywhere:
        # At the brink of a gap the farthest point may lie inside it.
        seen = seen & np.roll(seen, 1) & np.roll(seen, -1)
    angle, both_rad, both_unit = _directions(directions)
    width, one, other = _widths(hull, both_rad, both_unit)
    known, mean = width, float(width.mean())
    if seen is not None and not everywhere:
        both = seen[one] & seen[other]
        width[~both] = np.nan
        known = width[both]
        if len(known) == 0:
            return Widths(width, np.nan, np.nan, np.nan, 0.0)
        # Hidden directions of an oval must not pull its mean: between seen ones it runs straight on.
        mean = float(np.interp(angle, angle[both], known, period=np.pi).mean())
    nearest = float(angle[int(width.argmin() if everywhere else np.nanargmin(width))])
    smallest, largest = _between_directions(hull, nearest, one, other, None if everywhere else seen)
    smallest, largest = min(smallest, float(known.min())), max(largest, float(known.max()))
    return Widths(width, smallest, largest, mean, len(known) / directions)


@lru_cache(maxsize=4)
def _directions(number: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Angles pi k / K (K,), these and the opposite ones (2 K,), unit vectors of those (2, 2 K), read only."""
    angle: Float64Array = np.arange(number, dtype=np.float64) * (np.pi / number)
    both, both_unit = _and_opposite(angle, np.stack([np.cos(angle), np.sin(angle)]))
    angle.flags.writeable = both.flags.writeable = both_unit.flags.writeable = False
    return angle, both, both_unit


def _and_opposite(angle_rad: Float64Array, unit: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Directions and the opposite ones: angles (2 K,) in -pi..pi, unit vectors (2, 2 K)."""
    both = np.concatenate([angle_rad, angle_rad + np.pi])
    return np.where(both > np.pi, both - 2.0 * np.pi, both), np.concatenate([unit, -unit], axis=1)


def _hull(radius: Float64Array) -> _Hull:
    """Convex hull: corners that bend inwards are dropped until none is left (points come by their angle)."""
    xy = radius * unit_vectors(len(radius))
    corner: _IndexArray = np.arange(len(radius))
    x, y = xy
    while True:
        edge_x, edge_y = _to_next(x), _to_next(y)
        turn = np.empty(len(corner))
        turn[1:] = edge_x[:-1] * edge_y[1:] - edge_y[:-1] * edge_x[1:]
        turn[0] = edge_x[-1] * edge_y[0] - edge_y[-1] * edge_x[0]
        bulges = turn > 0.0
        if bulges.all():
            break
        corner = corner[bulges]
        if len(corner) < 3:
            raise NotRoundError("the points do not lie around their origin")
        x, y = xy[0, corner], xy[1, corner]
    length = np.sqrt(edge_x * edge_x + edge_y * edge_y)
    normal_xy = np.stack([edge_y, -edge_x])
    normal_xy /= length
    normal_rad = np.arctan2(normal_xy[1], normal_xy[0])
    # Normals rise from corner to corner but for the place where the turn ends.
    start = int(normal_rad.argmin())
    order = np.concatenate([np.arange(start, len(corner)), np.arange(start)])
    return _Hull(xy, corner[order], normal_rad[order], normal_xy[:, order], length[order])


def _to_next(values: Float64Array) -> Float64Array:
    """(N,): step to the next value, from the last one to the first."""
    step = np.empty_like(values)
    np.subtract(values[1:], values[:-1], out=step[:-1])
    step[-1] = values[0] - values[-1]
    return step


def _widths(
    hull: _Hull, both_rad: Float64Array, both_unit: Float64Array
) -> tuple[Float64Array, _IndexArray, _IndexArray]:
    """Widths along K directions, given with the opposite ones (2 K,), and the points that bound them."""
    reach, point = _supports(hull, both_rad, both_unit)
    number = len(both_rad) // 2
    width: Float64Array = reach[:number] + reach[number:]
    return width, point[:number], point[number:]


def _supports(hull: _Hull, angle_rad: Float64Array, unit: Float64Array) -> tuple[Float64Array, _IndexArray]:
    """Farthest reach of the curve along each direction, and the index of its farthest point."""
    # The corner where edge j starts is farthest from normal j-1 to normal j.
    point = hull.corner.take(np.searchsorted(hull.normal_rad, angle_rad), mode="wrap")
    number = hull.xy.shape[1]
    x, y = hull.xy
    across_x, across_y = unit

    def reach_at(index: _IndexArray) -> Float64Array:
        reach = x.take(index, mode="wrap") * across_x + y.take(index, mode="wrap") * across_y
        return np.asarray(reach, np.float64)

    before, here, after = reach_at(point - 1), reach_at(point), reach_at(point + 1)
    bend = 2.0 * here - before - after
    smooth = (bend > 0.0) & (bend < _BEND_MAX * (2.0 * np.pi / number) ** 2 * here)
    # The farthest of three points: the parabola's top lies at most half a step away.
    slope = np.minimum(np.abs(after - before), bend)
    gain = np.divide(slope * slope, 8.0 * bend, out=np.zeros(len(point)), where=smooth)
    return here + gain, point


def _between_directions(
    hull: _Hull, near_rad: float, one: _IndexArray, other: _IndexArray, seen: BoolArray | None
) -> tuple[float, float]:
    """Smallest width across edges of the hull, and largest along the lines between opposite points.

    Args:
        hull: of the outline.
        near_rad: direction of the smallest width so far.
        one, other: pairs of points that bound the even directions.
        seen: (N,) or None for everywhere.

    Returns:
        smallest (inf when none was seen) and largest (-inf when none was seen).
    """
    number = len(hull.corner)
    near = np.arange(-_NEAR_EDGES // 2, _NEAR_EDGES // 2)
    ends = np.searchsorted(hull.normal_rad, [near_rad, near_rad - np.pi])
    longest = np.argpartition(hull.length, -_LONG_EDGES)[-_LONG_EDGES:] if number > _LONG_EDGES else near
    edge = np.concatenate([longest, ends[0] + near, ends[1] + near]) % number
    line = hull.xy.take(one, axis=1) - hull.xy.take(other, axis=1)
    length = np.sqrt(line[0] * line[0] + line[1] * line[1])
    # The curve reaches out between its points by far less than these lines differ.
    seen_length = length if seen is None else np.where(seen[one] & seen[other], length, 0.0)
    few = np.argpartition(seen_length, -_LONG_LINES)[-_LONG_LINES:]
    unit = np.concatenate([hull.normal_xy.take(edge, axis=1), line[:, few] / length[few]], axis=1)
    width, start, end = _widths(hull, *_and_opposite(np.arctan2(unit[1], unit[0]), unit))
    across, along = width[: len(edge)], width[len(edge) :]
    if seen is not None:
        known = seen[start] & seen[end]
        across = across[known[: len(edge)] & ~_over_gap(hull, edge, seen)]
        along = along[known[len(edge) :]]
    return float(across.min(initial=np.inf)), float(along.max(initial=-np.inf))


def _over_gap(hull: _Hull, edge: _IndexArray, seen: BoolArray) -> BoolArray:
    """Whether an edge of the hull starts, ends at or passes over a point that was not seen."""
    hidden = np.concatenate([[0], np.cumsum(~seen)])
    start, end = hull.corner[edge], hull.corner[(edge + 1) % len(hull.corner)]
    wraps = end < start
    over: BoolArray = hidden[end + 1] - hidden[start] + np.where(wraps, hidden[-1], 0) > 0
    return over
