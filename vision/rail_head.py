"""Where the rail's head lies in a picture, and which way the rail runs.

Three looks, the surest first: the head in light on dark ground (line scanners), the smooth band between
rough ones (ballast and sleepers in the sun), and the picture that was cut to the head alone, which is its
own head. Where none of them fits nothing is guessed: the whole picture is taken, and `found` says so.
Neighbours: `vision.rail_strip` straightens what is found here; training and edge both come through it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vision.preprocess import check_image
from vision.rail_rows import bent_rows
from vision.types import Float32Array, UInt8Array

Float64Array = npt.NDArray[np.float64]

#: A column belongs to the head when its median grey reaches this share of the brightest columns'.
_HEAD_SHARE = 0.25
_BANDS = 16
#: A head narrower than this share of the picture, or than `_LEAST_PX`, is no head.
_LEAST_SHARE = 0.04
_LEAST_PX = 24
#: A run of columns this wide leaves no ground beside it.
_WHOLE_SHARE = 0.92
#: The ground beside a head in light is darker than this share of it ...
_GROUND_SHARE = 0.6
#: ... and beside one in a picture cut along the rail than this: darker edges of a running band are head.
_GROUND_SHARE_CUT = 0.12
#: Share of the bands in which a head lies where its line says.
_AGREEING = 0.5
#: Length over width from which a picture is taken for one cut along the rail.
_CUT_ALONG = 2.5
#: Roughness (see `_roughness`) above which a run of columns is no steel but ballast.
_ROUGHEST_HEAD = 0.12
#: A head is this much smoother than the ground beside it, where that is what tells them apart.
_SMOOTHER = 0.5
#: Long side of the picture in which the smooth band is looked for, pixels.
_SMALL_PX = 320
#: Streaks along the rail: cells change by so many times more across it than along it.
_STREAKS = 2.0
#: A smooth band is at least and at most this share of the picture's width.
_SMOOTH_LEAST, _SMOOTH_MOST = 0.08, 0.8
#: A rail wanders when its bands leave the line by this share of its width in all ...
_BEND_SHARE = 0.12
#: ... and scatter about their own way by less than this share of that.
_BEND_SCATTER = 0.2
#: ... in at least this share of the bands, which show it in its whole width.
_BEND_BANDS = 0.6
#: A head that goes sideways by more than this share of its width is followed for its grey, too.
_STEEP_SHARE = 0.5
#: A picture of fewer grey levels between its 1st and 99th percentile shows nothing.
_LEAST_RANGE = 2.0


@dataclass(frozen=True, slots=True)
class RailHead:
    """Where the head lies: from `start_px(y)` on, `width_px` wide; `grey` its median, 0..255.

    `found` False: nothing in the picture stands out as a head, and its whole width is taken.
    """

    left_px: float
    slope: float
    width_px: float
    grey: float
    found: bool
    bends: tuple[tuple[float, float], ...] = ()
    """(y, pixels) to add to the straight line `left_px + slope * y`, between them in proportion."""

    def start_px(self, y_px: npt.ArrayLike) -> Float64Array:
        """First column of the head at the given rows."""
        y = np.asarray(y_px, np.float64)
        straight = np.asarray(self.left_px + self.slope * y, np.float64)
        if not self.bends:
            return straight
        at, offset = zip(*self.bends, strict=True)
        return np.asarray(straight + np.interp(y, at, offset), np.float64)


class Look(IntEnum):
    """How a head was found, the surest highest."""

    NOTHING = 0
    WHOLE = 1
    SMOOTH = 2
    LIT = 3


@dataclass(frozen=True, slots=True)
class Bands:
    """Runs of columns found band by band: `left`, `right` and the band's middle row `y`, pixels."""

    left: Float64Array
    right: Float64Array
    y: Float64Array
    count: int
    """Bands that were looked at; those without a run are not in the arrays."""


def find_head(grey: UInt8Array) -> RailHead:
    """Find the rail head in a picture whose rows run across the rail.

    Args:
        grey: (H, W) uint8.

    Raises:
        ImageError: `grey` is no picture.
    """
    return search(grey)[0]


def find_rail(grey: UInt8Array) -> tuple[RailHead, bool]:
    """Find the head of a rail that runs from top to bottom or from left to right.

    A picture cut along the rail runs along its longer side, unless a head in light stands out across.

    Args:
        grey: (H, W) uint8.

    Returns:
        (head, turned); turned: the rail runs from left to right, and the head is that of `grey.T`.

    Raises:
        ImageError: `grey` is no picture.
    """
    upright, look = search(grey)
    height, width = grey.shape
    long = _CUT_ALONG * min(height, width) <= max(height, width)
    wide = long and width > height
    if look is Look.LIT and not (wide and _is_stretch_in_light(grey, upright)):
        return upright, False
    across, other = search(np.ascontiguousarray(grey.T))
    if wide:
        return across, True
    if long:
        stands_out = other is Look.LIT and not _is_stretch_in_light(grey.T, across)
        return (across, True) if stands_out and look is not Look.LIT else (upright, False)
    if other is look is Look.NOTHING:
        down, sideways = _changes(grey)
        return (across, True) if down > _STREAKS * sideways else (upright, False)
    return (across, True) if other > look else (upright, False)


def _is_stretch_in_light(grey: UInt8Array, head: RailHead) -> bool:
    """Whether a head wider than it is long is but the stretch in light of a rail that runs the other way."""
    if head.width_px <= grey.shape[0]:
        return False
    left, right = (
        int(np.clip(value, 0, grey.shape[1])) for value in (head.left_px, head.left_px + head.width_px)
    )
    along, across = _changes(np.ascontiguousarray(grey[:, left:right]))
    return along > across


def search(grey: UInt8Array) -> tuple[RailHead, Look]:
    """As `find_head`, with how the head was found.

    Raises:
        ImageError: `grey` is no picture.
    """
    check_image(grey)
    height, width = grey.shape
    low, high = np.percentile(grey[:: max(1, height // 256), :: max(1, width // 256)], (1, 99))
    if min(height, width) < _LEAST_PX or high - low < _LEAST_RANGE:
        return _whole(grey), Look.NOTHING
    cut_along = height >= _CUT_ALONG * width
    lit = _lit_head(grey, cut_along=cut_along)
    if lit is not None:
        return lit, Look.LIT
    whole = _whole(grey)
    if cut_along:
        return replace(whole, found=True), Look.WHOLE
    smooth = _smooth_head(grey)
    if smooth is not None:
        return smooth, Look.SMOOTH
    along, across = _changes(grey)
    if along <= _ROUGHEST_HEAD and _STREAKS * along <= across:
        return replace(whole, found=True), Look.WHOLE
    return whole, Look.NOTHING


def _whole(grey: UInt8Array) -> RailHead:
    """The whole width, for want of a head."""
    return RailHead(0.0, 0.0, float(grey.shape[1]), median_grey(grey), found=False)


def median_grey(grey: UInt8Array) -> float:
    """Median of many pixels in steps finer than whole greys: in the dark it would jump by a tenth."""
    low, high = np.percentile(grey, (40, 60))
    inner = grey[(grey >= low) & (grey <= high)]
    return float(inner.mean()) if inner.size else float(grey.mean())


def band_edges(height: int) -> npt.NDArray[np.int64]:
    """First rows of the bands that a picture is looked at in, and behind them its end."""
    count = max(1, min(_BANDS, height // 16))
    return np.linspace(0, height, count + 1).astype(np.int64)


def _lit_bands(grey: UInt8Array) -> tuple[Bands, Float32Array]:
    """The widest run of columns in light, band by band, and the bands' profiles (bands, W)."""
    edges = band_edges(grey.shape[0])
    width = grey.shape[1]
    kernel = (max(3, width // 64) | 1, 1)
    medians = [np.median(grey[top:bottom], axis=0) for top, bottom in pairwise(edges)]
    profiles = np.asarray(cv2.blur(np.array(medians, np.float32), kernel), np.float32)
    limits = _HEAD_SHARE * np.percentile(profiles, 99, axis=1)
    lit = profiles > limits[:, None]
    return _bands([_widest_run(row) for row in lit], edges, _least_px(width)), profiles


def _least_px(width: int) -> float:
    return max(_LEAST_PX, _LEAST_SHARE * width)


def _bands(
    runs: list[tuple[int, int]], edges: npt.NDArray[np.int64], least_px: float, zoom: float = 1.0
) -> Bands:
    """Runs that are wide enough to be a head; `zoom`: picture pixels per pixel of the runs and edges."""
    seen = [
        (left, right, (top + bottom) / 2.0)
        for (left, right), (top, bottom) in zip(runs, pairwise(edges), strict=True)
        if right - left >= least_px
    ]
    left, right, y = np.array(seen, np.float64).reshape(-1, 3).T * zoom
    return Bands(left, right, y, len(runs))


def _widest_run(lit: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The widest run of true columns, as (first, behind the last); (0, 0) where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lit.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    starts, ends = edges[0::2], edges[1::2]
    widest = int(np.argmax(ends - starts))
    return int(starts[widest]), int(ends[widest])


def _line(bands: Bands, grey: UInt8Array) -> RailHead | None:
    """The head as a straight line through the bands; None where too few of them show a run."""
    if not len(bands.y) or len(bands.y) * 2 < bands.count:
        return None
    head_width = float(np.median(bands.right - bands.left))
    # The centre moves less than either edge when dirt hides a part of the head.
    centre = (bands.left + bands.right) / 2.0
    slope = _slope(bands.y, centre)
    start = float(np.median(centre - slope * bands.y)) - head_width / 2.0
    return _with_grey(RailHead(start, slope, head_width, 0.0, found=True), grey)


def _with_grey(head: RailHead, grey: UInt8Array) -> RailHead | None:
    """The head with its own median grey; None where it does not lie in the picture."""
    height, width = grey.shape
    starts = head.start_px(np.arange(height) + 0.5)
    if np.ptp(starts) <= _STEEP_SHARE * head.width_px:
        first, last = max(0, int(head.left_px)), min(width, int(head.left_px + head.width_px) + 1)
        pixels = grey[:, first:last]
    else:
        columns = np.arange(width)[None] + 0.5
        pixels = grey[(columns >= starts[:, None]) & (columns < starts[:, None] + head.width_px)]
    return replace(head, grey=median_grey(pixels)) if pixels.size else None


def _slope(y: Float64Array, x: Float64Array) -> float:
    """Theil-Sen: the median of all slopes between two bands, which a few wrong bands do not move."""
    if len(y) < 3:
        return 0.0
    i, j = np.triu_indices(len(y), 1)
    return float(np.median((x[j] - x[i]) / (y[j] - y[i])))


def _lit_head(grey: UInt8Array, *, cut_along: bool) -> RailHead | None:
    """The head in light on dark ground; None where the ground is light, too, or no line fits."""
    bands, profiles = _lit_bands(grey)
    head = _line(bands, grey)
    width = grey.shape[1]
    if head is None or head.width_px >= _WHOLE_SHARE * width:
        return None
    bends = _bends(bands, head)
    bent = _with_grey(replace(head, bends=bends), grey) if bends else head
    if bent is None or _agreement(bands, bent) < _AGREEING:
        return None
    head = bent
    middles = (band_edges(grey.shape[0])[:-1] + band_edges(grey.shape[0])[1:]) / 2.0
    columns = np.arange(width)[None] + 0.5
    start = head.start_px(middles)[:, None]
    inside = (columns >= start) & (columns <= start + head.width_px)
    share = _GROUND_SHARE_CUT if cut_along else _GROUND_SHARE
    if not inside.any() or np.median(profiles[~inside]) > share * np.median(profiles[inside]):
        return None
    return head if _roughness(grey, head) <= _ROUGHEST_HEAD else None


def _agreement(bands: Bands, head: RailHead) -> float:
    """Share of the bands whose run lies where the head's line says and is about as wide."""
    away = np.abs((bands.left + bands.right - head.width_px) / 2.0 - head.start_px(bands.y))
    wide = (bands.right - bands.left) / head.width_px
    good = (away < 0.2 * head.width_px) & (wide > 0.6) & (wide < 1.5)
    return float(np.count_nonzero(good)) / bands.count


def _bends(bands: Bands, head: RailHead) -> tuple[tuple[float, float], ...]:
    """How a rail that wanders leaves the straight line; none where one edge moves, or bands jump."""
    # A long dark mark leaves one side of the head to a band: such bands say nothing of its way.
    whole = np.abs(bands.right - bands.left - head.width_px) < _BEND_SHARE * head.width_px
    if np.count_nonzero(whole) < max(6.0, _BEND_BANDS * bands.count):
        return ()
    y = bands.y[whole]
    away = ((bands.left + bands.right - head.width_px) / 2.0 - head.start_px(bands.y))[whole]
    # One wrong band at an end would bend a curve by itself, so the reach is that of the others.
    reach = float(np.ptp(away[1:-1]))
    way = np.polynomial.Polynomial.fit(y, away, 4)
    if reach < _BEND_SHARE * head.width_px or np.abs(away - way(y)).max() > _BEND_SCATTER * reach:
        return ()
    at = np.linspace(y[0], y[-1], 2 * bands.count)
    return tuple(zip(at.tolist(), way(at).tolist(), strict=True))


def _smooth_head(grey: UInt8Array) -> RailHead | None:
    """The band that changes little along the rail between ground that changes much; None without one."""
    height, width = grey.shape
    zoom = max(1.0, max(height, width) / _SMALL_PX)
    size = (max(1, round(width / zoom)), max(1, round(height / zoom)))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    if small.shape[0] < 8 * 5:
        return None
    change = np.abs(small[4:] - small[:-4])
    edges = np.linspace(0, change.shape[0], 9).astype(np.int64)
    means = [change[top:bottom].mean(axis=0) for top, bottom in pairwise(edges)]
    profiles = np.asarray(cv2.blur(np.array(means, np.float32), (5, 1)), np.float32)
    limits = _SMOOTHER * np.percentile(profiles, 75, axis=1)
    runs = [_widest_run(row) for row in profiles < limits[:, None]]
    bands = _bands(runs, edges, _SMOOTH_LEAST * small.shape[1], zoom)
    head = _line(bands, grey)
    if head is None or not _SMOOTH_LEAST * width <= head.width_px <= _SMOOTH_MOST * width:
        return None
    if _agreement(bands, head) < _AGREEING:
        return None
    rough = _roughness(grey, head)
    sides = [
        _roughness(grey, replace(head, left_px=head.left_px + shift, width_px=wide, bends=()))
        for shift, wide in (
            (-head.left_px, head.left_px),
            (head.width_px, width - head.left_px - head.width_px),
        )
        if wide >= _LEAST_PX
    ]
    if rough > _ROUGHEST_HEAD or not sides or rough > _SMOOTHER * max(sides):
        return None
    return head


def _roughness(grey: UInt8Array, head: RailHead) -> float:
    """How much a head changes along the rail, in shares of its grey, over cells of a sixth of its width.

    Noise and marks average out in cells or leave the median alone; stones do neither.
    """
    wide = max(2, int(head.width_px))
    start = head.start_px(np.arange(grey.shape[0], dtype=np.float32))
    straight = bent_rows(grey, start, wide, cv2.BORDER_REPLICATE)
    return _changes(straight, max(2.0, head.width_px / 6.0))[0]


def _changes(grey: UInt8Array, cell_px: float | None = None) -> tuple[float, float]:
    """Median change from cell to cell (down, sideways), in shares of the grey.

    `cell_px`: side of a cell; None: a sixteenth of the picture's shorter side.
    """
    height, width = grey.shape
    cell_px = max(2.0, min(height, width) / 16.0) if cell_px is None else cell_px
    size = (max(3, round(width / cell_px)), max(3, round(height / cell_px)))
    cells = np.asarray(cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    level = max(1.0, float(np.median(cells)))
    down, sideways = (float(np.median(np.abs(np.diff(cells, axis=axis)))) for axis in (0, 1))
    return down / level, sideways / level
