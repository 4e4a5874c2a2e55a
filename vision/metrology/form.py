"""Roundness of a closed profile by ISO 12181-1: Gaussian filter, four reference circles, harmonics.

Neighbours: `outline` gives the profile, `circles` the reference circles, `measure` puts it all
together. Unit of every length: that of the profile (px here, mm later).
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import log, sqrt

import numpy as np

from vision.metrology.circles import (
    NotRoundError,
    Points,
    Rays,
    circumscribed_circle,
    gaps_after,
    inscribed_circle,
    largest_gap_share,
    least_squares_circle,
    minimum_zone,
)
from vision.metrology.small_circles import Triple
from vision.metrology.types import BoolArray, Deviation, Float64Array
from vision.metrology.waves import from_waves, power_of, to_waves

#: Upper limits of the Gaussian filter that are in use (ISO 12181-2), undulations per revolution.
UPR_CHOICES = (15, 50, 150)
#: Below these a profile is too coarse for its filter: seven points for each wave of the cut-off
#: (ISO 12181-2 asks for that at least).
POINTS_PER_WAVE_MIN = 7
#: Gaps up to this share of the turn are filled in well enough to help to place the circles.
BRIDGED_GAP_SHARE = 0.05
#: A gap from here on leaves the reference circles undetermined (half a turn), with room to spare.
GAP_SHARE_MAX = 0.45


class Form:
    """Roundness of one profile after the Gaussian filter 1..`upr_max` undulations per revolution.

    The circles are placed when they are asked for, and kept: `lsci`, `mzci`, `mcci`, `mici` are the
    deviations about the least-squares, minimum-zone, minimum circumscribed and maximum inscribed circle.
    Each raises `NotRoundError` where the profile is not nearly round; `placed` asks for all of them.

    Attributes:
        upr_max: 15, 50 or 150.
        harmonics: (upr_max + 1,) amplitudes of the unfiltered profile; [0] the mean radius, [1] what the
            centre leaves over, [2] oval (its peak to valley is twice the amplitude), [3] three lobes ...
    """

    def __init__(self, upr_max: int, harmonics: Float64Array, placing: Points, counted: Points) -> None:
        self.upr_max = upr_max
        self.harmonics = harmonics
        self._placing = placing
        self._counted = counted

    def placed(self) -> Form:
        """The same, with all circles placed.

        Raises:
            NotRoundError: one of them cannot be.
        """
        _ = self.lsci, self.mzci, self.mcci, self.mici
        return self

    @cached_property
    def lsci(self) -> Deviation:
        """About the least-squares circle."""
        return _deviation(self._counted, self._lsci)

    @cached_property
    def mzci(self) -> Deviation:
        """About the circle in the middle of the minimum zone."""
        (x, y, inner), outer = minimum_zone(self._placing, self._lsci[:2], self._rays)
        return _deviation(self._counted, (x, y, (inner + outer) / 2.0))

    @cached_property
    def mcci(self) -> Deviation:
        """About the minimum circumscribed circle."""
        return _deviation(self._counted, circumscribed_circle(self._placing, self._lsci[:2]))

    @cached_property
    def mici(self) -> Deviation:
        """About the maximum inscribed circle."""
        return _deviation(self._counted, inscribed_circle(self._placing, self._lsci[:2], self._rays))

    @cached_property
    def _lsci(self) -> Triple:
        return least_squares_circle(self._placing)

    @cached_property
    def _rays(self) -> Rays:
        return self._placing.rays(*self._lsci[:2])


def gaussian_filter(radius: Float64Array, upr_max: int) -> Float64Array:
    """Longwave-pass Gaussian filter of a closed profile.

    Transmission of the wave with k undulations per revolution (ISO 16610-21 for a closed
    profile): exp(-ln 2 (k / upr_max)^2), thus 50 % at the cut-off.

    Args:
        radius: (N,) distances at equal angles over one turn.
        upr_max: cut-off, undulations per revolution.

    Returns:
        (N,) filtered distances.

    Raises:
        ValueError: fewer than seven points for each wave at the cut-off.
    """
    _check(radius, upr_max)
    waves = to_waves(np.ascontiguousarray(radius, np.float64))
    return from_waves(waves, _transmission(len(radius) // 2 + 1, upr_max))


def analyse_form(radius: Float64Array, upr_max: int = 50, seen: BoolArray | None = None) -> Form:
    """Roundness deviations about the four reference circles, each worked out when it is asked for.

    Args:
        radius: (N,) distances of the outline from a point near its least-squares centre, at
            equal angles over one turn, unfiltered; filled in where it was not seen.
        upr_max: cut-off of the Gaussian filter, undulations per revolution: 15, 50 or 150.
        seen: (N,) where the outline was seen. Peaks and valleys count only there. The reference circles
            rest on what was seen and on short gaps (5 % of the turn) that are filled in: without a hidden
            low point an inscribed circle would slip into its gap. Default: everywhere.

    Returns:
        The form; centres are relative to the profile's origin.

    Raises:
        ValueError: too few points for the filter.
        NotRoundError: nearly half a turn was not seen in one piece.
    """
    _check(radius, upr_max)
    number = len(radius)
    waves = to_waves(np.ascontiguousarray(radius, np.float64))
    amplitudes = np.sqrt(power_of(waves)[: upr_max + 1]) * (2.0 / number)
    amplitudes[0] /= 2.0
    filtered = from_waves(waves, _transmission(number // 2 + 1, upr_max))
    xy = filtered * unit_vectors(number)
    if seen is None or seen.all():
        counted = placing = Points.of(xy)
    else:
        if largest_gap_share(seen) > GAP_SHARE_MAX:
            raise NotRoundError(
                "nearly half of the outline was not seen in one piece: no circle is determined"
            )
        counted, placing = Points.of(xy[:, seen]), Points.of(xy[:, bridged(seen)])
    return Form(upr_max, amplitudes, placing, counted)


def least_squares_diameter(radius: Float64Array, seen: BoolArray | None = None) -> float:
    """Diameter of the least-squares circle of an unfiltered outline.

    Args:
        radius: (N,) distances at equal angles, filled in where not seen.
        seen: (N,) where the outline was seen; short gaps are bridged, long ones left out.

    Raises:
        NotRoundError: the seen part does not determine a circle.
    """
    xy = radius * unit_vectors(len(radius))
    if seen is not None and not seen.all():
        xy = xy[:, bridged(seen)]
    return 2.0 * least_squares_circle(Points.of(xy))[2]


def bridged(seen: BoolArray) -> BoolArray:
    """(N,): `seen`, with the gaps of at most 5 % of the turn closed.

    Leaving out a short piece of an oval or lobed outline shifts its mean more than filling it
    in from both sides does; a long piece cannot be filled in well.
    """
    number = len(seen)
    at = np.flatnonzero(seen)
    closed = seen.copy()
    if len(at) == 0:
        return closed
    gaps = gaps_after(at, number)
    for place in np.flatnonzero((gaps > 0) & (gaps <= BRIDGED_GAP_SHARE * number)):
        closed[np.arange(at[place] + 1, at[place] + 1 + gaps[place]) % number] = True
    return closed


@lru_cache(maxsize=8)
def unit_vectors(number: int) -> Float64Array:
    """(2, N): cosine and sine of the angles 2 pi i / N, read only."""
    angle = np.arange(number) * (2.0 * np.pi / number)
    unit: Float64Array = np.stack([np.cos(angle), np.sin(angle)])
    unit.flags.writeable = False
    return unit


@lru_cache(maxsize=16)
def _transmission(number: int, upr_max: int) -> Float64Array:
    gain: Float64Array = np.exp(-log(2.0) * (np.arange(number) / upr_max) ** 2)
    gain.flags.writeable = False
    return gain


def _check(radius: Float64Array, upr_max: int) -> None:
    if upr_max < 1 or len(radius) < POINTS_PER_WAVE_MIN * upr_max:
        raise ValueError(
            f"{len(radius)} points are too few for {upr_max} undulations per revolution: "
            f"at least {POINTS_PER_WAVE_MIN * upr_max}"
        )


def _deviation(points: Points, circle: Triple) -> Deviation:
    """Local deviations of the points from one circle."""
    local = points.distances(circle[0], circle[1]) - circle[2]
    # A circumscribed circle has no peak, an inscribed no valley: what rounding leaves is none either.
    peak, valley = max(0.0, float(local.max())), max(0.0, -float(local.min()))
    return Deviation(
        ront=peak + valley,
        ronp=peak,
        ronv=valley,
        ronq=sqrt(float(local @ local) / len(local)),
        centre_xy=circle[:2],
        radius=circle[2],
    )
