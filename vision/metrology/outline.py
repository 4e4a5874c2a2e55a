"""The outline of one backlit ball at sub-pixel, or the reason why there is none.

Neighbours: `locate` (or the line, which knows the place) says where the ball is; `rough` finds
the edge to about a pixel, `edges` fits it, `profile` clears it of specks, gaps and noise;
`form`, `widths` and `measure` take the `Outline`.

The half level of a blurred disc lies inwards of its edge by sigma^2 / (2 R), sigma being the
standard deviation of all blur along the edge (lens, pixel, interpolation): the second moment of
the blur along the tangent, times half the curvature. That is added to every radius.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import cv2
import numpy as np

from vision.metrology.edges import Edges, EdgeWindow, grid_sigma, window_offsets
from vision.metrology.polar import (
    BILINEAR_NOISE,
    border_distance,
    circle_inside,
    directions,
    even_rays,
    median,
    resampled,
    sample,
)
from vision.metrology.profile import fill_gaps, recentred, without_noise
from vision.metrology.rough import Rough, plain_edges, rough_edges
from vision.metrology.shading import fit_shaded, rim_is_shaded, texture_px
from vision.metrology.specks import Specks, find_specks, speck_size
from vision.metrology.types import (
    BoolArray,
    Float64Array,
    MeasureLimits,
    MotionBlur,
    Outline,
    Refusal,
    Refused,
)
from vision.types import UInt8Array

#: Rays over the full turn: so many per pixel of the circumference (more share their pixels and say
#: little more), within these limits.
_RAYS_PER_PX, _RAYS_MIN, _RAYS_MAX = 0.7, 360, 2048
#: Window across the edge: half of it in blurs and px, and its step in px (coarser for a wide blur).
_WINDOW_SIGMA, _WINDOW_PX, _STEP_PX = 3.6, 2.2, 0.7
#: An edge less steep than this share of a clean one, or with less than this share of the usual contrast,
#: is shading or a speck.
_SHARP_MIN, _CONTRAST_SHARE_MIN = 0.55, 0.25
#: A background beside the edge that differs by more than this share from the smooth one is none.
_BACKGROUND_SHARE = 0.15
#: What sticks out is compared with the outline seen within this share of the turn on either side.
_NEARBY_SHARE = 0.03
#: Grey levels from which a sample is clipped.
_CLIPPED = 254
#: Second look when the first centre was off by more than this share of the radius.
_OFF_SHARE = 0.02


def trace_outline(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    radius_px: float,
    *,
    dark_on_bright: bool = True,
    background_level: float | None = None,
    limits: MeasureLimits = MeasureLimits(),  # noqa: B008 - frozen
    motion: MotionBlur | None = None,
    rays: int | None = None,
) -> Outline | Refused:
    """Trace the outline of a ball whose place is known.

    Args:
        grey: (H, W) uint8.
        centre_xy_px, radius_px: where it is, right to about a tenth of the radius.
        dark_on_bright: whether the ball is darker than its background.
        background_level: level of the empty background where known, 0..255 as in `grey`.
        limits: when there is no number.
        motion: known motion during the exposure.
        rays: even number of radii wanted; by the circumference, 360..2048, when None.

    Returns:
        The outline, or why there is none. A neighbour that touches, a shadow or the picture's
        border leave rays unseen.
    """
    scene = _scene(grey, centre_xy_px, radius_px, dark_on_bright, background_level, limits, motion)
    centre = (centre_xy_px[0] - scene.corner_xy_px[0], centre_xy_px[1] - scene.corner_xy_px[1])
    outline = _trace(scene, centre, radius_px, rays)
    if isinstance(outline, Outline):
        x, y = outline.centre_xy_px
        radius = float(outline.radius_px.sum()) / len(outline.radius_px)
        off = max(math.hypot(x - centre[0], y - centre[1]), abs(radius - radius_px))
        if off > _OFF_SHARE * radius + 1.0:
            outline = _trace(scene, (x, y), radius, rays)
    if isinstance(outline, Refused) or scene.corner_xy_px == (0, 0):
        return outline
    x, y = outline.centre_xy_px
    moved = (x + scene.corner_xy_px[0], y + scene.corner_xy_px[1])
    return dataclasses.replace(outline, centre_xy_px=moved)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The part of the picture around the ball, upright (ball darker than background)."""

    grey: UInt8Array
    corner_xy_px: tuple[int, int]
    dark_on_bright: bool
    background_level: float | None
    limits: MeasureLimits
    motion: MotionBlur | None


def _scene(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    radius_px: float,
    dark_on_bright: bool,
    background_level: float | None,
    limits: MeasureLimits,
    motion: MotionBlur | None,
) -> _Scene:
    if dark_on_bright:
        return _Scene(grey, (0, 0), True, background_level, limits, motion)
    reach = 1.5 * radius_px + 40.0
    x0, y0 = (max(0, math.floor(value - reach)) for value in centre_xy_px)
    x1, y1 = (math.ceil(value + reach) for value in centre_xy_px)
    part = np.asarray(cv2.bitwise_not(grey[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]), np.uint8)
    level = None if background_level is None else 255.0 - background_level
    return _Scene(part, (x0, y0), False, level, limits, motion)


def _trace(
    scene: _Scene, centre: tuple[float, float], radius_px: float, rays: int | None
) -> Outline | Refused:
    limits = scene.limits
    if scene.motion is not None:
        blur_px = scene.motion.length_px / math.sqrt(12.0)
        if blur_px > limits.blur_sigma_max_px:
            return Refused(
                Refusal.BLURRED,
                f"a motion of {scene.motion.length_px:.1f} px blurs by {blur_px:.1f} px, "
                f"limit {limits.blur_sigma_max_px:.1f} px",
            )
    plain = plain_edges(scene.grey, centre, radius_px, limits.contrast_min)
    rough = plain or rough_edges(scene.grey, centre, radius_px, scene.background_level, limits.contrast_min)
    if isinstance(rough, Refused):
        return rough
    n = (
        rays
        if rays is not None
        else even_rays(
            _RAYS_PER_PX * 2.0 * np.pi * float(rough.radius_px.sum()) / len(rough.radius_px),
            _RAYS_MIN,
            _RAYS_MAX,
        )
    )
    start = resampled(rough.radius_px, n)
    known = np.ones(n, np.bool_)
    if not rough.found.all():
        known = resampled(rough.found.astype(np.float64), n) > 0.5
    background = resampled(rough.background, n)
    window = _window(scene, centre, start, rough.sigma_px, n)
    edges = window.first(known, near=plain is not None)
    place = edges.radius_px - window.start_px
    # Beyond the picture its border goes on: no edge, and no shading either.
    whole = _inside(scene.grey, centre, window.start_px + window.offsets_px[-1])
    shaded = rim_is_shaded(window.levels, window.offsets_px, place, edges, rough.noise_sd, whole)
    if shaded:
        edges, clear = fit_shaded(window.levels, window.offsets_px, window.start_px, edges, rough.noise_sd)
        known = known & clear
    seen = known & _clean(edges, background, rough.contrast)
    if np.count_nonzero(seen) * 3 < n:
        return _missing(seen, limits)
    noise = _ray_noise_px(rough, edges, seen)
    if shaded:
        noise = max(noise, texture_px(edges.radius_px, seen))
    specks = _specks(edges, seen, noise, limits)
    seen &= ~specks.hidden
    if not shaded:
        edges = window.again(edges, seen if seen.any() else known, near=plain is not None)
        noise = _ray_noise_px(rough, edges, seen)
        seen &= known & _clean(edges, background, rough.contrast)
    # The edge with all of its blur.
    within = _inside(scene.grey, centre, edges.radius_px + 2.0 * edges.sigma_px)
    seen &= within
    if np.count_nonzero(seen) < limits.outline_share_min * n:
        return _missing(seen, limits, within)
    contrast = median((edges.outside - edges.inside)[seen])
    refused = _refused(edges, seen, contrast, limits)
    if refused is not None:
        return refused
    clipped = window.clipped_share(_CLIPPED, outside=scene.dark_on_bright)
    if clipped > limits.saturated_share_max:
        return Refused(
            Refusal.SATURATED,
            f"{clipped:.0%} of the bright side of the outline is clipped, "
            f"limit {limits.saturated_share_max:.0%}",
        )
    filled = fill_gaps(edges.radius_px, seen)
    shift, even, even_seen = recentred(filled + _curvature(edges, scene.motion, n), seen, n)
    smooth, u_radius = without_noise(even, noise)
    return Outline(
        centre_xy_px=(centre[0] + shift[0], centre[1] + shift[1]),
        radius_px=smooth,
        seen=even_seen,
        u_radius_px=u_radius,
        blur_sigma_px=edges.sigma_px,
        contrast=contrast,
        background_level=median(edges.outside[seen]),
        dark_on_bright=scene.dark_on_bright,
        saturated_share=clipped,
        speck_px=max(specks.largest_px, _sticking_out_px(window, edges, filled, seen, within)),
        shaded=shaded,
    )


def _sticking_out_px(
    window: EdgeWindow, edges: Edges, filled: Float64Array, seen: BoolArray, within: BoolArray
) -> float:
    """How far the dark goes on beyond all of the seen outline nearby, on rays that were left out; else 0.

    A thin fin, or a neighbour that touches, gives no edge to fit: it must not vanish unsaid. The flanks
    of a neck do not stick out, its top is seen beside them. The figure ends with the window across the edge.
    """
    hidden = np.nonzero(within & ~seen)[0]
    if not len(hidden) or len(hidden) == len(seen):
        return 0.0
    n = len(seen)
    near = max(2, round(_NEARBY_SHARE * n))
    known = np.where(seen, edges.radius_px, 0.0).astype(np.float32)
    turned = np.concatenate([known[-near:], known, known[:near]])[None, :]
    top = np.asarray(cv2.dilate(turned, np.ones((1, 2 * near + 1), np.uint8)))[0, near : near + n]
    outline = np.maximum(top, filled)[hidden] - window.start_px[hidden]
    half = 0.5 * (edges.inside + edges.outside)[hidden]
    offsets = window.offsets_px
    beyond = offsets[None, :] >= outline[:, None]
    bright = beyond & (window.levels[hidden] >= half[:, None])
    first = np.where(bright.any(axis=1), np.argmax(bright, axis=1), len(offsets) - 1)
    out = offsets[first] - outline - (offsets[1] - offsets[0])
    return max(0.0, float(out.max()))


def _window(
    scene: _Scene, centre: tuple[float, float], start: Float64Array, sigma_px: float, n: int
) -> EdgeWindow:
    """Levels across the edge on every ray."""
    motion = None
    sigma = sigma_px
    if scene.motion is not None:
        unit = directions(n)
        turn = (math.cos(scene.motion.direction_rad), math.sin(scene.motion.direction_rad))
        along = (unit[0] * turn[0] + unit[1] * turn[1]).astype(np.float64)
        motion = scene.motion.length_px**2 / 12.0 * along**2
        sigma = max(0.6, math.sqrt(max(sigma_px**2 - float(motion.mean()), 0.3)))
    widest = sigma if motion is None else math.sqrt(sigma**2 + float(motion.max()))
    step = max(_STEP_PX, grid_sigma(sigma) / 4.0)
    half = math.ceil((_WINDOW_SIGMA * widest + _WINDOW_PX) / step)
    levels = sample(scene.grey, centre, start, window_offsets(half, step), n).astype(np.float32)
    return EdgeWindow(levels, start, step, sigma, motion)


def _clean(edges: Edges, background: Float64Array, contrast: float) -> BoolArray:
    """(N,) rays with a steep fall from a background to a ball."""
    step = edges.outside - edges.inside
    return (
        (edges.sharpness > _SHARP_MIN)
        & (step > _CONTRAST_SHARE_MIN * contrast)
        & (np.abs(edges.outside - background) < _BACKGROUND_SHARE * background)
    )


def _inside(grey: UInt8Array, centre: tuple[float, float], reach: Float64Array) -> BoolArray:
    """(N,) rays that lie inside the picture as far as they reach (N,)."""
    if circle_inside(grey.shape, centre, float(reach.max())):
        return np.ones(len(reach), np.bool_)
    return np.asarray(reach <= border_distance(grey.shape, centre, len(reach)))


def _ray_noise_px(rough: Rough, edges: Edges, seen: BoolArray) -> float:
    """Standard deviation of one ray's radius by the picture's noise, px.

    The bound n / A sqrt(2 sigma sqrt(pi)) holds for a pixel of arc; rays that lie closer share pixels,
    and as much noise in all stands on more of them. A lone ray's bilinear samples hold 1.5 pixels each.
    """
    step = median((edges.outside - edges.inside)[seen])
    per_px = rough.noise_sd / max(step, 1.0) * math.sqrt(2.0 * edges.sigma_px * math.sqrt(math.pi))
    density = len(seen) ** 2 / (2.0 * math.pi * float(edges.radius_px.sum()))
    return per_px * math.sqrt(max(density, BILINEAR_NOISE))


def _specks(edges: Edges, seen: BoolArray, noise_px: float, limits: MeasureLimits) -> Specks:
    filled = fill_gaps(edges.radius_px, seen)
    size = speck_size(
        float(filled.sum()) / len(filled),
        len(filled),
        noise_px,
        edges.sigma_px,
        limits.speck_arc_share_max,
        limits.speck_height_share_max,
    )
    return find_specks(filled, seen, noise_px, size)


def _curvature(edges: Edges, motion: MotionBlur | None, n: int) -> Float64Array:
    """(N,) how far the half level lies inwards of the edge: variance along the tangent / (2 R)."""
    radius = median(edges.radius_px)
    variance = np.full(n, edges.sigma_px**2)
    if motion is not None:
        unit = directions(n)
        across = unit[1] * math.cos(motion.direction_rad) - unit[0] * math.sin(motion.direction_rad)
        variance = variance + motion.length_px**2 / 12.0 * across.astype(np.float64) ** 2
    return variance / (2.0 * radius)


def _refused(edges: Edges, seen: BoolArray, contrast: float, limits: MeasureLimits) -> Refused | None:
    if contrast < limits.contrast_min:
        return Refused(
            Refusal.CONTRAST, f"contrast {contrast:.0f} grey levels, limit {limits.contrast_min:.0f}"
        )
    if edges.sigma_px > limits.blur_sigma_max_px:
        return Refused(
            Refusal.BLURRED, f"edge blur {edges.sigma_px:.1f} px, limit {limits.blur_sigma_max_px:.1f} px"
        )
    diameter = 2.0 * median(edges.radius_px[seen])
    if diameter < limits.diameter_min_px:
        return Refused(
            Refusal.TOO_SMALL, f"diameter {diameter:.0f} px, limit {limits.diameter_min_px:.0f} px"
        )
    if diameter > limits.diameter_max_px:
        return Refused(
            Refusal.TOO_LARGE, f"diameter {diameter:.0f} px, limit {limits.diameter_max_px:.0f} px"
        )
    return None


def _missing(seen: BoolArray, limits: MeasureLimits, within: BoolArray | None = None) -> Refused:
    share = int(np.count_nonzero(seen)) / len(seen)
    if within is not None and float(within.mean()) < limits.outline_share_min:
        return Refused(
            Refusal.CLIPPED,
            f"{float(within.mean()):.0%} of the outline lies in the picture, "
            f"{limits.outline_share_min:.0%} needed",
        )
    return Refused(
        Refusal.OUTLINE_MISSING,
        f"{share:.0%} of the outline seen, {limits.outline_share_min:.0%} needed",
    )
