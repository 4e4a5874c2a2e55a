"""The outline as a function of the angle: gaps, centre, and noise told from form.

Neighbours: `edges` gives a radius per ray, `specks` leaves some out, `outline` runs these steps on
them, `form` and `widths` read the result. Everything here is arithmetic on (N,) arrays over a full turn.
"""

from __future__ import annotations

import math

import numpy as np

from vision.metrology.polar import box_mean, fill_line, fit_harmonics, runs, spread, unit_rays
from vision.metrology.types import BoolArray, Float64Array
from vision.metrology.waves import from_waves, power_of, to_waves

#: Harmonics carried across gaps at most; fewer where a gap is as long as half their wave.
_GAP_ORDER_MAX = 8
#: A harmonic whose power is below this multiple of the noise's is noise; above the second it is form.
_NOISE_POWER, _FORM_POWER = 5.0, 10.0
#: What differs from the profile without noise by this many standard deviations over a short arc stays.
_LOCAL_SD = 5.0


def fill_gaps(radius: Float64Array, seen: BoolArray) -> Float64Array:
    """The radii with unseen rays filled in: low harmonics of the seen ones, then straight lines."""
    if seen.all():
        return radius
    n = len(radius)
    longest = max(count for _, count in runs(~seen))
    order = min(max(n // (2 * longest), 2), _GAP_ORDER_MAX)
    smooth = fit_harmonics(radius, seen, order, 1e-4)
    rest = radius - smooth
    # Ends of a gap are means over some rays, or their noise would be drawn out over the gap.
    half = 4
    weight = seen + 1e-9
    ends = box_mean(rest * weight, half) / box_mean(weight, half)
    return np.where(seen, radius, smooth + fill_line(np.asarray(ends), seen))


def recentred(
    filled: Float64Array, seen: BoolArray, rays: int
) -> tuple[tuple[float, float], Float64Array, BoolArray]:
    """Move the origin to the least-squares centre: (shift x, y), (rays,) radii and seen at even angles.

    `filled` are the radii as `fill_gaps` returns them.
    The least-squares circle about the origin is centred there when the first harmonic is nil.
    """
    n = len(filled)
    unit = unit_rays(n)
    shift = 2.0 / n * (unit @ filled)
    arm = filled * unit
    arm -= shift[:, None]
    # The angle at the new centre, by the small turn from the old direction to the new one.
    across, along = _turned(unit, arm)
    at = np.arctan2(across, along)
    at /= 2.0 * np.pi / n
    more = 2 + int(max(at.max(), -at.min()))
    at += np.arange(n)
    known = np.concatenate([at[-more:] - n, at, at[:more] + n])
    wanted = np.arange(rays) * (n / rays)
    moved = np.sqrt(np.einsum("ij,ij->j", arm, arm))
    even = np.interp(wanted, known, np.concatenate([moved[-more:], moved, moved[:more]]))
    where = np.ones(rays, np.bool_)
    if not seen.all():
        visible = np.concatenate([seen[-more:], seen, seen[:more]]).astype(np.float64)
        where = np.interp(wanted, known, visible) > 0.999
    # What the first shift leaves over is far below a pixel: its first order will do.
    target = unit_rays(rays)
    rest = 2.0 / rays * (target @ even)
    even -= rest @ target
    return (float(shift[0] + rest[0]), float(shift[1] + rest[1])), even, where


def _turned(unit: Float64Array, arm: Float64Array) -> tuple[Float64Array, Float64Array]:
    """(N,) parts of arms (2, N) across and along unit vectors (2, N)."""
    return unit[0] * arm[1] - unit[1] * arm[0], unit[0] * arm[0] + unit[1] * arm[1]


def without_noise(
    radius: Float64Array, noise_px: float, share_kept: float = 1.0
) -> tuple[Float64Array, float]:
    """The profile freed of noise that its level tells from form: noise shrinkage, no standard's filter.

    Each harmonic is compared with the power that white noise of `noise_px` per ray has there, and
    kept when it is well above it. Peak-to-valley figures of what is left are not drawn out by
    noise. What differs from the result by more than noise can over a short arc (corners, feet of a
    stub: many small harmonics in step) is put back.

    Returns:
        (N,) profile, and the standard deviation of one of its radii by noise.
    """
    n = len(radius)
    if noise_px <= 0.0:
        return radius, 0.0
    waves = to_waves(radius)
    # E |sum of n noise values times exp(-i k t)|^2.
    gain = power_of(waves)
    gain /= n * noise_px**2
    gain -= _NOISE_POWER
    gain /= _FORM_POWER - _NOISE_POWER
    np.maximum(gain, 0.0, out=gain)
    np.minimum(gain, 1.0, out=gain)
    gain[:2] = 1.0
    smooth = from_waves(waves, gain)
    left = radius - smooth
    for half in (2, 7):
        mean = box_mean(left, half)
        loud = np.abs(mean) > _LOCAL_SD * noise_px / np.sqrt(2.0 * half + 1.0)
        if np.count_nonzero(loud):
            put_back = box_mean(spread(loud, half).astype(np.float64), half)
            smooth = smooth + put_back * box_mean(left, 1)
            left = radius - smooth
    # Every line stands for two harmonics but the first and the last.
    power_kept = 2.0 * float(gain @ gain) - float(gain[0] ** 2 + gain[-1] ** 2)
    spread_px = noise_px * math.sqrt(power_kept / n)
    return np.asarray(smooth, np.float64), spread_px
