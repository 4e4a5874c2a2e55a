"""Where the edge is on each ray, to about a pixel: the outermost fall from background to ball.

Neighbours: `outline` calls `rough_edges` first and `edges` refines what it returns. The
picture is upright here: the ball is darker than its background.

A ball's rim may be darker than the ball or, by grazing light, brighter than the background, so
the edge is where the level first departs from the local background, coming from outside. The
background is a smooth function of the angle, because light is uneven. What lies apart from the
ball (a neighbour, a mark, a floating speck) is told from it by the background between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vision.metrology.polar import (
    BILINEAR_NOISE,
    border_distance,
    circle_inside,
    even_rays,
    fill_line,
    fit_harmonics,
    median,
    quantile,
    sample,
)
from vision.metrology.types import BoolArray, Float64Array, Refusal, Refused
from vision.types import Float32Array, UInt8Array

IntArray = npt.NDArray[np.int64]

#: Rays reach from this share of the expected radius, to this share plus some pixels.
_INNER_SHARE, _OUTER_SHARE, _OUTER_PX = 0.7, 1.2, 10.0
#: Rays lie about this far apart at the edge, px; their samples at least 1 px, and this share of the radius.
_RAY_PX, _STEP_SHARE = 5.0, 0.01
#: Samples further apart than this, px, are followed by a closer look.
_CLOSE_PX = 2.0
#: Share of the rays that must find an edge.
_FOUND_MIN = 1.0 / 3.0
#: Samples at the outer end of a ray that give the background's level.
_OUTSIDE_SAMPLES = 6
#: Rays that must end on the background.
_OUTSIDE_RAYS_MIN = 8
#: A departure from the background: noise (of a bilinear sample, standard deviations), share of the
#: contrast, grey levels; the largest of the three.
_DEPARTS_SD, _DEPARTS_SHARE, _DEPARTS_GREY = 6.5, 0.1, 4.0
#: Between the ball and what floats off it the level comes back to within this share of the contrast.
_GAP_SHARE = 0.4
#: Outer levels further than this share from the usual one are not the background.
_UNEVEN_SHARE = 0.35


#: The short way: how far it looks to both sides of the circle, px, and samples at each end that give levels.
_PLAIN_REACH_PX, _PLAIN_ENDS_SAMPLES = 11, 4
#: It asks the edge to lie this far from the window's ends, px, and the blur, the largest radius (px), the
#: unevenness of the background and the noise (shares of the contrast) to be no more than these.
_PLAIN_MARGIN, _PLAIN_SIGMA_MAX_PX, _PLAIN_RADIUS_MAX_PX = 7, 1.8, 400.0
_PLAIN_UNEVEN, _PLAIN_NOISE = 0.1, 0.25
_PLAIN_ENDS = np.zeros((2 * _PLAIN_REACH_PX + 1, 2), np.float32)
_PLAIN_ENDS[:_PLAIN_ENDS_SAMPLES, 0] = _PLAIN_ENDS[-_PLAIN_ENDS_SAMPLES:, 1] = 1.0 / _PLAIN_ENDS_SAMPLES
_ALL_RAYS = np.ones(360, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Rough:
    """Rough edges; rays at angles 2 pi i / len(radius_px).

    Attributes:
        radius_px: (n,) distance of the steepest fall from the centre; filled in where not found.
        found: (n,) bool: an edge with background outside it.
        background: (n,) level of the background.
        contrast: background minus the level of the ball's outer part, grey levels.
        sigma_px: standard deviation of the edge's blur, rough.
        noise_sd: noise of one pixel of the background, grey levels, rough.
    """

    radius_px: Float64Array
    found: BoolArray
    background: Float64Array
    contrast: float
    sigma_px: float
    noise_sd: float


def plain_edges(
    grey: UInt8Array, centre_xy_px: tuple[float, float], radius_px: float, contrast_min: float
) -> Rough | None:
    """The short way for a clean picture: one fall from background to ball on every ray, near the circle.

    Args:
        grey: (H, W) uint8, ball darker than background.
        centre_xy_px, radius_px: where the ball is.
        contrast_min: least step from ball to background.

    Returns:
        What `rough_edges` finds there; None when any ray shows more than one step, or none, or the
        background is uneven, or the ball is too large for the short way.
    """
    if radius_px > _PLAIN_RADIUS_MAX_PX:
        return None
    if not circle_inside(grey.shape, centre_xy_px, radius_px + _PLAIN_REACH_PX):
        return None
    n = even_rays(2.0 * np.pi * radius_px / _RAY_PX, 144, 240)
    offsets = np.arange(-_PLAIN_REACH_PX, _PLAIN_REACH_PX + 1.0)
    levels = sample(grey, centre_xy_px, radius_px, offsets, n).astype(np.float32)
    ends = levels @ _PLAIN_ENDS
    inside, outside = ends[:, 0], ends[:, 1]
    contrast = median(outside - inside)
    if contrast < contrast_min:
        return None
    background = fit_harmonics(outside, _ALL_RAYS[:n], 2)
    if np.abs(outside - background).max() > _PLAIN_UNEVEN * contrast:
        return None
    middle = 0.5 * (inside + outside)
    low = levels < middle[:, None]
    last = np.count_nonzero(low, axis=1) - 1
    # Low samples come first on every ray: one fall, and not near the window's ends.
    if last.min() < _PLAIN_MARGIN or last.max() > len(offsets) - 2 - _PLAIN_MARGIN:
        return None
    if np.count_nonzero(low[:, 1:] > low[:, :-1]):
        return None
    flat, at = levels.ravel(), last + np.arange(0, levels.size, len(offsets))
    before, after = flat.take(at), flat.take(at + 1)
    rise = after - before
    radius = radius_px + offsets.take(last) + (middle - before) / np.maximum(rise, 1e-3)
    slope = median(rise)
    off = levels[:, -_PLAIN_ENDS_SAMPLES:] - outside[:, None]
    off *= off
    noise = float(np.sqrt(off.sum() / off.size * _PLAIN_ENDS_SAMPLES / (_PLAIN_ENDS_SAMPLES - 1.0)))
    sigma = contrast / max(slope, 1.0) / math.sqrt(2.0 * math.pi)
    if sigma > _PLAIN_SIGMA_MAX_PX or _DEPARTS_SD * noise > _PLAIN_NOISE * contrast:
        return None
    radii = radius.astype(np.float64)
    return Rough(radii, _ALL_RAYS[:n], background, contrast, max(sigma, 0.5), noise / BILINEAR_NOISE)


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    """Grey levels along the rays: (n, K), which samples are inside the picture, and where they lie."""

    levels: Float32Array
    valid: BoolArray | None
    reach_px: Float64Array
    step_px: float


def rough_edges(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    radius_px: float,
    background_level: float | None,
    contrast_min: float,
) -> Rough | Refused:
    """Find the edge to about a pixel.

    Args:
        grey: (H, W) uint8, ball darker than background.
        centre_xy_px, radius_px: where the ball is, right to about a tenth of its radius.
        background_level: 0..255 where known.
        contrast_min: least step from ball to background.

    Returns:
        The edges, or why there are none.
    """
    n = even_rays(2.0 * np.pi * radius_px / _RAY_PX, 144, 360)
    step = max(1.0, _STEP_SHARE * radius_px)
    outer = _OUTER_SHARE * radius_px + _OUTER_PX
    reach = np.arange(_INNER_SHARE * radius_px, outer + step, step)
    rays = _take(grey, centre_xy_px, None, reach, step, n)
    background = _background(rays, background_level)
    if background is None:
        return Refused(Refusal.NO_BALL, "no background is to be seen around the place")
    body = rays.levels[:, : max(3, int(0.2 * radius_px / step))]
    contrast = median(background - body.sum(axis=1) / body.shape[1])
    if contrast < contrast_min:
        return Refused(Refusal.CONTRAST, f"contrast {contrast:.0f} grey levels, limit {contrast_min:.0f}")
    noise = _noise(rays)
    departs = max(_DEPARTS_SD * noise, _DEPARTS_SHARE * contrast, _DEPARTS_GREY)
    radius, found = _departures(rays, background, departs, contrast, radius_px)
    if step > _CLOSE_PX and found.any():
        start = fill_line(radius, found)
        offsets = np.arange(-3.0 * step - 4.0, 3.0 * step + 8.0)
        rays = _take(grey, centre_xy_px, start, offsets, 1.0, n)
        radius, near = _departures(rays, background, departs, contrast, None)
        found &= near
    share = np.count_nonzero(found) / n
    if share < _FOUND_MIN:
        return Refused(
            Refusal.NO_BALL, f"an edge on {share:.0%} of the rays only, {_FOUND_MIN:.0%} is the least"
        )
    radius = fill_line(radius, found)
    # A single ray that jumps is noise; what is real spans several.
    turned = np.concatenate([radius[-1:], radius, radius[:1]])
    before, after = turned[:-2], turned[2:]
    radius = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), radius))
    sigma, shift = _blur(rays, background, radius, found)
    return Rough(radius + shift, found, background, contrast, sigma, noise / BILINEAR_NOISE)


def _take(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    start: Float64Array | None,
    offsets: Float64Array,
    step: float,
    n: int,
) -> _Rays:
    """Levels at distances `offsets` (K,) from the centre, or from `start` (n,) on each ray."""
    levels = sample(grey, centre_xy_px, 0.0 if start is None else start, offsets, n).astype(np.float32)
    reach = offsets if start is None else start[:, None] + offsets
    valid = None
    if not circle_inside(grey.shape, centre_xy_px, float(reach.max())):
        valid = np.asarray(reach <= border_distance(grey.shape, centre_xy_px, n)[:, None])
    return _Rays(levels, valid, reach, step)


def _background(rays: _Rays, background_level: float | None) -> Float64Array | None:
    """(n,): the background's level as a smooth function of the angle; None where there is none."""
    levels = rays.levels
    if rays.valid is None:
        outer = levels[:, -_OUTSIDE_SAMPLES:].sum(axis=1, dtype=np.float64) / _OUTSIDE_SAMPLES
        use = np.ones(len(outer), np.bool_)
    else:
        count = rays.valid.sum(axis=1)
        use = count >= _OUTSIDE_SAMPLES
        last = np.maximum(count, _OUTSIDE_SAMPLES)[:, None] - 1 - np.arange(_OUTSIDE_SAMPLES)
        outer = np.take_along_axis(levels, last, axis=1).mean(axis=1).astype(np.float64)
    if not use.any():
        return None
    # In a narrow picture many rays end on the ball: the brighter ones end on the background.
    usual = background_level if background_level is not None else quantile(outer[use], 0.7)
    use &= np.abs(outer - usual) < _UNEVEN_SHARE * max(usual, 1.0)
    if np.count_nonzero(use) < _OUTSIDE_RAYS_MIN:
        return None
    fitted = fit_harmonics(outer, use, 2)
    for _ in range(2):
        off = np.abs(outer - fitted)
        near = use & (off <= max(4.5 * median(off[use]), 0.03 * usual))
        if np.count_nonzero(near) == np.count_nonzero(use):
            break
        fitted = fit_harmonics(outer, near, 2)
    return fitted


def _noise(rays: _Rays) -> float:
    """Noise of one bilinear sample of the background, grey levels."""
    keep = max(6, rays.levels.shape[1] // 6)
    ends = rays.levels[:, -keep:]
    step = np.abs(ends[:, 2:] - ends[:, :-2])
    if rays.valid is not None:
        step = step[rays.valid[:, -keep:][:, 2:]]
        if step.size < 100:
            step = np.abs(rays.levels[:, 2:] - rays.levels[:, :-2])[rays.valid[:, 2:]]
    usual = float(step.mean())
    for _ in range(2):
        usual = float(np.minimum(step, np.float32(2.5 * usual)).mean())
    # The mean of |difference of two normal values|, cut at 2.5 times itself, is 1.09 sd.
    return usual / 1.09


def _departures(
    rays: _Rays, background: Float64Array, departs: float, contrast: float, usual_px: float | None
) -> tuple[Float64Array, BoolArray]:
    """(n,) distance where each ray, coming from outside, leaves the background; and whether it does."""
    off = np.abs(rays.levels - background[:, None].astype(np.float32))
    far = off > np.float32(departs)
    clear = np.zeros_like(far)
    clear[:, :-1] = ~far[:, :-1] & ~far[:, 1:]
    if rays.valid is not None:
        far &= rays.valid
        clear[:, :-1] &= rays.valid[:, 1:]
    # What reaches in from the outer end of the rays lies behind the ball's edge, not on it.
    last, found = _last(far, clear)
    radius = _at(rays, off, last, departs)
    if usual_px is None or not found.any():
        return radius, found
    allowed = max(4.0, 0.06 * usual_px)
    reference = fit_harmonics(radius, found, 2, 1e-2)
    for _ in range(2):
        miss = np.abs(radius - reference)
        near = found & (miss <= max(allowed, 3.0 * median(miss[found])))
        if np.count_nonzero(near) == np.count_nonzero(found):
            break
        reference = fit_harmonics(radius, near, 2, 1e-2)
    number = np.arange(far.shape[1])
    for _ in range(2):
        stray = np.nonzero(found & (radius > reference + 0.4 * allowed))[0]
        if not len(stray):
            break
        part = _Rays(rays.levels[stray], None, _rows(rays.reach_px, stray), rays.step_px)
        bright = off[stray] < np.float32(max(_GAP_SHARE * contrast, departs))
        deeper, there = _last(far[stray], bright & (number < last[stray, None]))
        closer = _at(part, off[stray], deeper, departs)
        better = there & (np.abs(closer - reference[stray]) < np.abs(radius[stray] - reference[stray]))
        radius[stray[better]] = closer[better]
        last[stray[better]] = deeper[better]
    return radius, found


def _rows(reach: Float64Array, rows: IntArray) -> Float64Array:
    return reach if reach.ndim == 1 else reach[rows]


def _last(far: BoolArray, clear: BoolArray) -> tuple[IntArray, BoolArray]:
    """(n,) number of the last departed sample inside of the last clear background; whether there is one."""
    count = far.shape[1]
    gap = count - 1 - np.argmax(clear[:, ::-1], axis=1)
    inner = far & (np.arange(count) < gap[:, None])
    last = count - 1 - np.argmax(inner[:, ::-1], axis=1)
    row = np.arange(len(last))
    return last, clear[row, gap] & inner[row, last]


def _at(rays: _Rays, off: Float32Array, last: IntArray, departs: float) -> Float64Array:
    """Distance at which the departure passes its limit, between the last departed sample and the next."""
    row = np.arange(len(last))
    after = np.minimum(last + 1, off.shape[1] - 1)
    high, low = off[row, last].astype(np.float64), off[row, after].astype(np.float64)
    part = np.clip((high - departs) / np.maximum(high - low, 1e-3), 0.0, 1.0)
    start = rays.reach_px[last] if rays.reach_px.ndim == 1 else rays.reach_px[row, last]
    return np.asarray(start + part * rays.step_px, np.float64)


def _blur(
    rays: _Rays, background: Float64Array, radius: Float64Array, found: BoolArray
) -> tuple[float, float]:
    """Blur of the mean edge (standard deviation, px), and where its steepest place lies from `radius`."""
    offsets = np.arange(-20.0, 7.0)
    first = rays.reach_px[0] if rays.reach_px.ndim == 1 else rays.reach_px[:, 0]
    start = (radius - first) / rays.step_px
    at = np.rint(start[:, None] + offsets / rays.step_px).astype(np.int64)
    at = np.minimum(np.maximum(at, 0), rays.levels.shape[1] - 1)
    level = rays.levels[np.arange(len(radius))[:, None], at]
    weight = found / max(float(np.count_nonzero(found)), 1.0)
    mean = weight @ background - weight @ level
    slope = mean[:-2] - mean[2:]
    # The edge lies within some pixels inside of the departure; further in it is shading.
    steepest = 8 + int(np.argmax(slope[8:])) + 1
    steep = max(float(slope[steepest - 1]) / 2.0, 1e-3)
    sigma = 1.0
    for _ in range(4):
        depth = float(np.interp(offsets[steepest] - 2.5 * sigma, offsets, mean))
        sigma = min(max(abs(depth) / (steep * math.sqrt(2.0 * math.pi)), 0.4), 8.0)
    return sigma, min(max(float(offsets[steepest]), -1.5 * sigma - 1.0), 1.0)
