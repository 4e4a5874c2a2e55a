"""The outline as a function of the angle: gaps, centre, and noise told from form.

Neighbours: `edges` gives a radius per ray, `specks` leaves some out, `outline` runs these steps on
them, `form` and `widths` read the result. Everything here is arithmetic on (N,) arrays over a full turn.
"""

from __future__ import annotations

import math

import numpy as np

from vision.metrology.polar import basis, box_mean, fill_line, fit_harmonics, runs, spread
from vision.metrology.types import BoolArray, Float64Array

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
    order = int(np.clip(n / (2.0 * longest), 2, _GAP_ORDER_MAX))
    smooth = fit_harmonics(radius, seen, order, 1e-4)
    rest = radius - smooth
    # Ends of a gap are means over some rays, or their noise would be drawn out over the gap.
    half = 4
    weight = seen + 1e-9
    ends = box_mean(rest * weight, half) / box_mean(weight, half)
    return np.where(seen, radius, smooth + fill_line(np.asarray(ends), seen))


def recentred(
    radius: Float64Array, seen: BoolArray, rays: int
) -> tuple[tuple[float, float], Float64Array, BoolArray]:
    """Move the origin to the least-squares centre: (shift x, y), (rays,) radii and seen at even angles.

    The least-squares circle about the origin is centred there when the first harmonic is nil.
    """
    n = len(radius)
    unit = basis(n, 1)[:, 1:]
    even = fill_gaps(radius, seen)
    x, y = even * unit[:, 0], even * unit[:, 1]
    shift = 2.0 / n * (even @ unit)
    dx, dy = x - shift[0], y - shift[1]
    # The angle at the new centre, by the small turn from the old direction to the new one.
    turn = np.arctan2(dy * unit[:, 0] - dx * unit[:, 1], dx * unit[:, 0] + dy * unit[:, 1])
    ray = 2.0 * np.pi / n
    at = np.arange(n) + turn / ray
    more = 2 + int(np.abs(turn).max() / ray)
    known = np.concatenate([at[-more:] - n, at, at[:more] + n])
    wanted = np.arange(rays) * (n / rays)
    moved = np.sqrt(dx * dx + dy * dy)
    even = np.interp(wanted, known, np.concatenate([moved[-more:], moved, moved[:more]]))
    where = np.ones(rays, np.bool_)
    if not seen.all():
        visible = np.concatenate([seen[-more:], seen, seen[:more]]).astype(np.float64)
        where = np.interp(wanted, known, visible) > 0.999
    # What the first shift leaves over is far below a pixel: its first order will do.
    target = basis(rays, 1)[:, 1:]
    rest = 2.0 / rays * (even @ target)
    return (float(shift[0] + rest[0]), float(shift[1] + rest[1])), even - target @ rest, where


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
    lines = np.fft.rfft(radius)
    # E |sum of n noise values times exp(-i k t)|^2.
    power = (lines.real**2 + lines.imag**2) / (n * noise_px**2)
    gain = (power - _NOISE_POWER) / (_FORM_POWER - _NOISE_POWER)
    gain = np.minimum(np.maximum(gain, 0.0), 1.0)
    gain[:2] = 1.0
    smooth = np.fft.irfft(lines * gain, n)
    left = radius - smooth
    for half in (2, 7):
        mean = box_mean(left, half)
        loud = np.abs(mean) > _LOCAL_SD * noise_px / np.sqrt(2.0 * half + 1.0)
        if loud.any():
            put_back = box_mean(spread(loud, half).astype(np.float64), half)
            smooth = smooth + put_back * box_mean(left, 1)
            left = radius - smooth
    # Every line stands for two harmonics but the first and the last.
    power_kept = 2.0 * float(gain @ gain) - float(gain[0] ** 2 + gain[-1] ** 2)
    spread_px = noise_px * math.sqrt(power_kept / n)
    return np.asarray(smooth, np.float64), spread_px
