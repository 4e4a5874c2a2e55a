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
_NEAR: _IndexArray = np.arange(-_NEAR_EDGES // 2, _NEAR_EDGES // 2)
#: The point before, the point itself, the point after.
_NEIGHBOURS: _IndexArray = np.array([[-1], [0], [1]])


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
        seen = _off_the_brink(seen)
    angle, both_rad, both_unit = _directions(directions)
    width, one, other = _widths(hull, both_rad, both_unit)
    known, at, mean = width, angle, float(width.sum()) / directions
    if seen is not None and not everywhere:
        both = seen[one] & seen[other]
        width[~both] = np.nan
        known, at = width[both], angle[both]
        if len(known) == 0:
            return Widths(width, np.nan, np.nan, np.nan, 0.0)
        # Hidden directions of an oval must not pull its mean: between seen ones it runs straight on.
        turned = np.concatenate([at[-1:] - np.pi, at, at[:1] + np.pi])
        round_turn = np.concatenate([known[-1:], known, known[:1]])
        mean = float(np.interp(angle, turned, round_turn).sum()) / directions
    nearest = float(at[known.argmin()])
    smallest, largest = _between_directions(hull, nearest, one, other, None if everywhere else seen)
    smallest, largest = min(smallest, float(known.min())), max(largest, float(known.max()))
    return Widths(width, smallest, largest, mean, len(known) / directions)


def _off_the_brink(seen: BoolArray) -> BoolArray:
    """(N,) points that were seen, and whose two neighbours were."""
    inner = seen.copy()
    inner[1:] &= seen[:-1]
    inner[0] &= seen[-1]
    inner[:-1] &= seen[1:]
    inner[-1] &= seen[0]
    return inner


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
    left = xy
    while True:
        # The edge to each corner, and at the end the one from the last to the first once more.
        closed = np.concatenate([left[:, -1:], left, left[:, :1]], axis=1)
        edge_x, edge_y = closed[:, 1:] - closed[:, :-1]
        turn = edge_x[:-1] * edge_y[1:]
        turn -= edge_y[:-1] * edge_x[1:]
        bulges = (turn > 0.0).nonzero()[0]
        if len(bulges) == len(corner):
            break
        corner = corner.take(bulges)
        if len(corner) < 3:
            raise NotRoundError("the points do not lie around their origin")
        left = xy.take(corner, axis=1)
    edge_x, edge_y = edge_x[1:], edge_y[1:]
    length = np.sqrt(edge_x * edge_x + edge_y * edge_y)
    normal_xy = np.array([edge_y, -edge_x])
    normal_xy /= length
    normal_rad = np.arctan2(normal_xy[1], normal_xy[0])
    # Normals rise from corner to corner but for the place where the turn ends.
    start = int(normal_rad.argmin())
    return _Hull(
        xy=xy,
        corner=np.concatenate([corner[start:], corner[:start]]),
        normal_rad=np.concatenate([normal_rad[start:], normal_rad[:start]]),
        normal_xy=np.concatenate([normal_xy[:, start:], normal_xy[:, :start]], axis=1),
        length=np.concatenate([length[start:], length[:start]]),
    )


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
    point = hull.corner.take(hull.normal_rad.searchsorted(angle_rad), mode="wrap")
    number = hull.xy.shape[1]
    three = point + _NEIGHBOURS
    reach = hull.xy[0].take(three, mode="wrap")
    reach *= unit[0]
    reach_y = hull.xy[1].take(three, mode="wrap")
    reach_y *= unit[1]
    reach += reach_y
    before, here, after = reach
    bend = 2.0 * here
    bend -= before
    bend -= after
    smooth = (bend > 0.0) & (bend < (_BEND_MAX * (2.0 * np.pi / number) ** 2) * here)
    # The farthest of three points: the parabola's top lies at most half a step away.
    slope = np.abs(after - before)
    np.minimum(slope, bend, out=slope)
    slope *= slope
    bend *= 8.0
    gain = np.divide(slope, bend, out=np.zeros(len(point)), where=smooth)
    gain += here
    return gain, point


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
    near = _NEAR
    one_end, other_end = hull.normal_rad.searchsorted((near_rad, near_rad - np.pi)).tolist()
    longest = hull.length.argpartition(-_LONG_EDGES)[-_LONG_EDGES:] if number > _LONG_EDGES else near
    edge = np.concatenate([longest, one_end + near, other_end + near]) % number
    line = hull.xy.take(one, axis=1) - hull.xy.take(other, axis=1)
    length = np.sqrt(line[0] * line[0] + line[1] * line[1])
    # The curve reaches out between its points by far less than these lines differ.
    seen_length = length if seen is None else np.where(seen[one] & seen[other], length, 0.0)
    few = seen_length.argpartition(-_LONG_LINES)[-_LONG_LINES:]
    line = line.take(few, axis=1)
    line /= length.take(few)
    unit = np.concatenate([hull.normal_xy.take(edge, axis=1), line], axis=1)
    angle_rad = np.concatenate([hull.normal_rad.take(edge), np.arctan2(line[1], line[0])])
    width, start, end = _widths(hull, *_and_opposite(angle_rad, unit))
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
