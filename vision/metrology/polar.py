"""Rays about a centre: directions, grey levels along them, smooth functions of the angle.

Neighbours: `rough`, `edges`, `profile` and `outline` all work on rays; this module holds what
they share. Coordinates are continuous (centre of pixel (0, 0) at (0.5, 0.5)); an array "(N, K)"
has one row per ray and one column per sample, from inside to outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from vision.metrology.types import BoolArray, Float64Array
from vision.types import Float32Array, UInt8Array

#: A bilinear sample's noise over its pixels' noise: E[(1 - f)^2 + f^2] = 2/3 along each axis.
BILINEAR_NOISE = 2.0 / 3.0


def even_rays(wanted: float, lowest: int, highest: int) -> int:
    """Number of rays near `wanted` within the limits; a multiple of 24, so that its FFT is quick."""
    steps = (lowest + 23) // 24, highest // 24
    count = min(max(round(wanted / 24.0), steps[0]), steps[1])
    while count < steps[1] and not _smooth(count):
        count += 1
    return 24 * count


def _smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1


@lru_cache(maxsize=64)
def directions(rays: int) -> Float32Array:
    """(2, rays): cosine and sine of the angles 2 pi i / rays."""
    angle = np.arange(rays) * (2.0 * np.pi / rays)
    unit = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    unit.setflags(write=False)
    return unit


@lru_cache(maxsize=64)
def basis(rays: int, order: int) -> Float64Array:
    """(rays, 2 order + 1): 1, cos t, sin t, cos 2t, sin 2t ... at the angles 2 pi i / rays."""
    angle = np.arange(rays) * (2.0 * np.pi / rays)
    columns = [np.ones(rays)]
    for k in range(1, order + 1):
        columns += [np.cos(k * angle), np.sin(k * angle)]
    table = np.stack(columns, axis=1)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=64)
def unit_rays(rays: int) -> Float64Array:
    """(2, rays): cosine and sine of the angles 2 pi i / rays, as `directions` but in double precision."""
    unit = np.ascontiguousarray(basis(rays, 1)[:, 1:].T)
    unit.setflags(write=False)
    return unit


@dataclass(frozen=True, slots=True, eq=False)
class _Harmonics:
    """What a fit of harmonics needs of its rays and its order.

    Attributes:
        table: (rays, 2 order + 1) `basis`; turned: the same by rows.
        normal: (2 order + 1, 2 order + 1) its normal equations with all rays.
        ridge: (2 order + 1,) what each ray used adds to their diagonal.
        projection: (2 order + 1, rays) from values at all rays to factors.
    """

    table: Float64Array
    turned: Float64Array
    normal: Float64Array
    ridge: Float64Array
    projection: Float64Array


@lru_cache(maxsize=64)
def _harmonics(rays: int, order: int, ridge: float) -> _Harmonics:
    table = basis(rays, order)
    normal = np.asarray(table.T @ table, np.float64)
    return _Harmonics(
        table=table,
        turned=np.ascontiguousarray(table.T),
        normal=normal,
        ridge=np.asarray(ridge * (np.arange(2 * order + 1) > 2) + 1e-9, np.float64),
        projection=np.asarray(np.linalg.solve(normal, table.T), np.float64),
    )


def fit_harmonics(
    values: npt.NDArray[np.floating], use: BoolArray, order: int, ridge: float = 1e-3
) -> Float64Array:
    """(rays,): least-squares harmonics 0..`order` of the values at the used rays.

    A faint ridge on the higher harmonics (share `ridge` of the rays used) keeps them small where
    nothing was seen that could tell them.
    """
    known = _harmonics(len(values), order, ridge)
    hidden = np.logical_not(use).nonzero()[0]
    if not len(hidden):
        return np.asarray(known.table @ (known.projection @ values), np.float64)
    values = values.astype(np.float64, copy=False)
    count = max(len(values) - len(hidden), 1)
    if 2 * len(hidden) <= len(values):
        # Few are hidden: their part is taken off the equations of all, which are there already.
        rows = known.table.take(hidden, axis=0)
        normal = known.normal - rows.T @ rows
        right = known.turned @ values - values.take(hidden) @ rows
    else:
        seen = use.nonzero()[0]
        rows = known.table.take(seen, axis=0)
        normal = rows.T @ rows
        right = values.take(seen) @ rows
    normal.ravel()[:: len(normal) + 1] += count * known.ridge
    return np.asarray(known.table @ solve_normal(normal, right), np.float64)


def solve_normal(normal: Float64Array, right: Float64Array) -> Float64Array:
    """(K,): solution of normal equations (K, K), which are symmetric and positive definite.

    OpenCV's Cholesky; numpy.linalg.solve takes four times as long for so few unknowns.
    """
    regular, found = cv2.solve(normal, right, flags=cv2.DECOMP_CHOLESKY)
    if not regular:
        found = np.linalg.solve(normal, right)
    return np.asarray(found, np.float64).ravel()


def sample(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    start_px: Float64Array | float,
    offsets_px: Float64Array,
    rays: int,
) -> UInt8Array:
    """(rays, K) uint8: bilinear grey levels at distances start (rays,) + offsets (K,) from the centre.

    Outside the picture its border goes on.
    """
    unit = directions(rays)
    # Places are (middle + direction start) 1 + direction offset: as a product of matrices that takes half
    # the time of sums over (rays, K). OpenCV counts from the middle of pixel (0, 0).
    factors = np.empty((2, rays, 2), np.float32)
    start = unit * np.asarray(start_px, np.float32)
    start += np.array(centre_xy_px, np.float32)[:, None] - np.float32(0.5)
    factors[..., 0] = start
    factors[..., 1] = unit
    terms = np.ones((2, len(offsets_px)), np.float32)
    terms[1] = offsets_px
    x, y = (factors.reshape(-1, 2) @ terms).reshape(2, rays, -1)
    levels = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(levels, np.uint8)


def border_distance(shape: tuple[int, ...], centre_xy_px: tuple[float, float], rays: int) -> Float64Array:
    """(rays,): how far each ray goes inside the picture (to the middles of its outermost pixels), px."""
    unit = directions(rays).astype(np.float64)
    x, y = centre_xy_px
    if not (0.5 < x < shape[1] - 0.5 and 0.5 < y < shape[0] - 0.5):
        return _through(shape, centre_xy_px, unit)
    right, down = unit[0] > 0.0, unit[1] > 0.0
    with np.errstate(divide="ignore"):
        far_x = np.where(right, shape[1] - 0.5 - x, x - 0.5) / np.abs(unit[0])
        far_y = np.where(down, shape[0] - 0.5 - y, y - 0.5) / np.abs(unit[1])
    return np.asarray(np.minimum(far_x, far_y), np.float64)


def _through(shape: tuple[int, ...], centre_xy_px: tuple[float, float], unit: Float64Array) -> Float64Array:
    """The same from a centre outside the picture: where rays leave it again; 0 where they miss it."""
    leave = np.full(unit.shape[1], np.inf)
    enter = np.zeros(unit.shape[1])
    for along, at, end in ((unit[0], centre_xy_px[0], shape[1]), (unit[1], centre_xy_px[1], shape[0])):
        safe = np.where(np.abs(along) < 1e-12, 1e-12, along)
        one, other = (0.5 - at) / safe, (end - 0.5 - at) / safe
        enter = np.maximum(enter, np.minimum(one, other))
        leave = np.minimum(leave, np.maximum(one, other))
    return np.where(leave > enter, leave, 0.0)


def circle_inside(shape: tuple[int, ...], centre_xy_px: tuple[float, float], radius_px: float) -> bool:
    """Whether a whole circle lies inside the picture."""
    x, y = centre_xy_px
    return bool(
        x - radius_px >= 0.5
        and y - radius_px >= 0.5
        and x + radius_px <= shape[1] - 0.5
        and y + radius_px <= shape[0] - 0.5
    )


def box_mean(values: npt.NDArray[np.floating], half: int) -> Float64Array:
    """Running mean over 2 `half` + 1 rays round the turn, of (N,) or along the first axis of (N, K)."""
    if half < 1:
        return np.asarray(values, np.float64)
    if half == 1:
        return _mean_of_three(values)
    turned = np.concatenate([values[-half:], values, values[:half]])
    if values.ndim == 1:
        row = cv2.blur(turned[None, :], (2 * half + 1, 1), borderType=cv2.BORDER_REPLICATE)
        return np.asarray(row[0, half:-half], np.float64)
    # OpenCV blurs along rows faster than along columns.
    mean = cv2.blur(turned.T.reshape(-1, len(turned)), (2 * half + 1, 1), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(mean[:, half:-half].T.reshape(values.shape), np.float64)


def _mean_of_three(values: npt.NDArray[np.floating]) -> Float64Array:
    mean = np.empty(values.shape)
    np.add(values[:-1], values[1:], out=mean[1:])
    mean[0] = values[-1] + values[0]
    mean[:-1] += values[1:]
    mean[-1] += values[0]
    mean *= 1.0 / 3.0
    return mean


def spread(mask: BoolArray, half: int) -> BoolArray:
    """The mask grown by `half` rays to both sides."""
    if half < 1 or not mask.any():
        return mask
    return np.asarray(box_mean(mask.astype(np.float64), half) > 0.25 / (2 * half + 1))


def fill_line(values: Float64Array, known: BoolArray) -> Float64Array:
    """The values with unknown rays filled in by straight lines round the turn; at least one is known."""
    if known.all():
        return values
    at = np.nonzero(known)[0]
    count = len(values)
    turned = np.concatenate([at[-1:] - count, at, at[:1] + count])
    filled = values.copy()
    missing = ~known
    filled[missing] = np.interp(
        np.nonzero(missing)[0], turned, np.concatenate([values[at[-1:]], values[at], values[at[:1]]])
    )
    return filled


def resampled(values: Float64Array, rays: int) -> Float64Array:
    """(rays,): values at other, even angles, by straight lines round the turn."""
    before, after, part = _between(len(values), rays)
    start = values.take(before)
    start += (values.take(after) - start) * part
    return start


@lru_cache(maxsize=64)
def _between(count: int, rays: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float64Array]:
    """(rays,) numbers of the values before and after each ray, and the share of the way between them."""
    at = np.arange(rays) * (count / rays)
    before = np.minimum(at.astype(np.intp), count - 1)
    return before, (before + 1) % count, np.asarray(at - before, np.float64)


def quantile(values: npt.NDArray[np.floating], share: float) -> float:
    """The value of (N,) that this share of the others lies below, N >= 1."""
    at = min(int(share * len(values)), len(values) - 1)
    ordered = values.copy()
    ordered.partition(at)
    return float(ordered[at])


def median(values: npt.NDArray[np.floating]) -> float:
    """Upper median of (N,), N >= 1; a tenth of the time of np.median."""
    return quantile(values, 0.5)


def runs(mask: BoolArray) -> list[tuple[int, int]]:
    """(first, count) of each run of True round the turn; one run (0, N) when all are True."""
    n = len(mask)
    # A run starts, or the ray after one has come, where the mask differs from the ray before.
    changes = [0] if mask[0] != mask[-1] else []
    changes += ((mask[1:] != mask[:-1]).nonzero()[0] + 1).tolist()
    if not changes:
        return [(0, n)] if mask[0] else []
    if not mask[changes[0]]:
        changes = [*changes[1:], changes[0]]
    return [(first, (end - first) % n) for first, end in zip(changes[::2], changes[1::2], strict=True)]
