"""Edges of balls that are not evenly dark: light that grazes the rim makes it brighter than the body.

Neighbours: `outline` asks `rim_is_shaded` after the first fit of `edges` and, where it is, takes
the edges from `fit_shaded`. There the level inside is read beside the edge, on every ray for
itself, and not deep in the ball, and the blur from the outer half of the edge, which no shading
of the ball reaches. Where the rim is as bright as the background there is no edge to see: the
levels leave the background well outside of the steepest fall, and such rays are given up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vision.metrology.edges import Edges
from vision.metrology.polar import box_mean, median
from vision.metrology.types import BoolArray, Float64Array
from vision.types import Float32Array

IntArray = npt.NDArray[np.int64]

#: Where the level inside is read, in blurs from the edge; the blurred step still lacks _LACKING there.
_INSIDE_AT_SIGMA = 1.3
_LACKING = 0.5 * math.erfc(_INSIDE_AT_SIGMA / math.sqrt(2.0))
#: A rim is shaded when the usual level differs from that of a blurred step by this share of the contrast at
#: one of these places, in blurs from the edge.
_SHADED_SHARE, _LOOKED_AT = 0.04, np.array((-2.5, -1.8, -1.2, -0.6, 0.6, 1.2, 1.8))
#: Share of a blurred step that is reached there.
_LOOKED_SHARE = np.array([0.5 * math.erfc(-z / math.sqrt(2.0)) for z in _LOOKED_AT])
#: A level departs from the background by so many standard deviations of the picture's noise, or grey levels.
_DEPARTS_SD, _DEPARTS_GREY = 4.0, 5.0
#: A departure so far outside of where the edge would show it, px and blurs: the edge is not the ball's.
_LOST_PX, _LOST_SIGMA = 0.4, 0.5
#: So many such rays, share of all, make a picture a shaded one.
_LOST_SHARE = 0.2
#: No edge is sharper than pixels and bilinear interpolation make it: sqrt(1/12 + 1/6).
_SIGMA_MIN_PX = 0.5
#: Least step of an edge, share of the picture's usual one, and grey levels.
_STEP_SHARE, _STEP_GREY = 0.25, 20.0
#: Distance in rays at which the rim's texture is no longer alike.
_TEXTURE_RAYS = 3
#: Steps of the fit; the blur is corrected once, half way.
_ITERATIONS = 5
#: About so many rays tell whether a rim is shaded.
_LOOKED_RAYS = 120
#: Spacing of the step places that the fit is tabled at, px.
_PLACE_STEP_PX = 1.0 / 12.0


def rim_is_shaded(
    levels: Float32Array,
    offsets_px: Float64Array,
    place_px: Float64Array,
    edges: Edges,
    noise_sd: float,
    whole: BoolArray,
) -> bool:
    """Whether the rim is so bright that a step from the level deep in the ball does not fit it.

    Args:
        levels: (N, K) grey levels across the edge.
        offsets_px: (K,) places of the samples, evenly spaced.
        place_px: (N,) the fitted edges, on the scale of `offsets_px`.
        edges: the fit with even levels.
        noise_sd: of the picture, grey levels.
        whole: (N,) rays whose window lies in the picture; only they count.
    """
    few = np.nonzero(whole)[0]
    few = few[:: max(1, len(few) // _LOOKED_RAYS)]
    if not len(few):
        return False
    levels, place_px = levels.take(few, axis=0), place_px[few]
    inside, outside = edges.inside[few], edges.outside[few]
    step = outside - inside
    usual = max(median(step), 1.0)
    count = len(offsets_px)
    # One row per place looked at: numpy is quick along the last axis only.
    spacing = offsets_px[1] - offsets_px[0]
    nearest = (place_px - offsets_px[0]) / spacing + (_LOOKED_AT * (edges.sigma_px / spacing))[:, None]
    index = np.minimum(np.maximum(nearest, 0.0), count - 1.001).astype(np.int64)
    nearest -= index
    index += np.arange(0, len(levels) * count, count)
    flat = levels.ravel()
    level = flat.take(index)
    level += (flat.take(index + 1) - level) * nearest.astype(np.float32)
    off = level - (inside + step * _LOOKED_SHARE[:, None])
    middle = off.shape[1] // 2
    off.partition(middle, axis=1)
    if float(np.abs(off[:, middle]).max()) > _SHADED_SHARE * usual:
        return True
    # Rays lie too far apart here to be averaged.
    departs = max(_DEPARTS_SD * noise_sd, _DEPARTS_GREY)
    departure, _ = _departure(levels, offsets_px, outside, departs)
    far = departure - place_px > edges.sigma_px * (_reach_of(departs, step) + _LOST_SIGMA) + _LOST_PX
    return int(np.count_nonzero(far)) > _LOST_SHARE * len(far)


def texture_px(radius_px: Float64Array, seen: BoolArray) -> float:
    """Standard deviation of one radius by what differs from ray to ray: noise, and the rim's texture.

    From second differences over _TEXTURE_RAYS rays, whose variance is six times that of one value.
    """
    reach = _TEXTURE_RAYS
    turned = np.concatenate([radius_px[-reach:], radius_px, radius_px[:reach]])
    bend = np.abs(turned[: -2 * reach] + turned[2 * reach :] - 2.0 * radius_px)
    if not seen.all():
        both = np.concatenate([seen[-reach:], seen, seen[:reach]])
        use = seen & both[: -2 * reach] & both[2 * reach :]
        if not use.any():
            return 0.0
        bend = bend[use]
    return 1.4826 * median(bend) / math.sqrt(6.0)


def fit_shaded(
    levels: Float32Array,
    offsets_px: Float64Array,
    start_px: Float64Array,
    edges: Edges,
    noise_sd: float,
) -> tuple[Edges, BoolArray]:
    """Fit a step from the level beside the edge to the background on every ray.

    Args:
        levels: (N, K) grey levels across the edge, ball darker than background.
        offsets_px: (K,) places of the samples relative to `start_px`, evenly spaced.
        start_px: (N,) distance of offset 0 from the centre.
        edges: the fit with even levels: background and first blur are taken from it.
        noise_sd: of the picture, grey levels.

    Returns:
        The edges and (N,) whether the ray shows the ball's edge.
    """
    departs = max(_DEPARTS_SD * noise_sd / math.sqrt(3.0), _DEPARTS_GREY)
    strip = _Strip.of(levels, offsets_px)
    departure, found = _departure(_averaged(levels), offsets_px, edges.outside, departs)
    sigma = _outer_sigma(strip, departure)
    place = departure - 1.5 * sigma
    lacking = _LACKING * edges.outside
    inside = step = np.zeros_like(place)
    for number in range(_ITERATIONS):
        inside = _inside(strip, place, lacking, sigma)
        step = edges.outside - inside
        table = _table(strip.count, float(offsets_px[0]), float(offsets_px[-1]), sigma)
        index = table.classes(place)
        place = _moved(table, index, levels, place, inside, step, sigma)
        # Place and blur hang together: corrected again and again, both creep outwards along the shading.
        if number == _ITERATIONS // 2:
            clear = found & (step > _STEP_GREY)
            if clear.any():
                sigma = _corrected_blur(table, index, levels, inside, step, sigma, clear)
    usual = median(step[found]) if found.any() else 1.0
    clear = found & (step > max(_STEP_GREY, _STEP_SHARE * usual))
    lost = departure - place > sigma * (_reach_of(departs, step) + _LOST_SIGMA) + _LOST_PX
    radius = start_px + place
    return Edges(radius, inside, edges.outside, np.ones(len(radius)), sigma), clear & ~lost


@dataclass(frozen=True, slots=True, eq=False)
class _Strip:
    """The levels across the edge in one row, to be read at places between the samples.

    Attributes:
        flat: (N K,) the levels, ray by ray; first: (N,) where each ray begins in it.
        count: K samples of a ray; start_px, spacing_px: place of the first one, and from one to the next.
    """

    flat: Float32Array
    first: IntArray
    count: int
    start_px: float
    spacing_px: float

    @classmethod
    def of(cls, levels: Float32Array, offsets_px: Float64Array) -> _Strip:
        """From levels (N, K) at `offsets_px` (K,), evenly spaced."""
        count = len(offsets_px)
        start_px, spacing_px = float(offsets_px[0]), float(offsets_px[1] - offsets_px[0])
        return cls(levels.ravel(), np.arange(0, levels.size, count), count, start_px, spacing_px)

    def at(self, place_px: Float64Array) -> Float64Array:
        """(N,) level of each ray at a place; beyond the ends that of the end."""
        part = place_px - self.start_px
        part /= self.spacing_px
        np.maximum(part, 0.0, out=part)
        np.minimum(part, self.count - 1.001, out=part)
        index = part.astype(np.int64)
        part -= index
        index += self.first
        before = self.flat.take(index)
        index += 1
        part *= self.flat.take(index) - before
        part += before
        return part

    def around(self, middle: IntArray, reach: IntArray) -> Float32Array:
        """(N, M) levels of the samples `middle` (N,) + `reach` (M,), those beyond the ends as at the end."""
        index = middle[:, None] + reach
        np.maximum(index, 0, out=index)
        np.minimum(index, self.count - 1, out=index)
        index += self.first[:, None]
        return self.flat.take(index)


def _outer_sigma(strip: _Strip, departure_px: Float64Array) -> float:
    """The blur from the outer foot of the mean edge's slope, which shading inside does not reach.

    The slope of a blurred step rises from a fifth to three fifths of its peak within 0.783 blurs.
    """
    spacing = strip.spacing_px
    reach = max(4, strip.count // 3)
    middle = np.rint((departure_px - strip.start_px) / spacing).astype(np.int64)
    near = strip.around(middle, np.arange(-reach, reach // 2 + 1))
    # Levels are whole numbers: their sums are exact in single precision too.
    mean = (np.ones(len(near), np.float32) @ near).astype(np.float64) / len(near)
    slope = mean[1:] - mean[:-1]
    # From outside inwards, up to the peak: rising.
    inwards = np.maximum.accumulate(slope[::-1])
    peak = float(inwards[-1])
    if peak <= 0.0:
        return _SIGMA_MIN_PX
    foot, shoulder = np.interp([0.2 * peak, 0.6 * peak], inwards, np.arange(len(inwards)))
    width_px = float(shoulder - foot) * spacing / 0.783
    # Differences over one sample and the rounding to samples widen the mean edge.
    return _on_grid(math.sqrt(max(width_px**2 - spacing**2 / 6.0, _SIGMA_MIN_PX**2)))


def _departure(
    levels: Float32Array, offsets_px: Float64Array, outside: Float64Array, departs: float
) -> tuple[Float64Array, BoolArray]:
    """(N,) outermost place where the level leaves the background, and whether it does at all."""
    # From outside inwards.
    off = np.empty(levels.shape, np.float32)
    np.subtract(levels[:, ::-1], outside[:, None].astype(np.float32), out=off)
    np.abs(off, out=off)
    far = off > np.float32(departs)
    # The background's own level comes from the outer end.
    far[:, :3] = False
    first = far.argmax(axis=1)
    place = offsets_px[::-1].take(first)
    place += 0.5 * (offsets_px[1] - offsets_px[0])
    # Where no sample is far, the first one is named, and it is not.
    first += np.arange(0, far.size, far.shape[1])
    return place, far.ravel().take(first)


def _averaged(levels: Float32Array) -> Float32Array:
    """Running mean over three rays, round the turn."""
    total = levels.copy()
    total[1:] += levels[:-1]
    total[0] += levels[-1]
    total[:-1] += levels[1:]
    total[-1] += levels[0]
    total /= np.float32(3.0)
    return total


def _inside(strip: _Strip, place_px: Float64Array, lacking: Float64Array, sigma: float) -> Float64Array:
    """(N,) level of the ball beside its edge; what the blurred background adds there is taken off."""
    near = strip.at(place_px - _INSIDE_AT_SIGMA * sigma)
    near -= lacking
    near /= 1.0 - _LACKING
    return box_mean(near, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A blurred step at places _PLACE_STEP_PX apart: (P, K) weights, and (P,) sums that they make.

    `bell`: how the levels change as the step moves; `tilt`: as the blur grows, outer half only.
    `x_one`, `x_step`: sums of the weights x alone, and of x with the step from 0 to 1.
    """

    place_px: Float64Array
    bell: Float32Array
    bell_one: Float64Array
    bell_step: Float64Array
    bell_bell: Float64Array
    tilt: Float32Array
    tilt_one: Float64Array
    tilt_step: Float64Array
    tilt_tilt: Float64Array

    def classes(self, place_px: Float64Array) -> IntArray:
        """(N,) rows of the nearest places."""
        index = place_px - self.place_px[0]
        index /= _PLACE_STEP_PX
        np.rint(index, out=index)
        np.maximum(index, 0.0, out=index)
        np.minimum(index, len(self.place_px) - 1.0, out=index)
        return np.asarray(index, np.int64)


@lru_cache(maxsize=256)
def _table(count: int, first_px: float, last_px: float, sigma: float) -> _Table:
    """Tables are kept: a camera's blur hardly changes from picture to picture."""
    offsets_px = np.linspace(first_px, last_px, count)
    half = math.ceil(last_px / _PLACE_STEP_PX)
    place = np.arange(-half, half + 1) * _PLACE_STEP_PX
    z = (offsets_px[None, :] - place[:, None]) / sigma
    step = np.interp(z, *_NORMAL)
    bell = np.exp(-0.5 * z * z)
    tilt = np.where(z > 0.0, z * bell, 0.0)
    return _Table(
        place_px=np.asarray(place, np.float64),
        bell=bell.astype(np.float32),
        bell_one=bell.sum(axis=1),
        bell_step=(bell * step).sum(axis=1),
        bell_bell=(bell * bell).sum(axis=1),
        tilt=tilt.astype(np.float32),
        tilt_one=tilt.sum(axis=1),
        tilt_step=(tilt * step).sum(axis=1),
        tilt_tilt=(tilt * tilt).sum(axis=1),
    )


def _moved(
    table: _Table,
    index: IntArray,
    levels: Float32Array,
    place: Float64Array,
    inside: Float64Array,
    step: Float64Array,
    sigma: float,
) -> Float64Array:
    """One step for every place."""
    scale = step / (sigma * math.sqrt(2.0 * math.pi))
    # `take` copies rows in half the time that an index in brackets needs.
    rest = np.einsum("ij,ij->i", table.bell.take(index, axis=0), levels).astype(np.float64)
    rest -= inside * table.bell_one.take(index)
    rest -= step * table.bell_step.take(index)
    scale[np.abs(scale) <= 0.1] = 0.1
    scale *= table.bell_bell.take(index)
    rest /= scale
    moved = table.place_px.take(index)
    moved -= rest
    np.maximum(moved, place - 0.5, out=moved)
    np.minimum(moved, place + 0.5, out=moved)
    return moved


def _corrected_blur(
    table: _Table,
    index: IntArray,
    levels: Float32Array,
    inside: Float64Array,
    step: Float64Array,
    sigma: float,
    clear: BoolArray,
) -> float:
    """One step for the common blur, from the outer half of the clear edges."""
    tilted = np.einsum("ij,ij->i", table.tilt.take(index, axis=0), levels)
    tilted -= inside * table.tilt_one.take(index)
    tilted -= step * table.tilt_step.take(index)
    # Products with the mask are sums over the clear rays.
    scale = step / (sigma * math.sqrt(2.0 * math.pi)) * clear
    weight = float(scale * scale @ table.tilt_tilt.take(index)) * sigma
    widen = -float(tilted @ scale) / max(weight, 1e-9)
    return _on_grid(sigma * math.exp(min(max(widen, -0.4), 0.4)))


def _on_grid(sigma: float) -> float:
    """The nearest blur that tables are kept for; they are 2 % apart."""
    sigma = min(max(sigma, _SIGMA_MIN_PX), 12.0)
    return _SIGMA_MIN_PX * math.exp(0.02 * round(math.log(sigma / _SIGMA_MIN_PX) / 0.02))


def _normal_table() -> tuple[Float64Array, Float64Array]:
    grid = np.linspace(-5.0, 5.0, 1025)
    return grid, np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in grid])


_NORMAL = _normal_table()


def _reach_of(departs: float, step: Float64Array) -> Float64Array:
    """(N,) how many blurs outside of an edge of this step its level still departs."""
    share = np.maximum(departs / np.maximum(np.abs(step), 2.0 * departs), 1e-4)
    grid, values = _NORMAL
    return np.asarray(-np.interp(share, values, grid), np.float64)
