"""The four reference circles of ISO 12181-1 through points given in the order of their angle.

Distances are true (orthogonal) ones, so an eccentric circle is still a circle. Least squares
is solved by Gauss-Newton. The other three are decided by two to four points each and are found
by an exchange: the circle through these points is written down, the point that breaks it most
takes its place among them, until none breaks it. The minimum circumscribed circle is the
global one (exact at every step). For minimum zone and maximum inscribed circle the rays from
the centre are held fast during the exchange, which makes it a linear program that always ends;
then the rays are taken anew from the centre it found (Newton's method, two or three times).
They are the circles next to the least-squares centre. For a form that is small against the radius
there is one minimum zone; of inscribed circles that two nearly opposite points hold there may be
several, of about the same radius. The four points of the minimum zone lie outside and inside in turn,
because 1, cos and sin form a Haar system on the circle (Chebyshev's alternation theorem; single
exchange after Remez).

Neighbours: `form` calls these after its filter; `measure` and `widths` use the least-squares one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, inf, pi, sin

import numpy as np
import numpy.typing as npt

from vision.metrology.small_circles import SAME_SHARE, Point, Triple, smallest_around
from vision.metrology.types import BoolArray, Float64Array

#: (N,) distances and (2, N) unit vectors.
Rays = tuple[Float64Array, Float64Array]
_ROUNDS_MAX = 200
#: Relative to a radius: a step this small leaves an error of its square, 1e-9.
_SMALL_STEP = 3e-5
#: Cosine of half the sector in which a starting point is looked for.
_SECTOR_COSINE = cos(pi / 6.0)


class NotRoundError(ValueError):
    """Points so far from a circle that a reference circle is not determined."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points around the origin, in the order of their angle.

    Attributes:
        xy: (2, N) float64, contiguous.
        square: (N,) squared distances from the origin.
    """

    xy: Float64Array
    square: Float64Array

    @classmethod
    def of(cls, xy: Float64Array) -> Points:
        """From a (2, N) array."""
        xy = np.ascontiguousarray(xy, np.float64)
        return cls(xy, np.einsum("ij,ij->j", xy, xy))

    def shifted(self, cx: float, cy: float) -> Float64Array:
        """(N,): squared distances from (cx, cy), less the constant cx^2 + cy^2."""
        result = np.array([-2.0 * cx, -2.0 * cy]) @ self.xy
        result += self.square
        return result

    def distances(self, cx: float, cy: float) -> Float64Array:
        """(N,): distances from (cx, cy)."""
        result = self.shifted(cx, cy)
        result += cx * cx + cy * cy
        np.sqrt(result, out=result)
        return result

    def rays(self, cx: float, cy: float) -> Rays:
        """(N,) distances from (cx, cy) and (2, N) unit vectors from there."""
        distance = self.distances(cx, cy)
        return distance, (self.xy - np.array([[cx], [cy]])) / distance

    def at(self, index: int) -> Point:
        """One of them."""
        return float(self.xy[0, index]), float(self.xy[1, index])


def least_squares_circle(points: Points) -> Triple:
    """Circle of least squared orthogonal distances (LSCI).

    Args:
        points: at least three, around the origin.

    Returns:
        x, y of the centre and the radius, in the unit of the points.

    Raises:
        NotRoundError: the points do not determine a circle.
    """
    number = points.xy.shape[1]
    # Sums along rows as products with ones: half the time of `sum`.
    ones = np.ones(number)
    sum_x, sum_y = (points.xy @ ones).tolist()
    unit = points.xy / np.sqrt(points.square)
    (xx, xy), (_, yy) = (unit @ unit.T).tolist()
    ux, uy = (unit @ ones).tolist()
    xx, xy, yy = xx - ux * ux / number, xy - ux * uy / number, yy - uy * uy / number
    determinant = xx * yy - xy * xy
    if not determinant > 1e-9 * number * number:
        raise NotRoundError("the points lie too close together on the circle to determine it")
    cx = cy = 0.0
    for _ in range(_ROUNDS_MAX):
        distance = points.distances(cx, cy)
        radius = float(distance @ ones) / number
        inverse = 1.0 / distance
        turned, (vx, vy) = float(inverse @ ones), (points.xy @ inverse).tolist()
        # Sum of (distance - radius) along the unit rays from the centre: the step's right side.
        # The matrix of the first round stays: its rays turn by less than form / radius.
        bx = sum_x - number * cx - radius * (vx - cx * turned)
        by = sum_y - number * cy - radius * (vy - cy * turned)
        step_x = (yy * bx - xy * by) / determinant
        step_y = (xx * by - xy * bx) / determinant
        cx, cy = cx + step_x, cy + step_y
        if abs(step_x) + abs(step_y) < 1e-9 * radius:
            # The radius is stationary at the solution: the one before this last step holds.
            return cx, cy, radius
    raise NotRoundError("least squares found no circle: the points do not lie around a centre")


def circumscribed_circle(points: Points, start_xy: tuple[float, float] = (0.0, 0.0)) -> Triple:
    """Smallest circle around all points (MCCI), exact and global.

    Args:
        points: all of them.
        start_xy: where the search starts; changes its length only.

    Returns:
        x, y of the centre and the radius.

    Raises:
        NotRoundError: the exchange found no end (points that are not finite).
    """
    # The farthest points of three sectors are near to the solution; any start leads to it.
    first, *others = _one_and_thirds(-points.shifted(*start_xy))
    basis = [points.at(first)]
    circle = (basis[0][0], basis[0][1], 0.0)
    for number in range(_ROUNDS_MAX):
        if number < len(others):
            far = others[number]
            outside = hypot(points.xy[0, far] - circle[0], points.xy[1, far] - circle[1]) - circle[2]
            if outside <= SAME_SHARE * circle[2]:
                continue
        else:
            shifted = points.shifted(circle[0], circle[1])
            far = int(shifted.argmax())
            outside = float(shifted[far]) + circle[0] ** 2 + circle[1] ** 2 - circle[2] ** 2
            if outside <= SAME_SHARE * float(points.square[far]):
                return circle
        found = smallest_around(basis, points.at(far))
        if found is None:
            break
        basis, circle = found
    raise NotRoundError("the smallest circle around the points was not found")


def inscribed_circle(
    points: Points, start_xy: tuple[float, float] = (0.0, 0.0), rays: Rays | None = None
) -> Triple:
    """Largest circle with no point inside (MICI), next to the start.

    Args:
        points: around `start_xy`, no gap of half a turn.
        start_xy: a centre from which the points look nearly round, e.g. that of least squares.
        rays: `points.rays` from there, where the caller has them already.

    Returns:
        x, y of the centre and the radius.

    Raises:
        NotRoundError: no circle is held by the points on all sides.
    """
    cx, cy = start_xy
    basis: list[int] | None = None
    for number in range(_ROUNDS_MAX):
        distance, unit = points.rays(cx, cy) if number or rays is None else rays
        if basis is None or not _surround([_ray(distance, unit, index) for index in basis]):
            basis = _three_around(distance, unit)
        step_x, step_y = _held_inside(distance, unit, basis)
        cx, cy = cx + step_x, cy + step_y
        if hypot(step_x, step_y) <= _SMALL_STEP * float(distance[basis[0]]):
            return cx, cy, float(points.distances(cx, cy).min())
    raise NotRoundError("no inscribed circle is held on all sides: the points are not nearly round")


def minimum_zone(
    points: Points, start_xy: tuple[float, float] = (0.0, 0.0), rays: Rays | None = None
) -> tuple[Triple, float]:
    """Two concentric circles of least distance between which all points lie (MZCI), next to the start.

    Args:
        points: in the order of their angle around `start_xy`.
        start_xy: the least-squares centre.
        rays: `points.rays` from there, where the caller has them already.

    Returns:
        (x, y of the centre, radius of the inner circle) and the radius of the outer one.

    Raises:
        NotRoundError: the exchange found no end: the points are not nearly round.
    """
    cx, cy = start_xy
    reference: list[tuple[int, bool]] | None = None
    for number in range(_ROUNDS_MAX):
        distance, unit = points.rays(cx, cy) if number or rays is None else rays
        if reference is None:
            reference = _alternating(distance)
        step_x, step_y = _between_zone(distance, unit, reference)
        cx, cy = cx + step_x, cy + step_y
        if hypot(step_x, step_y) <= _SMALL_STEP * float(distance[0]):
            distance = points.distances(cx, cy)
            return (cx, cy, float(distance.min())), float(distance.max())
    raise NotRoundError("the minimum zone was not found: the points are not nearly round")


def largest_gap_share(seen: BoolArray) -> float:
    """Longest run of points of a closed profile that were not seen, as a share of it."""
    at = np.flatnonzero(seen)
    if len(at) == 0:
        return 1.0
    return float(gaps_after(at, len(seen)).max()) / len(seen)


def gaps_after(at: npt.NDArray[np.intp], number: int) -> npt.NDArray[np.intp]:
    """(M,) how many of `number` points round the turn are missing after each of those at (M,), rising."""
    gaps = np.empty_like(at)
    np.subtract(at[1:], at[:-1], out=gaps[:-1])
    gaps[-1] = at[0] + number - at[-1]
    gaps -= 1
    return gaps


def _one_and_thirds(values: Float64Array) -> tuple[int, int, int]:
    """Places of the least value, and of the least ones near a third of the points before and after it."""
    first, number = int(values.argmin()), len(values)
    third, half = number // 3, number // 12
    after = (first + third - half) % number
    before = (first - third - half) % number
    twice = np.concatenate([values, values[: 2 * half + 1]])
    one = after + int(twice[after : after + 2 * half + 1].argmin())
    other = before + int(twice[before : before + 2 * half + 1].argmin())
    return first, one % number, other % number


def _surround(rays: Sequence[Triple]) -> bool:
    """Whether three rays point to all sides: no half turn without one."""
    (ax, ay, _), (bx, by, _), (dx, dy, _) = rays
    one, two, three = ax * by - ay * bx, bx * dy - by * dx, dx * ay - dy * ax
    return (one >= 0.0 and two >= 0.0 and three >= 0.0) or (one <= 0.0 and two <= 0.0 and three <= 0.0)


def _three_around(distance: Float64Array, unit: Float64Array) -> list[int]:
    """The nearest point, and the nearest ones about a third of a turn on either side of it."""
    even = list(_one_and_thirds(distance))
    if _surround([_ray(distance, unit, index) for index in even]):
        return even
    # A gap puts a third of the points elsewhere than a third of the turn.
    first = int(distance.argmin())
    dx, dy, _ = _ray(distance, unit, first)
    chosen = [first]
    for turn in (2.0 * pi / 3.0, -2.0 * pi / 3.0):
        want = np.array([dx * cos(turn) - dy * sin(turn), dx * sin(turn) + dy * cos(turn)])
        along = want @ unit
        beside = np.where(along > _SECTOR_COSINE, distance, inf)
        place = int(beside.argmin())
        chosen.append(place if along[place] > _SECTOR_COSINE else int(along.argmax()))
    if not _surround([_ray(distance, unit, index) for index in chosen]):
        raise NotRoundError("the points leave a gap of nearly half a turn")
    return chosen


def _held_inside(distance: Float64Array, unit: Float64Array, basis: list[int]) -> Point:
    """Step to the centre of the largest circle inside, with the rays held fast.

    Largest r with r <= distance - unit . step (dual simplex). `basis`: three points on all
    sides, exchanged in place.
    """
    rays = [_ray(distance, unit, index) for index in basis]
    found = _touching(rays)
    for _ in range(_ROUNDS_MAX):
        if found is None:
            break
        step_x, step_y, radius = found
        reach = distance - np.array([step_x, step_y]) @ unit
        near = int(reach.argmin())
        if float(reach[near]) >= radius * (1.0 - SAME_SHARE):
            return step_x, step_y
        new = _ray(distance, unit, near)
        held = [(around, at) for at in range(3) if (around := _held_without(rays, at, new)) is not None]
        if not held:
            break
        # Two of them hold only where rays are opposite: the smaller circle keeps the exchange from a loop.
        found, at = min(held, key=lambda item: item[0][2])
        basis[at], rays[at] = near, new
    raise NotRoundError("no inscribed circle is held on all sides: the points are not nearly round")


def _ray(distance: Float64Array, unit: Float64Array, index: int) -> Triple:
    """Direction (x, y) and distance of one point."""
    return float(unit[0, index]), float(unit[1, index]), float(distance[index])


def _held_without(rays: Sequence[Triple], leaving: int, new: Triple) -> Triple | None:
    """Step and radius with a new ray in the place of one; None where they do not point to all sides."""
    chosen = [new if at == leaving else ray for at, ray in enumerate(rays)]
    return _touching(chosen) if _surround(chosen) else None


def _touching(rays: Sequence[Triple]) -> Triple | None:
    """Step and radius with which a circle touches three points, their rays held fast."""
    (ax, ay, a), (bx, by, b), (dx, dy, d) = rays
    step = _solve(ax - bx, ay - by, a - b, ax - dx, ay - dy, a - d)
    if step is None:
        return None
    return step[0], step[1], a - ax * step[0] - ay * step[1]


def _between_zone(distance: Float64Array, unit: Float64Array, reference: list[tuple[int, bool]]) -> Point:
    """Step to the centre of the minimum zone, with the rays held fast; exchanges `reference` in place."""
    for _ in range(_ROUNDS_MAX):
        one, two = (_ray(distance, unit, place) for place, outside in reference if outside)
        three, four = (_ray(distance, unit, place) for place, outside in reference if not outside)
        step = _solve(
            one[0] - two[0],
            one[1] - two[1],
            one[2] - two[2],
            three[0] - four[0],
            three[1] - four[1],
            three[2] - four[2],
        )
        if step is None:  # a circle: every point is as good as another
            return 0.0, 0.0
        reach = distance - np.array(step) @ unit
        high, low = int(reach.argmax()), int(reach.argmin())
        outer = one[2] - one[0] * step[0] - one[1] * step[1]
        inner = three[2] - three[0] * step[0] - three[1] * step[1]
        done_high = float(reach[high]) <= outer * (1.0 + SAME_SHARE)
        done_low = float(reach[low]) >= inner * (1.0 - SAME_SHARE)
        if done_high and done_low:
            return step
        if not done_high:
            _exchange(reference, high, outside=True)
        if not done_low:
            _exchange(reference, low, outside=False)
    raise NotRoundError("the minimum zone was not found: the points are not nearly round")


def _solve(ax: float, ay: float, a: float, bx: float, by: float, b: float) -> Point | None:
    """x, y with ax x + ay y = a and bx x + by y = b; None when the two say the same."""
    determinant = ax * by - ay * bx
    if abs(determinant) <= 1e-12:
        return None
    return (a * by - ay * b) / determinant, (ax * b - a * bx) / determinant


def _alternating(distance: Float64Array) -> list[tuple[int, bool]]:
    """Four places in order, outer and inner in turn, to start the exchange with.

    The highest and the lowest point, and of one of the two arcs between them the largest
    rise (from the high to the low one) or fall (from the low to the high one).
    """
    high, low = int(distance.argmax()), int(distance.argmin())
    number = len(distance)
    twice = np.concatenate([distance, distance])
    falling = twice[high : high + (low - high) % number + 1]
    rising = twice[low : low + (high - low) % number + 1]
    trough = np.minimum.accumulate(falling)
    crest = np.maximum.accumulate(rising)
    rise, fall = int((falling - trough).argmax()), int((crest - rising).argmax())
    if falling[rise] - trough[rise] >= crest[fall] - rising[fall]:
        before = int(falling[: rise + 1].argmin())
        extra = [((high + before) % number, False), ((high + rise) % number, True)]
    else:
        before = int(rising[: fall + 1].argmax())
        extra = [((low + before) % number, True), ((low + fall) % number, False)]
    return sorted([(high, True), (low, False), *extra])


def _exchange(reference: list[tuple[int, bool]], place: int, *, outside: bool) -> None:
    """Put a new point in the place of that neighbour which lies on the same side; keeps the order."""
    after = next((at for at, (other, _) in enumerate(reference) if other > place), 0)
    # Sides alternate all the way round, so exactly one of the two neighbours fits.
    at = after if reference[after][1] == outside else after - 1
    reference[at] = (place, outside)
    reference.sort()
