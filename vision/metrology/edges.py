"""The edge on each ray at sub-pixel: a step blurred by a Gaussian, fitted with known blur and levels.

Neighbours: `rough` says where the edge is to about a pixel, `outline` runs both. One blur is
fitted for the whole outline; with it, and with levels that are smooth along the angle, one
number per ray is left: where the step lies. Its least-squares estimate reaches the noise bound:
with pixel noise n and a step A the standard deviation per pixel of arc is
n / A * sqrt(2 sigma sqrt(pi)) (inverse of the Fisher information of a shifted Gaussian step).

Gauss-Newton steps are taken with weights from a table over step places, so that a step costs
two look-ups and one sum per ray.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vision.metrology.polar import box_mean, median
from vision.metrology.types import BoolArray, Float64Array
from vision.types import Float32Array

IntArray = npt.NDArray[np.int64]

#: The table's spacing in step places, px, and in the blur's widening, ratio.
_PLACE_STEP_PX, _WIDEN_STEP = 1.0 / 12.0, 1.15
#: Blurs for which tables are made lie on a grid of this ratio: 1 % of blur moves no edge.
_SIGMA_STEP = 1.02
#: Levels are taken from this many blurs (and some pixels) off the edge, outwards to the window's end.
_LEVEL_FROM_SIGMA, _LEVEL_FROM_PX = 2.8, 0.7
#: Widest blur along a ray, over the blur across the edge (a ray may leave a stub at a flat angle).
_WIDEST = 3.0
#: Fits with a known motion, until the blur without it has settled.
_MOTION_STEPS = 4
#: One fit will do for a first look where the rough edge was near, and its blur right to this share.
_NEAR_BLUR = 0.15
#: Square of the outline's slope along the turn from which that matters.
_STEEP = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The edge on each of N rays.

    Attributes:
        radius_px: (N,) distance of the step from the centre.
        inside, outside: (N,) levels beside the edge, smoothed along the angle.
        sharpness: (N,) steepness over that of a step from inside to outside with the common blur; about 1
            on a clean edge, small on shading and where nothing is to be seen.
        sigma_px: the common blur across the edge.
    """

    radius_px: Float64Array
    inside: Float64Array
    outside: Float64Array
    sharpness: Float64Array
    sigma_px: float


@lru_cache(maxsize=1)
def _normal_table() -> tuple[Float64Array, Float64Array]:
    """Normal distribution on a fine grid: arguments and values."""
    z = np.linspace(-6.0, 6.0, 6145)
    return z, np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in z])


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Models and weights by class of step place and of blur; the place's index runs fastest.

    For levels from 0 inside to 1 outside: `place_constant` minus their sum with the weights `place`
    (classes, K) is where the step lies; their sum with `slope` (classes, K) is their steepness over the
    model's. The weights of `slope` add up to nil, those of `place` to `place_sum`.
    """

    first_px: float
    places: int
    place: Float32Array
    place_sum: Float32Array
    place_constant: Float32Array
    slope: Float32Array

    def classes(self, offset_px: Float64Array, widening: IntArray | None) -> IntArray:
        # Offsets lie within the table's reach: rounding down half a step further is rounding.
        classes = ((offset_px - self.first_px) * (1.0 / _PLACE_STEP_PX) + 0.5).astype(np.int64)
        np.minimum(classes, self.places - 1, out=classes)
        return classes if widening is None else classes + widening * self.places


def grid_sigma(sigma_px: float) -> float:
    """The nearest blur on the tables' grid."""
    return _SIGMA_STEP ** round(math.log(sigma_px) / math.log(_SIGMA_STEP))


@lru_cache(maxsize=128)
def window_offsets(half: int, step_px: float) -> Float64Array:
    """(2 half + 1,) places of a window's samples, px from its middle, read only."""
    offsets_px = np.asarray(step_px * np.arange(-half, half + 1), np.float64)
    offsets_px.flags.writeable = False
    return offsets_px


@lru_cache(maxsize=128)
def _table(half_window: int, step_px: float, sigma_px: float, reach_px: float, widenings: int) -> _Table:
    """Tables are kept: a camera's blur hardly changes from picture to picture."""
    offsets_px = window_offsets(half_window, step_px)
    half = round(reach_px / _PLACE_STEP_PX)
    place = np.arange(-half, half + 1) * _PLACE_STEP_PX
    sigma = sigma_px * _WIDEN_STEP ** np.arange(widenings)
    z = (offsets_px[None, None, :] - place[None, :, None]) / sigma[:, None, None]
    z = z.reshape(-1, len(offsets_px))
    model = np.interp(z, *_normal_table())
    bell = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    per_class = np.repeat(sigma, len(place))[:, None]
    weight = per_class * bell / np.maximum((bell * bell).sum(axis=1), 1e-9)[:, None]
    tilt = z * bell
    tilt -= tilt.mean(axis=1)[:, None]
    tilt /= np.maximum((tilt * model).sum(axis=1), 1e-9)[:, None]
    return _Table(
        first_px=float(place[0]),
        places=len(place),
        place=weight.astype(np.float32),
        place_sum=weight.sum(axis=1).astype(np.float32),
        place_constant=((weight * model).sum(axis=1) + np.tile(place, widenings)).astype(np.float32),
        slope=tilt.astype(np.float32),
    )


class EdgeWindow:
    """Grey levels in a window about the rough edge, and the fit of the step in it.

    Args:
        levels: (N, K) float32, K odd, ball darker than background; from inside to outside.
        start_px: (N,) distance of the window's middle from the centre.
        step_px: distance of the samples.
        sigma_px: first guess of the blur.
        motion_px2: (N,) variance that a known motion adds along each ray, or None.
    """

    def __init__(
        self,
        levels: Float32Array,
        start_px: Float64Array,
        step_px: float,
        sigma_px: float,
        motion_px2: Float64Array | None = None,
    ) -> None:
        self._levels = levels
        self._start = start_px
        self._step_px = step_px
        self._half = levels.shape[1] // 2
        self._sigma = sigma_px
        self._motion = motion_px2
        end = self._half * step_px
        # Steps are looked for where the window still holds most of their slope; on the tables' grid.
        self._reach = round(end - min(2.0 * sigma_px, 0.5 * end), 1)
        self._middles = np.abs(window_offsets(self._half, step_px)[:-1] + 0.5 * step_px).astype(np.float32)

    @property
    def levels(self) -> Float32Array:
        """(N, K) grey levels."""
        return self._levels

    @property
    def start_px(self) -> Float64Array:
        """(N,) distance of offset 0 from the centre."""
        return self._start

    @property
    def offsets_px(self) -> Float64Array:
        """(K,) places of the samples relative to `start_px`."""
        return window_offsets(self._half, self._step_px)

    def first(self, use: BoolArray, *, near: bool = False) -> Edges:
        """Edges and the common blur.

        `use`: rays that show an edge; `near`: they do so within a fraction of a blur from the window's
        middle, else the fit starts from the half-level crossings.
        """
        inside, outside = self._side_levels(use, 6 if near else 2)
        offset = np.zeros(len(inside)) if near else self._crossings(0.5 * (inside + outside))
        offset, sharpness = self._fit(inside, outside, offset, None)
        before = self._sigma
        self._sharpen(sharpness, use)
        if not near or abs(self._sigma / before - 1.0) > _NEAR_BLUR:
            offset, sharpness = self._fit(inside, outside, offset, None)
            self._sharpen(sharpness, use)
        return Edges(self._start + offset, inside, outside, sharpness, self._sigma)

    def again(self, before: Edges, use: BoolArray, *, near: bool = False) -> Edges:
        """The fit once more: levels from the used rays only, blur widened where the outline is steep.

        `near`: as for `first`, whose levels then hold where all rays are used.
        """
        inside, outside = before.inside, before.outside
        if not (near and use.all()):
            inside, outside = self._side_levels(use, 6)
        offset, sharpness = before.radius_px - self._start, before.sharpness
        # The first fit took the mean motion for blur: that is undone step by step.
        for _ in range(1 if self._motion is None else _MOTION_STEPS):
            offset, sharpness = self._fit(inside, outside, offset, self._widening(before, use))
            self._sharpen(sharpness, use)
        return Edges(self._start + offset, inside, outside, sharpness, self._sigma)

    def clipped_share(self, level: int, *, outside: bool) -> float:
        """Share of the samples that are clipped on the side of the edge that was bright in the picture.

        `level`: grey level from which the camera clips. For a ball that was brighter than its background
        the window holds the inverted picture, and its inside is what can be clipped.
        """
        count = self._side_count()
        side = self._levels[:, -count:] >= level if outside else self._levels[:, :count] <= 255 - level
        return float(np.count_nonzero(side)) / side.size

    def _side_count(self) -> int:
        """Samples at each end of the window that lie off the edge."""
        away = _LEVEL_FROM_SIGMA * self._sigma + _LEVEL_FROM_PX
        return int(max(2, self._half - math.ceil(away / self._step_px) + 1))

    def _side_levels(self, use: BoolArray, half: int) -> tuple[Float64Array, Float64Array]:
        """(N,) levels inside and outside, means over 2 `half` + 1 rays of those that are used."""
        count = self._side_count()
        ends = np.zeros((self._levels.shape[1], 2), np.float32)
        ends[:count, 0] = ends[-count:, 1] = 1.0 / count
        sides = np.asarray(self._levels @ ends, np.float64)
        if use.all():
            sides = box_mean(sides, half)
        else:
            weight = (use + 1e-6)[:, None]
            sides = box_mean(sides * weight, half) / box_mean(weight, half)
        return sides[:, 0], sides[:, 1]

    def _crossings(self, middle: Float64Array) -> Float64Array:
        """(N,) fall through the level `middle` that lies nearest to the window's middle, px from there."""
        # The rough edge is right to about a blur: the ends of the window need no look.
        skip = self._half // 3
        levels = self._levels[:, skip:-skip] if skip else self._levels
        low = levels < middle.astype(np.float32)[:, None]
        middles = self._middles[skip : len(self._middles) - skip]
        last = np.argmin(np.where(low[:, :-1] > low[:, 1:], middles, np.float32(np.inf)), axis=1)
        row = np.arange(len(last))
        at, after = levels[row, last], levels[row, last + 1]
        part = np.clip((middle - at) / np.maximum(after - at, 1e-3), 0.0, 1.0)
        last += skip
        place = (last - self._half + part) * self._step_px
        return np.asarray(np.clip(place, -self._reach, self._reach), np.float64)

    def _fit(
        self, inside: Float64Array, outside: Float64Array, offset: Float64Array, widening: IntArray | None
    ) -> tuple[Float64Array, Float64Array]:
        """One Gauss-Newton step: (N,) new places, and sharpness at the old ones."""
        widenings = 1 if widening is None else int(widening.max()) + 1
        sigma = grid_sigma(self._sigma)
        table = _table(self._half, self._step_px, sigma, self._reach, widenings)
        classes = table.classes(offset, widening)
        scale = 1.0 / np.maximum(outside - inside, 1.0)
        # `take` copies rows in half the time that an index in brackets needs.
        weighed = np.einsum("ik,ik->i", table.place.take(classes, axis=0), self._levels)
        weighed -= inside * table.place_sum.take(classes)
        found = table.place_constant.take(classes) - weighed * scale
        sharpness = np.einsum("ik,ik->i", table.slope.take(classes, axis=0), self._levels) * scale
        if sigma != self._sigma:
            # Of a step whose blur is that of the fit, not that of the table.
            sharpness *= math.sqrt((1.0 + (self._sigma / sigma) ** 2) / 2.0)
        # Far from the step the weights mislead: no longer way than the window holds.
        return np.minimum(np.maximum(found, -self._reach), self._reach), sharpness

    def _sharpen(self, sharpness: Float64Array, use: BoolArray) -> None:
        """Correct the blur: an edge that is wider by f has the sharpness sqrt(2 / (1 + f^2))."""
        used = sharpness if use.all() else sharpness[use]
        if len(used):
            usual = max(median(used), 0.3)
            factor = math.sqrt(max(2.0 / usual**2 - 1.0, 0.1))
            self._sigma = min(max(self._sigma * min(max(factor, 0.6), 1.8), 0.35), 12.0)

    def _widening(self, before: Edges, use: BoolArray) -> IntArray | None:
        """(N,) class of the blur along each ray: motion, and rays that leave the outline at an angle."""
        n = len(before.radius_px)
        turned = np.concatenate([before.radius_px[-2:], before.radius_px, before.radius_px[:2]])
        steep = ((turned[4:] - turned[:-4]) * (n / (8.0 * np.pi)) / np.maximum(before.radius_px, 1.0)) ** 2
        if self._motion is None and not (steep > _STEEP).any():
            return None
        variance = np.where(use & (steep > _STEEP), np.minimum(steep, _WIDEST**2 - 1.0), 0.0) + 1.0
        if self._motion is not None:
            variance = variance * (1.0 + self._motion / self._sigma**2)
        return np.rint(0.5 * np.log(variance) / math.log(_WIDEN_STEP)).astype(np.int64)
