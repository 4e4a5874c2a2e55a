"""Dark balls in front of a bright backlight: where they are, and their outline at sub-pixel.

Neighbours: the part tracker calls `find_regions` on whole frames, `vision.ball` calls
`measure_outline` on one view. Every coordinate is continuous with the origin at the
top-left pixel's corner, so the centre of pixel (0, 0) lies at (0.5, 0.5).

The edge lies where the level falls most steeply towards the background, along rays from the
region's middle, outermost fall first: a ball's rim may be darker or, by grazing light, brighter
than the backlight. On blurred, anti-aliased discs the diameters are right within 0.3 px. Where a
smooth rim reflects just as much light as the background has there is no edge to see, and the
smallest width comes out too small (on rendered balls of 160 px by up to 4 px, never too large
by more than 2). Shapes that a ray from the middle leaves more than once (two balls joined) give
the outline as far as the last way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import BallOutline, Float32Array, UInt8Array

#: Share of the background level below which a pixel of a whole frame belongs to a ball.
BALL_LEVEL_SHARE = 0.80
#: Regions smaller than this share of the expected ball's area are specks, dust or fiducials.
SPECK_AREA_SHARE = 0.05
#: 10-90 % width of a Gaussian edge (2.563 sigma) over its step divided by its steepest slope (2.507 sigma).
_EDGE_10_90_OVER_SLOPE = 2.563 / 2.507
#: The fine profile across the edge: px inside and outside of where the ball gets dark, and its step.
#: The outer part must reach beyond a rim that grazing light makes brighter than the background.
_FINE_IN_PX, _FINE_OUT_PX, _FINE_STEP_PX = 8.0, 12.0, 0.5
#: Samples at the outer end of a profile that give the background's level.
_OUTSIDE_SAMPLES = 8
#: Difference from the background that is no noise: grey levels, and share of the background's level.
_DEPARTS_GREY, _DEPARTS_SHARE = 8.0, 0.04


@dataclass(frozen=True, slots=True)
class Region:
    """One dark region of a picture, in that picture's pixels (right to about the segmentation's grid).

    Attributes:
        xyxy_px: box.
        centre_xy_px: centre of area, holes filled.
        area_px: area in square pixels, holes filled.
        touches_border: the box reaches the picture's border.
        roughly_round: near to a disc: box sides within 25 %, 85 % of the area of a disc of that size.
    """

    xyxy_px: tuple[float, float, float, float]
    centre_xy_px: tuple[float, float]
    area_px: float
    touches_border: bool
    roughly_round: bool

    @property
    def width_px(self) -> float:
        """Width of the box."""
        return self.xyxy_px[2] - self.xyxy_px[0]

    @property
    def height_px(self) -> float:
        """Height of the box."""
        return self.xyxy_px[3] - self.xyxy_px[1]

    @property
    def box_centre_xy_px(self) -> tuple[float, float]:
        """Middle of the box."""
        return (self.xyxy_px[0] + self.xyxy_px[2]) / 2.0, (self.xyxy_px[1] + self.xyxy_px[3]) / 2.0


def as_grey(image: UInt8Array) -> UInt8Array:
    """(H, W) of a mono8 or bgr8 picture."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def find_regions(
    image: UInt8Array, expected_diameter_px: float, background_level: float, *, shrink: int = 4
) -> tuple[Region, ...]:
    """Find dark regions that may be balls, left to right.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        expected_diameter_px: nominal diameter; specks are told from balls by it.
        background_level: grey level of the empty background, 0..255.
        shrink: the picture is averaged down by this first; 4 is right for balls of 60 px and more.

    Returns:
        Regions of at least `SPECK_AREA_SHARE` of the nominal ball's area.
    """
    shrink = max(1, min(shrink, int(expected_diameter_px / 16.0)))
    height, width = image.shape[:2]
    small = image
    if shrink > 1:
        # Whole blocks only; the few columns and rows left over repeat nothing and lose nothing that matters.
        size = (max(1, width // shrink), max(1, height // shrink))
        small = np.asarray(
            cv2.resize(image[: size[1] * shrink, : size[0] * shrink], size, interpolation=cv2.INTER_AREA),
            np.uint8,
        )
    small = as_grey(small)
    level = round(background_level * BALL_LEVEL_SHARE)
    _, mask = cv2.threshold(small, level, 255, cv2.THRESH_BINARY_INV)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    smallest = SPECK_AREA_SHARE * np.pi / 4.0 * expected_diameter_px**2
    regions = []
    for contour in contours:
        region = _region(np.asarray(contour, np.int32), small.shape[:2], shrink)
        if region.area_px >= smallest:
            regions.append(region)
    return tuple(sorted(regions, key=lambda region: region.xyxy_px))


def _region(contour: npt.NDArray[np.int32], shape: tuple[int, ...], shrink: int) -> Region:
    x, y, w, h = cv2.boundingRect(contour)
    moments = cv2.moments(contour)
    # The contour runs through the border pixels' centres: half a pixel of border is missing all round.
    area = moments["m00"] + len(contour) / 2.0 + 1.0
    if moments["m00"] > 0:
        cx, cy = moments["m10"] / moments["m00"] + 0.5, moments["m01"] / moments["m00"] + 0.5
    else:
        cx, cy = x + w / 2.0, y + h / 2.0
    touches = x <= 0 or y <= 0 or x + w >= shape[1] or y + h >= shape[0]
    disc = np.pi / 4.0 * w * h
    return Region(
        xyxy_px=(float(x * shrink), float(y * shrink), float((x + w) * shrink), float((y + h) * shrink)),
        centre_xy_px=(cx * shrink, cy * shrink),
        area_px=float(area * shrink * shrink),
        touches_border=bool(touches),
        roughly_round=bool(0.8 <= w / h <= 1.25 and area >= 0.85 * disc),
    )


@lru_cache(maxsize=8)
def _ray_directions(rays: int) -> Float32Array:
    """(2, rays): cosine and sine of the ray angles."""
    angle = np.arange(rays, dtype=np.float32) * np.float32(2.0 * np.pi / rays)
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


@lru_cache(maxsize=8)
def _feret_directions(directions: int) -> Float32Array:
    """(2, directions): unit vectors over half a turn."""
    angle = np.arange(directions, dtype=np.float32) * np.float32(np.pi / directions)
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def _sample(grey: UInt8Array, x_px: Float32Array, y_px: Float32Array) -> Float32Array:
    """Bilinear grey levels at continuous coordinates; outside the picture its border goes on."""
    return np.asarray(
        cv2.remap(
            grey,
            x_px - np.float32(0.5),
            y_px - np.float32(0.5),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    ).astype(np.float32)


def measure_outline(
    image: UInt8Array,
    region: Region,
    background_level: float,
    *,
    rays: int = 120,
    directions: int = 60,
) -> BallOutline | None:
    """Measure one region's outline at sub-pixel.

    Args:
        image: (h, w) mono8 or (h, w, 3) bgr8: the picture that `region` was found in.
        region: where the ball is.
        background_level: grey level of the empty background, 0..255.
        rays: profiles over the full turn.
        directions: caliper directions over half a turn, at least 36.

    Returns:
        The outline in pixels of `image`; None when fewer than a third of the rays found an edge.
        `outline_share` counts the rays with a clean crossing: inside the picture, background outside.
    """
    grey = as_grey(image)
    cx, cy = region.box_centre_xy_px
    unit = _ray_directions(rays)
    radius = _coarse_radii(grey, (cx, cy), region, background_level, unit)
    edges = _fine_profiles(grey, (cx, cy), radius, background_level, unit)
    radius, ok = edges.radius_px, edges.clean
    if int(ok.sum()) * 3 < rays:
        return None
    points = np.stack([cx + radius * unit[0], cy + radius * unit[1]], axis=1).astype(np.float32)
    widths = _caliper_widths(_smooth_radii(points, radius, ok, unit, (cx, cy)), directions)
    clean = points[ok]
    low, high = clean.min(axis=0), clean.max(axis=0)
    inside, outside = edges.inside[ok], edges.outside[ok]
    return BallOutline(
        centre_xy_px=(float(low[0] + high[0]) / 2.0, float(low[1] + high[1]) / 2.0),
        diameter_mean_px=float(widths.mean()),
        diameter_min_px=float(widths.min()),
        diameter_max_px=float(widths.max()),
        outline_share=float(ok.mean()),
        contrast=_median(outside - inside),
        focus=_edge_width(edges.profile[ok], inside, outside),
        box_xyxy_px=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
    )


def _coarse_radii(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    region: Region,
    background_level: float,
    unit: Float32Array,
) -> Float32Array:
    """Radius (px) of the last crossing from ball to background on each ray; NaN where there is none.

    The level is that of the segmentation: near the background, so that light patches on the ball
    do not count.
    """
    cx, cy = centre_xy_px
    reach = np.hypot(region.width_px, region.height_px) / 2.0 + 2.0 * _FINE_IN_PX
    steps = np.arange(0.0, reach, 1.0, dtype=np.float32)
    x_px = cx + unit[0][:, None] * steps[None, :]
    y_px = cy + unit[1][:, None] * steps[None, :]
    levels = _sample(grey, x_px.astype(np.float32), y_px.astype(np.float32))
    dark = levels < background_level * BALL_LEVEL_SHARE
    height, width = grey.shape
    dark &= (x_px >= 0) & (x_px <= width) & (y_px >= 0) & (y_px <= height)
    # Another region behind this one (a neighbour) must not catch the ray: look within this one's box.
    x0, y0, x1, y1 = region.xyxy_px
    grid = 4.0
    dark &= (x_px >= x0 - grid) & (x_px <= x1 + grid) & (y_px >= y0 - grid) & (y_px <= y1 + grid)
    last = dark.shape[1] - 1 - np.argmax(dark[:, ::-1], axis=1)
    radius = steps[last] + np.float32(0.5)
    return np.where(dark.any(axis=1), radius, np.float32(np.nan)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The edge on each ray.

    Attributes:
        profile: (rays, n) grey levels from inside to outside.
        radius_px: (rays,) where the edge lies.
        clean: (rays,) bool: a crossing inside the picture, from ball to background.
        inside, outside: (rays,) level of the ball and of the background beside the edge.
    """

    profile: Float32Array
    radius_px: Float32Array
    clean: npt.NDArray[np.bool_]
    inside: Float32Array
    outside: Float32Array


def _fine_profiles(
    grey: UInt8Array,
    centre_xy_px: tuple[float, float],
    radius: Float32Array,
    background_level: float,
    unit: Float32Array,
) -> _Edges:
    """Profiles across the edge, its radius, and which rays are clean."""
    cx, cy = centre_xy_px
    offsets = np.arange(-_FINE_IN_PX, _FINE_OUT_PX + _FINE_STEP_PX / 2, _FINE_STEP_PX, dtype=np.float32)
    found = np.isfinite(radius)
    start = np.where(found, radius, np.float32(1.0))
    reach = start[:, None] + offsets[None, :]
    x_px = (cx + unit[0][:, None] * reach).astype(np.float32)
    y_px = (cy + unit[1][:, None] * reach).astype(np.float32)
    profile = _sample(grey, x_px, y_px)
    inside, outside, inset = _levels(profile, found)
    departs = max(_DEPARTS_GREY, _DEPARTS_SHARE * background_level)
    at, crosses = _outer_edge(profile, outside, inset, departs)
    exact = (start + np.float32(_FINE_STEP_PX) * at - np.float32(_FINE_IN_PX)).astype(np.float32)
    height, width = grey.shape
    at_x, at_y = cx + unit[0] * (exact + 1.0), cy + unit[1] * (exact + 1.0)
    whole = (at_x >= 0) & (at_x <= width) & (at_y >= 0) & (at_y <= height)
    contrast_ok = (outside - inside) >= departs
    background_ok = np.abs(outside - background_level) <= 0.15 * background_level
    clean = found & crosses & whole & contrast_ok & background_ok
    return _Edges(profile, exact, clean, inside, outside)


def _outer_edge(
    profile: Float32Array, outside: Float32Array, inset: int, departs: float
) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
    """Where each profile, coming from outside, leaves the background: (rays,) sample number, and whether.

    The rim may be darker or, by grazing light, brighter than the background. Within the blur
    (`inset` samples) behind the place where the level first departs from the background, the edge
    is the middle of the steepest fall towards it: that is unbiased on a blurred disc.
    """
    step = profile - outside[:, None]
    far = np.abs(step) > departs
    far[:, -_OUTSIDE_SAMPLES:] = False
    last = far.shape[1] - 1 - np.argmax(far[:, ::-1], axis=1)
    row = np.arange(len(last))
    step *= np.where(step[row, last] < 0.0, np.float32(-1.0), np.float32(1.0))[:, None]
    # Fall towards the background over 1 px, its strongest place near the departure, and the middle of
    # all that falls at least half as strongly: light that fades slowly towards the rim does not count.
    fall = np.zeros_like(step)
    fall[:, 1:-1] = step[:, :-2] - step[:, 2:]
    number = np.arange(step.shape[1])
    behind = last[:, None] - number[None, :]
    fall[(behind > inset) | (behind < -1)] = 0.0
    steepest = np.argmax(fall, axis=1)
    peak = fall[row, steepest]
    weight = np.maximum(fall - 0.5 * peak[:, None], 0.0)
    weight[np.abs(number[None, :] - steepest[:, None]) > inset] = 0.0
    at = (weight * number).sum(axis=1) / np.maximum(weight.sum(axis=1), np.float32(1e-3))
    return at.astype(np.float32), far.any(axis=1) & (peak > 0.0)


def _levels(profile: Float32Array, found: npt.NDArray[np.bool_]) -> tuple[Float32Array, Float32Array, int]:
    """Level of the ball just inside and of the background well outside, and how far in that is.

    Balls grow lighter towards their rim, so the inside level is taken as near to the edge as its
    blur allows: one 10-90 % width in, 1.5 px at least (the third result, in samples).
    """
    outside = profile[:, -_OUTSIDE_SAMPLES:].mean(axis=1)
    middle = round(_FINE_IN_PX / _FINE_STEP_PX)
    rough = profile[:, 4:9].mean(axis=1)
    width_px = _edge_width(profile[found], rough[found], outside[found]) if found.any() else 1.5
    inset = min(middle - 1, round(max(1.5, width_px) / _FINE_STEP_PX))
    inside = profile[:, middle - inset - 1 : middle - inset + 2].mean(axis=1)
    return inside.astype(np.float32), outside.astype(np.float32), inset


def _smooth_radii(
    points: Float32Array,
    radius: Float32Array,
    ok: npt.NDArray[np.bool_],
    unit: Float32Array,
    centre_xy_px: tuple[float, float],
) -> Float32Array:
    """Clean outline points with each radius replaced by the median of itself and its two neighbours.

    Without it the caliper's largest width is the largest noise (or one grain of dust).
    """
    left, right = np.roll(radius, 1), np.roll(radius, -1)
    use = ok & np.roll(ok, 1) & np.roll(ok, -1)
    middle = np.maximum(np.minimum(left, right), np.minimum(np.maximum(left, right), radius))
    smooth = np.where(use, middle, radius)
    cx, cy = centre_xy_px
    moved = np.stack([cx + smooth * unit[0], cy + smooth * unit[1]], axis=1)
    return np.where(use[:, None], moved, points)[ok].astype(np.float32)


def _caliper_widths(points: Float32Array, directions: int) -> Float32Array:
    """Feret widths (directions,) of a point set (n, 2)."""
    along = points @ _feret_directions(directions)
    widths: Float32Array = along.max(axis=0) - along.min(axis=0)
    return widths


def _edge_width(profile: Float32Array, inside: Float32Array, outside: Float32Array) -> float:
    """Median 10-90 % width of the edge, px: that of the Gaussian edge with the same step and steepest slope.

    Balls grow lighter towards their rim (grazing light), which widens the step but not its slope.
    """
    # Slope over 1 px: over one sample the noise would be the steepest.
    slope = (profile[:, 2:] - profile[:, :-2]).max(axis=1) / np.float32(2.0 * _FINE_STEP_PX)
    step = np.maximum(outside - inside, np.float32(1.0))
    return _median(step / np.maximum(slope, np.float32(1e-3))) * _EDGE_10_90_OVER_SLOPE


def _median(values: Float32Array) -> float:
    """Upper median; a tenth of the time of np.median, which matters at every view."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])
