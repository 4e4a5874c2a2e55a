"""Specks of dust and flakes on the outline, told from the ball's form by their size and their shape.

Neighbours: `outline` asks for them between two fits of the edge; `MeasureLimits` holds the sizes
beyond which a deviation is form, whatever it looks like: necks, flats and torn poles must stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from vision.metrology.polar import (
    box_mean,
    fill_line,
    fit_harmonics,
    median,
    quantile,
    runs,
    solve_normal,
    spread,
)
from vision.metrology.types import BoolArray, Float64Array
from vision.types import UInt8Array

IntArray = npt.NDArray[np.int64]

#: A speck stands out by this many standard deviations of a ray, and by this many pixels.
_LEAST_SD, _LEAST_PX = 4.5, 0.12
#: A low quantile of normal values' sizes, which specks do not reach, and the standard deviation over it.
_LOW_SHARE, _LOW_TO_SD = 0.35, 2.204
#: A dip's flank at its steepest, px per px: a flat so short that it may be a speck has at most 0.14.
_DIP_SLOPE = 0.25
#: A bump's height over half its width; less is a long, gentle form.
_BUMP_SLOPE = 0.04
#: Least share of a speck's height that an opening takes away.
_HAT_SHARE = 0.5
#: Share of the least height that a speck shows at first sight.
_QUICK_SHARE = 0.75
#: Where two specks meet the outline comes back to less than this share of the lower one's height.
_VALLEY_SHARE = 0.4
#: Rays on each side that a candidate's surroundings are taken from, share of the arc of the largest speck.
_SIDE_SHARE, _SIDE_MIN = 0.5, 12


@dataclass(frozen=True, slots=True, eq=False)
class Specks:
    """Rays that a speck hides, and the largest deviation among them, px."""

    hidden: BoolArray
    largest_px: float


@dataclass(frozen=True, slots=True)
class SpeckSize:
    """What a speck may be, in rays and px, and what tells it from noise.

    Attributes:
        arc_rays: longer deviations are form.
        height_px: higher ones are form.
        least_px: lower ones are noise.
        sigma_px: blur of the edge: it smears a speck's feet and rounds corners.
        ray_px: arc from ray to ray.
    """

    arc_rays: int
    height_px: float
    least_px: float
    sigma_px: float
    ray_px: float

    @property
    def foot_rays(self) -> int:
        """Rays beside a speck in which the outline is back on its way for certain."""
        return int(np.ceil((2.0 * self.sigma_px + 1.0) / self.ray_px))

    @property
    def hem_rays(self) -> int:
        """Rays beside a speck that its blur still moves by more than a few hundredths of a pixel."""
        return int(np.ceil((1.5 * self.sigma_px + 0.7) / self.ray_px))

    @property
    def longest_rays(self) -> int:
        """Rays of the longest speck as its blur shows it."""
        return self.arc_rays + round(2.0 * self.sigma_px / self.ray_px)


def speck_size(
    radius_px: float, rays: int, noise_px: float, sigma_px: float, arc_share: float, height_share: float
) -> SpeckSize:
    """Limits for one outline; `arc_share` of the circumference, `height_share` of the diameter."""
    return SpeckSize(
        arc_rays=max(3, 2 * int(arc_share * rays / 2.0) + 1),
        height_px=height_share * 2.0 * radius_px,
        least_px=max(_LEAST_SD * noise_px, _LEAST_PX),
        sigma_px=sigma_px,
        ray_px=2.0 * np.pi * radius_px / rays,
    )


def find_specks(radius: Float64Array, known: BoolArray, noise_px: float, size: SpeckSize) -> Specks:
    """Short, low deviations from the outline around them.

    Candidates are what an opening or a closing over the largest arc takes away. A candidate is a
    speck where it departs from a cubic through both of its sides and comes back to it; gentle waves and
    flats, and what an opening takes little of (corners, steps), are form.

    Args:
        radius: (N,) px.
        known: (N,) rays with an edge.
        noise_px: standard deviation of one radius.
        size: what a speck may be.
    """
    n = len(radius)
    hidden = np.zeros(n, np.bool_)
    filled = fill_line(radius, known)
    # Against a mean over the largest arc a speck stands out by half its height at least.
    if np.abs(filled - box_mean(filled, size.arc_rays // 2)).max() < _QUICK_SHARE * size.least_px:
        return Specks(hidden, 0.0)
    taken = _top_hat(filled, size.arc_rays, noise_px)
    if taken.max() <= size.least_px:
        return Specks(hidden, 0.0)
    # Beside a bump on a slope the opening takes the slope too: without the low harmonics it does not.
    flat = filled - _low_form(filled, known)
    # A rough ball's own form is no dust: what stands out must do so from that too.
    rough_px = _roughness(flat, known, size)
    if rough_px > noise_px:
        noise_px, size = rough_px, replace(size, least_px=max(_LEAST_SD * rough_px, size.least_px))
    candidate = spread(_top_hat(flat, size.arc_rays, noise_px) > size.least_px, size.foot_rays)
    largest = 0.0
    for first, count in runs(candidate):
        rays, inner, free = _surroundings(candidate, first, count, size)
        if not len(rays):
            continue
        height = _height(flat[rays], inner, free, size.least_px)
        loud = np.abs(height) > size.least_px
        for start, part in _split(height, _parts(loud), size.longest_rays):
            here = height[start : start + part]
            highest = int(np.argmax(np.abs(here)))
            top = abs(float(here[highest]))
            if part > size.longest_rays or top > size.height_px:
                continue
            # A speck stands between two feet where the outline is back on its way.
            if start == 0 or start + part == count:
                continue
            # What an opening takes away much less of is the cubic's fault: a step or a corner.
            if taken[(first + start + highest) % n] < _HAT_SHARE * top - 0.5 * size.least_px:
                continue
            if _is_form(flat[rays], int(np.argmax(inner)) + start, here, size):
                continue
            around = np.arange(start - size.hem_rays, start + part + size.hem_rays)
            hidden[(first + around) % n] = True
            largest = max(largest, top)
    return Specks(hidden, largest)


def _roughness(flat: Float64Array, known: BoolArray, size: SpeckSize) -> float:
    """Standard deviation of the outline about its own mean over the largest speck's arc, px.

    What lies far off the low harmonics (specks, a neck) is left out, or it would pass for roughness.
    """
    off = np.abs(flat)
    calm = known & (off < 3.0 * _LOW_TO_SD * quantile(off[known], _LOW_SHARE))
    weight = calm + 1e-9
    half = size.arc_rays // 2
    local = flat - box_mean(flat * weight, half) / box_mean(weight, half)
    return _LOW_TO_SD * quantile(np.abs(local[calm]), _LOW_SHARE)


def _low_form(radius: Float64Array, known: BoolArray) -> Float64Array:
    """(N,) the outline's low harmonics, fitted to what is not far off them."""
    fitted = fit_harmonics(radius, known, 2)
    before, fitted_order = known, 2
    for order in (4, 6, 6):
        off = np.abs(radius - fitted)
        near = known & (off <= max(3.0 * median(off[known]), 0.05))
        if order == fitted_order and (near == before).all():
            break
        fitted = fit_harmonics(radius, near, order, 1e-4)
        before, fitted_order = near, order
    return fitted


def _top_hat(radius: Float64Array, length: int, noise_px: float) -> Float64Array:
    """(N,) how far each radius is above an opening or below a closing over `length` rays."""
    turned = np.concatenate([radius[-length:], radius, radius[:length]])[None, :]
    kernel = _line(length)
    opened = cv2.dilate(cv2.erode(turned, kernel), kernel)[0, length:-length]
    closed = cv2.erode(cv2.dilate(turned, kernel), kernel)[0, length:-length]
    # The extremes over many rays lie beyond the outline by the noise's own extremes.
    reach = noise_px * np.sqrt(2.0 * np.log(max(length, 2)))
    return np.asarray(np.maximum(radius - opened, closed - radius) - reach, np.float64)


@lru_cache(maxsize=64)
def _line(length: int) -> UInt8Array:
    """(1, length) ones: what an opening over so many rays looks through."""
    return np.ones((1, length), np.uint8)


def _surroundings(
    candidate: BoolArray, first: int, count: int, size: SpeckSize
) -> tuple[IntArray, BoolArray, BoolArray]:
    """Rays of a candidate and of both sides of it: numbers, which are the candidate, which are free.

    Each side reaches out until it holds enough rays that are in no candidate, within a fifth of a turn;
    empty when there are too few.
    """
    n = len(candidate)
    want = max(_SIDE_MIN, int(_SIDE_SHARE * size.arc_rays), min(count // 2, n // 12))
    reach = min(n // 5, (n - count) // 2)
    before = np.nonzero(~candidate[(first - 1 - np.arange(reach)) % n])[0][:want]
    after = np.nonzero(~candidate[(first + count + np.arange(reach)) % n])[0][:want]
    if min(len(before), len(after)) < _SIDE_MIN // 2:
        return np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0, np.bool_)
    numbers = np.arange(-int(before[-1]) - 1, count + int(after[-1]) + 1)
    rays = (first + numbers) % n
    inner = (numbers >= 0) & (numbers < count)
    return rays, inner, ~candidate[rays] & ~inner


def _height(values: Float64Array, inner: BoolArray, free: BoolArray, least_px: float) -> Float64Array:
    """Deviation of a candidate from a cubic through its sides, and through what of it lies near that."""
    powers = _powers(len(values))
    use = free
    off = values - _cubic(powers, values, use)
    for _ in range(2):
        near = free | (inner & (np.abs(off) < 0.5 * least_px))
        if (near == use).all():
            break
        use = near
        off = values - _cubic(powers, values, use)
    return off[inner]


@lru_cache(maxsize=256)
def _powers(count: int) -> Float64Array:
    """(4, count): 1, x, x^2, x^3 for x from -1 to 1, read only."""
    x = np.linspace(-1.0, 1.0, count)
    powers = np.stack([np.ones(count), x, x * x, x * x * x])
    powers.flags.writeable = False
    return powers


def _cubic(powers: Float64Array, values: Float64Array, use: BoolArray) -> Float64Array:
    """(N,) the cubic through the used values, by its normal equations: four powers over -1..1 allow that."""
    rows = powers * use
    return np.asarray(solve_normal(rows @ powers.T, rows @ values) @ powers, np.float64)


def _parts(loud: BoolArray) -> list[tuple[int, int]]:
    """(first, count) of the runs of True in a line; a single False does not part them."""
    at = np.nonzero(loud)[0]
    if not len(at):
        return []
    breaks = np.nonzero(np.diff(at) > 2)[0]
    firsts = np.concatenate([at[:1], at[breaks + 1]])
    lasts = np.concatenate([at[breaks], at[-1:]])
    return [(int(a), int(b - a) + 1) for a, b in zip(firsts, lasts, strict=True)]


def _split(height: Float64Array, parts: list[tuple[int, int]], longest: int) -> list[tuple[int, int]]:
    """The parts, those that are too long for one speck parted where two specks meet: in a deep valley."""
    done: list[tuple[int, int]] = []
    todo = list(parts)
    while todo:
        start, count = todo.pop()
        size = np.abs(height[start : start + count])
        if count > longest:
            # The lower of the tops to both sides of each place, over its own height.
            lower = np.minimum(np.maximum.accumulate(size), np.maximum.accumulate(size[::-1])[::-1])
            at = int(np.argmin(size / lower))
            if size[at] < _VALLEY_SHARE * lower[at] and 0 < at < count - 1:
                todo += [(start, at), (start + at, count - at)]
                continue
        done.append((start, count))
    return done


def _is_form(values: Float64Array, at: int, height: Float64Array, size: SpeckSize) -> bool:
    """Whether a deviation that is small enough for a speck is too gentle for one: a flat, a wave."""
    if float(height.max()) > -float(height.min()):
        return float(height.max()) < _BUMP_SLOPE * 0.5 * len(height) * size.ray_px
    rise = np.abs(values[4:] - values[:-4])[max(0, at - 4) : at + len(height)]
    return not len(rise) or float(rise.max()) < _DIP_SLOPE * 4.0 * size.ray_px
